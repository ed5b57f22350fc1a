"""Several calls side by side, where one that fails must not take the others with it."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import anyio

from ci_mcp.errors import CiError

T = TypeVar("T")


async def together(calls: Sequence[Callable[[], Awaitable[T]]]) -> list[T | CiError]:
    """What each call gave, or the error it raised, in the order of the calls."""
    results: dict[int, T | CiError] = {}

    async def one(number: int, do: Callable[[], Awaitable[T]]) -> None:
        try:
            results[number] = await do()
        except CiError as error:
            results[number] = error

    async with anyio.create_task_group() as group:
        for number, do in enumerate(calls):
            group.start_soon(one, number, do)
    return [results[number] for number in range(len(calls))]


def answers(results: Sequence[T | CiError]) -> tuple[list[T], list[CiError]]:
    """The results apart from the errors; raises the first error where nobody answered."""
    errors = [result for result in results if isinstance(result, CiError)]
    good = [result for result in results if not isinstance(result, CiError)]
    if errors and not good:
        raise errors[0]
    return good, errors
