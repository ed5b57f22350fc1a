"""Buildkite's sandbox as a client sees it."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ci_mcp.sandbox.serve import Service


@pytest.fixture(scope="module")
def make_client(service: Service, open_client: Callable[..., httpx.Client]) -> Callable[..., httpx.Client]:
    """Makes clients of API v2."""

    def make(token: str = service.token, **options: Any) -> httpx.Client:
        return open_client(service.url + "/v2", headers={"Authorization": f"Bearer {token}"}, **options)

    return make


@pytest.fixture(scope="module")
def get(client: httpx.Client) -> Callable[..., Any]:
    """The JSON at a path: of the shop where it begins with ``builds``, else of the organization."""

    def fetch(path: str, /, **params: Any) -> Any:
        base = "/organizations/acme/" + ("pipelines/shop/" if path.startswith("builds/") or path == "builds" else "")
        answer = client.get(path if path.startswith("/") else base + path, params=params)
        assert 200 == answer.status_code, answer.text
        return answer.json()

    return fetch
