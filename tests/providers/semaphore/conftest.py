"""Semaphore's tools against the sandbox on loopback, and against answers that a test makes up."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from ci_mcp.auth.credentials import Credential
from ci_mcp.auth.endpoints import Endpoint
from ci_mcp.logs.store import Store
from ci_mcp.net.api import HttpApi
from ci_mcp.providers.semaphore import read
from ci_mcp.sandbox.serve import Service

Answers = Mapping[str, Any]


@pytest.fixture
def anyio_backend() -> str:
    """The event loop that the product runs on."""
    return "asyncio"


@pytest.fixture(autouse=True)
def _no_names() -> Iterator[None]:
    """No test knows the projects that another one saw."""
    read.forget()
    yield
    read.forget()


@pytest.fixture
async def api(service: Service, tmp_path: Path) -> AsyncIterator[HttpApi]:
    """The sandbox's Semaphore, with a token that it takes."""
    async with open_api(service, service.token, tmp_path) as opened:
        yield opened


@pytest.fixture
def api_with(service: Service, tmp_path: Path) -> Callable[[str], HttpApi]:
    """Make an Api of the sandbox with another token; it retries without waiting."""
    return lambda token: open_api(service, token, tmp_path)


def open_api(service: Service, token: str, folder: Path) -> HttpApi:
    """An Api of the sandbox."""

    async def sleep(_seconds: float) -> None:
        """Wait for nothing."""

    endpoint = Endpoint("semaphore", service.host, service.url)
    return HttpApi(endpoint, Credential(token, source="a test"), Store(folder / "logs"), sleep=sleep)


@pytest.fixture
def requests(service: Service) -> Callable[[], int]:
    """How many requests the sandbox has seen since this fixture was made."""
    before = service.requests.total()
    return lambda: service.requests.total() - before


@pytest.fixture
def newest(call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[str]]:
    """The id of the newest run of a branch."""

    async def find(api: Any, branch: str, project: str = "shop") -> str:
        page = await call(api, "workflows_search", project=project, branch=branch, limit=1)
        found: str = page.items[0].id
        return found

    return find


@pytest.fixture
def fake(tmp_path: Path) -> Callable[..., HttpApi]:
    """Make an Api whose answers a test gives: ``"GET /path"`` → a value, a response, or a function of the request.

    Paths are without ``/api/v1alpha``; what is asked goes into ``asked``. Another path is a 404 ``oops``.
    """

    def make(
        answers: Answers,
        asked: list[httpx.Request] | None = None,
        hosts: tuple[str, ...] = (),
        rounds: Callable[[], Awaitable[None]] | None = None,
    ) -> HttpApi:
        async def answer(request: httpx.Request) -> httpx.Response:
            if asked is not None:
                asked.append(request)
            if rounds is not None:
                await rounds()
            path = request.url.path.removeprefix("/api/v1alpha")
            found = answers.get(f"{request.method} {path}", httpx.Response(404, text="oops"))
            found = found(request) if callable(found) else found
            if isinstance(found, httpx.Response):
                return _streamed(found.status_code, found.content, found.headers)
            return _streamed(200, json.dumps(found).encode(), {})

        return opened(hosts[0] if hosts else "acme.semaphoreci.com", hosts, answer, {})

    def opened(host: str, hosts: tuple[str, ...], answer: Callable[..., Any], known: dict[str, HttpApi]) -> HttpApi:
        def sibling(name: str) -> HttpApi:
            return known.get(name) or opened(name, hosts, answer, known)

        async def sleep(_seconds: float) -> None:
            """Wait for nothing."""

        known[host] = HttpApi(
            Endpoint("semaphore", host, f"https://{host}"),
            Credential("tok-0123456789", source="a test"),
            Store(tmp_path / "logs"),
            hosts=hosts,
            sibling=sibling,
            transport=httpx.MockTransport(answer),
            sleep=sleep,
        )
        return known[host]

    return make


def _streamed(status: int, body: bytes, headers: Mapping[str, str]) -> httpx.Response:
    async def stream() -> AsyncIterator[bytes]:
        for start_at in range(0, len(body), 1 << 14):
            yield body[start_at : start_at + (1 << 14)]

    kept = {name: value for name, value in headers.items() if name.lower() not in {"content-length", "content-type"}}
    return httpx.Response(status, headers=kept, content=stream())


@pytest.fixture
def pipeline() -> Callable[..., dict[str, Any]]:
    """Make a pipeline as the list spells it, with what a test says of it."""

    def make(number: int, **facts: Any) -> dict[str, Any]:
        made = {
            "ppl_id": f"00000000-0000-0000-0000-{number:012}",
            "wf_id": "11111111-1111-1111-1111-111111111111",
            "project_id": "22222222-2222-2222-2222-222222222222",
            "name": "Build",
            "state": "DONE",
            "result": "PASSED",
            "result_reason": "TEST",
            "branch_name": "main",
            "commit_sha": "c" * 40,
            "commit_message": "Add prices\n\nand more",
            "created_at": {"seconds": 1_700_000_000 + number, "nanos": 0},
            "running_at": {"seconds": 1_700_000_010 + number, "nanos": 0},
            "done_at": {"seconds": 1_700_000_070 + number, "nanos": 0},
            "working_directory": ".semaphore",
            "yaml_file_name": "semaphore.yml",
            "promotion_of": "",
            "partial_rerun_of": "",
            "partially_rerun_by": "",
            "terminated_by": "",
            "error_description": "",
            "triggerer": {"wf_triggered_by": 0, "wf_triggerer_user_id": "u-1", "wf_triggerer_provider_login": "ada"},
        }
        return made | facts

    return make
