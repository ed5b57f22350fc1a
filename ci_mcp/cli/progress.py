"""A sign of life on stderr for what takes longer than a second, on a terminal only."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

PATIENCE = 1.0


@asynccontextmanager
async def progress(*, quiet: bool, words: str = "asking the CI") -> AsyncIterator[None]:
    """Show a spinner while the block runs, from its second second on."""
    if quiet or not sys.stderr.isatty():
        yield
        return
    async with anyio.create_task_group() as group:
        group.start_soon(_spin, words)
        try:
            yield
        finally:
            group.cancel_scope.cancel()


async def _spin(words: str) -> None:
    await anyio.sleep(PATIENCE)
    from rich.console import Console

    with Console(stderr=True).status(words):
        await anyio.sleep_forever()
