"""What triage asks of runs: the newest of a project, one with its jobs, why it failed, and again."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

import anyio

from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Failure, Run, RunQuery
from ci_mcp.core.together import together
from ci_mcp.core.wire import text
from ci_mcp.errors import CiError, NotFoundError, UsageError
from ci_mcp.providers.semaphore import failures as why
from ci_mcp.providers.semaphore import (
    grouping,
    ids,
    pipelines,
    read,
    reasons,
    reports,
    unbuilt,
    waiting,
    wire,
    workflows,
)
from ci_mcp.providers.semaphore.failures import Detailed
from ci_mcp.providers.semaphore.records import Workflow
from ci_mcp.providers.semaphore.reports import Listing
from ci_mcp.providers.semaphore.wire import Json
from ci_mcp.status import Status

Call = Callable[[], Awaitable[None]]

_LOOK_BACK: Final = 3  # pages of 100 pipelines that are searched while nothing has been found
_DETAILED: Final = 4  # pipelines of a workflow whose jobs are read
_REBUILDS: Final = 5  # failed pipelines of a workflow that are run again at once
_NICETY: Final = 2.0  # seconds that a project's name may take: its id says the same


class WorkflowRun(Run):
    """A run that remembers what it was made from, so that `failures` does not ask for it again.

    ``read`` has the pipelines that count, ``asked`` the one whose page was given, ``listing`` the run's test reports.
    """

    __slots__ = ("asked", "listing", "read")
    read: Sequence[Detailed]
    asked: Detailed | None
    listing: Listing | None


async def runs(api: Api, query: RunQuery) -> list[Run]:
    """Runs of a project, newest first.

    Route: GET /pipelines?project_id=…, one page of 100 pipelines; more only while nothing has been found.
    """
    there, named = ids.project(api, query.project)
    params = {"project_id": await read.project_id(there, named), "branch_name": query.branch}
    found = workflows.Runs(there, params)
    keep = workflows.wanted(query.status or "", query.commit)
    name = read.project_name(there, named)
    cursor = ""
    with read.explained(there, "project", named):
        for _ in range(_LOOK_BACK):
            page = await found.search(cursor=cursor, limit=query.limit, keep=keep, max_pages=1 if keep else 10)
            if page.items or not page.next:
                break
            cursor = page.next
        unwanted = "" if page.items or keep or not query.branch else await unbuilt.why(there, named, query.branch)
    if unwanted:
        raise NotFoundError(f"there is no run of {query.branch}: {unwanted}", "change that in the project's settings")
    return [_run(there, workflow, name) for workflow in page.items]


def _run(api: Api, found: Workflow, project: str) -> Run:
    return Run(**_facts(api, found, project))


def _facts(api: Api, found: Workflow, project: str) -> dict[str, Any]:
    return {
        "status": found.status,
        "id": found.id,
        "project": project,
        "word": found.word,
        "branch": found.branch,
        "commit": found.commit,
        "title": found.title,
        "actor": found.requester,
        "url": read.web(api, f"workflows/{found.id}"),
        "created": found.created,
        "finished": found.finished,
        "duration": found.duration,
        "reason": found.reason,
    }


async def run(api: Api, workflow: str) -> WorkflowRun:
    """A run with the jobs of its pipelines, those that failed first read.

    Where a page of one of its pipelines is given, or a list has just shown some as failed, those are read at
    once, and the test reports too: a round trip less.

    Route: GET /pipelines?wf_id=…; then side by side GET /pipelines/:id?detailed=true for each that
    counts, of a failed run GET /artifacts?scope=workflows, of a green one GET /promotions.
    Raises: NotFoundError: there is no such workflow, or none that the token may see.
    """
    there, named = ids.workflow(api, workflow)
    url = ids.read_url(workflow.strip())
    look = _Look(there, named, url.pipeline if url else "")
    begin: list[Call] = [look.at_pipelines, look.at_names]
    if seen := (look.asked,) if look.asked else read.known_bad(there, named)[:_DETAILED]:
        begin += [*(partial(look.at_seen, pipeline) for pipeline in seen), look.at_reports]
    await together(begin)
    live = grouping.current(look.every)
    telling = sorted(live, key=lambda raw: not wire.pipeline_status(raw).bad)[:_DETAILED]
    then: list[Call] = [partial(look.at_pipeline, text(raw, "ppl_id")) for raw in telling]
    if not look.listing and grouping.standing(live, {}).status is Status.FAILED:
        then.append(look.at_reports)
    elif grouping.standing(live, {}).status is Status.PASSED:
        then.append(partial(look.at_promotions, live))
    await together(then)
    await look.at_queue(live)
    return look.whole(live)


async def poll(api: Api, seen: Run) -> Run:
    """A run that went on when it was last seen, as it stands now: one request while a single pipeline of it goes on.

    Route: GET /pipelines/:id?detailed=true; once that has ended, or of several, what `run` asks for.
    """
    there, named = ids.workflow(api, seen.id)
    known = seen.read if isinstance(seen, WorkflowRun) and hasattr(seen, "read") else ()
    going = [one.id for one in known if not wire.pipeline_status(one.raw).finished]
    if len(going) != 1:
        return await run(there, seen.id)
    look = _Look(there, named, "")
    look.detailed = {one.id: one for one in known if one.id not in going}
    await look.at_seen(going[0])
    now = look.detailed.get(going[0])
    if now is None or wire.pipeline_status(now.raw).finished:
        return await run(there, seen.id)
    look.every = [now.raw if one.id == now.id else one.raw for one in known]
    return look.whole(look.every)


class _Look:
    """What has been read of a run so far."""

    def __init__(self, api: Api, workflow: str, asked: str) -> None:
        self.api, self.workflow, self.asked = api, workflow, asked
        self.every: Sequence[Json] = ()
        self.detailed: dict[str, Detailed] = {}
        self.listing: Listing | None = None
        self.waits = ""

    async def at_pipelines(self) -> None:
        self.every = await read.workflow_pipelines(self.api, self.workflow)

    async def at_names(self) -> None:
        if not read.knows_names(self.api):
            with anyio.move_on_after(_NICETY), suppress(CiError):  # the id says the same
                await read.projects_page(self.api, "1")

    async def at_reports(self) -> None:
        self.listing = await reports.listing(self.api, self.workflow)

    async def at_promotions(self, live: Sequence[Json]) -> None:
        self.waits = await waiting.for_promotions(self.api, live)

    async def at_queue(self, live: Sequence[Json]) -> None:
        self.waits = self.waits or await waiting.for_a_turn(self.api, live, self.detailed)

    async def at_seen(self, pipeline: str) -> None:
        with suppress(NotFoundError):  # the list of the run's pipelines decides
            await self.at_pipeline(pipeline)

    async def at_pipeline(self, pipeline: str) -> None:
        if pipeline not in self.detailed:
            raw, blocks = await read.pipeline(self.api, pipeline)
            if text(raw, "wf_id") == self.workflow:
                self.detailed[pipeline] = Detailed(raw, blocks)

    def whole(self, live: Sequence[Json]) -> WorkflowRun:
        """The run as far as it was read."""
        known = [self.detailed.get(text(raw, "ppl_id"), Detailed(raw)) for raw in live]
        blocks = {pipeline.id: pipeline.blocks for pipeline in known}
        record = grouping.workflow_record(self.every, blocks=blocks)
        facts = _facts(self.api, record, read.project_name(self.api, text(self.every[0], "project_id")))
        facts["reason"] = reasons.told(grouping.standing(live, blocks).decider) or self.waits
        jobs = [job for pipeline in known for job in why.jobs(self.api, pipeline, named=len(known) > 1)]
        made = WorkflowRun(**facts, jobs=tuple(jobs))
        object.__setattr__(made, "read", tuple(known))
        object.__setattr__(made, "asked", self.detailed.get(self.asked))
        object.__setattr__(made, "listing", self.listing)
        return made


async def failures(api: Api, asked: Run, job: str) -> list[Failure]:
    """Why the jobs of a run, or one of them, are not green, with the failing tests of their reports.

    A run that came from `run` costs requests for reports only.
    """
    there, named = ids.workflow(api, asked.id)
    whole = asked if isinstance(asked, WorkflowRun) and hasattr(asked, "read") else await run(there, named)
    pipelines = list(whole.read)
    if job and whole.asked and whole.asked.id not in {pipeline.id for pipeline in pipelines}:
        pipelines.append(whole.asked)  # a rebuild has taken its place, but it is what was asked about
    found = [failure for pipeline in pipelines for failure in why.of_pipeline(there, pipeline)]
    if job:
        wanted = ids.job(there, job)[1]
        found = [failure for failure in found if failure.job.id == wanted]
    if not any(failure.job.status is Status.FAILED for failure in found):
        return found
    listing = whole.listing or await reports.listing(there, named)
    return await why.with_tests(there, named, pipelines, found, listing)


async def rerun(api: Api, workflow: str, failed_only: bool) -> str:
    """Start a run again: its failed blocks within the same workflow, or all of it as a new one.

    Route: POST /pipelines/:id/partial_rebuild or POST /plumber-workflows/:id/reschedule.
    Raises: UsageError: nothing of it has failed.
    """
    there, named = ids.workflow(api, workflow)
    if not failed_only:
        return (await workflows.rerun(there, named)).workflow
    live = grouping.current(await read.workflow_pipelines(there, named))
    failed = [raw for raw in live if wire.pipeline_status(raw) in {Status.FAILED, Status.CANCELED}]
    if not failed:
        raise UsageError(f"no pipeline of run {named} has failed", "run all of it again, or wait until it ends")
    for raw in failed[:_REBUILDS]:
        await pipelines.rebuild(there, text(raw, "ppl_id"), named)
    return named
