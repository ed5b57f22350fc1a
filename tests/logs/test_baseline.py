"""Comparing with a log that passed."""

import pytest

from ci_mcp.logs import baseline
from ci_mcp.logs.baseline import Baseline, normalise
from ci_mcp.logs.clean import Log


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("took 12.3 s", "took 4,567.8 s"),
        ("commit 0a1b2c3d4e", "commit ffee00112233"),
        ("in /tmp/tmpab12/cart.py", "in /builds/acme/cart.py"),
        ("id 123e4567-e89b-12d3-a456-426614174000", "id 00000000-0000-0000-0000-000000000001"),
        ("2024-05-01 10:00:00 start", "2025-11-30 23:59:59 start"),
        ("a   b", "a b"),
    ],
)
def test_what_varies_from_run_to_run_is_the_same(one: str, two: str) -> None:
    """Numbers, hashes, times, folders and spaces do not tell two lines apart."""
    assert normalise(one) == normalise(two)


def test_words_tell_lines_apart() -> None:
    """A file's own name and any word count."""
    assert normalise("in /tmp/a/cart.py") != normalise("in /tmp/a/shop.py")
    assert normalise("error: no cart") != normalise("error: no shop")


def test_a_very_long_log_is_known_by_its_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ends are read, the middle is not."""
    monkeypatch.setattr(baseline, "_MOST_LINES", 4)
    known = Baseline(Log.of_bytes(b"a\nb\nc\nd\ne\nf\ng\n"))
    assert ["a", "b", "e", "f", "g"] == [word for word in "abcdefg" if word in known]


def test_no_log_is_no_baseline() -> None:
    """Where nothing passed there is nothing to compare with."""
    assert Baseline.of(None) is None
