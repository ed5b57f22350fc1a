"""Routes of API v3 for jobs, which only the cloud has: their steps, and what the steps print."""

import json
import math
import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ci_mcp.sandbox.circleci.answers import (
    Json,
    entities,
    host_of,
    no_entity,
    problem,
    said,
    stamp,
    visible_job,
    visible_workflow,
    world_of,
)
from ci_mcp.sandbox.circleci.model import Job, Workflow
from ci_mcp.sandbox.circleci.newer import filter_of, outcome, paging
from ci_mcp.sandbox.circleci.output import Step, steps_of
from ci_mcp.sandbox.circleci.reports import tests_of
from ci_mcp.sandbox.circleci.storage import artifact_paths, artifact_url
from ci_mcp.sandbox.plan import Clock

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_TELLING = re.compile(rb"error|fail|assert|exception|traceback|panic|not found|too long|killed|^E |^> ", re.IGNORECASE)
_CONDENSED_LINES = 60
_RAW = "application/octet-stream"


def _listed(job: Job, owner: Workflow, clock: Clock) -> Json:
    now, attributes = clock.now(), {"name": job.spec.name, "type": job.spec.kind}
    status = job.status(now)
    # A job that waits for a machine calls itself started here, without a time.
    phase = {"blocked": "created", "on_hold": "queued", "queued": "started", "running": "started"}.get(status, "ended")
    attributes["phase"] = phase
    if job.started < math.inf and now >= job.started:
        attributes["started_at"] = stamp(clock, job.started)
    if phase == "ended":
        attributes["outcome"] = outcome(status)
        if job.stopped < math.inf:
            attributes["ended_at"] = stamp(clock, job.stopped)
    pipeline = owner.pipeline
    references = {
        "workflow": {"id": owner.id},
        "pipeline": {"id": pipeline.id},
        "project": {"id": pipeline.project.id},
        "user": {"id": owner.started_by},
    }
    return {"id": job.id, "attributes": attributes, "references": references}


def _step(step: Step, clock: Clock) -> Json:
    found: Json = {
        "num": step.num,
        "name": step.name,
        "type": step.kind,
        "phase": "started" if step.stopped is None else "ended",
        "started_at": stamp(clock, step.started),
        "ended_at": None if step.stopped is None else stamp(clock, step.stopped),
        "stdout_bytes": len(step.stdout_bytes),
        "stderr_bytes": len(step.stderr_bytes),
    }
    found |= {"outcome": outcome(step.outcome)} if step.outcome else {}
    found |= {"exit_code": step.exit_code} if step.exit_code is not None else {}
    return found | ({"command": step.command} if step.command else {})


def _asked(request: Request) -> Job:
    job = visible_job(world_of(request), request.path_params["job_id"])
    if not job:
        raise no_entity("Job")
    return job


async def list_jobs(request: Request) -> Response:
    """``GET /jobs?filter[workflow_id]=``."""
    world = world_of(request)
    item = visible_workflow(world, filter_of(request, "workflow_id"))
    if not item:
        raise no_entity("Workflow")
    cursor, limit = paging(request)
    return entities(item.jobs, lambda job: _listed(job, item, world.clock), cursor=cursor, limit=limit)


async def get_job(request: Request) -> Response:
    """``GET /jobs/{id}``: with the steps of each node; the id is that of API v2."""
    job, world = _asked(request), world_of(request)
    entity = _listed(job, job.workflow, world.clock)
    number = job.shown_number(world.clock.now())
    entity["attributes"] |= {"number": number} if number else {}
    if job.has_run(world.clock.now()):
        nodes = [steps_of(job, node, world.clock) for node in range(job.spec.nodes)]
        entity["attributes"]["parallel_executions"] = [
            {"steps": [_step(step, world.clock) for step in steps]} for steps in nodes
        ]
    return said({"data": entity})


def _asked_step(request: Request) -> Step:
    job, node = _asked(request), request.query_params.get("filter[execution]", "0")
    num = filter_of(request, "step_num")
    steps = steps_of(job, int(node), world_of(request).clock) if node.isdecimal() and int(node) < job.spec.nodes else []
    step = next((one for one in steps if str(one.num) == num), None)
    if not step:
        raise no_entity("Output")
    return step


async def get_stdout(request: Request) -> Response:
    """``GET /jobs/{id}/stdout``: raw, with ranges; ``X-Terminal: true`` where nothing more comes."""
    step = _asked_step(request)
    return _raw(request, step, step.stdout_bytes)


async def get_stderr(request: Request) -> Response:
    """``GET /jobs/{id}/stderr``: the same."""
    step = _asked_step(request)
    return _raw(request, step, step.stderr_bytes)


def _raw(request: Request, step: Step, content: bytes) -> Response:
    terminal = {"x-terminal": "true"} if step.stopped is not None else {}
    if not content:
        return Response(status_code=204, headers=terminal)
    match = _RANGE.fullmatch(request.headers.get("range", ""))
    if not match or match.groups() == ("", ""):
        return Response(content, headers=terminal | {"accept-ranges": "bytes"}, media_type=_RAW)
    size = len(content)
    start = int(match[1]) if match[1] else max(0, size - int(match[2]))
    end = min(size, int(match[2]) + 1) if match[1] and match[2] else size
    if start >= size:
        return Response(status_code=416, headers=terminal | {"content-range": f"bytes */{size}"})
    headers = terminal | {"content-range": f"bytes {start}-{end - 1}/{size}"}
    return Response(content[start:end], 206, headers, _RAW)


async def get_condensed(request: Request) -> Response:
    """``GET /jobs/{id}/stdout/condensed``: the lines that look like an error, the last of them."""
    lines = _asked_step(request).stdout_bytes.splitlines(keepends=True)
    telling = [line for line in lines if _TELLING.search(line)] or lines
    return Response(b"".join(telling[-_CONDENSED_LINES:]), media_type=_RAW)


async def list_tests(request: Request) -> Response:
    """``GET /jobs/{id}/tests``: a line of JSON for each; 404 where there are none."""
    found = tests_of(_asked(request), world_of(request).clock.now())
    if not found:
        raise no_entity("Tests")
    kept = ("classname", "name", "result", "run_time")
    rows: list[dict[str, Any]] = [
        {key: test[key] for key in kept} | {"message": test["message"] or ""} for test in found
    ]
    return Response("".join(json.dumps(row) + "\n" for row in rows), media_type="application/x-ndjson")


async def list_artifacts(request: Request) -> Response:
    """``GET /jobs/{id}/artifacts``."""
    job, host = _asked(request), host_of(request)

    def shape(one: tuple[int, str]) -> Json:
        node, path = one
        return {
            "id": f"{job.id}-{node}-{path}",
            "attributes": {"path": path, "url": artifact_url(host, job, node, path), "execution": node},
        }

    cursor, limit = paging(request)
    return entities(artifact_paths(job, world_of(request).clock.now()), shape, cursor=cursor, limit=limit)


async def get_resource_usage(request: Request) -> Response:
    """``GET /jobs/{id}/resource-usage``: 404 for what never ran."""
    job, now = _asked(request), world_of(request).clock.now()
    if not job.has_run(now):
        return problem(404, "Not Found", "Resource usage not found.")
    samples = max(1, min(20, int((min(now, job.stopped) - job.started) / 5)))
    series = [
        {
            "execution": node,
            "interval_ms": 5000,
            "cpu_cores": [round(0.4 + (at * 7 + node) % 11 / 8, 2) for at in range(samples)],
            "memory_bytes": [200_000_000 + at * 9_000_000 for at in range(samples)],
            "network_rx_bytes": 48_000_000,
            "network_tx_bytes": 1_200_000,
        }
        for node in range(job.spec.nodes)
    ]
    resource = {"name": job.spec.resource, "cpu_count": 2, "memory_limit_bytes": 4 * 2**30}
    return said({"data": {"id": job.id, "attributes": {"resource_class": resource, "parallel_executions": series}}})


ROUTES = [
    Route("/api/v3/jobs", list_jobs),
    Route("/api/v3/jobs/{job_id}", get_job),
    Route("/api/v3/jobs/{job_id}/stdout", get_stdout),
    Route("/api/v3/jobs/{job_id}/stderr", get_stderr),
    Route("/api/v3/jobs/{job_id}/stdout/condensed", get_condensed),
    Route("/api/v3/jobs/{job_id}/tests", list_tests),
    Route("/api/v3/jobs/{job_id}/artifacts", list_artifacts),
    Route("/api/v3/jobs/{job_id}/resource-usage", get_resource_usage),
]
