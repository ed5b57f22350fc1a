"""The token reaches CircleCI's own hosts and no other: a second origin on loopback tells of every credential it sees."""

import threading
from collections.abc import Awaitable, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from ci_mcp.auth.credentials import Credential
from ci_mcp.auth.endpoints import Endpoint
from ci_mcp.errors import CiError
from ci_mcp.logs.store import Store
from ci_mcp.net.api import HttpApi
from ci_mcp.providers.circleci import logs, provider
from ci_mcp.providers.circleci.ids import Named

pytestmark = pytest.mark.anyio

TOKEN = "ccipat_0123456789abcdef"
Call = Callable[..., Awaitable[Any]]


class Server:
    """An origin that answers by path, and remembers what it was asked."""

    def __init__(self, answers: dict[str, Callable[[], tuple[int, dict[str, str], bytes]]]) -> None:
        """Serve until `close`."""
        self.seen: list[tuple[str, dict[str, str]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                outer.seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                status, headers, body = answers.get(path, lambda: (404, {}, b'{"message": "Not found"}'))()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        self.thread = threading.Thread(target=self.http.serve_forever, daemon=True)
        self.thread.start()

    def close(self) -> None:
        """Stop."""
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    def credentials(self) -> list[str]:
        """What proves who we are, in all that was seen."""
        names = {"authorization", "circle-token", "cookie", "proxy-authorization"}
        found = [f"{name} at {path}" for path, headers in self.seen for name in headers if name in names]
        return found + [path for path, _ in self.seen if TOKEN in path or "circle-token" in path.lower()]


@pytest.fixture
def stranger() -> Iterator[Server]:
    """A storage that wants no credential."""
    messages = b'[{"type": "out", "time": "2026-01-10T19:47:00Z", "message": "stored\\n"}]'
    server = Server(
        {
            "/output": lambda: (200, {}, messages),
            "/file": lambda: (200, {}, b"kept"),
            "/stdout": lambda: (200, {"X-Terminal": "true"}, b"elsewhere\n"),
        }
    )
    yield server
    server.close()


@pytest.fixture
def home(stranger: Server) -> Iterator[Server]:
    """A CircleCI server whose outputs and artifacts lie with the stranger."""
    action = (
        b'{"name": "test", "index": 0, "step": 103, "status": "failed", "exit_code": 1, "has_output": true, '
        b'"output_url": "' + stranger.url.encode() + b'/output?X-Amz-Signature=abc"}'
    )
    build = b'{"outcome": "failed", "steps": [{"name": "test", "actions": [' + action + b"]}]}"
    items = (
        b'{"items": [{"path": "direct", "node_index": 0, "url": "' + stranger.url.encode() + b'/file"}, '
        b'{"path": "sent", "node_index": 0, "url": "HOME/artifact"}], "next_page_token": null}'
    )
    server = Server(
        {
            "/api/v1.1/project/github/acme/web/1": lambda: (200, {}, build),
            "/api/v2/project/gh/acme/web/1/artifacts": lambda: (200, {}, items.replace(b"HOME", server.url.encode())),
            "/artifact": lambda: (302, {"Location": f"{stranger.url}/file?sig=1"}, b""),
            "/api/v2/me": lambda: (302, {"Location": f"{stranger.url}/me"}, b""),
        }
    )
    yield server
    server.close()


@pytest.fixture
def api(home: Server, tmp_path: Path) -> HttpApi:
    """The product's own Api over real sockets."""
    service = provider.service
    assert service
    return HttpApi(
        Endpoint("circleci", "ci.example.com", home.url),
        Credential(TOKEN, source="a test"),
        Store(tmp_path / "logs"),
        trusted=service.credential_hosts,
    )


async def test_an_output_elsewhere_is_fetched_without_the_token(api: HttpApi, home: Server, stranger: Server) -> None:
    """As v1.1 names it."""
    async with api:
        named = Named(project="gh/acme/web", number="1", job="1")
        text = b"".join([piece async for piece in logs.text_of(api, named)])
    assert b"stored\n" in text
    assert ["/output?X-Amz-Signature=abc"] == [path for path, _ in stranger.seen]
    assert [] == stranger.credentials()
    assert {f"Bearer {TOKEN}"} == {headers["authorization"] for _, headers in home.seen}
    assert "circle-token" not in {name for _, headers in home.seen for name in headers}


@pytest.mark.parametrize("path", ["direct", "sent"])
async def test_an_artifact_elsewhere_is_fetched_without_the_token(
    api: HttpApi, stranger: Server, call: Call, path: str
) -> None:
    """Named there, or led there by a redirect."""
    async with api:
        shown = await call(api, "artifacts_list", job="gh/acme/web/1", path=path)
    assert "kept" in shown.text
    assert 1 == len(stranger.seen)
    assert [] == stranger.credentials()


async def test_an_api_that_sends_us_elsewhere_is_not_followed(api: HttpApi, stranger: Server) -> None:
    """What lies elsewhere is a file, never an answer."""
    async with api:
        with pytest.raises(CiError, match="sends us on"):
            await api.get("/api/v2/me")
    assert [] == stranger.seen


async def test_an_error_shows_neither_the_token_nor_a_signature(api: HttpApi) -> None:
    """Whatever the address was."""
    async with api:
        with pytest.raises(CiError) as caught:
            await api.get(f"{api.endpoint.base_url}/api/v2/gone", {"circle-token": TOKEN})
    assert TOKEN not in str(caught.value)
    assert "circle-token" not in str(caught.value)


def test_a_request_that_is_not_published_is_noticed(holding: Callable[[httpx.Request], None]) -> None:
    """The check itself checks: paths, names and values of a query, bodies."""
    accept = {"accept": "application/json"}
    base = "https://circleci.com/api"
    holding(httpx.Request("GET", f"{base}/v2/me", headers=accept))
    for method, path, body in (
        ("GET", "/v2/nothing", None),
        ("GET", "/v2/me?page-token=x", None),
        ("GET", "/v2/workflow/not-an-id", None),
        ("GET", "/v2/insights/pages/gh/acme/web/summary?reporting-window=last-week", None),
        ("GET", "/v2/me?mine=true", None),
        ("POST", "/v2/project/svn/acme/web/pipeline/run", {}),
    ):
        with pytest.raises(AssertionError):
            holding(httpx.Request(method, f"{base}{path}", json=body, headers=accept))
    with pytest.raises(Exception, match="Additional properties are not allowed"):
        holding(
            httpx.Request("POST", f"{base}/v2/project/gh/acme/web/pipeline/run", json={"branch": "x"}, headers=accept)
        )
