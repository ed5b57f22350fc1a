"""Times, durations and exit codes as a person says them."""

from datetime import UTC, datetime, timedelta

import pytest

from ci_mcp.triage import words


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (42.4, "42 s"),
        (60, "1 min"),
        (200, "3 min 20 s"),
        (599, "9 min 59 s"),
        (726, "12 min"),
        (7500, "2 h 5 min"),
        (39600 + 60, "11 h"),
        (86400, "1 d"),
        (273600, "3 d 4 h"),
    ],
)
def test_a_duration_has_two_units_at_most(seconds: float, said: str) -> None:
    """As precise as it helps."""
    assert said == words.duration(seconds)


@pytest.mark.parametrize(
    ("seconds", "said"), [(96, "1 min 36 s ago"), (200, "3 min ago"), (6900, "1 h 55 min ago"), (7500, "2 h ago")]
)
def test_what_was_long_ago_is_told_in_one_unit(seconds: float, said: str) -> None:
    """Nobody counts the seconds."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert said == words.ago(now - timedelta(seconds=seconds), now)


def test_ago_never_lies_in_the_future() -> None:
    """A clock that goes wrong shows nothing odd."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert "1 min ago" == words.ago(now - timedelta(minutes=1), now)
    assert "0 s ago" == words.ago(now + timedelta(minutes=1), now)


@pytest.mark.parametrize(("code", "said"), [(1, "exit code 1"), (137, "exit code 137 (killed, often out of memory)")])
def test_an_exit_code_is_told_with_its_meaning(code: int, said: str) -> None:
    """Where that is settled."""
    assert said == words.exit_code(code)


def test_a_count_has_its_noun() -> None:
    """One job, 1,200 jobs, two branches."""
    assert ["1 job", "1,200 jobs", "2 branches"] == [
        words.count(1, "job"),
        words.count(1200, "job"),
        words.count(2, "branch", "branches"),
    ]


def test_a_name_stays_on_its_line() -> None:
    """Whatever it holds; a long one is cut."""
    assert "a b c" == words.line(" a\nb\t c ")
    assert "xxxx…" == words.line("x" * 9, 5)
