"""Semaphore on loopback: its REST API v1alpha, the storage that its signed URLs lead to, and its hosted MCP server.

A client finds the first in ``SEMAPHORE_HOST`` and the last in ``SEMAPHORE_MCP_URL``, as if that were
``https://mcp.semaphoreci.com/mcp``; the storage it finds in the signed URLs alone.
"""

from functools import partial

from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from ci_mcp.sandbox.app import make_app
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
from ci_mcp.sandbox.semaphore.answers import text
from ci_mcp.sandbox.semaphore.guard import Guard
from ci_mcp.sandbox.semaphore.world import TOKEN, make_world

ORIGINS = ("api", "storage", "mcp")
HOST = "acme.semaphoreci.com"
_API = (workflows, pipelines, promotions, jobs, artifacts, tasks, flaky, insights, fleet, troubleshoot)


def build(site: Site) -> Built:
    """The service, its world made anew."""
    make = partial(make_app, unknown=_unknown, broken=lambda: text(500, "Internal error"))
    api = make([route for part in _API for route in part.ROUTES], [Middleware(Guard)])
    store, mcp = make(storage.ROUTES), make(hosted.ROUTES)
    world = make_world(site.clock)
    for app in (api, store, mcp):
        app.state.world, app.state.site = world, site
    env = {
        "SEMAPHORE_API_TOKEN": TOKEN,
        "SEMAPHORE_HOST": site.urls["api"],
        "SEMAPHORE_MCP_URL": f"{site.urls['mcp']}/mcp",
    }
    return Built({"api": api, "storage": store, "mcp": mcp}, TOKEN, env, HOST)


async def _unknown(_request: Request, _error: HTTPException) -> Response:
    """No route, or none for that method: the API's last word."""
    return text(404, "oops")
