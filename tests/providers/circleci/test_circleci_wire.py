"""CircleCI's JSON as it comes."""

from datetime import UTC, datetime
from typing import Any

import pytest

from ci_mcp.errors import BadAnswerError
from ci_mcp.providers.circleci import wire
from ci_mcp.status import Status


def test_hyphens_in_keys_become_underscores() -> None:
    """Whatever the published file says, at every depth; values stay."""
    raw = {"flaky-tests": [{"test-name": "a-b"}], "next_page_token": None}
    assert {"flaky_tests": [{"test_name": "a-b"}], "next_page_token": None} == wire.snake(raw)


@pytest.mark.parametrize(
    ("value", "time"),
    [
        ("2026-01-10T19:45:58.517Z", datetime(2026, 1, 10, 19, 45, 58, 517000, tzinfo=UTC)),
        ("2026-01-10T20:45:58+01:00", datetime(2026, 1, 10, 19, 45, 58, tzinfo=UTC)),
        ("2026-01-10T19:45:58", datetime(2026, 1, 10, 19, 45, 58, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", None),
        ("soon", None),
        (None, None),
        (7, None),
    ],
)
def test_times_are_utc(value: Any, time: datetime | None) -> None:
    """The year 1 stands for none."""
    assert time == wire.when(value)


@pytest.mark.parametrize(
    ("raw", "whole", "real"),
    [({"n": 3}, 3, 3.0), ({"n": "3"}, 3, 3.0), ({"n": True}, None, None), ({"n": "x"}, None, None), ({}, None, None), ({"n": "1.5"}, None, 1.5), ({"n": []}, None, None)],
)  # fmt: skip
def test_numbers_may_come_as_text(raw: dict[str, Any], whole: int | None, real: float | None) -> None:
    """As the run time of tests does."""
    assert (whole, real) == (wire.whole(raw, "n"), wire.real(raw, "n"))


@pytest.mark.parametrize(
    ("phase", "outcome", "status", "word"),
    [
        ("ended", "succeeded", Status.PASSED, "succeeded"),
        ("ended", "infrastructure_fail", Status.FAILED, "infrastructure_fail"),
        ("ended", "brand_new", Status.UNKNOWN, "brand_new"),
        ("started", "", Status.RUNNING, "running"),
        ("started", "failed", Status.FAILING, "failing"),
        ("queued", "", Status.QUEUED, "queued"),
        ("brand_new", "", Status.QUEUED, "brand_new"),
    ],
)
def test_a_phase_with_its_outcome_is_a_status(phase: str, outcome: str, status: Status, word: str) -> None:
    """An unknown phase means that nothing has started."""
    assert (status, word) == wire.phase_status({"phase": phase, "outcome": outcome})
    assert (status, word) == wire.phase_status({"phase": phase, "current_outcome": outcome})


def test_other_shapes_are_refused() -> None:
    """Rather than read as nothing."""
    with pytest.raises(BadAnswerError, match="not a workflow"):
        wire.record([], "workflow")
    with pytest.raises(BadAnswerError, match="not a list of jobs"):
        wire.records({}, "jobs")
    with pytest.raises(BadAnswerError, match="not a jobs"):
        wire.records([1], "jobs")


def test_missing_parts_are_empty() -> None:
    """CircleCI leaves out what it has not."""
    assert ({}, [], "") == (wire.part({"a": None}, "a", "b"), wire.parts(None), wire.text({}, "a"))
    assert (None, "") == (wire.seconds_between(None, None), wire.first_line(" \n "))
