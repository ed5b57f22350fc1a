"""Routes of a pipeline's schedules."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ci_mcp.sandbox.buildkite.answers import (
    PIPELINE,
    Json,
    Refused,
    base_of,
    body_of,
    invalid,
    iso,
    page_of,
    pipeline_of,
    routes,
    said,
    utc,
    world_of,
)
from ci_mcp.sandbox.buildkite.model import graphql_id, make_id
from ci_mcp.sandbox.buildkite.shapes import person, pipeline_url
from ci_mcp.sandbox.buildkite.world import ME

_ALL = PIPELINE + "/schedules"
_ONE = _ALL + "/{schedule}"
_HOUR = 3600
_DAY = 24 * _HOUR
_KEYS = {"label", "cronline", "message", "commit", "branch", "env", "enabled"}


async def list_schedules(request: Request) -> Response:
    """``GET …/schedules``."""
    slug = pipeline_of(request).slug
    found = [name for name, known in world_of(request).schedules.items() if known["pipeline"] == slug]
    return page_of(request, found, lambda schedule: _shape(request, schedule))


async def get_schedule(request: Request) -> Response:
    """``GET …/schedules/{id}``."""
    return said(_shape(request, _schedule_of(request)[0]))


async def create_schedule(request: Request) -> Response:
    """``POST …/schedules``."""
    item, sent, world = pipeline_of(request), await body_of(request), world_of(request)
    if not sent.get("cronline"):
        raise invalid(cronline="missing_field")
    schedule = make_id("schedule", item.slug, len(world.schedules))
    world.schedules[schedule] = {"pipeline": item.slug} | {key: sent[key] for key in _KEYS & sent.keys()}
    return said(_shape(request, schedule), 201)


async def update_schedule(request: Request) -> Response:
    """``PUT`` or ``PATCH …/schedules/{id}``."""
    (schedule, known), sent = _schedule_of(request), await body_of(request)
    known |= {key: sent[key] for key in _KEYS & sent.keys()}
    return said(_shape(request, schedule))


def _schedule_of(request: Request) -> tuple[str, dict[str, Any]]:
    slug, schedule = pipeline_of(request).slug, request.path_params["schedule"]
    known = world_of(request).schedules.get(schedule)
    if not known or known["pipeline"] != slug:
        raise Refused(404, "No schedule found")
    return schedule, known


def _shape(request: Request, schedule: str) -> Json:
    item, world, base = pipeline_of(request), world_of(request), base_of(request)
    url = pipeline_url(base, item.slug)
    given: Json = {
        "label": None,
        "message": None,
        "commit": "HEAD",
        "branch": item.default_branch,
        "env": {},
        "enabled": True,
    }
    known = given | world.schedules[schedule]
    failed = known.pop("failed_message", None)
    return known | {
        "id": schedule, "graphql_id": graphql_id("PipelineSchedule", schedule), "url": f"{url}/schedules/{schedule}",
        "next_build_at": iso(world.clock, 8 * _HOUR) if known["enabled"] else None, "failed_message": failed,
        "failed_at": iso(world.clock, -9 * _DAY) if failed else None, "created_at": utc(world.clock, -200 * _DAY),
        "created_by": person(world, ME), "pipeline": {"id": item.id, "slug": item.slug, "url": url},
    }  # fmt: skip


ROUTES = [
    *routes("read_pipelines", _ALL, list_schedules),
    *routes("write_pipelines", _ALL, create_schedule, "POST"),
    *routes("read_pipelines", _ONE, get_schedule),
    *routes("write_pipelines", _ONE, update_schedule, "PUT"),
    *routes("write_pipelines", _ONE, update_schedule, "PATCH"),
]
