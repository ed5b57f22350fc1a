"""What a vendor's JSON holds, read without trusting it."""

from typing import Any

import pytest

from ci_mcp.core import wire


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("12.157951ms", 0.012157951),
        ("1.01316122s", 1.01316122),
        ("0s", 0.0),
        ("2m3.004s", 123.004),
        ("1h0m2s", 3602.0),
        ("850µs", 0.00085),
        ("soon", None),
        ("", None),
        ("5", None),
        (None, None),
        (3, None),
    ],
)
def test_durations_are_those_of_go(said: Any, seconds: float | None) -> None:
    """Text with units; anything else is not known."""
    assert (pytest.approx(seconds) if seconds is not None else None) == wire.go_seconds(said)


@pytest.mark.parametrize(
    ("said", "number"),
    [(7, 7), ("7", 7), (True, None), (None, None), ("7.5", None), ("x", None), ("9" * 5_000, None)],
)
def test_a_whole_number_may_be_a_text(said: Any, number: int | None) -> None:
    """What is none, or longer than a number is, is nothing."""
    assert number == wire.whole({"n": said}, "n")
