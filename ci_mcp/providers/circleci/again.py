"""A run again: its failed jobs, or all of it."""

from functools import partial

from ci_mcp.core.provider import Api
from ci_mcp.core.together import together
from ci_mcp.errors import NotFoundError, UsageError
from ci_mcp.providers.circleci import ids, read, standing, wire, workflows
from ci_mcp.providers.circleci.runs import find
from ci_mcp.providers.circleci.wire import Json, text
from ci_mcp.status import Status


async def rerun(api: Api, named: str, failed_only: bool) -> str:
    """Run a workflow again, or every workflow of a pipeline that failed (all of them where everything is wanted).

    Route: POST /api/v2/workflow/{id}/rerun.
    Raises: UsageError: nothing of it has failed, or it has no workflow at all.
    """
    there, found = await find(api, named)
    if found.workflow and not found.pipeline:
        started = await workflows.rerun(there, found.workflow, failed=failed_only)
        return f"{ids.WORKFLOW}{started.workflow}"
    try:
        return await _rerun_pipeline(there, await read.pipeline_id(there, found), failed_only)
    except NotFoundError:
        if not found.workflow:
            raise
    started = await workflows.rerun(there, found.workflow, failed=failed_only)
    return f"{ids.WORKFLOW}{started.workflow}"


async def _rerun_pipeline(api: Api, pipeline: str, failed_only: bool) -> str:
    every = await read.workflows(api, pipeline)
    if not every:
        raise UsageError(
            f"run {pipeline} has no workflow, so there is nothing to run again",
            "mend what kept it from having one, and push or start a new one: "
            f'circleci_pipelines_describe(pipeline="{pipeline}") tells what did',
        )
    setup = [raw for raw in every if standing.is_setup(raw)]
    live = standing.current(every)
    if failed_only:
        chosen = [raw for raw in live if wire.workflow_status(text(raw, "status")) in {Status.FAILED, Status.CANCELED}]
        if not chosen:
            raise UsageError(f"no workflow of run {pipeline} has failed", "run all of it again, or wait until it ends")
    else:
        chosen = setup[-1:] or live  # the setup workflow starts the others
    await together([partial(_again, api, raw, failed_only) for raw in chosen])
    return pipeline


async def _again(api: Api, raw: Json, failed_only: bool) -> None:
    # A workflow that never ran a job has no failed one to begin with.
    failed = failed_only and text(raw, "status") in {"failed", "canceled"}
    await workflows.rerun(api, text(raw, "id"), failed=failed)
