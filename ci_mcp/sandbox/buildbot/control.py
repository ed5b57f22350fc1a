"""Calls: JSON-RPC, posted to the path of the thing that is to do something."""

import json
from collections.abc import Callable
from typing import Any

from starlette.requests import Request

from ci_mcp.sandbox.buildbot.answers import (
    BAD_PARAMS,
    INTERNAL,
    NO_METHOD,
    PARSE_ERROR,
    Refused,
    world_of,
)
from ci_mcp.sandbox.buildbot.find import build_of, by_id, text_of
from ci_mcp.sandbox.buildbot.forms import FORMS, SCHEDULERS
from ci_mcp.sandbox.buildbot.model import CANCELLED, Build, Builder
from ci_mcp.sandbox.buildbot.model import Request as Wish
from ci_mcp.sandbox.buildbot.world import START_PACE, World

Json = dict[str, Any]
_BEGINS = 0.5
_STOPS = 0.5


def read_call(content_type: str, body: bytes) -> tuple[str, Any, Json]:
    """The method, id and parameters of a call.

    Raises:
        Refused: it is none.
    """
    if content_type.partition(";")[0] != "application/json":
        raise Refused(400, "Invalid content-type (use application/json)")
    try:
        sent = json.loads(body)
    except ValueError as error:
        raise Refused(400, f"JSON parse error: {error}", PARSE_ERROR) from None
    if not isinstance(sent, dict):
        raise Refused(400, "JSONRPC root object must be an object")
    kinds = {
        "jsonrpc": (str, "a string"), "method": (str, "a string"),
        "id": ((str, int, type(None)), "a string, number, or null"), "params": (dict, "an object"),
    }  # fmt: skip
    for name, (kind, words) in kinds.items():
        if name not in sent:
            raise Refused(400, f"missing key '{name}'")
        if not isinstance(sent[name], kind):  # type: ignore[arg-type]
            raise Refused(400, f"'{name}' must be {words}")
    return sent["method"], sent["id"], sent["params"]


def control(request: Request, path: str, method: str, params: Json, user: str) -> Any:
    """Do what is called for, and give its result.

    Args:
        request: the request.
        path: the template of its path; empty for a path that there is not.
        method: what is to be done.
        params: with what.
        user: who asks; empty for nobody known.

    Raises:
        Refused: it cannot be done.
    """
    if not path:
        raise Refused(404, f"Invalid path: {request.url.path.removeprefix('/api/v2/')}")
    last = path.rpartition("/")[2].partition(":")[0].strip("{}")
    found = _CONTROLS.get(last)
    if found is None or (last == "number" and "builds" not in path):
        raise Refused(501, f"action: {method} is not supported", NO_METHOD)
    return found(request, method, params, user)


def _build(request: Request, method: str, params: Json, _user: str) -> Any:
    world, build = world_of(request), build_of(request)
    if method == "stop":
        if not request.path_params.get("builder", "1").isdecimal():
            raise Refused(500, "KeyError('builderid')", INTERNAL)
        if build and world.now() < build.finished:
            world.stop(build, world.now() + _STOPS, CANCELLED, str(params.get("reason", "no reason")))
        return None
    if method != "rebuild":
        raise Refused(501, f"action: {method} is not supported", NO_METHOD)
    if build is None:
        raise _nothing()
    kept = {name: value for name, value in build.request.properties.items() if name not in {"owner", "reason"}}
    wish = world.ask(build.builder, world.now(), build.request.source, "rebuild", kept)
    wish.rebuilt = build.id
    return _start(world, build, wish)


def _nothing() -> Refused:
    """What the server says where it did not look whether there is such a thing."""
    return Refused(500, "TypeError(\"'NoneType' object is not subscriptable\")", INTERNAL)


def _start(world: World, like: Build, request: Wish) -> list[Any]:
    """Run a request as another build ran, as soon as a worker is there."""
    builder = like.builder
    if any(worker.there and worker.name in builder.workers for worker in world.workers):
        world.run(request, request.at + _BEGINS, like.specs, START_PACE)
    return [request.buildset, {str(builder.id): request.id}]


def _request(request: Request, method: str, _params: Json, _user: str) -> Any:
    if method != "cancel":
        raise Refused(500, f"ValueError('action: {method} is not supported')", INTERNAL)
    world = world_of(request)
    found = by_id(world.requests, request.path_params["request"])
    if found and found.ended(world.now()) is None:
        for build in found.builds:
            world.stop(build, max(world.now(), build.started), CANCELLED, "no reason")
        found.cancelled = world.now()
    return None


def _worker(request: Request, method: str, params: Json, _user: str) -> Any:
    if method not in {"pause", "unpause", "graceful", "stop", "kill"}:
        raise Refused(501, f"action: {method} is not supported", NO_METHOD)
    wanted = text_of(request, "worker")
    worker = next((one for one in world_of(request).workers if wanted in {str(one.id), one.name}), None)
    if worker and method in {"pause", "unpause"}:
        worker.paused = method == "pause"
        worker.pause_reason = str(params.get("reason") or "") or None if worker.paused else None
    elif worker:
        worker.graceful = True
    return None


def _scheduler(request: Request, method: str, params: Json, _user: str) -> Any:
    name = dict(SCHEDULERS).get(request.path_params["scheduler"], "")
    if method == "enable":
        change = world_of(request).disabled.discard if params.get("enabled") else world_of(request).disabled.add
        change(name)
    return None


def _force(request: Request, method: str, params: Json, user: str) -> Any:
    if method != "force":
        return None
    world, form = world_of(request), FORMS.get(text_of(request, "form"))
    if form is None:
        raise Refused(500, "AttributeError(\"'NoneType' object has no attribute 'force'\")", INTERNAL)
    values, wrong = form.check(params)
    if wrong:
        raise Refused(400, wrong, BAD_PARAMS)
    # Without a builder it forces all that it has; one that it has not it forces, too.
    wanted = params.get("builderid")
    builders = [world.builder(name) for name in (form.builders if wanted is None else (wanted,))]
    started: Json = {}
    number = 0
    for builder in builders:
        if builder is None:
            raise _nothing()
        number, made = _forced(world, builder, values, user or values.get("username") or "")
        started |= made
    return [number, started]


def _forced(world: World, builder: Builder, values: Json, owner: str) -> list[Any]:
    branch = values.get("branch") or values.get("Main_branch") or ""
    own = [build for build in world.builds if build.builder is builder]
    like = next((build for build in reversed(own) if build.request.source.branch == branch), own[-1] if own else None)
    reason = values.get("reason") or ""
    properties = {name: [value, "Force Build Form"] for name, value in values.items() if name.startswith("options_")}
    properties |= {"owner": [owner, "Force Build Form"], "reason": [reason, "Force Build Form"]}
    properties["scheduler"] = ["force", "Scheduler"]
    source = world.source(world.now(), branch, values.get("revision") or "")
    said = f"A build was forced by '{owner}': {reason}"
    wish = world.ask(builder, world.now(), source, said, properties)
    return _start(world, like, wish) if like else [wish.buildset, {str(builder.id): wish.id}]


_CONTROLS: dict[str, Callable[[Request, str, Json, str], Any]] = {
    "build": _build, "number": _build, "request": _request, "worker": _worker, "scheduler": _scheduler,
    "form": _force,
}  # fmt: skip
