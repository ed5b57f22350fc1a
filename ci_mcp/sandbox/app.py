"""What services are made of: an application whose handlers refuse a request by raising the answer to it."""

from collections.abc import Awaitable, Callable, Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

Unknown = Callable[[Request, HTTPException], Awaitable[Response]]


class Refused(Exception):  # noqa: N818 - an answer, not a fault of the program
    """The answer to a request that is not carried out."""

    def __init__(self, answer: Response) -> None:
        """Refuse with that answer."""
        super().__init__(answer.status_code)
        self.answer = answer


def make_app(
    routes: Sequence[BaseRoute],
    middleware: Sequence[Middleware] = (),
    *,
    unknown: Unknown,
    broken: Callable[[], Response],
) -> Starlette:
    """An application of these routes.

    Args:
        routes: in the order in which they are tried.
        middleware: what stands before them.
        unknown: answers where there is no route, or none for that method.
        broken: makes the answer to a request that a handler cannot read, such as one with a date that is no number.
    """

    async def fail(_request: Request, _error: Exception) -> Response:
        return broken()

    handlers = {Refused: _refused, HTTPException: unknown, Exception: fail}
    app = Starlette(routes=routes, middleware=middleware, exception_handlers=handlers)  # type: ignore[arg-type]
    app.router.redirect_slashes = False
    return app


async def _refused(_request: Request, refused: Refused) -> Response:
    return refused.answer
