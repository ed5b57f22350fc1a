"""Lists that come in pages: one loop with a cap, for every style of paging; imports no HTTP library.

A provider gives a ``fetch``: the vendor's cursor (empty for the first page) → the page's records and the next
cursor, ``None`` at the end. Where the next cursor stands differs; the ``*_next`` functions here read it.

Our own cursor is ``<vendor cursor>+<records of that page already seen>``. So an answer can end behind any record,
because of its limit, a local filter or its budget, and the next one goes on exactly there.
"""

import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar
from urllib.parse import parse_qs, quote, unquote, urlsplit

from ci_mcp.errors import UsageError

T = TypeVar("T")

Fetch = Callable[[str], Awaitable[tuple[Sequence[T], str | None]]]
"""The vendor's cursor → the records of that page and the cursor of the next."""

MAX_PAGES: Final = 10

_CURSOR: Final = re.compile(r"(?P<vendor>[!-~]*)\+(?P<skip>\d{1,6})")
_READABLE: Final = "+/=:,;@&$!*'()[]"
_NEXT: Final = re.compile(r"<([^<>]*)>((?:\s*;[^,<]*)*)")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list.

    Attributes:
        items: the records, in the order of the API.
        next: the cursor of what follows; ``None`` at the end.
        omitted: how many fetched records an answer's budget left out (they come with ``next``).
        note: what the reader must know of this list, in a sentence.
        after: for each item the cursor that starts right behind it; not part of an answer.
    """

    items: Sequence[T]
    next: str | None = None
    omitted: int = 0
    note: str = ""
    after: Sequence[str | None] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Sheet(Generic[T]):
    """One page as the vendor gave it: its cursor, its records, the cursor of the next."""

    cursor: str
    items: Sequence[T]
    next: str | None


async def sheets(fetch: Fetch[T], cursor: str = "") -> AsyncGenerator[Sheet[T], None]:
    """The vendor's pages from a cursor on; ends where they end or begin to repeat."""
    seen: set[str] = set()
    following: str | None = cursor
    while following is not None and following not in seen:
        seen.add(following)
        items, after = await fetch(following)
        sheet = Sheet(following, items, after if after not in seen else None)
        yield sheet
        following = sheet.next


async def collect(
    fetch: Fetch[T], *, cursor: str, limit: int, keep: Callable[[T], bool] | None = None, max_pages: int = MAX_PAGES
) -> Page[T]:
    """Records from our cursor on, until there are enough, no more, or too many pages were looked at.

    Args:
        fetch: one page of the vendor's.
        cursor: what an earlier page gave as ``next``; empty to begin.
        limit: most records.
        keep: which records count; all of them by default.
        max_pages: most pages to look at; where that ends it, ``note`` says so and ``next`` goes on.

    Raises:
        UsageError: the cursor is not one of ours.
    """
    start, skip = parse(cursor)
    items: list[T] = []
    after: list[str | None] = []
    looked = 0
    async for sheet in sheets(fetch, start):
        for index in range(skip, len(sheet.items)):
            if keep is not None and not keep(sheet.items[index]):
                continue
            if len(items) >= limit:
                return Page(items, after[-1], after=after)
            items.append(sheet.items[index])
            after.append(_behind(sheet, index))
        looked += 1
        skip = 0
        if sheet.next is not None and (len(items) >= limit or looked >= max_pages):
            note = "" if len(items) >= limit else _note(looked, len(items))
            return Page(items, make(sheet.next, 0), note=note, after=after)
    return Page(items, after=after)


async def walk(fetch: Fetch[T], *, max_pages: int = MAX_PAGES) -> AsyncGenerator[T, None]:
    """Every record of the first pages, one by one: to find something in a list."""
    looked = 0
    async for sheet in sheets(fetch):
        for item in sheet.items:
            yield item
        looked += 1
        if looked >= max_pages:
            return


def make(vendor: str, skip: int) -> str:
    """Our cursor for the vendor's, behind so many records of its page."""
    return f"{quote(vendor, safe=_READABLE)}+{skip}"


def parse(cursor: str) -> tuple[str, int]:
    """The vendor's cursor, and how many records of its page were already seen; the beginning for an empty one.

    Raises:
        UsageError: it is not one of ours.
    """
    if not cursor:
        return "", 0
    found = _CURSOR.fullmatch(cursor)
    if found is None:
        raise UsageError("that is no cursor", "pass `next` of the previous answer as it is")
    return unquote(found["vendor"]), int(found["skip"])


def _behind(sheet: Sheet[T], index: int) -> str | None:
    if index + 1 < len(sheet.items):
        return make(sheet.cursor, index + 1)
    return None if sheet.next is None else make(sheet.next, 0)


def _note(looked: int, found: int) -> str:
    return f"looked at {looked} pages and found {found}; there are more: pass `next` to go on"


def link_next(headers: Mapping[str, str], name: str = "page") -> str | None:
    """The ``rel=next`` page number of a ``Link`` header; never its URL, which may name another host.

    Args:
        headers: the answer's.
        name: the parameter of the URL that holds the number (or the cursor).
    """
    for url, parameters in _NEXT.findall(headers.get("link", "")):
        if re.search(r";\s*rel\s*=\s*\"?next\b", parameters, re.IGNORECASE):
            return url_next(url, name)
    return None


def url_next(url: Any, name: str = "page") -> str | None:
    """One parameter of the URL of the next page; ``None`` where there is no URL or no such parameter."""
    if not isinstance(url, str):
        return None
    try:
        values = parse_qs(urlsplit(url).query).get(name)
    except ValueError:
        return None
    return token_next(values[0]) if values else None


def token_next(token: Any) -> str | None:
    """A page token or cursor of a body or header; ``None`` where it is empty or absent."""
    if isinstance(token, int) and not isinstance(token, bool):
        token = str(token)
    return token if isinstance(token, str) and token else None


def number_next(more: Any, cursor: str, first: int = 1) -> str | None:
    """The number of the next page where the service only says whether there is one.

    Args:
        more: what says so: ``x-has-more``, ``has_more``, ``has_next``; text or truth.
        cursor: the cursor of this page, empty for the first.
        first: the first page's number.
    """
    if str(more).strip().lower() not in {"true", "1", "yes"}:
        return None
    return str((int(cursor) if cursor.isdecimal() else first) + 1)


@dataclass(frozen=True, slots=True)
class Onward:
    """One way in which the lists of a service's API go on, as its provider declares it.

    Attributes:
        parameter: of the query, asks for the next page.
        header: of the answer, tells of it: ``link``, or one that holds the next page's mark; in lower case.
        field: of the body (``links.next``), does so instead; of a URL there the ``parameter`` alone is taken.
        counted: the header or field only says whether there are more pages, and they are numbered from 1.
    """

    parameter: str
    header: str = ""
    field: str = ""
    counted: bool = False

    def mark(self, headers: Mapping[str, str], body: Any, query: Mapping[str, Sequence[str]]) -> str | None:
        """The mark of the next page; ``None`` where this way does not tell of one.

        Args:
            headers: the answer's.
            body: the same, read as JSON.
            query: what was asked for, each parameter with all of its values.
        """
        if self.header == "link":
            return link_next(headers, self.parameter)
        told = headers.get(self.header) if self.header else _inside(body, self.field)
        if self.counted:
            return number_next(told, next(iter(query.get(self.parameter, ())), ""))
        is_url = isinstance(told, str) and told.startswith(("https://", "http://", "/"))
        return url_next(told, self.parameter) if is_url else token_next(told)


def onward(
    ways: Sequence[Onward], headers: Mapping[str, str], body: Any, query: Mapping[str, Sequence[str]]
) -> tuple[str, str] | None:
    """The parameter and the mark that ask for the next page, by the first way that tells; ``None`` at the end."""
    found = ((way.parameter, way.mark(headers, body, query)) for way in ways)
    return next(((parameter, mark) for parameter, mark in found if mark is not None), None)


def listed(body: Any) -> Sequence[Any]:
    """The records of a list as an API answers it: an array, or the one array of an object; else the body alone."""
    if isinstance(body, list):
        return body
    arrays = [value for value in body.values() if isinstance(value, list)] if isinstance(body, dict) else []
    return arrays[0] if len(arrays) == 1 else [body]


def _inside(body: Any, path: str) -> Any:
    for key in path.split("."):
        body = body.get(key) if isinstance(body, dict) else None
    return body
