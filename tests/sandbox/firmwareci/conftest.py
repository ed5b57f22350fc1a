"""FirmwareCI's sandbox as a client sees it: the SDK's own client stands for the vendor's."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from ci_mcp.sandbox.serve import Service


@pytest.fixture(params=["api", "sessions"])
def variant(request: pytest.FixtureRequest) -> str:
    """The origin of either variant."""
    return str(request.param)


@pytest.fixture
def connect(service: Service) -> Callable[..., AbstractAsyncContextManager[Client]]:
    """Opens a client of a variant."""

    @asynccontextmanager
    async def open_client(variant: str, token: str = service.token, mode: str = "auto") -> AsyncIterator[Client]:
        async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as http:
            transport = streamable_http_client(f"{service.urls[variant]}/mcp", http_client=http)
            async with Client(transport, mode=mode) as client:
                yield client

    return open_client


@pytest.fixture
def call(connect: Callable[..., AbstractAsyncContextManager[Client]]) -> Callable[..., Awaitable[Any]]:
    """Calls a tool of a variant and reads its JSON; a tool that failed gives its words."""

    async def run(variant: str, tool: str, /, **arguments: Any) -> Any:
        async with connect(variant) as client:
            result = await client.call_tool(tool, arguments)
        text = result.content[0].text
        if result.is_error:
            return text
        assert (json.loads(text) if variant == "api" else None) == result.structured_content
        return json.loads(text)

    return run


@pytest.fixture
def post(service: Service) -> Iterator[Callable[..., httpx.Response]]:
    """Sends one message as it is."""
    with httpx.Client(timeout=20) as client:

        def send(variant: str, method: str, token: str = service.token, **options: Any) -> httpx.Response:
            about = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
            params = about if method == "initialize" else options.pop("params", {})
            headers = {"Accept": "application/json, text/event-stream", **options.pop("headers", {})}
            if token:
                headers["Authorization"] = f"Bearer {token}"
            message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            return client.post(f"{service.urls[variant]}/mcp", json=message, headers=headers)

        yield send
