"""Buildbot on loopback: its REST API and the calls that it takes.

The first origin is open, as most servers are; ``closed`` wants a login for calls, ``private`` for everything, and
``proxied`` stands behind a proxy that asks for Basic credentials. All share one world.
"""

import json
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from ci_mcp.sandbox.buildbot.answers import INTERNAL, NO_PAGE, Refused, call_error, called, error
from ci_mcp.sandbox.buildbot.control import control, read_call
from ci_mcp.sandbox.buildbot.guard import CLOSED, OPEN, PRIVATE, PROXIED, Guard, check, login, remember, user_of
from ci_mcp.sandbox.buildbot.reads import READS
from ci_mcp.sandbox.buildbot.world import World, make_world
from ci_mcp.sandbox.plan import Built, Site

ORIGINS = (OPEN, CLOSED, PRIVATE, PROXIED)
HOST = "buildbot.example.com"
_API = "/api/v2"
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def build(site: Site) -> Built:
    """The service, its world made anew; it takes no token."""
    world = make_world(site.clock)
    apps = {origin: _app(world, origin, site.urls[origin]) for origin in ORIGINS}
    return Built(apps, "", {"BUILDBOT_URL": site.urls[OPEN]}, HOST)


def _app(world: World, mode: str, base: str) -> Starlette:
    routes = [Route(_API + path, _answer(_API + path), methods=_METHODS) for path in READS]
    routes += [
        Route("/api", _versions),
        Route("/config", _config),
        Route("/auth/login", _login),
        Route("/", _page),
    ]
    handlers = {HTTPException: _unknown, Exception: _broken}
    app = Starlette(routes=routes, middleware=[Middleware(Guard, mode=mode)], exception_handlers=handlers)  # type: ignore[arg-type]
    app.router.redirect_slashes = False
    app.state.world, app.state.mode, app.state.base = world, mode, base
    return app


def _answer(path: str) -> Callable[[Request], Awaitable[Response]]:
    read = READS[path.removeprefix(_API)]

    async def answer(request: Request) -> Response:
        if request.method == "POST":
            return remember(request, await _call(request, path))
        if request.method not in {"GET", "HEAD"}:
            return error(Refused(400, "invalid HTTP method"))
        try:
            check(request, calls=False)
            return remember(request, read(request))
        except Refused as refused:
            return remember(request, error(refused))

    return answer


async def _call(request: Request, path: str) -> Response:
    """One call; ``path`` is the template of its path, and empty for a path that there is not."""
    try:
        method, number, params = read_call(request.headers.get("content-type", ""), await request.body())
    except Refused as refused:
        return call_error(refused, numbered=False)
    try:
        check(request, calls=True)
        return called(number, control(request, path, method, params, user_of(request)))
    except Refused as refused:
        return call_error(refused, number)


async def _versions(request: Request) -> Response:
    value = {"api_versions": {"v2": f"{request.app.state.base}{_API}"}}
    return Response(json.dumps(value), media_type="application/json")


async def _config(request: Request) -> Response:
    state, user = request.app.state, user_of(request)
    kinds = {OPEN: "NoAuth", PROXIED: "RemoteUserAuth"}
    value = {
        "port": "tcp:8010", "plugins": {}, "auth": {"name": kinds.get(state.mode, "UserPasswordAuth")}, "authz": {},
        "avatar_methods": {"name": "gravatar"}, "logfileName": "http.log",
        "versions": [["Python", "3.11.7"], ["Buildbot", "4.3.0"], ["Twisted", "26.10.0"]],
        "buildbotURL": f"{state.base}/", "title": "Shop", "titleURL": "https://shop.example.com/",
        "multiMaster": False,
        "user": {"email": user, "username": user} if user else {"anonymous": True},
    }  # fmt: skip
    return remember(request, Response(json.dumps(value), media_type="application/json"))


async def _login(request: Request) -> Response:
    return login(request)


async def _page(_request: Request) -> Response:
    return HTMLResponse("<!DOCTYPE html>\n<html><head><title>Buildbot</title></head></html>\n")


async def _unknown(request: Request, _error: HTTPException) -> Response:
    """No route: within the API it says so in JSON."""
    path = request.url.path
    if not path.startswith(f"{_API}/"):
        return HTMLResponse(NO_PAGE, 404)
    if request.method == "POST":
        return await _call(request, "")
    return error(Refused(404, f"Invalid path: {path.removeprefix(_API + '/')}"))


async def _broken(_request: Request, failure: Exception) -> Response:
    """A request that a handler cannot read."""
    return error(Refused(500, repr(failure), INTERNAL))
