"""Buildbot's sandbox as a client sees it."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from ci_mcp.sandbox.buildbot import world
from ci_mcp.sandbox.plan import Clock
from ci_mcp.sandbox.serve import Service, start


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """The running service, one for each module: what a test changes stays there."""
    with start(["buildbot"]) as services:
        yield services["buildbot"]


@pytest.fixture(scope="module")
def make_client(service: Service) -> Iterator[Callable[..., httpx.Client]]:
    """Makes clients of an origin; each keeps its own cookies and follows no redirect."""
    opened = []

    def make(origin: str = "api", *, user: str = "", **options: Any) -> httpx.Client:
        headers = options.pop("headers", {"Accept": "application/json"})
        client = httpx.Client(base_url=service.urls[origin], headers=headers, timeout=60, **options)
        opened.append(client)
        if user:
            password = {world.USER: world.PASSWORD, world.OTHER_USER: world.OTHER_PASSWORD}[user]
            assert 302 == client.get("/auth/login", auth=(user, password)).status_code
        return client

    yield make
    for client in opened:
        client.close()


@pytest.fixture(scope="module")
def get(make_client: Callable[..., httpx.Client]) -> Callable[..., Any]:
    """What a read gives: the list of a collection, the record of a single thing."""
    client = make_client()

    def fetch(path: str) -> Any:
        answer = client.get(f"/api/v2{path}")
        assert 200 == answer.status_code, answer.text
        (rows,) = (value for name, value in answer.json().items() if name != "meta")
        return rows if "total" in answer.json()["meta"] else rows[0]

    return fetch


@pytest.fixture(scope="module")
def call(make_client: Callable[..., httpx.Client]) -> Callable[..., Any]:
    """The result of a call."""
    client = make_client()

    def send(path: str, method: str, **params: Any) -> Any:
        body = {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}
        answer = client.post(f"/api/v2{path}", json=body)
        assert 200 == answer.status_code, answer.text
        assert 7 == answer.json()["id"]
        return answer.json()["result"]

    return send


@pytest.fixture
def made() -> Callable[[float], world.World]:
    """A world as it stands that many seconds after its start."""

    def make(at: float) -> world.World:
        return world.make_world(Clock(time.time() - at))

    return make
