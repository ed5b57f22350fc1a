"""Faults of this machine: killed processes, shared folders, jumping clocks, full disks, ends in the middle of a call."""

import asyncio
import gc
import json
import logging
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from ci_mcp.cli.sandboxed import demo_world
from ci_mcp.core.answer import Answer
from ci_mcp.core.call import call
from ci_mcp.core.catalog import load
from ci_mcp.core.services import Services
from ci_mcp.errors import RateLimitedError
from ci_mcp.logs.store import Store
from ci_mcp.sandbox.semaphore import world as ids
from ci_mcp.sandbox.serve import Service, service_names
from ci_mcp.server import Started

PROGRAM = str(Path(sys.executable).with_name("ci-mcp"))
PROVIDERS = [name for name in service_names() if name in load().services]
PATIENCE = 30.0
POSIX = pytest.mark.skipif(os.name != "posix", reason="signals, /proc")
HELLO = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
}
LOG = {"job": ids.SHOP_MAIN_FAILED_JOB}


@pytest.fixture(autouse=True)
def _counted(tally: Any) -> None:
    """Each test here is a fault of this machine."""
    tally("faults of this machine", 1)


# A killed process

WRITER = """
import sys, anyio
from pathlib import Path
from ci_mcp.logs.store import Store
async def fetch():
    for _ in range(50):
        yield b"line\\n" * 10_000
async def main():
    store, number = Store(Path(sys.argv[1])), 0
    print("ready", flush=True)
    while True:
        number += 1
        with await store.log(f"{number % 20}", fetch, finished=True) as log:
            pass
        store.clear() if number % 20 == 0 else None
anyio.run(main)
"""


def kill_a_writer(folder: Path, seconds: float) -> None:
    """Start one, and kill it when it has written for so long."""
    with subprocess.Popen([sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout
        assert b"ready\n" == writer.stdout.readline()
        time.sleep(seconds)
        writer.kill()


@POSIX
@pytest.mark.anyio
async def test_a_process_killed_while_it_writes_leaves_whole_logs_or_none(tmp_path: Path, hostile: int) -> None:
    """The next one reads whole logs, and throws away the pieces once they are an hour old."""
    chance, folder = random.Random(7), tmp_path / "logs"  # noqa: S311 - the same moments every time
    tries = iter(range(100))
    # More often only where the machine had so much to do that every kill came between two writes.
    while next(tries) < 4 * hostile or not list(folder.glob("*.part")):
        kill_a_writer(folder, chance.uniform(0.01, 0.1))
        assert {2_500_000} >= {path.stat().st_size for path in folder.glob("*.log")}
    for path in folder.glob("*.part"):
        os.utime(path, (1, 1))

    async def again() -> Any:
        yield b"whole\n"

    store = Store(folder)
    with await store.log("another", again, finished=True) as log:
        assert ["whole"] == [line.text for line in log.lines()]
    assert [] == list(folder.glob("*.part"))


# Several servers, one cache


def said(number: int, name: str, arguments: dict[str, Any]) -> bytes:
    """A call of a tool as it goes over the pipe."""
    message = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {"name": name, "arguments": arguments}}
    return json.dumps(message).encode() + b"\n"


@contextmanager
def serving(env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """``serve`` as a process that has been greeted, over the services that the environment names."""
    hello = json.dumps(HELLO) + '\n{"jsonrpc": "2.0", "method": "notifications/initialized"}\n'
    command = [PROGRAM, "serve", "--toolset", "all"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=os.environ | env, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        timer = threading.Timer(2 * PATIENCE, process.kill)
        timer.start()
        try:
            assert process.stdin
            assert process.stdout
            process.stdin.write(hello.encode())
            process.stdin.flush()
            assert 0 == json.loads(process.stdout.readline())["id"]
            yield process
        finally:
            timer.cancel()
            process.kill()


def test_servers_that_share_a_cache_all_read_whole_logs(
    sandbox: dict[str, Service], hostile: int, home: Path, tally: Any
) -> None:
    """All ask at the same time; each says the same, and what is left is whole."""
    service, asked = sandbox["semaphore"], range(1, 6)
    processes = []
    for _ in range(min(8, 1 + hostile)):
        opened = serving(dict(service.env))
        processes.append((opened, opened.__enter__()))
    tally("servers that share a cache", len(processes))
    try:
        for _, process in processes:
            assert process.stdin
            process.stdin.write(b"".join(said(n, "semaphore_jobs_logs", LOG | {"tail": n}) for n in asked))
            process.stdin.flush()
        heard = set()
        for _, process in processes:
            assert process.stdout
            got = [json.loads(process.stdout.readline()) for _ in asked]
            assert not [one for one in got if one["result"].get("isError")]
            heard.add(json.dumps(sorted((one["id"], one["result"]["content"][0]["text"]) for one in got)))
    finally:
        for opened, _ in processes:
            opened.__exit__(None, None, None)
    assert 1 == len(heard)
    left = [path for path in (home / "ci-mcp").rglob("*") if path.is_file()]
    assert [".log"] == [path.suffix for path in left]


# Clocks that jump


@pytest.mark.anyio
@pytest.mark.parametrize("jump", [-3650 * 86400, -86400, -1800, 1800, 86400, 3650 * 86400])
async def test_a_clock_that_jumped_costs_a_request_and_nothing_else(
    jump: int, sandbox: dict[str, Service], services_of: Any
) -> None:
    """Logs and pieces of logs that were written in another time: answered, and the cache keeps its bound."""
    async with services_of(sandbox["semaphore"]) as services:
        first = await call(services, "semaphore_jobs_logs", LOG)
        folder = services.store.info().folder
        (folder / "x.part").write_bytes(b"half")
        (folder / "other.log").write_bytes(b"x")
        for path in folder.iterdir():
            os.utime(path, (time.time() - jump, time.time() - jump))
        assert first == await call(services, "semaphore_jobs_logs", LOG)

        async def fetch() -> Any:
            yield b"new\n"

        with await services.store.log("new", fetch, finished=True):
            pass
        left = {path.name for path in folder.iterdir()}
        assert (abs(jump) <= 3600) == ("x.part" in left)
        assert (abs(jump) <= 30 * 86400) == ("other.log" in left)


@pytest.mark.anyio
async def test_a_clock_that_jumped_does_not_start_a_run_twice() -> None:
    """Within a minute of the process's own clock; ten years later it is another minute."""
    now, times = 1_000.0, 0
    spec = load().tools["semaphore_workflows_rerun"]
    started = Started(clock=lambda: now)

    async def do() -> Answer:
        nonlocal times
        times += 1
        return Answer("{}", {}, structured=True)

    for moment, expected in ((1_000.0, 1), (1_059.0, 1), (999.0, 1), (3e8, 2), (3e8 + 1, 2)):
        now = moment
        await started.once(spec, {"workflow": "x"}, do)
        assert expected == times, moment


@pytest.mark.anyio
@pytest.mark.parametrize("reset", [1, 1_000_000_001, 4_000_000_000, 4_000_000_000_000])
async def test_a_limit_that_ends_at_a_time_of_another_clock_is_not_waited_for(
    reset: int, sandbox: dict[str, Service], proxied: Any, services_of: Any
) -> None:
    """It ends now or in a hundred years: a few tries, then the error, in time."""

    async def limited(answered: Any, writer: Any) -> None:
        headers = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", str(reset))]
        other = replace(answered, status=429, headers=headers, body=b"")
        writer.write(other.head())

    async with proxied(sandbox["semaphore"], limited) as (spoilt, proxy), services_of(spoilt) as services:
        with pytest.raises(RateLimitedError):
            await call(services, "semaphore_projects_list", {}, deadline=10.0)
        assert 4 >= len(proxy.seen)


# Disks


@pytest.mark.anyio
@pytest.mark.parametrize("damage", ["empty", "a folder", "gone"])
async def test_a_damaged_cache_is_read_past(damage: str, sandbox: dict[str, Service], services_of: Any) -> None:
    """The log is fetched again, and the answer is the same."""
    async with services_of(sandbox["semaphore"]) as services:
        first = await call(services, "semaphore_jobs_logs", LOG)
        (kept,) = services.store.info().folder.glob("*.log")
        kept.unlink()
        if damage == "empty":
            kept.touch()
        elif damage == "a folder":
            kept.mkdir()
        assert first == await call(services, "semaphore_jobs_logs", LOG)


def test_a_cache_that_cannot_be_written_is_a_warning(sandbox: dict[str, Service], home: Path) -> None:
    """As a whole program: the answer on stdout, one line on stderr, exit code 0."""
    (home / "ci-mcp").mkdir()
    (home / "ci-mcp" / "cache").write_text("in the way")
    words = ["semaphore", "jobs", "logs", "--job", ids.SHOP_MAIN_FAILED_JOB, "--tail", "5"]
    env = os.environ | dict(sandbox["semaphore"].env)
    done = subprocess.run([PROGRAM, *words], env=env, capture_output=True, text=True, timeout=60, check=False)
    assert 0 == done.returncode, done.stderr
    assert "untrusted output" in done.stdout
    assert 1 == len(done.stderr.splitlines())
    assert "cannot be written" in done.stderr


_AGO = re.compile(r"\b\d+ (?:s|min) ago\b|\b[0-9a-f]{6}$", re.MULTILINE)
"""What differs between two answers because of the clock, and the mark of a fence."""


@pytest.mark.anyio
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no disk that is always full")
@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("semaphore_jobs_logs", LOG),
        ("ci_explain", {"target": "semaphore:shop@main"}),
    ],
)
async def test_a_full_disk_is_a_warning(  # noqa: PLR0913, PLR0917 - fixtures
    tool: str,
    arguments: dict[str, Any],
    sandbox: dict[str, Service],
    services_of: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The answer is the same as with room."""
    async with services_of(sandbox["semaphore"]) as services:
        expected = await call(services, tool, arguments)
    opened, full = os.fdopen, 1

    def fdopen(handle: int, *more: Any, **named: Any) -> Any:
        nonlocal full
        if full:
            full -= 1
            disk = os.open("/dev/full", os.O_WRONLY)
            os.dup2(disk, handle)
            os.close(disk)
        return opened(handle, *more, **named)

    monkeypatch.setattr(os, "fdopen", fdopen)
    async with services_of(sandbox["semaphore"]) as services:
        with caplog.at_level(logging.WARNING):
            given = await call(services, tool, arguments)
    assert [_AGO.sub("", expected.text)] == [_AGO.sub("", given.text)]
    assert 1 == caplog.text.count("No space left")


# Ends in the middle of a call


@contextmanager
def silence() -> Iterator[tuple[int, list[socket.socket]]]:
    """A port whose service takes requests and never answers, and its connections."""
    connections: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0), backlog=64) as door:

        def accept() -> None:
            while True:
                try:
                    connections.append(door.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield door.getsockname()[1], connections
        finally:
            door.shutdown(socket.SHUT_RDWR)
            thread.join()
            for one in connections:
                one.close()


def until(true: Any, what: str) -> None:
    """Wait for something, not for ever."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def hung_up(connection: socket.socket) -> bool:
    """Whether the other side has gone; what it had sent is read."""
    connection.setblocking(False)
    try:
        while connection.recv(65536):
            pass
    except BlockingIOError:
        return False
    except ConnectionError:
        return True
    return True


def one_call_each(sandbox: dict[str, Service], calls: dict[str, Any], port: int) -> tuple[dict[str, str], list[bytes]]:
    """An environment that points every provider at a port, and a call of one tool of each."""
    env: dict[str, str] = {}
    for name in PROVIDERS:
        for variable, value in sandbox[name].env.items():
            env[variable] = value
            for url in sandbox[name].urls.values():
                env[variable] = env[variable].replace(url, f"http://127.0.0.1:{port}")
    tools = [
        next(one for one in load().of(name) if one.core and one.read_only and one.name in calls) for name in PROVIDERS
    ]
    return env, [said(number, tool.name, calls[tool.name]) for number, tool in enumerate(tools, 1)]


@POSIX
@pytest.mark.parametrize("how", ["EOF", "SIGTERM", "SIGINT"])
def test_the_end_of_the_client_is_the_end_of_every_call(how: str, sandbox: dict[str, Service], calls: Any) -> None:
    """In the middle of a call of each provider: the requests stop, and the process ends at once."""
    with silence() as (port, connections):
        env, asked = one_call_each(sandbox, calls, port)
        with serving(env) as process:
            assert process.stdin
            process.stdin.write(b"".join(asked))
            process.stdin.flush()
            until(lambda: len(connections) >= len(PROVIDERS), "not every provider asked")
            begun = time.monotonic()
            if how == "EOF":
                process.stdin.close()
            else:
                process.send_signal(getattr(signal, how))
            assert 0 == process.wait(PATIENCE)
            assert 5.0 >= time.monotonic() - begun
            assert process.stderr
            assert b"" == process.stderr.read()
        until(lambda: all(map(hung_up, connections)), "a request goes on")


@POSIX
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="no /proc to count open files in")
def test_a_call_that_is_canceled_stops_asking(sandbox: dict[str, Service], calls: Any) -> None:
    """One of each provider: the requests stop, nothing stays open, and the server goes on."""
    with silence() as (port, connections):
        env, asked = one_call_each(sandbox, calls, port)
        with serving(env) as process:
            assert process.stdin
            assert process.stdout
            files = Path(f"/proc/{process.pid}/fd")
            before = len(list(files.iterdir()))
            process.stdin.write(b"".join(asked))
            process.stdin.flush()
            until(lambda: len(connections) >= len(PROVIDERS), "not every provider asked")
            for number in range(1, len(asked) + 1):
                gone = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": number}}
                process.stdin.write(json.dumps(gone).encode() + b"\n")
            process.stdin.flush()
            until(lambda: all(map(hung_up, connections)), "a request goes on")
            process.stdin.write(said(99, "ci_echo", {"message": "still here"}))
            process.stdin.flush()
            while json.loads(process.stdout.readline()).get("id") != 99:
                pass
            until(lambda: before >= len(list(files.iterdir())), "something stays open")
            process.stdin.close()
            assert 0 == process.wait(PATIENCE)


@pytest.mark.anyio
@pytest.mark.parametrize("name", PROVIDERS)
async def test_no_task_outlives_a_canceled_call(name: str, sandbox: dict[str, Service], calls: Any, proxied: Any, services_of: Any) -> None:  # fmt: skip
    """Of any tool, wherever it stood."""

    async def stall(*_: Any) -> None:
        await asyncio.sleep(PATIENCE)

    async with proxied(sandbox[name], stall) as (spoilt, proxy), services_of(spoilt) as services:
        for spec in load().of(name):
            before, asked = asyncio.all_tasks(), len(proxy.seen)
            task = asyncio.create_task(call(services, spec.name, calls[spec.name]))
            with anyio.move_on_after(2.0):
                while len(proxy.seen) == asked and not task.done():  # noqa: ASYNC110 - the proxy has no event
                    await asyncio.sleep(0.005)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await asyncio.sleep(0)
            ours = {one for one in asyncio.all_tasks() - before if "connected" not in repr(one.get_coro())}
            assert not ours, (spec.name, ours)


# A day of use


@pytest.mark.anyio
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="no /proc to count open files in")
async def test_a_day_of_use_leaves_nothing_behind(calls: Any, hostile: int, tmp_path: Path, tally: Any) -> None:
    """Calls of every tool that reads, round after round: no more files, tasks, memory or cache than after the first."""
    with demo_world() as (world, _):
        store = Store(tmp_path / "logs", max_mb=1)
        async with Services(world, store) as services:
            tools = [
                spec.name
                for name in PROVIDERS
                for spec in load().of(name)
                if spec.read_only and (spec.core or hostile > 1)
            ]

            async def round_() -> None:
                for first in range(0, len(tools), 8):
                    await asyncio.gather(*(call(services, name, calls[name]) for name in tools[first : first + 8]))

            def counted() -> tuple[int, int, int]:
                gc.collect()
                return (
                    len(list(Path("/proc/self/fd").iterdir())),
                    len(asyncio.all_tasks()),
                    tracemalloc.get_traced_memory()[0],
                )

            await round_()
            tracemalloc.start()
            try:
                await round_()
                files, tasks, memory = counted()
                rounds = 2 * hostile
                for _ in range(rounds):
                    await round_()
                files_now, tasks_now, memory_now = counted()
            finally:
                tracemalloc.stop()
            tally("calls one after the other in one process", (rounds + 2) * len(tools))
            assert files + 16 >= files_now  # connections come and go
            assert tasks >= tasks_now
            assert (1 << 20) + rounds * len(tools) * 100 >= memory_now - memory
            assert (2 << 20) >= store.info().bytes
