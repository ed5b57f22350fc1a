"""Test Engine: tests of a build and over time, suites and their runs."""

from contextlib import suppress
from dataclasses import replace
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Cursor, Limit, Page
from ci_mcp.core.together import together
from ci_mcp.errors import NotFoundError
from ci_mcp.logs.text import clean_text
from ci_mcp.net.pages import collect
from ci_mcp.providers.buildkite import builds, engine, ids, read, wire
from ci_mcp.providers.buildkite.builds import BuildName
from ci_mcp.providers.buildkite.ids import Named
from ci_mcp.providers.buildkite.pipelines import OrganizationName, at_organization
from ci_mcp.providers.buildkite.provider import provider
from ci_mcp.providers.buildkite.records import Suite, SuiteRun, Test, TestDetails
from ci_mcp.providers.buildkite.wire import Json, text

SuiteName = Annotated[str, Field(min_length=1, max_length=100, description="Suite slug")]
_TAGS: Final = {"failed": engine.ALWAYS_FAILED, "flaky": engine.ONCE_FAILED, "all": ""}
_SUITES: Final = 5  # suites that are looked through for a test
_MESSAGE: Final = 500  # characters
_NONE: Final = (
    "Test Engine has no run of this build; its jobs may have kept reports: "
    'buildkite_artifacts_list with path="*junit*.xml"'
)


@provider.read(core=True)
async def tests_list(
    api: Api,
    build: BuildName,
    result: Annotated[
        Literal["failed", "flaky", "all"], Field(description="failed: no retry passed; flaky: one did")
    ] = "failed",
    limit: Limit = 20,
    cursor: Cursor = "",
) -> Page[Test]:
    """Tests of a build: really failing ones with their message by default, or flaky ones, or all.

    Route: GET /v2/analytics/organizations/{org}/builds/{uuid}/tests, GET …/suites/{suite}/runs/{run}/failed_executions.
    Raises: NotFoundError: there is no such build. PermissionDeniedError: the token lacks read_suites.
    """
    named = await read.placed(api, ids.build(api, build))
    raw = await read.build(api, named, include_test_engine="true")
    runs = builds.test_runs(raw)
    if not runs:
        return Page([], note=_NONE)
    uuid = ids.own(raw, "build")
    with read.explained(f"tests of build {named.build}", "read_suites"):
        said, always = await _around(api, named.organization, uuid, runs if result != "all" else [], result == "flaky")
    fetch = read.numbered(
        api,
        f"{read.ANALYTICS}/organizations/{named.organization}/builds/{uuid}/tests",
        {"tags": _TAGS[result]},
        lambda test: _test(test, said.get(text(test, "id"), {}), result),
        limit=limit,
        of=f"tests of build {named.build}",
        scope="read_suites",
    )
    return await collect(fetch, cursor=cursor, limit=limit, keep=lambda test: test.id not in always)


async def _around(
    api: Api, organization: str, build: str, runs: list[Json], flaky: bool
) -> tuple[dict[str, Json], set[str]]:
    """What failed executions of these runs said, by test; and, to tell flaky tests, those that never passed."""
    said: dict[str, Json] = {}
    always: set[str] = set()

    async def at_words() -> None:
        said.update(await engine.words_of(api, organization, runs))

    async def at_always() -> None:
        if flaky:
            always.update(text(test, "id") for test in await engine.failing(api, organization, build))

    await together([at_words, at_always])
    return said, always


def _test(raw: Json, execution: Json, verdict: str) -> Test:
    counts = wire.part(raw, "executions_count_by_result")
    return Test(
        verdict="" if verdict == "all" else verdict,
        name=clean_text(text(raw, "name")),
        location=text(raw, "location") or text(raw, "file_name"),
        id=text(raw, "id"),
        message=clean_text(" ".join(text(execution, "failure_reason").split()))[:_MESSAGE],
        labels=wire.texts(raw.get("labels")),
        scope=text(raw, "scope"),
        failed=wire.whole(counts, "failed"),
        passed=wire.whole(counts, "passed"),
    )


@provider.read()
async def tests_describe(
    api: Api,
    test: Annotated[str, Field(min_length=36, max_length=36, description="Test id (UUID)")],
    suite: Annotated[str, Field(max_length=100, description="Suite slug; default: found")] = "",
    organization: OrganizationName = "",
) -> TestDetails:
    """One test over time: how reliable it is, how long it takes, how often it failed and passed.

    Route: GET /v2/analytics/organizations/{org}/suites/{suite}/tests/{id}.
    Raises: NotFoundError: there is no such test. PermissionDeniedError: the token lacks read_suites.
    """
    named = await at_organization(api, organization)
    known = ids.uuid(test, "test")
    slugs = [ids.slug(suite, "suite")] if suite else await engine.suites(api, named.organization)
    raw = await _found(api, named, slugs, known)
    results = {str(k): v for k, v in wire.part(raw, "executions_count_by_result").items() if isinstance(v, int)}
    return TestDetails(
        name=clean_text(text(raw, "name")),
        id=text(raw, "id"),
        scope=text(raw, "scope"),
        location=text(raw, "location") or text(raw, "file_name"),
        labels=wire.texts(raw.get("labels")),
        state=text(raw, "state"),
        reliability=_number(raw, "reliability"),
        executions=wire.whole(raw, "executions_count"),
        results=results,
        average=_number(raw, "duration_avg"),
        longest=_number(raw, "duration_max"),
        url=text(raw, "web_url"),
    )


async def _found(api: Api, named: Named, slugs: list[str], test: str) -> Json:
    """The test in the first suite that has it."""
    for slug in slugs[:_SUITES]:
        with suppress(NotFoundError), read.explained(f"test {test}", "read_suites"):
            return wire.record(await engine.versioned(api, f"{_base(named)}/{slug}/tests/{test}"), "test")
    raise NotFoundError(
        f"no test {test} in {', '.join(slugs[:_SUITES]) or 'any suite'}, or none that this token may see",
        'see "ci-mcp buildkite suites list", and name the suite',
    )


def _base(named: Named) -> str:
    return f"{read.ANALYTICS}/organizations/{named.organization}/suites"


def _number(raw: Json, key: str) -> float | None:
    value = raw.get(key)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


@provider.read()
async def suites_list(
    api: Api, organization: OrganizationName = "", limit: Limit = 20, cursor: Cursor = ""
) -> Page[Suite]:
    """Test suites of an organization.

    Route: GET /v2/analytics/organizations/{org}/suites.
    Raises: PermissionDeniedError: the token lacks read_suites.
    """
    named = await at_organization(api, organization)
    of = f"test suites of {named.organization}"
    fetch = read.numbered(api, _base(named), {}, _suite, limit=limit, of=of, scope="read_suites")
    return await collect(fetch, cursor=cursor, limit=limit)


def _suite(raw: Json) -> Suite:
    return Suite(
        name=text(raw, "name"),
        slug=text(raw, "slug"),
        default_branch=text(raw, "default_branch"),
        url=text(raw, "web_url"),
    )


@provider.read()
async def runs_list(
    api: Api,
    suite: SuiteName,
    build: Annotated[str, Field(max_length=400, description="Only of this build")] = "",
    organization: OrganizationName = "",
    limit: Limit = 20,
    cursor: Cursor = "",
) -> Page[SuiteRun]:
    """Runs of a test suite, newest first, with result and build.

    Route: GET /v2/analytics/organizations/{org}/suites/{suite}/runs.
    Raises: NotFoundError: there is no such suite or build. PermissionDeniedError: the token lacks read_suites.
    """
    wanted = ids.build(api, build) if build else Named()
    named = await at_organization(api, organization or wanted.organization)
    uuid = ""
    if build:
        uuid = text(await read.build(api, replace(wanted, organization=named.organization)), "id")
    fetch = read.numbered(
        api,
        f"{_base(named)}/{ids.slug(suite, 'suite')}/runs",
        {"build_id": uuid},
        _run,
        limit=limit,
        of=f"runs of suite {suite}",
        scope="read_suites",
    )
    return await collect(fetch, cursor=cursor, limit=limit)


def _run(raw: Json) -> SuiteRun:
    facts: dict[str, Any] = {key: text(raw, key) for key in ("id", "state", "branch")}
    return SuiteRun(
        **facts,
        result=text(raw, "result"),
        commit=text(raw, "commit_sha"),
        build=text(raw, "build_id"),
        created=wire.when(raw.get("created_at")),
        url=text(raw, "web_url"),
    )
