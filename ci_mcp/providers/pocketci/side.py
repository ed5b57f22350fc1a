"""The two sides of a server, its API and its MCP endpoint, and which of them this person's tokens open.

With OAuth each side wants a token of its own; without, or with Basic, both take the same. What one side refuses is
remembered, and the other is asked instead.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from weakref import WeakKeyDictionary

from ci_mcp.core import upstream
from ci_mcp.core.provider import Api
from ci_mcp.errors import AuthError, CiError, NotFoundError, PermissionDeniedError, UnsupportedError, UsageError
from ci_mcp.net.failures import words
from ci_mcp.providers.pocketci.wire import Json

_SHUT: Final = frozenset({401, 403, 404, 405})
_LOGIN: Final = 'run "ci-mcp auth login pocketci", or set POCKETCI_TOKEN'
_LOGIN_MCP: Final = 'set POCKETCI_MCP_TOKEN to a new one, or run "ci-mcp auth login pocketci" for the API'


class ShutError(Exception):
    """The MCP side does not answer this person; ``error`` says why, where it was asked."""

    def __init__(self, error: CiError | None = None) -> None:
        super().__init__()
        self.error = error


@dataclass(slots=True)
class Known:
    """What is known of one server: what it refused, and its pipelines by name and id (name, kind of source)."""

    mcp_shut: bool = False
    api_shut: bool = False
    ids: dict[str, str] = field(default_factory=dict)
    names: dict[str, tuple[str, str]] = field(default_factory=dict)


_known: WeakKeyDictionary[Api, Known] = WeakKeyDictionary()


def known(api: Api) -> Known:
    """What is known of this server so far."""
    return _known.setdefault(api, Known())


def audience(claims: Mapping[str, Any]) -> tuple[str, ...]:
    """The sides that a token is for; empty where it does not say."""
    found = claims.get("aud")
    return tuple(str(one) for one in found) if isinstance(found, list) else (found,) if isinstance(found, str) else ()


def ends(claims: Mapping[str, Any]) -> datetime | None:
    """When a token ends; ``None`` where it does not say."""
    found = claims.get("exp")
    try:
        return datetime.fromtimestamp(found, UTC) if isinstance(found, (int, float)) else None
    except (ValueError, OverflowError, OSError):
        return None


async def ask(api: Api, tool: str, arguments: Mapping[str, Any]) -> Any:
    """What a tool of the server's MCP endpoint gave, read as JSON; ``None`` where that is null.

    Raises:
        ShutError: this person's token does not open it.
        CiError: it refused this call.
    """
    here = known(api)
    server = api.mcp or api
    if not here.mcp_shut:
        wanted = audience(await server.claims())
        here.mcp_shut = bool(wanted) and "mcp" not in wanted
    if here.mcp_shut:
        raise ShutError
    try:
        return (await upstream.connect(server, handshake=False).call(tool, arguments)).data
    except CiError as error:
        if error.status not in _SHUT:
            raise
        here.mcp_shut = True
        raise ShutError(error) from None


async def api_open(api: Api) -> bool:
    """Whether this person's token may open the API: only its own audience, and a refusal, can tell that it does not."""
    here = known(api)
    if not here.api_shut:
        wanted = audience(await api.claims())
        here.api_shut = bool(wanted) and "api" not in wanted
    return not here.api_shut


async def get(api: Api, path: str, what: str, params: Mapping[str, Any] | None = None) -> Any:
    """GET as JSON; ``what`` names what is asked for in an error.

    Raises:
        NotFoundError: there is no such thing, or it was pruned.
        AuthError: the server wants a login, or another token.
    """
    try:
        return (await api.get(path, params)).json()
    except CiError as error:
        raise await told(api, error, what) from None


async def post(api: Api, path: str, what: str, body: Json | None = None, *, instead: str = "") -> Json:
    """POST, never sent twice; the answer's record.

    Always with a body that is JSON: the server starts a run whatever it cannot read.
    ``instead`` is what a person may do where the state of the thing does not allow it.

    Raises:
        UsageError: the state of the thing does not allow it.
        UnsupportedError: the server's feature is off.
    """
    try:
        found = (await api.send("POST", path, json=dict(body or {}))).json()
    except CiError as error:
        raise await told(api, error, what, instead) from None
    return found if isinstance(found, dict) else {}


async def told(api: Api, error: CiError, what: str, instead: str = "") -> CiError:
    """An error of the server in words that say what to do; ``instead`` as `post` has it."""
    if isinstance(error, AuthError):
        known(api).api_shut = True
        return await _login(api, error)
    more: dict[str, Any] = {"status": error.status, "body": error.body}
    if isinstance(error, PermissionDeniedError) and "feature is not enabled" in error.body:
        feature = error.body.partition(" feature")[0].rpartition('"')[2][:40]
        step = f"start the server with {feature} among its --allowed-features"
        return UnsupportedError(f"the feature {feature} of this server is off", step, **more)
    if isinstance(error, PermissionDeniedError):
        return PermissionDeniedError(f"this login may not see or change {what}", error.next_step, **more)
    if isinstance(error, NotFoundError):
        return NotFoundError(
            f"this PocketCI has no {what}, or no longer", "check the id: old runs are pruned, names are not ids", **more
        )
    if error.status == 409:  # noqa: PLR2004 - the HTTP status
        return UsageError(f"{what}: {words(error.body) or error.message}", instead or error.next_step, **more)
    return error


async def _login(api: Api, error: CiError, side: str = "api") -> CiError:
    """Why a side does not take this person's token, and where another comes from."""
    step = _LOGIN if side == "api" or api.mcp is None else _LOGIN_MCP
    api = api if side == "api" else api.mcp or api
    claims = await api.claims()
    end, wanted = ends(claims), audience(claims)
    more: dict[str, Any] = {"status": error.status, "body": error.body}
    if end is not None and end <= datetime.now(UTC):
        return AuthError(f"the token for {api.host} ended on {end:%Y-%m-%d at %H:%M} UTC", step, **more)
    if wanted and side not in wanted:
        what = "the API" if side == "api" else "/mcp"
        return AuthError(f"the token is for {', '.join(wanted)}, not for {what} of {api.host}", step, **more)
    if "Unauthorized" in error.body:
        said = "takes no such user and password" if claims.get("user") else "wants user and password"
        return AuthError(
            f"{api.host} {said}", f"put them before the host in POCKETCI_URL: USER:PASSWORD@{api.host}", **more
        )
    if any(said in error.body for said in ("authentication required", "no bearer token")):
        return AuthError(f"{api.host} wants a login", step, **more)
    return AuthError(f"{api.host} does not take this token", step, **more)


async def ask_only(api: Api, tool: str, arguments: Mapping[str, Any]) -> Any:
    """As `ask`, where nothing else is left to be asked.

    Raises:
        CiError: why the server does not answer this person.
    """
    try:
        return await ask(api, tool, arguments)
    except ShutError as shut:
        error = shut.error or AuthError("", body="authentication required")
        raise (await _login(api, error, "mcp") if isinstance(error, AuthError) else error) from None


async def either(
    api: Api, path: str, what: str, params: Mapping[str, Any], tool: str, arguments: Mapping[str, Any]
) -> Any:
    """GET as JSON; what a tool of the MCP endpoint gives where the API is shut to this person.

    Raises:
        CiError: why the API does not answer, where the other does not, either.
    """
    if not await api_open(api):
        return await ask_only(api, tool, arguments)
    try:
        return await get(api, path, what, params)
    except AuthError as error:
        try:
            return await ask(api, tool, arguments)
        except ShutError:
            raise error from None
