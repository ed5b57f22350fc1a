"""Semaphore on loopback: its REST API v1alpha, the storage that its signed URLs lead to, and its hosted MCP server.

A client finds the first in ``SEMAPHORE_HOST`` and the last in ``SEMAPHORE_MCP_URL``, as if that were
``https://mcp.semaphoreci.com/mcp``; the storage it finds in the signed URLs alone.
"""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ci_mcp.sandbox.plan import Built, Site
from ci_mcp.sandbox.semaphore import (
    artifacts,
    flaky,
    fleet,
    hosted,
    insights,
    jobs,
    pipelines,
    promotions,
    storage,
    tasks,
    troubleshoot,
    workflows,
)  # fmt: skip
from ci_mcp.sandbox.semaphore.answers import Refused, text
from ci_mcp.sandbox.semaphore.guard import Guard
from ci_mcp.sandbox.semaphore.world import TOKEN, make_world

ORIGINS = ("api", "storage", "mcp")
HOST = "acme.semaphoreci.com"
_API = (workflows, pipelines, promotions, jobs, artifacts, tasks, flaky, insights, fleet, troubleshoot)


def build(site: Site) -> Built:
    """The service, its world made anew."""
    api = _app([route for part in _API for route in part.ROUTES], [Middleware(Guard)])
    store = _app(storage.ROUTES, [])
    mcp = _app(hosted.ROUTES, [])
    world = make_world(site.clock)
    for app in (api, store, mcp):
        app.state.world, app.state.site = world, site
    env = {
        "SEMAPHORE_API_TOKEN": TOKEN,
        "SEMAPHORE_HOST": site.urls["api"],
        "SEMAPHORE_MCP_URL": f"{site.urls['mcp']}/mcp",
    }
    return Built({"api": api, "storage": store, "mcp": mcp}, TOKEN, env, HOST)


def _app(routes: list[Route], middleware: list[Middleware]) -> Starlette:
    handlers = {Refused: _refused, HTTPException: _unknown, Exception: _broken}
    app = Starlette(routes=routes, middleware=middleware, exception_handlers=handlers)  # type: ignore[arg-type]
    app.router.redirect_slashes = False
    return app


async def _refused(_request: Request, refused: Refused) -> Response:
    return refused.answer


async def _broken(_request: Request, _error: Exception) -> Response:
    """A request that a handler cannot read, such as a date that is no number."""
    return text(500, "Internal error")


async def _unknown(_request: Request, _error: HTTPException) -> Response:
    """No route, or none for that method: the API's last word."""
    return text(404, "oops")
