"""Numbers of a project in a window of time."""

from typing import Annotated, Final, Literal

from pydantic import Field

from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Branch
from ci_mcp.providers.circleci import ids, read, wire
from ci_mcp.providers.circleci.projects import ProjectName
from ci_mcp.providers.circleci.provider import provider
from ci_mcp.providers.circleci.records import Summary, WorkflowNumbers
from ci_mcp.providers.circleci.wire import Json, text

_ROWS: Final = 20
_NONE: Final = "CircleCI has no numbers for this window: they are made once a day"
Window = Annotated[
    Literal["last-24-hours", "last-7-days", "last-30-days", "last-60-days", "last-90-days"],
    Field(description="Window of time"),
]


@provider.read()
async def insights_summary(
    api: Api, project: ProjectName, branch: Branch = "", window: Window = "last-30-days"
) -> Summary:
    """Numbers of a project: runs, success rate, time and credits, by workflow and by branch.

    Route: GET /api/v2/insights/pages/{slug}/summary; its data is made anew once a day.
    Raises: NotFoundError: there is no such project, or none that the token may see.
    """
    there, named = await read.slug(api, project)
    params = {"reporting-window": window, "branches": [branch] if branch else []}
    with read.explained(there, "project", named):
        path = f"{read.V2}/insights/pages/{ids.path(named)}/summary"
        found = await read.get(there, path, "summary", params)
    metrics = wire.part(found, "project_data", "metrics")
    rows = [_numbers(raw) for raw in wire.parts(found.get("project_workflow_branch_data"))]
    return Summary(
        project=named,
        window=window,
        runs=wire.whole(metrics, "total_runs"),
        success_rate=_rate(metrics),
        throughput=wire.real(metrics, "throughput"),
        total_duration=wire.real(metrics, "total_duration_secs"),
        credits=wire.whole(metrics, "total_credits_used"),
        workflows=tuple(_numbers(raw) for raw in wire.parts(found.get("project_workflow_data")))[:_ROWS],
        branches=tuple(row for row in rows if not branch or row.branch == branch)[:_ROWS],
        note="" if wire.whole(metrics, "total_runs") else _NONE,
    )


def _numbers(raw: Json) -> WorkflowNumbers:
    metrics = wire.part(raw, "metrics")
    return WorkflowNumbers(
        name=text(raw, "workflow_name"),
        branch=text(raw, "branch"),
        runs=wire.whole(metrics, "total_runs"),
        success_rate=_rate(metrics),
        p95_duration=wire.real(metrics, "p95_duration_secs"),
        credits=wire.whole(metrics, "total_credits_used"),
    )


def _rate(metrics: Json) -> str:
    rate = wire.real(metrics, "success_rate")
    return "" if rate is None else f"{rate:.1%}"
