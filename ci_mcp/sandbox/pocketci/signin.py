"""Routes of signing in: the device flow for the API's token, and OAuth with PKCE for that of the MCP endpoint.

The person who would sign in at GitHub is the sandbox itself: the page that approves a login does so when it is
posted, and the page that lets a client in does so at once. Nothing is remembered longer than the process.
"""

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from ci_mcp.sandbox.pocketci.answers import Refused, body_of, route, said, world_of
from ci_mcp.sandbox.pocketci.model import Json
from ci_mcp.sandbox.pocketci.tokens import EMAIL, LIFETIME, SCOPE, make_token

_CODE_SECONDS = 600
_BAD_CODE = "Invalid or expired login code"


@dataclass(slots=True)
class Login:
    """A code that waits: until when, and what was said about it since."""

    until: float
    approved: bool = False
    challenge: str = ""
    redirect: str = ""


@dataclass(slots=True)
class Desk:
    """Who is about to sign in: devices and clients by their codes, and the clients that are known."""

    devices: dict[str, Login] = field(default_factory=dict)
    grants: dict[str, Login] = field(default_factory=dict)
    clients: dict[str, list[str]] = field(default_factory=dict)


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


def _unix(request: Request) -> float:
    world = world_of(request)
    return world.clock.unix(world.now())


async def begin(request: Request) -> Response:
    """``POST /auth/cli/begin``."""
    code = secrets.token_hex(16)
    _desk(request).devices[code] = Login(_unix(request) + _CODE_SECONDS)
    return said({"code": code, "login_url": f"{request.app.state.base}/auth/cli/approve?code={code}"})


async def approve(request: Request) -> Response:
    """``GET`` and ``POST /auth/cli/approve``: the page asks, posting it answers yes."""
    code = request.query_params.get("code", "")
    if request.method == "POST":
        code = "".join(parse_qs((await request.body()).decode()).get("code", [code]))
    login = _desk(request).devices.get(code)
    if not login or login.until <= _unix(request):
        return PlainTextResponse(_BAD_CODE, 400)
    login.approved = login.approved or request.method == "POST"
    if login.approved:
        return HTMLResponse("<h1>Approved</h1><p>You can close this page.</p>")
    field = f'<input type="hidden" name="code" value="{code}">'
    page = f'<form method="post" action="/auth/cli/approve">{field}<button>Approve as {EMAIL}</button></form>'
    # The real server wants a session of the one who approves; here everybody is signed in at once.
    return HTMLResponse(page, headers={"Set-Cookie": f"session={EMAIL}; Path=/; HttpOnly"})


async def poll(request: Request) -> Response:
    """``GET /auth/cli/poll``: the token once, when the login was approved."""
    devices, code = _desk(request).devices, request.query_params.get("code", "")
    if code not in devices:
        raise Refused(404, "unknown code")
    if devices[code].until <= _unix(request):
        del devices[code]
        raise Refused(410, "code expired")
    if not devices[code].approved:
        return said({"status": "pending"}, 202)
    del devices[code]
    return said({"status": "approved", "token": make_token("api", _unix(request))})


async def login_page(_request: Request) -> Response:
    """``GET /auth/login``: where a browser is sent that nobody knows."""
    return HTMLResponse("<h1>Sign in</h1>", headers={"Set-Cookie": f"session={EMAIL}; Path=/; HttpOnly"})


async def resource_metadata(request: Request) -> Response:
    """``GET /.well-known/oauth-protected-resource``."""
    base = request.app.state.base
    return said({
        "resource": base, "authorization_servers": [base], "scopes_supported": [SCOPE],
        "bearer_methods_supported": ["header"], "resource_name": "PocketCI",
    })  # fmt: skip


async def server_metadata(request: Request) -> Response:
    """``GET /.well-known/oauth-authorization-server``."""
    base = request.app.state.base
    return said({
        "issuer": base, "authorization_endpoint": f"{base}/oauth/authorize", "token_endpoint": f"{base}/oauth/token",
        "registration_endpoint": f"{base}/oauth/register", "scopes_supported": [SCOPE],
        "response_types_supported": ["code"], "grant_types_supported": ["authorization_code"],
        "token_endpoint_auth_methods_supported": ["none"], "code_challenge_methods_supported": ["S256"],
    })  # fmt: skip


async def register(request: Request) -> Response:
    """``POST /oauth/register``: any client, public."""
    sent = await body_of(request)
    if not sent.get("redirect_uris"):
        return _wrong("invalid_client_metadata", "redirect_uris is required")
    client = secrets.token_hex(16)
    _desk(request).clients[client] = list(sent["redirect_uris"])
    shown: Json = {"client_id": client}
    shown |= {"client_name": sent["client_name"]} if sent.get("client_name") else {}
    shown |= {
        "redirect_uris": sent["redirect_uris"], "grant_types": sent.get("grant_types") or ["authorization_code"],
        "response_types": sent.get("response_types") or ["code"],
        "token_endpoint_auth_method": sent.get("token_endpoint_auth_method") or "none",
        "client_id_issued_at": int(_unix(request)),
    }  # fmt: skip
    return said(shown, 201)


def _wrong(error: str, description: str, status: int = 400) -> Response:
    return said({"error": error, "error_description": description}, status)


async def authorize(request: Request) -> Response:
    """``GET /oauth/authorize``: sends the browser back with a code."""
    query, desk = request.query_params, _desk(request)
    redirect, client = query.get("redirect_uri", ""), query.get("client_id", "")
    if query.get("response_type") != "code":
        return _wrong("unsupported_response_type", "response_type must be 'code'")
    if client not in desk.clients:
        return _wrong("invalid_client", "client_id is not registered", 401)
    if redirect not in desk.clients[client]:
        return _wrong("invalid_request", "redirect_uri is not registered for this client")
    if not query.get("code_challenge") or query.get("code_challenge_method") != "S256":
        return _wrong("invalid_request", "code_challenge with method S256 is required")
    code = secrets.token_hex(16)
    desk.grants[code] = Login(_unix(request) + _CODE_SECONDS, True, query["code_challenge"], redirect)  # noqa: FBT003 - approved
    state = {"state": query["state"]} if query.get("state") else {}
    return Response(status_code=302, headers={"Location": f"{redirect}?{urlencode({'code': code} | state)}"})


async def exchange(request: Request) -> Response:
    """``POST /oauth/token``: a code, once, for a token of the MCP endpoint."""
    sent = {key: values[0] for key, values in parse_qs((await request.body()).decode()).items()}
    if sent.get("grant_type") != "authorization_code":
        return _wrong("unsupported_grant_type", "grant_type must be 'authorization_code'")
    if not sent.get("code") or not sent.get("code_verifier"):
        return _wrong("invalid_request", "code and code_verifier are required")
    problem = _ungranted(_desk(request).grants.pop(sent["code"], None), sent, _unix(request))
    if problem:
        return _wrong("invalid_grant", problem)
    token = make_token("mcp", _unix(request), scopes=(SCOPE,))
    shown: Json = {"access_token": token, "token_type": "Bearer", "expires_in": LIFETIME, "scope": SCOPE}
    return said(shown, headers={"Cache-Control": "no-store"})


def _ungranted(grant: Login | None, sent: dict[str, str], now: float) -> str:
    """Why a code is not good, empty where it is."""
    if not grant:
        return "unknown or already consumed authorization code"
    if grant.until <= now:
        return "authorization code expired"
    if sent.get("redirect_uri", "") != grant.redirect:
        return "redirect_uri mismatch"
    digest = hashlib.sha256(sent["code_verifier"].encode()).digest()
    good = base64.urlsafe_b64encode(digest).decode().rstrip("=") == grant.challenge
    return "" if good else "code_verifier does not match code_challenge"


ROUTES = [
    route("POST", "/auth/cli/begin", begin),
    route("GET", "/auth/cli/approve", approve),
    route("POST", "/auth/cli/approve", approve),
    route("GET", "/auth/cli/poll", poll),
    route("GET", "/auth/login", login_page),
    route("GET", "/.well-known/oauth-protected-resource", resource_metadata),
    route("GET", "/.well-known/oauth-authorization-server", server_metadata),
    route("POST", "/oauth/register", register),
    route("GET", "/oauth/authorize", authorize),
    route("POST", "/oauth/token", exchange),
]
