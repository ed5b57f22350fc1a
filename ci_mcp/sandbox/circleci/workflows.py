"""Routes of API v2 for workflows."""

import math
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ci_mcp.sandbox.app import Refused
from ci_mcp.sandbox.circleci.answers import (
    Json,
    body_of,
    host_of,
    message,
    no_such,
    page_of,
    said,
    stamp,
    visible_workflow,
    world_of,
)
from ci_mcp.sandbox.circleci.model import RERUN_PACE, Job, Workflow, approve, cancel
from ci_mcp.sandbox.circleci.world import ME, rerun, unfinished
from ci_mcp.sandbox.plan import Clock

_PAGE = 100  # jobs of a workflow


def workflow(item: Workflow, clock: Clock) -> Json:
    """A workflow as API v2 says it."""
    now = clock.now()
    found: Json = {
        "pipeline_id": item.pipeline.id,
        "id": item.id,
        "name": item.spec.name,
        "project_slug": item.pipeline.project.slug,
        "tag": item.spec.tag or None,
        "status": item.status(now),
        "started_by": item.started_by,
        "pipeline_number": item.pipeline.number,
        "created_at": stamp(clock, item.created),
        "stopped_at": stamp(clock, item.stopped()) if item.over(now) else None,
    }
    return found | ({"canceled_by": item.canceled_by} if item.canceled_by else {})


def listed_job(job: Job, item: Workflow, clock: Clock, *, cloud: bool) -> Json:
    """A job as the list of its workflow says it; on a server the job's own id stands for that of its approval."""
    now, ids = clock.now(), {one.spec.name: one.id for one in item.jobs}
    begun = now >= min(job.started, job.stopped)
    found: Json = {
        "dependencies": [ids[name] for name in job.spec.requires],
        "id": job.id,
        "started_at": stamp(clock, min(job.started, job.stopped)) if begun and job.started < math.inf else None,
        "name": job.spec.name,
        "project_slug": item.pipeline.project.slug,
        "status": job.status(now),
        "type": job.spec.kind,
        "requires": {name: ["success"] for name in job.spec.requires},
    }
    number = job.shown_number(now)
    found |= {"job_number": number} if number else {}
    found |= {"stopped_at": stamp(clock, job.stopped)} if now >= job.stopped else {}
    found |= {"approval_request_id": job.id} if job.spec.kind == "approval" and cloud else {}
    found |= {"approved_by": job.approved_by} if job.approved_by else {}
    return found | ({"canceled_by": job.canceled_by} if job.canceled_by else {})


def asked_workflow(request: Request) -> Workflow:
    """The workflow that a path names.

    Raises:
        Refused: there is none.
    """
    found = visible_workflow(world_of(request), request.path_params["workflow_id"])
    if not found:
        raise no_such("Workflow")
    return found


async def get_workflow(request: Request) -> Response:
    """``GET /workflow/{id}``."""
    return said(workflow(asked_workflow(request), world_of(request).clock))


async def list_jobs(request: Request) -> Response:
    """``GET /workflow/{id}/job``."""
    world, item, cloud = world_of(request), asked_workflow(request), host_of(request).cloud
    return page_of(request, item.jobs, lambda job: listed_job(job, item, world.clock, cloud=cloud), _PAGE)


async def rerun_workflow(request: Request) -> Response:
    """``POST /workflow/{id}/rerun``: all, from failed, or some jobs; a new workflow in the same pipeline."""
    world, item, sent = world_of(request), asked_workflow(request), await body_of(request)
    names = _named(sent, item, world.clock.now())
    new = rerun(world, item, names, world.clock.now(), pace=RERUN_PACE)
    return said({"workflow_id": new.id}, 202)


def _named(sent: Json, item: Workflow, now: float) -> set[str] | None:
    """The jobs that a rerun is about; None for all.

    Raises:
        Refused: the request contradicts itself, or the workflow goes on.
    """
    jobs: Any = sent.get("jobs")
    unknown = set(sent) - {"enable_ssh", "from_failed", "jobs", "sparse_tree"}
    by_id = {job.id: job.spec.name for job in item.jobs}
    from_failed = sent.get("from_failed") is True
    if unknown:
        raise Refused(message(400, "Unexpected request body provided."))
    if jobs and from_failed:
        raise Refused(message(400, "from_failed and jobs are mutually exclusive"))
    if (sent.get("enable_ssh") or sent.get("sparse_tree")) and not jobs:
        raise Refused(message(400, "jobs must be given with enable_ssh or sparse_tree"))
    if jobs and not set(jobs) <= set(by_id):
        raise Refused(message(404, "Job not found"))
    if from_failed and not item.over(now):
        raise Refused(message(400, "Workflow is still running"))
    if from_failed and item.status(now) == "success":
        raise Refused(message(400, "Workflow has no failed jobs to rerun"))
    if jobs:
        return {by_id[job_id] for job_id in jobs}
    return unfinished(item, now) if from_failed else None


async def cancel_workflow(request: Request) -> Response:
    """``POST /workflow/{id}/cancel``: accepted whatever its status; what runs ends a moment later."""
    cancel(asked_workflow(request), world_of(request).clock.now(), ME)
    return message(202, "Accepted.")


async def approve_job(request: Request) -> Response:
    """``POST /workflow/{id}/approve/{approval_request_id}``."""
    world, item = world_of(request), asked_workflow(request)
    wanted = request.path_params["request_id"]
    job = next((one for one in item.jobs if one.id == wanted and one.spec.kind == "approval"), None)
    if not job:
        raise no_such("Approval request")
    if job.status(world.clock.now()) != "on_hold":
        return message(400, "Approval request is not on hold")
    approve(job, world.clock.now(), ME)
    return message(202, "Accepted.")


ROUTES = [
    Route("/api/v2/workflow/{workflow_id}", get_workflow),
    Route("/api/v2/workflow/{workflow_id}/job", list_jobs),
    Route("/api/v2/workflow/{workflow_id}/rerun", rerun_workflow, methods=["POST"]),
    Route("/api/v2/workflow/{workflow_id}/cancel", cancel_workflow, methods=["POST"]),
    Route("/api/v2/workflow/{workflow_id}/approve/{request_id}", approve_job, methods=["POST"]),
]
