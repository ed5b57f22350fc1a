"""The server's MCP endpoint: Streamable HTTP without sessions, as the library that it is made with speaks it.

It is written out rather than made with the SDK, for its ways are not the SDK's: every answer is a stream of one
event, a session id is given and never asked for, and a call needs no ``initialize`` before it.
"""

import base64
import json
import secrets
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ci_mcp.sandbox.pocketci.answers import compact, world_of
from ci_mcp.sandbox.pocketci.model import Json
from ci_mcp.sandbox.pocketci.tools import TOOLS, ToolError

VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_METHODS = ("GET", "POST", "DELETE", "PUT", "PATCH", "OPTIONS", "HEAD")
_UNSUPPORTED = f"Bad Request: Unsupported protocol version (supported versions: {','.join(VERSIONS)})"
_INSTRUCTIONS = "Look at runs, tasks and agents of this CI: get_run first, then list_run_tasks or search_tasks."
_EMPTY: dict[str, Json] = {
    "ping": {},
    "prompts/list": {"prompts": []},
    "resources/list": {"resources": []},
    "resources/templates/list": {"resourceTemplates": []},
}
_INVALID = -32602
_MALFORMED = "malformed payload: unmarshaling jsonrpc message"
_ASSUMED = "2025-03-26"  # the version of a client that names none
_UNBATCHED = "2025-06-18"  # the first without batches


async def serve(request: Request) -> Response:
    """Any method at ``/mcp``."""
    refused = _refused(request)
    if refused:
        return refused
    try:
        messages = _messages(await request.body(), request.headers.get("mcp-protocol-version", _ASSUMED))
    except ValueError as error:
        return _text(str(error), 400)
    asked = [one for one in messages if one.get("id") is not None and "method" in one]
    if not asked:
        return Response(status_code=202)
    headers = {"Cache-Control": "no-cache, no-transform", "Content-Type": "text/event-stream"}
    if any(one["method"] == "initialize" for one in asked):
        headers["Mcp-Session-Id"] = base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=")
    answers = [{"jsonrpc": "2.0", "id": one["id"]} | _answer(request, one) for one in asked]
    return Response("".join(f"event: message\ndata: {compact(one)}\n\n" for one in answers), 200, headers)


def _messages(body: bytes, version: str) -> list[Json]:
    """The messages of a body; raises `ValueError` with what is said where it holds none that can be answered."""
    if not body:
        raise ValueError("POST requires a non-empty body")
    try:
        sent = json.loads(body)
    except ValueError:
        raise ValueError(f"{_MALFORMED}: unexpected EOF") from None
    if isinstance(sent, list) and version >= _UNBATCHED:
        known = f"not supported in {_UNBATCHED} and later (request version: {version})"
        raise ValueError(f"JSON-RPC batching is {known}")
    messages: list[Any] = sent if isinstance(sent, list) else [sent]
    for one in messages:
        kind = "Go value of type jsonrpc2.wireCombined"
        problem = _unfit(one) if isinstance(one, dict) else f'{_MALFORMED}: json: cannot unmarshal "{one}" into {kind}'
        if problem:
            raise ValueError(problem)
    return messages


def _unfit(message: Json) -> str:
    """What is wrong with a message itself, empty for nothing."""
    method = message.get("method")
    if method is None or method.startswith("notifications/") or method in _EMPTY or method == "tools/list":
        return ""
    if method not in {"initialize", "tools/call", "logging/setLevel"}:
        return f'JSON RPC not handled: "{method}" unsupported'
    return "" if message.get("params") else 'invalid request: missing required "params"'


def _refused(request: Request) -> Response | None:
    """What is wrong with a request before its message is looked at, in the order in which it is looked for."""
    host, method = request.headers.get("host", ""), request.method
    if _name(host) not in _LOOPBACK and request.scope["server"][0] in _LOOPBACK:
        return _text(f'Forbidden: invalid Host header "{host}"', 403)
    if method == "POST" and _media_type(request.headers.get("content-type", "")) != "application/json":
        return _text("Content-Type must be 'application/json'", 415)
    if problem := _unacceptable(request):
        return _text(problem, 400)
    if method == "DELETE":
        wanted = "Bad Request: DELETE requires an Mcp-Session-Id header"
        return Response(status_code=204) if "mcp-session-id" in request.headers else _text(wanted, 400)
    if method != "POST":
        return _text("Method Not Allowed", 405, {"Allow": "POST"})
    known = request.headers.get("mcp-protocol-version", _ASSUMED) in VERSIONS
    return None if known else _text(_UNSUPPORTED, 400)


def _unacceptable(request: Request) -> str:
    """What the Accept header lacks, empty for nothing."""
    accepted = {_media_type(part) for value in request.headers.getlist("accept") for part in value.split(",")}
    accepted |= {"application/json", "text/event-stream"} if "*/*" in accepted else set()
    if request.method == "GET":
        wanted = "Accept must contain 'text/event-stream' for GET requests"
        return "" if "text/event-stream" in accepted else wanted
    good = request.method == "DELETE" or {"application/json", "text/event-stream"} <= accepted
    return "" if good else "Accept must contain both 'application/json' and 'text/event-stream'"


def _name(host: str) -> str:
    return host[1 : host.find("]")] if host.startswith("[") else host.partition(":")[0]


def _media_type(text: str) -> str:
    return text.partition(";")[0].strip().lower()


def _text(message: str, status: int, headers: dict[str, str] | None = None) -> Response:
    return Response(f"{message}\n", status, headers, media_type="text/plain")


def _answer(request: Request, message: Json) -> Json:
    """The result of a request, or what is wrong with it in the protocol's own words."""
    method, params = message["method"], message.get("params") or {}
    if method in _EMPTY or method == "logging/setLevel":
        return {"result": _EMPTY.get(method, {})}
    if method == "initialize":
        return {"result": _initialized(params.get("protocolVersion"))}
    if method == "tools/list":
        return {"result": {"tools": [tool.listed(name) for name, tool in TOOLS.items()]}}
    name = params.get("name", "")
    if name not in TOOLS:
        return {"error": {"code": _INVALID, "message": f'unknown tool "{name}"'}}
    return {"result": _called(request, name, params.get("arguments") or {})}


def _initialized(wanted: Any) -> Json:
    return {
        "capabilities": {"logging": {}, "tools": {"listChanged": True}},
        "instructions": _INSTRUCTIONS,
        "protocolVersion": wanted if wanted in VERSIONS else VERSIONS[0],
        "serverInfo": {"name": "ci-server", "version": "1.0.0"},
    }


def _called(request: Request, name: str, arguments: Json) -> Json:
    """A tool's answer: one text of JSON, or its complaint."""
    known: Json = {"isError": True}
    try:
        TOOLS[name].check(arguments)
        text, known = compact(TOOLS[name].call(world_of(request), arguments)), {}
    except ToolError as error:
        text = str(error)
    return {"content": [{"type": "text", "text": text}]} | known


ROUTES = [Route(path, serve, methods=list(_METHODS)) for path in ("/mcp", "/mcp/{rest:path}")]
