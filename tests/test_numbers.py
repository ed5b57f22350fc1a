"""What must not grow unnoticed: counts of imports, tokens and requests; benchmarks/ measures the rest."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import anyio
import pytest

from ci_mcp.cli.sandboxed import demo_world
from ci_mcp.core import catalog
from ci_mcp.core.answer import Answer, compact, tokens
from ci_mcp.core.call import call
from ci_mcp.core.services import Services
from ci_mcp.sandbox.serve import start

WAITS = {"httpx", "keyring", "re2", "rich", "yaml", "tomlkit"}
OURS_WAIT = (
    "ci_mcp.providers",
    "ci_mcp.triage",
    "ci_mcp.logs.text",
    "ci_mcp.net",
    "ci_mcp.sandbox",
    "ci_mcp.core.shapes",
)
MOST_OURS = 22
HELLO = [
    {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
    },
    {"jsonrpc": "2.0", "method": "notifications/initialized"},
    {"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {}},
]
# Answers to the two questions, then what is imported by then.
PROGRAM = """
import sys
from ci_mcp.cli.app import run
run(["serve", "--toolset", "all"])
print(sorted(sys.modules), file=sys.stderr)
"""


def test_a_server_lists_its_tools_before_it_imports_what_calls_need() -> None:
    """Clients wait for this answer at their own start: HTTP, RE2, the keyring and every provider come later."""
    env = dict(os.environ) | {
        service.token_env[0]: "made-up" for service in catalog.load().services.values() if service.token_env
    }
    said = "".join(json.dumps(message) + "\n" for message in HELLO)
    program, pipe = [sys.executable, "-c", PROGRAM], subprocess.PIPE
    with subprocess.Popen(program, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=env) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(said)
        process.stdin.flush()
        _, listed = process.stdout.readline(), process.stdout.readline()
        _, printed = process.communicate()  # closes stdin, which ends the server
    assert len(json.loads(listed)["result"]["tools"]) > 50
    loaded = set(eval(printed.splitlines()[-1]))  # noqa: S307 - the list that the program printed
    assert set() == WAITS & loaded
    assert [] == [name for name in loaded if name.startswith(OURS_WAIT)]
    assert MOST_OURS >= sum(name.startswith("ci_mcp") for name in loaded)


def test_the_core_tools_of_five_providers_cost_at_most_7000_tokens() -> None:
    """What every conversation pays before anything is asked; the sixth provider may cost as much as one of these."""
    known = catalog.load()
    seen = [
        compact({"name": spec.name, "description": spec.description, "inputSchema": spec.input_schema})
        for spec in known.tools.values()
        if spec.core
    ]
    assert 7_000 / 5 * max(5, len(known.services)) >= sum(map(len, seen)) / 4


async def _run_list(services: Services, name: str) -> Answer:
    arguments = {
        "buildkite_jobs_list": {"build": "shop/201"},
        "firmwareci_jobs_list": {"project": "shop"},
        "pocketci_runs_list": {"pipeline": "shop"},
        "semaphore_workflows_search": {"project": "shop"},
    }
    return await call(services, name, arguments[name])


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("buildkite_jobs_list", 50),
        ("firmwareci_jobs_list", 120),
        ("pocketci_runs_list", 80),
        ("semaphore_workflows_search", 95),
    ],
)
def test_a_record_of_a_list_costs_few_tokens(name: str, most: int) -> None:
    """On average; a list is what an agent asks for most often."""
    with demo_world([name.partition("_")[0]]) as (world, store):

        async def ask() -> Answer:
            async with Services(world, store) as services:
                return await _run_list(services, name)

        answer = anyio.run(ask)
    assert answer.data["items"]
    assert most * len(answer.data["items"]) >= tokens(answer.text)


def test_a_server_that_nobody_asks_asks_nobody(tmp_path: Path) -> None:
    """After its start and after an explanation: no polling, no refreshing, no waking up to look."""
    with start(["buildkite"]) as served:
        service = served["buildkite"]
        env = dict(os.environ) | {"CI_MCP_HOME": str(tmp_path)} | dict(service.env)
        program = [sys.executable, "-m", "ci_mcp", "serve"]
        with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env) as process:
            assert process.stdin
            assert process.stdout
            ask = {
                "jsonrpc": "2.0",
                "id": 3,
                "method": "tools/call",
                "params": {"name": "ci_explain", "arguments": {"target": "buildkite:shop"}},
            }
            for message in (*HELLO, ask):
                process.stdin.write(json.dumps(message).encode() + b"\n")
            process.stdin.flush()
            answers = {1: None, 2: None}
            while answers:
                answers.pop(json.loads(process.stdout.readline()).get("id"), None)
            while json.loads(process.stdout.readline()).get("id") != 3:
                pass
            asked = service.requests.total()
            threading.Event().wait(2)
            assert 0 < asked == service.requests.total()
            process.stdin.close()
