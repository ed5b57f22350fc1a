"""Tests: those of a job, and those that pass and fail on the same commit."""

import re
from dataclasses import replace
from typing import Annotated, Final, Literal

from pydantic import Field

from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Cursor, Limit, Page, TestCase
from ci_mcp.errors import UsageError
from ci_mcp.logs.places import place_in
from ci_mcp.net.pages import walk
from ci_mcp.providers.circleci import ids, read, wire
from ci_mcp.providers.circleci.jobs import InProject, JobName
from ci_mcp.providers.circleci.projects import ProjectName
from ci_mcp.providers.circleci.provider import provider
from ci_mcp.providers.circleci.records import FlakyTest
from ci_mcp.providers.circleci.wire import Json, text
from ci_mcp.status import Status

_RESULTS: Final = {
    "success": Status.PASSED,
    "failure": Status.FAILED,
    "failed": Status.FAILED,
    "error": Status.FAILED,
    "skipped": Status.SKIPPED,
}
_ORDER: Final = {Status.FAILED: 0, Status.UNKNOWN: 1, Status.SKIPPED: 2, Status.PASSED: 3}
_MESSAGE: Final = 1000
_COLOURS: Final = re.compile(r"(?:\x1b|#x1B)\[[0-9;]*[A-Za-z]")  # pytest writes an escape into XML as #x1B
_PAGES: Final = 20
_NONE: Final = (
    "no test results: the job has no store_test_results step, or more than CircleCI keeps (250 MB); "
    "read the job's log instead"
)


@provider.read(core=True)
async def tests_list(
    api: Api,
    job: JobName,
    project: InProject = "",
    status: Annotated[
        Literal["", "failed", "skipped", "passed"], Field(description="Only those with this status")
    ] = "",
    limit: Limit = 20,
    cursor: Cursor = "",
) -> Page[TestCase]:
    """Tests of a job from its stored results, failing ones first, with message and place.

    Route: GET /api/v2/project/{slug}/{number}/tests.
    Raises: NotFoundError: there is no such job, or none that the token may see.
    """
    there, named = await read.find_job(api, job, project)
    if not named.job:
        raise UsageError(f"job {named.job_id} has not started, so it has no tests", "wait until it has run")
    cases, whole = await of_job(there, named.project, named.job, most_pages=_PAGES)
    failed = sum(case.status is Status.FAILED for case in cases)
    note = f"{len(cases):,} tests{'' if whole else ' read, there are more'}, {failed:,} failed" if cases else _NONE
    chosen = [case for case in cases if not status or case.status == status]
    return await read.listed(chosen, cursor=cursor, limit=limit, note=note)


async def of_job(api: Api, project: str, number: str, *, most_pages: int) -> tuple[list[TestCase], bool]:
    """The tests of a job, failing ones first, and whether these are all of them."""
    path = f"{read.V2}/project/{ids.path(project)}/{number}/tests"
    more: list[str | None] = [None]

    async def fetch(token: str) -> tuple[list[Json], str | None]:
        found, more[0] = await read.page(api, path, "tests", {}, token)
        return found, more[0]

    with read.explained(api, "job", f"{project}/{number}"):
        cases = [case(raw) async for raw in walk(fetch, max_pages=most_pages)]
    return sorted(cases, key=lambda one: _ORDER[one.status]), more[0] is None


def case(raw: Json) -> TestCase:
    """One test as answers show it; where it failed is read from its message."""
    message = _COLOURS.sub("", text(raw, "message")).strip()
    file, line = place_in(message, text(raw, "file")) or (text(raw, "file"), None)
    return TestCase(
        status=_RESULTS.get(text(raw, "result"), Status.UNKNOWN),
        name=text(raw, "name"),
        suite=text(raw, "classname"),
        file=file,
        line=line,
        message=message[:_MESSAGE],
        duration=wire.real(raw, "run_time"),
    )


@provider.read()
async def tests_flaky(api: Api, project: ProjectName, limit: Limit = 20, cursor: Cursor = "") -> Page[FlakyTest]:
    """Tests that passed and failed on the same commit in the last two weeks, the most flaky first.

    Route: GET /api/v2/insights/{slug}/flaky-tests.
    Raises: NotFoundError: there is no such project, or none that the token may see.
    """
    there, named = await read.slug(api, project)
    found = await flaky_tests(there, named)
    note = "" if found else "CircleCI knows no flaky test of this project (it needs stored test results)"
    return await read.listed(found, cursor=cursor, limit=limit, note=note)


async def flaky_tests(api: Api, project: str) -> list[FlakyTest]:
    """The flaky tests of a project; CircleCI has a row for each time, here each test is one."""
    with read.explained(api, "project", project):
        body = await read.get(api, f"{read.V2}/insights/{ids.path(project)}/flaky-tests", "list of flaky tests")
    found: dict[tuple[str, str, str], FlakyTest] = {}
    for raw in wire.parts(body.get("flaky_tests")):
        one = FlakyTest(
            name=text(raw, "test_name"),
            suite=text(raw, "classname"),
            file=text(raw, "file"),
            times=wire.whole(raw, "times_flaked") or 1,
            wasted=wire.real(raw, "time_wasted"),
            job=f"{project}/{number}" if (number := wire.whole(raw, "job_number")) else text(raw, "job_name"),
            workflow=text(raw, "workflow_name"),
        )
        key = (one.name, one.suite, one.file)
        known = found.get(key)
        found[key] = one if known is None else replace(known, times=max(known.times, one.times))
    return sorted(found.values(), key=lambda one: -one.times)
