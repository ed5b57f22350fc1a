"""The error tree is drawn as it is, and each error says what to do."""

import re

import pytest

from ci_mcp import errors
from ci_mcp.status import Status

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.CiError)]


@pytest.mark.parametrize("kind", KINDS)
def test_the_tree_in_the_docstring_is_the_tree(kind: type[errors.CiError]) -> None:
    """Name, exit code and kind of each."""
    drawn = {row[0]: row[1:] for row in re.findall(r"(\w+Error)\s+(\d)\s+(\w+)", errors.__doc__ or "")}
    if kind is not errors.CiError:
        assert (str(kind.exit_code), kind.kind) == drawn[kind.__name__]


def test_an_error_is_one_line_with_the_next_step() -> None:
    """Where there is one."""
    assert "gone: look elsewhere" == str(errors.NotFoundError("gone", "look elsewhere"))
    assert "gone" == str(errors.NotFoundError("gone"))


def test_a_rate_limit_knows_how_long() -> None:
    """Where the service told."""
    assert 7.0 == errors.RateLimitedError("slow down", retry_after=7.0).retry_after


@pytest.mark.parametrize(
    ("status", "finished", "bad"),
    [
        (Status.FAILED, True, True),
        (Status.CANCELED, True, True),
        (Status.FAILING, False, True),
        (Status.PASSED, True, False),
        (Status.SKIPPED, True, False),
        (Status.BLOCKED, False, False),
        (Status.RUNNING, False, False),
        (Status.UNKNOWN, False, False),
    ],
)
def test_a_status_knows_whether_it_is_the_last_and_whether_it_is_bad(status: Status, finished: bool, bad: bool) -> None:
    """What makes commands wait, and exit 1."""
    assert (finished, bad) == (status.finished, status.bad)
