"""Buildkite on loopback: REST v2 and Test Engine, and the storage that artifacts are kept in."""

from functools import partial

from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from ci_mcp.sandbox.app import make_app
from ci_mcp.sandbox.buildkite import (
    agents,
    annotations,
    artifacts,
    builds,
    clusters,
    engine,
    jobs,
    logs,
    organizations,
    pipelines,
    schedules,
    uploads,
)
from ci_mcp.sandbox.buildkite.answers import said
from ci_mcp.sandbox.buildkite.guard import Guard
from ci_mcp.sandbox.buildkite.tokens import Meter
from ci_mcp.sandbox.buildkite.world import TOKEN, make_world
from ci_mcp.sandbox.plan import Built, Site

ORIGINS = ("api", "storage")
HOST = "api.buildkite.com"
_PARTS = (
    organizations,
    pipelines,
    builds,
    jobs,
    logs,
    artifacts,
    annotations,
    agents,
    clusters,
    schedules,
    engine,
    uploads,
)


def build(site: Site) -> Built:
    """The service, its world made anew."""
    make = partial(make_app, unknown=_unknown, broken=lambda: said({"message": "Internal Server Error"}, 500))
    api = make([route for part in _PARTS for route in part.ROUTES], [Middleware(Guard)])
    store = make(artifacts.STORAGE_ROUTES)
    world = make_world(site.clock)
    for app in (api, store):
        app.state.world, app.state.site, app.state.meter = world, site, Meter()
    env = {"BUILDKITE_API_TOKEN": TOKEN, "BUILDKITE_BASE_URL": site.urls["api"]}
    return Built({"api": api, "storage": store}, TOKEN, env, HOST)


async def _unknown(_request: Request, _error: HTTPException) -> Response:
    """No route, or none for that method."""
    return said({"message": "Not Found"}, 404)
