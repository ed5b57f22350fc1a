"""Routes of Test Engine: suites, runs, executions and tests."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable

from starlette.requests import Request
from starlette.responses import Response

from ci_mcp.sandbox.buildkite.answers import (
    Json,
    Refused,
    base_of,
    body_of,
    flag,
    invalid,
    iso,
    page_of,
    routes,
    said,
    world_of,
)
from ci_mcp.sandbox.buildkite.model import graphql_id, make_id
from ci_mcp.sandbox.buildkite.reports import SUITES, Execution, Test, TestRun, all_runs, runs_of
from ci_mcp.sandbox.buildkite.shapes import WEB
from ci_mcp.sandbox.buildkite.world import ORGANIZATION, World

_PREFIX = "/v2/analytics/organizations/{org}"
_SUITE = _PREFIX + "/suites/{suite}"
_RUN = _SUITE + "/runs/{run}"
_METRICS_SINCE = dt.date(2026, 8, 1)
_SORTS = {"duration_avg", "duration_sum", "duration_min", "duration_max", "reliability"}
_FLAKY = {"test_an_order_is_kept"}
_MUTED = {"test_an_empty_cart_costs_nothing"}


async def list_suites(request: Request) -> Response:
    """``GET …/suites``."""
    return page_of(request, list(SUITES), lambda suite: _suite(request, suite))


async def get_suite(request: Request) -> Response:
    """``GET …/suites/{slug}``; the suite's own token only where it is asked for."""
    shown = _suite(request, _suite_of(request))
    return said(shown | ({"api_token": "demo-suite-token"} if flag(request, "show_api_token") else {}))


def _suite_of(request: Request) -> str:
    suite: str = request.path_params["suite"]
    if suite not in SUITES:
        raise Refused(404, "No suite found")
    return suite


def _suite_url(request: Request, suite: str) -> str:
    return f"{base_of(request)}/analytics/organizations/{ORGANIZATION}/suites/{suite}"


def _suite_web(suite: str) -> str:
    return f"{WEB}/organizations/{ORGANIZATION}/analytics/suites/{suite}"


def _suite(request: Request, suite: str) -> Json:
    suite_id = make_id("suite", suite)
    return {
        "id": suite_id, "graphql_id": graphql_id("Suite", suite_id), "slug": suite, "name": SUITES[suite],
        "url": _suite_url(request, suite), "web_url": _suite_web(suite), "default_branch": "main", "emoji": None,
        "color": None, "application_name": "shop",
    }  # fmt: skip


async def list_runs(request: Request) -> Response:
    """``GET …/runs``: newest first, of one build where ``build_id`` says so."""
    wanted = request.query_params.get("build_id")
    found = [run for run in all_runs(world_of(request), _suite_of(request)) if wanted in {None, run.build.id}]
    return page_of(request, found, lambda run: _run(request, run))


async def get_run(request: Request) -> Response:
    """``GET …/runs/{id}``."""
    return said(_run(request, _run_of(request)))


def _run_of(request: Request) -> TestRun:
    suite, wanted = _suite_of(request), request.path_params["run"]
    found = next((run for run in all_runs(world_of(request), suite) if run.id == wanted), None)
    if not found:
        raise Refused(404, "No run found")
    return found


def _run(request: Request, run: TestRun) -> Json:
    clock = world_of(request).clock
    return {
        "id": run.id, "branch": run.build.branch, "commit_sha": run.build.commit,
        "url": f"{_suite_url(request, run.suite)}/runs/{run.id}", "web_url": f"{_suite_web(run.suite)}/runs/{run.id}",
        "state": "finished" if run.finished else "running", "result": run.result, "build_id": run.build.id,
        "created_at": iso(clock, run.executions[0].at),
    }  # fmt: skip


async def failed_executions(request: Request) -> Response:
    """``GET …/failed_executions``: those too whose test passed when it was retried."""
    run, more = _run_of(request), flag(request, "include_failure_expanded")
    found = [one for one in run.executions if one.case.failure]
    return page_of(request, found, lambda one: _execution(request, run, one, expanded=more))


def _execution(request: Request, run: TestRun, one: Execution, *, expanded: bool) -> Json:
    web, case = _suite_web(run.suite), one.case
    known: Json = {
        "execution_id": one.id, "run_id": run.id, "test_id": one.test.id, "run_name": f"{run.build.number}",
        "commit_sha": run.build.commit, "created_at": iso(world_of(request).clock, one.at), "branch": run.build.branch,
        "failure_reason": case.failure, "duration": case.seconds, "location": case.location,
        "test_name": f"{case.scope} {case.name}", "run_url": f"{web}/runs/{run.id}",
        "test_url": f"{web}/tests/{one.test.id}",
        "test_execution_url": f"{web}/tests/{one.test.id}?execution_id={one.id}",
        "tags": {"build.job_id": one.job.id, "build.step_key": one.job.spec.key},
    }  # fmt: skip
    if expanded:
        known["failure_expanded"] = [{"backtrace": [case.location], "expanded": list(case.details)}]
    return known


async def build_tests(request: Request) -> Response:
    """``GET …/builds/{uuid}/tests``: of all suites; always with its counts."""
    world, wanted = world_of(request), request.path_params["build"]
    build = next((one for one in world.builds.values() if one.id == wanted and one.pipeline.visible), None)
    if not build:
        raise Refused(404, "No build found")
    executions = [one for run in runs_of(build, world) for one in run.executions]
    return _tests(request, executions, metrics=True)


async def list_tests(request: Request) -> Response:
    """``GET …/tests``: of a suite; with its counts where the version header is new enough."""
    query = request.query_params
    metrics = _wants_metrics(request)
    if "label" in query and "labels" in query:
        raise Refused(400, "Only one of label and labels may be given")
    runs = all_runs(world_of(request), _suite_of(request))
    return _tests(request, [one for run in runs for one in run.executions], metrics=metrics)


def _wants_metrics(request: Request) -> bool:
    version = request.headers.get("buildkite-version", "")
    try:
        return bool(version) and dt.date.fromisoformat(version) >= _METRICS_SINCE
    except ValueError:
        raise Refused(400, "Buildkite-Version must be a date: YYYY-MM-DD") from None


def _tests(request: Request, executions: Iterable[Execution], *, metrics: bool) -> Response:
    """One page of the tests that were executed, as far as the query wants them."""
    query = request.query_params
    groups: dict[str, list[Execution]] = {}
    for one in executions:
        if _fits(query.get("branch", ""), one.job.build.branch):
            groups.setdefault(one.test.id, []).append(one)
    found = [group for group in groups.values() if _wanted(request, group)]
    if "sort_by" in query:
        if query["sort_by"] not in _SORTS:
            raise invalid(sort_by="invalid")
        found.sort(
            key=lambda group: _metrics(group)[query["sort_by"]] or 0.0, reverse=query.get("order", "desc") == "desc"
        )
    return page_of(request, found, lambda group: _test(request, group, metrics=metrics))


def _fits(pattern: str, branch: str) -> bool:
    """True where a branch fits a filter, which may begin with ``!`` or end with ``*``."""
    bare = pattern.removeprefix("!")
    fits = not bare or branch == bare or (bare.endswith("*") and branch.startswith(bare[:-1]))
    return fits != pattern.startswith("!")


def _wanted(request: Request, group: list[Execution]) -> bool:
    query, test = request.query_params, group[0].test
    wanted = [word for word in query.get("labels", query.get("label", "")).split(",") if word]
    labels = _labels(test)
    if not all((word.removeprefix("!") in labels) != word.startswith("!") for word in wanted):
        return False
    if query.get("state", _state(test)) != _state(test):
        return False
    return all(_tagged(group, tag) for tag in query.get("tags", "").split(",") if tag)


def _tagged(group: list[Execution], tag: str) -> bool:
    """True where executions fit ``key:value``: ``^`` all of them, ``~`` some but not all, ``!`` none."""
    key, _, value = tag.partition(":")
    mark, bare = (value[:1], value[1:]) if value[:1] in {"^", "~", "!"} else ("", value)
    values = {"result": lambda one: one.result, "build.step_key": lambda one: one.job.spec.key}
    if key not in values:
        return False
    hits = [values[key](one) == bare for one in group]
    return {"": any(hits), "^": all(hits), "~": any(hits) and not all(hits), "!": not any(hits)}[mark]


def _labels(test: Test) -> list[str]:
    return ["flaky"] if test.case.name in _FLAKY else []


def _state(test: Test) -> str:
    return "muted" if test.case.name in _MUTED else "enabled"


def _metrics(group: list[Execution]) -> Json:
    seconds = [one.case.seconds for one in group]
    counts = Counter(one.result for one in group)
    return {
        "reliability": counts["passed"] / len(group), "duration_avg": sum(seconds) / len(group),
        "duration_sum": sum(seconds), "duration_min": min(seconds), "duration_max": max(seconds),
        "executions_count": len(group), "executions_count_by_result": dict(counts),
    }  # fmt: skip


def _test(request: Request, group: list[Execution], *, metrics: bool) -> Json:
    test = group[0].test
    known = {
        "id": test.id, "url": f"{_suite_url(request, test.suite)}/tests/{test.id}",
        "web_url": f"{_suite_web(test.suite)}/tests/{test.id}", "scope": test.case.scope, "name": test.case.name,
        "location": test.case.location, "file_name": test.case.location.partition(":")[0], "labels": _labels(test),
    }  # fmt: skip
    return known | (_metrics(group) if metrics else {})


async def get_test(request: Request) -> Response:
    """``GET …/tests/{id}``."""
    group = _executions_of(world_of(request), _suite_of(request), request.path_params["test"])
    if not group:
        raise Refused(404, "No test found")
    return said(_test(request, group, metrics=_wants_metrics(request)))


async def find_test(request: Request) -> Response:
    """``POST …/tests/find``: by scope and name."""
    sent, suite = await body_of(request), _suite_of(request)
    missing = {key: "missing_field" for key in ("scope", "name") if not sent.get(key)}
    if missing:
        raise invalid(**missing)
    group = _executions_of(world_of(request), suite, make_id("test", suite, sent["scope"], sent["name"]))
    if not group:
        raise Refused(404, "No test found")
    return said(_test(request, group, metrics=_wants_metrics(request)))


def _executions_of(world: World, suite: str, test_id: str) -> list[Execution]:
    return [one for run in all_runs(world, suite) for one in run.executions if one.test.id == test_id]


ROUTES = [
    *routes("read_suites", _PREFIX + "/suites", list_suites),
    *routes("read_suites", _SUITE, get_suite),
    *routes("read_suites", _SUITE + "/runs", list_runs),
    *routes("read_suites", _RUN, get_run),
    *routes("read_suites", _RUN + "/failed_executions", failed_executions),
    *routes("read_suites", _SUITE + "/tests", list_tests),
    *routes("read_suites", _SUITE + "/tests/find", find_test, "POST"),
    *routes("read_suites", _SUITE + "/tests/{test}", get_test),
    *routes("read_suites", _PREFIX + "/builds/{build}/tests", build_tests),
]
