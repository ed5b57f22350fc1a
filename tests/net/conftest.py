"""A service that answers what a test says: in memory, or on a real loopback socket."""

import asyncio
import json as jsonlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from ci_mcp.auth.credentials import Credential
from ci_mcp.auth.endpoints import Endpoint
from ci_mcp.logs.store import Store
from ci_mcp.net.api import HttpApi

Handler = Callable[[httpx.Request], httpx.Response]
Raw = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
def anyio_backend() -> str:
    """The event loop that the product runs on."""
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
