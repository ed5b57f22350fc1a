from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_mcp.errors import UsageError
from ci_mcp.net import pages
from ci_mcp.net.pages import (
    Fetch,
    Onward,
    collect,
    link_next,
    make,
    number_next,
    onward,
    parse,
    sheets,
    token_next,
    url_next,
    walk,
)

pytestmark = pytest.mark.anyio


def listed(*pages: Sequence[int], name: str = "p+%2 é") -> tuple[Fetch[int], list[str]]:
    """A fetch over these pages, and the cursors that it was asked for."""
    asked: list[str] = []

    async def fetch(cursor: str) -> tuple[Sequence[int], str | None]:
        asked.append(cursor)
        index = int(cursor.removeprefix(name)) if cursor else 0
        return pages[index], f"{name}{index + 1}" if index + 1 < len(pages) else None

    return fetch, asked


async def test_a_list_that_fits_ends_without_a_cursor() -> None:
    """All records, nothing to go on with."""
    fetch, _ = listed([1, 2], [3])
    page = await collect(fetch, cursor="", limit=10)
    assert ([1, 2, 3], None, "") == (page.items, page.next, page.note)
    assert [parse(after) for after in page.after if after] == [("", 1), ("p+%2 é1", 0)]
    assert page.after[-1] is None


async def test_a_limit_inside_a_page_goes_on_behind_the_last_record() -> None:
    """The same page is fetched again, its beginning skipped."""
    fetch, asked = listed([1, 2, 3], [4, 5])
    first = await collect(fetch, cursor="", limit=2)
    second = await collect(fetch, cursor=first.next or "", limit=2)
    third = await collect(fetch, cursor=second.next or "", limit=2)
    assert [[1, 2], [3, 4], [5]] == [first.items, second.items, third.items]
    assert third.next is None
    assert ["", "", "p+%2 é1", "p+%2 é1"] == asked


async def test_a_limit_at_the_end_of_a_page_goes_on_with_the_next() -> None:
    """No page is fetched that is not needed."""
    fetch, asked = listed([1, 2], [3])
    page = await collect(fetch, cursor="", limit=2)
    assert ([1, 2], make("p+%2 é1", 0)) == (page.items, page.next)
    assert [""] == asked


async def test_a_limit_at_the_very_end_is_the_end() -> None:
    """What the filter leaves out behind it does not count."""
    fetch, _ = listed([1, 2, 3])
    assert (await collect(fetch, cursor="", limit=3)).next is None
    assert (await collect(fetch, cursor="", limit=2, keep=lambda item: item < 3)).next is None


async def test_a_filter_that_finds_little_ends_after_the_pages_allowed() -> None:
    """The answer says so, and goes on where it stopped."""
    fetch, asked = listed(*([number] for number in range(30)))
    page = await collect(fetch, cursor="", limit=5, keep=lambda item: item in {2, 25}, max_pages=10)
    assert [2] == page.items
    assert "looked at 10 pages and found 1" in page.note
    assert 10 == len(asked)
    page = await collect(fetch, cursor=page.next or "", limit=5, keep=lambda item: item in {2, 25}, max_pages=20)
    assert ([25], None, "") == (page.items, page.next, page.note)


async def test_a_service_that_repeats_its_cursor_ends() -> None:
    """It would go on for ever."""

    async def fetch(_: str) -> tuple[Sequence[int], str | None]:
        return [1], "same"

    assert [1, 1] == (await collect(fetch, cursor="", limit=10)).items
    assert 2 == len([sheet async for sheet in sheets(fetch)])


async def test_an_empty_list_is_a_page() -> None:
    """No records, no cursor."""
    fetch, _ = listed([])
    page = await collect(fetch, cursor="", limit=3)
    assert ([], None) == (page.items, page.next)


async def test_every_record_can_be_walked() -> None:
    """To the end, or as far as is allowed."""
    fetch, asked = listed([1, 2], [3], [4])
    assert [1, 2, 3, 4] == [item async for item in walk(fetch)]
    assert [1, 2, 3] == [item async for item in walk(fetch, max_pages=2)]
    assert 5 == len(asked)


@pytest.mark.parametrize("cursor", ["x", "+", "+-1", "1+x", "a b+1", "a\n+1", "+9999999", "é+1"])
async def test_a_cursor_that_is_not_ours_is_a_usage_error(cursor: str) -> None:
    """Nothing is fetched with it."""
    fetch, asked = listed([1])
    with pytest.raises(UsageError, match="no cursor"):
        await collect(fetch, cursor=cursor, limit=1)
    assert [] == asked


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(0, 999_999))
def test_any_cursor_of_a_vendor_comes_back_as_it_was(vendor: str, skip: int) -> None:
    """Whatever characters it has; ours is printable ASCII."""
    cursor = make(vendor, skip)
    assert cursor.isascii()
    assert cursor.isprintable()
    assert (vendor, skip) == parse(cursor)


@given(st.lists(st.lists(st.integers(0, 9), max_size=4), min_size=1, max_size=6), st.integers(1, 5), st.integers(0, 9))
async def test_pages_of_any_shape_lose_and_repeat_nothing(pages: list[list[int]], limit: int, least: int) -> None:
    """Whatever the limit and the filter, going on from any record gives the rest."""
    fetch, _ = listed(*pages)
    wanted = [item for page in pages for item in page if item >= least]
    got: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await collect(fetch, cursor=cursor, limit=limit, keep=lambda item: item >= least)
        for index, after in enumerate(page.after):
            rest = await collect(fetch, cursor=after, limit=99, keep=lambda item: item >= least) if after else None
            assert wanted[len(got) + index + 1 :] == list(rest.items if rest else [])
        got += page.items
        cursor = page.next
    assert wanted == got


@pytest.mark.parametrize(
    ("link", "page"),
    [
        ('<http://in.cluster/api?page=3&x=1>; rel="next", <http://in.cluster/api?page=9>; rel="last"', "3"),
        ('<https://x/?page=1>; rel="first", <https://x/?a=1&page=2>; title="a"; rel=next', "2"),
        ('<https://x/?page=2>; rel="prev"', None),
        ('<https://x/?pages=2>; rel="next"', None),
        ('<https://[x/?page=2>; rel="next"', None),
        ("", None),
        ("nonsense", None),
    ],
)
async def test_of_a_link_header_only_the_page_is_taken(link: str, page: str | None) -> None:
    """Its URL may name another host, or go there in clear text."""
    assert page == link_next({"link": link})


@pytest.mark.parametrize(
    ("call", "found"),
    [
        (lambda: token_next(""), None),
        (lambda: token_next(None), None),
        (lambda: token_next("abc"), "abc"),
        (lambda: token_next(7), "7"),
        (lambda: token_next(True), None),
        (lambda: url_next("https://api/x?after=abc%3D&per_page=2", "after"), "abc="),
        (lambda: url_next(None), None),
        (lambda: number_next("true", ""), "2"),
        (lambda: number_next(True, "7"), "8"),
        (lambda: number_next("false", "7"), None),
        (lambda: number_next(None, ""), None),
        (lambda: number_next(True, "", first=0), "1"),
    ],
)
async def test_the_next_cursor_is_read_where_a_service_has_it(call: Callable[[], Any], found: str | None) -> None:
    """Token, URL or number."""
    assert found == call()


LINK = Onward("page", header="link")
COUNTED = Onward("page", header="x-has-more", counted=True)
MARKED = Onward("page_token", header="next-page-token")
FIELD = Onward("page-token", field="next_page_token")
INSIDE = Onward("after", field="links.next")
FLAG = Onward("page", field="has_next", counted=True)


@pytest.mark.parametrize(
    ("ways", "headers", "body", "query", "found"),
    [
        ((), {"link": '<https://a/?page=2>; rel="next"'}, [], {}, None),
        ((LINK,), {"link": '<https://a/?page=2>; rel="next"'}, [], {}, ("page", "2")),
        ((LINK, COUNTED), {"x-has-more": "true"}, [], {}, ("page", "2")),
        ((LINK, COUNTED), {"x-has-more": "true"}, [], {"page": ["4"]}, ("page", "5")),
        ((LINK, COUNTED), {"x-has-more": "false"}, [], {"page": ["4"]}, None),
        ((COUNTED, MARKED), {"next-page-token": "abc"}, [], {}, ("page_token", "abc")),
        ((FIELD,), {}, {"items": [], "next_page_token": "abc"}, {}, ("page-token", "abc")),
        ((FIELD,), {}, {"items": [], "next_page_token": None}, {}, None),
        ((FIELD,), {}, [1, 2], {}, None),
        ((FIELD, INSIDE), {}, {"links": {"next": "https://a/x?per_page=2&after=q1"}}, {}, ("after", "q1")),
        ((INSIDE,), {}, {"links": {"next": "/x?after=q2"}}, {}, ("after", "q2")),
        ((INSIDE,), {}, {"links": {"next": "/x?page=2"}}, {}, None),
        ((INSIDE,), {}, {"links": ["next"]}, {}, None),
        ((FLAG,), {}, {"has_next": True, "page": 1}, {}, ("page", "2")),
    ],
)
def test_a_list_goes_on_as_its_provider_declares(
    ways: tuple[Onward, ...],
    headers: dict[str, str],
    body: Any,
    query: dict[str, list[str]],
    found: tuple[str, str] | None,
) -> None:
    """The first way that tells counts; of a URL one parameter is taken, never the URL."""
    assert found == onward(ways, headers, body, query)


@pytest.mark.parametrize(
    ("body", "records"),
    [
        ([1, 2], [1, 2]),
        ({"items": [1], "next": None}, [1]),
        ({"a": [1], "b": [2]}, [{"a": [1], "b": [2]}]),
        ({"id": 1}, [{"id": 1}]),
        ("text", ["text"]),
    ],
)
def test_the_records_of_a_list_are_its_array(body: Any, records: list[Any]) -> None:
    """The body, or the one array in it; what is no list is one record."""
    assert records == pages.listed(body)
