"""The installed program as a process, as agents and people start it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import anyio
import anyio.abc
import pytest
from mcp import Client, StdioServerParameters
from mcp_types import TextContent

from ci_mcp.sandbox.faults import fault_token
from ci_mcp.sandbox.semaphore import world as ids
from ci_mcp.sandbox.serve import Service, start

PROGRAM = str(Path(sys.executable).with_name("ci-mcp"))
ERAS = pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
WORKFLOW = f"https://acme.semaphoreci.com/workflows/{ids.SHOP_MAIN_WORKFLOW}"


HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}


def program(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run ``ci-mcp`` to its end."""
    return subprocess.run(
        [PROGRAM, *words], capture_output=True, text=True, env=os.environ | env, timeout=60, check=False
    )


def serving(**env: str) -> StdioServerParameters:
    """How an agent starts the server over the demo world."""
    return StdioServerParameters(command=PROGRAM, args=["--demo", "serve"], env=dict(os.environ) | env)


@ERAS
@pytest.mark.anyio
async def test_an_agent_asks_why_and_gets_the_failing_assertion(mode: str) -> None:
    """Both eras of the protocol: list the tools, explain a pasted URL, read file, line and assertion."""
    async with Client(serving(), mode=mode) as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
        result = await client.call_tool("ci_explain", {"target": WORKFLOW})
    (content,) = result.content
    assert isinstance(content, TextContent)
    assert {"ci_explain", "ci_status", "semaphore_jobs_logs"} <= names
    assert "tests/test_cart.py:29" in content.text
    assert "assert 1790 == 1800" in content.text
    assert 1_500 >= len(content.text) / 4


def test_nothing_but_protocol_is_on_stdout() -> None:
    """Every line that the server writes is a JSON-RPC message, and a closed stdin ends it."""
    ready = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    ask = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "ci_status", "arguments": {}}}
    process = subprocess.Popen(
        [PROGRAM, "--demo", "--debug", "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    for message in (HELLO, ready, ask):
        process.stdin.write(json.dumps(message).encode() + b"\n")
        process.stdin.flush()
    answers = [json.loads(process.stdout.readline()) for _ in range(2)]
    rest, _ = process.communicate(timeout=20)  # closes stdin
    assert (b"", 0) == (rest, process.returncode)
    assert {1, 2} == {answer["id"] for answer in answers}


@ERAS
@pytest.mark.anyio
async def test_a_call_that_the_client_gives_up_stops_asking_the_service(mode: str) -> None:
    """The upstream request ends with the call, and the server goes on."""
    asked, gone = anyio.Event(), anyio.Event()

    async def never_answer(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            async for _ in stream:
                asked.set()
        gone.set()

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(anyio.abc.SocketAttribute.local_port)  # noqa: S610 - anyio's, not Django's
    env = {"SEMAPHORE_HOST": f"http://127.0.0.1:{port}", "SEMAPHORE_API_TOKEN": "made-up-token"}
    server = StdioServerParameters(command=PROGRAM, args=["serve"], env=dict(os.environ) | env)
    async with listener, anyio.create_task_group() as group, Client(server, mode=mode) as client:
        group.start_soon(listener.serve, never_answer)

        async def ask(*, task_status: anyio.abc.TaskStatus[anyio.CancelScope]) -> None:
            with anyio.CancelScope() as scope:
                task_status.started(scope)
                await client.call_tool("semaphore_projects_search", {"search": "x"})

        call: anyio.CancelScope = await group.start(ask)
        with anyio.fail_after(20):
            await asked.wait()
            call.cancel()
            await gone.wait()
            said = await client.call_tool("ci_echo", {"message": "still here"})
        assert "still here" in str(said.content)
        group.cancel_scope.cancel()


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("word", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_cleanly(word: signal.Signals, tmp_path: Path) -> None:
    """While its stdin stays open; the demo's folder goes with it."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    process = subprocess.Popen(
        [PROGRAM, "--demo", "serve"],
        env=os.environ | {"TMPDIR": str(folder)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(HELLO).encode() + b"\n")
    process.stdin.flush()
    assert 1 == json.loads(process.stdout.readline())["id"]
    assert list(folder.iterdir())
    process.send_signal(word)
    _, errors = process.communicate(timeout=20)
    assert (0, b"") == (process.returncode, errors)
    assert [] == list(folder.iterdir())


def test_explain_in_a_shell_says_the_same_and_exits_1() -> None:
    """As COMMANDS promise: 1 because the run failed, nothing on stderr."""
    done = program("--demo", "explain", "semaphore")
    assert (1, "") == (done.returncode, done.stderr)
    assert "tests/test_cart.py:29" in done.stdout
    assert "assert 1790 == 1800" in done.stdout
    assert "\x1b" not in done.stdout


def test_logs_as_json_are_json() -> None:
    """For scripts."""
    done = program(
        "--demo",
        "semaphore",
        "jobs",
        "logs",
        "--job",
        ids.SHOP_MAIN_FAILED_JOB,
        "--search",
        "assert",
        "--format",
        "json",
    )
    found = json.loads(done.stdout)
    assert found["matches"] >= 2
    assert any("assert 1790 == 1800" in line["text"] for line in found["lines"])


def test_excerpt_reads_a_file_and_standard_input(tmp_path: Path) -> None:
    """No CI needed."""
    log = tmp_path / "build.log"
    log.write_text("ok\n" * 500 + "cart.c:12:5: error: expected ';' before 'return'\nmake: *** [cart.o] Error 1\n")
    told = program("excerpt", str(log)).stdout
    assert "cart.c:12:5: error: expected ';' before 'return'" in told
    with log.open() as file:
        piped = subprocess.run([PROGRAM, "excerpt", "-"], stdin=file, capture_output=True, text=True, check=True)
    assert told == piped.stdout


def test_the_demo_shows_everything_and_exits_0(home: Path) -> None:
    """Without a terminal, without asking, without an account; no settings, notes or logs are read or written."""
    done = program("demo")
    assert (0, "") == (done.returncode, done.stderr)
    for part in (
        "failed  circleci",
        "assert 1790 == 1800",
        "tests/test_cart.py",
        "FAILED  firmwareci shop",
        "note      ci-mcp wait semaphore:#",
        "PASSED  semaphore shop@passes-soon",
        "ok  buildkite  api.buildkite.com",
        "+++ ci-mcp-demo-project/.mcp.json",
    ):
        assert part in done.stdout.replace(os.sep, "/")
    assert 140 > max(len(line) for line in done.stdout.splitlines() if line.startswith("failed"))
    assert [] == list(home.iterdir())


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """Semaphore's sandbox, for a program that is told of it by its environment alone."""
    with start(["semaphore"]) as services:
        yield services["semaphore"]


def test_a_real_environment_reaches_a_service(service: Service) -> None:
    """The way of a user: host and token in the environment, the project by its name."""
    done = program("explain", "semaphore:shop@main", **service.env)
    assert (1, "") == (done.returncode, done.stderr)
    assert "assert 1790 == 1800" in done.stdout


@pytest.mark.parametrize(
    ("token", "code", "said"),
    [
        ("", 3, "no token for semaphore at 127.0.0.1"),
        ("wrong", 3, "the token is not taken"),
        (fault_token("401"), 3, "the token is not taken"),
        (fault_token("403"), 3, "Permission denied"),
        (fault_token("404"), 4, "or none that this token may see"),
        (fault_token("429-now"), 5, "Too Many Requests"),
        (fault_token("500"), 6, "answered 500"),
        (fault_token("502"), 6, "502 Bad Gateway"),
        (fault_token("broken-json"), 6, "not JSON"),
        (fault_token("cut"), 6, "cut the connection"),
        (fault_token("cut-body"), 6, "cut the connection"),
    ],
    ids=lambda value: str(value)[-12:],
)
def test_every_fault_of_a_service_is_one_helpful_line(service: Service, token: str, code: int, said: str) -> None:
    """The error tree as a person meets it."""
    done = program("semaphore", "projects", "list", **(dict(service.env) | {"SEMAPHORE_API_TOKEN": token}))
    assert (code, "") == (done.returncode, done.stdout)
    assert 1 == len(done.stderr.splitlines())
    assert done.stderr.startswith("ci-mcp: ")
    assert said in done.stderr
    assert not token or token not in done.stderr
