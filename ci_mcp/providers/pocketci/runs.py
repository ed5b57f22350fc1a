"""Runs: found, read, started again, stopped; and the gates that they wait at."""

from collections.abc import Sequence
from typing import Annotated, Final, Literal

from pydantic import Field

from ci_mcp.auth.redact import redact_environment
from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Changed, Cursor, Limit, Page, Run
from ci_mcp.errors import NotFoundError, UnreachableError, UnsupportedError, UsageError
from ci_mcp.logs.text import clean_text
from ci_mcp.net.pages import collect
from ci_mcp.providers.pocketci import hooks, ids, pipelines, read, side, wire
from ci_mcp.providers.pocketci.pipelines import PipelineName
from ci_mcp.providers.pocketci.provider import provider
from ci_mcp.providers.pocketci.records import Gate, RunDetails, Started, Webhook
from ci_mcp.providers.pocketci.rows import Tree
from ci_mcp.providers.pocketci.wire import Json, text
from ci_mcp.status import Status

RunName = Annotated[str, Field(min_length=1, max_length=300, description="Run id or web URL")]

_HARMLESS: Final = ("accept", "content-type", "content-length", "user-agent", "host")
_EVENTS: Final = ("-event", "-event-key", "-delivery", "-hook-id", "-request-uuid")
_BODY: Final = 4000  # characters of a webhook's body
_FAILED: Final = 20
_GATES: Final = {
    "pending": Status.BLOCKED,
    "approved": Status.PASSED,
    "rejected": Status.FAILED,
    "timed_out": Status.FAILED,
}
_TRIPPED: Final = 500  # what a real server says to an id that no gate has
_STOP: Final = "resuming a stopped run fails at once, with the same message"


@provider.read(core=True)
async def runs_list(
    api: Api,
    pipeline: PipelineName,
    status: Annotated[
        Literal["", "queued", "running", "success", "failed", "skipped"], Field(description="The server's own word")
    ] = "",
    limit: Limit = 20,
    cursor: Cursor = "",
) -> Page[Run]:
    """Runs of a pipeline, newest first, each as its tasks say that it stands.

    Route: the MCP tool search_tasks; where that is shut, GET /pipelines/{id}/runs-search/.
    Raises: NotFoundError: there is no such pipeline.
    """
    return await _listed(api, pipeline, status, status, limit, cursor)


@provider.read()
async def runs_search(
    api: Api,
    pipeline: PipelineName,
    query: Annotated[str, Field(min_length=1, max_length=300, description="Beginnings of words")],
    limit: Limit = 20,
    cursor: Cursor = "",
) -> Page[Run]:
    """Runs of a pipeline whose id, status, error, trigger or actor has all these words.

    Route: the MCP tool search_tasks; where that is shut, GET /pipelines/{id}/runs-search/.
    Raises: NotFoundError: there is no such pipeline.
    """
    return await _listed(api, pipeline, query, "", limit, cursor)


async def _listed(api: Api, pipeline: str, query: str, status: str, limit: int, cursor: str) -> Page[Run]:
    known = await read.pipeline_id(api, pipeline)
    # A search for a status finds it in error messages, too.
    page = await collect(
        read.runs(api, known, query),
        cursor=cursor,
        limit=limit,
        keep=(lambda raw: text(raw, "status") == status) if status else None,
    )
    if not page.items and not cursor:
        await read.pipeline(api, known)  # an unknown pipeline has an empty list, too
    found = await hooks.truthful(api, known, page.items)
    web = side.known(api).mcp_shut
    note = "read from the web's list, as /mcp is shut to this token: a stopped run reads as failed" if web else ""
    return Page(found, page.next, note="; ".join(filter(None, (note, page.note))), after=page.after)


@provider.read(core=True)
async def runs_describe(api: Api, run: RunName) -> RunDetails:
    """One run: status told from its tasks, why it failed or where it waits, what started it with what.

    Route: GET /api/runs/{run}/status, the MCP tool search_tasks, GET /api/runs/{run}/gates.
    Raises: NotFoundError: there is none, or it was pruned.
    """
    found, tree = await hooks.look(api, ids.run(api, run))
    given = wire.part(tree.run, "trigger_input")
    return RunDetails(
        status=found.status,
        id=found.id,
        pipeline=found.project,
        word=found.word,
        reason=found.reason,
        jobs=found.counts,
        failed=_failed(tree),
        trigger=text(tree.run, "trigger_type"),
        actor=found.actor,
        arguments=wire.texts(given.get("args")),
        only_jobs=wire.texts(given.get("jobs")),
        webhook=_webhook(wire.part(given, "webhook")),
        group=text(tree.run, "concurrency_group"),
        created=found.created,
        started=wire.when(tree.run.get("started_at")),
        finished=found.finished,
        duration=found.duration,
        url=found.url,
    )


def _failed(tree: Tree) -> tuple[str, ...]:
    return tuple(hooks.task_id(text(tree.run, "id"), row) for row in tree.failed[:_FAILED])


def _webhook(raw: Json) -> Webhook | None:
    if not raw:
        return None
    return Webhook(
        event=text(raw, "eventType"),
        provider=text(raw, "provider"),
        method=text(raw, "method"),
        url=text(raw, "url"),
        headers=tuple(f"{name}: {value}" for name, value in _headers(wire.part(raw, "headers"))),
        body=text(raw, "body")[:_BODY],
    )


def _headers(raw: Json) -> list[tuple[str, str]]:
    """Headers, with the values of all that may hold a secret kept back."""
    pairs = {str(name): value if isinstance(value, str) else "" for name, value in raw.items()}
    shown = {name for name in pairs if name.lower() in _HARMLESS or name.lower().endswith(_EVENTS)}
    hidden = redact_environment({name: value for name, value in pairs.items() if name not in shown})
    return sorted([*hidden, *((name, pairs[name][:200]) for name in shown)])


@provider.write(core=True, starts=True)
async def runs_rerun(
    api: Api,
    run: RunName,
    how: Annotated[Literal["", "resume", "new"], Field(description="Empty: resume where that can work")] = "",
) -> Started:
    """Resumes a failed run under its id (tasks that passed may run again), or starts a new one; says which.

    Route: POST /api/runs/{run}/resume, or POST /api/pipelines/{id}/trigger. Neither is sent twice.
    Raises: UsageError: it has not failed, or was stopped: resuming a stopped run fails at once.
    """
    return await again(api, await read.run(api, ids.run(api, run)), how)


async def again(api: Api, raw: Json, how: str) -> Started:
    """Run a run again, in this way: ``resume``, ``new``, or empty for what can work."""
    run, stopped = text(raw, "id"), wire.stopped(raw)
    if how == "resume" and stopped:
        raise UsageError(f"run {run} was stopped, and {_STOP}", _anew(run))
    if how == "new" or stopped or (not how and text(raw, "status") != "failed"):
        return await _new(api, raw, f"{_STOP}, so " if stopped else "")
    try:
        await side.post(api, f"/api/runs/{run}/resume", f"run {run}", instead=_anew(run))
    except UnsupportedError as error:
        if how:
            raise
        return await _new(api, raw, f"{error.message}, so ")
    # Tried with a real server: with the native driver every task ran again, resume enabled or not.
    note = "resumed under the same id: its logs are replaced, and tasks that passed may run again"
    return Started(id=run, status=Status.QUEUED, note=note, url=ids.run_web(api, run))


def _anew(run: str) -> str:
    return f'start a new one: pocketci_runs_rerun(run="{run}", how="new")'


async def _new(api: Api, raw: Json, why: str) -> Started:
    if text(raw, "status") in {"queued", "running"} and not why:
        note = "a new run with the same inputs, beside the one that still runs"
    else:
        note = f"{why}a new run with the old inputs"
    given = wire.part(raw, "trigger_input")
    webhook = wire.part(given, "webhook")
    sent = {key: webhook[key] for key in ("method", "headers", "body") if webhook.get(key)}
    found = await pipelines.start(
        api, text(raw, "pipeline_id"), wire.texts(given.get("args")), wire.texts(given.get("jobs")), sent or None
    )
    if given.get("upstream_run_ids"):
        note += ", but without the runs before it that the old one was started by"
    return Started(id=found.id, status=found.status, note="; ".join(filter(None, (note, found.note))), url=found.url)


async def rerun(api: Api, run: str, failed_only: bool) -> str:
    """Run a run again: resumed where only what failed is wanted and that can work, else as a new one; its id.

    Route: that of `runs_rerun`.
    """
    raw = await read.run(api, ids.run(api, run))
    return (await again(api, raw, "" if failed_only else "new")).id


@provider.write(destructive=True, idempotent=True)
async def runs_cancel(api: Api, run: RunName) -> Changed:
    """Stops a run that is queued or running; it then counts as failed, and cannot be resumed.

    Route: POST /api/runs/{run}/stop.
    Raises: UsageError: it has ended.
    """
    known = ids.run(api, run)
    instead = f'see how it ended: pocketci_runs_describe(run="{known}")'
    found = await side.post(api, f"/api/runs/{known}/stop", f"run {known}", instead=instead)
    ended = text(found, "status") == "stopped"
    note = "it had not begun, and is stopped" if ended else "it was told to stop, and ends a little later"
    status = Status.CANCELED if ended else Status.RUNNING
    return Changed(id=known, status=status, note=note, url=ids.run_web(api, known))


@provider.read()
async def gates_list(api: Api, run: RunName) -> Page[Gate]:
    """Gates of a run: those that wait for a person first, with their message and id.

    Route: GET /api/runs/{run}/gates.
    Raises: UnsupportedError: the server's gates are switched off.
    """
    found = [_gate(raw) for raw in await read.gates(api, ids.run(api, run))]
    return Page(_pending_first(found))


def _pending_first(gates: Sequence[Gate]) -> list[Gate]:
    return sorted(gates, key=lambda gate: gate.status is not Status.BLOCKED)


def _gate(raw: Json) -> Gate:
    word = text(raw, "status")
    return Gate(
        status=_GATES.get(word, Status.UNKNOWN),
        name=clean_text(text(raw, "name")),
        id=text(raw, "id"),
        word=word,
        message=text(raw, "message"),
        by=text(raw, "approved_by"),
        run=text(raw, "run_id"),
        created=wire.when(raw.get("created_at")),
        resolved=wire.when(raw.get("resolved_at")),
    )


@provider.write()
async def gates_approve(
    api: Api,
    gate: Annotated[str, Field(min_length=1, max_length=60, description="Gate id")],
    reject: Annotated[bool, Field(description="Reject it: the run fails")] = False,
) -> Gate:
    """Approves a gate, so that its run goes on, or rejects it.

    Route: POST /api/gates/{gate}/approve, /reject.
    Raises: UsageError: it was decided before. NotFoundError: there is no such gate.
    """
    known = ids.gate(gate)
    verb = "reject" if reject else "approve"
    try:
        found = await side.post(api, f"/api/gates/{known}/{verb}", f"gate {known}", instead="it was decided before")
    except UnreachableError as error:
        if error.status != _TRIPPED:
            raise
        raise NotFoundError(
            f"this PocketCI has no gate {known}, or failed over it",
            'find it with "ci-mcp pocketci gates list"',
            status=error.status,
            body=error.body,
        ) from None
    return _gate(found)
