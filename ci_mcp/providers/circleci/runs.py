"""What triage asks of runs: the newest of a project, one with its jobs, and again.

A run is a pipeline, or one of its workflows where a page of that was given (``workflow/ID``).
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, Final

import anyio

from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Job, Run, RunQuery
from ci_mcp.core.together import together
from ci_mcp.errors import CiError, NotFoundError, UsageError
from ci_mcp.providers.circleci import ids, pipelines, read, search, standing, wire, workflows
from ci_mcp.providers.circleci.ids import Named
from ci_mcp.providers.circleci.wire import Json, text
from ci_mcp.status import Status

_LIVE: Final = 6  # workflows of a pipeline whose jobs are read, bad ones first
Call = Callable[[], Awaitable[None]]

_LOOKED: Final = 3  # pipelines asked for their workflows while one with a status is looked for
_LOGS: Final = 6  # failed jobs whose logs are read: two requests or more for each
_WORDS: Final = re.compile(r"[-_ ,:/()]+")
_BRANCHES: Final = 8  # branches whose newest pipeline is asked for its workflows


class PipelineRun(Run):
    """A run that remembers what it was made from, so that a `poll` asks only for what goes on."""

    __slots__ = ("jobs_read", "pipeline", "workflows")
    pipeline: Json
    workflows: Sequence[Json]
    jobs_read: Mapping[str, Sequence[Json]]


async def runs(api: Api, query: RunQuery) -> list[Run]:
    """Runs of a project, newest first: by one search where this host serves v3, else by lists.

    Route: POST /api/v3/runs/search; else GET /api/v2/project/{slug}/pipeline and GET /api/v2/pipeline/{id}/workflow,
    which costs a request for each status: of some runs it stays unknown then. Where the search has to wait for the
    project's id, the list tells of the newest run meanwhile.
    Raises: NotFoundError: there is no such project, or none that the token may see.
    """
    there, project = await read.slug(api, query.project)
    asking = _Asking(there, project, query)
    calls = [asking.search]
    if read.serves_v3(there) is None or (query.whole and not read.known_project_id(there, project)):
        calls.append(asking.look)
        if query.whole and not ids.slug(query.project):
            calls.append(asking.guess)  # the look-up of its name was a round trip more
    await together(calls)
    if asking.searched is not None:
        return await _refined(there, _with_newest(asking.searched, asking.listed[:1], query), query)
    if asking.listed:
        return asking.listed
    return await _statuses(there, asking.page or await _page(there, project, query), query)


class _Asking:
    """One question for runs: the search, and what is read beside it."""

    def __init__(self, api: Api, project: str, query: RunQuery) -> None:
        self.api, self.project, self.query = api, project, query
        self.searched: list[Run] | None = None
        self.page: list[Json] = []
        self.listed: list[Run] = []
        self.jobs: dict[str, Sequence[Json]] = {}
        self._searches = False
        self._told = anyio.Event()

    async def search(self) -> None:
        known = await search.project_id(self.api, self.project)
        self._searches = bool(known)
        self._told.set()
        if known:
            self.searched = await search.runs(self.api, self.project, known, self.query)

    async def look(self) -> None:
        """The list, with the status of its newest run, of more of them where there is no search."""
        with suppress(CiError):  # it is asked for again where it is needed
            self.page = await _page(self.api, self.project, self.query)
            await self._told.wait()
            if not self._searches:
                self.listed = await _statuses(self.api, self.page, self.query)
            elif self.page:
                self.listed = [await _with_workflows(self.api, self.page[0])]
        for one in self.listed[:1]:
            _remember(one, "jobs_read", self.jobs)

    async def guess(self) -> None:
        """The jobs of the workflow that a job has run in last, which is likely that of the newest run."""
        with suppress(CiError):
            if flow := await read.last_workflow(self.api, self.project, self.query.branch):
                self.jobs[flow] = await read.jobs(self.api, flow)


def _with_newest(found: list[Run], newest: Sequence[Run], query: RunQuery) -> list[Run]:
    """What was searched, with the newest run as its list and workflows tell it: the search may be late to know it."""
    for one in newest:
        known = [run.id for run in found]
        if one.id in known:
            found[known.index(one.id)] = one
        elif one.created and not any(run.created and run.created > one.created for run in found):
            found.insert(0, one)
    return found[: query.limit]


async def _refined(api: Api, found: list[Run], query: RunQuery) -> list[Run]:
    """The runs, the newest of each branch looked up where it goes on: the search does not tell that it is on hold."""
    newest: dict[str, int] = {}
    for at, one in enumerate(found):
        newest.setdefault(one.branch, at)
    open_ends = [
        at for at in newest.values() if found[at].status is Status.RUNNING and not isinstance(found[at], PipelineRun)
    ][:_BRANCHES]
    if query.status is not None or not query.statuses or not open_ends:
        return found
    lists = await together([partial(read.workflows, api, found[at].id) for at in open_ends])
    for at, every in zip(open_ends, lists, strict=True):
        stands = standing.status({}, every)
        found[at] = replace(found[at], status=stands, word=standing.word({}, every), reason=standing.why({}, every))
    return found


async def _page(api: Api, project: str, query: RunQuery) -> list[Json]:
    path = f"{read.V2}/project/{ids.path(project)}/pipeline"
    with read.explained(api, "project", project):
        found, _ = await read.page(api, path, "pipelines", {"branch": query.branch}, "")
    return [raw for raw in found if pipelines.commit_of(raw).startswith(query.commit)]


async def _statuses(api: Api, found: Sequence[Json], query: RunQuery) -> list[Run]:
    """Listed pipelines as runs, those with their status that are worth a request each."""
    if query.status is not None and query.statuses:
        some = await together([partial(_with_workflows, api, raw) for raw in found[:_LOOKED]])
        return [one for one in some if one.status is query.status][: query.limit]
    newest: dict[str, str] = {}
    for raw in found:
        newest.setdefault(pipelines.branch_of(raw), text(raw, "id"))
    looked = set(list(newest.values())[: _BRANCHES if query.statuses else 0])
    chosen = found[: query.limit]
    calls = [
        partial(_with_workflows if text(raw, "id") in looked or standing.errors(raw) else _without, api, raw)
        for raw in chosen
    ]
    return list(await together(calls))


async def _with_workflows(api: Api, raw: Json) -> Run:
    return _of_pipeline(api, raw, await pipelines.workflows_of(api, raw))


async def statuses(api: Api, listed: Sequence[Run]) -> list[Run]:
    """The same runs, those whose status a list has left open with it.

    Route: GET /api/v2/pipeline/{id}/workflow for each of them.
    """

    async def look(one: Run) -> Run:
        if isinstance(one, PipelineRun) and one.status is Status.UNKNOWN and not one.workflows:
            return await _with_workflows(_there(api, one), one.pipeline)
        return one

    return await together([partial(look, one) for one in listed])


async def _without(api: Api, raw: Json) -> Run:
    return _of_pipeline(api, raw, (), status=Status.UNKNOWN, word="not looked up", reason="")


def _of_pipeline(api: Api, raw: Json, found: Sequence[Json], **more: Any) -> PipelineRun:
    status = standing.status(raw, found)
    facts = pipelines.facts(api, raw)
    ends = [wire.when(one.get("stopped_at")) for one in standing.current(found)]
    known = [end for end in ends if end]
    finished = max(known) if status.finished and known and len(known) == len(ends) else None
    about = {key: facts[key] for key in ("id", "project", "branch", "commit", "title", "actor", "url", "created")}
    base: dict[str, Any] = {
        "status": status,
        "word": standing.word(raw, found),
        "finished": finished,
        "duration": wire.seconds_between(facts["created"], finished),
        "reason": standing.why(raw, found),
    }
    return _remembering(PipelineRun(**about | base | more), raw, found)


def _remembering(made: PipelineRun, raw: Json, found: Sequence[Json]) -> PipelineRun:
    for name, value in (("pipeline", raw), ("workflows", found), ("jobs_read", {})):
        _remember(made, name, value)
    return made


def _remember(made: Run, name: str, value: object) -> None:
    object.__setattr__(made, name, value)


async def run(api: Api, named: str) -> Run:
    """A run with its jobs: of a pipeline those of each workflow's newest attempt, or those of one workflow.

    Route: GET /api/v2/pipeline/{id} (or by number), GET /api/v2/pipeline/{id}/workflow, GET /api/v2/workflow/{id},
    GET /api/v2/workflow/{id}/job.
    Raises: NotFoundError: there is no such run, or none that the token may see.
    """
    there, found = await find(api, named)
    if found.workflow and not found.pipeline:
        return await _workflow_run(there, found)
    try:
        return await _pipeline_run(there, found)
    except NotFoundError:
        if not found.workflow:
            raise
        return await _workflow_run(there, Named(workflow=found.workflow))


async def whole(api: Api, listed: Run) -> Run:
    """A run that `runs` has just listed, with its jobs; its pipeline is not read again.

    Route: GET /api/v2/workflow/{id}/job; GET /api/v2/pipeline/{id}/workflow where the list has not told.
    """
    there = _there(api, listed)
    if isinstance(listed, PipelineRun):
        every = listed.workflows or await pipelines.workflows_of(there, listed.pipeline)
        return await _with_jobs(there, listed.pipeline, every, listed.jobs_read)
    if listed.reason:  # its configuration failed, and only its pipeline tells how
        return await run(api, listed.id)
    return await _with_jobs(there, search.as_pipeline(listed), await read.workflows(there, listed.id))


async def poll(api: Api, seen: Run) -> Run:
    """A run that went on when it was last seen, as it stands now: one request while a single workflow of it goes on.

    Route: GET /api/v2/workflow/{id}/job; once those have ended, or one more has failed, what `run` asks for.
    """
    going = _going(seen)
    if len(going) != 1 or not isinstance(seen, PipelineRun):
        return await run(api, seen.id)
    there, raw = _there(api, seen), going[0]
    several = len(standing.current(seen.workflows)) > 1
    jobs = [_job(there, job, raw, named=several) for job in await read.jobs(there, text(raw, "id"))]
    others = [job for job in seen.jobs if several and job.block != text(raw, "name")]
    now = with_few_logs([*others, *jobs])
    if all(job.status.finished or job.status is Status.BLOCKED for job in jobs) or _bad(now) != _bad(seen.jobs):
        return await run(api, seen.id)
    return _remembering(replace(seen, jobs=now), seen.pipeline, seen.workflows)


def _there(api: Api, seen: Run) -> Api:
    return ids.there(api, ids.read_url(seen.url) or Named())


def _going(seen: Run) -> list[Json]:
    """The workflows of a run that go on by themselves, as far as it remembers them."""
    if not isinstance(seen, PipelineRun) or not hasattr(seen, "workflows"):
        return []
    live = standing.current(seen.workflows)
    return [raw for raw in live if not wire.workflow_status(text(raw, "status")).finished]


def _bad(jobs: Sequence[Job]) -> int:
    return sum(job.status.bad for job in jobs)


async def find(api: Api, text: str) -> tuple[Api, Named]:
    """The Api and the run that a text names; of ``PROJECT#RUN`` the run may be a pipeline's number in that project."""
    project, mark, run = text.rpartition("#")
    if mark and run.isdecimal():
        api, project = await read.slug(api, project)
    wanted = f"{project}/{run}" if mark and run.isdecimal() else run
    for kind in ("pipeline", "workflow"):
        with suppress(UsageError):
            return ids.find(api, text if "://" in text else wanted, kind)
    raise UsageError(f"{text[:80]!r} names no run", "give a pipeline's id or number (gh/owner/repo/25), or a web URL")


async def _pipeline_run(api: Api, named: Named) -> Run:
    raw, every = await pipelines.both(api, named)
    return await _with_jobs(api, raw, every)


async def _with_jobs(
    api: Api, raw: Json, every: Sequence[Json], known: Mapping[str, Sequence[Json]] | None = None
) -> Run:
    live = standing.current(every)
    bad_first = sorted(live, key=lambda one: not wire.workflow_status(text(one, "status")).bad)
    read_of = [text(one, "id") for one in bad_first[:_LIVE]]
    lists = dict(known or {})

    async def read_jobs(workflow: str) -> None:
        lists[workflow] = await read.jobs(api, workflow)

    calls: list[Call] = [partial(read_jobs, one) for one in read_of if one not in lists]
    if standing.status(raw, every).bad:
        calls.append(partial(_prepare, api, ids.slug(text(raw, "project_slug"))))
    await together(calls)
    found = [(one, raw_job) for one in live for raw_job in lists.get(text(one, "id"), [])]
    jobs = with_few_logs([_job(api, job, one, named=len(live) > 1) for one, job in found])
    return _of_pipeline(api, raw, every, jobs=jobs)


async def _workflow_run(api: Api, named: Named) -> Run:
    got: dict[str, Any] = {}

    async def the_workflow() -> None:
        got["workflow"], got["jobs"] = await workflows.with_jobs(api, named.workflow)

    async def the_pipeline(about: Named) -> None:
        got["pipeline"] = await read.pipeline(api, about)

    beside = partial(the_pipeline, Named(project=named.project, number=named.number))
    await together([the_workflow, beside] if named.number else [the_workflow])
    raw, found = got["workflow"], got["jobs"]
    if not named.number:
        failed = wire.workflow_status(text(raw, "status")).bad
        after = [partial(_prepare, api, ids.slug(text(raw, "project_slug")))] if failed else []
        await together([partial(the_pipeline, Named(pipeline=text(raw, "pipeline_id"))), *after])
    pipeline = got["pipeline"]
    about = pipelines.workflow(api, raw)
    return _of_pipeline(
        api,
        pipeline,
        [raw],
        id=f"{ids.WORKFLOW}{about.id}",
        within=text(pipeline, "id"),
        status=about.status,
        word=about.word,
        reason=standing.errors(pipeline) or about.reason,
        url=about.url,
        created=about.created,
        finished=about.finished,
        duration=about.duration,
        jobs=with_few_logs([_job(api, job, raw, named=False) for job in found]),
    )


async def _prepare(api: Api, project: str) -> None:
    """Learn what a search for the runs before a failed one needs, while other things are waited for anyway."""
    if project and not read.known_project_id(api, project):
        with suppress(CiError):
            await search.project_id(api, project)


def _job(api: Api, raw: Json, workflow: Json, *, named: bool) -> Job:
    word = text(raw, "status")
    name = read.job_name(raw)
    number = wire.whole(raw, "job_number")
    status = wire.job_status(word)
    has_log = number is not None and status.bad and bool(text(raw, "started_at"))
    page = pipelines.workflow_url(api, workflow)
    return Job(
        status=status,
        name=text(raw, "name"),
        id=name,
        word=wire.own_word(word),
        block=text(workflow, "name") if named else "",
        url=f"{page}/jobs/{number}" if number is not None and "/pipelines/" in page else page,
        started=wire.when(raw.get("started_at")),
        finished=wire.when(raw.get("stopped_at")),
        log_id=name if has_log else "",
    )


def with_few_logs(found: Sequence[Job]) -> tuple[Job, ...]:
    """The jobs, few of them with a log: those whose names differ most, for variants in a matrix often fail alike."""
    left = [at for at, job in enumerate(found) if job.log_id]
    words = {at: set(enumerate(_WORDS.split(found[at].name))) for at in left}
    seen: set[tuple[int, str]] = set()
    chosen: set[int] = set()
    while left and len(chosen) < _LOGS:
        best = max(left, key=lambda at: len(words[at] - seen))
        seen |= words[best]
        left.remove(best)
        chosen.add(best)
    return tuple(job if at in chosen or not job.log_id else replace(job, log_id="") for at, job in enumerate(found))
