"""CircleCI's tools against the sandbox and against answers that a test makes up; every request is held against the vendor's file."""

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from ci_mcp.auth.credentials import Credential
from ci_mcp.auth.endpoints import Endpoint
from ci_mcp.core.schema import check
from ci_mcp.logs.store import Store
from ci_mcp.net.api import HttpApi
from ci_mcp.providers.circleci import provider, read
from ci_mcp.sandbox.serve import Service, start

FACTS = json.loads((Path(__file__).parents[2] / "fixtures" / "circleci_openapi.json").read_text("utf-8"))
TRUSTED = provider.service.credential_hosts if provider.service else ()
# What the vendor's clients use and its files do not describe.
UNPUBLISHED = (
    r"GET /api/v2/jobs/[0-9a-f-]{36}",
    r"POST /api/v2/compile-config-with-defaults",
    r"GET /api/v3/(projects|jobs/[0-9a-f-]{36}(/stdout|/stderr)?)",
    r"POST /api/v3/(runs/search|configs/compile)",
    r"GET /api/v1\.1/output/.+",
    r"GET /api/private/(me/followed-projects|output/raw/[^/]+/[^/]+/[^/]+/\d+/(output|error)/\d+/\d+)",
    r"GET /output/.+",
)


def published(path: str) -> re.Pattern[str]:
    """What a path of the file matches; a project's slug has three segments."""
    return re.compile(re.sub(r"\{[^}]+\}", "([^/]+)", path.replace("{project-slug}", "([^/]+/[^/]+/[^/]+)")))


OPERATIONS = [
    (version, path, published(path), methods)
    for version, paths in FACTS.items()
    # What has a fixed word where another path has a parameter comes first.
    for path, methods in sorted(paths.items(), key=lambda pair: pair[0].count("{"))
]


def hold(request: httpx.Request) -> None:
    """Hold a request against what is published: its path, the names and values of its query, its body."""
    assert "application/json" in request.headers["accept"] or "*/*" in request.headers["accept"]
    version, _, rest = request.url.path.removeprefix("/api/").partition("/")
    for known, path, pattern, methods in OPERATIONS:
        found = pattern.fullmatch(f"/{rest}")
        operation = methods.get(request.method.lower())
        if known == version and found and operation:
            _hold_places(operation, path, found.groups())
            _hold_query(operation, request.url.params)
            if "body" in operation and request.content:
                jsonschema.Draft202012Validator(operation["body"]).validate(json.loads(request.content))
            return
    asked = f"{request.method} {request.url.path}"
    assert any(re.fullmatch(pattern, asked) for pattern in UNPUBLISHED), f"{asked} is not published"


def _hold_places(operation: dict[str, Any], path: str, values: tuple[str, ...]) -> None:
    for name, value in zip(re.findall(r"\{([^}]+)\}", path), values, strict=True):
        schema = operation.get("path", {}).get(name, {})
        assert schema.get("type") != "integer" or value.isdecimal(), (path, value)
        assert schema.get("format") != "uuid" or re.fullmatch(r"[0-9a-f-]{36}", value), (path, value)
        assert value in schema.get("enum", [value]), (path, value)


def _hold_query(operation: dict[str, Any], given: httpx.QueryParams) -> None:
    schemas = dict(operation.get("query", {}))
    # A list that gives a token takes one, whether the file says so or not.
    if "next_page_token" in operation["responses"].get("200", {}).get("properties", {}):
        schemas.setdefault("page-token", {})
    if not schemas and "shallow" in given:
        schemas["shallow"] = {}
    assert set(given) <= set(schemas), (set(given), set(schemas))
    assert set(operation.get("required", ())) <= set(given)
    for name, value in given.multi_items():
        assert value in schemas[name].get("enum", [value]), (name, value)


class Held(httpx.AsyncBaseTransport):
    """A transport that holds each request to CircleCI's own hosts against what is published."""

    def __init__(
        self, inner: httpx.AsyncBaseTransport, strangers: tuple[str, ...] = (), files: tuple[str, ...] = ()
    ) -> None:
        """Take what carries the requests, the hosts that are not CircleCI's, and those of its files."""
        self.inner, self.strangers, self.files = inner, strangers, files

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Check, then carry."""
        if request.url.host in self.strangers:
            assert "authorization" not in request.headers, f"a credential goes to {request.url.host}"
            assert "circle-token" not in request.headers
        else:
            assert request.headers["authorization"].startswith("Bearer ")
            if request.url.host not in self.files:
                hold(request)
        return await self.inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Close the inner one."""
        await self.inner.aclose()


async def no_sleep(_seconds: float) -> None:
    """Wait for nothing."""


@pytest.fixture
def anyio_backend() -> str:
    """The event loop that the product runs on."""
    return "asyncio"


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    """No test knows what another one learned of a host."""
    read.forget()
    yield
    read.forget()


@pytest.fixture
def holding() -> Callable[[httpx.Request], None]:
    """The check itself, to be checked."""
    return hold


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """The sandbox's CircleCI, shared by a module's reads."""
    with start(["circleci"]) as services:
        yield services["circleci"]


@pytest.fixture
def fresh() -> Iterator[Service]:
    """A sandbox's CircleCI that a test may change."""
    with start(["circleci"]) as services:
        yield services["circleci"]


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., HttpApi]:
    """Make an Api of a sandbox: of its cloud, or of its server."""

    def make(service: Service, shape: str = "cloud", token: str = "", **more: Any) -> HttpApi:
        host, url = (
            (service.host, service.url) if shape == "cloud" else ("circleci.example.com", service.urls["server"])
        )
        return HttpApi(
            Endpoint("circleci", host, url),
            Credential(token or service.token, source="a test"),
            Store(tmp_path / "logs"),
            trusted=TRUSTED,
            **{"sleep": no_sleep, "transport": Held(httpx.AsyncHTTPTransport(), ("localhost",)), **more},
        )

    return make


@pytest.fixture
async def api(service: Service, opened: Callable[..., HttpApi]) -> AsyncIterator[HttpApi]:
    """The sandbox's cloud."""
    async with opened(service) as made:
        yield made


@pytest.fixture
async def server(service: Service, opened: Callable[..., HttpApi]) -> AsyncIterator[HttpApi]:
    """The sandbox's server, without v3."""
    async with opened(service, "server") as made:
        yield made


@pytest.fixture(params=["cloud", "server"])
async def either(
    request: pytest.FixtureRequest, service: Service, opened: Callable[..., HttpApi]
) -> AsyncIterator[HttpApi]:
    """Both shapes of the sandbox, one after the other."""
    async with opened(service, request.param) as made:
        yield made


@pytest.fixture
def call() -> Callable[..., Awaitable[Any]]:
    """Call a tool by the rest of its name, its arguments checked as a client's are."""

    async def run(api: Any, name: str, **arguments: Any) -> Any:
        tool = provider.tools[f"circleci_{name}"]
        return await tool.function(api, **check(tool, arguments))

    return run


@pytest.fixture
def fake(tmp_path: Path) -> Callable[..., HttpApi]:
    """Make an Api whose answers a test gives: ``"GET /path"`` → a value, a response, or a function of the request.

    Paths are without ``/api``, those of another host are whole URLs; what is asked goes into ``asked``.
    Another path is a 404 in the form of v2.
    """

    def make(
        answers: Mapping[str, Any],
        asked: list[httpx.Request] | None = None,
        *,
        host: str = "circleci.com",
        files: tuple[str, ...] = (),
        **more: Any,
    ) -> HttpApi:
        def answer(request: httpx.Request) -> httpx.Response:
            if asked is not None:
                asked.append(request)
            url = request.url
            own = url.host == host
            path = url.path.removeprefix("/api") if own else str(url.copy_with(query=None))
            found = answers.get(f"{request.method} {path}", httpx.Response(404, json={"message": "Not found"}))
            found = found(request) if callable(found) else found
            if isinstance(found, httpx.Response):
                return streamed(found.status_code, found.content, found.headers)
            return streamed(200, found if isinstance(found, bytes) else json.dumps(found).encode(), {})

        return HttpApi(
            Endpoint("circleci", host, f"https://{host}"),
            Credential("tok-0123456789", source="a test"),
            Store(tmp_path / "logs"),
            trusted=TRUSTED,
            transport=Held(httpx.MockTransport(answer), ("storage.example.com",), files),
            sleep=no_sleep,
            **more,
        )

    return make


def streamed(status: int, body: bytes, headers: Mapping[str, str]) -> httpx.Response:
    """A response whose body comes in pieces, as one from a network does."""

    async def stream() -> AsyncIterator[bytes]:
        for start_at in range(0, len(body), 1 << 14):
            yield body[start_at : start_at + (1 << 14)]

    kept = {name: value for name, value in headers.items() if name.lower() not in {"content-length", "content-type"}}
    return httpx.Response(status, headers=kept, content=stream())
