"""How PocketCI answers: errors, pages, and what a path leads to."""

import json
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ci_mcp.sandbox import app
from ci_mcp.sandbox.pocketci.model import Json, Pipeline, Run, iso
from ci_mcp.sandbox.pocketci.world import World

Handler = Callable[[Request], Awaitable[Response]]
_EMAIL = re.compile(r'Email (endsWith|==) "([^"]*)"')
_PER_PAGE = 20
_ESCAPED = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"})


class Refused(app.Refused):
    """The answer to a request that is not carried out."""

    def __init__(self, status: int, message: str, **more: Any) -> None:
        """Refuse with a message, and what else the body says."""
        super().__init__(said({"error": message} | more, status))


def compact(value: Any) -> str:
    """A value in JSON as Go writes it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).translate(_ESCAPED)


def said(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An answer in JSON."""
    return Response(compact(value) + "\n", status, headers, media_type="application/json")


def route(method: str, path: str, handler: Handler) -> Route:
    """A route that answers that method alone, not even HEAD."""
    made = Route(path, handler, methods=[method])
    made.methods = {method}
    return made


def world_of(request: Request) -> World:
    """The world that a request is about."""
    world: World = request.app.state.world
    return world


def actor_of(request: Request) -> str:
    """Who asks, as ``triggered_by`` has it: ``provider:name``; empty where the server asks nobody."""
    return str(request.scope.get("state", {}).get("actor", ""))


def check_access(request: Request, pipeline: Pipeline) -> None:
    """Raise `Refused` where a pipeline's own expression does not let its caller in."""
    if not may_see(request, pipeline):
        if not request.scope.get("state", {}).get("email"):
            raise Refused(403, "pipeline requires OAuth authentication for RBAC evaluation")
        raise Refused(403, "access denied to this pipeline")


def may_see(request: Request, pipeline: Pipeline) -> bool:
    """Whether a pipeline's own expression lets its caller in."""
    if not pipeline.rbac:
        return True
    email = request.scope.get("state", {}).get("email", "")
    found = _EMAIL.fullmatch(pipeline.rbac)
    return bool(email and found and (email == found[2] if found[1] == "==" else email.endswith(found[2])))


def pipeline_of(request: Request) -> Pipeline:
    """The pipeline of a path by its id; raises `Refused` where there is none for this caller."""
    found = world_of(request).pipelines.get(request.path_params["id"])
    if not found:
        raise Refused(404, "pipeline not found")
    check_access(request, found)
    return found


def run_of(request: Request) -> Run:
    """The run of a path; raises `Refused` where there is none for this caller."""
    world = world_of(request)
    found = world.runs.get(request.path_params["run_id"])
    if not found or found.created > world.now():
        raise Refused(404, "run not found")
    if found.pipeline.id not in world.pipelines:
        raise Refused(404, "pipeline not found")
    check_access(request, found.pipeline)
    return found


async def body_of(request: Request) -> Json:
    """The body of a request; empty for none, and for one that is no JSON object."""
    try:
        sent = json.loads(await request.body() or b"{}")
    except ValueError:
        return {}
    return sent if isinstance(sent, dict) else {}


def envelope(items: Sequence[Any], page: int, per_page: int, shape: Callable[[Any], Any]) -> Json:
    """One page of a list, with where it is in it."""
    shown = items[(page - 1) * per_page : page * per_page]
    pages = -(-len(items) // per_page)
    return {
        "items": [shape(item) for item in shown], "page": page, "per_page": per_page, "total_items": len(items),
        "total_pages": pages, "has_next": page < pages,
    }  # fmt: skip


def place_of(request: Request) -> tuple[int, int]:
    """Which page is asked for, and how many items it has."""
    return _number(request, "page", 1), _number(request, "per_page", _PER_PAGE)


def _number(request: Request, key: str, default: int) -> int:
    value = request.query_params.get(key, "")
    return int(value) if value.isdecimal() and int(value) else default


def show_pipeline(world: World, pipeline: Pipeline, *, put: bool = False, driver: bool = False) -> Json:
    """A pipeline: as ``PUT`` answers it (with times to the nanosecond), or with its driver as the tools do."""
    known: Json = {"id": pipeline.id, "name": pipeline.name, "content": pipeline.content}
    known["content_type"] = pipeline.content_type
    times = {
        "created_at": iso(world.clock, pipeline.updated if put else pipeline.created, nanoseconds=put),
        "updated_at": iso(world.clock, pipeline.updated, nanoseconds=put),
    }
    flags = {"resume_enabled": pipeline.resumable, "paused": pipeline.paused}
    if put:
        flags["paused"] = False
    settings = {
        key: pipeline.settings[key]
        for key in ("rbac_expression", "concurrency_mode", "concurrency_group_template", "concurrency_cancel_running")
        if pipeline.settings.get(key)
    }
    if driver:
        return known | {"driver": pipeline.driver} | flags | settings | times
    return known | times | flags | settings


def show_run(world: World, run: Run) -> Json:
    """A run; after a resume it keeps the end and the error of the attempt before until it ends again."""
    now, clock = world.now(), world.clock
    over = now >= run.end
    known: Json = {
        "id": run.id, "pipeline_id": run.pipeline.id, "status": run.status(now), "trigger_type": run.trigger_type,
    }  # fmt: skip
    end, error = (run.end, run.error) if over else (run.before or (None, ""))
    begun = run.begin if run.begin <= now else (run.shown if run.shown is not None and run.shown <= now else None)
    optional: Json = {
        "triggered_by": run.triggered_by,
        "trigger_input": run.trigger_input,
        "concurrency_group": run.group,
        "started_at": None if begun is None else iso(clock, begun),
        "completed_at": None if end is None else iso(clock, end),
        "error_message": error,
    }
    known |= {key: value for key, value in optional.items() if value or key == "trigger_input"}
    return known | {"created_at": iso(clock, run.created)}
