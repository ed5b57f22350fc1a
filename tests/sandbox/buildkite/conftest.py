"""Buildkite's sandbox as a client sees it."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from ci_mcp.sandbox.buildkite import world
from ci_mcp.sandbox.plan import Clock
from ci_mcp.sandbox.serve import Service, start


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """The running service, one for each module: what a test changes stays there."""
    with start(["buildkite"]) as services:
        yield services["buildkite"]


@pytest.fixture(scope="module")
def make_client(service: Service) -> Iterator[Callable[..., httpx.Client]]:
    """Makes clients of the service; they follow no redirect."""
    opened = []

    def make(token: str = service.token, **options: Any) -> httpx.Client:
        headers = {"Authorization": f"Bearer {token}"}
        client = httpx.Client(base_url=service.url + "/v2", headers=headers, timeout=20, **options)
        opened.append(client)
        return client

    yield make
    for client in opened:
        client.close()


@pytest.fixture(scope="module")
def client(make_client: Callable[..., httpx.Client]) -> httpx.Client:
    """A client with the good token."""
    return make_client()


@pytest.fixture(scope="module")
def get(client: httpx.Client) -> Callable[..., Any]:
    """The JSON at a path: of the shop where it begins with ``builds``, else of the organization."""

    def fetch(path: str, /, **params: Any) -> Any:
        base = "/organizations/acme/" + ("pipelines/shop/" if path.startswith("builds/") or path == "builds" else "")
        answer = client.get(path if path.startswith("/") else base + path, params=params)
        assert 200 == answer.status_code, answer.text
        return answer.json()

    return fetch


@pytest.fixture
def made() -> Callable[[float], world.World]:
    """A world as it stands that many seconds after its start."""

    def make(at: float) -> world.World:
        return world.make_world(Clock(time.time() - at))

    return make
