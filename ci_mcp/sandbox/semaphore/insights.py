"""Routes of insights: how long, how well and how often a project's pipelines ran."""

import datetime as dt
import statistics
from collections.abc import Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ci_mcp.sandbox.app import Refused
from ci_mcp.sandbox.semaphore.answers import said, world_of
from ci_mcp.sandbox.semaphore.flaky import feature_project
from ci_mcp.sandbox.semaphore.model import Pipeline
from ci_mcp.sandbox.semaphore.runs import DAY

Json = dict[str, Any]
_DAYS = 30
_P95 = 19  # the nineteenth of twenty parts


async def performance(request: Request) -> Response:
    """``GET /projects/{id}/insights/performance``: seconds, of all, of green and of red pipelines."""
    ways = {"all": ("passed", "failed"), "passed": ("passed",), "failed": ("failed",)}
    return said({key: _metrics(request, _seconds, results) for key, results in ways.items()})


async def reliability(request: Request) -> Response:
    """``GET /projects/{id}/insights/reliability``: how many passed."""

    def counts(pipelines: Sequence[Pipeline]) -> Json:
        passed = sum(one.result == "passed" for one in pipelines)
        return {"all_count": len(pipelines), "passed_count": passed, "failed_count": len(pipelines) - passed}

    return said({"metrics": _metrics(request, counts)})


async def frequency(request: Request) -> Response:
    """``GET /projects/{id}/insights/frequency``: how many ran."""
    return said({"metrics": _metrics(request, lambda found: {"all_count": len(found)})})


def _metrics(
    request: Request, measure: Callable[[Sequence[Pipeline]], Json], results: Sequence[str] = ("passed", "failed")
) -> list[Json]:
    """One record a day in which something ran, or one for the whole time (``aggregate=range``)."""
    project, file = feature_project(request), request.query_params.get("pipeline_file")
    if not file:
        raise Refused(said("Missing required query parameter: pipeline_file", 400))
    world, branch = world_of(request), request.query_params.get("branch")
    now = world.clock.unix(world.clock.now())
    begin = _midnight(request.query_params.get("from")) or now - _DAYS * DAY
    end = _midnight(request.query_params.get("to")) or now
    found = [
        one
        for one in list(world.pipelines.values())
        if one.workflow.project.name == project
        if file == f".semaphore/{one.yaml_file}" and branch in {None, "", one.workflow.branch}
        if one.result in results and one.state(world.clock.now()) == "done"
        if begin <= world.clock.unix(one.end) <= end
    ]
    if request.query_params.get("aggregate") == "range":
        return [{"from_date": _date(begin), "to_date": _date(end), **measure(found)}] if found else []
    days = sorted({int(world.clock.unix(one.end) // DAY) for one in found})
    return [
        {"from_date": _date(day * DAY), "to_date": _date((day + 1) * DAY - 1)}
        | measure([one for one in found if world.clock.unix(one.end) // DAY == day])
        for day in days
    ]


def _seconds(pipelines: Sequence[Pipeline]) -> Json:
    times = sorted(round(one.end - one.created) for one in pipelines)
    return {
        "count": len(times),
        "mean_seconds": round(statistics.fmean(times)),
        "median_seconds": round(statistics.median(times)),
        "min_seconds": times[0],
        "max_seconds": times[-1],
        "std_dev_seconds": round(statistics.pstdev(times)),
        "p95_seconds": times[len(times) * _P95 // (_P95 + 1)],
    }


def _midnight(day: str | None) -> float:
    """A date of the query as seconds since 1970; 0 for none, and for what is no date."""
    try:
        return dt.datetime.strptime(day or "", "%Y-%m-%d").replace(tzinfo=dt.UTC).timestamp()
    except ValueError:
        return 0


def _date(unix: float) -> str:
    return f"{dt.datetime.fromtimestamp(int(unix), dt.UTC):%Y-%m-%d %H:%M:%S}Z"


ROUTES = [
    Route("/api/v1alpha/projects/{project_id}/insights/performance", performance),
    Route("/api/v1alpha/projects/{project_id}/insights/reliability", reliability),
    Route("/api/v1alpha/projects/{project_id}/insights/frequency", frequency),
]
