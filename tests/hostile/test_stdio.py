"""The server as a process whose client is careless, greedy or gone."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import pytest

PROGRAM = str(Path(sys.executable).with_name("ci-mcp"))
HELLO = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
}
READY = {"jsonrpc": "2.0", "method": "notifications/initialized"}
PATIENCE = 30.0
_PROC = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc to read the memory from")


def line(message: dict[str, Any]) -> bytes:
    """A message as it goes over the pipe."""
    return json.dumps(message).encode() + b"\n"


def echo(number: int, message: str) -> bytes:
    """A call of ci_echo."""
    params = {"name": "ci_echo", "arguments": {"message": message}}
    return line({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params})


@contextmanager
def server(*words: str) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes], IO[bytes]]]:
    """``serve`` as a process that has been greeted, with its pipes."""
    command = [PROGRAM, "--demo", "serve", *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdin
        assert process.stdout
        timer = threading.Timer(PATIENCE, process.kill)
        timer.start()
        try:
            process.stdin.write(line(HELLO) + line(READY))
            process.stdin.flush()
            assert 0 == json.loads(process.stdout.readline())["id"]
            yield process, process.stdin, process.stdout
            with suppress(BrokenPipeError):
                process.stdin.close()
            process.stdout.close()
            assert process.wait(PATIENCE) is not None
            assert timer.is_alive(), "it did not end by itself"
        finally:
            timer.cancel()
            process.kill()


def answer_to(out: IO[bytes], number: int) -> dict[str, Any]:
    """The next answer of that number; every line before it is protocol, too."""
    for raw in out:
        message: dict[str, Any] = json.loads(raw)
        assert "2.0" == message["jsonrpc"]
        if message.get("id") == number:
            return message
    raise AssertionError("no answer")


NONSENSE = [
    b"",
    b"hello",
    b"{}",
    b"[]",
    b"null",
    b'{"jsonrpc": "2.0"}',
    b'{"jsonrpc": "1.0", "id": 1, "method": "tools/list"}',
    b'{"jsonrpc": "2.0", "id": {}, "method": "tools/list"}',
    b'{"jsonrpc": "2.0", "id": 5, "method": 7}',
    b'{"jsonrpc": "2.0", "id": 5, "method": "nothing/such"}',
    b'{"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": []}',
    b'{"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": {"name": 7}}',
    b'{"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": {"name": "ci_echo", "arguments": 7}}',
    b'{"jsonrpc": "2.0", "id": 5, "result": {}}',
    b'{"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 77}}',
    b"\xff\xfe\x00",
    b"[" * 100_000,
    b'{"jsonrpc": "2.0", "id": 5, "method": "' + b"x" * 2_000_000 + b'"}',
]


def test_nonsense_on_stdin_does_not_end_the_server(tally: Any) -> None:
    """The next call is answered, each time."""
    tally("inputs tried", len(NONSENSE))
    with server() as (_, given, out):
        for number, nonsense in enumerate(NONSENSE, 100):
            given.write(nonsense + b"\n" + echo(number, "still here"))
            given.flush()
            assert "still here" == answer_to(out, number)["result"]["content"][0]["text"]


def test_a_request_that_cannot_be_read_is_answered() -> None:
    """Half of a surrogate pair, as a client makes it that cuts an emoji in two: whoever asked does not wait for ever."""
    with server() as (_, given, out):
        given.write(line({"jsonrpc": "2.0", "id": 8, "method": "tools/call", "params": {"name": "\ud83d"}}))
        given.write(line({"jsonrpc": "2.0", "id": 9, "method": "ping", "params": []}))
        given.flush()
        for number in (8, 9):
            assert "this message cannot be read" in answer_to(out, number)["error"]["message"]


def test_a_client_that_closes_its_end_of_stdout_ends_the_server_without_a_word() -> None:
    """Nobody is there to be answered, and it is no fault of the server's."""
    command = [PROGRAM, "--demo", "serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdin.write(line(HELLO) + line(READY))
        process.stdin.flush()
        assert 0 == answer_to(process.stdout, 0)["id"]
        process.stdout.close()
        with suppress(BrokenPipeError):
            process.stdin.write(echo(1, "x") + echo(2, "x"))
            process.stdin.close()
        assert 0 == process.wait(PATIENCE)
        assert b"" == process.stderr.read()


def test_a_message_may_come_in_pieces() -> None:
    """Cut anywhere, inside a character too."""
    with server() as (_, given, out):
        whole = echo(9, "größer").replace(b"\\u00f6", "ö".encode()).replace(b"\\u00df", "ß".encode())
        for byte in whole:
            given.write(bytes([byte]))
            given.flush()
        assert "größer" == answer_to(out, 9)["result"]["content"][0]["text"]


@_PROC
def test_a_thousand_calls_at_once_are_all_answered(tally: Any) -> None:
    """With bounded memory."""
    with server() as (process, given, out):

        def write() -> None:
            for number in range(1, 1_001):
                call = {
                    "name": "semaphore_workflows_search",
                    "arguments": {"project": "shop", "limit": 1 + number % 50},
                }
                text = line({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": call})
                given.write(text if number % 4 == 0 else echo(number, f"{number} " * 100))
            given.flush()

        writer = threading.Thread(target=write)
        writer.start()
        seen = {message["id"]: message for message in (json.loads(next(out)) for _ in range(1_000))}
        writer.join()
        tally("calls at once in one process", len(seen))
        assert set(range(1, 1_001)) == set(seen)
        assert not [message for message in seen.values() if message["result"].get("isError")]
        peak = next(row for row in Path(f"/proc/{process.pid}/status").read_text().splitlines() if "VmHWM" in row)
        assert 600_000 >= int(peak.split()[1])  # kB, the sandbox in the same process included


def test_a_client_that_reads_nothing_does_not_keep_the_server() -> None:
    """It hangs up without having read: the server ends."""
    with server() as (_, given, _out):
        os.set_blocking(given.fileno(), False)
        sent = 0
        with suppress(BlockingIOError):
            while sent < 50_000:
                sent += os.write(given.fileno(), echo(sent, "x" * 1_000)) > 0
        os.set_blocking(given.fileno(), True)
        assert sent
