"""Jobs: listed, read with their steps, stopped, and their logs."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated, Final, Literal

from pydantic import Field

from ci_mcp.core import logview
from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Around, Cursor, Limit, Page, Prose, Search, Start, Step, Tail
from ci_mcp.core.together import settled
from ci_mcp.errors import CiError, UsageError
from ci_mcp.providers.circleci import ids, logs, read, standing, steps, wire
from ci_mcp.providers.circleci.ids import Named
from ci_mcp.providers.circleci.provider import provider
from ci_mcp.providers.circleci.records import JobDetails, Node, Stopping, WorkflowJob
from ci_mcp.providers.circleci.refusals import refused
from ci_mcp.providers.circleci.steps import Action
from ci_mcp.providers.circleci.wire import Json, text
from ci_mcp.status import Status

JobName = Annotated[str, Field(min_length=1, max_length=500, description="gh/owner/repo/NUMBER, id, or web URL")]
InProject = Annotated[str, Field(max_length=500, description="Project slug, where job is a number")]
WorkflowName = Annotated[str, Field(min_length=1, max_length=500, description="Workflow id or web URL")]
StatusFilter = Annotated[
    Literal["", "queued", "running", "blocked", "passed", "failed", "canceled", "skipped"],
    Field(description="Only those with this status"),
]
_NODES: Final = 20  # parallel runs whose steps are listed


@provider.read()
async def jobs_list(
    api: Api, workflow: WorkflowName, status: StatusFilter = "", limit: Limit = 50, cursor: Cursor = ""
) -> Page[WorkflowJob]:
    """Jobs of a workflow with status and id; approvals too.

    Route: GET /api/v2/workflow/{id}/job.
    Raises: NotFoundError: there is no such workflow, or none that the token may see.
    """
    there, named = ids.find(api, workflow, "workflow")
    found = listed(await read.jobs(there, named.workflow))
    return await read.listed([job for job in found if not status or job.status == status], cursor=cursor, limit=limit)


def listed(found: Sequence[Json]) -> list[WorkflowJob]:
    """The jobs of a workflow as answers list them."""
    names = {text(raw, "id"): text(raw, "name") for raw in found}
    return [_listed(raw, names) for raw in found]


def _listed(raw: Json, names: dict[str, str]) -> WorkflowJob:
    waits = [names.get(str(one), "") for one in raw.get("dependencies") or ()]
    kind = text(raw, "type")
    return WorkflowJob(
        status=wire.job_status(text(raw, "status")),
        name=text(raw, "name"),
        id=read.job_name(raw),
        word=wire.own_word(text(raw, "status")),
        type="" if kind == "build" else kind,
        after=tuple(name for name in waits if name),
        approved_by=text(raw, "approved_by"),
        duration=wire.seconds_between(wire.when(raw.get("started_at")), wire.when(raw.get("stopped_at"))),
    )


@provider.read(core=True)
async def jobs_describe(api: Api, job: JobName, project: InProject = "") -> JobDetails:
    """One job: status, why, its workflow and pipeline, machine, and its steps with exit codes.

    Route: GET /api/v2/project/{slug}/job/{number}; its steps from GET /api/v3/jobs/{id},
    else GET /api/v1.1/project/{vcs}/{org}/{repo}/{number}.
    Raises: NotFoundError: there is no such job, or none that the token may see.
    """
    there, named = await read.find_job(api, job, project)
    if not named.job:
        raise UsageError(f"job {named.job_id} has not started, so nothing is known of it", _waiting(named))
    found = await read.job(there, named.project, named.job)
    told = await settled([partial(steps.steps, there, replace(named, workflow=steps.workflow_of(found)))])
    problem = str(told[0]) if isinstance(told[0], CiError) else ""
    actions = [] if isinstance(told[0], CiError) else list(told[0].actions)
    return replace(_details(named, found, actions), note=problem)


def _waiting(named: Named) -> str:
    return f"see its workflow: circleci_workflows_describe(workflow={named.workflow!r})"


def _details(named: Named, found: Json, actions: Sequence[Action]) -> JobDetails:
    created, started = wire.when(found.get("created_at")), wire.when(found.get("started_at"))
    finished = wire.when(found.get("stopped_at"))
    milliseconds = wire.real(found, "duration")
    word = text(found, "status")
    nodes = _nodes(found, actions)
    return JobDetails(
        status=wire.job_status(word),
        name=text(found, "name"),
        id=f"{named.project}/{named.job}",
        word=wire.own_word(word),
        reason=why(word),
        messages=messages(found),
        workflow=steps.workflow_of(found),
        workflow_name=text(wire.part(found, "latest_workflow"), "name"),
        pipeline=text(wire.part(found, "pipeline"), "id"),
        project=named.project,
        created=created,
        started=started,
        finished=finished,
        waited=wire.seconds_between(wire.when(found.get("queued_at")) or created, started),
        duration=milliseconds / 1000 if milliseconds is not None else wire.seconds_between(started, finished),
        parallelism=wire.whole(found, "parallelism"),
        machine=text(wire.part(found, "executor"), "type"),
        resource_class=text(wire.part(found, "executor"), "resource_class"),
        contexts=tuple(text(one, "name") for one in wire.parts(found.get("contexts"))),
        steps=nodes[0].steps if len(nodes) == 1 else (),
        nodes=nodes if len(nodes) > 1 else (),
        url=text(found, "web_url"),
    )


def _nodes(found: Json, actions: Sequence[Action]) -> tuple[Node, ...]:
    stand = {wire.whole(raw, "index") or 0: text(raw, "status") for raw in wire.parts(found.get("parallel_runs"))}
    indexes = sorted({*stand, *(action.node for action in actions)})[:_NODES]
    return tuple(
        Node(
            status=wire.job_status(stand.get(index, "")),
            index=index,
            steps=tuple(_step(action) for action in actions if action.node == index),
        )
        for index in indexes
    )


def _step(action: Action) -> Step:
    return Step(
        status=action.status,
        name=action.name,
        exit_code=action.exit_code,
        duration=wire.seconds_between(action.started, action.finished),
    )


def messages(found: Json) -> tuple[str, ...]:
    """What CircleCI itself says of a job."""
    return tuple(said for raw in wire.parts(found.get("messages")) if (said := wire.said(raw, "message")))


def why(word: str) -> str:
    """In words, why a job is not green, where its log cannot tell; empty where it can."""
    return _WHY.get(word, "")


_WHY: Final = {
    "infrastructure_fail": "CircleCI's machine or network failed, not the code: run it again",
    "timedout": "CircleCI stopped it: it ran out of time, or was silent for too long (no_output_timeout)",
    "terminated-unknown": "it ended without telling how: run it again",
    "unauthorized": standing.UNAUTHORIZED,
    "not_run": "it never ran: a job before it failed, or its filters stood against it",
    "on_hold": "it waits for somebody's approval: circleci_workflows_approve",
    "canceled": "it was canceled",
}


@provider.read(core=True)
async def jobs_logs(
    api: Api,
    job: JobName,
    project: InProject = "",
    step: Annotated[str, Field(max_length=300, description="Step name or number, NODE:STEP, or all")] = "",
    tail: Tail = 0,
    search: Search = "",
    around: Around = 0,
    start: Start = 0,
) -> Prose:
    """The log of a job's failed steps (of a green job: all): its end, or matching lines, or those around one.

    Route: GET /api/v2/project/{slug}/job/{number}, then v3's stdout and stderr of each step, else v1.1's output_url.
    Raises: NotFoundError: there is no such job. UsageError: it has no such step.
    """
    there, named = await read.find_job(api, job, project)
    if not named.job:
        raise UsageError(f"job {named.job_id} has not started, so it has no log", _waiting(named))
    found = await read.job(there, named.project, named.job)
    name = f"{named.project}/{named.job}"
    status = wire.job_status(text(found, "status"))
    which = f", step {step!r}" if step else ", failed steps only (step=all for every one)" if _partly(status) else ""
    title = f"CircleCI job {text(found, 'name')!r}, {status}, {text(found, 'web_url')}{which}"
    whole = replace(named, workflow=steps.workflow_of(found))
    key = f"{there.host} {name}" + (f" {step}" if step else "")
    kept = await there.store.log(key, partial(logs.text_of, there, whole, step), finished=status.finished)
    with kept:
        return await logview.view(kept, tail=tail, search=search, around=around, start=start, title=title)


def _partly(status: Status) -> bool:
    return status.bad and status.finished


@provider.write(destructive=True, idempotent=True)
async def jobs_cancel(api: Api, job: JobName, project: InProject = "") -> Stopping:
    """Stops one job; it ends a little later.

    Route: POST /api/v2/project/{slug}/job/{number}/cancel, or POST /api/v2/jobs/{id}/cancel.
    Raises: NotFoundError: there is no such job, or none that the token may stop.
    """
    if job.strip().isdecimal() or ids.find(api, job, "job")[1].job:
        there, named = await read.find_job(api, job, project)
        name, path = f"{named.project}/{named.job}", f"project/{ids.path(named.project)}/job/{named.job}/cancel"
    else:
        there, named = ids.find(api, job, "job")
        name, path = named.job_id, f"jobs/{named.job_id}/cancel"
    instead = f'see how it stands: circleci_jobs_describe(job="{name}")'
    with read.explained(there, "job", name), refused(f"job {name} cannot be stopped", instead):
        reply = await there.send("POST", f"{read.V2}/{path}")
    return Stopping(id=name, note=text(wire.record(reply.json(), "message"), "message"))
