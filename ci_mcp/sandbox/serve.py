"""Start the sandbox: every service on its own loopback port, in one thread with one event loop.

A service is a package in this folder, found by its presence. It has ``ORIGINS``, the names of what it serves at
ports of its own (the first is the API), and ``build(site) -> Built``.
"""

import asyncio
import os
import pkgutil
import socket
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Match

import ci_mcp.sandbox
from ci_mcp.sandbox.faults import Message, Receive, Scope, Send, find_fault, strike
from ci_mcp.sandbox.plan import Built, Clock, Run, Site

_SILENT = 100  # above every level that uvicorn logs at
_STOP_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Service:
    """One running service.

    Attributes:
        name: its name, that of the provider.
        url: the base of its API, without a slash at the end.
        token: the token that it takes.
        host: the vendor's host, which its web URLs carry.
        env: the environment that points a client at it.
        urls: the base of each of its origins, by the names in its ``ORIGINS``.
        requests: how often each route was asked for, by ``"GET /route/{template}"``.
    """

    name: str
    url: str
    token: str
    host: str
    env: Mapping[str, str]
    urls: Mapping[str, str] = field(default_factory=dict)
    requests: Counter[str] = field(default_factory=Counter)


def service_names() -> list[str]:
    """The services that the sandbox has, sorted."""
    return sorted(found.name for found in pkgutil.iter_modules(ci_mcp.sandbox.__path__) if found.ispkg)


@contextmanager
def start(
    names: Sequence[str] | None = None, *, first_port: int = 0, clock: Clock | None = None
) -> Iterator[dict[str, Service]]:
    """Run services until the block ends.

    Args:
        names: which; all of them by default.
        first_port: the port of the first; the others follow it. 0: free ports.
        clock: tells the time in their worlds; by default it begins now.

    Yields:
        Each service by its name.

    Raises:
        OSError: a port is taken.
    """
    modules = {name: import_module(f"ci_mcp.sandbox.{name}") for name in names or service_names()}
    origins = [(name, origin) for name, module in modules.items() for origin in module.ORIGINS]
    # What clients are told about comes first, so that a wish for ports falls on it.
    origins.sort(key=lambda pair: pair[1] != modules[pair[0]].ORIGINS[0])
    clock, run = clock or Clock(), Run()
    with ExitStack() as stack:
        sockets = {}
        for number, pair in enumerate(origins):
            sockets[pair] = stack.enter_context(_listen(first_port + number if first_port else 0))
        urls = {pair: f"http://127.0.0.1:{sock.getsockname()[1]}" for pair, sock in sockets.items()}
        services, doors = {}, {}
        for name, module in modules.items():
            site = Site({origin: url for (owner, origin), url in urls.items() if owner == name}, clock)
            built: Built = module.build(site)
            services[name] = Service(name, site.urls[module.ORIGINS[0]], built.token, built.host, built.env, site.urls)
            for origin, app in built.apps.items():
                port = sockets[name, origin].getsockname()[1]
                doors[port] = Door(app, run, services[name].requests)
        with _serving(House(doors), list(sockets.values()), run):
            yield services


class Door:
    """An origin's entrance: counts what is asked for and lets faults strike before the service sees the request."""

    def __init__(self, app: Starlette, run: Run, requests: Counter[str]) -> None:
        """Stand in front of an application."""
        self.app = app
        self.run = run
        self.requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        self.requests[f"{scope['method']} {self._template(scope)}"] += 1
        fault = find_fault(scope, self.run)
        if fault:
            await strike(fault, self.run, receive, send)
        else:
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        answered = False

        async def notice(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        try:
            await self.app(scope, receive, notice)
        except Exception:
            # Starlette raises again what its 500 has answered: the server would hang up on a kept connection.
            if not answered:
                raise

    def _template(self, scope: Scope) -> str:
        matching = (route for route in self.app.routes if route.matches(scope)[0] is not Match.NONE)
        return str(getattr(next(matching, None), "path", scope["path"]))


class House:
    """All origins behind one server: the port that was called says which."""

    def __init__(self, doors: Mapping[int, Door]) -> None:
        """Stand in front of all doors."""
        self.doors = doors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request to the door of its port (ASGI)."""
        await self.doors[scope["server"][1]](scope, receive, send)


def _listen(port: int) -> socket.socket:
    """A listening loopback socket: clients may connect before the server has started."""
    # Named, TCP lets the event loop turn off Nagle's delay: 40 ms at each kept connection's answer otherwise.
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # elsewhere it would let two programs have the same port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", port))
        sock.listen(128)
    except OSError:
        sock.close()
        raise
    return sock


@contextmanager
def _serving(app: House, sockets: list[socket.socket], run: Run) -> Iterator[None]:
    """Serve in a thread of its own until the block ends."""
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level=_SILENT,
        access_log=False,
        lifespan="off",
        loop="asyncio",
        http="h11",
        ws="none",
        server_header=False,
        timeout_keep_alive=75,  # as a proxy in front of a service has it: a client may think between two requests
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    loop = asyncio.new_event_loop()

    async def live() -> None:
        # The house is no application, so that the server cannot tell its applications when they begin and end.
        async with AsyncExitStack() as stack:
            for door in app.doors.values():
                await stack.enter_async_context(door.app.router.lifespan_context(door.app))
            await server.serve(sockets)

    def serve() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(live())

    thread = threading.Thread(target=serve, name="ci-mcp-sandbox", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        server.force_exit = True
        with suppress(RuntimeError):  # the loop has already ended
            loop.call_soon_threadsafe(run.stopping.set)
        thread.join(_STOP_SECONDS)
