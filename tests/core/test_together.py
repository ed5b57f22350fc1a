"""Calls side by side, and what becomes of their errors."""

from functools import partial

import anyio
import pytest

from ci_mcp.core.together import answers, settled, together
from ci_mcp.errors import CiError, NotFoundError, UnreachableError

pytestmark = pytest.mark.anyio


async def late(value: int, seconds: float) -> int:
    """A value after a while."""
    await anyio.sleep(seconds)
    return value


async def fail(error: Exception) -> int:
    """An error."""
    raise error


async def nothing() -> None:
    """No value, which is a value, too."""


async def test_results_come_in_the_order_of_the_calls() -> None:
    """Whichever ends first."""
    calls = [partial(late, 1, 0.02), partial(late, 2, 0)]
    assert [1, 2] == await together(calls)
    assert [1, 2] == await settled(calls)
    assert [None, None] == await settled([nothing, nothing])


async def test_the_first_error_ends_the_others_and_is_plain() -> None:
    """No group of errors reaches the caller."""
    with anyio.fail_after(5), pytest.raises(NotFoundError, match="gone"):
        await together([partial(late, 1, 60), partial(fail, NotFoundError("gone"))])


async def test_where_errors_are_settled_each_keeps_its_place() -> None:
    """Only errors of ours are answers; a fault of the program is raised."""
    result = await settled([partial(fail, NotFoundError("gone")), partial(late, 2, 0)])
    assert isinstance(result[0], CiError)
    assert 2 == result[1]
    with pytest.raises(ExceptionGroup):
        await settled([partial(fail, ZeroDivisionError())])


async def test_answers_count_and_errors_only_where_nobody_answered() -> None:
    """One provider that is down does not hide the others."""
    down = UnreachableError("down")
    assert ([1], [down]) == answers([down, 1])
    with pytest.raises(UnreachableError):
        answers([down])
    assert ([], []) == answers([])
