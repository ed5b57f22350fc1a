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
