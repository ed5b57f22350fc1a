"""A running CircleCI, and clients that hold every answer against the vendor's published schemas."""

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from ci_mcp.sandbox.serve import Service, start

FACTS: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "fixtures" / "circleci_openapi.json").read_text("utf-8")
)
_CHECKER = jsonschema.FormatChecker()


def _pattern(template: str) -> re.Pattern[str]:
    """What a path of the published files matches; a project's slug has three segments."""
    text = re.sub(r"\{project-slug\}", "[^/]+/[^/]+/[^/]+", template)
    return re.compile(re.sub(r"\{[^}]+\}", "[^/]+", text))


_PATTERNS = {
    version: {
        path: _pattern(path)
        for path in sorted(paths, key=lambda path: (path.count("{") - path.count("slug}") * 3, path))
    }
    for version, paths in FACTS.items()
}


def _schema(method: str, path: str, status: int) -> dict[str, Any] | None:
    """The schema of an answer; None where nothing is published about the route."""
    version, _, rest = path.removeprefix("/api/").partition("/")
    for template, pattern in _PATTERNS.get(version, {}).items():
        operation = FACTS[version][template].get(method.lower())
        if operation and pattern.fullmatch(f"/{rest}"):
            answers = operation["responses"]
            message = {"type": "object", "required": ["message"], "properties": {"message": {"type": "string"}}}
            found: dict[str, Any] | None = answers.get(str(status), message if status >= 400 else None)
            assert found is not None, f"{method} {template} never answers {status}"
            return found
    return None


def _check(response: httpx.Response) -> None:
    """Hold an answer against its schema; a planted fault is none of the service's answers."""
    response.read()
    schema = _schema(response.request.method, response.request.url.path, response.status_code)
    if schema is not None and "application/edn" not in response.headers.get("content-type", ""):
        jsonschema.Draft202012Validator(schema, format_checker=_CHECKER).validate(response.json())


@pytest.fixture(scope="session")
def facts() -> dict[str, Any]:
    """What the vendor publishes about API v2 and v1.1."""
    return FACTS


@pytest.fixture(scope="module")
def make_client(service: Service, open_client: Callable[..., httpx.Client]) -> Callable[..., httpx.Client]:
    """Makes clients of the cloud (or of another base); they check every answer."""

    def make(token: str = service.token, base: str = service.url, **options: Any) -> httpx.Client:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return open_client(base, headers=headers, event_hooks={"response": [_check]}, **options)

    return make


@pytest.fixture(scope="module")
def server(make_client: Callable[..., httpx.Client], service: Service) -> httpx.Client:
    """A client of the server host: the same organization without API v3."""
    return make_client(base=service.urls["server"])


@pytest.fixture
def fresh(make_client: Callable[..., httpx.Client]) -> Iterator[httpx.Client]:
    """A client of a world that nothing has happened in yet."""
    with start(["circleci"]) as services:
        yield make_client(base=services["circleci"].url)


@pytest.fixture
def wait_for() -> Callable[..., Any]:
    """Asks again until an answer is as wished, for some seconds."""

    def wait(ask: Callable[[], Any], *wished: Any) -> Any:
        end = time.monotonic() + 20
        while (found := ask()) not in wished and time.monotonic() < end:
            time.sleep(0.1)
        return found

    return wait
