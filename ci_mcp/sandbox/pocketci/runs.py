"""Routes of runs and of the gates that they wait at."""

import hashlib

from starlette.requests import Request
from starlette.responses import Response

from ci_mcp.sandbox.pocketci.answers import (
    Refused,
    actor_of,
    check_access,
    envelope,
    place_of,
    route,
    run_of,
    said,
    show_run,
    world_of,
)
from ci_mcp.sandbox.pocketci.model import NEVER, Gate, Json, Row, Run, iso
from ci_mcp.sandbox.pocketci.pipelines import queue_full
from ci_mcp.sandbox.pocketci.world import QueueFull, World

_RUN = "/api/runs/{run_id}"
_SHARED_SECONDS = 30 * 86_400


async def status(request: Request) -> Response:
    """``GET /api/runs/{id}/status``."""
    return said(show_run(world_of(request), run_of(request)))


async def tasks(request: Request) -> Response:
    """``GET /api/runs/{id}/tasks``: all with their logs, one page of them, or one by its path."""
    world, run = world_of(request), run_of(request)
    rows, query = run.visible_rows(world.now()), request.query_params
    if query.get("path"):
        path = query["path"] if query["path"].startswith("/") else prefix_of(run) + query["path"]
        if not path.startswith(prefix_of(run)):
            raise Refused(400, "task path must be scoped to the run")
        found = [row for row in rows if prefix_of(run) + row.path == path]
        if not found:
            raise Refused(404, "task not found")
        return said([show_row(world, run, found[0])])
    if query.get("page") or query.get("per_page"):
        return said(envelope(rows, *place_of(request), lambda row: show_row(world, run, row)))
    return said([show_row(world, run, row) for row in rows])


def prefix_of(run: Run) -> str:
    """What the paths of a run's tasks begin with."""
    return f"/pipeline/{run.id}/"


def show_row(world: World, run: Run, row: Row) -> Json:
    """What is stored about one job, group or task."""
    return {"path": prefix_of(run) + row.path, "payload": row.payload(world.now(), world.clock)}


async def stop(request: Request) -> Response:
    """``POST /api/runs/{id}/stop``."""
    world, run = world_of(request), run_of(request)
    if run.status(world.now()) not in {"queued", "running"}:
        raise Refused(409, "run is not currently in flight")
    return said({"run_id": run.id, "status": world.stop(run)})


async def resume(request: Request) -> Response:
    """``POST /api/runs/{id}/resume``: whatever ``resume_enabled`` says."""
    world = world_of(request)
    if "resume" not in world.features:
        raise Refused(403, "resume feature is not enabled")
    run = run_of(request)
    if run.status(world.now()) != "failed":
        raise Refused(409, "only failed runs can be resumed")
    try:
        world.resume(run)
    except QueueFull as full:
        raise queue_full(world, full) from None
    return said({"run_id": run.id, "status": "resuming"})


async def share(request: Request) -> Response:
    """``POST /api/runs/{id}/share``: a page for everybody who has its address."""
    world = world_of(request)
    run = world.runs.get(request.path_params["run_id"])
    if not run:
        return said({"message": "run not found"}, 404)
    until = int(world.clock.unix(world.now())) + _SHARED_SECONDS
    token = f"{run.id}.{until}.{hashlib.sha256(f'{run.id}.{until}'.encode()).hexdigest()}"
    world.shares[token] = run.id
    return said({"share_path": f"/share/{token}/tasks"})


async def gates(request: Request) -> Response:
    """``GET /api/runs/{id}/gates``."""
    world = _gated(request)
    run = run_of(request)
    return said([_gate(world, run, gate) for gate in run.gates.values() if gate.created <= world.now()])


async def resolve(request: Request) -> Response:
    """``POST /api/gates/{id}/approve`` and ``…/reject``."""
    world = _gated(request)
    found = world.gate(request.path_params["gate_id"])
    if not found:  # the real server trips over it, whatever its code means to say
        raise Refused(500, "internal server error")
    run, gate = found
    check_access(request, run.pipeline)
    if gate.status != "pending":
        raise Refused(409, f"gate is already {gate.status}")
    word = "approved" if request.url.path.endswith("/approve") else "rejected"
    world.resolve(run, gate, word, actor_of(request) or "unknown")
    return said(_gate(world, run, gate))


def _gated(request: Request) -> World:
    world = world_of(request)
    if "gates" not in world.features:
        raise Refused(403, "gates feature is not enabled")
    return world


def _gate(world: World, run: Run, gate: Gate) -> Json:
    known: Json = {
        "id": gate.id, "run_id": run.id, "pipeline_id": run.pipeline.id, "name": gate.name, "status": gate.status,
        "message": gate.message, "approved_by": gate.by, "created_at": iso(world.clock, gate.created),
    }  # fmt: skip
    return known | ({"resolved_at": iso(world.clock, gate.resolved)} if gate.resolved < NEVER else {})


ROUTES = [
    route("GET", _RUN + "/status", status),
    route("GET", _RUN + "/tasks", tasks),
    route("POST", _RUN + "/stop", stop),
    route("POST", _RUN + "/resume", resume),
    route("POST", _RUN + "/share", share),
    route("GET", _RUN + "/gates", gates),
    route("POST", "/api/gates/{gate_id}/approve", resolve),
    route("POST", "/api/gates/{gate_id}/reject", resolve),
]
