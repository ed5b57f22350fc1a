"""Everything an explanation needs of one run, fetched side by side through the hooks."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial

import anyio
import anyio.to_thread

from ci_mcp.core.provider import Api, Hooks
from ci_mcp.core.services import Services
from ci_mcp.core.shapes import Failure, Job, Run, RunQuery
from ci_mcp.core.together import settled
from ci_mcp.errors import CiError, NotFoundError, UnsupportedError
from ci_mcp.logs.clean import Log
from ci_mcp.logs.excerpt import DEFAULT_BUDGET, Excerpt, excerpt
from ci_mcp.logs.search import search
from ci_mcp.status import Status
from ci_mcp.triage.target import Target

MOST_LOGS = 12  # logs read for one explanation; further failed jobs are named
_LEAST = 60  # tokens of an excerpt that still tell something
_ALIKE = 600  # tokens of the excerpts by which failures are told alike
LOOK_BACK = 20  # runs of a branch among which the last green one is looked for
_EXIT = re.compile(r"exit code (\d+)")


@dataclass(frozen=True, slots=True)
class Explained:
    """One failed job, or several that failed in the same way: ``also`` names the others."""

    failure: Failure
    log: Log | None = None
    excerpt: Excerpt | None = None
    step: str = ""
    exit_code: int | None = None
    problem: str = ""
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Story:
    """One run, why its jobs failed, and the last green run of its branch.

    ``unread`` names failed jobs whose logs were left alone, ``notes`` says what the reader must know of the choice,
    ``compared`` whether a green run was looked for.
    """

    target: Target
    run: Run
    explained: Sequence[Explained] = ()
    green: Run | None = None
    unread: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    compared: bool = True


async def gather(
    services: Services, target: Target, budget: int, frame: Callable[[Story], int], *, compare: bool
) -> Story:
    """The story of the run that ``target`` names, in ``budget`` tokens; ``frame`` counts all of it but the excerpts."""
    api, hooks = target.api(services), services.provider(target.provider).hooks
    run, history, notes = await _run(api, hooks, target)
    failures: list[Failure] = []
    green: Run | None = None

    async def look() -> None:
        nonlocal failures
        if hooks.failures and (run.status.bad or target.place.job):
            failures = await hooks.failures(api, run, target.place.job)

    async def look_back() -> None:
        nonlocal green
        if compare and hooks.runs and run.status.bad and run.project:
            green = await _last_green(api, hooks, run, history)

    # The logs come while the reports do; whoever reads one below finds it in the store.
    bad = [job for job in run.jobs if job.status.bad and target.place.job in {"", job.id}]
    calls: list[Callable[[], Awaitable[None]]] = [look, look_back]
    calls += [partial(_prefetch, api, hooks, job) for job in bad[:MOST_LOGS]]
    for result in (await settled(calls))[:2]:  # a log that cannot be had is told with its job
        if isinstance(result, CiError):
            notes.append(str(result))
    chosen, rest = failures[:MOST_LOGS], failures[MOST_LOGS:]
    read = await settled([partial(_read, api, hooks, failure) for failure in chosen])
    explained = [one for one in read if isinstance(one, Explained)]
    # Of jobs that nothing was read of, as requests are few, only the names tell something.
    told = [one for one in explained if _tells(one)] or explained
    unread = [one.failure.job.name for one in explained if one not in told] + [one.job.name for one in rest]
    story = Story(target, run, told, green, tuple(unread), tuple(notes), compare)
    room = max(budget - frame(story), _LEAST * len(told))
    return replace(story, explained=await anyio.to_thread.run_sync(_excerpts, told, room))


def _tells(one: Explained) -> bool:
    known = one.log or one.problem or one.failure.reason or one.failure.tests or one.step
    return bool(known) or one.exit_code is not None


async def _run(api: Api, hooks: Hooks, target: Target) -> tuple[Run, list[Run], list[str]]:
    """The run to tell of, all known runs of its branch (none: they were not asked for), and what to note."""
    if hooks.run is None or hooks.runs is None:
        raise UnsupportedError(f"{target.provider} has no runs to explain")
    if target.place.run:
        return await hooks.run(api, target.place.run), [], []
    notes: list[str] = []
    query = RunQuery(project=target.place.project, branch=target.place.branch, commit=target.commit, limit=LOOK_BACK)
    found = await hooks.runs(api, query)
    if not found and target.commit:
        found = await hooks.runs(api, replace(query, commit=""))
        notes.append(f"no run of HEAD ({target.commit[:10]}) was found: this is the newest run of the branch")
    if not found:
        where = target.place.project + (f"@{target.place.branch}" if target.place.branch else "")
        raise NotFoundError(f"{where} has no runs", "name another branch, or paste the URL of a run")
    history = [] if query.commit and not notes else found
    return await hooks.run(api, found[0].id), history, notes


async def _last_green(api: Api, hooks: Hooks, run: Run, history: list[Run]) -> Run | None:
    def before(runs: list[Run]) -> Run | None:
        alike = (one for one in runs if (one.branch, one.series) == (run.branch, run.series))
        green = (one for one in alike if one.status is Status.PASSED)
        return next((one for one in green if not (one.created and run.created) or one.created < run.created), None)

    found = before(history)
    # Where each status costs a request, a provider leaves some unknown: one of them may be the green one.
    whole = 0 < len(history) < LOOK_BACK and all(one.status is not Status.UNKNOWN for one in history)
    if found is None and hooks.runs is not None and not whole:
        query = RunQuery(project=run.project, branch=run.branch, status=Status.PASSED, limit=LOOK_BACK)
        found = before(await hooks.runs(api, query))
    return found


async def _fetch(api: Api, hooks: Hooks, job: Job) -> Log | None:
    """A job's log from the store, which asks for it once however often it is wanted; close it."""
    if not job.log_id or hooks.log is None:
        return None
    fetch: partial[AsyncIterator[bytes]] = partial(hooks.log, api, job.log_id)
    return await api.store.log(f"{api.host} {job.log_id}", fetch, finished=job.status.finished)


async def _prefetch(api: Api, hooks: Hooks, job: Job) -> None:
    log = await _fetch(api, hooks, job)
    if log is not None:
        log.close()


async def _read(api: Api, hooks: Hooks, failure: Failure) -> Explained:
    told = next((step for step in failure.job.steps if step.status.bad), None)
    step, code = (told.name, told.exit_code) if told else ("", None)
    try:
        log = await _fetch(api, hooks, failure.job)
    except CiError as error:
        return Explained(failure, step=step, exit_code=code, problem=str(error))
    if log is None:
        return Explained(failure, step=step, exit_code=code)
    if told is None:
        step, code = await anyio.to_thread.run_sync(_failed_step, log)
    return Explained(failure, log=log, step=step, exit_code=code)


def _failed_step(log: Log) -> tuple[str, int | None]:
    """The first step of a log that ended badly, and its exit code."""
    found = search(log, r"^##\[error\]Process completed with exit code \d+", context=0, limit=1)
    if not found.lines:
        return "", None
    code = _EXIT.search(found.lines[0].text)
    return found.lines[0].group, int(code.group(1)) if code else None


def _excerpts(explained: list[Explained], budget: int) -> list[Explained]:
    """Excerpts of every log within the budget; jobs that failed in the same way become one."""
    with ExitStack() as logs:
        for one in explained:
            if one.log:
                logs.enter_context(one.log)
        return [replace(one, log=None) for one in _fold(explained, budget)]


def _fold(explained: list[Explained], budget: int) -> list[Explained]:
    folded: dict[str, Explained] = {}
    for number, one in enumerate(explained):
        # Told alike by excerpts of one size: what little room there may be in the end would hide what they share.
        alike = _excerpt(one.log, _ALIKE).signature if one.log else one.failure.reason or one.problem
        first = folded.setdefault(alike or str(number), one)
        if first is not one:
            folded[alike] = replace(first, also=(*first.also, one.failure.job.name))
    share = _share(list(folded.values()), budget)
    return [replace(one, excerpt=_excerpt(one.log, share)) if one.log else one for one in folded.values()]


def _share(explained: list[Explained], budget: int) -> int:
    """The tokens that each log may take; a job without one takes none."""
    return budget // max(1, sum(one.log is not None for one in explained))


def _excerpt(log: Log, budget: int) -> Excerpt:
    """The lines that say why, no more than make the cause clear: room that is left is left."""
    return excerpt(log, min(budget, DEFAULT_BUDGET), fill=False)
