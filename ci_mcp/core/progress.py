"""How far a call has come: a tool says it here, and whoever made the call decides where that is shown."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Report = Callable[[float, float | None, str], Awaitable[None]]
"""Takes what is done, of how much (``None`` where that is not known), and words for a person."""

_report: ContextVar[Report | None] = ContextVar("report", default=None)


@contextmanager
def reported_to(report: Report | None) -> Iterator[None]:
    """Hand what is said inside the block to ``report``."""
    token = _report.set(report)
    try:
        yield
    finally:
        _report.reset(token)


async def say(done: float, total: float | None, words: str) -> None:
    """Say how far the call has come; nobody may be listening."""
    if (report := _report.get()) is not None:
        await report(done, total, words)
