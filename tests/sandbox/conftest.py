"""The sandbox as a client sees it: a running service, and plain HTTP clients for it."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib import import_module
from typing import Any

import httpx
import pytest

from ci_mcp.sandbox.plan import Clock
from ci_mcp.sandbox.serve import Service, service_names, start


@pytest.fixture(scope="module")
def service_name(request: pytest.FixtureRequest) -> str:
    """The service that a folder's tests are about; those of the sandbox itself use Semaphore's."""
    folder = request.path.parent.name
    return folder if folder in service_names() else "semaphore"


@pytest.fixture(scope="module")
def service(service_name: str) -> Iterator[Service]:
    """The running service, one for each module: what a test changes stays there."""
    with start([service_name]) as services:
        yield services[service_name]


@pytest.fixture(scope="module")
def open_client() -> Iterator[Callable[..., httpx.Client]]:
    """Opens clients, which follow no redirect, and closes them in the end."""
    with ExitStack() as stack:

        def open_one(base: str, **options: Any) -> httpx.Client:
            client = httpx.Client(base_url=base, timeout=20, **options)
            stack.callback(client.close)
            return client

        yield open_one


@pytest.fixture(scope="module")
def make_client(service: Service, open_client: Callable[..., httpx.Client]) -> Callable[..., httpx.Client]:
    """Makes clients of Semaphore's API."""

    def make(token: str = service.token, **options: Any) -> httpx.Client:
        return open_client(service.url + "/api/v1alpha", headers={"Authorization": f"Token {token}"}, **options)

    return make


@pytest.fixture(scope="module")
def client(make_client: Callable[..., httpx.Client]) -> httpx.Client:
    """A client with the good token."""
    return make_client()


@pytest.fixture
def made(service_name: str) -> Callable[[float], Any]:
    """The service's world as it stands that many seconds after its start."""
    world = import_module(f"ci_mcp.sandbox.{service_name}.world")
    return lambda at: world.make_world(Clock(time.time() - at))
