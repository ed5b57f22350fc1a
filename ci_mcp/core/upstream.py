"""A remote MCP server (Streamable HTTP) as a service's Api, for what its vendor offers nowhere else.

Deadlines, retries, rate limits and refusals are those of the `Api`. Only tools that read are meant to be called here:
a call that broke off is made again. Whatever the server says is text from outside: it selects nothing, and an error
shows it cleaned and cut.
"""

import itertools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from weakref import WeakKeyDictionary

import anyio

from ci_mcp import __version__
from ci_mcp.auth.redact import redact
from ci_mcp.core.provider import Api, Reply
from ci_mcp.core.wire import parts
from ci_mcp.errors import (
    BadAnswerError,
    CiError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    UnsupportedError,
    UsageError,
)
from ci_mcp.logs.text import clean_text
from ci_mcp.net import sse

Json = Mapping[str, Any]

VERSION: Final = "2025-06-18"
"""The revision that is asked for; the one that the server answers is spoken."""

_NO_METHOD, _BAD_PARAMS = -32601, -32602  # JSON-RPC's codes
_NO_RESOURCE = -32002  # MCP's own
_MOST_PAGES: Final = 20  # of tools/list
_SAID: Final = 300  # characters of a server's own words in an error
_TOKEN: Final = re.compile(r"[!-~]{1,1024}")  # what a header may hold, as the protocol says of session ids
_REFUSALS: Final[Mapping[str, tuple[type[CiError], str]]] = {
    r"disabled for this organization|not enabled": (UnsupportedError, "ask its administrator"),
    r"rate limit|too many requests": (RateLimitedError, "wait, and ask for less at once"),
    r"permission denied|not authorized|forbidden": (PermissionDeniedError, "use a token that may do this"),
    r"not[ _]found|no such|does not exist": (NotFoundError, "check the name or id"),
    r"required|invalid|must be|validating|unknown": (UsageError, "change what was asked"),
}
_ODD: Final[tuple[type[CiError], str]] = (BadAnswerError, "try again later")


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool of a remote server: its name, and the JSON schema of its arguments."""

    name: str
    schema: Json = field(default_factory=dict)

    @property
    def parameters(self) -> Json:
        """The schemas of its arguments by name, in the server's order."""
        found = self.schema.get("properties")
        return found if isinstance(found, dict) else {}

    @property
    def required(self) -> tuple[str, ...]:
        """The arguments that it insists on."""
        found = self.schema.get("required")
        return tuple(name for name in found if isinstance(name, str)) if isinstance(found, list) else ()


@dataclass(frozen=True, slots=True)
class Result:
    """What a tool gave: its text, and its structured content where it has any; ``failed`` where it says that it did."""

    text: str
    structured: Any = None
    failed: bool = False

    @property
    def cut(self) -> bool:
        """Whether the server says that it cut the text; Semaphore's does, and leaves the structured content whole."""
        return "Response truncated" in self.text[-300:]

    @property
    def data(self) -> Any:
        """The structured content, else the text read as JSON, else the text itself."""
        if self.structured is not None:
            return self.structured
        try:
            return json.loads(self.text)
        except (ValueError, RecursionError):
            return self.text


class Upstream:
    """One remote MCP server; safe to be used by several calls at once."""

    def __init__(self, api: Api, path: str = "/mcp", *, handshake: bool = True) -> None:
        """Take where it is; nothing is sent yet.

        Args:
            api: the service.
            path: of its MCP endpoint.
            handshake: whether it is to be greeted (``initialize``) before the first call, as the protocol wants;
                without, only once it insists: that saves two requests with a server that keeps no state.
        """
        self._api, self._path, self._polite = api, path, handshake
        self._greeted = False
        self._headers: dict[str, str] = {}
        self._tools: dict[str, Tool] | None = None
        self._lock, self._listing = anyio.Lock(), anyio.Lock()
        self._ids = itertools.count(1)

    async def tools(self) -> Mapping[str, Tool]:
        """Its tools by name, asked for once.

        Raises: the errors of `ci_mcp.errors`.
        """
        async with self._listing:
            if self._tools is None:
                self._tools = await self._list()
        return self._tools

    async def _list(self) -> dict[str, Tool]:
        found: dict[str, Tool] = {}
        cursor: str | None = None
        for _ in range(_MOST_PAGES):
            page = await self.request("tools/list", {"cursor": cursor} if cursor else {})
            for raw in parts(page.get("tools")):
                if isinstance(name := raw.get("name"), str):
                    schema = raw.get("inputSchema")
                    found[name] = Tool(name, schema if isinstance(schema, dict) else {})
            cursor = page.get("nextCursor")
            if not isinstance(cursor, str) or not cursor:
                break
        return found

    async def call(self, name: str, arguments: Json | None = None, *, check: bool = True) -> Result:
        """Call a tool that only reads.

        Args:
            name: of the tool.
            arguments: by name.
            check: whether a tool that failed raises; without, the result says so.

        Raises: the errors of `ci_mcp.errors`; where the tool itself failed, ``body`` has its words.
        """
        result = await self.request("tools/call", {"name": name, "arguments": dict(arguments or {})})
        content = result.get("content")
        texts = [_text(part) for part in content if isinstance(part, dict)] if isinstance(content, list) else []
        text = "\n".join(filter(None, texts))
        failed = result.get("isError") is True
        if failed and check:
            raise self.refusal(name, text)
        return Result(text, result.get("structuredContent"), failed)

    async def request(self, method: str, params: Json | None = None) -> Json:
        """One request of the protocol, and its result; a session that was lost is begun anew, once.

        Raises: the errors of `ci_mcp.errors`.
        """
        if self._polite:
            await self._greet({})
        headers = self._headers
        try:
            return await self._exchange(method, params, headers)
        except CiError as error:
            if not _lost(error, with_session="Mcp-Session-Id" in headers):
                raise
        await self._greet(headers, again=True)
        return await self._exchange(method, params, self._headers)

    async def _greet(self, known: Json, *, again: bool = False) -> None:
        """Begin a session, unless somebody else just did."""
        async with self._lock:
            if self._greeted and not (again and self._headers == known):
                return
            about = {"name": "ci-mcp", "version": __version__}
            params = {"protocolVersion": VERSION, "capabilities": {}, "clientInfo": about}
            reply, result = await self._sent("initialize", params, {})
            spoken, session = result.get("protocolVersion"), reply.headers.get("mcp-session-id", "")
            headers = {"MCP-Protocol-Version": spoken if isinstance(spoken, str) else VERSION}
            if session:
                headers["Mcp-Session-Id"] = session
            if not all(_TOKEN.fullmatch(value) for value in headers.values()):
                raise self._nonsense("initialize")
            done = {"jsonrpc": "2.0", "method": "notifications/initialized"}
            await self._api.send("POST", self._path, json=done, headers=_accepting(headers), idempotent=True)
            self._headers, self._greeted = headers, True

    async def _exchange(self, method: str, params: Json | None, headers: Mapping[str, str]) -> Json:
        return (await self._sent(method, params, headers))[1]

    async def _sent(self, method: str, params: Json | None, headers: Mapping[str, str]) -> tuple[Reply, Json]:
        number = next(self._ids)
        body = {"jsonrpc": "2.0", "id": number, "method": method, "params": dict(params or {})}
        reply = await self._api.send(
            "POST",
            self._path,
            json=body,
            headers=_accepting(headers),
            idempotent=True,
            enough=sse.Awaited(number),
        )
        answer = next(sse.answers(reply.text, number), None)
        if answer is None:
            raise self._nonsense(method)
        problem = answer.get("error")
        if problem is not None:
            raise self._fault(method, problem if isinstance(problem, dict) else {}, params or {})
        result = answer.get("result")
        if not isinstance(result, dict):
            raise self._nonsense(method)
        return reply, result

    def _fault(self, method: str, problem: Json, params: Json) -> CiError:
        """The error for a JSON-RPC error."""
        said, code = str(problem.get("message") or ""), problem.get("code")
        what = str(params.get("name") or method)
        message = f"the MCP server of {self._api.host} refused {what} ({_words(said) or code})"
        if code == _NO_METHOD or (code == _BAD_PARAMS and re.search(r"unknown tool|tool .*not found", said.lower())):
            return UnsupportedError(message, "the server offers no such tool: it may be older, or switched off")
        if code == _NO_RESOURCE or (code == _BAD_PARAMS and re.search(r"resource\b.*not found", said.lower())):
            return NotFoundError(message, "check the id or path", body=redact(said))
        if code == _BAD_PARAMS:
            return UsageError(message, "change what was asked", body=redact(said))
        return BadAnswerError(message, "try again later", body=redact(said))

    def refusal(self, name: str, text: str) -> CiError:
        """The error for a tool that failed; only its words tell what kind it is."""
        said = text[:_SAID].lower()
        kind, step = next((found for sign, found in _REFUSALS.items() if re.search(sign, said)), _ODD)
        message = f"{name} of {self._api.host} failed ({_words(text) or 'it does not say why'})"
        return kind(message, step, body=redact(text[:4096]))

    def _nonsense(self, method: str) -> BadAnswerError:
        return BadAnswerError(
            f"{self._api.host} answered {method} with something that is not MCP", "is there an MCP server?"
        )


_known: WeakKeyDictionary[Api, dict[str, Upstream]] = WeakKeyDictionary()


def connect(api: Api, path: str = "/mcp", *, handshake: bool = True) -> Upstream:
    """The server at ``path`` of a service: the same one, with its session and its tools, for each call of a process."""
    servers = _known.setdefault(api, {})
    if path not in servers:
        servers[path] = Upstream(api, path, handshake=handshake)
    return servers[path]


def _lost(error: CiError, *, with_session: bool) -> bool:
    """Whether a refusal means that there is no such session (any more), or that one has to be begun."""
    said = error.body.lower()
    if error.status == 404:  # noqa: PLR2004 - how the protocol says it
        return with_session or "session" in said
    return error.status == 400 and ("session" in said or "initializ" in said)  # noqa: PLR2004 - how servers in the field say it


def _accepting(headers: Mapping[str, str]) -> dict[str, str]:
    return {**headers, "Accept": "application/json, text/event-stream"}


def _text(part: Json) -> str:
    resource = part.get("resource")
    value = resource.get("text") if isinstance(resource, dict) else part.get("text")
    return value if isinstance(value, str) else ""


def _words(text: str) -> str:
    said = " ".join(" ".join(clean_text(line) for line in redact(text[: 8 * _SAID]).splitlines()).split())
    return said if len(said) <= _SAID else f"{said[: _SAID - 1]}…"
