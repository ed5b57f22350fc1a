"""A world that is against us: a proxy that spoils what a service answers, and one good call of every tool.

``--hostile N`` runs all of it with N times the tries, and prints what was survived.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from ci_mcp.auth.endpoints import Endpoint, variable
from ci_mcp.config import Config
from ci_mcp.core.catalog import TRIAGE, load
from ci_mcp.core.services import Services, World
from ci_mcp.core.shapes import Place
from ci_mcp.logs.store import Store
from ci_mcp.sandbox.serve import Service, service_names, start


@dataclass(slots=True)
class Answered:
    """What a service answered, before it is spoilt."""

    request: str
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def head(self, length: int | None = None) -> bytes:
        """The status line and the headers, with the length of the body or another one."""
        kept = [pair for pair in self.headers if pair[0].lower() not in {"content-length", "transfer-encoding"}]
        kept += [("content-length", str(len(self.body) if length is None else length)), ("connection", "close")]
        lines = [f"HTTP/1.1 {self.status} Spoilt", *(f"{name}: {value}" for name, value in kept)]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


Spoil = Callable[[Answered, asyncio.StreamWriter], Awaitable[None]]


async def untouched(answered: Answered, writer: asyncio.StreamWriter) -> None:
    """Hand the answer on as it is."""
    writer.write(answered.head() + answered.body)
    await writer.drain()


@dataclass(slots=True)
class Proxy:
    """Loopback ports in front of the origins of one service.

    Attributes:
        urls: each origin's own base URL → the one in front of it.
        spoil: what is done to every answer.
        seen: the request lines that came, in order.
        heads: their headers.
        bodies: and their bodies.
    """

    spoil: Spoil
    urls: dict[str, str] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    async def serve(self, url: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request of one client."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            try:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                length = next(
                    (line[15:] for line in head.lower().split("\r\n") if line.startswith("content-length:")), "0"
                )
                body = await reader.readexactly(int(length))
                self.seen.append(head.partition("\r\n")[0])
                self.heads.append(head)
                self.bodies.append(body)
                await self.spoil(await self._ask(url, head, body), writer)
            finally:
                writer.close()

    async def _ask(self, url: str, head: str, body: bytes) -> Answered:
        place = urlsplit(url)
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        lines = [line for line in head.split("\r\n") if not line.lower().startswith(("connection:", "host:"))]
        lines[1:1] = [f"Host: {place.netloc}", "Connection: close"]
        try:
            writer.write("\r\n".join(lines).encode("latin-1") + body)
            await writer.drain()
            whole = await reader.read(-1)
        finally:
            writer.close()
        top, _, rest = whole.partition(b"\r\n\r\n")
        for old, new in self.urls.items():  # what a service says of itself leads through here too
            top, rest = top.replace(old.encode(), new.encode()), rest.replace(old.encode(), new.encode())
        first, *others = top.decode("latin-1").split("\r\n")
        headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in others)]
        if ("transfer-encoding", "chunked") in {(name.lower(), value.lower()) for name, value in headers}:
            rest = unchunked(rest)
        return Answered(head.partition("\r\n")[0], int(first.split()[1]), headers, rest)


def unchunked(body: bytes) -> bytes:
    """A body that came in chunks, whole."""
    parts: list[bytes] = []
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size or b"0", 16)
        parts.append(body[:length])
        body = body[length + 2 :]
    return b"".join(parts)


@pytest.fixture
def proxied() -> Callable[[Service, Spoil], Any]:
    """Put a proxy before a service: an async context manager that gives the service as clients see it, and the proxy."""

    @asynccontextmanager
    async def make(service: Service, spoil: Spoil) -> AsyncIterator[tuple[Service, Proxy]]:
        proxy = Proxy(spoil)
        async with AsyncExitStack() as stack:
            tasks: set[asyncio.Task[None]] = set()
            for url in service.urls.values():

                async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, url: str = url) -> None:
                    task = asyncio.current_task()
                    assert task is not None
                    tasks.add(task)
                    await proxy.serve(url, reader, writer)

                server = await asyncio.start_server(connected, "127.0.0.1", 0)
                proxy.urls[url] = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
                stack.callback(server.close)
            env = {name: _through(value, proxy.urls) for name, value in service.env.items()}
            yield replace(service, url=proxy.urls[service.url], env=env), proxy
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    return make


def _through(text: str, urls: Mapping[str, str]) -> str:
    for old, new in urls.items():
        text = text.replace(old, new)
    return text


@pytest.fixture(scope="session")
def sandbox() -> Iterator[dict[str, Service]]:
    """Every service, started once."""
    with start() as services:
        yield services


@pytest.fixture
def services_of(tmp_path: Path) -> Callable[..., Services]:
    """Services over one service of the sandbox, with a cache of their own each time."""
    made = Counter[str]()

    def make(service: Service, **changes: Any) -> Services:
        made["folders"] += 1
        folder = tmp_path / f"world{made['folders']}"
        _, mcp_url = variable(load().services[service.name].mcp_env, service.env)
        endpoint = Endpoint(service.name, service.host, service.url, mcp_url.removesuffix("/mcp"))
        config = Config.load({"CI_MCP_HOME": str(folder)})
        home = {service.name: Place(host=service.host, project="shop")}
        given = {service.name: (replace(endpoint, **changes), service.token)}
        return Services(World(config, {}, given=given, home=home), Store(folder / "logs"))

    return make


@pytest.fixture(scope="session")
def calls(pytestconfig: pytest.Config) -> dict[str, dict[str, Any]]:
    """For every tool arguments that are good in the sandbox, kept beside its provider's tests."""
    found: dict[str, dict[str, Any]] = {}
    for name in [TRIAGE, *(name for name in service_names() if name in load().services)]:
        folder = "triage" if name == TRIAGE else f"providers/{name}"
        file = pytestconfig.rootpath / "tests" / folder / "calls.json"
        found |= json.loads(file.read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="session")
def hostile(pytestconfig: pytest.Config) -> int:
    """How many times the usual number of tries."""
    return int(pytestconfig.getoption("--hostile"))


@pytest.fixture(name="untouched")
def untouched_() -> Spoil:
    """The proxy as a witness only."""
    return untouched
