"""Pipelines: listed, read with their blocks and jobs, their failed blocks run again."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final
from uuid import uuid4

from pydantic import Field

from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Branch, Cursor, Limit, Page
from ci_mcp.core.wire import text
from ci_mcp.errors import CiError, UsageError
from ci_mcp.net.pages import collect
from ci_mcp.providers.semaphore import grouping, ids, read, reasons, wire
from ci_mcp.providers.semaphore.provider import provider
from ci_mcp.providers.semaphore.records import Block, BlockJob, Pipeline, PipelineDetails, Started
from ci_mcp.providers.semaphore.wire import Json
from ci_mcp.providers.semaphore.workflows import StatusFilter, started
from ci_mcp.status import Status

PipelineName = Annotated[str, Field(min_length=1, max_length=300, description="Pipeline id or web URL")]
_USUAL: Final = 30


@provider.read()
async def pipelines_list(
    api: Api,
    workflow: Annotated[str, Field(max_length=300, description="Workflow id or web URL")] = "",
    project: Annotated[str, Field(max_length=300, description="Or: project name, id or URL")] = "",
    branch: Branch = "",
    status: StatusFilter = "",
    limit: Limit = 20,
    cursor: Cursor = "",
) -> Page[Pipeline]:
    """Pipelines of a run, or of a project, with their status, newest first: promotions and rebuilds too.

    Route: GET /pipelines?wf_id=… or ?project_id=….
    Raises: NotFoundError: there is no such workflow or project. UsageError: neither or both are given.
    """
    if bool(workflow) == bool(project):
        raise UsageError("pipelines are listed of one workflow or of one project", "give workflow or project")
    there, named = ids.workflow(api, workflow) if workflow else ids.project(api, project)
    params: dict[str, Any] = {"page_size": read.MOST if status else _USUAL, "branch_name": branch}

    async def fetch(page: str) -> tuple[list[Pipeline], str | None]:
        found, more = await read.pipelines_page(there, params, page)
        return [_listed(p, there, api, bool(workflow)) for p in found], more

    statuses = {status, "failing"} if status == "running" else {status}
    with read.explained(there, "workflow" if workflow else "project", named):
        params |= {"wf_id": named} if workflow else {"project_id": await read.project_id(there, named)}
        keep = (lambda found: found.status in statuses) if status else None
        return await collect(fetch, cursor=cursor, limit=limit, keep=keep)


def _listed(raw: Json, there: Api, home: Api, of_workflow: bool) -> Pipeline:
    url = read.elsewhere(there, home, f"workflows/{text(raw, 'wf_id')}?pipeline_id={text(raw, 'ppl_id')}")
    return grouping.pipeline_record(raw, url=url, of=raw if of_workflow else None)


@provider.read(core=True)
async def pipelines_describe(api: Api, pipeline: PipelineName) -> PipelineDetails:
    """One pipeline: why it stands as it does, its blocks with their jobs, and which block waits for which.

    Route: GET /pipelines/:id?detailed=true, and where it has several blocks GET /pipelines/:id/describe_topology.
    Raises: NotFoundError: there is no such pipeline, or none that the token may see.
    """
    there, named = ids.pipeline(api, pipeline)
    found, blocks = await read.pipeline(there, named)
    waits = await _topology(there, named) if len(blocks) > 1 else {}
    return _details(there, found, blocks, waits)


async def _topology(api: Api, pipeline: str) -> Mapping[str, tuple[str, ...]]:
    try:
        body = (await api.get(f"{read.BASE}/pipelines/{pipeline}/describe_topology")).json()
    except CiError:
        return {}  # the pipeline itself was read: it is told without its order
    found = wire.parts(body)
    return {text(block, "name"): tuple(map(str, block.get("dependencies") or ())) for block in found}


def _details(api: Api, raw: Json, blocks: Sequence[Json], waits: Mapping[str, tuple[str, ...]]) -> PipelineDetails:
    queue = raw.get("queue")
    workflow, named = text(raw, "wf_id"), text(raw, "ppl_id")
    return PipelineDetails(
        status=wire.pipeline_status(raw, blocks),
        name=text(raw, "name"),
        id=named,
        word=wire.own_word(raw.get("state"), raw.get("result"), raw.get("result_reason")),
        reason=reasons.told(raw),
        workflow=workflow,
        project=read.project_name(api, text(raw, "project_id")),
        branch=text(raw, "branch_name"),
        commit=text(raw, "commit_sha"),
        title=wire.first_line(raw.get("commit_message")),
        file=wire.yaml_path(raw),
        requester=grouping.requester(raw),
        queue=text(queue, "name") if isinstance(queue, dict) else "",
        promotion_of=text(raw, "promotion_of"),
        rerun_of=text(raw, "partial_rerun_of"),
        rerun_by=text(raw, "partially_rerun_by"),
        created=wire.when(raw.get("created_at")),
        started=wire.when(raw.get("running_at")),
        finished=wire.when(raw.get("done_at")),
        duration=grouping.duration(raw),
        parameters=tuple(text(pair, "name") for pair in wire.parts(raw.get("env_vars"))),
        blocks=tuple(_block(block, waits) for block in blocks),
        url=read.web(api, f"workflows/{workflow}?pipeline_id={named}"),
    )


def _block(raw: Json, waits: Mapping[str, tuple[str, ...]]) -> Block:
    return Block(
        status=block_status(raw),
        name=text(raw, "name"),
        word=wire.own_word(raw.get("state"), raw.get("result"), raw.get("result_reason")),
        reason=grouping.why(raw),
        after=waits.get(text(raw, "name"), ()),
        jobs=tuple(block_job(job) for job in wire.parts(raw.get("jobs"))),
    )


def block_status(raw: Json) -> Status:
    """How a block stands."""
    return wire.status(raw.get("state"), raw.get("result"), raw.get("result_reason"))


def block_job(raw: Json, block: str = "") -> BlockJob:
    """One job of a block; its result counts only when it has finished."""
    return BlockJob(
        status=wire.status(raw.get("status"), raw.get("result")),
        name=text(raw, "name"),
        id=text(raw, "job_id"),
        word=wire.own_word(raw.get("status"), raw.get("result")),
        block=block,
    )


@provider.write(starts=True)
async def pipelines_rerun(api: Api, pipeline: PipelineName) -> Started:
    """Starts a new pipeline with only the failed blocks of an ended one, and returns its id.

    Route: POST /pipelines/:id/partial_rebuild?request_token=….
    Raises: UsageError: it passed, or has not ended. NotFoundError: there is no such pipeline.
    """
    there, named = ids.pipeline(api, pipeline)
    return await rebuild(there, named)


async def rebuild(api: Api, pipeline: str, workflow: str = "") -> Started:
    """Run the failed blocks of a pipeline again; the request token makes a retry harmless."""
    with read.explained(api, "pipeline", pipeline):
        reply = await api.send(
            "POST",
            f"{read.BASE}/pipelines/{pipeline}/partial_rebuild",
            params={"request_token": str(uuid4())},
            idempotent=True,
        )
    body = wire.record(reply.json(), "pipeline")
    return started(api, body, workflow=workflow, note=text(body, "message"))
