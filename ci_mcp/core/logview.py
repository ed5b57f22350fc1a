"""The answer of every provider's ``jobs_logs``: one way to read a log, whichever CI wrote it."""

import anyio.to_thread

from ci_mcp.core.budget import DEFAULT_TOKENS
from ci_mcp.core.fence import fence
from ci_mcp.core.shapes import Prose
from ci_mcp.logs import search as engine
from ci_mcp.logs.clean import Log

LINES = 100  # shown where nothing says how many
CONTEXT = 25  # lines on each side of a line asked for
NEAR = 3  # lines on each side of a match
_ROOM = DEFAULT_TOKENS * 4 - 600  # characters of log in an answer; the rest is for what is said around it


async def view(  # noqa: PLR0913 - the parameters of the tools that it answers
    log: Log, *, title: str, tail: int = 0, search: str = "", around: int = 0, start: int = 0
) -> Prose:
    """The part of a log that was asked for: ``search`` first, then ``around``, ``start``, else its last lines.

    Args:
        log: the whole log.
        title: what log it is, for the reader.
        tail: how many last lines; with ``start``, how many lines from there; with ``search``, how many matches.
        search: an RE2 pattern.
        around: a line number, as an excerpt or another view printed it.
        start: the first line number to show.

    Raises: `UsageError` for a pattern that RE2 does not take.
    """
    seen = await anyio.to_thread.run_sync(lambda: _view(log, tail, search, around, start))
    hint = "more: around=N or start=N with a line number, search=REGEX, tail=N"
    return Prose(f"{title}\n{fence(seen.text(), 'log')}\n{hint}", {"log": title} | seen.records())


def _view(log: Log, tail: int, search: str, around: int, start: int) -> engine.View:
    count = tail or LINES
    if search:
        return engine.search(log, search, context=NEAR, limit=count).fit(_ROOM)
    if around:
        return engine.around(log, around, CONTEXT).fit(_ROOM)
    if start:
        return engine.window(log, start, count).fit(_ROOM)
    return engine.tail(log, count).fit(_ROOM, keep_end=True)
