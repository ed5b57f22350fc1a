"""The rest of what triage asks: who the token is, what a URL or a checkout names, the vendor's own file, a login."""

import json
import re
from collections.abc import Callable, Mapping
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any, Final

import anyio

from ci_mcp.core import repository
from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Checkout, Identity, Place
from ci_mcp.errors import AuthError, BadAnswerError, CiError, NotFoundError, TimedOutError, UnsupportedError
from ci_mcp.logs.text import clean_text
from ci_mcp.net.pages import walk
from ci_mcp.providers.pocketci import ids, read, side, wire
from ci_mcp.providers.pocketci.side import ShutError
from ci_mcp.providers.pocketci.wire import text

_LIKE: Final = 3  # pipelines that are named like a repository
POLL: Final = 2.0  # seconds between questions, as the server's own command line waits
_LOGIN: Final = 600.0  # seconds that the server keeps a code


async def identity(api: Api) -> Identity:
    """Who the token is, which side of the server it opens, and when it ends.

    Route: GET /api/features, and the MCP tool search_pipelines.
    Raises: AuthError: the server does not take it.
    """
    claims = await api.claims()
    notes: list[str] = []
    try:
        found = wire.record(await side.get(api, "/api/features", "features"), "list of features")
        notes.append("features: " + (", ".join(wire.texts(found.get("features"))) or "none"))
    except AuthError:
        await side.ask_only(api, "search_tasks", {"run_id": "identity", "query": "identity"})
        notes.append("the API is shut to it: nothing can be started, stopped or approved")
        claims = await api.mcp.claims() if api.mcp else claims
    notes.append(await _mcp(api))
    who = next((said for key in ("email", "name", "nick_name", "user", "sub") if (said := text(claims, key))), "")
    return Identity(
        name=who or "accepted",
        scopes=wire.texts(claims.get("scopes")) or None,
        note="; ".join(filter(None, notes)),
        audience=" and ".join(side.audience(claims)),
        expires=side.ends(claims),
    )


def _audience(what: str, claims: Mapping[str, Any]) -> str:
    wanted, end = side.audience(claims), side.ends(claims)
    said = f"{what} for {' and '.join(wanted)}" if wanted else ""
    if end is not None:
        over = "ended" if end <= datetime.now(UTC) else "ends"
        said = f"{said or what}, {over} {end:%Y-%m-%d %H:%M} UTC"
    return said


async def _mcp(api: Api) -> str:
    try:
        await side.ask(api, "search_tasks", {"run_id": "identity", "query": "identity"})
    except ShutError:
        return (
            "/mcp is shut to it: lists and searches take more requests; a token for /mcp goes into POCKETCI_MCP_TOKEN"
        )
    except CiError as error:
        return f"/mcp: {error.message}"
    return _audience("/mcp token", await api.mcp.claims()) if api.mcp else ""


async def locate(api: Api, url: str) -> Place | None:
    """What a web or API URL names; no request."""
    pipeline, run = ids.read_url(url)
    return Place(host=api.host, project=pipeline, run=run) if pipeline or run else None


async def discover(api: Api, checkout: Checkout) -> list[Place]:
    """The pipelines that are named like a checkout's repository.

    PocketCI does not know repositories: a pipeline has a name, and that is all there is to go by. One of the very
    name is taken; without one, those whose name begins with it (``shop-release`` for ``shop``), up to three.
    Route: GET /api/pipelines.
    """
    names = {_plain(name) for remote in checkout.remotes if (name := repository.name(remote))} - {""}
    if not names:
        return []
    same, like = [], []
    async with aclosing(walk(read.pipelines(api, 100))) as found:
        async for raw in found:
            name = _plain(text(raw, "name"))
            if name in names:
                same.append(text(raw, "name"))
            elif name.startswith(tuple(f"{one}-" for one in names)):
                like.append(text(raw, "name"))
    return [Place(host=api.host, project=name) for name in same or like[:_LIKE]]


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def tokens(file: str) -> Mapping[str, str]:
    """Server URL → token, from the text of the file that ``pocketci login`` writes."""
    try:
        body = json.loads(file)
    except (ValueError, RecursionError):
        return {}
    servers = body.get("servers") if isinstance(body, dict) else None
    if not isinstance(servers, dict):
        return {}
    found = {url: entry.get("token") for url, entry in servers.items() if isinstance(entry, dict)}
    return {url: token for url, token in found.items() if isinstance(token, str) and token}


async def login(api: Api, say: Callable[[str], None]) -> str:
    """The server's own login: a person opens a page of it, and it gives a token for the API, good for 30 days.

    Route: POST /auth/cli/begin, GET /auth/cli/poll every 2 s.
    Raises: UnsupportedError: the server is open or takes user and password. TimedOutError: nobody came in 10 minutes.
    """
    try:
        begun = wire.record((await api.send("POST", "/auth/cli/begin", json={})).json(), "login")
    except (AuthError, NotFoundError) as error:
        raise UnsupportedError(
            f"{api.host} has no login of its own: it is open, or takes user and password",
            'set POCKETCI_URL, or pipe USER:PASSWORD into "ci-mcp auth login pocketci --token-stdin"',
            status=error.status,
        ) from None
    code, page = text(begun, "code"), text(begun, "login_url")
    if not code or not page:
        raise BadAnswerError(f"{api.host} did not begin a login", "try again later")
    say(f"Open this page and approve: {clean_text(page)}")
    with anyio.move_on_after(_LOGIN):
        while True:
            try:
                found = wire.record((await api.get("/auth/cli/poll", {"code": code})).json(), "login")
            except NotFoundError:
                break
            if text(found, "status") == "approved" and text(found, "token"):
                return text(found, "token")
            await anyio.sleep(POLL)
    raise TimedOutError("the login was not approved in time", "run the command again")
