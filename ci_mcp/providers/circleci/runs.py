"""What triage asks of a run: it with its jobs, and how it stands a little later.

A run is a pipeline, or one of its workflows where a page of that was given (``workflow/ID``).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, Final

from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Job, Run
from ci_mcp.core.together import together
from ci_mcp.errors import CiError, NotFoundError, UsageError
from ci_mcp.providers.circleci import ids, pipelines, read, search, standing, wire, workflows
from ci_mcp.providers.circleci.ids import Named
from ci_mcp.providers.circleci.listing import PipelineRun, of_pipeline, remembering, there_of
from ci_mcp.providers.circleci.wire import Json, text
from ci_mcp.status import Status

Call = Callable[[], Awaitable[None]]

_LIVE: Final = 6  # workflows of a pipeline whose jobs are read, bad ones first


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
    there = there_of(api, listed)
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
    there, raw = there_of(api, seen), going[0]
    several = len(standing.current(seen.workflows)) > 1
    jobs = [_job(there, job, raw, named=several) for job in await read.jobs(there, text(raw, "id"))]
    others = [job for job in seen.jobs if several and job.block != text(raw, "name")]
    now = (*others, *jobs)
    if all(job.status.finished or job.status is Status.BLOCKED for job in jobs) or _bad(now) != _bad(seen.jobs):
        return await run(api, seen.id)
    return remembering(replace(seen, jobs=now), seen.pipeline, seen.workflows)


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
    jobs = tuple(_job(api, job, one, named=len(live) > 1) for one, job in found)
    return of_pipeline(api, raw, every, jobs=jobs)


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
    return of_pipeline(
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
        jobs=tuple(_job(api, job, raw, named=False) for job in found),
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
