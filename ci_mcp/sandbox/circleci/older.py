"""Routes of API v1.1 and of the undocumented private API: a job with its steps, and their output."""

import json
import math
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ci_mcp.sandbox.app import Refused
from ci_mcp.sandbox.circleci.answers import (
    Host,
    Json,
    asked_project,
    host_of,
    job_page,
    message,
    numbered_job,
    stamp,
    world_of,
)
from ci_mcp.sandbox.circleci.model import BAD, Job
from ci_mcp.sandbox.circleci.output import Step, steps_of
from ci_mcp.sandbox.circleci.storage import output_url
from ci_mcp.sandbox.circleci.world import PROJECTS
from ci_mcp.sandbox.plan import Clock

_MOST = 100
_TYPES = {"checkout": "checkout", "run": "test", "spinup_environment": "infrastructure", "store_test_results": "test"}


def older(request: Request, value: Any) -> Response:
    """An answer of API v1.1: in EDN for who names no type that he accepts."""
    if request.headers.get("accept", ""):
        return Response(json.dumps(value, ensure_ascii=False), media_type="application/json; charset=utf-8")
    return Response(_edn(value), media_type="application/edn; charset=utf-8")


def _edn(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f":{key} {_edn(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + " ".join(map(_edn, value)) + "]"
    return "nil" if value is None else json.dumps(value, ensure_ascii=False)


def _summary(job: Job, host: Host, clock: Clock) -> Json:
    now, pipeline = clock.now(), job.workflow.pipeline
    over, begun = now >= job.stopped, job.started < math.inf and now >= job.started
    status = job.status(now)
    workflows = {
        "job_name": job.spec.name,
        "job_id": job.id,
        "workflow_id": job.workflow.id,
        "workflow_name": job.workflow.spec.name,
        "workspace_id": job.workflow.rerun_of or job.workflow.id,
    }
    return {
        "build_num": job.number,
        "build_url": job_page(host, job),
        "vcs_url": pipeline.project.url,
        "username": "acme",
        "reponame": pipeline.project.name,
        "branch": pipeline.branch or None,
        "vcs_tag": pipeline.tag or None,
        "vcs_revision": pipeline.commit,
        "subject": pipeline.message,
        "committer_name": pipeline.actor.title(),
        "status": status,
        "outcome": status if over else None,
        "lifecycle": "finished" if over else "running" if begun else "queued",
        "start_time": stamp(clock, job.started) if begun else None,
        "stop_time": stamp(clock, job.stopped) if over else None,
        "build_time_millis": round((job.stopped - job.started) * 1000) if over and begun else None,
        "parallel": job.spec.nodes,
        "retry_of": None,
        "canceled": status == "canceled",
        "infrastructure_fail": status == "infrastructure_fail",
        "timedout": status == "timedout",
        "pull_requests": [{"url": f"{pipeline.project.url}/pull/{pipeline.review}"}] if pipeline.review else [],
        "workflows": workflows,
    }


def _action(job: Job, node: int, step: Step, host: Host, clock: Clock) -> Json:
    over, has_output = step.stopped is not None, bool(step.text or step.stderr)
    found: Json = {
        "name": step.name,
        "index": node,
        "step": step.num,
        "type": _TYPES[step.kind],
        "status": step.outcome or "running",
        "exit_code": step.exit_code,
        "bash_command": step.command or None,
        "start_time": stamp(clock, step.started),
        "end_time": stamp(clock, step.stopped) if step.stopped is not None else None,
        "run_time_millis": round((step.stopped - step.started) * 1000) if step.stopped is not None else None,
        "has_output": has_output,
        "truncated": False,
        "parallel": job.spec.nodes > 1,
        "background": False,
        "insignificant": False,
        "allocation_id": f"{job.id}-{node}-build",
        "source": "config" if step.command else "executor",
        "failed": (True if step.outcome in BAD else None) if over else None,
        "timedout": True if step.outcome == "timedout" else None,
        "infrastructure_fail": True if step.outcome == "infrastructure_fail" else None,
        "canceled": True if step.outcome == "canceled" else None,
        "continue": None,
        "messages": [],
    }
    return found | ({"output_url": output_url(host, job, node, step)} if has_output else {})


async def get_build(request: Request) -> Response:
    """``GET /project/{vcs}/{user}/{project}/{number}``: a job with its steps, each with an action for each node."""
    job, host, clock = numbered_job(request, request.path_params["number"]), host_of(request), world_of(request).clock
    steps: dict[int, Json] = {}
    for node in range(job.spec.nodes):
        for step in steps_of(job, node, clock):
            entry = steps.setdefault(step.num, {"name": step.name, "actions": []})
            entry["actions"].append(_action(job, node, step, host, clock))
    said = [{"type": "error", "message": job.spec.message}] if job.spec.message else []
    whole = _summary(job, host, clock) | {"steps": [steps[num] for num in sorted(steps)], "messages": said}
    return older(request, whole)


async def list_builds(request: Request) -> Response:
    """``GET /project/{vcs}/{user}/{project}``: the latest jobs."""
    world, project, query = world_of(request), asked_project(request), request.query_params
    now = world.clock.now()
    found = [
        job
        for job in world.jobs.values()
        if job.workflow.pipeline.project is project and job.shown_number(now) and _wanted(job, query.get("filter"), now)
    ]
    found.sort(key=lambda job: -(job.number or 0))
    limit, offset = _number(query.get("limit"), 30), _number(query.get("offset"), 0)
    shown = found[offset : offset + min(limit, _MOST)]
    return older(request, [_summary(job, host_of(request), world.clock) for job in shown])


def _wanted(job: Job, wish: str | None, now: float) -> bool:
    status = job.status(now)
    return {
        "completed": now >= job.stopped,
        "successful": status == "success",
        "failed": status in BAD,
        "running": status in {"running", "queued"},
    }.get(wish or "", True)


def _number(text: str | None, default: int) -> int:
    return int(text) if text and text.isdecimal() else default


async def list_projects(request: Request) -> Response:
    """``GET /projects``: the followed ones, those of the GitHub App left out; no slug among their fields."""
    found = []
    for project in PROJECTS.values():
        if project.followed and project.visible and not project.native:
            kind, user, name = project.slug.split("/")
            branches = {project.default: {"is_using_workflows": True, "pusher_logins": ["ada", "ben"]}}
            found.append({
                "vcs_url": project.url,
                "vcs_type": {"gh": "github", "bb": "bitbucket"}[kind],
                "username": user,
                "reponame": name,
                "followed": True,
                "default_branch": project.default,
                "branches": branches,
            })  # fmt: skip
    return older(request, found)


async def get_me(request: Request) -> Response:
    """``GET /me``."""
    return older(request, {"login": "ada", "name": "Ada", "admin": False, "basic_email_prefs": "smart"})


async def get_raw_output(request: Request) -> Response:
    """``GET /api/private/output/raw/{slug}/{number}/{output|error}/{index}/{step}``: a wrong step is an empty 200."""
    place = request.path_params
    try:
        job = numbered_job(request, place["number"])
    except Refused:
        return message(404, "Build not found")
    node, clock = place["node"], world_of(request).clock
    steps = steps_of(job, node, clock) if node < job.spec.nodes else []
    step = next((one for one in steps if one.num == place["num"]), None)
    text = b"" if step is None else step.stdout_bytes if place["kind"] == "output" else step.stderr_bytes
    if step is not None and not text:
        return Response(status_code=204)
    return Response(text, media_type="application/octet-stream", headers={"x-ratelimit-limit": "300"})


_PROJECT = "/api/v1.1/project/{vcs}/{org}/{repo}"
ROUTES = [
    Route("/api/v1.1/me", get_me),
    Route("/api/v1.1/projects", list_projects),
    Route(_PROJECT, list_builds),
    Route(_PROJECT + "/{number}", get_build),
    Route("/api/private/output/raw/{vcs}/{org}/{repo}/{number}/{kind}/{node:int}/{num:int}", get_raw_output),
]
