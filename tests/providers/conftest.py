"""What the tests of every provider use: the sandbox's service of its name, and its tools as functions."""

from collections.abc import Awaitable, Callable, Iterator
from importlib import import_module
from typing import Any

import pytest

from ci_mcp.core.schema import check
from ci_mcp.sandbox.serve import Service, start


@pytest.fixture(scope="module")
def provider_name(request: pytest.FixtureRequest) -> str:
    """The provider that a folder's tests are about."""
    return request.path.parent.name


@pytest.fixture(scope="module")
def service(provider_name: str) -> Iterator[Service]:
    """The sandbox's service, one for each module."""
    with start([provider_name]) as services:
        yield services[provider_name]


@pytest.fixture
def call(provider_name: str) -> Callable[..., Awaitable[Any]]:
    """Call a tool by the rest of its name, its arguments checked as a client's are."""
    tools = import_module(f"ci_mcp.providers.{provider_name}").provider.tools

    async def run(api: Any, tool: str, /, **arguments: Any) -> Any:
        found = tools[f"{provider_name}_{tool}"]
        return await found.function(api, **check(found, arguments))

    return run
