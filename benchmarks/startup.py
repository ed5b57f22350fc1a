"""Start-up: how long until a client has the list of tools, and until a shell has its version, help and completion.

Each figure is a ratio of whole processes run in turn, ours against a yardstick that does nothing:
a server of one tool on the same SDK, and an empty click group started the same way.

    python benchmarks/startup.py [RUNS]
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ci_mcp.core.catalog import load

Measure = Callable[[list[str], dict[str, str]], tuple[float, int]]
TOOLS = 115  # as many as five providers are expected to have

BARE_SERVER = """
from mcp.server import MCPServer
server = MCPServer("bare")
@server.tool()
def echo(message: str) -> str:
    "The message."
    return message
server.run("stdio")
"""

OUR_SERVER = """
import sys
from dataclasses import replace
from ci_mcp.core import catalog
known = catalog.load()
tools = list(known.tools.values())
while len(tools) < int(sys.argv[1]):
    tools.append(replace(tools[len(tools) % len(known.tools)], name=f"{tools[-1].name[:40]}_{len(tools)}"))
catalog.load = lambda: catalog.Catalog(known.services, {tool.name: tool for tool in tools})
from ci_mcp.cli.app import run
run(["serve", "--toolset", "all"])
"""

EMPTY_CLICK = """
import click
@click.group()
def cli(): pass
cli()
"""

HELLO = [
    {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "b", "version": "1"}},
    },
    {"jsonrpc": "2.0", "method": "notifications/initialized"},
    {"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {}},
]


def until_listed(command: list[str], env: dict[str, str]) -> tuple[float, int]:
    """Seconds from spawn to the answer to ``tools/list``, and how many tools it has."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env)  # noqa: S603 - ours
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("no pipes")
    for message in HELLO:
        process.stdin.write(json.dumps(message).encode() + b"\n")
    process.stdin.flush()
    process.stdout.readline()
    answer = json.loads(process.stdout.readline())
    seconds = time.perf_counter() - begun
    process.stdin.close()
    process.wait()
    return seconds, len(answer["result"]["tools"])


def until_done(command: list[str], env: dict[str, str]) -> tuple[float, int]:
    """Seconds that a command takes, and the characters that it prints."""
    begun = time.perf_counter()
    done = subprocess.run(command, capture_output=True, env=env, check=False)  # noqa: S603 - ours
    return time.perf_counter() - begun, len(done.stdout)


def ratio(runs: int, measure: Measure, ours: tuple[list[str], dict[str, str]], bare: list[str]) -> str:
    """The median of the ratios of runs in turn, after one of each that does not count."""
    command, more = ours
    env = dict(os.environ) | more
    size = measure(command, env)[1]
    measure(bare, dict(os.environ))
    pairs = [(measure(command, env)[0], measure(bare, dict(os.environ))[0]) for _ in range(runs)]
    middle = statistics.median(a / b for a, b in pairs)
    mine, theirs = (statistics.median(column) * 1000 for column in zip(*pairs, strict=True))
    return f"{middle:5.2f} x  ({mine:.0f} ms against {theirs:.0f} ms; {size} tools or characters)"


def main() -> None:
    """Print the table."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 11
    program = str(Path(sys.executable).with_name("ci-mcp"))
    with tempfile.TemporaryDirectory() as folder:
        home = {"CI_MCP_HOME": folder, "SEMAPHORE_HOST": "a.example"}
        home |= {service.token_env[0]: "made-up" for service in load().services.values()}  # every provider is on
        empty = Path(folder) / "empty.py"
        empty.write_text(EMPTY_CLICK)
        server, click = [sys.executable, "-c", BARE_SERVER], [sys.executable, str(empty), "--help"]
        complete = {"_CI_MCP_COMPLETE": "bash_complete", "COMP_CWORD": "1", "COMP_WORDS": "ci-mcp "}
        deeper = {"_CI_MCP_COMPLETE": "bash_complete", "COMP_CWORD": "3", "COMP_WORDS": "ci-mcp semaphore jobs "}
        listed = [sys.executable, "-c", OUR_SERVER, str(TOOLS)]
        rows: list[tuple[str, float, Measure, list[str], dict[str, str], list[str]]] = [
            (f"tools/list, {TOOLS} tools", 1.10, until_listed, listed, home, server),
            ("tools/list, as installed", 1.10, until_listed, [program, "serve", "--toolset", "all"], home, server),
            ("--version", 1.5, until_done, [program, "--version"], home, click),
            ("--help", 1.5, until_done, [program, "--help"], home, click),
            ("completion of the first word", 1.5, until_done, [program], home | complete, click),
            ("jobs logs --help", 2.5, until_done, [program, "semaphore", "jobs", "logs", "--help"], home, click),
            ("completion of the third word", 2.5, until_done, [program], home | deeper, click),
        ]
        for name, bound, measure, command, env, bare in rows:
            print(f"{name:32} {ratio(runs, measure, (command, env), bare)}, bound {bound}", flush=True)


if __name__ == "__main__":
    main()
