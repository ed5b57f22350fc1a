"""Buildkite's tools against the sandbox on loopback, and against answers that a test makes up."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from ci_mcp.auth.credentials import Credential
from ci_mcp.auth.endpoints import Endpoint
from ci_mcp.config import Config
from ci_mcp.core.call import call as call_tool
from ci_mcp.core.services import Services, World
from ci_mcp.logs.store import Store
from ci_mcp.net.api import HttpApi
from ci_mcp.providers.buildkite import read
from ci_mcp.sandbox.serve import Service

Answers = Mapping[str, Any]
BUILD = "/organizations/acme/pipelines/shop/builds/42"


@pytest.fixture
def anyio_backend() -> str:
    """The event loop that the product runs on."""
    return "asyncio"


@pytest.fixture(autouse=True)
def _no_organization() -> Iterator[None]:
    """No test knows the organization that another one saw."""
    read.forget()
    yield
    read.forget()


@pytest.fixture
def uuid() -> Callable[[int], str]:
    """Ids by number."""
    return make_uuid


def make_uuid(number: int) -> str:
    """An id with this number in it."""
    return f"0190a6d2-0000-4000-8000-{number:012}"


@pytest.fixture
def fake(tmp_path: Path) -> Callable[..., HttpApi]:
    """Make an Api whose answers a test gives: ``"GET /path"`` → a value, a response, or a function of the request.

    Paths are without ``/v2``; what is asked goes into ``asked``, and how many round trips deep into ``depths``.
    Another path is Buildkite's 404.
    """

    def make(
        answers: Answers,
        asked: list[httpx.Request] | None = None,
        host: str = "api.buildkite.com",
        depths: list[int] | None = None,
    ) -> HttpApi:
        async def answer(request: httpx.Request) -> httpx.Response:
            if asked is not None:
                asked.append(request)
            if depths is not None:
                depth = 1 + max(depths, default=0)
                await anyio.sleep(0.05)  # what is asked side by side has all begun before the first answer
                depths.append(depth)
            path = request.url.path.removeprefix("/v2")
            found = answers.get(f"{request.method} {path}", httpx.Response(404, json={"message": "Not Found"}))
            found = found(request) if callable(found) else found
            if isinstance(found, httpx.Response):
                return _streamed(found.status_code, found.content, found.headers)
            return _streamed(200, json.dumps(found).encode(), {})

        async def sleep(_seconds: float) -> None:
            """Wait for nothing."""

        return HttpApi(
            Endpoint("buildkite", host, f"https://{host}"),
            Credential("tok-0123456789", source="a test"),
            Store(tmp_path / "logs"),
            transport=httpx.MockTransport(answer),
            sleep=sleep,
        )

    return make


def _streamed(status: int, body: bytes, headers: Mapping[str, str]) -> httpx.Response:
    async def stream() -> AsyncIterator[bytes]:
        for start_at in range(0, len(body), 1 << 14):
            yield body[start_at : start_at + (1 << 14)]

    kept = {name: value for name, value in headers.items() if name.lower() not in {"content-length", "content-type"}}
    return httpx.Response(status, headers=kept, content=stream())


@pytest.fixture
def build() -> Callable[..., dict[str, Any]]:
    """Make a build, with what a test says of it."""

    def make(number: int = 42, **facts: Any) -> dict[str, Any]:
        made = {
            "id": make_uuid(9_000_000 + number),
            "url": f"https://api.buildkite.com/v2/organizations/acme/pipelines/shop/builds/{number}",
            "web_url": f"https://buildkite.com/acme/shop/builds/{number}",
            "number": number,
            "state": "passed",
            "blocked": False,
            "message": "Add prices\n\nand more",
            "commit": "c" * 40,
            "branch": "main",
            "env": {"DEBUG": "1"},
            "source": "webhook",
            "author": {"name": "Ada", "email": "ada@example.com"},
            "creator": {"id": make_uuid(1), "name": "Grace"},
            "created_at": "2025-03-01T10:00:00.000Z",
            "scheduled_at": "2025-03-01T10:00:00.000Z",
            "started_at": "2025-03-01T10:00:10.000Z",
            "finished_at": "2025-03-01T10:02:10.000Z",
            "meta_data": {},
            "pull_request": {},
        }
        return made | facts

    return make


@pytest.fixture
def job() -> Callable[..., dict[str, Any]]:
    """Make a command's job that failed, with what a test says of it."""

    def make(number: int = 1, **facts: Any) -> dict[str, Any]:
        made = {
            "id": make_uuid(number),
            "type": "script",
            "name": f":hammer: unit {number}",
            "step_key": f"unit-{number}",
            "agent_query_rules": ["queue=default"],
            "state": "failed",
            "build_url": f"https://api.buildkite.com/v2{BUILD}",
            "web_url": f"https://buildkite.com/acme/shop/builds/42#{make_uuid(number)}",
            "command": "make test\necho done",
            "exit_status": 1,
            "soft_failed": False,
            "signal": None,
            "signal_reason": None,
            "artifact_paths": None,
            "created_at": "2025-03-01T10:00:00.000Z",
            "scheduled_at": "2025-03-01T10:00:00.000Z",
            "runnable_at": "2025-03-01T10:00:05.000Z",
            "started_at": "2025-03-01T10:00:10.000Z",
            "finished_at": "2025-03-01T10:01:10.000Z",
            "retried": False,
            "retried_in_job_id": None,
            "retries_count": None,
            "agent": {"id": make_uuid(77), "name": "linux-1", "hostname": "secret-host", "ip_address": "10.0.0.1"},
        }
        return made | facts

    return make


@pytest.fixture
def ranged() -> Callable[..., Callable[[httpx.Request], httpx.Response]]:
    """Make a log as Buildkite serves it: whole, or the suffix asked for; what went over the wire is noted."""

    def make(data: bytes, sent: list[int] | None = None) -> Callable[[httpx.Request], httpx.Response]:
        def answer(request: httpx.Request) -> httpx.Response:
            asked = request.headers.get("range", "")
            if request.headers.get("accept") != "text/plain" or (asked and not asked.startswith("bytes=-")):
                return httpx.Response(400, json={"message": "Only suffix ranges of text are served"})
            if asked and not data:
                return httpx.Response(416, json={"message": "Range Not Satisfiable"})
            part = data[-int(asked.removeprefix("bytes=-")) :] if asked else data
            if sent is not None:
                sent.append(len(part))
            first = len(data) - len(part)
            span = {"Content-Range": f"bytes {first}-{len(data) - 1}/{len(data)}"} if asked else {}
            return httpx.Response(206 if asked else 200, headers=span, content=part)

        return answer

    return make


@pytest.fixture
def services(service: Service, tmp_path: Path) -> Callable[[str], Services]:
    """Make services over the sandbox, with a token and an empty cache."""

    def make(token: str = "") -> Services:
        given = {"buildkite": (Endpoint("buildkite", service.host, service.url), token or service.token)}
        config = Config.load({"CI_MCP_HOME": str(tmp_path)})
        return Services(World(config, {}, given=given), Store(tmp_path / "cache" / "logs"))

    return make


@pytest.fixture
async def tool(services: Callable[..., Services]) -> AsyncIterator[Callable[..., Awaitable[Any]]]:
    """Call a tool of Buildkite's, or a ``ci_`` one, against the sandbox as a client does."""
    async with services() as opened:

        async def run(name: str, /, **arguments: Any) -> Any:
            whole = name if name.startswith("ci_") else f"buildkite_{name}"
            return await call_tool(opened, whole, arguments)

        yield run


@pytest.fixture
def requests(service: Service) -> Callable[[], int]:
    """How many requests the sandbox has seen since this fixture was made."""
    before = service.requests.total()
    return lambda: service.requests.total() - before
