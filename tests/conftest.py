"""The world made harmless once for every test (no real home, tokens, keyring or network), and a service in memory or on a socket."""

import asyncio
import ipaddress
import json as jsonlib
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import pytest

from ci_mcp.auth.credentials import Credential
from ci_mcp.auth.endpoints import Endpoint
from ci_mcp.logs.store import Store
from ci_mcp.net.api import HttpApi

Handler = Callable[[httpx.Request], httpx.Response]
Raw = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
_KEPT = {
    "PATH",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "TEMP",
    "TMP",
    "SYSTEMROOT",
    "COVERAGE_PROCESS_START",
    "COVERAGE_PROCESS_CONFIG",
}
_connect = socket.socket.connect

# No test asserts a speed: an example that takes long, or is made slowly, says that the machine is busy.
hypothesis.settings.register_profile(
    "whatever-the-load", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("whatever-the-load")

# A run in the background of a script ignores SIGINT, and so would every process that a test starts and interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _loopback_only(self: socket.socket, address: Any) -> None:
    host = address[0] if isinstance(address, tuple) else ""
    if self.family in {socket.AF_INET, socket.AF_INET6} and host != "localhost":
        try:
            loopback = ipaddress.ip_address(host.partition("%")[0]).is_loopback
        except ValueError:
            loopback = False
        if not loopback:
            raise OSError(f"a test tried to reach {host}")
    _connect(self, address)


def pytest_addoption(parser: pytest.Parser) -> None:
    """How hard the tests of a hostile world try."""
    parser.addoption("--hostile", type=int, default=1, help="times the usual number of hostile tries")


@pytest.fixture(scope="session", autouse=True)
def _no_network() -> Iterator[None]:
    """Sockets reach loopback only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", _loopback_only)
        yield


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, an environment without tokens, and a keyring that holds nothing."""
    for name in list(os.environ):
        if name not in _KEPT and not name.startswith(("PYTEST", "COV_", "COVERAGE")):
            monkeypatch.delenv(name)
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    monkeypatch.setenv("CI_MCP_HOME", str(folder / "ci-mcp"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio, as the product does."""
    return "asyncio"


@pytest.fixture
def answer() -> Callable[..., httpx.Response]:
    """Make a response whose body streams, as one from a network does."""

    def make(
        status: int = 200,
        body: bytes | str = b"",
        *,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        data = jsonlib.dumps(json).encode() if json is not None else body.encode() if isinstance(body, str) else body

        async def stream() -> AsyncIterator[bytes]:
            for start in range(0, len(data), 1 << 16):
                yield data[start : start + (1 << 16)]

        return httpx.Response(status, headers=headers, content=stream())

    return make


@pytest.fixture
def slept() -> list[float]:
    """Every wait between attempts, in seconds."""
    return []


@pytest.fixture
def make_api(tmp_path: Path, slept: list[float]) -> Callable[..., HttpApi]:
    """Make an Api; a handler stands in for the network, waits are noted and not made."""

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    def make(
        handler: Handler | None = None,
        base_url: str = "https://ci.example.com",
        credential: Credential | None = Credential("tok-0123456789", "test"),  # noqa: B008 - frozen
        **more: Any,
    ) -> HttpApi:
        host = httpx.URL(base_url).netloc.decode()
        return HttpApi(
            Endpoint("semaphore", host, base_url),
            credential,
            Store(tmp_path / "logs"),
            transport=httpx.MockTransport(handler) if handler is not None else None,
            **{"sleep": sleep, **more},
        )

    return make


@pytest.fixture
def listen() -> Callable[..., AbstractAsyncContextManager[str]]:
    """Serve raw bytes on loopback: what no well-behaved server would send; ``first`` without waiting for a request."""

    @asynccontextmanager
    async def serve(talk: Raw, *, first: bool = False) -> AsyncIterator[str]:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                if not first:
                    await reader.readuntil(b"\r\n\r\n")
                await talk(reader, writer)
            except (asyncio.IncompleteReadError, ConnectionError):
                pass
            finally:
                writer.transport.abort()

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()

    return serve
