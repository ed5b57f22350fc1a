"""Routes of API v2 for jobs: what they are, their tests and artifacts."""

import math

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ci_mcp.sandbox.circleci.answers import (
    Host,
    Json,
    host_of,
    job_page,
    message,
    no_such,
    numbered_job,
    organization_slug,
    page_of,
    said,
    stamp,
    visible_job,
    world_of,
)
from ci_mcp.sandbox.circleci.model import Job, cancel_job
from ci_mcp.sandbox.circleci.reports import tests_of
from ci_mcp.sandbox.circleci.storage import artifact_paths, artifact_url
from ci_mcp.sandbox.circleci.world import ME
from ci_mcp.sandbox.plan import Clock

_TESTS_PAGE = 200


def detailed_job(job: Job, host: Host, clock: Clock) -> Json:
    """A job as its own route says it: without its steps."""
    now, pipeline = clock.now(), job.workflow.pipeline
    project, over = pipeline.project, now >= job.stopped
    begun = job.started < math.inf and now >= job.started
    kind = "machine" if job.spec.resource.startswith("gpu") else "docker"
    return {
        "web_url": job_page(host, job),
        "project": {"id": project.id, "slug": project.slug, "name": project.name, "external_url": project.url},
        "parallel_runs": [{"index": node, "status": _node_status(job, node, now)} for node in range(job.spec.nodes)],
        "started_at": stamp(clock, job.started) if begun else None,
        "queued_at": stamp(clock, job.ready),
        "created_at": stamp(clock, job.ready),
        "stopped_at": stamp(clock, job.stopped) if over else None,
        "duration": round((job.stopped - job.started) * 1000) if over and begun else None,
        "latest_workflow": {"id": job.workflow.id, "name": job.workflow.spec.name},
        "name": job.spec.name,
        "executor": {"resource_class": job.spec.resource, "type": kind},
        "parallelism": job.spec.nodes,
        "status": job.status(now),
        "number": job.number,
        "pipeline": {"id": pipeline.id},
        "messages": [{"type": "error", "message": job.spec.message, "reason": "infrastructure"}]
        * bool(job.spec.message),
        "contexts": [],
        "organization": {"name": organization_slug(project).partition("/")[2]},
    }


def _node_status(job: Job, node: int, now: float) -> str:
    status = job.status(now)
    return job.node_result(node) if now >= job.stopped and status != "canceled" else status


async def get_job(request: Request) -> Response:
    """``GET /project/{slug}/job/{number}``."""
    job = numbered_job(request, request.path_params["number"])
    return said(detailed_job(job, host_of(request), world_of(request).clock))


async def get_job_by_id(request: Request) -> Response:
    """``GET /jobs/{id}``: newer than the published file."""
    world = world_of(request)
    job, now, clock = visible_job(world, request.path_params["job_id"]), world.clock.now(), world.clock
    if not job:
        raise no_such("Job")
    pipeline, begun = job.workflow.pipeline, job.started < math.inf and now >= job.started
    found: Json = {
        "id": job.id,
        "name": job.spec.name,
        "type": job.spec.kind,
        "status": job.status(now),
        "project_id": pipeline.project.id,
        "pipeline_id": pipeline.id,
        "workflow_id": job.workflow.id,
        "started_at": stamp(clock, job.started) if begun else None,
        "stopped_at": stamp(clock, job.stopped) if now >= job.stopped else None,
    }
    number = job.shown_number(now)
    return said(found | ({"job_number": number} if number else {}))


async def cancel_numbered_job(request: Request) -> Response:
    """``POST /project/{slug}/job/{number}/cancel``."""
    job = numbered_job(request, request.path_params["number"])
    return _cancel(request, job)


async def cancel_job_by_id(request: Request) -> Response:
    """``POST /jobs/{id}/cancel``."""
    job = visible_job(world_of(request), request.path_params["job_id"])
    if not job:
        raise no_such("Job")
    return _cancel(request, job)


def _cancel(request: Request, job: Job) -> Response:
    if not cancel_job(job, world_of(request).clock.now(), ME):
        return message(400, "Job is not running.")
    return message(200, "Job successfully canceled.")


async def list_tests(request: Request) -> Response:
    """``GET /project/{slug}/{number}/tests``: all of them, in the report's order."""
    job = numbered_job(request, request.path_params["number"])
    return page_of(request, tests_of(job, world_of(request).clock.now()), lambda test: test, _TESTS_PAGE)


async def list_artifacts(request: Request) -> Response:
    """``GET /project/{slug}/{number}/artifacts``: their URLs want the token, and lead elsewhere."""
    job, host = numbered_job(request, request.path_params["number"]), host_of(request)
    found = artifact_paths(job, world_of(request).clock.now())
    return page_of(
        request, found, lambda one: {"path": one[1], "node_index": one[0], "url": artifact_url(host, job, *one)}
    )


_PROJECT = "/api/v2/project/{vcs}/{org}/{repo}"
ROUTES = [
    Route(_PROJECT + "/job/{number}", get_job),
    Route(_PROJECT + "/job/{number}/cancel", cancel_numbered_job, methods=["POST"]),
    Route(_PROJECT + "/{number}/tests", list_tests),
    Route(_PROJECT + "/{number}/artifacts", list_artifacts),
    Route("/api/v2/jobs/{job_id}", get_job_by_id),
    Route("/api/v2/jobs/{job_id}/cancel", cancel_job_by_id, methods=["POST"]),
]
