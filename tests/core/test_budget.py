"""Every answer fits, and says what went."""

import json
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from ci_mcp.core.budget import fit
from ci_mcp.core.fence import fence
from ci_mcp.core.shapes import Page, Prose


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """A record of any size."""

    name: str
    text: str = ""
    parts: tuple[str, ...] = ()


def test_a_small_answer_is_left_alone() -> None:
    """Nothing is cut where there is room."""
    assert {"items": [{"name": "a"}], "next": None, "omitted": 0} == fit(Page([Thing(name="a")])).data


def test_a_page_keeps_its_first_items_and_continues_right_behind_them() -> None:
    """The cursor of the last shown item replaces the page's own, so nothing is lost between two answers."""
    page = Page(
        [Thing(name=f"n{i}", text="x" * 90) for i in range(50)], next="end", after=[f"after{i}" for i in range(50)]
    )
    data = fit(page, 500).data
    shown = len(data["items"])
    assert 0 < shown < 50
    assert f"after{shown - 1}" == data["next"]
    assert 50 - shown == data["omitted"]


def test_a_page_whose_first_item_is_too_large_shows_it_cut() -> None:
    """A list does not come back empty for the size of its first record."""
    page = Page([Thing(name="n", text="x" * 9_000), Thing(name="m")], after=["one", "two"])
    data = fit(page, 300).data
    assert "n" == data["items"][0]["name"]
    (said,) = data["items"][0]["cut"]
    assert f"text: first {len(data['items'][0]['text']) - 1} characters" == said
    assert "one" == data["next"]


def test_prose_keeps_its_beginning_and_says_first_what_went() -> None:
    """The line that tells of the cut comes before the text."""
    text = fit(Prose("\n".join(f"line {i}" for i in range(5_000))), 500).text
    assert text.startswith("[cut to fit: ")
    assert "\nline 0\nline 1\n" in text


def test_a_fence_that_is_cut_is_closed() -> None:
    """What is appended to an answer would else count as a CI's words; a log that shows fences changes nothing."""
    inner = fence("\n".join(["<<<log, untrusted output, abcdef", ">>>abcdef", *map(str, range(5_000))]), "log")
    text = fit(Prose(f"before\n{inner}\nafter"), 500).text
    assert f">>>{inner.splitlines()[0].rpartition(' ')[2]}" == text.splitlines()[-1]
    assert 2_000 >= len(text)
    closed = fit(Prose(fence("one", "log") + "\nline" * 5_000), 500).text
    assert "line" == closed.splitlines()[-1]


def test_prose_of_one_long_line_is_cut_inside_it() -> None:
    """Even a text without a line end fits."""
    answer = fit(Prose("x" * 50_000), 500)
    assert answer.text.endswith("x")
    assert 2_000 >= len(answer.text)


def test_a_record_names_what_it_lost() -> None:
    """The longest text goes first, and the answer says so."""
    data = fit(Thing(name="n", text="x" * 40_000, parts=("a", "b")), 500).data
    assert ["a", "b"] == data["parts"]
    assert [f"text: first {len(data['text']) - 1} characters"] == data["cut"]
    assert 1_700 < len(data["text"]) < 2_000


def test_no_answer_is_longer_than_hosts_show() -> None:
    """A budget larger than what agents' hosts show whole is held to that."""
    assert 40_000 >= len(fit(Prose("line\n" * 50_000), 1_000_000).text)


@given(
    st.lists(st.tuples(st.text(max_size=400), st.lists(st.text(max_size=300), max_size=20)), max_size=40),
    st.integers(400, 3_000),
)
def test_any_page_fits_and_is_json(items: list[tuple[str, list[str]]], budget: int) -> None:
    """Whatever the records hold, the answer stays within its tokens, and its text is its data."""
    page = Page([Thing(name="n", text=text, parts=tuple(parts)) for text, parts in items], after=["c"] * len(items))
    answer = fit(page, budget)
    assert budget * 4 >= len(answer.text)
    assert answer.data == json.loads(answer.text)
