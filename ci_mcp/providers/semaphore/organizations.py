"""Organizations: those that are configured, and those that Semaphore's hosted MCP server tells of.

The REST API has no call that lists a token's organizations; the hosted server has, where it is switched on.
"""

import re
from collections.abc import Awaitable, Callable
from functools import partial
from ipaddress import ip_address
from typing import Final

import anyio

from ci_mcp.core import upstream
from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Page
from ci_mcp.core.together import together
from ci_mcp.core.wire import text
from ci_mcp.errors import CiError
from ci_mcp.providers.semaphore import read, wire
from ci_mcp.providers.semaphore.provider import provider
from ci_mcp.providers.semaphore.records import Organization
from ci_mcp.providers.semaphore.wire import Json

_HANDLE: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_PATIENCE: Final = 10.0  # seconds: the answer stands without the hosted server, too
_PAGES: Final = 5
_PAGE: Final = 100


@provider.read()
async def organizations_list(api: Api) -> Page[Organization]:
    """Organizations of the token's owner with ids and hosts; for configured ones, whether their tokens work.

    Route: GET /projects, once a configured organization; organizations_list of Semaphore's hosted MCP server.
    """
    heard: dict[str, Organization] = {}
    problems: list[str] = []
    configured: list[Organization] = []

    async def ask(host: str) -> None:
        try:
            with anyio.move_on_after(_PATIENCE) as patience:
                for one in await _hosted(api.at(host)):
                    heard.setdefault(one.host or one.name, one)
            if patience.cancelled_caught:
                problems.append("it did not answer in time")
        except CiError as error:
            problems.append(str(error))

    async def look() -> None:
        configured.extend(await together([partial(_configured, api, host) for host in api.hosts]))

    calls: list[Callable[[], Awaitable[None]]] = [look]
    calls += [partial(ask, host) for host in api.hosts if api.at(host).mcp]
    await together(calls)
    known = {key for one in configured for key in (one.host, one.id) if key}
    more = [one for key, one in heard.items() if not {key, one.id} & known]
    return Page([*(_whole(one, heard.get(one.host)) for one in configured), *more], note=_note(heard, problems))


def _note(heard: dict[str, Organization], problems: list[str]) -> str:
    if heard:
        return ""
    why = f": its hosted MCP server says: {problems[0]}" if problems else ""
    return f"these are the configured ones; Semaphore's API does not list others{why}"


async def _configured(api: Api, host: str) -> Organization:
    name, url = host.partition(".")[0], f"https://{host}"
    try:
        projects, _ = await read.projects_page(api.at(host), "1")
    except CiError as error:
        return Organization(name=name, host=host, url=url, note=str(error))
    known = next((text(read.metadata(p), "org_id") for p in projects), "")
    note = "" if projects else "no project that this token may see"
    return Organization(name=name, id=known, host=host, url=url, note=note)


async def _hosted(api: Api) -> list[Organization]:
    """What the hosted MCP server tells; empty where there is none."""
    if api.mcp is None:
        return []
    server = upstream.connect(api.mcp)
    found: list[Json] = []
    cursor = ""
    for _ in range(_PAGES):
        result = await server.call("organizations_list", {"limit": _PAGE} | ({"cursor": cursor} if cursor else {}))
        body = result.data if isinstance(result.data, dict) else {}
        found += wire.parts(body.get("organizations"))
        cursor = text(body, "nextCursor")
        if not cursor:
            break
    domain = _domain(api.host)
    return [_told(raw, domain) for raw in found if _HANDLE.fullmatch(text(raw, "username").lower())]


def _domain(host: str) -> str:
    """What follows an organization's name in its host; empty for an address, which names none."""
    try:
        ip_address(host.rpartition(":")[0].strip("[]") or host)
    except ValueError:
        return host.partition(".")[2]
    return ""


def _told(raw: Json, domain: str) -> Organization:
    name = text(raw, "username").lower()
    host = f"{name}.{domain}" if domain else ""
    state = next((word for word in ("suspended", "restricted") if raw.get(word) is True), "")
    login = f': "ci-mcp auth login semaphore --host https://{host}"' if host else ""
    return Organization(
        name=name,
        id=text(raw, "id"),
        host=host,
        url=f"https://{host}" if host else "",
        note=f"{state}; not configured{login}" if state else f"not configured{login}",
    )


def _whole(own: Organization, told: Organization | None) -> Organization:
    if own.id or told is None:
        return own
    return Organization(name=own.name, id=told.id, host=own.host, url=own.url, note=own.note)
