"""The JSON of projects, workflows, pipelines and jobs as the hosted MCP server says it: camel case, nothing empty."""

import datetime as dt
import json
from typing import Any

from ci_mcp.sandbox.plan import Clock
from ci_mcp.sandbox.semaphore.logs import events
from ci_mcp.sandbox.semaphore.model import Job, Pipeline, Project, Workflow, make_id
from ci_mcp.sandbox.semaphore.shapes import agent_name
from ci_mcp.sandbox.semaphore.world import ORGANIZATION

Json = dict[str, Any]


def project_record(item: Project) -> Json:
    """A project."""
    repository = {
        "url": item.url,
        "name": item.name,
        "owner": "acme",
        "defaultBranch": "main",
        "pipelineFile": ".semaphore/semaphore.yml",
        "integrationType": item.integration,
        "public": False,
        "connected": True,
        "repositoryId": make_id("repository", item.id),
    }
    facts = {"id": item.id, "name": item.name, "description": item.description, "visibility": "private"}
    return facts | {"repository": repository}


def workflow_record(item: Workflow, clock: Clock) -> Json:
    """A workflow."""
    return _full(
        id=item.id,
        initialPipelineId=item.pipelines[0].id,
        projectId=item.project.id,
        organizationId=ORGANIZATION,
        branch=item.branch,
        commitSha=item.commit,
        requesterId=item.requester,
        triggeredBy=item.trigger.lower(),
        createdAt=_time(clock, item.created),
        rerunOf=item.rerun_of,
    )


def pipeline_record(item: Pipeline, clock: Clock, now: float) -> Json:
    """A pipeline; one that runs has ``passed`` for a result, because that is number 0."""
    flow, done = item.workflow, item.state(now) == "done"
    record = _full(
        id=item.id,
        name=item.name,
        workflowId=flow.id,
        projectId=flow.project.id,
        organizationId=ORGANIZATION,
        branch=flow.branch,
        commitSha=flow.commit,
        state=item.state(now),
        result=item.result if done else "passed",
        resultReason=item.reason if done else "test",
        errorMessage=item.error,
        createdAt=_time(clock, item.created),
        runningAt=_time(clock, item.begin) if item.begin <= now and not item.error else "",
        doneAt=_time(clock, item.end) if done else "",
        promotionOf=item.promotion_of,
        partialRerunOf=item.partial_rerun_of,
    )
    return record | {"queue": {"type": "implicit"}, "withAfterTask": False}


def pipeline_jobs(item: Pipeline, clock: Clock, now: float) -> Json:
    """A pipeline with its blocks and jobs."""
    blocks = []
    for block in item.blocks:
        jobs = [_block_job(job, now) for job in block.jobs] if block.state(now) != "waiting" else []
        result = block.result if block.state(now) == "done" else "passed"
        blocks.append(
            _full(blockId=block.id, blockName=block.spec.name, state=block.state(now), result=result, jobs=jobs)
        )
    every = [job for block in blocks for job in block.get("jobs", ())]
    return {"pipeline": pipeline_record(item, clock, now), "blocks": blocks, "jobs": every, "jobCount": len(every)}


def _block_job(job: Job, now: float) -> Json:
    states = {"pending": "enqueued", "started": "running"}
    return _full(
        jobId=job.id,
        name=job.spec.name,
        blockId=job.block.id,
        blockName=job.block.spec.name,
        index=job.index,
        status=states.get(job.state(now), job.state(now)),
        result=job.result if job.state(now) == "finished" else "passed",
    )


def job_record(item: Job, clock: Clock, now: float) -> Json:
    """A job."""
    flow, ended, ran = item.block.pipeline.workflow, item.state(now) == "finished", item.has_run(now)
    timeline = _full(
        createdAt=_time(clock, item.created),
        enqueuedAt=_time(clock, item.created),
        startedAt=_time(clock, item.started) if ran and item.started is not None else "",
        finishedAt=_time(clock, item.finished) if ended else "",
    )
    record = _full(
        id=item.id,
        name=item.spec.name,
        pipelineId=item.block.pipeline.id,
        projectId=flow.project.id,
        organizationId=ORGANIZATION,
        state=item.state(now),
        result=item.result if ended else "passed",
        failureReason=item.spec.reason if ended else "",
        machineType=item.spec.agent,
        agentName=agent_name(item) if ran else "",
    )
    return record | {"debugJob": False, "selfHosted": item.self_hosted, "timeline": timeline}


def logs_record(item: Job, clock: Clock, now: float, begin: int | None, most: int) -> Json:
    """A window of a job's events, the newest by default; of a self-hosted job, how its log can be had."""
    if item.self_hosted:
        token = {"token": make_id("log token", item.id), "tokenType": "jwt", "tokenTtlSeconds": 300}
        where = f"https://acme.semaphoreci.com/api/v1/logs/{item.id}"
        return {"jobId": item.id, "source": "loghub2", **token, "logsUrl": where}
    found = [json.dumps(event, ensure_ascii=False) for event in events(item, clock, now)]
    first = max(0, len(found) - most) if begin is None else min(begin, len(found))
    shown = found[first : first + most]
    record = _full(jobId=item.id, source="loghub", preview=shown, startLine=first)
    record |= {"nextCursor": str(max(0, first - most))} if first else {}
    record |= {"previewTruncated": True} if len(shown) < len(found) else {}
    return record | ({"Final": True} if item.state(now) == "finished" else {})


def _full(**facts: Any) -> Json:
    """Those facts that are not empty: the server leaves the others out."""
    return {key: value for key, value in facts.items() if value not in ("", 0, None) and value != []}


def _time(clock: Clock, at: float) -> str:
    return f"{dt.datetime.fromtimestamp(int(clock.unix(at)), dt.UTC):%Y-%m-%dT%H:%M:%S}Z"
