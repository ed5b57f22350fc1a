"""Runs of a project, newest first: by a search, or by lists, with the status of those that are worth asking."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, Final

import anyio

from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Run, RunQuery
from ci_mcp.core.together import together
from ci_mcp.errors import CiError
from ci_mcp.providers.circleci import ids, pipelines, read, search, standing, wire
from ci_mcp.providers.circleci.wire import Json, text
from ci_mcp.status import Status

_LOOKED: Final = 3  # pipelines asked for their workflows while one with a status is looked for
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
    calls: list[Callable[[], Awaitable[None]]] = [asking.search]
    handed, served = read.was_listed(there, project, query.branch), read.serves_v3(there)
    waits = query.whole and (handed or not read.known_project_id(there, project))
    if served is None or (served and waits):
        calls.append(asking.look)
        if query.whole and not handed and not ids.slug(query.project):
            calls.append(asking.guess)  # the look-up of its name was a round trip more
    await together(calls)
    if asking.searched is not None:
        return await _refined(there, _with_newest(asking.searched, asking.newest, query), query)
    if asking.listed is not None:
        return asking.listed
    page = asking.page or await _page(there, project, query)
    return await _statuses(there, page, query, {one.id: one for one in asking.newest})


class _Asking:
    """One question for runs: the search, and what is read beside it."""

    def __init__(self, api: Api, project: str, query: RunQuery) -> None:
        self.api, self.project, self.query = api, project, query
        self.searched: list[Run] | None = None
        self.page: list[Json] = []
        self.listed: list[Run] | None = None
        self.newest: list[Run] = []
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
                self.listed = await _statuses(self.api, self.page, self.query, {})
            elif self.page:
                self.newest = [await _with_workflows(self.api, self.page[0])]
        for one in (self.listed or self.newest)[:1]:
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
    found = read.handed_on(api, project, query.branch)
    if found is None:
        with read.explained(api, "project", project):
            found, _ = await read.page(api, path, "pipelines", {"branch": query.branch}, "")
    return [raw for raw in found if pipelines.commit_of(raw).startswith(query.commit)]


async def _statuses(api: Api, found: Sequence[Json], query: RunQuery, told: Mapping[str, Run]) -> list[Run]:
    """Listed pipelines as runs, those with their status that are worth a request each; some have been told already."""
    if query.status is not None and query.statuses:
        some = await together([partial(_with_workflows, api, raw) for raw in found[:_LOOKED]])
        return [one for one in some if one.status is query.status][: query.limit]
    newest: dict[str, str] = {}
    for raw in found:
        newest.setdefault(pipelines.branch_of(raw), text(raw, "id"))
    looked = set(list(newest.values())[: _BRANCHES if query.statuses else 0])
    chosen = found[: query.limit]

    async def one(raw: Json) -> Run:
        known = text(raw, "id")
        if known in told:
            return told[known]
        return await (_with_workflows if known in looked or standing.errors(raw) else _without)(api, raw)

    return await together([partial(one, raw) for raw in chosen])


async def _with_workflows(api: Api, raw: Json) -> Run:
    return of_pipeline(api, raw, await pipelines.workflows_of(api, raw))


async def statuses(api: Api, listed: Sequence[Run]) -> list[Run]:
    """The same runs, those whose status a list has left open with it.

    Route: GET /api/v2/pipeline/{id}/workflow for each of them.
    """

    async def look(one: Run) -> Run:
        if isinstance(one, PipelineRun) and one.status is Status.UNKNOWN and not one.workflows:
            return await _with_workflows(there_of(api, one), one.pipeline)
        return one

    return await together([partial(look, one) for one in listed])


async def _without(api: Api, raw: Json) -> Run:
    return of_pipeline(api, raw, (), status=Status.UNKNOWN, word="not looked up", reason="")


def of_pipeline(api: Api, raw: Json, found: Sequence[Json], **more: Any) -> PipelineRun:
    """A pipeline and its workflows as a run; ``more`` are fields that are told otherwise."""
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
    return remembering(PipelineRun(**about | base | more), raw, found)


def remembering(made: PipelineRun, raw: Json, found: Sequence[Json]) -> PipelineRun:
    """A run with what it was made from."""
    for name, value in (("pipeline", raw), ("workflows", found), ("jobs_read", {})):
        _remember(made, name, value)
    return made


def _remember(made: Run, name: str, value: object) -> None:
    object.__setattr__(made, name, value)


def there_of(api: Api, seen: Run) -> Api:
    """The Api of the host that a run is of."""
    return ids.there(api, ids.read_url(seen.url) or ids.Named())
