"""What triage asks of runs: the newest of a project, one with its jobs, why it failed, and again."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Final

import anyio

from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Failure, Run, RunQuery
from ci_mcp.errors import CiError, UsageError
from ci_mcp.providers.semaphore import failures as why
from ci_mcp.providers.semaphore import grouping, ids, pipelines, read, reports, wire, workflows
from ci_mcp.providers.semaphore.failures import Detailed
from ci_mcp.providers.semaphore.grouping import text
from ci_mcp.providers.semaphore.records import Workflow
from ci_mcp.providers.semaphore.reports import Listing
from ci_mcp.providers.semaphore.together import together
from ci_mcp.providers.semaphore.wire import Json
from ci_mcp.status import Status

_LOOK_BACK: Final = 3  # pages of 100 pipelines that are searched while nothing has been found
_DETAILED: Final = 4  # pipelines of a workflow whose jobs are read
_REBUILDS: Final = 5  # failed pipelines of a workflow that are run again at once
_NICETY: Final = 2.0  # seconds that a project's name may take: its id says the same


class WorkflowRun(Run):
    """A run that remembers what it was made from, so that `failures` does not ask for it again."""

    __slots__ = ("listing", "read")
    read: Sequence[Detailed]
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

    Route: GET /pipelines?wf_id=…; then side by side GET /pipelines/:id?detailed=true for each that
    counts, and of a failed run GET /artifacts?scope=workflows.
    Raises: NotFoundError: there is no such workflow, or none that the token may see.
    """
    there, named = ids.workflow(api, workflow)
    every = await read.workflow_pipelines(there, named)
    live = grouping.current(every)
    red = grouping.standing(live, {}).status is Status.FAILED
    detailed: dict[str, Detailed] = {}
    found: list[Listing] = []

    async def look(raw: Json) -> None:
        pipeline = Detailed(*await read.pipeline(there, text(raw, "ppl_id")))
        detailed[pipeline.id] = pipeline

    async def look_for_reports() -> None:
        found.append(await reports.listing(there, named))

    telling = sorted(live, key=lambda raw: not wire.pipeline_status(raw).bad)[:_DETAILED]
    calls: list[Callable[[], Awaitable[None]]] = [partial(look, raw) for raw in telling]
    calls += [look_for_reports] if red else []
    calls += [partial(_learn_name, there, text(every[0], "project_id"))]
    await together(calls)
    known = [detailed.get(text(raw, "ppl_id"), Detailed(raw)) for raw in live]
    return _whole(there, every, known, found[0] if found else None)


async def _learn_name(api: Api, project: str) -> None:
    if read.project_name(api, project) == project:
        with anyio.move_on_after(_NICETY):
            try:
                await read.projects_page(api, "1")
            except CiError:
                return  # the id says the same


def _whole(api: Api, every: Sequence[Json], known: Sequence[Detailed], listing: Listing | None) -> WorkflowRun:
    blocks = {pipeline.id: pipeline.blocks for pipeline in known}
    record = grouping.workflow_record(every, blocks=blocks)
    facts = _facts(api, record, read.project_name(api, text(every[0], "project_id")))
    jobs = [job for pipeline in known for job in why.jobs(api, pipeline, named=len(known) > 1)]
    whole = WorkflowRun(**facts, jobs=tuple(jobs))
    object.__setattr__(whole, "read", tuple(known))
    object.__setattr__(whole, "listing", listing)
    return whole


async def failures(api: Api, asked: Run, job: str) -> list[Failure]:
    """Why the jobs of a run, or one of them, are not green, with the failing tests of their reports.

    A run that came from `run` costs requests for reports only.
    """
    there, named = ids.workflow(api, asked.id)
    whole = asked if isinstance(asked, WorkflowRun) and hasattr(asked, "read") else await run(there, named)
    found = [failure for pipeline in whole.read for failure in why.of_pipeline(there, pipeline)]
    if job:
        wanted = ids.job(there, job)[1]
        found = [failure for failure in found if failure.job.id == wanted]
    if not any(failure.job.status is Status.FAILED for failure in found):
        return found
    listing = whole.listing or await reports.listing(there, named)
    return await why.with_tests(there, named, whole.read, found, listing)


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
