"""Semaphore's hosted MCP server, at an origin of its own: Streamable HTTP as its library speaks it.

It is written out rather than made with the SDK, for its ways are not the SDK's: a session id that it wants with every
request and remembers nothing of, answers as plain JSON and now and then as a stream, errors in four shapes.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from ci_mcp.sandbox.semaphore.answers import token_sent, world_of
from ci_mcp.sandbox.semaphore.guard import known_token
from ci_mcp.sandbox.semaphore.hosted_tools import TOOLS, call_tool
from ci_mcp.sandbox.semaphore.model import make_id

Json = dict[str, Any]
VERSIONS = ("2025-06-18", "2025-03-26", "2024-11-05")
_SESSION = re.compile(r"mcp-session-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_EMPTY: dict[str, Json] = {
    "ping": {},
    "prompts/list": {"prompts": []},
    "resources/list": {"resources": []},
    "resources/templates/list": {"resourceTemplates": []},
}
# What the server logs while it answers these reaches the client as a notification, which makes the answer a stream.
_STREAMED = {"jobs_logs"}


async def post(request: Request) -> Response:
    """``POST /mcp``: one message."""
    refused = _refused(request)
    if refused:
        return refused
    try:
        message = dict(json.loads(await request.body()))
    except (TypeError, ValueError):
        return _json(_error(None, -32700, "request body is not valid json"), 400)
    method, number = message.get("method"), message.get("id")
    world = world_of(request)
    if method == "initialize":
        world.sessions += 1
        headers = {"mcp-session-id": f"mcp-session-{make_id('session', world.sessions)}"}
        return _json(_result(number, _initialized(message.get("params") or {})), headers=headers)
    if not _SESSION.fullmatch(request.headers.get("mcp-session-id", "")):
        return _text("Invalid session ID")
    if number is None or not method:
        return Response(None, 202)
    return await _answered(request, message)


async def _answered(request: Request, message: Json) -> Response:
    method, number, params = message["method"], message["id"], message.get("params") or {}
    if method in _EMPTY:
        return _json(_result(number, _EMPTY[method]))
    if method == "tools/list":
        return _json(_result(number, {"tools": [tool.listed() for tool in TOOLS.values()]}))
    if method != "tools/call":
        return _json(_error(number, -32601, f"Method {method} not found"))
    name = params.get("name")
    if name not in TOOLS:
        return _json(_error(number, -32602, f"tool '{name}' not found: tool not found"))
    called = call_tool(
        name, params.get("arguments") or {}, world_of(request), request.app.state.site, token_sent(request)
    )
    answer = _result(number, await asyncio.to_thread(called))
    if name in _STREAMED:
        note = {"level": "info", "logger": "tools", "data": f"{name} called"}
        return _stream({"jsonrpc": "2.0", "method": "notifications/message", "params": note}, answer)
    return _json(answer)


async def get(request: Request) -> Response:
    """``GET /mcp``: a stream on which nothing ever comes."""
    if "authorization" not in request.headers or not known_token(token_sent(request)):
        return _unauthorized(request)

    async def nothing() -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""

    return StreamingResponse(nothing(), media_type="text/event-stream")


async def delete(_request: Request) -> Response:
    """``DELETE /mcp``: ends nothing."""
    return Response(None, 200)


def _refused(request: Request) -> Response | None:
    if not known_token(token_sent(request)):
        return _unauthorized(request)
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        return _text("Invalid content type: must be 'application/json'")
    return None


def _unauthorized(request: Request) -> Response:
    if "authorization" not in request.headers:
        where = f"{request.app.state.site.urls['mcp']}/.well-known/oauth-protected-resource"
        error = {"error": "unauthorized", "error_description": "Bearer token or oauth2 required"}
        return _json(error, 401, {"www-authenticate": f'Bearer resource_metadata="{where}"'})
    return _json({"error": "invalid_token", "error_description": "The access token is invalid or expired"}, 401)


def _initialized(params: Json) -> Json:
    wanted = params.get("protocolVersion")
    return {
        "protocolVersion": wanted if wanted in VERSIONS else VERSIONS[0],
        "capabilities": {"prompts": {"listChanged": True}, "resources": {}, "tools": {"listChanged": True}},
        "serverInfo": {"name": "semaphore-mcp-server", "version": "0.1.0"},
    }


def _result(number: Any, result: Json) -> Json:
    return {"jsonrpc": "2.0", "id": number, "result": result}


def _error(number: Any, code: int, message: str) -> Json:
    return {"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": message}}


def _json(value: Json, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    body = json.dumps(value, ensure_ascii=False) + "\n"
    return Response(body, status, headers, media_type="application/json")


def _text(message: str) -> Response:
    return Response(f"{message}\n", 400, media_type="text/plain")


def _stream(*messages: Json) -> Response:
    events = "".join(f"event: message\ndata: {json.dumps(one, ensure_ascii=False)}\n\n" for one in messages)
    return Response(events, media_type="text/event-stream")


ROUTES = [
    Route(path, serve, methods=[method])
    for path in ("/mcp", "/mcp/")
    for method, serve in (("POST", post), ("GET", get), ("DELETE", delete))
]
