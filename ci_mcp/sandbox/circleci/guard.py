"""Who may come in: what stands in front of every CircleCI host."""

from starlette.types import ASGIApp, Receive, Scope, Send

from ci_mcp.sandbox.circleci.answers import message, problem
from ci_mcp.sandbox.circleci.world import PROJECT_TOKEN, READER_TOKEN, TOKEN
from ci_mcp.sandbox.faults import survives

_ANYBODY = ("/api/v2/compile-config-with-defaults", "/api/v3/configs/compile")
_PRIVATE_OUTPUT = "/api/private/output/"


class Guard:
    """Refuses requests without a good token, and writing to who may only read."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand in front of an application."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request in, or answer it (ASGI)."""
        path, newest = scope["path"], scope["path"].startswith("/api/v3/")
        token = _token(scope, bearer_only=newest)
        known = token in {TOKEN, READER_TOKEN} or survives(token)
        if token == PROJECT_TOKEN:
            known = path.startswith("/api/v1.1/")
        answer = None
        if path in _ANYBODY or (known and not (token == READER_TOKEN and _writes(scope))):
            return await self.app(scope, receive, send)
        if known:
            answer = problem(403, "Forbidden", "Permission denied.") if newest else message(403, "Permission denied.")
        elif path.startswith(_PRIVATE_OUTPUT):
            answer = message(404, "Build not found")
        elif newest:
            answer = problem(401, "Unauthorized", "Invalid token provided.")
        else:
            answer = message(401, "Invalid token provided.")
        return await answer(scope, receive, send)


def _writes(scope: Scope) -> bool:
    return scope["method"] not in {"GET", "HEAD"} and not scope["path"].endswith("/search")


def _token(scope: Scope, *, bearer_only: bool) -> str:
    headers = dict(scope["headers"])
    scheme, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    if scheme.lower() == "bearer":
        return str(token)
    return "" if bearer_only else str(headers.get(b"circle-token", b"").decode("latin-1"))
