"""Calls side by side: where one error ends all of them, and where each has its own."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import anyio

from ci_mcp.errors import CiError

T = TypeVar("T")


async def together(calls: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
    """What each call gives, in their order, all of them run side by side.

    The first error ends the others and is raised as it is.
    """
    results: dict[int, T] = {}

    async def run(index: int) -> None:
        results[index] = await calls[index]()

    try:
        async with anyio.create_task_group() as group:
            for index in range(len(calls)):
                group.start_soon(run, index)
    except BaseExceptionGroup as errors:
        raise first(errors) from None
    return [results[index] for index in range(len(calls))]


async def settled(calls: Sequence[Callable[[], Awaitable[T]]]) -> list[T | CiError]:
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


def first(error: BaseException) -> BaseException:
    """The first plain error of a group of them."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
