"""Questions and calls to one server: lists of records, JSON-RPC calls, and the session that some want for them."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from weakref import WeakKeyDictionary

from ci_mcp.auth.redact import redact, register
from ci_mcp.core import wire
from ci_mcp.core.provider import Api, Reply
from ci_mcp.core.wire import Json
from ci_mcp.errors import (
    AuthError,
    BadAnswerError,
    CiError,
    NotFoundError,
    PermissionDeniedError,
    UnreachableError,
    UsageError,
)
from ci_mcp.logs.text import clean_text
from ci_mcp.net.pages import Fetch
from ci_mcp.net.paths import quote

API: Final = "/api/v2"
PROPERTIES: Final = (
    "buildername",
    "branch",
    "revision",
    "got_revision",
    "owner",
    "owners",
    "reason",
    "scheduler",
    "repository",
)
"""The properties of a build that tell what it is of."""
SIZE: Final = 50
"""Records of a page: the same for every call, so that the number of a page keeps its meaning."""

_SESSION: Final = re.compile(r"TWISTED_SESSION=([!-+\x2d-:<-~]+)")
_HOW: Final = "set BUILDBOT_USER and BUILDBOT_PASSWORD"
_LINE: Final = 300  # characters
_INVALID: Final = -32602


@dataclass(slots=True)
class Known:
    """What is known of one server: the session that it gave us, and its builders' names by their ids."""

    session: str = ""
    names: dict[int, str] = field(default_factory=dict)


_known: WeakKeyDictionary[Api, Known] = WeakKeyDictionary()


def line(value: Any) -> str:
    """A text of the server's on one line, safe to show; empty where it is none."""
    return redact(" ".join(clean_text(value).split()))[:_LINE] if isinstance(value, str) else ""


def known(api: Api) -> Known:
    """What is known of this server so far."""
    return _known.setdefault(api, Known())


async def get(api: Api, path: str, what: str, params: Mapping[str, Any] | None = None) -> list[Json]:
    """The records at a path below ``/api/v2``; of one thing it is a list of one.

    Args:
        api: whom to ask.
        path: below the API's root.
        what: what is asked for, in words, for the error.
        params: filters, paging, the properties wanted.

    Raises: NotFoundError: there is no such thing. PermissionDeniedError: it wants a login.
    """
    try:
        reply = await _sent(api, "GET", path, params=params, idempotent=True)
    except NotFoundError as error:
        # The server's own words are its code's.
        raise NotFoundError(f"{api.host} has no {what}", "check its name or id", status=error.status) from None
    body = wire.record(reply.json(), f"list of {what}")
    lists = [value for key, value in body.items() if key != "meta"]
    if len(lists) != 1:
        raise BadAnswerError(f"{api.host} answered something that is not a Buildbot's", "is the host right?")
    return wire.records(lists[0], what)


async def one(api: Api, path: str, what: str, params: Mapping[str, Any] | None = None) -> Json:
    """The one record at a path; raises what `get` raises."""
    found = await get(api, path, what, params)
    if not found:
        raise NotFoundError(f"{api.host} has no {what}", "check its name or id")
    return found[0]


def pages(api: Api, path: str, what: str, params: Mapping[str, Any]) -> Fetch[Json]:
    """The pages of a list, by offset: the server's own totals cannot be relied on."""

    async def fetch(cursor: str) -> tuple[list[Json], str | None]:
        offset = int(cursor) if cursor.isdecimal() else 0
        found = await get(api, path, what, {**params, "limit": SIZE, "offset": offset})
        return found, str(offset + SIZE) if len(found) >= SIZE else None

    return fetch


async def do(api: Api, path: str, method: str, params: Mapping[str, Any]) -> Any:
    """What a JSON-RPC call gives.

    Raises: UsageError: the server does not take a value. PermissionDeniedError: it wants a role.
    """
    call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": dict(params)}
    try:
        reply = await _sent(api, "POST", path, json=call)
    except (UsageError, UnreachableError) as error:
        raise _told(api, error, method) from None
    return wire.record(reply.json(), "answer").get("result")


def _told(api: Api, error: CiError, method: str) -> CiError:
    """The error in words: the server says it field by field."""
    try:
        said = json.loads(error.body)["error"]
        code, message = said["code"], said["message"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return error
    if code == _INVALID and isinstance(message, dict):
        each = "; ".join(
            f"{name}: {' '.join(clean_text(str(text)).split())[:200]}" for name, text in list(message.items())[:10]
        )
        return UsageError(f"{api.host} does not take this: {each}", "change these fields", status=error.status)
    if error.status is not None and error.status >= 500:  # noqa: PLR2004 - the HTTP status
        return BadAnswerError(
            f"{api.host} could not {method} it ({' '.join(clean_text(str(message)).split())[:200]})",
            "see the master's own log",
        )
    return error


async def _sent(api: Api, method: str, path: str, **more: Any) -> Reply:
    """An answer; where it wants more than we are, a session is opened first, if there is a user to open it for."""
    here = known(api)
    try:
        return await api.send(method, f"{API}{path}", headers=_headers(here), **more)
    except PermissionDeniedError as error:
        who = wire.text(await api.claims(), "user")
        if not who:
            raise _denied(api, error, who) from None
    await _login(api, here)
    try:
        return await api.send(method, f"{API}{path}", headers=_headers(here), **more)
    except PermissionDeniedError as error:
        raise _denied(api, error, who) from None


def headers(api: Api) -> dict[str, str]:
    """What proves our session in a call of its own; empty without one."""
    return _headers(known(api))


async def sign_in(api: Api) -> None:
    """Open a session where there is a user to open it for; raises `AuthError` where the server does not take it."""
    if wire.text(await api.claims(), "user"):
        await _login(api, known(api))


async def config(api: Api) -> Json:
    """What the web pages are told of the server and of us.

    Route: GET /config.
    """
    reply = await api.send("GET", "/config", headers=headers(api), idempotent=True)
    return wire.record(reply.json(), "description of a Buildbot")


def _headers(here: Known) -> dict[str, str]:
    return {"Cookie": f"TWISTED_SESSION={here.session}"} if here.session else {}


async def _login(api: Api, here: Known) -> None:
    """Open a session: Basic counts for this one address, and not for the API.

    Route: GET /auth/login.
    Raises: AuthError: the user or the password is wrong.
    """
    here.session = ""
    try:
        reply = await api.send("GET", "/auth/login", idempotent=True, moved=True)
    except AuthError as error:
        step = "check BUILDBOT_USER and BUILDBOT_PASSWORD"
        raise AuthError(f"{api.host} takes no such user and password", step, status=error.status) from None
    except (PermissionDeniedError, NotFoundError, UnreachableError):
        return  # this server signs people in by other means
    found = _SESSION.findall(reply.headers.get("set-cookie", ""))
    if found:  # the first one is the session of nobody
        register(found[-1])
        here.session = found[-1]


def _denied(api: Api, error: CiError, who: str) -> PermissionDeniedError:
    try:
        said = json.loads(error.body)["error"]
        said = said["message"] if isinstance(said, dict) else said
    except (ValueError, KeyError, TypeError, RecursionError):
        said = "it is shut"
    step = f"{line(who)} may not do this; ask its admins" if who else _HOW
    return PermissionDeniedError(
        f"{api.host} does not let us do this ({' '.join(clean_text(str(said)).split())[:200]})",
        step,
        status=403,
        body=error.body,
    )


async def builder_id(api: Api, named: str) -> str:
    """The id of a builder by its name or id; it never changes, so it is asked for once.

    Raises: NotFoundError: there is none. BadAnswerError: the server gives it no id.
    """
    here = known(api).names
    found = next((number for number, name in here.items() if named in {name, str(number)}), None)
    if found is None:
        found = wire.whole(await builder(api, named), "builderid")
    if found is None:
        raise BadAnswerError(f"{api.host} gave builder {named[:80]!r} no id", "try again later")
    return str(found)


async def builder(api: Api, named: str) -> Json:
    """A builder by its name or id.

    Route: GET /api/v2/builders/{builder}.
    Raises: NotFoundError: there is none.
    """
    found = await one(api, f"/builders/{quote(named)}", f"builder {named[:80]!r}")
    remember(api, found)
    return found


def remember(api: Api, raw: Json) -> None:
    """Note a builder's name: it does not change."""
    number = wire.whole(raw, "builderid")
    if number is not None:
        known(api).names[number] = wire.text(raw, "name")


async def name(api: Api, number: int | None) -> str:
    """The name of a builder by its id; the id where it cannot be read."""
    if number is None:
        return ""
    if number not in known(api).names:
        try:
            await builder(api, str(number))
        except CiError:
            return str(number)
    return known(api).names.get(number) or str(number)
