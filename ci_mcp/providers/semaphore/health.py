"""How a project does of late: its flaky tests, and how long and how well its pipelines ran.

Both are features of some organizations only. Of the second, what the list of pipelines tells stands in for it.
"""

import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Any, Final

from pydantic import Field

from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Branch, Cursor, Limit, Page, TestCase
from ci_mcp.core.together import together
from ci_mcp.core.wire import text
from ci_mcp.errors import AuthError, NotFoundError, PermissionDeniedError, UnsupportedError
from ci_mcp.net.pages import collect
from ci_mcp.providers.semaphore import grouping, ids, read, wire
from ci_mcp.providers.semaphore.projects import ProjectName
from ci_mcp.providers.semaphore.provider import provider
from ci_mcp.providers.semaphore.wire import Json
from ci_mcp.status import Status

_PAGE: Final = 50
_FEW: Final = 20  # flaky tests that triage is told of
_PERCENT: Final = 100
_TWENTIETHS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class FlakyTest:
    """One flaky test. ``pass_rate`` is in percent; ``job`` is the one in which it failed last."""

    name: str
    suite: str = ""
    file: str = ""
    pass_rate: float | None = None
    disruptions: int | None = None
    last: datetime | None = None
    job: str = ""
    resolved: bool | None = None
    labels: tuple[str, ...] = ()
    ticket: str = ""
    id: str = ""


@provider.read()
async def tests_flaky(
    api: Api, project: ProjectName, branch: Branch = "", limit: Limit = 20, cursor: Cursor = ""
) -> Page[FlakyTest]:
    """Tests that Semaphore calls flaky, most disruptive first: pass rate, failures, and the job of the last one.

    Route: GET /projects/:id/test_results/flaky_tests.
    Raises: NotFoundError: there is no such project. UnsupportedError: the organization has no flaky tests.
    """
    there, named = ids.project(api, project)

    async def fetch(page: str) -> tuple[list[FlakyTest], str | None]:
        return await _flaky(there, project_id, branch, page)

    with read.explained(there, "project", named):
        project_id = await read.project_id(there, named)
    with _feature(there, "flaky tests"):
        return await collect(fetch, cursor=cursor, limit=limit)


async def _flaky(api: Api, project_id: str, branch: str, page: str) -> tuple[list[FlakyTest], str | None]:
    number = int(page) if page.isdecimal() else 1
    order = {"sort_field": "total_disruptions_count", "sort_dir": "desc"}
    params = {"page": number, "page_size": _PAGE, "branch": branch, **order}
    reply = await api.get(f"{read.BASE}/projects/{project_id}/test_results/flaky_tests", params)
    return [_test(raw) for raw in wire.records(reply.json(), "flaky tests")], read.next_page(reply, number)


def _test(raw: Json) -> FlakyTest:
    labels = raw.get("labels")
    return FlakyTest(
        name=text(raw, "test_name"),
        suite=text(raw, "test_suite") or text(raw, "test_group"),
        file=text(raw, "test_file"),
        pass_rate=_number(raw, "pass_rate"),
        disruptions=_whole(raw, "disruptions_count"),
        last=wire.when(raw.get("latest_disruption_at")),
        job=text(raw, "latest_disruption_run_id"),
        resolved=True if raw.get("resolved") is True else None,
        labels=tuple(label for label in labels if isinstance(label, str)) if isinstance(labels, list) else (),
        ticket=text(raw, "ticket_url"),
        id=text(raw, "test_id"),
    )


async def flaky(api: Api, project: str) -> list[TestCase]:
    """The tests of a project that Semaphore calls flaky and nobody has marked as resolved.

    Raises: UnsupportedError: the organization has no flaky tests.
    """
    page = await tests_flaky(api, project, limit=_FEW)
    return [
        TestCase(status=Status.UNKNOWN, name=one.name, suite=one.suite, file=one.file, message=_how(one))
        for one in page.items
        if not one.resolved
    ]


def _how(test: FlakyTest) -> str:
    rate = f"passes in {test.pass_rate:g} % of its runs" if test.pass_rate is not None else "flaky"
    count = f"{test.disruptions} disruptions" if test.disruptions else ""
    last = f"the last on {test.last:%Y-%m-%d}" if test.last else ""
    return ", ".join(part for part in (rate, count, last) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How a project's pipelines did: counts of those that ended, ``pass_rate`` in percent, times in seconds.

    ``source`` says where it is from: Semaphore's own metrics, or counted here.
    """

    project: str
    branch: str = ""
    pipeline_file: str = ""
    since: datetime | None = None
    until: datetime | None = None
    ended: int = 0
    passed: int = 0
    failed: int = 0
    pass_rate: float | None = None
    mean: float | None = None
    median: float | None = None
    p95: float | None = None
    median_passed: float | None = None
    median_failed: float | None = None
    source: str = ""


@provider.read()
async def insights_summary(
    api: Api,
    project: ProjectName,
    branch: Branch = "",
    pipeline_file: Annotated[str, Field(min_length=1, max_length=300, description="Which pipeline")] = (
        ".semaphore/semaphore.yml"
    ),
    days: Annotated[int, Field(ge=1, le=90, description="How many days back")] = 30,
) -> Health:
    """How a project's pipelines did of late: how many passed, and how long they took.

    Route: GET /projects/:id/insights/reliability and …/performance; where the organization has them not,
    GET /pipelines, one page of 100.
    Raises: NotFoundError: there is no such project, or none that the token may see.
    """
    there, named = ids.project(api, project)
    with read.explained(there, "project", named):
        project_id = await read.project_id(there, named)
    about = Health(project=read.project_name(there, project_id), branch=branch, pipeline_file=pipeline_file)
    now = datetime.now(UTC)
    since = now - timedelta(days=days)
    params = {"pipeline_file": pipeline_file, "branch": branch, "aggregate": "range"}
    params |= {"from": f"{since:%Y-%m-%d}", "to": f"{now + timedelta(days=1):%Y-%m-%d}"}
    try:
        with _feature(there, "insights"):
            metrics = ("reliability", "performance")
            found = await together([partial(_insight, there, project_id, metric, params) for metric in metrics])
    except UnsupportedError:
        with read.explained(there, "project", named):
            return await _counted(there, project_id, about, since)
    return _told(about, since, now, *found)


async def _insight(api: Api, project_id: str, metric: str, params: dict[str, str]) -> Json:
    body = (await api.get(f"{read.BASE}/projects/{project_id}/insights/{metric}", params)).json()
    return wire.record(body, metric)


def _told(about: Health, since: datetime, until: datetime, reliability: Json, performance: Json) -> Health:
    counts, times, passed, failed = (
        next(iter(wire.parts(value)), {})
        for value in (reliability.get("metrics"), *(performance.get(key) for key in ("all", "passed", "failed")))
    )
    ended, good = _whole(counts, "all_count") or 0, _whole(counts, "passed_count") or 0
    return Health(
        project=about.project,
        branch=about.branch,
        pipeline_file=about.pipeline_file,
        since=wire.when(counts.get("from_date")) or since,
        until=wire.when(counts.get("to_date")) or until,
        ended=ended,
        passed=good,
        failed=_whole(counts, "failed_count") or 0,
        pass_rate=_rate(good, ended),
        mean=_number(times, "mean_seconds"),
        median=_number(times, "median_seconds"),
        p95=_number(times, "p95_seconds"),
        median_passed=_number(passed, "median_seconds"),
        median_failed=_number(failed, "median_seconds"),
        source="Semaphore's insights",
    )


async def _counted(api: Api, project_id: str, about: Health, since: datetime) -> Health:
    """The same from the newest pipelines, where Semaphore keeps no metrics."""
    params: dict[str, Any] = {"project_id": project_id, "branch_name": about.branch, "page_size": read.MOST}
    params |= {"yml_file_path": about.pipeline_file, "created_after": int(since.timestamp())}
    raw, more = await read.pipelines_page(api, params, "1")
    ended = [one for one in raw if wire.pipeline_status(one) in {Status.PASSED, Status.FAILED}]
    times = {
        status: [grouping.duration(one) or 0.0 for one in ended if wire.pipeline_status(one) is status]
        for status in (Status.PASSED, Status.FAILED)
    }
    spent = sorted(times[Status.PASSED] + times[Status.FAILED])
    created = [when for one in raw if (when := wire.when(one.get("created_at")))]
    return Health(
        project=about.project,
        branch=about.branch,
        pipeline_file=about.pipeline_file,
        since=min(created) if more and created else since,
        until=datetime.now(UTC),
        ended=len(ended),
        passed=len(times[Status.PASSED]),
        failed=len(times[Status.FAILED]),
        pass_rate=_rate(len(times[Status.PASSED]), len(ended)),
        mean=statistics.fmean(spent) if spent else None,
        median=_median(spent),
        p95=spent[len(spent) * (_TWENTIETHS - 1) // _TWENTIETHS] if spent else None,
        median_passed=_median(times[Status.PASSED]),
        median_failed=_median(times[Status.FAILED]),
        source=f"counted from the newest {len(raw)} pipelines: this organization has no insights",
    )


def _median(times: Sequence[float]) -> float | None:
    return statistics.median(times) if times else None


def _rate(passed: int, ended: int) -> float | None:
    return round(_PERCENT * passed / ended, 1) if ended else None


def _number(raw: Json, key: str) -> float | None:
    value = raw.get(key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _whole(raw: Json, key: str) -> int | None:
    value = _number(raw, key)
    return int(value) if value is not None else None


@contextmanager
def _feature(api: Api, what: str) -> Iterator[None]:
    """Say that an organization lacks a feature: the service answers 404 then.

    Raises:
        UnsupportedError: it does. PermissionDeniedError: the token may not read it.
    """
    try:
        yield
    except NotFoundError as error:
        raise UnsupportedError(
            f"{api.host} has no {what}, or not for this token",
            "its plan must include them, and the token's owner be a member of the project",
            status=error.status,
            body=error.body,
        ) from None
    except AuthError as error:
        if not read.not_allowed(error):
            raise
        raise PermissionDeniedError(
            f"this token may not read {what} at {api.host}", "ask for access to the project", status=error.status
        ) from None
