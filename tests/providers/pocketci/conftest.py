"""PocketCI's provider against exchanges recorded from a real server, and against the sandbox on loopback."""

import base64
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from ci_mcp.auth.credentials import Credential
from ci_mcp.auth.endpoints import Endpoint
from ci_mcp.config import Config
from ci_mcp.core.call import call as call_tool
from ci_mcp.core.services import Services, World
from ci_mcp.logs.store import Store
from ci_mcp.net.api import HttpApi
from ci_mcp.sandbox.pocketci import tokens, world
from ci_mcp.sandbox.serve import Service, start

Answers = Mapping[str, Any]
BASE = "https://pocketci.example.com"


class Recorded:
    """What a real server answered, by request; a call of its MCP endpoint by tool and arguments."""

    def __init__(self, lines: list[str], server: str = "open") -> None:
        """Take the exchanges of one of the servers, the first of each kind."""
        self.answers: dict[str, httpx.Response] = {}
        for exchange in map(json.loads, lines):
            if exchange["server"] == server:
                request, response = exchange["request"], exchange["response"]
                made = self.key(request["method"], request["path"], request["body"])
                self.answers.setdefault(made, _response(response["status"], response["body"]))
        self.rows: dict[str, list[Any]] = {}
        for key, answer in self.answers.items():
            if key.startswith("GET /api/runs/") and key.endswith("/tasks") and answer.status_code == 200:
                self.rows[key.split("/")[3]] = answer.json()

    @staticmethod
    def key(method: str, path: str, body: Any) -> str:
        """What a request is found by."""
        if path == "/mcp" and isinstance(body, dict) and body.get("method") == "tools/call":
            call = body["params"]
            return f"{call['name']} {json.dumps(call['arguments'], sort_keys=True)}"
        return f"{method} {path}"

    def answer(self, request: httpx.Request) -> httpx.Response:
        """The recorded answer; a search for ``pipeline`` and one row are made from the recorded rows of the run."""
        path = request.url.raw_path.decode()
        body = json.loads(request.content) if request.content else None
        found = self.answers.get(self.key(request.method, path, body))
        if found is not None:
            return found
        if path == "/mcp" and body["params"]["name"] == "search_tasks":
            return self._searched(body["params"]["arguments"])
        run, row = request.url.path.split("/")[3:4], request.url.params.get("path")
        for one in self.rows.get("".join(run), []):
            if row and one["path"].endswith(f"{''.join(run)}/{row}"):
                return _response(200, [one])
        return _response(404, {"error": "run not found"})

    def _searched(self, arguments: Mapping[str, Any]) -> httpx.Response:
        if "pipeline_id" in arguments:
            found: Any = {"items": [], "page": 1, "per_page": 20, "total_items": 0, "total_pages": 0, "has_next": False}
            known = {**arguments, "page": 1, "per_page": 20}
            for key, answer in self.answers.items():
                asked = json.loads(key.partition(" ")[2]) if key.startswith("search_tasks") else {}
                if {**asked, "page": 1, "per_page": 20} == known:
                    return answer
        else:
            names = ("status", "elapsed", "started_at")
            found = [
                {"id": number, "path": row["path"], "payload": {name: row["payload"].get(name) for name in names}}
                for number, row in enumerate(self.rows.get(arguments["run_id"], []))
            ] or None
        return said(found)


def said(found: Any) -> httpx.Response:
    """What a tool of the server's MCP endpoint gives, as it goes over the wire."""
    result = {"content": [{"type": "text", "text": json.dumps(found)}]}
    message = json.dumps({"jsonrpc": "2.0", "id": 1, "result": result})
    return httpx.Response(
        200, headers={"content-type": "text/event-stream"}, content=f"event: message\ndata: {message}\n\n".encode()
    )


def _response(status: int, body: Any) -> httpx.Response:
    content = body if isinstance(body, str) else json.dumps(body)
    return httpx.Response(status, content=content.encode())


@pytest.fixture
def anyio_backend() -> str:
    """The event loop that the product runs on."""
    return "asyncio"


@pytest.fixture(scope="session")
def lines() -> list[str]:
    """The recorded exchanges, one a line."""
    return (Path(__file__).parent / "recorded.jsonl").read_text(encoding="utf-8").splitlines()


@pytest.fixture
def token() -> Callable[..., str]:
    """Make a token that says what a test wants; no server would take it."""

    def make(**claims: Any) -> str:
        parts = [{"alg": "HS256", "typ": "JWT"}, {"iss": "pocketci", "exp": int(time.time()) + 86_400, **claims}]
        encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
        return ".".join([*encoded, "c2lnbmF0dXJl"])

    return make


@pytest.fixture
def fake(tmp_path: Path) -> Callable[..., HttpApi]:
    """Make an Api that answers as the real server did, but where a test says otherwise.

    ``answers`` has ``"GET /path"`` or the name of an MCP tool → a value, a response, or a function of the request;
    what is asked goes into ``asked``, and how many bytes came back into ``bytes_back``.
    """

    def make(  # noqa: PLR0913, PLR0917 - what a server and its caller are made of
        recorded: Recorded | None = None,
        answers: Answers | None = None,
        asked: list[httpx.Request] | None = None,
        credential: Credential | None = None,
        mcp: Credential | None = None,
        bytes_back: list[int] | None = None,
    ) -> HttpApi:
        async def answer(request: httpx.Request) -> httpx.Response:
            if asked is not None:
                asked.append(request)
            found = _given(answers or {}, request)
            if found is None:
                found = recorded.answer(request) if recorded else _response(404, {"error": "not found"})
            content = _numbered(request, found.content)
            if bytes_back is not None:
                bytes_back.append(len(content))
            return _streamed(found.status_code, content, found.headers)

        async def sleep(_seconds: float) -> None:
            """Wait for nothing."""

        return HttpApi(
            Endpoint("pocketci", "pocketci.example.com", BASE, BASE if mcp else ""),
            credential,
            Store(tmp_path / "logs"),
            mcp_credential=mcp,
            transport=httpx.MockTransport(answer),
            sleep=sleep,
        )

    return make


def _given(answers: Answers, request: httpx.Request) -> httpx.Response | None:
    key = f"{request.method} {request.url.path}"
    if request.url.path == "/mcp":
        key = json.loads(request.content).get("params", {}).get("name", key)
        key = key if key in answers else "/mcp"
    if key not in answers:
        return None
    found = answers[key]
    found = found(request) if callable(found) else found
    if isinstance(found, httpx.Response):
        return found
    return said(found) if request.url.path == "/mcp" else _response(200, found)


def _numbered(request: httpx.Request, content: bytes) -> bytes:
    """An answer of the MCP endpoint with the number of what was asked: all were recorded as the first."""
    if request.url.path != "/mcp":
        return content
    number = json.loads(request.content)["id"]
    return re.sub(rb'("jsonrpc": ?"2.0", ?"id": ?)1\b', rb"\g<1>%d" % number, content)


def _streamed(status: int, content: bytes, headers: Mapping[str, str]) -> httpx.Response:
    async def stream() -> AsyncIterator[bytes]:
        for start_at in range(0, len(content), 1 << 14):
            yield content[start_at : start_at + (1 << 14)]

    kept = {name: value for name, value in headers.items() if name.lower() != "content-length"}
    return httpx.Response(status, headers=kept, content=stream())


@pytest.fixture
def recorded(lines: list[str]) -> Recorded:
    """The real server that was open to all."""
    return Recorded(lines)


@pytest.fixture
def recorded_oauth(lines: list[str]) -> Recorded:
    """The real server that signed people in."""
    return Recorded(lines, "oauth")


@pytest.fixture(scope="module")
def served() -> Iterator[Service]:
    """The sandbox's PocketCI, for tests that only read."""
    with start(["pocketci"]) as services:
        yield services["pocketci"]


@pytest.fixture
def service(served: Service) -> Service:
    """The same, that nobody has asked anything yet."""
    served.requests.clear()
    return served


@pytest.fixture
def services(service: Service, tmp_path: Path) -> Callable[..., Services]:
    """Make services over the sandbox, with an empty cache and an environment."""

    def make(origin: str = "", **env: str) -> Services:
        env = {"POCKETCI_URL": service.urls[origin] if origin else service.url, **env, "HOME": str(tmp_path)}
        config = Config.load({"CI_MCP_HOME": str(tmp_path)})
        return Services(World(config, env), Store(tmp_path / "cache" / "logs"))

    return make


@pytest.fixture
async def tool(service: Service, tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[Any]]]:
    """Call a tool of PocketCI's, or a ``ci_`` one, against the open sandbox as a client does; only to read."""
    async with _opened(service, tmp_path) as opened:
        yield partial(_called, opened)


@pytest.fixture
async def writing(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[Any]]]:
    """The same against a sandbox made anew, which may be changed."""
    with start(["pocketci"]) as services:
        async with _opened(services["pocketci"], tmp_path) as opened:
            yield partial(_called, opened)


def _opened(service: Service, folder: Path) -> Services:
    given = {"pocketci": (Endpoint("pocketci", service.host, service.url), service.token)}
    return Services(World(Config.load({"CI_MCP_HOME": str(folder)}), {}, given=given), Store(folder / "logs"))


async def _called(opened: Services, name: str, /, **arguments: Any) -> Any:
    whole = name if name.startswith("ci_") else f"pocketci_{name}"
    return await call_tool(opened, whole, arguments)


@pytest.fixture
def side_token() -> Callable[..., str]:
    """Make a token that the sandbox's third door takes: for ``api`` or ``mcp``."""

    def make(audience: str, lifetime: float = 3600) -> str:
        scopes = (tokens.SCOPE,) if audience == "mcp" else ()
        return tokens.make_token(audience, time.time(), lifetime=lifetime, scopes=scopes)

    return make


@pytest.fixture
def demo() -> Any:
    """The names of the sandbox's world."""
    return world
