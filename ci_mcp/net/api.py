"""The Api of one service at one host: every call of the product to a CI goes through here.

What holds for each call: the credential goes to the service's own origin only, redirects are followed by hand,
bodies are bounded, no wait passes the caller's deadline, and whatever fails is one of our errors.
"""

import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Self, TypeVar

import anyio
import anyio.to_thread
import httpx

from ci_mcp.auth.claims import claims
from ci_mcp.auth.credentials import Credential, header
from ci_mcp.auth.endpoints import Endpoint
from ci_mcp.auth.redact import redact
from ci_mcp.errors import BadAnswerError, NotFoundError, UsageError
from ci_mcp.logs.store import Store
from ci_mcp.net import body, retry
from ci_mcp.net.answer import BROKEN, Answer, Enough, Failed, chunks, close, in_time, read, refused, text_of
from ci_mcp.net.client import make_client
from ci_mcp.net.failures import Asked, broken, plain
from ci_mcp.net.heard import Heard, hear
from ci_mcp.net.origin import Border, Target

T = TypeVar("T")

AT_ONCE: Final = 8
"""Requests at once to one service."""
REDIRECTS: Final = 5

_MOVED: Final = frozenset({301, 302, 303, 307, 308})
# Of a caller's own headers these may go to another origin: none of them proves who we are.
_HARMLESS: Final = frozenset({"accept", "range", "if-none-match", "if-modified-since", "if-range"})

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Call:
    """One call as the caller made it."""

    method: str
    target: Target
    params: Mapping[str, Any]
    headers: Mapping[str, str]
    json: Any
    foreign: bool
    moved: bool = False


class HttpApi:
    """One service at one host, with this person's credential; see `ci_mcp.core.provider.Api`.

    Close it with `aclose`, or use it as an async context manager.
    """

    def __init__(  # noqa: PLR0913 - the last ones are for siblings and tests
        self,
        endpoint: Endpoint,
        credential: Credential | Callable[[], Credential | None] | None,
        store: Store,
        *,
        hosts: Sequence[str] = (),
        sibling: Callable[[str], Any] | None = None,
        slots: anyio.Semaphore | None = None,
        settings: Mapping[str, Any] | None = None,
        trusted: Sequence[str] = (),
        mcp_credential: Credential | Callable[[], Credential | None] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        """Make it; nothing is opened before the first call.

        Args:
            endpoint: which host.
            credential: who we are there, or what finds out at the first call (in a thread: a keyring may take
                its time); ``None`` where the service is open.
            store: where logs are kept.
            hosts: every configured host of this provider, the default one first; this one alone by default.
            sibling: opens the Api of another one of them.
            slots: how many requests may run at once, shared among the hosts of a service.
            settings: the provider's section of the settings file.
            trusted: patterns of further hosts that may have the credential.
            mcp_credential: who we are at the hosted MCP server, where that is not the same.
            transport: what carries the requests, for tests.
            sleep: what waits between attempts, for tests.
        """
        self.endpoint = endpoint
        self._credential = credential
        self._store = store
        self._hosts = tuple(hosts) or (endpoint.host,)
        self._sibling = sibling
        self._slots = slots or anyio.Semaphore(AT_ONCE)
        self._transport = transport
        self._sleep = sleep
        self._settings = settings or {}
        self._border = Border(endpoint.base_url, trusted)
        self._mcp_credential = mcp_credential or credential
        self._login = anyio.Lock()
        self._made: httpx.AsyncClient | None = None
        self._mcp: HttpApi | None = None
        self._heard: Heard | None = None

    @property
    def host(self) -> str:
        """The host in this service's web URLs."""
        return self.endpoint.host

    @property
    def hosts(self) -> tuple[str, ...]:
        """Every configured host of this provider, the default one first."""
        return self._hosts

    @property
    def store(self) -> Store:
        """Where logs are kept."""
        return self._store

    @property
    def settings(self) -> Mapping[str, Any]:
        """The provider's section of the settings file."""
        return self._settings

    @property
    def heard(self) -> Heard | None:
        """What the latest answer told beside its body; see `ci_mcp.core.provider.Api.heard`."""
        return self._heard

    def at(self, host: str) -> Any:
        """The same service at another configured host.

        Raises:
            NotFoundError: the host is not configured.
        """
        if host == self.host:
            return self
        if self._sibling is None or host not in self._hosts:
            name = self.endpoint.provider
            raise NotFoundError(
                f"{plain(host)[:100]} is not a configured host of {name}",
                f'run "ci-mcp auth login {name} --host {plain(host)[:100]}"',
            )
        return self._sibling(host)

    @property
    def mcp(self) -> "HttpApi | None":
        """The vendor's hosted MCP server; see `ci_mcp.core.provider.Api.mcp`."""
        url = self.endpoint.mcp_url
        if self._mcp is None and url:
            place = Endpoint(self.endpoint.provider, httpx.URL(url).netloc.decode("ascii"), url)
            more: dict[str, Any] = {"slots": self._slots, "transport": self._transport, "sleep": self._sleep}
            self._mcp = HttpApi(place, self._mcp_credential, self._store, **more)
        return self._mcp

    async def claims(self) -> Mapping[str, Any]:
        """What the credential says of itself; see `ci_mcp.core.provider.Api.claims`."""
        await self._proof()
        return {} if self._credential is None or callable(self._credential) else claims(self._credential)

    async def __aenter__(self) -> Self:
        """Itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections; a later call opens new ones."""
        client, self._made = self._made, None
        if client is not None:
            await client.aclose()
        if self._mcp is not None:
            await self._mcp.aclose()

    async def get(self, path: str, params: Mapping[str, Any] | None = None, *, foreign: bool = False) -> Answer:
        """GET with retries; see `ci_mcp.core.provider.Api.get`."""
        call = _Call("GET", self._border.start(path, foreign=foreign), _clean(params), {}, None, foreign)
        return await self._whole(call, idempotent=True)

    async def send(  # noqa: PLR0913 - what a request is made of
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        idempotent: bool = False,
        enough: Enough | None = None,
        moved: bool = False,
    ) -> Answer:
        """Any other method; see `ci_mcp.core.provider.Api.send`. Of these only a GET follows a redirect."""
        target = self._border.start(path, foreign=False)
        call = _Call(method.upper(), target, _clean(params), headers or {}, json, foreign=False, moved=moved)
        return await self._whole(call, idempotent=idempotent, enough=enough)

    @asynccontextmanager
    async def stream(
        self,
        path: str,
        params: Mapping[str, Any] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        foreign: bool = False,
    ) -> AsyncGenerator[body.Body, None]:
        """GET whose body comes in chunks of at most 256 KB; see `ci_mcp.core.provider.Api.stream`."""
        call = _Call("GET", self._border.start(path, foreign=foreign), _clean(params), headers or {}, None, foreign)
        asked = self._asked(call, call.target)
        async with self._slots:
            with in_time(asked):
                response = await self._persist(lambda: self._open(call), idempotent=True)
            try:
                async with aclosing(chunks(response, asked)) as pieces:
                    yield body.Body(response.status_code, response.headers, pieces)
            finally:
                await close(response)

    async def _whole(self, call: _Call, *, idempotent: bool, enough: Enough | None = None) -> Answer:
        asked = self._asked(call, call.target)

        async def once() -> Answer:
            async with self._slots:
                response = await self._open(call)
                try:
                    data = await read(response, asked, enough)
                finally:
                    await close(response)
            return Answer(response.status_code, response.headers, text_of(data, response.charset_encoding), asked)

        with in_time(asked):
            return await self._persist(once, idempotent=idempotent)

    async def _persist(self, once: Callable[[], Awaitable[T]], *, idempotent: bool) -> T:
        """Try until it works, cannot work, or would take longer than the caller has time."""
        attempt = 0
        while True:
            try:
                return await once()
            except Failed as failed:
                pause = retry.pause(attempt, failed.wait)
                attempt += 1
                if not (idempotent and failed.passing and attempt < retry.TRIES and retry.fits(pause)):
                    raise failed.error from failed.__cause__
            await self._sleep(pause)

    async def _open(self, call: _Call) -> httpx.Response:
        """One attempt, redirects followed: an open response with a status below 300, or a redirect that was wanted."""
        target, params = call.target, call.params
        for _ in range(REDIRECTS + 1):
            asked = self._asked(call, target)
            response = await self._request(call, target, params, asked)
            location = response.headers.get("location", "")
            if response.status_code < 300 or (call.moved and response.status_code in _MOVED):  # noqa: PLR2004 - success
                return response
            if call.method != "GET" or response.status_code not in _MOVED or not location:
                raise await refused(response, asked)
            await close(response)
            target, params = self._border.onward(target, location, foreign=call.foreign), {}
        raise BadAnswerError(f"{call.target.url.host} sends {call.method} in circles", "is the host right?")

    async def _request(self, call: _Call, target: Target, params: Mapping[str, Any], asked: Asked) -> httpx.Response:
        headers = {name: value for name, value in call.headers.items() if target.own or name.lower() in _HARMLESS}
        if "range" in {name.lower() for name in headers}:
            headers["Accept-Encoding"] = "identity"  # a range of compressed bytes cannot be read
        try:
            url = target.url.copy_merge_params(params) if params else target.url
        except httpx.InvalidURL as error:
            raise UsageError(f"a value for {asked.what} is far too long", "give it as the service writes it") from error
        begun = time.monotonic()
        try:
            client = self._client()
            request = client.build_request(
                call.method, url, json=call.json, headers=headers | (await self._proof() if target.own else {})
            )
            response = await client.send(request, stream=True)
        except BROKEN as error:
            passing = isinstance(error, httpx.HTTPError) and retry.worth(error)
            raise Failed(broken(asked, error), passing=passing) from error
        seconds = time.monotonic() - begun
        _log.debug("%s %s: %d, %.2f s", asked.host, asked.what, response.status_code, seconds)
        if target.own:
            self._heard = hear(response.headers, seconds)
        return response

    async def _proof(self) -> dict[str, str]:
        async with self._login:
            if callable(self._credential):
                self._credential = await anyio.to_thread.run_sync(self._credential, abandon_on_cancel=True)
        return {"Authorization": header(self._credential)} if self._credential is not None else {}

    def _client(self) -> httpx.AsyncClient:
        if self._made is None:
            self._made = make_client(local=self._border.local, connections=AT_ONCE, transport=self._transport)
        return self._made

    def _asked(self, call: _Call, target: Target) -> Asked:
        if not target.own:
            return Asked(target.url.netloc.decode("ascii", "replace"), f"{call.method} of a file")
        login = "" if self._credential else self.endpoint.provider
        return Asked(self.host, f"{call.method} {plain(redact(target.url.path))[:160]}", login)


def _clean(params: Mapping[str, Any] | None) -> dict[str, Any]:
    """Parameters without those that say nothing; ``False`` and 0 say something."""
    return {name: value for name, value in (params or {}).items() if value is not None and value not in ("", [], ())}
