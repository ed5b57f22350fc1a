"""Parts of a log by place and by pattern."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_mcp.errors import UsageError
from ci_mcp.logs import clean, search
from ci_mcp.logs.clean import Log
from ci_mcp.logs.search import View, around, tail, window

LOG = b"one\ntwo error\r\n\x1b[31mthr\x1b[0mee\nfour\nfive er\x1b[1mror\nsix\n" + b"seven\n" * 20 + b"last error"
WORDS = st.lists(
    st.sampled_from(["error", "ok", "", "  x", "errors", "\x1b[31merr\x1b[0mor", "é", "a\rerror"]), max_size=40
)


def numbers(view: View) -> list[int]:
    """The numbers of the shown lines."""
    return [line.number for line in view.lines]


def test_tail_gives_the_last_lines() -> None:
    """Their numbers are those of the whole log."""
    view = tail(Log.of_bytes(LOG), 2)
    assert ([26, 27], "27 lines\n26| seven\n27| last error") == (numbers(view), view.text())
    assert [] == numbers(tail(Log.of_bytes(LOG), 0))
    assert [1] == numbers(tail(Log.of_bytes(b"one"), 10))


def test_window_gives_lines_from_a_number_on() -> None:
    """What lies outside of the log is said."""
    assert [4, 5] == numbers(window(Log.of_bytes(LOG), 4, 2))
    assert [27] == numbers(window(Log.of_bytes(LOG), 27, 9))
    assert "there is no line 99" == window(Log.of_bytes(LOG), 99, 2).cut
    assert "the log is empty" == window(Log.of_bytes(b""), 1, 2).cut


def test_around_gives_a_line_with_its_neighbours() -> None:
    """At the ends there are fewer."""
    assert [3, 4, 5] == numbers(around(Log.of_bytes(LOG), 4, 1))
    assert [1, 2] == numbers(around(Log.of_bytes(LOG), 1, 1))
    assert [27] == numbers(around(Log.of_bytes(LOG), 27, 0))
    assert "there is no line 0" == around(Log.of_bytes(LOG), 0, 3).cut
    assert "there is no line 99" == around(Log.of_bytes(LOG), 99, 3).cut


def test_search_keeps_to_a_part_of_the_log() -> None:
    """Matches and their context, and what is counted."""
    view = search.search(Log.of_bytes(LOG), "error", context=1, within=(3, 5))
    assert ([4, 5], 1) == (numbers(view), view.matches)


def test_search_merges_windows_and_marks_matches() -> None:
    """Matches near each other share their context, and each is marked."""
    view = search.search(Log.of_bytes(LOG), "error", context=1)
    assert [1, 2, 3, 4, 5, 6, 26, 27] == numbers(view)
    assert ({2, 5, 27}, 3) == (set(view.matched), view.matches)
    assert (
        "3 matching lines of 27\n 1| one\n 2> two error\n 3| three\n 4| four\n 5> five error\n 6| six\n"
        "… 19 lines …\n26| seven\n27> last error"
    ) == view.text()


def test_search_counts_what_it_does_not_show() -> None:
    """With a limit the count is still that of the whole log, and the cut is said."""
    view = search.search(Log.of_bytes(LOG), "(?i)ERROR", context=0, limit=1)
    assert ([2], 3, "the first 1 matches are shown") == (numbers(view), view.matches, view.cut)


@pytest.mark.parametrize("pattern", ["(?<=a)b", "(", r"(a)\1", "[b-a]", "a)(b", "*"])
def test_a_bad_pattern_says_why(pattern: str) -> None:
    """The error carries RE2's own words and what to do."""
    with pytest.raises(UsageError, match="not valid RE2: .+: RE2 has no look-around"):
        search.search(Log.of_bytes(LOG), pattern)


@given(
    WORDS,
    st.sampled_from(["error", "^error$", "r$", "", "^$", r"\s", "[^x]", "x|é", r"(?s)e.*r", "(?i)ERR", r"\Aerr"]),
    st.integers(1, 50),
)
def test_every_match_is_counted_whatever_is_near(words: list[str], pattern: str, chunk: int) -> None:
    """Exactly the lines whose clean text matches are found, for any chunking."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clean, "CHUNK", chunk)
        log = Log.of_bytes("\n".join(words).encode())
        matching = {line.number for line in log.lines() if re.search(pattern, line.text)}
        view = search.search(log, pattern, context=1, limit=1000)
    assert (len(matching), matching) == (view.matches, view.matched)


@given(WORDS, st.integers(0, 45), st.integers(0, 5))
def test_numbers_mean_the_same_everywhere(words: list[str], number: int, context: int) -> None:
    """A line that search, tail or window shows has its number and text in every other view."""
    log = Log.of_bytes("\n".join(words).encode())
    whole = {line.number: line for line in log.lines()}
    views = [tail(log, number), window(log, number, context), around(log, number, context), search.search(log, "err")]
    assert all(whole[line.number] == line for view in views for line in view.lines)


@pytest.mark.parametrize(
    ("cut", "kept", "make"),
    [
        ("the first 2 of these lines are cut", [3], lambda log: tail(log, 3)),
        ("the lines from 2 on are cut", [1], lambda log: window(log, 1, 3)),
        ("the first 1 matches are shown; the view is cut after line 1", [1], lambda log: search.search(log, "a")),
    ],
)
def test_a_view_is_bounded_and_says_what_is_cut(
    cut: str, kept: list[int], make: Callable[[Log], View], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines that are too much for a view go, and the view says which."""
    monkeypatch.setattr(search, "MOST_CHARACTERS", 15)
    view = make(Log.of_bytes(b"aaaaaaaaaa\naaaaaaaaaa\naaaaaaaaaa\n"))
    assert (kept, cut) == (numbers(view), view.cut)


def test_a_view_fits_a_given_size() -> None:
    """It loses its first or its last lines, and says how many."""
    view = tail(Log.of_bytes(b"some line\n" * 100), 100)
    short = view.fit(900, keep_end=True)
    assert 900 >= len(short.text())
    assert (100, f"{100 - len(short.lines)} earlier lines of this view are cut") == (short.lines[-1].number, short.cut)
    assert 1 == view.fit(900).lines[0].number
    assert view is view.fit(100_000)


def test_records_are_plain_data() -> None:
    """Numbers, text, the group where there is one, and which lines match."""
    log = Log.of_bytes(b"##[group]make\nan error\n")
    assert {
        "total": 2,
        "matches": 1,
        "lines": [{"number": 2, "text": "an error", "group": "make", "match": True}],
    } == search.search(log, "error", context=0).records()
    assert {"total": 2, "lines": [{"number": 2, "text": "an error", "group": "make"}]} == tail(log, 1).records()
