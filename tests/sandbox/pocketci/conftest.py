"""PocketCI's sandbox as a client sees it, on loopback or with a clock that the test moves."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from ci_mcp.sandbox.plan import Clock
from ci_mcp.sandbox.pocketci import make_app, world
from ci_mcp.sandbox.serve import Service

MCP = {"Accept": "application/json, text/event-stream"}


@dataclass(frozen=True, slots=True)
class HandClock(Clock):
    """A clock that a test moves, and that goes on a little with each look."""

    moment: list[float] = field(default_factory=lambda: [0.0])

    def now(self) -> float:
        """The moment."""
        self.wait(0.0005)
        return self.moment[0]

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.moment[0] += seconds


@dataclass(frozen=True, slots=True, repr=False)  # a failing test would print the whole world
class Server:
    """A server that is asked without a network, its world and its clock."""

    client: Any
    world: world.World
    clock: HandClock

    def json(self, path: str, /, **params: Any) -> Any:
        """The JSON at a path."""
        answer = self.client.get(path, params=params)
        assert 200 == answer.status_code, answer.text
        return answer.json()

    def tool(self, name: str, /, **arguments: Any) -> Any:
        """A tool's answer: its value, or its complaint as text."""
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments}}
        answer = self.client.post("/mcp", json=message, headers=MCP)
        assert 200 == answer.status_code, answer.text
        result = json.loads(answer.text.partition("data: ")[2])["result"]
        text = result["content"][0]["text"]
        return text if result.get("isError") else json.loads(text)

    def start(self, name: str, content: str, sent: Any = None, **settings: Any) -> str:
        """Put a pipeline and run it; the run's id."""
        self.client.put(f"/api/pipelines/{name}", json={"content": content, "content_type": "yaml"} | settings)
        found = self.world.named(name)
        assert found
        answer = self.client.post(f"/api/pipelines/{found.id}/trigger", json=sent or {})
        assert 202 == answer.status_code, answer.text
        run: str = answer.json()["run_id"]
        return run

    def status(self, run: str) -> tuple[str, str]:
        """Status and error of a run."""
        said = self.json(f"/api/runs/{run}/status")
        return said["status"], said.get("error_message", "")

    def tasks(self, run: str) -> dict[str, Any]:
        """What is stored about a run's tasks, by their paths within the run."""
        return {one["path"].split("/", 3)[3]: one["payload"] for one in self.json(f"/api/runs/{run}/tasks")}


@pytest.fixture
def make_clock() -> Callable[[], HandClock]:
    """Makes a clock that the test moves; it starts at a full second."""
    return lambda: HandClock(1_795_236_300.0)


@pytest.fixture
def make_server(make_clock: Callable[[], HandClock]) -> Iterator[Callable[..., Server]]:
    """Makes a server over the demo's world, or over an empty one."""
    made = []

    def make(mode: str = "open", *, demo: bool = True, **options: Any) -> Server:
        clock = make_clock()
        there = world.make_demo(clock) if demo else world.make_world(clock, **options)
        app = make_app(there, "http://localhost:8080", mode)
        client = TestClient(app, "http://localhost:8080", raise_server_exceptions=False, follow_redirects=False)
        made.append(client)
        return Server(client, there, clock)

    yield make
    for client in made:
        client.close()


@pytest.fixture
def server(make_server: Callable[..., Server]) -> Server:
    """The demo's server."""
    return make_server()


@pytest.fixture
def empty(make_server: Callable[..., Server]) -> Server:
    """A server that has nothing yet."""
    return make_server(demo=False)


@pytest.fixture(scope="module")
def make_client(service: Service, open_client: Callable[..., httpx.Client]) -> Callable[..., httpx.Client]:
    """Makes clients of one of the service's origins."""

    def make(origin: str = "api", token: str = service.token, **options: Any) -> httpx.Client:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return open_client(service.urls[origin], headers=headers, **options)

    return make


@pytest.fixture
def wait() -> Callable[[Callable[[], bool]], None]:
    """Waits until something is so, for ten seconds at most."""

    def until(so: Callable[[], bool]) -> None:
        end = time.monotonic() + 10
        while not so():
            assert time.monotonic() < end
            time.sleep(0.02)

    return until
