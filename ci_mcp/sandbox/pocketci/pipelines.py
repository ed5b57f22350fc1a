"""Routes of pipelines: list, put, delete, trigger, pause, schedules, and what the server can do."""

import asyncio
import re
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from ci_mcp.sandbox.pocketci.answers import (
    Refused,
    actor_of,
    body_of,
    check_access,
    compact,
    envelope,
    may_see,
    pipeline_of,
    place_of,
    route,
    said,
    show_pipeline,
    world_of,
)
from ci_mcp.sandbox.pocketci.model import NEVER, Json, Pipeline, Run, Schedule, iso
from ci_mcp.sandbox.pocketci.world import DRIVERS, QueueFull, World

_PIPELINE = "/api/pipelines/{id}"
_MODES = ("", "serial", "group", "skip-if-running")
_LOOK_SECONDS = 0.02
_ARGS = re.compile(rb'name="args"\r\n(?:[^\r\n]+\r\n)*\r\n(.*?)\r\n--', re.DOTALL)


async def features(request: Request) -> Response:
    """``GET /api/features``."""
    return said({"features": list(world_of(request).features)})


async def drivers(_request: Request) -> Response:
    """``GET /api/drivers``."""
    return said({"drivers": list(DRIVERS)})


def newest_first(world: World) -> list[Pipeline]:
    """All pipelines, the newest first; of those of one second the one that came first is first."""
    return sorted(world.pipelines.values(), key=lambda one: -int(world.clock.unix(one.created)))


async def index(request: Request) -> Response:
    """``GET /api/pipelines``: what may not be seen is missing from its page, and counted all the same."""
    world = world_of(request)
    shown = envelope(newest_first(world), *place_of(request), lambda one: one)
    shown["items"] = [show_pipeline(world, one) for one in shown["items"] if may_see(request, one)]
    return said(shown)


async def show(request: Request) -> Response:
    """``GET /api/pipelines/{id}``: by its id alone."""
    return said(show_pipeline(world_of(request), pipeline_of(request)))


async def upsert(request: Request) -> Response:
    """``PUT /api/pipelines/{name}``: whatever its source, its kind and its driver are."""
    world, name, raw = world_of(request), request.path_params["id"], await request.body()
    sent = await body_of(request)
    if raw and not sent and raw.strip() != b"{}":
        raise Refused(400, "invalid request body")
    old = world.named(name)
    if old:
        check_access(request, old)
    if not sent.get("content"):
        raise Refused(400, "content is required")
    mode = str(sent.get("concurrency_mode", ""))
    if mode not in _MODES:
        valid = ", ".join(f'"{one}"' for one in _MODES)
        raise Refused(400, f'unknown concurrency_mode "{mode}" (valid: {valid})')
    if mode == "group" and not sent.get("concurrency_group_template"):
        raise Refused(400, 'concurrency_mode="group" requires a non-empty concurrency_group_template')
    keys = ("rbac_expression", "concurrency_mode", "concurrency_group_template", "concurrency_cancel_running")
    settings: Json = {key: sent[key] for key in (*keys, "resume_enabled") if sent.get(key)}
    kind, driver = str(sent.get("content_type") or ""), str(sent.get("driver") or DRIVERS[0])
    made = world.put(name, str(sent["content"]), kind, driver, settings)
    return said(show_pipeline(world, made, put=True))


async def destroy(request: Request) -> Response:
    """``DELETE /api/pipelines/{id}``: its runs go with it."""
    world, pipeline = world_of(request), pipeline_of(request)
    del world.pipelines[pipeline.id]
    world.runs = {run_id: run for run_id, run in world.runs.items() if run.pipeline is not pipeline}
    return Response(status_code=204)


async def trigger(request: Request) -> Response:
    """``POST /api/pipelines/{id}/trigger``: a body that is no JSON starts a run all the same."""
    world, pipeline = world_of(request), pipeline_of(request)
    if pipeline.paused:
        raise Refused(409, "pipeline is paused")
    # Go reads a body only where its length is said.
    sent = await body_of(request) if "content-length" in request.headers else {}
    wanted = ("args", "jobs") if sent.get("mode") == "args" else ("jobs",)
    given = {key: sent[key] for key in wanted if sent.get(key) and isinstance(sent[key], list)}
    if sent.get("mode") == "webhook":
        if "webhooks" not in world.features:
            raise Refused(403, "webhooks feature is not enabled")
        simulated = {key: value for key, value in (sent.get("webhook") or {}).items() if value}
        hook = {"provider": "manual", "eventType": "", "method": "POST"} | simulated
        run = start(request, pipeline, {"webhook": hook}, "webhook")
    else:
        run = start(request, pipeline, given)
    return said(
        {
            "message": "pipeline execution started", "pipeline_id": pipeline.id, "run_id": run.id,
            "status": run.status(world.now()), "trigger_input": run.trigger_input, "trigger_type": run.trigger_type,
            "triggered_by": run.triggered_by,
        },
        202,
    )  # fmt: skip


def start(request: Request, pipeline: Pipeline, given: Json, kind: str = "manual") -> Run:
    """Start a run. Raises `Refused` where too many wait already."""
    hook = given.get("webhook", {})
    sender = ":".join(filter(None, (hook.get("provider"), hook.get("eventType"))))
    try:
        return world_of(request).trigger(pipeline, given, sender or actor_of(request), kind)
    except QueueFull as full:
        raise queue_full(world_of(request), full) from None


def queue_full(world: World, full: QueueFull) -> Refused:
    """What is said where too many runs wait; not when to come back."""
    limits = world.limits
    return Refused(
        429, "execution queue is full", in_flight=full.in_flight, max_in_flight=limits.in_flight,
        max_queue_size=limits.queue,
    )  # fmt: skip


async def run_streamed(request: Request) -> Response:
    """``POST /api/pipelines/{name}/run``: a run by the pipeline's name; its output as it comes, its id at its end."""
    world = world_of(request)
    pipeline = world.named(request.path_params["id"])
    if not pipeline:
        raise Refused(404, "pipeline not found")
    check_access(request, pipeline)
    if pipeline.paused:
        raise Refused(409, "pipeline is paused")
    raw = await request.body()
    found = _ARGS.search(raw)
    sent = await body_of(request)
    args = re.findall(r'"((?:[^"\\]|\\.)*)"', found[1].decode()) if found else sent.get("args") or []
    run = start(request, pipeline, {"args": args} if args else {}, "cli")
    if run.end <= world.now() or run.begin == NEVER:
        raise Refused(500, f"run {run.id} rejected: concurrency group busy")
    return StreamingResponse(_events(world, run), headers={"Content-Type": "text/event-stream"})


async def _events(world: World, run: Run) -> AsyncIterator[str]:
    told: dict[str, int] = {}
    while True:
        now = world.now()
        for row in run.visible_rows(now):
            logs = row.logs(now)
            for chunk in logs[told.get(row.path, 0) :]:
                yield _event({"data": chunk["content"], "stream": chunk["type"]})
            told[row.path] = len(logs)
        if now >= run.end:
            break
        await asyncio.sleep(_LOOK_SECONDS)
    failed = run.result != "success"
    message = {"message": run.error} if run.error else {}
    yield _event({"code": int(failed), "event": "exit"} | message | {"run_id": run.id})


def _event(value: Json) -> str:
    return f"data: {compact(value)}\n\n"


async def webhook(request: Request) -> Response:
    """``/api/webhooks/{id}``: starts a run with all that was sent; the real server waits for its answer first."""
    world, pipeline = world_of(request), world_of(request).pipelines.get(request.path_params["id"])
    if "webhooks" not in world.features:
        raise Refused(403, "webhooks feature is not enabled")
    if not pipeline:
        raise Refused(404, "pipeline not found")
    if pipeline.paused:
        raise Refused(409, "pipeline is paused")
    event = request.headers.get("x-github-event", "")
    hook: Json = {"provider": "github" if event else "generic", "eventType": event, "method": request.method}
    hook |= {"url": request.url.path + (f"?{request.url.query}" if request.url.query else "")}
    hook |= {"headers": {name.title(): value for name, value in request.headers.items() if name != "host"}}
    hook |= {"body": (await request.body()).decode("utf-8", "replace"), "query": dict(request.query_params)}
    run = start(request, pipeline, {"webhook": {key: value for key, value in hook.items() if value or key[0] == "e"}},
                "webhook")  # fmt: skip
    known = {"message": "pipeline execution started", "pipeline_id": pipeline.id, "run_id": run.id}
    return said(known | {"status": run.status(world.now())}, 202)


async def pause(request: Request) -> Response:
    """``POST /api/pipelines/{id}/pause`` and ``…/unpause``."""
    pipeline = pipeline_of(request)
    pipeline.paused = request.url.path.endswith("/pause")
    word = "paused" if pipeline.paused else "unpaused"
    return said({"id": pipeline.id, "message": f"pipeline {word}", "paused": pipeline.paused})


async def seed_passed(request: Request) -> Response:
    """``POST …/jobs/{name}/seed-passed``: a run that says that a job has passed."""
    world, pipeline, job = world_of(request), pipeline_of(request), request.path_params["name"]
    run = start(request, pipeline, {}, "seed")
    run.begin, run.end, run.shown, run.triggered_by = NEVER, world.now(), None, actor_of(request) or "unknown"
    run.result, run.rows, run.error = "success", [], ""
    text = "job passed status seeded successfully"
    return said({"job": job, "message": text, "pipeline_id": pipeline.id, "run_id": run.id})


async def schedules(request: Request) -> Response:
    """``GET /api/pipelines/{id}/schedules``: without a look at who asks."""
    world = world_of(request)
    pipeline = world.pipelines.get(request.path_params["id"])
    if not pipeline:
        raise Refused(404, "pipeline not found")
    return said([_schedule(world, pipeline, one) for one in pipeline.schedules])


def _schedule(world: World, pipeline: Pipeline, one: Schedule) -> Json:
    clock, now = world.clock, world.now()
    next_run = now + 86_400 - (clock.unix(now) - 2 * 3600) % 86_400
    runs = [run for run in world.newest(pipeline.id) if run.triggered_by == f"schedule:{one.name}"]
    known: Json = {
        "id": one.id, "pipeline_id": pipeline.id, "name": one.name, "schedule_type": one.kind,
        "schedule_expr": one.expression, "job_name": one.job, "enabled": one.enabled,
    }  # fmt: skip
    known |= {"last_run_at": iso(clock, runs[0].created)} if runs else {}
    known |= {"next_run_at": iso(clock, next_run)} if one.enabled else {}
    return known | {"created_at": iso(clock, one.created), "updated_at": iso(clock, one.created)}


async def enable_schedule(request: Request) -> Response:
    """``PUT /api/schedules/{id}/enabled``."""
    raw, sent = await request.body(), await body_of(request)
    if not sent and raw.strip() != b"{}":
        raise Refused(400, f"invalid request body: {'unexpected EOF' if raw else 'EOF'}")
    every = (one for pipeline in world_of(request).pipelines.values() for one in pipeline.schedules)
    found = next((one for one in every if one.id == request.path_params["id"]), None)
    if not found:
        raise Refused(404, "schedule not found")
    found.enabled = bool(sent.get("enabled"))
    return said({"status": "ok"})


ROUTES = [
    route("GET", "/api/features", features),
    route("GET", "/api/drivers", drivers),
    route("GET", "/api/pipelines", index),
    route("GET", _PIPELINE, show),
    route("PUT", _PIPELINE, upsert),
    route("DELETE", _PIPELINE, destroy),
    route("POST", _PIPELINE + "/trigger", trigger),
    route("POST", _PIPELINE + "/run", run_streamed),
    route("POST", _PIPELINE + "/pause", pause),
    route("POST", _PIPELINE + "/unpause", pause),
    route("POST", _PIPELINE + "/jobs/{name}/seed-passed", seed_passed),
    route("GET", _PIPELINE + "/schedules", schedules),
    *(route(method, "/api/webhooks/{id}", webhook) for method in ("GET", "POST", "PUT", "PATCH", "DELETE")),
    route("PUT", "/api/schedules/{id}/enabled", enable_schedule),
]
