"""Calls to FirmwareCI's MCP server: its tools by name, its numbered pages behind our cursors."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from ci_mcp.core import upstream
from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Page
from ci_mcp.core.upstream import Result, Tool, Upstream
from ci_mcp.errors import UnsupportedError, UsageError
from ci_mcp.net.pages import MAX_PAGES, collect
from ci_mcp.providers.firmwareci import read
from ci_mcp.providers.firmwareci.arguments import arguments, named
from ci_mcp.providers.firmwareci.read import Json

T = TypeVar("T")

_VENDOR: Final = re.compile(r"(\d{1,6}):(\d{1,4})")


@dataclass(frozen=True, slots=True)
class Filter:
    """What narrows a list down: what the server is asked for, and what tells it where the server cannot."""

    value: Any
    keeps: Callable[[Json], bool]


def server(api: Api) -> Upstream:
    """The MCP server, in one session for a process."""
    return upstream.connect(api)


async def tool(api: Api, name: str) -> Tool:
    """A tool as the server lists it; it is asked for its list once.

    Raises:
        UnsupportedError: it has none of that name.
    """
    found = (await server(api).tools()).get(name)
    if found is None:
        raise UnsupportedError(
            f"the MCP server of {api.host} has no tool {name}", "it may be older, or the token may not use it"
        )
    return found


async def ask(api: Api, name: str, wanted: Mapping[str, Any] | None = None, *, check: bool = True) -> Result:
    """Call a tool with what is wanted, by role (`ci_mcp.providers.firmwareci.arguments`).

    Raises: the errors of `ci_mcp.errors`.
    """
    return await server(api).call(name, arguments(await tool(api, name), wanted or {}), check=check)


async def record(api: Api, name: str, what: str, identity: str) -> Json:
    """One thing by its id.

    Raises: the errors of `ci_mcp.errors`.
    """
    return read.record(read.data(await ask(api, name, {f"{what} id": identity})), what)


async def listed(
    api: Api,
    name: str,
    what: str,
    filters: Mapping[str, Filter],
    *,
    limit: int,
    cursor: str = "",
    size: int = 0,
    max_pages: int = MAX_PAGES,
) -> Page[Json]:
    """A list, from our cursor on; what the server cannot filter by is filtered here.

    Args:
        api: whom to ask.
        name: the tool.
        what: what it lists.
        filters: by role; one without a value does not count.
        limit: most records.
        cursor: ours.
        size: of a page of the vendor's; ``limit`` where it is 0.
        max_pages: most pages to look at.

    Raises: the errors of `ci_mcp.errors`.
    """
    known = await tool(api, name)
    wanted = {role: one for role, one in filters.items() if one.value}
    sent = {role: one.value for role, one in wanted.items() if named(known, role)}
    here = [one.keeps for role, one in wanted.items() if role not in sent or role == "status"]

    async def fetch(vendor: str) -> tuple[list[Json], str | None]:
        page, most = _place(vendor, size or limit)
        body = read.data(await server(api).call(name, arguments(known, {**sent, "page": page, "limit": most})))
        rows, more = read.rows(body, what), read.has_more(body)
        full = bool(named(known, "limit")) and len(rows) >= most
        on = rows and named(known, "page") and (full if more is None else more)
        return rows, f"{page + 1}:{most}" if on else None

    return await collect(
        fetch, cursor=cursor, limit=limit, keep=lambda raw: all(keeps(raw) for keeps in here), max_pages=max_pages
    )


def converted(page: Page[Json], make: Callable[[Json], T]) -> Page[T]:
    """The same part of the list with other records."""
    return Page([make(raw) for raw in page.items], page.next, note=page.note, after=page.after)


def _place(vendor: str, size: int) -> tuple[int, int]:
    """Page and size of a cursor: a page means another part of the list where the size is another."""
    if not vendor:
        return 0, size
    found = _VENDOR.fullmatch(vendor)
    if found is None:
        raise UsageError("that is no cursor", "pass `next` of the previous answer as it is")
    return int(found[1]), max(1, int(found[2]))
