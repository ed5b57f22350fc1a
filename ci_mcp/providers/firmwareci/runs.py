"""Runs as triage sees them: a FirmwareCI run is one job, a project's runs are the jobs of its workflows."""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import anyio.to_thread

from ci_mcp.core import shapes
from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import HIDDEN, Failure, Run, RunQuery, Step
from ci_mcp.core.together import together
from ci_mcp.core.wire import part
from ci_mcp.errors import CiError, UnsupportedError
from ci_mcp.logs.clean import Log
from ci_mcp.logs.search import search
from ci_mcp.logs.text import clean_text
from ci_mcp.providers.firmwareci import ids, jobs, logs, projects, wire, workflows
from ci_mcp.providers.firmwareci.ask import listed
from ci_mcp.providers.firmwareci.projects import by_id
from ci_mcp.providers.firmwareci.read import Json
from ci_mcp.providers.firmwareci.records import Job
from ci_mcp.status import Status

_APART: Final = 4  # workflows of a project up to which each one's jobs are asked for by themselves
_PAGE: Final = 50
_PAGES: Final = 4
_NAMES: Final = 8
_LINE: Final = 500  # characters of an error or name
_BEGINNING: Final = datetime.fromtimestamp(0, UTC)
_WORDS: Final = {
    Status.PASSED: ("succeeded",),
    Status.FAILED: ("failed",),
    Status.CANCELED: ("aborted",),
    Status.RUNNING: ("preparing", "running"),
    Status.QUEUED: ("queued",),
}
_EXIT: Final = re.compile(r"exit code (\d+)")
_LAB: Final = re.compile(
    r"\b(?:no|not enough) (?:free |available |matching |idle )*(?:duts?|devices?|runners?|agents?)\b"
    r"|\b(?:duts?|devices?|runner|agent|lab|host)\b.{0,60}\b(?:offline|unreachable|unavailable|disconnected|lost|busy"
    r"|not (?:available|reachable|responding|found))\b"
    r"|\breserv(?:e|ation|ing)\b|\b(?:no route to|could not connect to|connection refused by) (?:host|dut|agent)\b",
    re.IGNORECASE,
)


async def runs(api: Api, query: RunQuery) -> list[Run]:
    """Jobs of a project, those of the newest request first, and among one request's the failed ones first.

    From: fwci_list_projects, fwci_list_workflows, fwci_list_jobs.

    Raises:
        NotFoundError: there is no such project.
    """
    project = await projects.find(api, query.project)
    found = [wire.job(api, raw) for raw in await _jobs(api, project.id, query)]
    wanted = [one for one in found if query.commit in {"", one.commit}]
    made: list[Run] = [replace(as_run(one), project=line(project.name)) for one in _in_order(wanted)]
    return [run for run in made if query.status in {None, run.status}][: query.limit]


async def _jobs(api: Api, project: str, query: RunQuery) -> list[Json]:
    filters = {"status": jobs.by_status(_WORDS.get(query.status, ()) if query.status else ())}
    limit = max(query.limit, _PAGE)  # a request's jobs come together, and are put in order together
    if await jobs.takes_project(api):
        page = await listed(api, jobs.LIST, "jobs", {**filters, "project": by_id("project", project)}, limit=limit)
        return list(page.items)
    own = await workflows.of_project(api, project)
    if len(own) > _APART:
        more = await jobs.of(api, project)
        page = await listed(api, jobs.LIST, "jobs", {**filters, **more}, limit=limit, max_pages=_PAGES)
        return list(page.items)
    calls = [
        partial(listed, api, jobs.LIST, "jobs", {**filters, "workflow": by_id("workflow", one.id)}, limit=limit)
        for one in own
    ]
    return [raw for page in await together(calls) for raw in page.items]


def _when(job: Job) -> datetime:
    return job.created or job.started or _BEGINNING


def _in_order(found: Sequence[Job]) -> list[Job]:
    newest: dict[str, datetime] = {}
    for one in found:
        request = one.request or one.id
        newest[request] = max(newest.get(request, _BEGINNING), _when(one))
    bad = {job.id for job in found if job.status.bad}
    order = sorted(found, key=_when, reverse=True)
    return sorted(
        order,
        key=lambda job: (newest[job.request or job.id], job.request, job.id in bad, not job.status.finished),
        reverse=True,
    )


def line(text: str) -> str:
    """A text of FirmwareCI's on one line, as what it stands in is no fence."""
    return clean_text(" ".join(text.split()))[:_LINE]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRun(Run):
    """A run of one job: with its error, and with its request and workflow's id, to tell what failed beside it."""

    error: str = field(default="", metadata=HIDDEN)
    request: str = field(default="", metadata=HIDDEN)
    workflow: str = field(default="", metadata=HIDDEN)


def as_run(job: Job) -> JobRun:
    """A job as a run of one job; jobs of one test are compared with each other."""
    return JobRun(
        status=job.status,
        id=job.id,
        project=line(job.project),
        word=line(job.word),
        commit=job.commit,
        title=line(" / ".join(dict.fromkeys(filter(None, (job.workflow, job.name))))),
        url=job.url,
        created=job.created or job.started,
        finished=job.finished,
        duration=job.duration,
        reason="" if job.started else line(job.error),  # else it is told with the job
        error=line(job.error),
        jobs=(as_job(job),),
        series=f"{job.workflow_id or job.workflow} {job.name}",
        request=job.request,
        workflow=job.workflow_id,
    )


def as_job(job: Job) -> shapes.Job:
    """A job as triage sees it."""
    return shapes.Job(
        status=job.status,
        name=line(job.name),
        id=job.id,
        word=line(job.word),
        block=line(job.workflow),
        url=job.url,
        started=job.started,
        finished=job.finished,
        log_id=job.id if job.started or job.status in {Status.PASSED, Status.FAILED} else "",
    )


async def run(api: Api, identity: str) -> Run:
    """One job as a run; where its record names no project, its workflow's is told.

    From: fwci_get_job, fwci_get_workflow.

    Raises:
        NotFoundError: there is no such job.
        UsageError: the text names no job.
    """
    found = wire.job(api, await jobs.raw_job(api, ids.job(identity)))
    return as_run(replace(found, project=await _project(api, found)))


async def _project(api: Api, job: Job) -> str:
    """The name (or id) of a job's project; empty where nothing tells it."""
    try:
        of_workflow = await workflows.described(api, job.workflow_id) if job.workflow_id and not job.project else None
        found = job.project or (of_workflow.project if of_workflow else "")
        return line((await projects.find(api, found)).name) if ids.is_id(found) else found
    except CiError:
        return job.project  # it only adds to what is told of the job


async def failures(api: Api, of: Run, job: str) -> list[Failure]:
    """Why a job is not green: its failing step, from its log, what FirmwareCI says, and what failed beside it.

    From: fwci_get_job_logs, fwci_list_jobs.
    """
    return [await _failure(api, one, of) for one in of.jobs if one.status.bad and job in {"", one.id}]


async def _beside(api: Api, of: Run) -> str:
    """In words, which other jobs of the same request failed; empty where none did or nothing tells."""
    if not isinstance(of, JobRun) or not of.request or not of.workflow:
        return ""
    filters = {"status": jobs.by_status(_WORDS[Status.FAILED]), "workflow": by_id("workflow", of.workflow)}
    try:
        page = await listed(api, jobs.LIST, "jobs", filters, limit=_PAGE)
    except CiError:
        return ""
    others = [wire.job(api, raw) for raw in page.items]
    names = [line(one.name) for one in others if one.request == of.request and one.id != of.id]
    if not names:
        return ""
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    return f"of the same job request failed, too: {', '.join(names[:_NAMES])}{more}"


async def _failure(api: Api, job: shapes.Job, of: Run) -> Failure:
    said = of.error if isinstance(of, JobRun) else of.reason
    reason = said
    if job.status is Status.CANCELED:
        reason = reason or "it was aborted"
    elif not job.log_id:
        reason = f"it never started: {reason}" if reason else "it never started"
    lab = bool(_LAB.search(said))
    calls: list[Callable[[], Awaitable[Any]]] = [partial(_failed_step, api, job), partial(_beside, api, of)]
    step, beside = await together(calls)
    if step is not None:
        job = replace(job, steps=(step,))
    return Failure(job=job, reason="; ".join(filter(None, (reason, beside))), infrastructure=lab)


async def _failed_step(api: Api, job: shapes.Job) -> Step | None:
    if not job.log_id:
        return None
    fetch = partial(logs.log, api, job.log_id)
    try:
        log = await api.store.log(f"{api.host} {job.log_id}", fetch, finished=job.status.finished)
    except CiError:
        return None  # triage reads the log, too, and tells why it cannot
    with log:
        return await anyio.to_thread.run_sync(_marked, log)


def _marked(log: Log) -> Step | None:
    """The first step that the log marks as failed."""
    found = search(log, r"^##\[error\](Process completed|Step failed)", context=0, limit=1)
    if not found.lines or not found.lines[0].group:
        return None
    code = _EXIT.search(found.lines[0].text)
    return Step(status=Status.FAILED, name=found.lines[0].group, exit_code=int(code[1]) if code else None)


async def rerun(api: Api, identity: str, failed: bool) -> str:
    """FirmwareCI's server only reads: what is told is the command that submits the workflow again.

    Raises:
        UnsupportedError: always, with the command.
    """
    del failed
    workflow, inputs = "WORKFLOW", "KEY=PATH"
    try:
        raw = await jobs.raw_job(api, ids.job(identity))
        workflow = wire.job(api, raw).workflow or workflow
        given = part(raw, "binaries") or part(raw, "inputs")
        inputs = " ".join(f"{key}=PATH" for key in given) or inputs
    except CiError:
        pass
    raise UnsupportedError(
        "FirmwareCI's MCP server starts nothing",
        f'submit it with FirmwareCI\'s own command: fwci job {inputs} -w "{workflow}"',
    )
