"""Pipelines: found, read, started, paused; and what starts them by itself."""

from collections.abc import Sequence
from contextlib import aclosing
from typing import Annotated, Any, Final

import yaml
from pydantic import Field

from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Changed, Cursor, Limit, Page
from ci_mcp.errors import BadAnswerError, UsageError
from ci_mcp.logs.text import clean_text
from ci_mcp.net.pages import collect, walk
from ci_mcp.providers.pocketci import ids, read, side, wire
from ci_mcp.providers.pocketci.provider import provider
from ci_mcp.providers.pocketci.records import Pipeline, PipelineDetails, Schedule, Started
from ci_mcp.providers.pocketci.side import ShutError
from ci_mcp.providers.pocketci.wire import Json, text

PipelineName = Annotated[str, Field(min_length=1, max_length=300, description="Pipeline name, id or web URL")]
Texts = tuple[Annotated[str, Field(max_length=4000)], ...]

_LOOKS: Final = 3  # runs that are looked at for the names of jobs
_SOURCE: Final = 300_000  # characters of a source that is parsed for its jobs


@provider.read(core=True)
async def pipelines_list(api: Api, limit: Limit = 20, cursor: Cursor = "") -> Page[Pipeline]:
    """Pipelines of the server by name, the newest first; sources left out.

    Route: GET /api/pipelines.
    Raises: AuthError: the server wants a login.
    """
    return _shown(await collect(read.pipelines(api), cursor=cursor, limit=limit))


def _shown(page: Page[Json], note: str = "") -> Page[Pipeline]:
    items = [Pipeline(**_facts(raw)) for raw in page.items]
    return Page(items, page.next, note="; ".join(filter(None, (note, page.note))), after=page.after)


def _facts(raw: Json) -> dict[str, Any]:
    return {
        "name": text(raw, "name"),
        "id": text(raw, "id"),
        "paused": raw.get("paused") is True or None,
        "source": text(raw, "content_type"),
        "driver": text(raw, "driver"),
        "concurrency": text(raw, "concurrency_mode"),
        "updated": wire.when(raw.get("updated_at")),
    }


@provider.read()
async def pipelines_search(
    api: Api,
    query: Annotated[str, Field(min_length=1, max_length=300, description="Beginnings of words")],
    limit: Limit = 20,
    cursor: Cursor = "",
) -> Page[Pipeline]:
    """Pipelines whose name or source has all these words, with their driver.

    Route: the MCP tool search_pipelines; where that is shut, GET /api/pipelines, searched here.
    """
    try:
        return _shown(await collect(read.pipelines_like(api, query), cursor=cursor, limit=limit))
    except ShutError:
        words = query.lower().split()
        page = await collect(read.pipelines(api), cursor=cursor, limit=limit, keep=lambda raw: _has(raw, words))
        return _shown(page, "searched here, as /mcp is shut to this token; drivers are not known")


def _has(raw: Json, words: Sequence[str]) -> bool:
    inside = f"{text(raw, 'name')}\n{text(raw, 'content')}".lower()
    return all(word in inside for word in words)


@provider.read()
async def pipelines_describe(
    api: Api, pipeline: PipelineName, source: Annotated[bool, Field(description="Also the source")] = False
) -> PipelineDetails:
    """One pipeline: its jobs, concurrency, who may see it; the source only on request.

    Route: GET /api/pipelines/{id}.
    Raises: NotFoundError: there is none of that name, or none that this login may see.
    """
    raw = await read.pipeline(api, pipeline)
    content = text(raw, "content")
    return PipelineDetails(
        **_facts(raw),
        jobs=tuple(jobs_of(raw) or ()),
        resumes=raw.get("resume_enabled") is True or None,
        group=text(raw, "concurrency_group_template"),
        cancels_running=raw.get("concurrency_cancel_running") is True or None,
        rules=text(raw, "rbac_expression"),
        created=wire.when(raw.get("created_at")),
        url=ids.pipeline_web(api, text(raw, "id")),
        characters=len(content),
        content=content if source else "",
    )


def jobs_of(pipeline: Json) -> list[str] | None:
    """The names of a pipeline's jobs, from its source; ``None`` where that cannot be told."""
    content = text(pipeline, "content")
    if text(pipeline, "content_type") not in {"yaml", ""} or len(content) > _SOURCE:
        return None
    try:
        found = yaml.load(content, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - a safe loader
    except (yaml.YAMLError, RecursionError, ValueError):
        return None
    jobs = found.get("jobs") if isinstance(found, dict) else None
    return [clean_text(text(job, "name")) for job in wire.parts(jobs)] if isinstance(jobs, list) else None


@provider.write(starts=True)
async def pipelines_run(
    api: Api,
    pipeline: PipelineName,
    arguments: Annotated[Texts, Field(max_length=100, description="Arguments of the pipeline")] = (),
    jobs: Annotated[Texts, Field(max_length=50, description="Only these jobs")] = (),
) -> Started:
    """Starts a run of a pipeline, of all its jobs or only some, and returns its id.

    The server starts a run whatever it is told, so what cannot work is refused here.
    Route: POST /api/pipelines/{id}/trigger. It is never sent twice.
    Raises: UsageError: the pipeline is paused, or has no such job. RateLimitedError: the server's queue is full.
    """
    raw = await read.pipeline(api, pipeline)
    if raw.get("paused") is True:
        raise UsageError(f"pipeline {text(raw, 'name')} is paused", _unpause(text(raw, "name")))
    if jobs:
        await _check_jobs(api, raw, jobs)
    return await start(api, text(raw, "id"), arguments, jobs)


def _unpause(pipeline: str) -> str:
    return f'unpause it: pocketci_pipelines_update(pipeline="{clean_text(pipeline)}", paused=false)'


async def _check_jobs(api: Api, raw: Json, jobs: Sequence[str]) -> None:
    known = jobs_of(raw)
    if known is None:
        known = await _jobs_of_newest(api, text(raw, "id"))
    missing = [job for job in jobs if job not in known]
    if missing:
        named = ", ".join(repr(job[:80]) for job in missing[:5])
        step = f"its jobs are {', '.join(known[:20])}" if known else "leave jobs out: it has none that can be told"
        raise UsageError(f"pipeline {text(raw, 'name')} has no job {named}", step)


async def _jobs_of_newest(api: Api, pipeline: str) -> list[str]:
    """The jobs of the newest run that was of all jobs and has any, of a few."""
    looks = _LOOKS
    async with aclosing(walk(read.runs(api, pipeline), max_pages=1)) as found:
        async for run in found:
            if wire.part(run, "trigger_input").get("jobs"):
                continue
            rows = await read.rows_of(api, ids.own(run))
            looks -= 1
            names = [row.job for row in rows if row.kind == "job"]
            if names or not looks:
                return names
    return []


async def start(
    api: Api, pipeline: str, arguments: Sequence[str] = (), jobs: Sequence[str] = (), webhook: Json | None = None
) -> Started:
    """Start a run; the server answers 202 also where its rules of concurrency have skipped or failed it at once."""
    body: dict[str, Any] = {"mode": "webhook" if webhook else "args" if arguments else "manual"}
    body |= {"args": list(arguments)} if arguments else {}
    body |= {"jobs": list(jobs)} if jobs else {}
    body |= {"webhook": dict(webhook)} if webhook else {}
    path = f"/api/pipelines/{pipeline}/trigger"
    found = await side.post(api, path, f"pipeline {pipeline}", body, instead=_unpause(pipeline))
    run = text(found, "run_id")
    if not ids.is_run(run):
        raise BadAnswerError("the server did not say what it started", "see the newest run of the pipeline")
    status = wire.STATUSES.get(text(found, "status"))
    ended = f'its rules of concurrency ended it at once: pocketci_runs_describe(run="{run}")'
    note = ended if status and status.finished else ""
    return Started(id=run, status=status, note=note, url=ids.run_web(api, run))


@provider.write(idempotent=True)
async def pipelines_update(
    api: Api, pipeline: PipelineName, paused: Annotated[bool, Field(description="True stops new runs")]
) -> Changed:
    """Pauses a pipeline, so that nothing starts it, or unpauses it.

    Route: POST /api/pipelines/{id}/pause, /unpause.
    Raises: NotFoundError: there is no such pipeline.
    """
    known = await read.pipeline_id(api, pipeline)
    verb = "pause" if paused else "unpause"
    found = await side.post(api, f"/api/pipelines/{known}/{verb}", f"pipeline {pipeline[:80]}")
    note = text(found, "message") or f"pipeline {verb}d"
    return Changed(id=known, note=note, url=ids.pipeline_web(api, known))


@provider.read()
async def schedules_list(api: Api, pipeline: PipelineName) -> Page[Schedule]:
    """Schedules of a pipeline: when each starts it next, and started it last.

    Route: GET /api/pipelines/{id}/schedules.
    Raises: NotFoundError: there is no such pipeline.
    """
    known = await read.pipeline_id(api, pipeline)
    found = await side.get(api, f"/api/pipelines/{known}/schedules", f"pipeline {pipeline[:80]}")
    return Page([_schedule(raw) for raw in wire.records(found or [], "schedules")])


def _schedule(raw: Json) -> Schedule:
    return Schedule(
        name=text(raw, "name"),
        id=text(raw, "id"),
        enabled=raw.get("enabled") is True,
        when=f"{text(raw, 'schedule_type')} {text(raw, 'schedule_expr')}".strip(),
        job=text(raw, "job_name"),
        next=wire.when(raw.get("next_run_at")),
        last=wire.when(raw.get("last_run_at")),
    )
