"""Answers that go wrong on purpose, asked for by the token or by an id in the request.

``fault_token("429")`` is a token that any service answers with 429, ``fault_id("429")`` an id that does the same
wherever it stands in a path or a query. ``once=True`` makes a token that fails the first request to each path
and is a good token afterwards; a ``tag`` keeps the tokens of several tests apart.

Those that are no plain answers: ``stall`` never answers, ``cut`` closes the connection without an answer,
``cut-body`` in the middle of a body, ``broken-json`` is a 200 whose JSON ends too early.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from ci_mcp.sandbox.plan import Run

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

TOKEN_PREFIX = "demo-fault-"  # noqa: S105 - a word in made-up tokens
_NAMESPACE = uuid.UUID("5c1f7e02-6d0b-4b43-9d3e-0f6c3a2b7d11")
_TEXT = "text/plain; charset=utf-8"
_JSON = "application/json"
_EXCEEDED = '{"message":"Rate limit exceeded."}'
_PROXY_PAGE = (
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n"
    "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to go wrong: a plain answer, or a ``trick`` that is none."""

    status: int = 200
    body: str = ""
    content_type: str = _TEXT
    headers: tuple[tuple[str, str], ...] = ()
    trick: str = ""


FAULTS = {
    "401": Fault(401, "Unauthorized"),
    "403": Fault(403, '{"code":7,"message":"Permission denied","details":[]}', _JSON),
    "403-text": Fault(403, "The artifacts api feature is not enabled for your organization. Please contact support"),
    "404": Fault(404, '"Not found"', ""),
    "404-access": Fault(404, "Not Found", ""),
    "404-address": Fault(404, "You cannot access this organization from your current IP address (192.0.2.7)"),
    "404-grpc": Fault(404, '{"code":5,"message":"Not found","details":[]}', _JSON),
    "404-message": Fault(404, '{"message":"Not found"}', ""),
    "404-route": Fault(404, "oops", ""),
    "429": Fault(429, "Too Many Requests", headers=(("retry-after", "7"),)),
    "429-now": Fault(429, "Too Many Requests", headers=(("retry-after", "0"),)),
    "429-soon": Fault(429, "Too Many Requests", headers=(("retry-after", "1"),)),
    "429-bare": Fault(429, "Too Many Requests"),
    "429-ratelimit": Fault(
        429, _EXCEEDED, _JSON, (("ratelimit-limit", "300"), ("ratelimit-remaining", "0"), ("ratelimit-reset", "7"))
    ),
    "429-x-ratelimit": Fault(
        429, _EXCEEDED, _JSON,
        (("x-ratelimit-limit", "300"), ("x-ratelimit-limit-minute", "60"), ("x-ratelimit-remaining", "0"),
         ("x-ratelimit-reset", "7")),
    ),
    "429-both": Fault(
        429, _EXCEEDED, _JSON,
        (("retry-after", "7"), ("ratelimit-limit", "60"), ("ratelimit-remaining", "0"), ("ratelimit-reset", "5"),
         ("x-ratelimit-limit-second", "51"), ("x-ratelimit-limit-hour", "3000"), ("x-ratelimit-remaining", "12")),
    ),
    "500": Fault(500, '"Internal error"', ""),
    "500-grpc": Fault(500, '{"code":13,"message":"internal: stream terminated","details":[]}', _JSON),
    "500-text": Fault(500, "Internal error", ""),
    "502": Fault(502, _PROXY_PAGE, "text/html"),
    "503": Fault(503, "upstream connect error or disconnect/reset before headers"),
    "504": Fault(504, "upstream request timeout"),
    "broken-json": Fault(200, '[{"wf_id": "3f0c', _JSON),
    "cut": Fault(trick="cut"),
    "cut-body": Fault(200, '{"events": [', _JSON, trick="cut-body"),
    "stall": Fault(trick="stall"),
}  # fmt: skip


def fault_token(name: str, *, once: bool = False, tag: str = "") -> str:
    """A token that provokes the fault of that name; ``once``: only the first request to each path."""
    if name not in FAULTS:
        raise KeyError(name)
    return TOKEN_PREFIX + ".".join(word for word in (name, "once" if once else "", tag) if word)


def fault_id(name: str) -> str:
    """An id that provokes the fault of that name wherever it stands in a path or a query."""
    return _IDS[name]


_IDS = {name: str(uuid.uuid5(_NAMESPACE, name)) for name in FAULTS}
_BY_ID = {fault: FAULTS[name] for name, fault in _IDS.items()}


def find_fault(scope: Scope, run: Run) -> Fault | None:
    """The fault that a request asks for, if any; a token good for one fault only is counted off."""
    token = token_of(scope)
    if token.startswith(TOKEN_PREFIX):
        name, *rest = token.removeprefix(TOKEN_PREFIX).split(".")
        if "once" not in rest:
            return FAULTS.get(name)
        key = f"{token} {scope['method']} {scope['path']}"
        run.struck[key] += 1
        if run.struck[key] == 1:
            return FAULTS.get(name)
    words = scope["path"].split("/") + [value for _, value in parse_qsl(scope["query_string"].decode("latin-1"))]
    return next((_BY_ID[word] for word in words if word in _BY_ID), None)


def survives(token: str) -> bool:
    """True for a token that fails once and is good afterwards: services take it as their own."""
    return token.startswith(TOKEN_PREFIX) and "once" in token.split(".")


def token_of(scope: Scope) -> str:
    """The token of a request, whatever its scheme; empty for none."""
    for name, value in scope["headers"]:
        if name in {b"authorization", b"circle-token"}:
            text: str = value.decode("latin-1")
            return text.rpartition(" ")[2]
    return ""


async def strike(fault: Fault, run: Run, receive: Receive, send: Send) -> None:
    """Answer a request with a fault."""
    if fault.trick == "stall":
        await _until_gone(run, receive)
        await _hang_up(receive, send)
    elif fault.trick == "cut":
        await _hang_up(receive, send)
    else:
        body = fault.body.encode()
        cut = fault.trick == "cut-body"
        headers = [(b"content-length", str(len(body) + (4096 if cut else 0)).encode())]
        headers += [(b"content-type", fault.content_type.encode())] if fault.content_type else []
        headers += [(name.encode(), value.encode()) for name, value in fault.headers]
        await send({"type": "http.response.start", "status": fault.status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": cut})
        if cut:
            await _hang_up(receive, send)


async def _until_gone(run: Run, receive: Receive) -> None:
    """Wait until the client hangs up or the sandbox stops."""

    async def gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    waits = {asyncio.ensure_future(gone()), asyncio.ensure_future(run.stopping.wait())}
    _, late = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in late:
        wait.cancel()


async def _hang_up(receive: Receive, send: Send) -> None:
    """Close the connection under the answer: ASGI has no word for it, so this reaches into uvicorn."""
    send.__self__.transport.close()  # type: ignore[attr-defined]
    while (await receive())["type"] != "http.disconnect":
        pass
