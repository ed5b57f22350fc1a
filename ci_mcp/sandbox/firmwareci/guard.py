"""Who may come in, and how often: what stands in front of the MCP server.

A token is good for one organization, and so is a limit. Beside the demo's own there are tokens with few requests,
and one whose sessions are soon forgotten.
"""

import json
import math
from dataclasses import dataclass, field

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ci_mcp.sandbox.faults import survives
from ci_mcp.sandbox.firmwareci.world import TOKEN
from ci_mcp.sandbox.plan import Clock

LIMITED_TOKEN = "demo-firmwareci-limited"  # noqa: S105 - made up: six requests a minute
BRIEFLY_LIMITED_TOKEN = "demo-firmwareci-briefly-limited"  # noqa: S105 - made up: four requests in two seconds
FORGETFUL_TOKEN = "demo-firmwareci-forgetful"  # noqa: S105 - made up: a session is forgotten after five requests
_LIMITS = {
    TOKEN: (6000, 60.0),
    FORGETFUL_TOKEN: (6000, 60.0),
    LIMITED_TOKEN: (6, 60.0),
    BRIEFLY_LIMITED_TOKEN: (4, 2.0),
}
_SESSION_REQUESTS = 5
_HANDSHAKES = {"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"}


@dataclass(slots=True)
class Bucket:
    """The requests of one token within its window, which begins with the first of them."""

    limit: int
    seconds: float
    began: float = -math.inf
    used: int = 0

    def take(self, now: float) -> bool:
        """Count a request; False where it is one too many."""
        if now - self.began >= self.seconds:
            self.began, self.used = now, 0
        self.used += 1
        return self.used <= self.limit

    def headers(self, now: float) -> dict[str, str]:
        """What each answer says of it."""
        return {
            "X-Ratelimit-Limit": str(self.limit),
            "X-Ratelimit-Remaining": str(max(0, self.limit - self.used)),
            "X-Ratelimit-Reset": str(max(1, math.ceil(self.began + self.seconds - now))),
        }


@dataclass(slots=True)
class Guard:
    """Refuses requests without a good token, those that are too many, and those of sessions that are over."""

    app: ASGIApp
    clock: Clock
    sessions: bool
    buckets: dict[str, Bucket] = field(default_factory=dict)
    asked: dict[str, int] = field(default_factory=dict)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request in, or answer it (ASGI)."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not (token in _LIMITS or survives(token)):
            challenge = {"WWW-Authenticate": "Bearer"}
            await _said({"error": "unauthorized"}, 401, challenge)(scope, receive, send)
            return
        now = self.clock.now()
        bucket = self.buckets.setdefault(token, Bucket(*_LIMITS.get(token, _LIMITS[TOKEN])))
        if not bucket.take(now):
            await _said({"error": "rate limit exceeded"}, 429, bucket.headers(now))(scope, receive, send)
            return
        answer = self._refused(headers, token) if self.sessions else None
        await (answer or self.app)(scope, receive, _telling(send, bucket.headers(now)))

    def _refused(self, headers: Headers, token: str) -> Response | None:
        """What a server with sessions, of the time when all had them, does not take."""
        version = headers.get("mcp-protocol-version", "2025-06-18")
        if version not in _HANDSHAKES:
            return _error(400, f"Bad Request: Unsupported protocol version: {version}")
        session = headers.get("mcp-session-id")
        if session and token == FORGETFUL_TOKEN:
            self.asked[session] = self.asked.get(session, 0) + 1
            if self.asked[session] > _SESSION_REQUESTS:
                return _error(404, "Session not found")
        return None


def _error(status: int, message: str) -> Response:
    return _said({"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": message}}, status)


def _said(value: dict[str, object], status: int, headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps(value), status, headers, media_type="application/json")


def _telling(send: Send, limits: dict[str, str]) -> Send:
    async def tell(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(limits)
        await send(message)

    return tell
