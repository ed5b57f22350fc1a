"""Organizations: the configured ones, and those that the hosted MCP server tells of."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from ci_mcp.auth.credentials import Credential
from ci_mcp.auth.endpoints import Endpoint
from ci_mcp.logs.store import Store
from ci_mcp.net.api import HttpApi
from ci_mcp.providers.semaphore import organizations
from ci_mcp.sandbox.semaphore import world
from ci_mcp.sandbox.serve import Service

pytestmark = pytest.mark.anyio

Call = Callable[..., Awaitable[Any]]
Serve = Callable[[str, dict[str, Any]], Any]


@pytest.fixture
def hosted(tmp_path: Path) -> Callable[[Serve], HttpApi]:
    """An organization whose vendor has an MCP server: ``serve`` gives the result of a request, or a response."""

    def make(serve: Serve) -> HttpApi:
        def answer(request: httpx.Request) -> httpx.Response:
            if request.url.host != "mcp.semaphoreci.com":
                return _streamed([{"metadata": {"id": "org-1", "name": "shop", "org_id": "acme-id"}}])
            assert request.headers["authorization"].endswith("tok-0123456789")
            message = json.loads(request.content)
            found = serve(message["method"], message.get("params") or {})
            if isinstance(found, httpx.Response):
                return found
            return _streamed({"jsonrpc": "2.0", "id": message.get("id"), "result": found})

        return HttpApi(
            Endpoint(
                "semaphore", "acme.semaphoreci.com", "https://acme.semaphoreci.com", "https://mcp.semaphoreci.com"
            ),
            Credential("tok-0123456789", source="a test"),
            Store(tmp_path / "logs"),
            transport=httpx.MockTransport(answer),
        )

    return make


def _streamed(value: Any, status: int = 200) -> httpx.Response:
    async def body() -> Any:
        yield json.dumps(value).encode()

    return httpx.Response(status, content=body())


async def test_the_hosted_server_tells_of_more(service: Service, tmp_path: Path, call: Call) -> None:
    """Those of the owner that are not configured, and how to configure them."""
    place = Endpoint("semaphore", service.host, service.url, service.env["SEMAPHORE_MCP_URL"].removesuffix("/mcp"))
    async with HttpApi(place, Credential(service.token, source="a test"), Store(tmp_path)) as api:
        page = await call(api, "organizations_list")
    assert [("acme", world.ORGANIZATION), "acme-labs"] == [(page.items[0].name, page.items[0].id), page.items[1].name]
    assert "suspended; not configured" in page.items[1].note
    assert "--host https://acme-labs.semaphoreci.com" in page.items[1].note
    assert "" == page.note


async def test_at_an_address_no_host_is_made_up(service: Service, tmp_path: Path, call: Call) -> None:
    """As at the sandbox: of 127.0.0.1 nobody is to log in to acme-labs.0.0.1; its own organization comes once."""
    place = Endpoint("semaphore", "127.0.0.1:8700", service.url, service.env["SEMAPHORE_MCP_URL"].removesuffix("/mcp"))
    async with HttpApi(place, Credential(service.token, source="a test"), Store(tmp_path)) as api:
        page = await call(api, "organizations_list")
    assert [world.ORGANIZATION, "acme-labs"] == [page.items[0].id, page.items[1].name]
    assert 2 == len(page.items)
    assert ("", "", "suspended; not configured") == (page.items[1].host, page.items[1].url, page.items[1].note)


async def test_without_a_hosted_server_the_configuration_is_all_there_is(api: HttpApi, call: Call) -> None:
    """And it is said."""
    page = await call(api, "organizations_list")
    assert ["acme"] == [one.name for one in page.items]
    assert page.note.startswith("these are the configured ones")


async def test_where_it_is_switched_off_the_configuration_stands(
    hosted: Callable[[Serve], HttpApi], call: Call
) -> None:
    """With the reason, cleaned."""
    off = {
        "isError": True,
        "content": [{"type": "text", "text": "MCP tools are disabled for this organization\x1b[0m"}],
    }
    page = await call(hosted(lambda _method, _params: off), "organizations_list")
    assert [("acme", "acme-id")] == [(one.name, one.id) for one in page.items]
    assert "disabled for this organization" in page.note
    page = await call(hosted(lambda _method, _params: _streamed("no", 404)), "organizations_list")
    assert "404" in page.note


async def test_every_page_is_read_and_strange_names_are_not_shown(
    hosted: Callable[[Serve], HttpApi], call: Call
) -> None:
    """A handle becomes a host that a person is told to log in to: only real handles do."""
    told = ["evil.example.com/x", "-a", "", "Umbrella"]
    pages = {
        "": {"organizations": [{"username": name, "id": "1"} for name in told], "nextCursor": "more"},
        "more": {"organizations": [{"username": "acme", "id": "told"}, {"username": "zeta", "restricted": True}, 7]},
    }

    def serve(method: str, params: dict[str, Any]) -> Any:
        if method != "tools/call":
            return {"protocolVersion": "2025-06-18"}
        return {"structuredContent": pages[params["arguments"].get("cursor", "")]}

    page = await call(hosted(serve), "organizations_list")
    hosts = ["acme.semaphoreci.com", "umbrella.semaphoreci.com", "zeta.semaphoreci.com"]
    assert hosts == [one.host for one in page.items]
    assert "acme-id" == page.items[0].id
    assert page.items[2].note.startswith("restricted; ")


async def test_an_id_is_taken_from_the_hosted_server_where_no_project_tells(
    hosted: Callable[[Serve], HttpApi], call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new organization has no project."""

    async def none(*_: object) -> Any:
        return [], None

    monkeypatch.setattr(organizations.read, "projects_page", none)
    one = {"structuredContent": {"organizations": [{"username": "acme", "id": "told"}]}}
    page = await call(hosted(lambda _method, _params: one), "organizations_list")
    assert [("told", "no project that this token may see")] == [(one.id, one.note) for one in page.items]


async def test_a_hosted_server_that_stalls_is_not_waited_for(
    tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest of the answer comes all the same."""
    monkeypatch.setattr(organizations, "_PATIENCE", 0.2)

    class Stalls(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.host.startswith("mcp."):
                await anyio.sleep_forever()
            return _streamed([])

    place = Endpoint("semaphore", "acme.semaphoreci.com", "https://acme.semaphoreci.com", "https://mcp.semaphoreci.com")
    api = HttpApi(place, None, Store(tmp_path), transport=Stalls())
    with anyio.fail_after(20):
        page = await call(api, "organizations_list")
    assert ["acme"] == [one.name for one in page.items]
    assert "did not answer" in page.note
