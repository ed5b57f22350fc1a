"""``ci-mcp sandbox``: what it says, and that another program can live by that alone."""

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ci_mcp.cli.sandbox import where
from ci_mcp.sandbox.serve import service_names, start

PROGRAM = str(Path(sys.executable).with_name("ci-mcp"))
Run = Callable[..., Any]

posix = pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")


@contextmanager
def running(*words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The program as a process, and its first line."""
    with subprocess.Popen(
        [PROGRAM, "sandbox", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline()
        finally:
            process.terminate()
            process.wait(30)


def asked(*words: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run ``ci-mcp`` with nothing but these settings."""
    return subprocess.run(
        [PROGRAM, *words], capture_output=True, text=True, check=False, timeout=60, env=os.environ | env
    )


def test_json_is_all_that_another_program_needs() -> None:
    """A second process knows only that line, and explains the newest failure."""
    with running("--format", "json") as (_, line):
        told = json.loads(line)
        assert service_names() == list(told)
        semaphore = told["semaphore"]
        assert {"url", "token", "env"} == set(semaphore)
        assert {semaphore["url"], semaphore["token"]} < set(semaphore["env"].values())
        explained = asked("explain", "semaphore:shop@main", env=semaphore["env"])
    assert (1, "") == (explained.returncode, explained.stderr)
    assert "assert 1790 == 1800" in explained.stdout


def test_env_is_one_line_for_a_shell() -> None:
    """Its words are settings, which a second process takes over as they are."""
    with running("--format", "env") as (_, line):
        env = dict(word.split("=", 1) for word in shlex.split(line))
        listed = asked("semaphore", "projects", "list", "--format", "json", env=env)
    assert ["shop", "storefront", "billing", "warehouse"] == [one["name"] for one in json.loads(listed.stdout)["items"]]


@posix
def test_in_this_process_it_runs_until_it_is_terminated(ci_mcp: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal it says how it ends; what SIGTERM did before, it does again."""
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)

    def end() -> None:
        while signal.getsignal(signal.SIGTERM) == before:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    ender = threading.Thread(target=end)
    ender.start()
    ran = ci_mcp("sandbox")
    ender.join()
    assert (0, "Runs until interrupted (Ctrl-C).\n") == (ran.code, ran.err)
    assert ran.out.count("\n") == 1
    assert before == signal.getsignal(signal.SIGTERM)


def test_text_names_every_service_its_place_and_its_settings() -> None:
    """All in the first line."""
    with start(["semaphore"]) as served:
        line = where(served, "text")
        service = served["semaphore"]
    assert line.startswith(f"semaphore at {service.url} with SEMAPHORE_API_TOKEN=")
    assert f"SEMAPHORE_MCP_URL={service.env['SEMAPHORE_MCP_URL']}" in line
    assert "\n" not in line


def test_the_first_port_is_the_one_that_was_asked_for() -> None:
    """The services' own come first, those behind them follow; a neighbour that takes one is not our mistake."""
    for _ in range(20):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        if port > 65_000:
            continue
        with running("--format", "json", "--port", str(port)) as (_, line):
            if line and "error" not in json.loads(line):
                break
    urls = [one["url"] for one in json.loads(line).values()]
    assert [f"http://127.0.0.1:{port + number}" for number in range(len(urls))] == urls


def test_a_port_that_is_taken_is_wrong_usage(ci_mcp: Run) -> None:
    """Exit 2, with what to do."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ran = ci_mcp("sandbox", "--port", str(min(taken.getsockname()[1], 65_400)))
    assert (2, "") == (ran.code, ran.out)
    assert "ci-mcp: cannot listen at the ports from " in ran.err
    assert "choose others with --port" in ran.err


def test_a_port_that_is_none_is_wrong_usage(ci_mcp: Run) -> None:
    """Neither 0 nor one that leaves no room for the others."""
    assert [2, 2] == [ci_mcp("sandbox", "--port", port).code for port in ("0", "65535")]


@posix
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_it_cleanly_and_soon(number: signal.Signals, code: int) -> None:
    """SIGTERM as wished, SIGINT as interrupted; no traceback, and within two seconds and some."""
    with running("--format", "json") as (process, line):
        port = int(json.loads(line)["semaphore"]["url"].rpartition(":")[2])
        process.send_signal(number)
        begin = time.monotonic()
        assert code == process.wait(30)
        assert process.stderr is not None
        assert "" == process.stderr.read().strip()
        assert time.monotonic() - begin < 10
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port))


@posix
def test_it_ends_while_a_client_holds_on_to_it() -> None:
    """An open stream does not keep it."""
    with running("--format", "json") as (process, line):
        env = json.loads(line)["semaphore"]["env"]
        host, port = env["SEMAPHORE_MCP_URL"].removeprefix("http://").removesuffix("/mcp").split(":")
        with socket.create_connection((host, int(port))) as client:
            head = f"GET /mcp HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {env['SEMAPHORE_API_TOKEN']}\r\n\r\n"
            client.sendall(head.encode())
            assert client.recv(100).startswith(b"HTTP/1.1 200")
            process.terminate()
            assert 0 == process.wait(30)
