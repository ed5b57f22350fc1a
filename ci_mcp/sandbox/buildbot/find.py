"""What a path leads to: each route's parameters name one thing, or those that belong to it."""

from collections.abc import Iterable
from typing import Any, TypeVar

from starlette.requests import Request

from ci_mcp.sandbox.buildbot.answers import world_of
from ci_mcp.sandbox.buildbot.model import Build, Builder, Log, Step

T = TypeVar("T")


def by_id(things: Iterable[T], wanted: Any) -> T | None:
    """The thing of that id."""
    return next((one for one in things if getattr(one, "id", None) == int(wanted)), None)


def text_of(request: Request, name: str) -> str:
    """A part of the path that may hold a slash, which it has encoded."""
    return str(request.path_params[name]).replace("%2F", "/")


def builder_of(request: Request) -> Builder | None:
    """The builder of a path, by its id or name."""
    return world_of(request).builder(text_of(request, "builder"))


def build_of(request: Request) -> Build | None:
    """The build of a path, by its id, or by its number and its builder."""
    builds = world_of(request).started()
    if "build" in request.path_params:
        return by_id(builds, request.path_params["build"])
    builder, number = builder_of(request), request.path_params["number"]
    return next((one for one in builds if one.builder is builder and one.number == number), None)


def step_of(request: Request) -> Step | None:
    """The step of a path, by its id, or by its number or name and its build."""
    world = world_of(request)
    if "stepid" in request.path_params:
        steps = (step for build in world.started() for step in build.visible(world.now()))
        return by_id(steps, request.path_params["stepid"])
    build, wanted = build_of(request), text_of(request, "step")
    visible = build.visible(world.now()) if build else []
    return next((one for one in visible if wanted in {str(one.number), one.spec.name}), None)


def log_of(request: Request) -> Log | None:
    """The log of a path, by its id, or by its slug and its step."""
    world = world_of(request)
    if "logid" in request.path_params:
        log = by_id(world.logs, request.path_params["logid"])
        return log if log and log.step.begin <= world.now() and log in log.step.logs else None
    step, slug = step_of(request), request.path_params["slug"]
    return next((one for one in step.logs if one.slug == slug), None) if step else None
