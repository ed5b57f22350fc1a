"""Routes of jobs and their logs."""

import base64
import binascii
import json
import uuid
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ci_mcp.sandbox.app import Refused
from ci_mcp.sandbox.semaphore.answers import (
    proto,
    proto_error,
    said,
    text,
    token_sent,
    world_of,
)  # fmt: skip
from ci_mcp.sandbox.semaphore.artifacts import NOT_ENABLED, signed_url
from ci_mcp.sandbox.semaphore.logs import events, plain_text
from ci_mcp.sandbox.semaphore.model import Job
from ci_mcp.sandbox.semaphore.model import stop_job as stop_one
from ci_mcp.sandbox.semaphore.shapes import job
from ci_mcp.sandbox.semaphore.world import NO_ARTIFACTS_TOKEN, World

_MOST_JOBS = 30
_JWT_SECONDS = 300
_STATES = {"PENDING": "pending", "QUEUED": "enqueued", "RUNNING": "started", "FINISHED": "finished"}


async def list_jobs(request: Request) -> Response:
    """``GET /jobs``: of the whole organization, newest first, at most 30; none unless ``states`` are named."""
    world = world_of(request)
    now = world.clock.now()
    size = request.query_params.get("page_size") or "30"
    if not size.isdecimal() or int(size) > _MOST_JOBS:
        raise proto_error(400, f"Page size can't exceed {_MOST_JOBS}")
    names = request.query_params.getlist("states")
    if unknown := [name for name in names if name not in _STATES]:
        raise proto_error(400, f'parsing list "states": {unknown[0]} is not valid')
    states = {_STATES[name] for name in names}
    seen = [j for j in world.jobs.values() if j.block.pipeline.workflow.project.visible and j.created <= now]
    found = sorted((j for j in seen if j.state(now) in states), key=lambda j: (-j.created, j.id))
    begin = _read_page(request.query_params.get("page_token", ""))
    end = begin + (int(size) or _MOST_JOBS)
    token = base64.urlsafe_b64encode(f"after {end}".encode()).decode() if end < len(found) else ""
    return proto({"jobs": [job(each, world.clock, now) for each in found[begin:end]], "next_page_token": token})


def _read_page(token: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(token).decode().removeprefix("after ")) if token else 0
    except (binascii.Error, ValueError):
        raise proto_error(400, "Invalid page token") from None


def _gateway_job(request: Request) -> Job:
    """The job of a request to the gateway."""
    job_id = request.path_params["job_id"]
    try:
        uuid.UUID(job_id)
    except ValueError:
        raise proto_error(400, f"Job id '{job_id}' is not a valid UUID") from None
    found = world_of(request).job(job_id)
    if not found:
        raise proto_error(404, f"Job {job_id} not found")
    if not found.block.pipeline.workflow.project.visible:
        raise proto_error(403, "Permission denied")
    return found


async def get_job(request: Request) -> Response:
    """``GET /jobs/{id}``."""
    world = world_of(request)
    return proto(job(_gateway_job(request), world.clock, world.clock.now()))


async def stop_job(request: Request) -> Response:
    """``POST /jobs/{id}/stop``: asynchronous."""
    found = _gateway_job(request)
    stop_one(found, world_of(request).clock.now())
    return proto({})


def log_job(world: World, job_id: str) -> Job:
    """The job that a log is asked for.

    Raises:
        Refused: there is none, or it is not for this token.
    """
    found = world.job(job_id)
    if not found:
        raise Refused(said(f"Job with id '{job_id}' not found", 404))
    if not found.block.pipeline.workflow.project.visible:
        raise Refused(text(401, "Permission denied"))
    return found


async def get_log(request: Request) -> Response:
    """``GET /logs/{id}``: the whole log so far; of a self-hosted job, where it is; of one that never ran, why."""
    world = world_of(request)
    found = log_job(world, request.path_params["job_id"])
    if request.query_params.get("artifact_job_logs", "").lower() in {"1", "true", "yes"}:
        return _log_artifact(request, found)
    if found.self_hosted:
        expires = int(world.clock.unix(world.clock.now())) + _JWT_SECONDS
        jwt = base64.urlsafe_b64encode(json.dumps({"job": found.id, "exp": expires}).encode()).decode().rstrip("=")
        base = request.app.state.site.urls["api"]
        return Response("", 302, {"location": f"{base}/api/v1/logs/{found.id}?jwt={jwt}"})
    now = world.clock.now()
    if not found.has_run(now):
        return said(_why_no_log(found, now), 404)
    lines = ",".join(json.dumps(event, ensure_ascii=False) for event in events(found, world.clock, now))
    return Response(f'{{ "events": [{lines}] }}', media_type="application/json")


def _why_no_log(found: Job, now: float) -> str:
    if found.spec.reason and found.state(now) == "finished":
        return found.spec.reason
    if found.state(now) == "finished":
        stopped = found.result == "stopped"
        return f"This job {'was stopped before it' if stopped else 'never'} started, so no logs were produced."
    return "Log not found neither in the archive nor in the virtual machine"


def _log_artifact(request: Request, found: Job) -> Response:
    if token_sent(request) == NO_ARTIFACTS_TOKEN:
        return text(403, NOT_ENABLED)
    if found.state(world_of(request).clock.now()) != "finished" or found.started is None:
        return said("Artifact job logs not found", 404)
    return Response("", 302, {"location": signed_url(request, "jobs", found.id, "agent/job_logs.txt.gz")})


async def self_hosted_log(request: Request) -> Response:
    """``GET /api/v1/logs/{id}``: a self-hosted job's log, by the jwt alone; from event ``token`` on, or as text."""
    world, query = world_of(request), request.query_params
    now = world.clock.now()
    found = world.job(request.path_params["job_id"])
    claims = _read_jwt(query.get("jwt", ""))
    if not found or claims.get("job") != found.id or claims.get("exp", 0) < world.clock.unix(now):
        return Response("Unauthorized", 401, media_type="text/plain")
    if query.get("raw") == "true":
        return Response(plain_text(found, world.clock, now), media_type="text/plain")
    seen = events(found, world.clock, now)
    begin = query.get("token", "0")
    if not begin.isdecimal():
        return Response("Bad token", 400, media_type="text/plain")
    ended = found.state(now) == "finished"
    return proto({"events": seen[int(begin) :], "next": None if ended else len(seen)})


def _read_jwt(jwt: str) -> dict[str, Any]:
    try:
        claims = json.loads(base64.urlsafe_b64decode(jwt + "=" * (-len(jwt) % 4)))
    except (binascii.Error, ValueError):
        return {}
    return claims if isinstance(claims, dict) else {}


ROUTES = [
    Route("/api/v1alpha/jobs", list_jobs),
    Route("/api/v1alpha/jobs/{job_id}", get_job),
    Route("/api/v1alpha/jobs/{job_id}/stop", stop_job, methods=["POST"]),
    Route("/api/v1alpha/logs/{job_id}", get_log),
    Route("/api/v1/logs/{job_id}", self_hosted_log),
]
