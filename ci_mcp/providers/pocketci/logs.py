"""A task's log as bytes, its name and its exit code in GitHub's notation around it."""

import re
from collections.abc import AsyncIterator, Collection
from datetime import datetime
from functools import partial
from typing import Any, Final

import anyio.to_thread

from ci_mcp.core.provider import Api
from ci_mcp.logs.clean import Log
from ci_mcp.logs.search import tail
from ci_mcp.logs.text import clean_text
from ci_mcp.providers.pocketci import ids, read, wire
from ci_mcp.providers.pocketci.rows import Row, Tree
from ci_mcp.providers.pocketci.wire import Json, text

BOTH: Final = ("stdout", "stderr")
_CODE: Final = re.compile(r"##\[error\]Process completed with exit code (\d+)\.")


def log_id(run: str, row: Row) -> str:
    """What `log` takes: the task, and when it began, since a run that is resumed begins it again."""
    return f"{row.started.isoformat() if isinstance(row.started, datetime) else ''}|{run}/{row.path}"


async def log(api: Api, log_id: str, streams: Collection[str] = BOTH) -> AsyncIterator[bytes]:
    """The log of a task, in the order that the server keeps; of other rows what went wrong, in words.

    Args:
        api: whom to ask.
        log_id: of `log_id`.
        streams: which of ``stdout`` and ``stderr``.

    Route: GET /api/runs/{run}/tasks?path=….
    Raises: NotFoundError: there is no such task.
    """
    asked = ids.task(log_id.partition("|")[2])
    rest: dict[str, Any] = {}
    yield f"##[group]{Row(asked.path, '').name}\n".encode()
    ended = True
    some = False
    async for piece in read.pieces(api, asked, rest):
        some = True
        if piece.stream in streams or piece.stream not in BOTH:
            ended = piece.text.endswith("\n") if piece.text else ended
            yield piece.text.encode("utf-8", "replace")
    said = "" if some else _instead(rest, streams)
    if said:
        ended = said.endswith("\n")
        yield said.encode("utf-8", "replace")
    yield ("" if ended else "\n").encode() + _end(rest).encode()


async def opened(api: Api, tree: Tree, row: Row, stream: str = "") -> Log:
    """The log of a row, from disk where it is there; close it. ``stream`` is the one to read; empty for both."""
    known = log_id(text(tree.run, "id"), row)
    streams = (stream,) if stream else BOTH
    key = f"{api.host} {known}" + (f" {stream}" if stream else "")
    return await api.store.log(key, partial(log, api, known, streams), finished=tree.of(row).finished)


async def exit_code(api: Api, tree: Tree, row: Row) -> int | None:
    """The exit code of a row that failed: its log has it, and is kept for whoever reads it next."""
    with await opened(api, tree, row) as kept:
        last = await anyio.to_thread.run_sync(lambda: tail(kept, 1).lines)
    found = _CODE.fullmatch(last[0].text) if last else None
    return int(found[1]) if found else None


def _instead(payload: Json, streams: Collection[str]) -> str:
    """What there is to read of a row without pieces: an agent's or an old task's output, or its error."""
    kept = "".join(text(payload, stream) for stream in BOTH if stream in streams)
    return kept or error_of(payload)


def error_of(payload: Json) -> str:
    """What a row says went wrong; tasks, jobs, resources and agents each have a key of their own for it."""
    keys = ("error_message", "errorMessage", "error", "reason")
    return next((said for key in keys if (said := text(payload, key))), "")


def _end(payload: Json) -> str:
    code, word = wire.whole(payload, "code"), text(payload, "status")
    if code:
        return f"##[error]Process completed with exit code {code}.\n"
    return f"##[error]The task ended with {clean_text(word)[:40]}.\n" if word in wire.FAILING else ""
