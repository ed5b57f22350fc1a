"""Buildkite on loopback: REST v2 and Test Engine, and the storage that artifacts are kept in."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

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
from ci_mcp.sandbox.buildkite.answers import Refused, said
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
    api = _app([route for part in _PARTS for route in part.ROUTES], [Middleware(Guard)])
    store = _app(artifacts.STORAGE_ROUTES, [])
    world = make_world(site.clock)
    for app in (api, store):
        app.state.world, app.state.site, app.state.meter = world, site, Meter()
    env = {"BUILDKITE_API_TOKEN": TOKEN, "BUILDKITE_BASE_URL": site.urls["api"]}
    return Built({"api": api, "storage": store}, TOKEN, env, HOST)


def _app(routes: list[Route], middleware: list[Middleware]) -> Starlette:
    handlers = {Refused: _refused, HTTPException: _unknown, Exception: _broken}
    app = Starlette(routes=routes, middleware=middleware, exception_handlers=handlers)  # type: ignore[arg-type]
    app.router.redirect_slashes = False
    return app


async def _refused(_request: Request, refused: Refused) -> Response:
    return refused.answer


async def _broken(_request: Request, _error: Exception) -> Response:
    """A request that a handler cannot read."""
    return said({"message": "Internal Server Error"}, 500)


async def _unknown(_request: Request, _error: HTTPException) -> Response:
    """No route, or none for that method."""
    return said({"message": "Not Found"}, 404)
