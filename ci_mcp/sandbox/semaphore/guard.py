"""Who may come in: what stands in front of every Semaphore service."""

from starlette.types import ASGIApp, Receive, Scope, Send

from ci_mcp.sandbox.faults import survives
from ci_mcp.sandbox.semaphore.answers import text
from ci_mcp.sandbox.semaphore.world import NO_ARTIFACTS_TOKEN, NO_FEATURES_TOKEN, TOKEN

_SELF_HOSTED_LOGS = "/api/v1/logs/"


class Guard:
    """Refuses requests without a good token, and those that claim to be somebody (``X-Semaphore-…``)."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand in front of an application."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request in, or answer it (ASGI)."""
        if any(name.startswith(b"x-semaphore-") for name, _ in scope["headers"]):
            await text(404, "Not Found")(scope, receive, send)
        elif not scope["path"].startswith(_SELF_HOSTED_LOGS) and not _known(scope):
            await text(401, "Unauthorized")(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def _known(scope: Scope) -> bool:
    header = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
    scheme, _, token = header.partition(" ")
    # The scheme's word is case-sensitive, and one space follows it.
    return scheme in {"Token", "Bearer"} and known_token(token)


def known_token(token: str) -> bool:
    """True for a token that the organization takes."""
    return token in {TOKEN, NO_ARTIFACTS_TOKEN, NO_FEATURES_TOKEN} or survives(token)
