"""Who may come in, and how often: what stands in front of every route."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ci_mcp.sandbox.buildkite.answers import said
from ci_mcp.sandbox.buildkite.tokens import Bucket, grant_of

_OPEN = {"/", "/v2/meta"}
_WHO = (
    "Authentication required. Please supply a valid API Access Token: "
    "https://buildkite.com/docs/apis/rest-api#authentication"
)
_NAMES = {"rest": "RateLimit", "rest_user": "RateLimit-User"}


class Guard:
    """Refuses requests without a good token, and those that are too many; says on each answer how many are left."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand in front of an application."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request in, or answer it (ASGI)."""
        if scope["path"] in _OPEN:
            await self.app(scope, receive, send)
            return
        header = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
        scheme, _, token = header.partition(" ")
        grant = grant_of(token.strip()) if scheme.lower() == "bearer" else None
        if not grant:
            await said({"message": _WHO}, 401)(scope, receive, send)
            return
        state = scope["app"].state
        scope["state"] = {"grant": grant, "token": token}
        now = state.world.now()
        buckets = state.meter.of(token, grant)
        over = [name for name, bucket in buckets.items() if not bucket.take(now)]
        answer = _too_many(over[0], buckets[over[0]], now) if over else self.app
        await answer(scope, receive, _telling(send, buckets, now))


def _too_many(name: str, bucket: Bucket, now: float) -> ASGIApp:
    seconds = bucket.reset(now)
    message = f"You have exceeded your API rate limit. Please wait {seconds} seconds before making more requests."
    limit = bucket.limit.requests
    return said({"message": message, "scope": name, "limit": limit, "current": bucket.used, "reset": seconds}, 429)


def _telling(send: Send, buckets: dict[str, Bucket], now: float) -> Send:
    """Send that says on each answer how many requests are left in either bucket."""

    async def tell(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, bucket in buckets.items():
                prefix = _NAMES[name]
                headers[f"{prefix}-Scope"] = name
                headers[f"{prefix}-Limit"] = str(bucket.limit.requests)
                headers[f"{prefix}-Remaining"] = str(bucket.remaining())
                headers[f"{prefix}-Reset"] = str(bucket.reset(now))
                if not bucket.remaining():
                    headers[f"{prefix}-Warning"] = f"You have used all requests of the {name} limit."
        await send(message)

    return tell
