"""Words in the logs of one run, or of a pipeline's newest runs, with the lines they stand in."""

import re
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Final

import anyio.to_thread
from pydantic import Field

from ci_mcp.core.budget import DEFAULT_TOKENS
from ci_mcp.core.fence import fence
from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Prose
from ci_mcp.core.together import settled, together
from ci_mcp.errors import CiError, UsageError
from ci_mcp.logs import search as engine
from ci_mcp.logs.clean import Log
from ci_mcp.net.pages import collect
from ci_mcp.providers.pocketci import ids, logs, read, side, wire
from ci_mcp.providers.pocketci.provider import provider
from ci_mcp.providers.pocketci.rows import Row, Tree, rows
from ci_mcp.providers.pocketci.side import ShutError
from ci_mcp.providers.pocketci.wire import Json, text

_LOGS: Final = 12  # logs that are read for one answer
_SCANNED: Final = 40  # logs that are read where the server cannot search
_RUNS: Final = 5
_CONTEXT: Final = 2
_MATCHES: Final = 5  # matching lines shown of one log
_ROOM: Final = DEFAULT_TOKENS * 4 - 1200  # characters of all excerpts
_LEAST: Final = 400


@dataclass(frozen=True, slots=True)
class Hit:
    """A row that may hold the words; ``view`` has the lines, where its log was read."""

    tree: Tree
    row: Row
    view: engine.View | None = None
    problem: str = ""


@provider.read(core=True)
async def tasks_search(
    api: Api,
    query: Annotated[str, Field(min_length=1, max_length=300, description="Words, or their beginnings")],
    run: Annotated[str, Field(max_length=300, description="Run id or web URL")] = "",
    pipeline: Annotated[str, Field(max_length=300, description="Or: a pipeline's newest runs")] = "",
    runs: Annotated[int, Field(ge=1, le=20, description="How many of these")] = _RUNS,
) -> Prose:
    """Log lines of a run, or of a pipeline's newest runs, that hold these words; tasks without them stay unread.

    Route: the MCP tool search_tasks, then GET /api/runs/{run}/tasks?path=… of what it found.
    Raises: UsageError: not one of run and pipeline is given, or the words are none.
    """
    words = query.split()
    if bool(run) == bool(pipeline) or not words:
        raise UsageError("words to look for, and one run or one pipeline", "give query, and run or pipeline")
    raws = [await read.run(api, ids.run(api, run))] if run else await _newest(api, pipeline, runs)
    found = [hit for hits in await together([partial(_hits, api, raw, query) for raw in raws]) for hit in hits]
    scanned = side.known(api).mcp_shut
    most = _SCANNED if scanned else _LOGS
    looked = await settled([partial(_look, api, hit, words) for hit in found[:most]])
    seen = [_told(hit, one) for hit, one in zip(found, looked, strict=False)]
    if scanned:
        seen = [hit for hit in seen if hit.problem or (hit.view and hit.view.matches)]
    rest = len(found) - len(looked)
    return _prose(seen, f"{query!r} in {_where(raws)}", _left(rest, scanned=scanned))


async def _newest(api: Api, pipeline: str, count: int) -> list[Json]:
    known = await read.pipeline_id(api, pipeline)
    page = await collect(read.runs(api, known), cursor="", limit=count, max_pages=1)
    if not page.items:
        await read.pipeline(api, known)
    return list(page.items)


async def _hits(api: Api, raw: Json, query: str) -> list[Hit]:
    """The rows of a run that hold the words as the server says; all that have a log where it cannot be asked."""
    run = ids.own(raw)
    try:
        found = rows(wire.parts(await side.ask(api, "search_tasks", {"run_id": run, "query": query})), run)
    except ShutError:
        found = await read.rows_of(api, run)
    tree = Tree(raw, found)
    leaves = [row for row in found if row.kind not in {"job", "group"} and row.word not in {"pending", "skipped"}]
    return [Hit(tree, row) for row in sorted(leaves, key=lambda row: not row.bad)]


async def _look(api: Api, hit: Hit, words: Sequence[str]) -> engine.View:
    with ExitStack() as stack:
        log = stack.enter_context(await logs.opened(api, hit.tree, hit.row))
        return await anyio.to_thread.run_sync(_view, log, words)


def _view(log: Log, words: Sequence[str]) -> engine.View:
    phrase = "(?i)" + r"\s+".join(re.escape(word) for word in words)
    found = engine.search(log, phrase, context=_CONTEXT, limit=_MATCHES)
    if found.matches or len(words) == 1:
        return found
    # The server finds words wherever they stand in a log.
    either = "(?i)" + "|".join(re.escape(word) for word in words)
    return engine.search(log, either, context=_CONTEXT, limit=_MATCHES)


def _told(hit: Hit, found: engine.View | CiError) -> Hit:
    if isinstance(found, CiError):
        return Hit(hit.tree, hit.row, problem=str(found))
    return Hit(hit.tree, hit.row, view=found)


def _where(raws: Sequence[Json]) -> str:
    return f"run {text(raws[0], 'id')}" if len(raws) == 1 else f"{len(raws)} runs"


def _left(rest: int, *, scanned: bool) -> str:
    said = [f"{rest} more tasks were not read: name one run, or search for less common words"] if rest > 0 else []
    if scanned:
        said.append("read one by one, as /mcp is shut to this token")
    return "; ".join(said)


def _prose(hits: Sequence[Hit], title: str, left: str) -> Prose:
    lines = [f"{len(hits)} task{'s' * (len(hits) != 1)} with {title}" + (f" ({left})" if left else "")]
    room = max(_LEAST, _ROOM // max(1, len(hits)))
    data: list[dict[str, Any]] = []
    for hit in hits:
        task = f"{text(hit.tree.run, 'id')}/{hit.row.path}"
        lines += ["", f"{hit.tree.of(hit.row).value}  {hit.row.title}  {task}"]
        view = hit.view.fit(room) if hit.view else None
        if view is None or not view.matches:
            lines.append(hit.problem or "no line of its log: its name, status or another field")
        else:
            lines.append(fence(view.text(), "log"))
        one = {"task": task, "status": hit.tree.of(hit.row).value, "name": hit.row.title}
        data.append(one | ({"problem": hit.problem} if hit.problem else {}) | (view.records() if view else {}))
    lines += ["", "more of a log: pocketci_tasks_logs(task=ID, around=LINE)"] if hits else []
    return Prose("\n".join(lines), {"tasks": data, "left": left or None})
