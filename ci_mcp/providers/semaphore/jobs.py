"""Jobs: listed, read, stopped, and their logs."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Final

from pydantic import Field

from ci_mcp.auth.redact import redact
from ci_mcp.core import logview
from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Around, Cursor, Limit, Page, Prose, Search, Start, Tail
from ci_mcp.core.together import together
from ci_mcp.core.wire import text
from ci_mcp.errors import CiError
from ci_mcp.net.pages import collect
from ci_mcp.providers.semaphore import grouping, ids, logs, read, wire
from ci_mcp.providers.semaphore.pipelines import PipelineName, block_job
from ci_mcp.providers.semaphore.provider import provider
from ci_mcp.providers.semaphore.records import BlockJob, JobDetails, Machine, Stopping
from ci_mcp.providers.semaphore.wire import Json
from ci_mcp.providers.semaphore.workflows import StatusFilter

JobName = Annotated[str, Field(min_length=1, max_length=300, description="Job id or web URL")]
_COMMANDS: Final = 50
_OUTSIDE: Final = 500  # what the service answers for a debug or after-pipeline job
_COMMAND: Final = 500  # characters


@provider.read()
async def jobs_list(
    api: Api, pipeline: PipelineName, status: StatusFilter = "", limit: Limit = 50, cursor: Cursor = ""
) -> Page[BlockJob]:
    """Jobs of a pipeline in the order of their blocks, with status and id.

    Route: GET /pipelines/:id?detailed=true, one request whatever the number of jobs.
    Raises: NotFoundError: there is no such pipeline, or none that the token may see.
    """
    there, named = ids.pipeline(api, pipeline)
    found, blocks = await read.pipeline(there, named)
    jobs = [block_job(job, text(block, "name")) for block in blocks for job in wire.parts(block.get("jobs"))]
    chosen = [job for job in jobs if not status or job.status == status]

    async def fetch(_page: str) -> tuple[list[BlockJob], str | None]:
        return chosen, None

    page = await collect(fetch, cursor=cursor, limit=limit)
    if jobs or not grouping.why(found):
        return page
    return Page(page.items, note=f"no jobs: {grouping.why(found)}")


@provider.read(core=True)
async def jobs_describe(api: Api, job: JobName) -> JobDetails:
    """One job: status and reason, its block, pipeline and run, its agent, and when it waited and ran.

    Values of variables and contents of files are never shown.
    Route: GET /jobs/:id and GET /troubleshoot/job/:id.
    Raises: NotFoundError: there is no such job, or none that the token may see.
    """
    there, named = ids.job(api, job)
    found, more = await together([partial(_job, there, named), partial(trouble, there, named)])
    return _details(there, named, found, more)


async def _job(api: Api, named: str) -> Json:
    with read.explained(api, "job", named):
        return wire.record((await api.get(f"{read.BASE}/jobs/{named}")).json(), "job")


async def trouble(api: Api, named: str, *, strict: bool = False) -> Json:
    """Where a job belongs and why it failed; empty for a job outside blocks, which the service cannot tell of.

    ``strict`` raises what went wrong; otherwise nothing is known then, which is no error.
    """
    try:
        body = (await api.get(f"{read.BASE}/troubleshoot/job/{named}")).json()
    except CiError as error:
        if strict and error.status != _OUTSIDE:
            raise
        return {}
    return body if isinstance(body, dict) and text(part(body, "job"), "id") == named else {}


def part(raw: Mapping[str, Any], key: str) -> Json:
    """An object inside an object; empty where it is absent or null."""
    value = raw.get(key)
    return value if isinstance(value, dict) else {}


def _details(api: Api, named: str, found: Json, more: Json) -> JobDetails:
    about, spec, stands = part(found, "metadata"), part(found, "spec"), part(found, "status")
    job, block, pipeline = part(more, "job"), part(more, "block"), part(more, "pipeline")
    created, started = wire.when(about.get("create_time")), wire.when(about.get("start_time"))
    finished = wire.when(about.get("finish_time"))
    queued = wire.when(job.get("enqueued_at"))
    project = text(spec, "project_id")
    return JobDetails(
        status=wire.status(stands.get("state"), stands.get("result")),
        name=text(about, "name"),
        id=named,
        word=wire.own_word(stands.get("state"), stands.get("result")),
        reason=grouping.said_by(job, "failure_reason"),
        block=text(block, "name"),
        pipeline=text(pipeline, "ppl_id"),
        workflow=text(part(more, "workflow"), "wf_id"),
        project=read.project_name(api, project),
        branch=text(part(more, "workflow"), "branch_name"),
        created=created,
        queued=queued,
        started=started,
        finished=finished,
        waited=wire.seconds_between(queued or created, started),
        duration=wire.seconds_between(started, finished),
        machine=_machine(spec, part(stands, "agent"), job),
        commands=_commands(spec, "commands"),
        epilogue=_commands(spec, "epilogue_commands", "epilogue_always_commands", "epilogue_on_fail_commands"),
        environment=_names(spec.get("env_vars"), "name"),
        secrets=_names(spec.get("secrets"), "name"),
        files=_names(spec.get("files"), "path"),
        url=read.web(api, f"jobs/{named}"),
    )


def _machine(spec: Json, agent: Json, job: Json) -> Machine:
    wanted = part(spec, "agent")
    machine = part(wanted, "machine")
    return Machine(
        type=text(machine, "type"),
        image=text(machine, "os_image"),
        agent=text(job, "agent_name") or text(agent, "name"),
        self_hosted=job.get("is_self_hosted") is True,
        containers=_names(wanted.get("containers"), "image"),
    )


def _commands(spec: Json, *keys: str) -> tuple[str, ...]:
    found = [line for key in keys for line in spec.get(key) or () if isinstance(line, str)]
    return tuple(redact(line)[:_COMMAND] for line in found[:_COMMANDS])


def _names(values: Any, key: str) -> tuple[str, ...]:
    return tuple(name for value in wire.parts(values) if (name := text(value, key)))


@provider.read(core=True)
async def jobs_logs(
    api: Api, job: JobName, tail: Tail = 0, search: Search = "", around: Around = 0, start: Start = 0
) -> Prose:
    """The log of a job: its end by default, or the lines that match, or those from or around a line number.

    Route: GET /logs/:job_id (a self-hosted job's through its redirect), GET /jobs/:id.
    Raises: NotFoundError: there is no such job. PermissionDeniedError: the token may not read logs.
    """
    there, named = ids.job(api, job)
    found = await _job(there, named)
    stands = part(found, "status")
    status = wire.status(stands.get("state"), stands.get("result"))
    title = f"Semaphore job {text(part(found, 'metadata'), 'name')!r}, {status}, {read.web(there, f'jobs/{named}')}"
    kept = await there.store.log(f"{there.host} {named}", partial(logs.log, there, named), finished=status.finished)
    with kept:
        return await logview.view(kept, tail=tail, search=search, around=around, start=start, title=title)


@provider.write(destructive=True, idempotent=True)
async def jobs_cancel(api: Api, job: JobName) -> Stopping:
    """Stops one job; it ends a little later.

    Route: GET /jobs/:id, and where it has not ended POST /jobs/:id/stop, whose answer says nothing.
    Raises: NotFoundError: there is no such job, or none that the token may stop.
    """
    there, named = ids.job(api, job)
    stands = part(await _job(there, named), "status")
    status, url = wire.status(stands.get("state"), stands.get("result")), read.web(there, f"jobs/{named}")
    if status.finished:
        return Stopping(id=named, note=f"it had ended before ({status}): nothing was stopped", url=url)
    with read.explained(there, "job", named):
        await there.send("POST", f"{read.BASE}/jobs/{named}/stop", json={})
    return Stopping(id=named, note="it was told to stop", url=url)
