"""Workflows: read with their jobs, run again, stopped, approved."""

from typing import Annotated, Any, Final

from pydantic import Field

from ci_mcp.core.provider import Api
from ci_mcp.core.together import together
from ci_mcp.errors import BadAnswerError, UsageError
from ci_mcp.providers.circleci import ids, jobs, pipelines, read, wire
from ci_mcp.providers.circleci.jobs import WorkflowName
from ci_mcp.providers.circleci.provider import provider
from ci_mcp.providers.circleci.records import Approved, Started, Stopping, WorkflowDetails
from ci_mcp.providers.circleci.refusals import refused
from ci_mcp.providers.circleci.wire import Json, text
from ci_mcp.status import Status

_LISTED: Final = 40  # jobs that a description lists
_BAD_FIRST: Final = {Status.FAILED: 0, Status.CANCELED: 1, Status.BLOCKED: 2, Status.RUNNING: 3}


@provider.read(core=True)
async def workflows_describe(api: Api, workflow: WorkflowName) -> WorkflowDetails:
    """One workflow: its status and why, and its jobs, failed ones first.

    Route: GET /api/v2/workflow/{id}, GET /api/v2/workflow/{id}/job.
    Raises: NotFoundError: there is no such workflow, or none that the token may see.
    """
    there, named = ids.find(api, workflow, "workflow")
    raw, found = await with_jobs(there, named.workflow)
    listed = sorted(jobs.listed(found), key=lambda job: _BAD_FIRST.get(job.status, 9))
    about = pipelines.workflow(there, raw)
    return WorkflowDetails(
        status=about.status,
        name=about.name,
        id=about.id,
        word=about.word,
        reason=about.reason,
        project=ids.slug(text(raw, "project_slug")),
        pipeline=text(raw, "pipeline_id"),
        number=wire.whole(raw, "pipeline_number"),
        setup=about.setup,
        created=about.created,
        finished=about.finished,
        duration=about.duration,
        jobs=tuple(listed[:_LISTED]),
        more_jobs=max(0, len(listed) - _LISTED) or None,
        url=about.url,
    )


async def with_jobs(api: Api, workflow: str) -> tuple[Json, list[Json]]:
    """A workflow and its jobs, side by side."""
    found: dict[str, Any] = {}

    async def one() -> None:
        found["workflow"] = await read.workflow(api, workflow)

    async def its_jobs() -> None:
        found["jobs"] = await read.jobs(api, workflow)

    await together([one, its_jobs])
    return found["workflow"], found["jobs"]


@provider.write(core=True, starts=True)
async def workflows_rerun(
    api: Api,
    workflow: WorkflowName,
    failed: Annotated[bool, Field(description="Only from the failed jobs on")] = False,
    jobs: Annotated[
        tuple[Annotated[str, Field(max_length=300)], ...],
        Field(max_length=50, description="Only these jobs, by name or id"),
    ] = (),
) -> Started:
    """Runs a workflow again as a new one in the same pipeline: all of it, from its failed jobs, or named jobs.

    Route: POST /api/v2/workflow/{id}/rerun.
    Raises: UsageError: both are given, or there is no such job, or it is not in a state to be run again.
    """
    there, named = ids.find(api, workflow, "workflow")
    if failed and jobs:
        raise UsageError("a rerun is from the failed jobs or of named ones", "give failed or jobs, not both")
    return await rerun(there, named.workflow, failed=failed, jobs=jobs)


async def rerun(api: Api, workflow: str, *, failed: bool = False, jobs: tuple[str, ...] = ()) -> Started:
    """Run a workflow again, all of it by default."""
    body: dict[str, Any] = {"from_failed": True} if failed else {}
    if jobs:
        body = {"jobs": await _job_ids(api, workflow, jobs)}
    what = f"workflow {workflow} cannot be run again"
    with read.explained(api, "workflow", workflow), refused(what, _see(workflow)):
        reply = await api.send("POST", f"{read.V2}/workflow/{workflow}/rerun", json=body)
    new = text(wire.record(reply.json(), "workflow"), "workflow_id")
    if not ids.is_uuid(new):
        raise BadAnswerError("CircleCI did not say what it started", "see the newest workflow of the pipeline")
    return Started(workflow=new, note="a new workflow in the same pipeline", url=read.web(api, f"workflow/{new}"))


def _see(workflow: str) -> str:
    return f'see how it stands: circleci_workflows_describe(workflow="{workflow}")'


async def _job_ids(api: Api, workflow: str, wanted: tuple[str, ...]) -> list[str]:
    found = await read.jobs(api, workflow)
    known = {
        name: text(raw, "id") for raw in found for name in (text(raw, "name"), read.job_name(raw), text(raw, "id"))
    }
    for name in wanted:
        if name not in known:
            names = ", ".join(dict.fromkeys(text(raw, "name") for raw in found))
            raise UsageError(f"workflow {workflow} has no job {name[:80]!r}", f"its jobs are {names[:500]}")
    return [known[name] for name in wanted]


@provider.write(destructive=True, idempotent=True)
async def workflows_cancel(
    api: Api,
    workflow: WorkflowName,
    confirm: Annotated[bool, Field(description="Must be true: running jobs end")] = False,
) -> Stopping:
    """Stops a workflow with all its jobs, where confirm is true; it ends a little later.

    Route: GET /api/v2/workflow/{id}, POST /api/v2/workflow/{id}/cancel, which takes one that has ended, too.
    Raises: UsageError: it is not confirmed, or it has ended. NotFoundError: the token sees none.
    """
    there, named = ids.find(api, workflow, "workflow")
    if not confirm:
        call = f'circleci_workflows_cancel(workflow="{named.workflow}", confirm=true)'
        raise UsageError(f"stopping workflow {named.workflow} ends its running jobs", f"confirm it: {call}")
    word = text(await read.workflow(there, named.workflow), "status")
    if wire.workflow_status(word).finished:
        raise UsageError(f"workflow {named.workflow} has ended ({word})", "there is nothing to stop")
    said = await pipelines.cancel(there, named.workflow)
    return Stopping(id=named.workflow, note=said, url=read.web(there, f"workflow/{named.workflow}"))


@provider.write()
async def workflows_approve(
    api: Api,
    workflow: WorkflowName,
    job: Annotated[str, Field(max_length=300, description="Name of the waiting job; default: the only")] = "",
) -> Approved:
    """Approves a job on hold, so that its workflow goes on.

    Route: GET /api/v2/workflow/{id}/job, POST /api/v2/workflow/{id}/approve/{approval_request_id}.
    Raises: UsageError: nothing waits for approval, or several jobs do and none is named.
    """
    there, named = ids.find(api, workflow, "workflow")
    raw = _waiting(await read.jobs(there, named.workflow), named.workflow, job)
    request = text(raw, "approval_request_id") or text(raw, "id")
    if not ids.is_uuid(request):
        raise BadAnswerError("CircleCI gave no id for the approval", "approve it in a browser")
    name = text(raw, "name")
    what = f"job {name} cannot be approved"
    with read.explained(there, "approval", name), refused(what, _see(named.workflow)):
        reply = await there.send("POST", f"{read.V2}/workflow/{named.workflow}/approve/{request}")
    return Approved(
        workflow=named.workflow,
        job=name,
        note=text(wire.record(reply.json(), "message"), "message"),
        url=read.web(there, f"workflow/{named.workflow}"),
    )


def _waiting(found: list[Json], workflow: str, wanted: str) -> Json:
    held = [raw for raw in found if text(raw, "type") == "approval" and text(raw, "status") == "on_hold"]
    names = ", ".join(text(raw, "name") for raw in held)
    if not held:
        raise UsageError(f"nothing in workflow {workflow} waits for approval", _see(workflow))
    chosen = [raw for raw in held if not wanted or wanted in {text(raw, "name"), text(raw, "id")}]
    if len(chosen) != 1:
        what = "several jobs wait for approval" if not wanted else f"no job {wanted[:80]!r} waits for approval"
        raise UsageError(what, f"give job: one of {names}")
    return chosen[0]
