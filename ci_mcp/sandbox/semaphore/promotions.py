"""Routes of promotions: what was triggered, and triggering. What could be triggered, only the YAML says."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ci_mcp.sandbox.app import Refused
from ci_mcp.sandbox.plan import Clock
from ci_mcp.sandbox.semaphore.answers import (
    page_of,
    parameters,
    said,
    stamp,
    text,
    visible_pipeline,
    world_of,
)  # fmt: skip
from ci_mcp.sandbox.semaphore.fleet import TARGETS
from ci_mcp.sandbox.semaphore.model import Parameter, Pipeline, Promotion, Trigger, make_id
from ci_mcp.sandbox.semaphore.shapes import switch_id
from ci_mcp.sandbox.semaphore.workflows import RERUN_PACE
from ci_mcp.sandbox.semaphore.world import ME, promote

_PAGE_SIZE = 10
# Every other key of the body is a parameter of the promotion.
_OWN_KEYS = {"pipeline_id", "name", "override", "request_token", "switch_id", "user_id"}


async def list_triggers(request: Request) -> Response:
    """``GET /promotions``: what was triggered of a pipeline's promotions, newest first, 10 a page."""
    world, query = world_of(request), request.query_params
    item = visible_pipeline(world, query.get("pipeline_id", ""))
    for key in ("page", "page_size"):
        value = query.get(key, "1")
        if not value.lstrip("-").isdecimal():
            return said(f"Invalid value of '{key}' param: \"{value}\" - needs to be integer.", 400)
    _check_switch(item)
    now = world.clock.now()
    found = [one for one in item.triggers if one.at <= now and query.get("name", one.name) in {"", one.name}]
    found.sort(key=lambda one: -one.at)
    return page_of(request, found, lambda one: _trigger(one, world.clock, now), size=_PAGE_SIZE)


def _trigger(item: Trigger, clock: Clock, now: float) -> dict[str, Any]:
    """What was triggered; ``status`` is how the triggering ended, not how the pipeline did."""
    processed = item.processed(now)
    outcome = "passed" if item.pipeline else "failed"
    begun = item.pipeline if processed else None
    return {
        "name": item.name,
        "triggered_at": stamp(clock, item.at),
        "triggered_by": item.by,
        "override": item.override,
        "status": outcome if processed else "processing",
        "scheduled_at": stamp(clock, begun.created if begun else None),
        "scheduled_pipeline_id": begun.id if begun else "",
    }


async def trigger_promotion(request: Request) -> Response:
    """``POST /promotions``: asynchronous; the same request token triggers once."""
    sent, world = await parameters(request), world_of(request)
    item = visible_pipeline(world, str(sent.get("pipeline_id", "")))
    override = _override(sent.get("override", False))
    given = {key: value for key, value in sent.items() if key not in _OWN_KEYS}
    if not all(isinstance(value, str) for value in given.values()):
        return text(500, "Internal error")
    _check_switch(item)
    promotion = next((one for one in item.promotions if one.name == sent.get("name")), None)
    if not promotion:
        return said(f"Target for switch: {switch_id(item)} with name: {sent.get('name', '')} not found", 400)
    now = world.clock.now()
    if not override and not (item.state(now) == "done" and item.result == "passed"):
        return said("Triggering target when pipeline is not passed requires override confirmation.", 400)
    values = _values(promotion, given)
    token = sent.get("request_token") or f"own {len(item.triggers)}"
    key = f"promotion {item.id} {token}"
    if key not in world.tokens:
        world.tokens[key] = item
        promote(world, item, Trigger(promotion.name, now, ME, override), token, values, pace=RERUN_PACE)
    return said("Promotion successfully triggered.")


def _check_switch(item: Pipeline) -> None:
    if not item.promotions:
        raise Refused(said(f"Switch with id {switch_id(item)} not found.", 400))


def _override(value: object) -> bool:
    if value in {"true", "false"}:
        return value == "true"
    if not isinstance(value, bool):
        shown = f'"{value}"' if isinstance(value, str) else value
        raise Refused(said(f"Invalid value of 'override' param: {shown} - needs to be boolean.", 400))
    return value


def _values(promotion: Promotion, given: dict[str, str]) -> dict[str, str]:
    """The parameters of a promotion with its defaults.

    A value that its YAML does not allow is no user's mistake to the service but an internal error, without a word.

    Raises:
        Refused: a value is off, or its deployment target takes nothing now.
    """
    if promotion.target and not TARGETS[promotion.target].active:
        error = make_id("refusal", promotion.target)
        why = f"deployment target is cordoned (error ID: {error})"
        raise Refused(said(f"Triggering promotion with deployment target failed: {why}", 400))
    defined = {one.name: one for one in promotion.parameters}
    if any(name not in defined or not _allows(defined[name], value) for name, value in given.items()):
        raise Refused(said("Internal error", 500))
    values = {one.name: given.get(one.name) or one.default for one in promotion.parameters}
    if any(one.required and not values[one.name] for one in promotion.parameters):
        raise Refused(said("Internal error", 500))
    return {name: value for name, value in values.items() if value}


def _allows(parameter: Parameter, value: str) -> bool:
    return not parameter.options or value in {*parameter.options, parameter.default}


ROUTES = [
    Route("/api/v1alpha/promotions", list_triggers, methods=["GET"]),
    Route("/api/v1alpha/promotions", trigger_promotion, methods=["POST"]),
]
