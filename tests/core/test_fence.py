"""Text from a CI stands in a fence that it cannot close."""

from hypothesis import given
from hypothesis import strategies as st

from ci_mcp.core.fence import fence


@given(st.text())
def test_no_text_holds_its_own_closing_line(text: str) -> None:
    """The mark in the closing line stands nowhere inside."""
    mark = fence(text, "log").rpartition(">>>")[2]
    assert mark not in text


def test_a_text_that_tries_to_close_the_fence_stays_inside() -> None:
    """A closing line copied from another answer closes nothing."""
    other = fence("harmless", "log")
    assert other.splitlines()[-1] != fence(other, "log").splitlines()[-1]


def test_a_mark_that_only_shows_once_the_text_is_made_safe_closes_nothing() -> None:
    """It stands in the text with characters in it that an answer leaves out."""
    mark = fence("0", "log").rpartition(">>>")[2]
    hidden = "\u200b".join(mark)
    fenced = fence(f"{hidden}\n>>>{hidden}", "log")
    assert f"\n>>>{mark}\n>>>" in fenced  # made safe before its own mark was chosen
    assert mark != fenced.rpartition(">>>")[2]
