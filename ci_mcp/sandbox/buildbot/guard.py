"""Who may do what: a server is open, wants a login for calls or for everything, or stands behind a proxy.

A login is a cookie: the API takes no Basic credentials itself, only the page that gives the cookie does.
"""

import base64
import binascii
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ci_mcp.sandbox.buildbot.answers import Refused
from ci_mcp.sandbox.buildbot.world import OTHER_PASSWORD, OTHER_USER, PASSWORD, USER

OPEN, CLOSED, PRIVATE, PROXIED = "api", "closed", "private", "proxied"
COOKIE = "TWISTED_SESSION"
_ANONYMOUS = "demo-session-anonymous"
_SESSIONS = {f"demo-session-of-{name}": name for name in (USER, OTHER_USER)}
_PASSWORDS = {USER: PASSWORD, OTHER_USER: OTHER_PASSWORD}
_DENIED = "you need to have role 'admins'"


class Guard:
    """Takes an encoded slash for a part of a name, and lets a proxy ask for Basic credentials."""

    def __init__(self, app: ASGIApp, mode: str) -> None:
        """Stand in front of an application; ``mode`` is the name of its origin."""
        self.app, self.mode = app, mode

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request in, or answer it (ASGI)."""
        if scope["type"] == "http":
            raw = scope["raw_path"].decode("latin-1").partition("?")[0]
            scope["path"] = "/".join(unquote(part).replace("/", "%2F") for part in raw.split("/"))
            if self.mode == PROXIED and not user_of_basic(Request(scope)):
                challenge = {"WWW-Authenticate": 'Basic realm="Buildbot"'}
                await PlainTextResponse("Unauthorized", 401, challenge)(scope, receive, send)
                return
        await self.app(scope, receive, send)


def user_of_basic(request: Request) -> str:
    """Whose Basic credentials a request has; empty for none and for wrong ones."""
    scheme, _, sent = request.headers.get("authorization", "").partition(" ")
    try:
        user, _, password = base64.b64decode(sent).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return user if scheme.lower() == "basic" and _PASSWORDS.get(user) == password else ""


def user_of(request: Request) -> str:
    """Who is logged in; empty for nobody."""
    return _SESSIONS.get(request.cookies.get(COOKIE, ""), "")


def check(request: Request, *, calls: bool) -> None:
    """Let through who may read, or call.

    Raises:
        Refused: this user may not.
    """
    mode = request.app.state.mode
    if (mode == PRIVATE or (mode == CLOSED and calls)) and user_of(request) != USER:
        raise Refused(403, _DENIED)


def login(request: Request) -> Response:
    """``GET /auth/login``: a cookie for Basic credentials, set after that of nobody."""
    user = user_of_basic(request)
    if not user or request.app.state.mode not in {CLOSED, PRIVATE}:
        return PlainTextResponse("Unauthorized", 401, {"WWW-Authenticate": 'basic realm="Buildbot"'})
    answer = Response(None, 302, {"Location": f"{request.app.state.base}/#/"})
    for session in (_ANONYMOUS, f"demo-session-of-{user}"):
        answer.headers.append("Set-Cookie", f"{COOKIE}={session}; Path=/")
    return answer


def remember(request: Request, answer: Response) -> Response:
    """An answer with the cookie of nobody where the request has none."""
    if COOKIE not in request.cookies and "set-cookie" not in answer.headers:
        answer.headers.append("Set-Cookie", f"{COOKIE}={_ANONYMOUS}; Path=/")
    return answer
