"""Routes of API v2 for insights: flaky tests, and numbers over workflows."""

import statistics
from collections.abc import Iterable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ci_mcp.sandbox.app import Refused
from ci_mcp.sandbox.circleci.answers import (
    Json,
    asked_project,
    message,
    organization_id,
    page_of,
    said,
    stamp,
    world_of,
)
from ci_mcp.sandbox.circleci.model import Project, Workflow
from ci_mcp.sandbox.circleci.world import World

_DAY = 86400
_WINDOWS = {
    "last-24-hours": _DAY,
    "last-7-days": 7 * _DAY,
    "last-30-days": 30 * _DAY,
    "last-60-days": 60 * _DAY,
    "last-90-days": 90 * _DAY,
}
_DEFAULT_WINDOW = "last-90-days"
_NO_TREND = 1.0
# Test, class, job, pipeline, how many times, seconds lost: one row for each workflow in which it flaked.
_FLAKES = (
    ("test_orders_are_kept", "integration.test_orders", "integration", "main-9", 3, 94),
    ("test_orders_are_kept", "integration.test_orders", "integration", "main-7", 3, 94),
    ("test_a_receipt_names_its_currency", "tests.test_receipt", "test", "main-6", 2, 61),
)


async def list_flaky(request: Request) -> Response:
    """``GET /insights/{slug}/flaky-tests``: one row for each time, in snake_case whatever the published file says."""
    project, world = asked_project(request), world_of(request)
    found = [_flake(world, row) for row in _FLAKES] if project.name == "shop" else []
    return said({"flaky_tests": found, "total_flaky_tests": len({row["test_name"] for row in found})})


def _flake(world: World, row: tuple[str, str, str, str, int, int]) -> Json:
    test, classname, job_name, key, times, wasted = row
    number = int(key.partition("-")[2])
    pipeline = sorted(
        (
            one
            for one in world.pipelines.values()
            if (one.project.name, one.branch, one.trigger) == ("shop", "main", "webhook")
        ),
        key=lambda one: one.created,
    )[number - 1]
    workflow = pipeline.workflows[0]
    job = next(one for one in workflow.jobs if one.spec.name == job_name)
    return {
        "time_wasted": wasted,
        "workflow_created_at": stamp(world.clock, workflow.created),
        "workflow_id": workflow.id,
        "classname": classname,
        "pipeline_number": pipeline.number,
        "workflow_name": workflow.spec.name,
        "test_name": test,
        "job_name": job_name,
        "job_number": job.number,
        "times_flaked": times,
        "source": "pytest",
        "file": classname.replace(".", "/") + ".py",
    }


async def list_workflow_metrics(request: Request) -> Response:
    """``GET /insights/{slug}/workflows``: of one branch, the default one if none is named."""
    project, world, query = asked_project(request), world_of(request), request.query_params
    branch = None if query.get("all-branches") == "true" else query.get("branch") or project.default
    seconds = _window(request)
    found = _ended(world, project, seconds, {branch} if branch else set())
    names = sorted({one.spec.name for one in found})

    def shape(name: str) -> Json:
        return {
            "name": name,
            "project_id": project.id,
            "window_start": stamp(world.clock, -seconds),
            "window_end": stamp(world.clock, 0),
            "metrics": _metrics([one for one in found if one.spec.name == name], seconds),
        }

    return page_of(request, names, shape)


def _window(request: Request) -> float:
    word = request.query_params.get("reporting-window", _DEFAULT_WINDOW)
    if word not in _WINDOWS:
        raise Refused(message(400, f"reporting-window: must be one of {', '.join(_WINDOWS)}"))
    return _WINDOWS[word]


def _ended(world: World, project: Project, seconds: float, branches: set[str]) -> list[Workflow]:
    now = world.clock.now()
    return [
        one
        for one in world.workflows.values()
        if one.pipeline.project is project
        and one.created >= -seconds
        and one.over(now)
        and (not branches or one.pipeline.branch in branches)
    ]


def _metrics(found: list[Workflow], seconds: float) -> Json:
    total, times = len(found), [round(one.stopped() - one.created) for one in found]
    good, bad = _count(found, "success"), _count(found, "failed")
    return {
        "total_runs": total,
        "successful_runs": good,
        "failed_runs": bad,
        "mttr": 4200 if bad else None,
        "total_credits_used": sum(times) // 6,
        "success_rate": good / total,
        "total_recoveries": min(bad, 1),
        "throughput": total / (seconds / _DAY),
        "duration_metrics": {
            "min": min(times),
            "mean": round(statistics.fmean(times)),
            "median": round(statistics.median(times)),
            "p95": _p95(times),
            "max": max(times),
            "standard_deviation": statistics.pstdev(times),
        },
    }


def _count(found: Iterable[Workflow], status: str) -> int:
    return sum(one.status(one.stopped()) == status for one in found)


def _p95(times: list[int]) -> int:
    return sorted(times)[min(len(times) - 1, int(len(times) * 0.95))]


async def get_summary(request: Request) -> Response:
    """``GET /insights/pages/{slug}/summary``."""
    project, world, query = asked_project(request), world_of(request), request.query_params
    branches = {one for word in query.getlist("branches") for one in word.split(",")}
    names = {one for word in query.getlist("workflow-names") for one in word.split(",")}
    seconds = _window(request)
    every = _ended(world, project, seconds, set())
    found = [
        one
        for one in every
        if (not branches or one.pipeline.branch in branches) and (not names or one.spec.name in names)
    ]
    rows = [_row(found, name, None) for name in sorted({one.spec.name for one in found})]
    pairs = sorted({(one.spec.name, one.pipeline.branch) for one in found})
    return said({
        "org_id": organization_id(project),
        "project_id": project.id,
        "project_data": _project_data(found, seconds),
        "project_workflow_data": rows,
        "project_workflow_branch_data": [_row(found, name, branch) for name, branch in pairs],
        "all_branches": sorted({one.pipeline.branch for one in every if one.pipeline.branch}),
        "all_workflows": sorted({one.spec.name for one in every}),
    })  # fmt: skip


def _project_data(found: list[Workflow], seconds: float) -> Json:
    duration = sum(round(one.stopped() - one.created) for one in found)
    metrics: dict[str, Any] = {
        "total_runs": len(found),
        "total_duration_secs": duration,
        "total_credits_used": duration // 6,
        "success_rate": _count(found, "success") / max(1, len(found)),
        "throughput": len(found) / (seconds / _DAY),
    }
    return {"metrics": metrics, "trends": dict.fromkeys(metrics, _NO_TREND)}


def _row(found: list[Workflow], name: str, branch: str | None) -> Json:
    chosen = [one for one in found if one.spec.name == name and branch in {None, one.pipeline.branch}]
    times = [round(one.stopped() - one.created) for one in chosen]
    metrics: dict[str, Any] = {
        "total_credits_used": sum(times) // 6,
        "p95_duration_secs": float(_p95(times)),
        "total_runs": len(chosen),
        "success_rate": _count(chosen, "success") / len(chosen),
    }
    row = {"workflow_name": name, "metrics": metrics, "trends": dict.fromkeys(metrics, _NO_TREND)}
    return row if branch is None else row | {"branch": branch}


ROUTES = [
    Route("/api/v2/insights/pages/{vcs}/{org}/{repo}/summary", get_summary),
    Route("/api/v2/insights/{vcs}/{org}/{repo}/flaky-tests", list_flaky),
    Route("/api/v2/insights/{vcs}/{org}/{repo}/workflows", list_workflow_metrics),
]
