"""The answer of every provider's ``jobs_logs``: one way to read a log, whichever CI wrote it."""

from dataclasses import replace
from functools import partial

import anyio.to_thread

from ci_mcp.auth.redact import HIDDEN_KEY, looks_like_key, redact_keys
from ci_mcp.core.budget import DEFAULT_TOKENS
from ci_mcp.core.fence import fence
from ci_mcp.core.shapes import Prose
from ci_mcp.logs import search as engine
from ci_mcp.logs.clean import Line, Log

LINES = 100  # shown where nothing says how many
CONTEXT = 25  # lines on each side of a line asked for
NEAR = 3  # lines on each side of a match
_ROOM = DEFAULT_TOKENS * 4 - 600  # characters of log in an answer; the rest is for what is said around it
_KEY_LINES = 320  # a private key is no longer


async def view(  # noqa: PLR0913 - the parameters of the tools that it answers
    log: Log,
    *,
    title: str,
    tail: int = 0,
    search: str = "",
    around: int = 0,
    start: int = 0,
    within: tuple[int, int] | None = None,
) -> Prose:
    """The part of a log that was asked for: ``search`` first, then ``around``, ``start``, else its last lines.

    Args:
        log: the whole log.
        title: what log it is, for the reader.
        tail: how many last lines; with ``start``, how many lines from there; with ``search``, how many matches.
        search: an RE2 pattern.
        around: a line number, as an excerpt or another view printed it.
        start: the first line number to show.
        within: the first and the last line of the part that is meant, such as a step; ``None`` for the whole log.

    Raises: `UsageError` for a pattern that RE2 does not take.
    """
    look = partial(_view, within=within, tail=tail, search=search, around=around, start=start)
    seen = await anyio.to_thread.run_sync(lambda: _without_keys(log, look(log)))
    hint = "more: around=N or start=N with a line number, search=REGEX, tail=N"
    return Prose(f"{title}\n{fence(seen.text(), 'log')}\n{hint}", {"log": title} | seen.records())


def _view(  # noqa: PLR0913 - the parameters of the tools that it answers
    log: Log, *, within: tuple[int, int] | None, tail: int, search: str, around: int, start: int
) -> engine.View:
    count = tail or LINES
    if search:
        return engine.search(log, search, context=NEAR, limit=count, within=within).fit(_ROOM)
    if around:
        return engine.around(log, around, CONTEXT).fit(_ROOM)
    first, last = within or (1, log.total)
    if start:
        start = max(start, first)
        return engine.window(log, start, min(count, max(0, last - start + 1))).fit(_ROOM)
    if last < log.total:
        count = min(count, last - first + 1)
        return engine.window(log, last - count + 1, count).fit(_ROOM, keep_end=True)
    return engine.tail(log, min(count, last - first + 1)).fit(_ROOM, keep_end=True)


def _without_keys(log: Log, seen: engine.View) -> engine.View:
    """The view without the rest of a private key whose beginning stands above what is shown."""
    lines: list[Line] = []
    hiding, before = False, 0
    for line in seen.lines:
        inside = looks_like_key(line.text)
        hiding = inside and (hiding if line.number == before + 1 else _in_key(log, line))
        lines.append(replace(line, text=HIDDEN_KEY) if hiding else line)
        before = line.number
    return replace(seen, lines=tuple(lines))


def _in_key(log: Log, line: Line) -> bool:
    texts = [one.text for one in log.lines(max(1, line.number - _KEY_LINES), line.number)]
    return redact_keys(texts)[-1] == HIDDEN_KEY
