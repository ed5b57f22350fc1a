"""PocketCI on loopback: its REST API, its MCP endpoint and its pages, as one server of somebody's own.

The first origin asks nobody who they are, as a server without credentials does: one token would not do for REST
and MCP of a server that signs people in. ``basic`` and ``oauth`` are the same world behind these other two doors.
"""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from ci_mcp.sandbox import app as application
from ci_mcp.sandbox.plan import Built, Site
from ci_mcp.sandbox.pocketci import endpoint, pages, pipelines, runs, signin
from ci_mcp.sandbox.pocketci.answers import said
from ci_mcp.sandbox.pocketci.guard import Guard
from ci_mcp.sandbox.pocketci.tokens import BASIC, OAUTH, OPEN
from ci_mcp.sandbox.pocketci.world import TOKEN, World, make_demo

ORIGINS = ("api", BASIC, OAUTH)
HOST = "pocketci.example.com"
_PARTS = (pipelines, runs, endpoint, pages)


def build(site: Site) -> Built:
    """The service, its world made anew; all origins share it."""
    world = make_demo(site.clock)
    apps = {
        origin: make_app(world, site.urls[origin], mode)
        for origin, mode in zip(ORIGINS, (OPEN, BASIC, OAUTH), strict=True)
    }
    env = {"POCKETCI_URL": site.urls["api"], "POCKETCI_TOKEN": TOKEN}
    return Built(apps, TOKEN, env, HOST)


def make_app(world: World, base: str, mode: str) -> Starlette:
    """A server in front of a world.

    Args:
        world: what it knows.
        base: its own URL, as it tells it to clients that sign in.
        mode: open, basic or oauth.
    """
    routes = [route for part in (*_PARTS, *([signin] if mode == OAUTH else [])) for route in part.ROUTES]
    guard = Middleware(Guard, mode=mode)
    app = application.make_app(
        routes, [guard], unknown=_unknown, broken=lambda: said({"error": "internal server error"}, 500)
    )
    app.state.world, app.state.base, app.state.desk = world, base, signin.Desk()
    return app


async def _unknown(request: Request, error: HTTPException) -> Response:
    """No route, or none for that method."""
    others = [one for one in request.app.routes if one.matches(request.scope)[0] is Match.PARTIAL]
    methods = sorted(method for one in others for method in one.methods)
    headers = {"Allow": ", ".join(["OPTIONS", *methods])} if methods else None
    return said({"message": error.detail}, error.status_code, headers)
