"""Semaphore on loopback: its REST API v1alpha, and the storage that its signed URLs lead to."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ci_mcp.sandbox.plan import Built, Site
from ci_mcp.sandbox.semaphore import artifacts, jobs, pipelines, storage, troubleshoot, workflows
from ci_mcp.sandbox.semaphore.answers import Refused, text
from ci_mcp.sandbox.semaphore.guard import Guard
from ci_mcp.sandbox.semaphore.world import TOKEN, make_world

ORIGINS = ("api", "storage")
HOST = "acme.semaphoreci.com"


def build(site: Site) -> Built:
    """The service, its world made anew."""
    routes = [route for part in (workflows, pipelines, jobs, artifacts, troubleshoot) for route in part.ROUTES]
    api = _app(routes, [Middleware(Guard)])
    store = _app(storage.ROUTES, [])
    world = make_world(site.clock)
    for app in (api, store):
        app.state.world, app.state.site = world, site
    env = {"SEMAPHORE_API_TOKEN": TOKEN, "SEMAPHORE_HOST": site.urls["api"]}
    return Built({"api": api, "storage": store}, TOKEN, env, HOST)


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
