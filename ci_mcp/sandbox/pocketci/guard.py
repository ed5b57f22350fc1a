"""What stands in front of every route: how much a request may bring, and who may come in."""

import base64

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ci_mcp.sandbox.faults import survives
from ci_mcp.sandbox.pocketci.answers import said
from ci_mcp.sandbox.pocketci.tokens import ANY, BASIC, EMAIL, OAUTH, PASSWORD, SCOPE, USER, Claims, claims_of
from ci_mcp.sandbox.pocketci.world import World

_LARGEST_BODY = 10 * 1024 * 1024
_FREE = ("/health", "/api/webhooks/", "/share/", "/static/", "/docs/")
_SIGNING_IN = ("/auth/", "/oauth/", "/.well-known/")


class Guard:
    """Lets in whom the server's mode lets in, and says who it is."""

    def __init__(self, app: ASGIApp, mode: str) -> None:
        """Stand in front of an application; ``mode`` is open, basic or oauth."""
        self.app = app
        self.mode = mode

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request in, or answer it (ASGI)."""
        request = Request(scope)
        length = request.headers.get("content-length", "0")
        answer: ASGIApp | None = None
        if length.isdecimal() and int(length) > _LARGEST_BODY:
            answer = said({"message": "Request Entity Too Large"}, 413)
        elif not scope["path"].startswith(_FREE):
            answer = {BASIC: _basic, OAUTH: _oauth}.get(self.mode, _open)(request)
        await (answer or self.app)(scope, receive, send)


def _open(_request: Request) -> Response | None:
    return None


def _basic(request: Request) -> Response | None:
    scheme, _, sent = request.headers.get("authorization", "").partition(" ")
    good = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    if scheme.lower() == "basic" and (sent == good or survives(sent)):
        request.scope["state"] = {"actor": f"basic:{USER}"}
        return None
    return said({"message": "Unauthorized"}, 401, {"WWW-Authenticate": 'basic realm="Restricted"'})


def _oauth(request: Request) -> Response | None:
    path = request.scope["path"]
    if path.startswith(_SIGNING_IN):
        return None
    world: World = request.scope["app"].state.world
    header = request.headers.get("authorization", "")
    token = header.removeprefix("Bearer ") if header.startswith("Bearer ") else ""
    claims = claims_of(token, world.clock.unix(world.now())) if token else None
    if path == "/mcp" or path.startswith("/mcp/"):
        return _mcp_side(request, token, claims)
    return _api_side(request, claims) if token else _without_token(request)


def _mcp_side(request: Request, token: str, claims: Claims | None) -> Response | None:
    if not token:
        return _unauthorized(request, "no bearer token", 401)
    if not claims or claims.audience not in {"mcp", ANY}:
        return _unauthorized(request, "invalid token", 401)
    return None if SCOPE in claims.scopes else _unauthorized(request, "insufficient scope", 403)


def _api_side(request: Request, claims: Claims | None) -> Response | None:
    if not claims or claims.audience not in {"", "api", ANY}:
        return said({"error": "invalid or expired token"}, 401)
    request.scope["state"] = {"actor": f"github:{claims.email}", "email": claims.email}
    return None


def _without_token(request: Request) -> Response | None:
    """A browser has a session instead, or is sent where it gets one."""
    if request.cookies.get("session") == EMAIL:
        request.scope["state"] = {"actor": f"github:{EMAIL}", "email": EMAIL}
        return None
    if request.scope["path"].startswith("/api/") or "application/json" in request.headers.get("accept", ""):
        return said({"error": "authentication required"}, 401)
    return Response(status_code=302, headers={"Location": "/auth/login"})


def _unauthorized(request: Request, text: str, status: int) -> Response:
    base = request.scope["app"].state.base
    where = f'Bearer resource_metadata="{base}/.well-known/oauth-protected-resource", scope="{SCOPE}"'
    return Response(f"{text}\n", status, {"WWW-Authenticate": where}, media_type="text/plain")
