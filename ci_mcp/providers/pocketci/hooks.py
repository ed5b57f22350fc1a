"""What triage asks of runs: the newest of a pipeline, one with its tasks, why it failed, its logs, and again."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Failure, Run, RunQuery
from ci_mcp.core.together import settled, together
from ci_mcp.errors import CiError
from ci_mcp.logs.text import clean_text
from ci_mcp.net.pages import collect
from ci_mcp.providers.pocketci import ids, logs, read, why, wire
from ci_mcp.providers.pocketci.ids import TaskId
from ci_mcp.providers.pocketci.rows import Row, Tree
from ci_mcp.providers.pocketci.wire import Json, text
from ci_mcp.status import Status

_WORDS: Final = {status: word for word, status in wire.STATUSES.items()} | {
    Status.CANCELED: wire.STOPPED,
    Status.FAILING: "running",
    Status.BLOCKED: "running",
}
LOOKED_AT: Final = 10  # runs of a list whose tasks are looked at: one small request each
_NO_TASKS: Final = "no tasks are kept of it, as with resume enabled: that it passed is the server's word alone"
_MESSAGES: Final = 5  # jobs whose own message is asked for: one small request each


class TaskRun(Run):
    """A run that remembers its rows, so that `failures` does not ask for them again."""

    __slots__ = ("asked_rows", "tree")
    tree: Tree
    asked_rows: bool


def short(raw: Json, project: str, api: Api) -> Run:
    """A run of a list, as the server says that it stands."""
    status, word = wire.run_status(raw), text(raw, "status")
    started, finished = wire.when(raw.get("started_at")), wire.finished(raw)
    between = wire.seconds_between(started, finished)
    return Run(
        status=status,
        id=text(raw, "id"),
        project=project,
        word="" if word in {status.value, "success", "failed"} else word,
        title=title(raw),
        actor=clean_text(wire.actor(raw)),
        url=ids.run_web(api, text(raw, "id")),
        created=wire.when(raw.get("created_at")),
        finished=finished,
        duration=between if between is not None else wire.go_seconds(raw.get("elapsed")),
        reason=wire.reason(raw),
    )


def title(raw: Json) -> str:
    """How a run came to be: its trigger, its arguments and the jobs that were asked for."""
    given = wire.part(raw, "trigger_input")
    said = [text(raw, "trigger_type"), text(wire.part(given, "webhook"), "eventType")]
    said += [" ".join(wire.texts(given.get("args"))), ", ".join(wire.texts(given.get("jobs")))]
    return clean_text(" ".join(": ".join(filter(None, said)).split()))[:200]


async def runs(api: Api, query: RunQuery) -> list[Run]:
    """Runs of a pipeline, newest first, each as its tasks say that it stands.

    PocketCI knows no branches and no commits: a query for one finds nothing.
    Route: see `ci_mcp.providers.pocketci.read.runs`.
    Raises: NotFoundError: there is no such pipeline.
    """
    if query.branch or query.commit:
        return []
    known = await read.pipeline_id(api, query.project)
    words = _WORDS.get(query.status, "") if query.status else ""
    fetch = read.runs(api, known, words)
    found = await collect(fetch, cursor="", limit=query.limit, max_pages=5)
    if not found.items and not words:
        await read.pipeline(api, known)  # an unknown pipeline has an empty list, too
    told = await truthful(api, known, found.items)
    return [one for one in told if query.status in {None, one.status}]


async def truthful(api: Api, pipeline: str, raws: Sequence[Json]) -> list[Run]:
    """Runs of a list as their tasks say that they stand.

    Only two kinds of run need a look: one that runs may wait at a gate or be failing already, and one of JavaScript
    is a success whatever its tasks did. Of more than a few of these the rest is left unknown.
    """
    name, kind = await read.pipeline_name(api, pipeline)
    doubtful = [raw for raw in raws if _doubtful(raw, kind)]
    looks = [partial(look, api, text(raw, "id"), raw) for raw in doubtful[:LOOKED_AT]]
    seen: dict[str, Run] = {}
    for raw, found in zip(doubtful, await settled(looks), strict=False):
        seen[text(raw, "id")] = _unknown(raw, name, api) if isinstance(found, CiError) else replace(found[0], jobs=())
    for raw in doubtful[LOOKED_AT:]:
        seen[text(raw, "id")] = _unknown(raw, name, api)
    return [seen.get(text(raw, "id")) or short(raw, name, api) for raw in raws]


def _doubtful(raw: Json, kind: str) -> bool:
    word = text(raw, "status")
    return word == "running" or (word == "success" and kind != "yaml")


def _unknown(raw: Json, name: str, api: Api) -> Run:
    one = short(raw, name, api)
    if one.status is Status.PASSED:
        return replace(one, status=Status.UNKNOWN, word="success, tasks not looked at")
    return one


async def look(api: Api, run: str, raw: Json | None = None) -> tuple[Run, Tree]:
    """A run with its rows: two small requests side by side, and one for gates where it runs and no task of it does.

    Args:
        api: whom to ask.
        run: its id.
        raw: its own record, where a list gave that.
    """
    record: dict[str, Any] = dict(raw or {})
    rows: list[Row] = []

    async def at_run() -> None:
        if raw is None:
            record.update(await read.run(api, run))

    async def at_rows() -> None:
        rows.extend(await read.rows_of(api, run))

    await together([at_run, at_rows])
    tree = Tree(record, rows)
    pipeline = text(record, "pipeline_id")
    waiting: list[Json] = []
    names: list[tuple[str, str]] = []

    async def at_gates() -> None:
        if tree.idle:
            waiting.extend(await _waiting(api, run))

    async def at_name() -> None:
        names.append(await read.pipeline_name(api, pipeline))

    await together([at_gates, at_name])
    name, kind = names[0]
    found = _whole(api, tree, name, waiting)
    if found.status is Status.PASSED and not rows and kind in {"ts", "js"}:
        found = replace(found, word="success", reason=_NO_TASKS)
    return found, tree


async def _waiting(api: Api, run: str) -> list[Json]:
    try:
        return [gate for gate in await read.gates(api, run) if text(gate, "status") == "pending"]
    except CiError:  # gates are switched off, or this token may not see them: then the run just runs
        return []


def _whole(api: Api, tree: Tree, name: str, waiting: Sequence[Json]) -> Run:
    one, status = short(tree.run, name, api), tree.status
    said, word = one.reason, one.word
    if waiting and status is Status.RUNNING:
        status = Status.BLOCKED
        gates = [_gate(gate) for gate in waiting]
        said = f"it waits at {'; '.join(gates)}"
    if status is Status.FAILED and text(tree.run, "status") == "success":
        word = "success"
        said = "the server calls it a success: its pipeline does not look at the exit code of the task that failed"
    failures = why.of_run(tree)
    return replace(
        one,
        status=status,
        word=word,
        reason=said,
        jobs=tuple(failure.job for failure in failures if failure.job.id),
        counts=counts(tree),
    )


def counts(tree: Tree) -> Mapping[str, int]:
    """How many jobs of a run stand how; of a pipeline without jobs its tasks."""
    return Counter(tree.of(one).value for one in tree.jobs)


def _gate(gate: Json) -> str:
    said = clean_text(" ".join(text(gate, "message").split()))[:200]
    name = clean_text(text(gate, "name"))
    return f'gate "{name}"' + (f" ({said})" if said else "") + f": {_decide(gate)}"


def _decide(gate: Json) -> str:
    call = f'pocketci_gates_approve(gate="{clean_text(text(gate, "id"))}"'
    return f"approve it: {call}), or reject it: {call}, reject=true)"


async def run(api: Api, asked: str) -> TaskRun:
    """A run, told from its tasks.

    Route: see `ci_mcp.providers.pocketci.read.run` and `rows_of`; GET /api/runs/{run}/gates where no task runs.
    Raises: NotFoundError: there is none, or it was pruned.
    """
    return _remembering(*await look(api, ids.run(api, asked)), rows=True)


async def poll(api: Api, seen: Run) -> Run:
    """A run that went on when it was last seen, as it stands now: one request, in turns for its tasks and for itself.

    Its tasks alone do not tell that it has ended: a server that was started again leaves them as they were.
    Route: GET /api/runs/{run}/status or the MCP tool search_tasks; once no task runs, or it goes on no more, what
    `run` asks for.
    """
    if not isinstance(seen, TaskRun) or not hasattr(seen, "tree") or seen.tree.idle:
        return await run(api, seen.id)
    if seen.asked_rows or not seen.tree.rows:
        raw = await read.run(api, seen.id)
        if text(raw, "status") != text(seen.tree.run, "status"):
            return await run(api, seen.id)
        return _remembering(
            _whole(api, Tree(raw, seen.tree.rows), seen.project, ()), Tree(raw, seen.tree.rows), rows=False
        )
    tree = Tree(seen.tree.run, await read.rows_of(api, seen.id))
    if tree.idle:
        return await run(api, seen.id)
    return _remembering(_whole(api, tree, seen.project, ()), tree, rows=True)


def _remembering(found: Run, tree: Tree, *, rows: bool) -> TaskRun:
    made = TaskRun(**{name: getattr(found, name) for name in Run.__dataclass_fields__})
    object.__setattr__(made, "tree", tree)
    object.__setattr__(made, "asked_rows", rows)
    return made


async def failures(api: Api, asked: Run, job: str) -> list[Failure]:
    """Why the tasks of a run, or one of them, are not green.

    A run that came from `run` costs requests only for jobs that failed without a task of theirs.
    Route: GET /api/runs/{run}/tasks?path=….
    """
    whole = asked if isinstance(asked, TaskRun) and hasattr(asked, "tree") else await run(api, asked.id)
    found = why.of_run(whole.tree)
    if job:
        wanted = str(ids.task(job))
        found = [one for one in found if one.job.id == wanted or one.job.id.startswith(f"{wanted}/")]
    own = {f"{whole.id}/{row.path}" for row in whole.tree.failed if row.kind == "job"}
    bare = [one for one in found if one.job.id in own and not one.reason]
    said = await settled([partial(_message, api, one) for one in bare[:_MESSAGES]])
    messages = {one.job.id: text for one, text in zip(bare, said, strict=False) if isinstance(text, str)}
    return [replace(one, reason=messages.get(one.job.id, one.reason)) for one in found]


async def _message(api: Api, failure: Failure) -> str:
    payload, _ = await read.payload(api, ids.task(failure.job.id))
    return clean_text(" ".join(logs.error_of(payload).split()))[:500]


def task_id(run: str, row: Row) -> str:
    """A row's id, as a person writes it."""
    return str(TaskId(run, row.path))
