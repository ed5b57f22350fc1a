"""How Buildbot answers: always an object with a list and ``meta``, indented unless JSON is asked for."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from ci_mcp.sandbox.buildbot.world import World

Json = dict[str, Any]
_JSON, _TEXT = "application/json; charset=utf-8", "text/plain; charset=utf-8"
PARSE_ERROR, INVALID_REQUEST, NO_METHOD, BAD_PARAMS, INTERNAL = -32700, -32600, -32601, -32602, -32603
NO_PAGE = (
    "\n<html>\n  <head><title>404 - No Such Resource</title></head>\n  <body>\n    <h1>No Such Resource</h1>\n"
    "    <p>Sorry. No luck finding that resource.</p>\n  </body>\n</html>\n"
)


class Refused(Exception):  # noqa: N818 - an answer, not a fault of the program
    """The answer to a request that is not carried out; of a call, ``code`` is that of JSON-RPC."""

    def __init__(self, status: int, message: Any, code: int = INVALID_REQUEST) -> None:
        """Refuse with a message."""
        super().__init__(str(message))
        self.status, self.message, self.code = status, message, code


def world_of(request: Request) -> World:
    """The world that a request is about."""
    world: World = request.app.state.world
    return world


def wants_json(request: Request) -> bool:
    """True where the client asks for JSON: others get it as text that people can read."""
    return "application/json" in request.headers.get("accept", "")


def told(request: Request, plural: str, rows: list[Json], meta: Json) -> Response:
    """The answer to a read."""
    value = {plural: rows, "meta": meta}
    if wants_json(request):
        return Response(json.dumps(value, sort_keys=True, separators=(",", ":")), media_type=_JSON)
    return Response(json.dumps(value, sort_keys=True, indent=2, separators=(", ", ": ")), media_type=_TEXT)


def chunk(log_id: int, first: int, pieces: Iterable[str]) -> Response:
    """The answer with a part of a log, sent as it is made."""

    def body() -> Iterator[str]:
        yield '{"logchunks":[{"content":"'
        for piece in pieces:
            yield json.dumps(piece)[1:-1]
        yield f'","firstline":{first},"logid":{log_id}}}],"meta":{{}}}}'

    return StreamingResponse(body(), media_type=_JSON)


def error(refused: Refused) -> Response:
    """The answer to a read that is refused."""
    return Response(json.dumps({"error": refused.message}), refused.status, media_type=_TEXT)


def called(number: Any, result: Any) -> Response:
    """The answer to a call."""
    body = json.dumps({"id": number, "jsonrpc": "2.0", "result": result}, sort_keys=True, separators=(",", ":"))
    return Response(body, media_type="application/json")


def call_error(refused: Refused, number: Any = None, *, numbered: bool = True) -> Response:
    """The answer to a call that is refused; without an id where none could be read."""
    body: Json = {"jsonrpc": "2.0"} | ({"id": number} if numbered else {})
    body["error"] = {"code": refused.code, "message": refused.message}
    return Response(json.dumps(body), refused.status, media_type="application/json")
