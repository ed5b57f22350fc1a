"""Test Engine: the tests of a build that really failed, and what they said."""

import json
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import TestCase
from ci_mcp.core.together import answers, settled
from ci_mcp.errors import BadAnswerError, CiError
from ci_mcp.logs.report import Failed, located
from ci_mcp.logs.text import clean_text
from ci_mcp.providers.buildkite import ids, read, wire
from ci_mcp.providers.buildkite.wire import Json, text
from ci_mcp.status import Status

ALWAYS_FAILED: Final = "result:^failed"
"""Tests all of whose executions failed: a retry that passed takes a test out."""
ONCE_FAILED: Final = "result:~failed"
VERSION: Final = {"Buildkite-Version": "2026-08-01"}
"""With this, tests come with their reliability."""

_RUNS: Final = 2  # runs whose failures are asked for their words
_MOST: Final = 8 << 20  # bytes of an answer
_EXPANDED: Final = 4000  # characters of a failure's details


def place(location: str) -> tuple[str, str]:
    """``file:line`` taken apart; the line is empty where there is none."""
    file, _, line = location.rpartition(":")
    return (file, line) if file and line.isdecimal() else (location, "")


def expanded(raw: Json) -> str:
    """The details of a failed execution: what it expected, and its backtrace."""
    found = wire.parts(raw.get("failure_expanded"))
    lines = [line for one in found for key in ("expanded", "backtrace") for line in wire.texts(one.get(key))]
    return "\n".join(lines)[:_EXPANDED]


def case(test: Json, execution: Json) -> TestCase:
    """A failing test, with the words of one of its executions where there is one."""
    file, line = place(text(test, "location") or text(execution, "location"))
    made = TestCase(
        status=Status.FAILED, name=clean_text(text(test, "name") or text(execution, "test_name")), duration=None
    )
    said = Failed(
        suite=text(test, "scope"),
        file=file or text(test, "file_name"),
        line=line,
        message=text(execution, "failure_reason"),
        details=expanded(execution),
    )
    return located(made, said)


async def failing(api: Api, organization: str, build: str) -> list[Json]:
    """The tests of a build all of whose executions failed.

    Args:
        api: whom to ask.
        organization: its slug.
        build: its UUID: Test Engine does not know numbers.

    Route: GET /v2/analytics/organizations/{org}/builds/{uuid}/tests?tags=result:^failed.
    """
    path = f"{read.ANALYTICS}/organizations/{organization}/builds/{build}/tests"
    reply = await api.get(path, {"tags": ALWAYS_FAILED, "per_page": read.MOST})
    return wire.records(reply.json(), "tests")


def suite_of(run: Json) -> str:
    """The slug of the suite that a run of Test Engine is of."""
    return text(wire.part(run, "suite"), "slug") or text(run, "suite_slug")


async def executions(api: Api, organization: str, run: Json) -> list[Json]:
    """The failed executions of a run; some of their tests may have passed later.

    Route: GET /v2/analytics/organizations/{org}/suites/{suite}/runs/{run}/failed_executions.
    """
    path = f"{read.ANALYTICS}/organizations/{organization}/suites/{ids.slug(suite_of(run), 'suite')}"
    path += f"/runs/{ids.own(run, 'run')}/failed_executions"
    reply = await api.get(path, {"include_failure_expanded": "true", "per_page": read.MOST})
    return wire.records(reply.json(), "failed executions")


async def words_of(api: Api, organization: str, runs: list[Json]) -> dict[str, Json]:
    """Test id → its last failed execution, over the first runs of a build; what is refused adds nothing."""
    found, _ = answers_or_none(await settled([partial(executions, api, organization, run) for run in runs[:_RUNS]]))
    return {text(one, "test_id"): one for some in found for one in some}


def answers_or_none(results: list[Any]) -> tuple[list[Any], list[CiError]]:
    """The results apart from the errors; nothing where nobody answered."""
    try:
        return answers(results)
    except CiError as error:
        return [], [error]


async def suites(api: Api, organization: str) -> list[str]:
    """The slugs of an organization's test suites.

    Route: GET /v2/analytics/organizations/{org}/suites.
    Raises: PermissionDeniedError: the token lacks read_suites.
    """
    path = f"{read.ANALYTICS}/organizations/{organization}/suites"
    with read.explained(f"test suites of {organization}", "read_suites"):
        found = wire.records((await api.get(path, {"per_page": read.MOST})).json(), "suites")
    return [ids.slug(slug, "suite") for one in found if (slug := text(one, "slug"))]


async def versioned(api: Api, path: str, params: Mapping[str, Any] | None = None) -> Any:
    """An answer of Test Engine with its metrics, which a header asks for.

    Raises: BadAnswerError: it is no JSON, or too long.
    """
    data = bytearray()
    async with api.stream(path, params, headers={**VERSION, "Accept": "application/json"}) as body:
        async for chunk in body:
            data += chunk
            if len(data) > _MOST:
                raise BadAnswerError("Buildkite answered with more than 8 MB", "ask for less")
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadAnswerError("Buildkite answered something that is not JSON", "try again later") from error
