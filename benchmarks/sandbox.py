"""The sandbox in a process of its own, so that its work is not taken for ours."""

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.measure import Wire
from ci_mcp.auth.endpoints import Endpoint, variable
from ci_mcp.config import Config
from ci_mcp.core.catalog import find, load
from ci_mcp.core.services import Services, World
from ci_mcp.core.shapes import Place
from ci_mcp.logs.store import Store

WIDE = {"semaphore": "matrix", "circleci": "wide", "buildkite": "matrix"}
"""Branches whose newest run has 200 jobs, of which 12 failed."""


@dataclass(frozen=True, slots=True)
class Served:
    """One service as its process tells of it; see `ci_mcp.sandbox.serve.Service`."""

    name: str
    url: str
    token: str
    host: str
    env: dict[str, str]


@dataclass(frozen=True, slots=True)
class Sandbox:
    """The services that run, by name, and how many requests all of them have had."""

    services: dict[str, Served]
    requests: Callable[[], int]

    def world(self, folder: str) -> World:
        """Every provider pointed at its service."""
        given = {one.name: (_endpoint(one), one.token) for one in self.services.values()}
        home = {
            one.name: Place(host=one.host, project="shop", branch=branch(one.name)) for one in self.services.values()
        }
        settings = {key: value for one in self.services.values() for key, value in one.env.items()}
        return World(Config.load({"CI_MCP_HOME": folder}), settings, given=given, home=home)


@contextmanager
def opened(sandbox: Sandbox, wire: Wire) -> Iterator[Services]:
    """Services over the sandbox that have asked for nothing and kept nothing; the caller closes them."""
    with TemporaryDirectory() as folder:
        yield Services(sandbox.world(folder), Store(Path(folder) / "logs"), transport=wire)


@contextmanager
def started() -> Iterator[Sandbox]:
    """Run every service that a provider speaks to, until the block ends."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    try:
        services = {one.name: one for one in ours.recv()}

        def requests() -> int:
            ours.send("requests")
            return int(ours.recv())

        yield Sandbox(services, requests)
    finally:
        ours.close()
        process.join(10)
        process.kill()


def branch(name: str) -> str:
    """The branch of the demo's failed run; empty where the vendor knows none."""
    return "main" if find(name).hooks.branches else ""


def target(name: str, other: str = "") -> str:
    """The demo's project, at its failed run or at another branch."""
    at = other or branch(name)
    return f"{name}:shop@{at}" if at else f"{name}:shop"


def _endpoint(served: Served) -> Endpoint:
    _, mcp_url = variable(load().services[served.name].mcp_env, served.env)
    return Endpoint(served.name, served.host, served.url, mcp_url.removesuffix("/mcp"))


def _serve(pipe: "Connection[object, object]") -> None:
    from ci_mcp.sandbox.serve import service_names, start  # noqa: PLC0415 - only the sandbox's process needs it

    with start([name for name in service_names() if name in load().services]) as services:
        pipe.send([Served(one.name, one.url, one.token, one.host, dict(one.env)) for one in services.values()])
        try:
            while pipe.recv():
                pipe.send(sum(one.requests.total() for one in services.values()))
        except EOFError:
            return
