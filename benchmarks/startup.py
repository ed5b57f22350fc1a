"""How long until a client has the list of tools, and a shell its version, help and completion?

Whole processes that take turns, ours against a yardstick that does nothing: a server of one tool on the same SDK, and
an empty click group. On a busy machine the processor's time tells more than that on the wall.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.measure import Cost, ended, run, table
from ci_mcp.core.catalog import load

RUNS = 9
Command = tuple[Sequence[str], Mapping[str, str]]
Measure = Callable[[Sequence[str], Mapping[str, str]], Cost]

BARE_SERVER = """
from mcp.server import MCPServer
server = MCPServer("bare")
@server.tool()
def echo(message: str) -> str:
    "The message."
    return message
server.run("stdio")
"""

EMPTY_CLICK = """
import click
@click.group()
def cli(): pass
cli()
"""

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "b", "version": "1"}},
}
INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}
LIST = {"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {}}


def until_answered(messages: Sequence[Mapping[str, object]], answers: int) -> Measure:
    """Until a server has given so many answers to these messages; its processor's time is that of its whole life."""

    def measure(command: Sequence[str], env: Mapping[str, str]) -> Cost:
        begun = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env)  # noqa: S603 - ours
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("no pipes")
        process.stdin.writelines(json.dumps(message).encode() + b"\n" for message in messages)
        process.stdin.flush()
        for _ in range(answers):
            json.loads(process.stdout.readline())
        seconds = time.perf_counter() - begun
        process.stdin.close()
        cost = ended(process, begun)
        return Cost(seconds, cost.cpu, cost.peak)

    return measure


def until_done(command: Sequence[str], env: Mapping[str, str]) -> Cost:
    """Until a command has ended."""
    return run(command, env)


def row(name: str, bound: float, measure: Measure, ours: Command, bare: Command) -> list[object]:
    """The medians of runs in turn, after one of each that does not count."""
    pairs = [(measure(*ours), measure(*bare)) for _ in range(RUNS + 1)][1:]
    wall = statistics.median(a.seconds / b.seconds for a, b in pairs)
    cpu = statistics.median(a.cpu / b.cpu for a, b in pairs)
    mine, theirs = (statistics.median(one.seconds for one in side) * 1000 for side in zip(*pairs, strict=True))
    return [name, wall, cpu, f"≤ {bound}", f"{mine:.0f} ms", f"{theirs:.0f} ms"]


def environment(folder: str) -> dict[str, str]:
    """An environment in which every provider is configured."""
    services = load().services.values()
    given = {service.token_env[0]: "made-up" for service in services if service.token_env}
    hosts = {
        service.host_env[0]: "https://ci.example"
        for service in services
        if service.host_env and not service.default_host
    }
    return dict(os.environ) | given | hosts | {"CI_MCP_HOME": folder}


def main() -> None:
    """Print the table."""
    program = str(Path(sys.executable).with_name("ci-mcp"))
    with tempfile.TemporaryDirectory() as folder:
        env = environment(folder)
        empty = Path(folder) / "empty.py"
        empty.write_text(EMPTY_CLICK)
        bare = ([sys.executable, "-c", BARE_SERVER], os.environ)
        click = ([sys.executable, str(empty), "--help"], os.environ)
        completing = env | {"_CI_MCP_COMPLETE": "bash_complete"}
        first = completing | {"COMP_CWORD": "1", "COMP_WORDS": "ci-mcp "}
        third = completing | {"COMP_CWORD": "3", "COMP_WORDS": "ci-mcp semaphore jobs "}
        serve, deeper = [program, "serve", "--toolset", "all"], [program, "semaphore", "jobs", "logs", "--help"]
        listed: list[Mapping[str, object]] = [INITIALIZE, INITIALIZED, LIST]
        rows = (
            row("serve: initialize", 1.10, until_answered([INITIALIZE], 1), (serve, env), bare),
            row("serve: tools/list", 1.10, until_answered(listed, 2), (serve, env), bare),
            row("--version", 1.5, until_done, ([program, "--version"], env), click),
            row("--help", 1.5, until_done, ([program, "--help"], env), click),
            row("completion of the first word", 1.5, until_done, ([program], first), click),
            row("semaphore jobs logs --help", 2.5, until_done, (deeper, env), click),
            row("completion of the third word", 2.5, until_done, ([program], third), click),
        )
        columns = ["start-up, all providers, --toolset all", "wall", "processor", "bound", "ours", "yardstick"]
        table(f"Start-up: times the yardstick, median of {RUNS}", columns, rows)


if __name__ == "__main__":
    main()
