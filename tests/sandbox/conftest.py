"""The sandbox as a client sees it: a running one, and plain HTTP clients for it."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from ci_mcp.sandbox.serve import Service, start


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """The running Semaphore service."""
    with start(["semaphore"]) as services:
        yield services["semaphore"]


@pytest.fixture(scope="module")
def make_client(service: Service) -> Iterator[Callable[..., httpx.Client]]:
    """Makes clients of the service; they follow no redirect."""
    opened = []

    def make(token: str = service.token, **options: Any) -> httpx.Client:
        headers = {"Authorization": f"Token {token}"}
        client = httpx.Client(base_url=service.url + "/api/v1alpha", headers=headers, timeout=10, **options)
        opened.append(client)
        return client

    yield make
    for client in opened:
        client.close()


@pytest.fixture(scope="module")
def client(make_client: Callable[..., httpx.Client]) -> httpx.Client:
    """A client with the good token."""
    return make_client()
