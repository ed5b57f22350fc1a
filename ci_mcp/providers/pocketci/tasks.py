"""Tasks: the rows of a run, one of them, and its log."""

from dataclasses import replace
from functools import partial
from typing import Annotated, Final, Literal

from pydantic import Field

from ci_mcp.core import logview
from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Around, Cursor, Limit, Page, Prose, Search, Start, Tail
from ci_mcp.core.together import settled
from ci_mcp.errors import NotFoundError
from ci_mcp.net.pages import collect
from ci_mcp.providers.pocketci import hooks, ids, logs, read, wire
from ci_mcp.providers.pocketci.ids import TaskId
from ci_mcp.providers.pocketci.provider import provider
from ci_mcp.providers.pocketci.records import Task, TaskDetails
from ci_mcp.providers.pocketci.rows import Row, Tree
from ci_mcp.providers.pocketci.runs import RunName
from ci_mcp.providers.pocketci.wire import text
from ci_mcp.status import Status

TaskName = Annotated[str, Field(min_length=1, max_length=600, description="Task id: RUN/PATH")]

_KNOWN: Final = frozenset({"status", "code", "elapsed", "started_at", "logs"})
_NOTHING: Final = {Status.SKIPPED: "; it never ran", Status.QUEUED: "; it has not begun"}
_CODES: Final = 5  # failed tasks whose exit code is read: with their log, which is kept


@provider.read(core=True)
async def tasks_list(
    api: Api,
    run: RunName,
    status: Annotated[
        Literal["", "problem", "running", "passed", "skipped"], Field(description="problem: what did not end well")
    ] = "",
    job: Annotated[str, Field(max_length=200, description="Only of this job")] = "",
    limit: Limit = 50,
    cursor: Cursor = "",
) -> Page[Task]:
    """Tasks of a run as a tree by path, with status and elapsed seconds; failed ones with exit code.

    Route: GET /api/runs/{run}/status, the MCP tool search_tasks, and GET …/tasks?path=… of failed tasks.
    Raises: NotFoundError: there is no such run, or it was pruned.
    """
    _, tree = await hooks.look(api, ids.run(api, run))
    rows = [row for row in tree.rows if job in {"", row.job} and _wanted(tree, row, status)]
    rows.sort(key=lambda row: _place(row.path))

    async def fetch(_: str) -> tuple[list[Row], str | None]:
        return rows, None

    page = await collect(fetch, cursor=cursor, limit=limit)
    failed = [row for row in page.items if row in tree.failed and row.kind == "tasks"][:_CODES]
    codes = await settled([partial(logs.exit_code, api, tree, row) for row in failed])
    known = {row.path: code for row, code in zip(failed, codes, strict=True) if isinstance(code, int)}
    items = [replace(short(tree, row), exit_code=known.get(row.path)) for row in page.items]
    return Page(items, page.next, note=page.note, after=page.after)


def _place(path: str) -> list[tuple[int, str]]:
    """Where a path stands in the tree: steps are numbers, counted as numbers."""
    return [(int(part), "") if part.isdecimal() and len(part) < 9 else (-1, part) for part in path.split("/")]  # noqa: PLR2004 - a number, not an id


def _wanted(tree: Tree, row: Row, status: str) -> bool:
    found = tree.of(row)
    match status:
        case "problem":
            return row.bad or found.bad
        case "running":
            return found in {Status.RUNNING, Status.FAILING}
        case "passed" | "skipped":
            return found.value == status
        case _:
            return True


def short(tree: Tree, row: Row) -> Task:
    """A row of a list."""
    status = tree.of(row)
    return Task(
        status=status,
        id=hooks.task_id(text(tree.run, "id"), row),
        name=row.title,
        word=row.word if row.word not in {status.value, "success", "failure", ""} or _lies(status, row) else "",
        kind="" if row.kind == "tasks" else row.kind,
        attempt=row.attempt or None,
        elapsed=row.elapsed,
        started=row.started,
    )


def _lies(status: Status, row: Row) -> bool:
    return (status is Status.PASSED) != (row.word == "success")


async def _row(api: Api, asked: TaskId) -> tuple[Tree, Row]:
    """A run and one row of it."""
    _, tree = await hooks.look(api, asked.run)
    found = next((row for row in tree.rows if row.path == asked.path), None)
    if found is None:
        raise NotFoundError(
            f"run {asked.run} has no task {asked.path[:80]}",
            f'see them: "ci-mcp pocketci tasks list --run={asked.run}"',
        )
    return tree, found


@provider.read()
async def tasks_describe(api: Api, task: TaskName) -> TaskDetails:
    """One task, job, resource or agent with all that is kept of it: exit code, error, usage, audit log, tool calls.

    Route: GET /api/runs/{run}/tasks?path=….
    Raises: NotFoundError: there is no such task.
    """
    asked = ids.task(task)
    tree, row = await _row(api, asked)
    payload, sizes = await read.payload(api, asked)
    one = short(tree, row)
    return TaskDetails(
        status=one.status,
        id=one.id,
        name=one.name,
        word=one.word,
        kind=one.kind,
        attempt=one.attempt,
        exit_code=wire.whole(payload, "code"),
        reason=logs.error_of(payload),
        elapsed=one.elapsed,
        started=one.started,
        url=ids.run_web(api, asked.run),
        log_characters=sizes,
        payload={key: value for key, value in payload.items() if key not in _KNOWN},
    )


@provider.read(core=True)
async def tasks_logs(
    api: Api,
    task: TaskName,
    stream: Annotated[Literal["both", "stdout", "stderr"], Field(description="Which output")] = "both",
    tail: Tail = 0,
    search: Search = "",
    around: Around = 0,
    start: Start = 0,
) -> Prose:
    """The log of a task: its end by default, or lines that match, or those from or around a line number.

    Route: GET /api/runs/{run}/status, the MCP tool search_tasks, GET /api/runs/{run}/tasks?path=….
    Raises: NotFoundError: there is no such task. UsageError: the pattern is not RE2.
    """
    asked = ids.task(task)
    tree, row = await _row(api, asked)
    title = f"PocketCI task {row.title!r}, {tree.of(row)}, {ids.run_web(api, asked.run)}"
    title += "" if stream == "both" else f", {stream} only"
    if stream == "both" and not row.job:
        title += "; stdout and stderr were joined each for itself: their order is lost"
    with await logs.opened(api, tree, row, "" if stream == "both" else stream) as kept:
        title += _NOTHING.get(tree.of(row), "; it wrote nothing") if kept.total <= 1 else ""
        return await logview.view(kept, tail=tail, search=search, around=around, start=start, title=title)
