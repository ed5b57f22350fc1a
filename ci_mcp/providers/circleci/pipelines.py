"""Pipelines: listed with the status that their workflows give them, read, stopped."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Final

from pydantic import Field

from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Branch, Cursor, Page
from ci_mcp.core.together import settled, together
from ci_mcp.errors import CiError, UsageError
from ci_mcp.net.pages import collect
from ci_mcp.providers.circleci import ids, read, standing, wire
from ci_mcp.providers.circleci.projects import ProjectName
from ci_mcp.providers.circleci.provider import provider
from ci_mcp.providers.circleci.records import Pipeline, PipelineDetails, Stopping, Workflow
from ci_mcp.providers.circleci.wire import Json, text
from ci_mcp.status import Status

PipelineName = Annotated[str, Field(min_length=1, max_length=500, description="Id, gh/owner/repo/NUMBER, or web URL")]
_SHOWN: Final = 12  # workflows named in a list's row


@provider.read(core=True)
async def pipelines_list(
    api: Api,
    project: ProjectName,
    branch: Branch = "",
    mine: Annotated[bool, Field(description="Only those that I started")] = False,
    limit: Annotated[int, Field(ge=1, le=50, description="Most records; each costs a request")] = 10,
    cursor: Cursor = "",
) -> Page[Pipeline]:
    """Pipelines of a project with their real status, newest first; optionally of one branch or only mine.

    Route: GET /api/v2/project/{slug}/pipeline (or …/pipeline/mine), GET /api/v2/pipeline/{id}/workflow for each.
    Raises: NotFoundError: there is no such project, or none that the token may see.
    """
    there, named = await read.slug(api, project)
    path = f"{read.V2}/project/{ids.path(named)}/pipeline{'/mine' if mine else ''}"
    keep = (lambda raw: branch_of(raw) == branch) if mine and branch else None

    async def fetch(token: str) -> tuple[list[Json], str | None]:
        return await read.page(there, path, "pipelines", {} if mine else {"branch": branch}, token)

    with read.explained(there, "project", named):
        page = await collect(fetch, cursor=cursor, limit=limit, keep=keep)
    rows = await settled([partial(_row, there, raw) for raw in page.items])
    items = [
        _unknown(there, raw, row) if isinstance(row, CiError) else row
        for raw, row in zip(page.items, rows, strict=True)
    ]
    note = page.note or (_none(branch, mine=mine) if not items and not cursor else "")
    return Page(items, page.next, note=note, after=page.after)


def _none(branch: str, *, mine: bool) -> str:
    return f"no pipeline{f' of branch {branch}' if branch else ''}{' that you started' if mine else ''}"


async def _row(api: Api, raw: Json) -> Pipeline:
    return short(api, raw, await workflows_of(api, raw))


async def workflows_of(api: Api, raw: Json) -> list[Json]:
    """The workflows of a pipeline; none without asking where its configuration had errors."""
    return [] if standing.errors(raw) else await read.workflows(api, text(raw, "id"))


def _unknown(api: Api, raw: Json, error: CiError) -> Pipeline:
    return Pipeline(status=Status.UNKNOWN, number=wire.whole(raw, "number"), reason=str(error), **facts(api, raw))


def short(api: Api, raw: Json, workflows: Sequence[Json]) -> Pipeline:
    """A pipeline as a list shows it."""
    live = standing.current(workflows)
    names = [f"{text(one, 'name')}: {wire.workflow_status(text(one, 'status'))}" for one in live]
    return Pipeline(
        status=standing.status(raw, workflows),
        number=wire.whole(raw, "number"),
        word=standing.word(raw, workflows),
        reason=standing.errors(raw),
        workflows=tuple(names[:_SHOWN]),
        **facts(api, raw),
    )


def facts(api: Api, raw: Json) -> dict[str, Any]:
    """What lists, descriptions and runs tell alike of a pipeline."""
    project = ids.slug(text(raw, "project_slug"))
    vcs = wire.part(raw, "vcs")
    number = wire.whole(raw, "number")
    return {
        "id": text(raw, "id"),
        "project": project,
        "branch": branch_of(raw),
        "tag": text(vcs, "tag"),
        "commit": commit_of(raw),
        "title": wire.first_line(wire.said(wire.part(vcs, "commit"), "subject")),
        "actor": text(wire.part(raw, "trigger", "actor"), "login"),
        "trigger": text(wire.part(raw, "trigger"), "type"),
        "created": wire.when(raw.get("created_at")),
        "url": read.web(api, f"pipelines/{project}/{number}") if project and number is not None else "",
    }


def branch_of(raw: Json) -> str:
    """The branch of a pipeline; one of the GitHub App has it among its trigger's parameters."""
    return text(wire.part(raw, "vcs"), "branch") or text(wire.part(raw, "trigger_parameters", "git"), "branch")


def commit_of(raw: Json) -> str:
    """The commit of a pipeline."""
    return text(wire.part(raw, "vcs"), "revision") or text(wire.part(raw, "trigger_parameters", "git"), "checkout_sha")


@provider.read(core=True)
async def pipelines_describe(api: Api, pipeline: PipelineName) -> PipelineDetails:
    """One pipeline: its real status and why, commit, who started it, and its workflows with their reruns.

    Route: GET /api/v2/pipeline/{id} or GET /api/v2/project/{slug}/pipeline/{number};
    GET /api/v2/pipeline/{id}/workflow.
    Raises: NotFoundError: there is no such pipeline, or none that the token may see.
    """
    there, named = ids.find(api, pipeline, "pipeline")
    raw, workflows = await both(there, named)
    return PipelineDetails(
        status=standing.status(raw, workflows),
        number=wire.whole(raw, "number"),
        word=standing.word(raw, workflows),
        reason=standing.why(raw, workflows),
        workflows=tuple(_workflows(there, workflows)),
        **facts(there, raw),
    )


async def both(api: Api, named: ids.Named) -> tuple[Json, list[Json]]:
    """A pipeline and its workflows, side by side where its id is known."""
    if not named.pipeline:
        raw = await read.pipeline(api, named)
        return raw, await workflows_of(api, raw)
    found: dict[str, Any] = {}

    async def one() -> None:
        found["pipeline"] = await read.pipeline(api, named)

    async def others() -> None:
        found["workflows"] = await read.workflows(api, named.pipeline)

    await together([one, others])
    return found["pipeline"], found["workflows"]


def _workflows(api: Api, found: Sequence[Json]) -> list[Workflow]:
    live = {text(raw, "id") for raw in standing.current(found)}
    ordered = sorted(found, key=lambda raw: text(raw, "created_at"), reverse=True)
    return [workflow(api, raw, found, superseded=text(raw, "id") not in live) for raw in ordered]


def workflow(api: Api, raw: Json, every: Sequence[Json] = (), *, superseded: bool = False) -> Workflow:
    """A workflow as answers show it."""
    created, finished = wire.when(raw.get("created_at")), wire.when(raw.get("stopped_at"))
    count = standing.attempts(every, text(raw, "name"))
    return Workflow(
        status=wire.workflow_status(text(raw, "status")),
        name=text(raw, "name"),
        id=text(raw, "id"),
        word=wire.own_word(text(raw, "status")),
        reason=standing.workflow_why(raw),
        attempts=count if count > 1 else None,
        superseded=(superseded and not standing.is_setup(raw)) or None,
        setup=standing.is_setup(raw) or None,
        created=created,
        finished=finished,
        duration=wire.seconds_between(created, finished),
        url=workflow_url(api, raw),
    )


def workflow_url(api: Api, raw: Json) -> str:
    """The page of a workflow."""
    project, number = ids.slug(text(raw, "project_slug")), wire.whole(raw, "pipeline_number")
    named = text(raw, "id")
    if project and number is not None:
        return read.web(api, f"pipelines/{project}/{number}/workflows/{named}")
    return read.web(api, f"workflow/{named}")


@provider.write(destructive=True, idempotent=True)
async def pipelines_cancel(api: Api, pipeline: PipelineName) -> Stopping:
    """Stops every active workflow of a pipeline, and says which.

    Route: GET /api/v2/pipeline/{id}/workflow, POST /api/v2/workflow/{id}/cancel for each: pipelines have no cancel.
    Raises: UsageError: none is active. NotFoundError: there is no such pipeline, or none that the token may stop.
    """
    there, named = ids.find(api, pipeline, "pipeline")
    known = await read.pipeline_id(there, named)
    active = [raw for raw in await read.workflows(there, known) if not _ended(raw)]
    if not active:
        raise UsageError(f"pipeline {known} has no active workflow", "there is nothing to stop")
    await together([partial(cancel, there, text(raw, "id")) for raw in active])
    names = tuple(text(raw, "name") for raw in active)
    return Stopping(id=known, workflows=names, note="they were told to stop", url=workflow_url(there, active[0]))


def _ended(raw: Json) -> bool:
    return wire.workflow_status(text(raw, "status")).finished


async def cancel(api: Api, workflow: str) -> str:
    """Tell a workflow to stop; what CircleCI says to it.

    Route: POST /api/v2/workflow/{id}/cancel.
    """
    with read.explained(api, "workflow", workflow):
        reply = await api.send("POST", f"{read.V2}/workflow/{workflow}/cancel")
    return text(wire.record(reply.json(), "message"), "message")
