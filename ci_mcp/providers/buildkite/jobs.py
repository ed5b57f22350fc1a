"""Jobs: listed, read, run again, unblocked, and their logs."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from ci_mcp.auth.redact import redact, redact_environment
from ci_mcp.core import logview
from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Around, Changed, Cursor, Limit, Page, Prose, Search, Start, Tail
from ci_mcp.core.together import together
from ci_mcp.errors import NotFoundError, UsageError
from ci_mcp.net.pages import collect, walk
from ci_mcp.providers.buildkite import ids, logs, read, reasons, wire
from ci_mcp.providers.buildkite.builds import BuildName, Pairs, pairs
from ci_mcp.providers.buildkite.ids import Named
from ci_mcp.providers.buildkite.provider import provider
from ci_mcp.providers.buildkite.records import Job, JobDetails, Started, Variable
from ci_mcp.providers.buildkite.wire import Json, text
from ci_mcp.status import Status

JobName = Annotated[str, Field(min_length=1, max_length=400, description="Job id or web URL")]
StatusFilter = Annotated[
    Literal["", "problem", "failed", "running", "queued", "blocked", "passed", "canceled", "never_ran"],
    Field(description="problem: all that is not green"),
]

_STATES: Final = {
    "": (),
    "problem": (*wire.ENDED_BADLY, *wire.NEVER_RAN),
    "failed": ("failed", "timed_out", "expired"),
    "running": ("running", "timing_out", "canceling"),
    "queued": ("pending", "waiting", "limited", "scheduled", "assigned", "accepted"),
    "blocked": ("blocked",),
    "passed": ("passed", "unblocked"),
    "canceled": ("canceled", "canceling"),
    "never_ran": (*wire.NEVER_RAN, "skipped"),
}
_COMMAND: Final = 2000  # characters
_SECRET: Final = ("TOKEN", "SECRET", "KEY", "PASSWORD", "CREDENTIAL", "AUTH", "PASSPHRASE")
_NO_SECRETS: Final = frozenset({"BUILDKITE_STEP_KEY", "BUILDKITE_GROUP_KEY"})
_RETRIES: Final = 20  # jobs run again one by one


@provider.read(core=True)
async def jobs_list(
    api: Api,
    build: BuildName,
    status: StatusFilter = "",
    step: Annotated[str, Field(max_length=200, description="Step key")] = "",
    retried: Annotated[bool, Field(description="Also attempts that were retried since")] = False,
    limit: Limit = 50,
    cursor: Cursor = "",
) -> Page[Job]:
    """Jobs of a build with status, exit status and the reason in words; retried attempts left out by default.

    Route: GET /v2/organizations/{org}/pipelines/{pipeline}/builds/{number}/jobs.
    Raises: NotFoundError: there is no such build, or none that the token may see.
    """
    named = await read.placed(api, ids.build(api, build))
    fetch = listed(api, named, _STATES[status], short, limit=limit, step=step, retried=retried)
    return await collect(fetch, cursor=cursor, limit=limit)


def listed(
    api: Api,
    named: Named,
    states: tuple[str, ...],
    make: Callable[[Json], Any],
    *,
    limit: int = read.MOST,
    step: str = "",
    retried: bool = False,
) -> Any:
    """The pages of a build's jobs. What is left out is said each time: lists and builds have different defaults."""
    params = {"state[]": list(states), "step_key": step, "include_retried_jobs": "true" if retried else "false"}
    path, of = f"{read.BASE}{named.path}/jobs", f"jobs of build {named.build}"
    return read.cursored(api, path, params, make, limit=limit, of=of, scope="read_builds")


def triggered(raw: Json) -> Named | None:
    """The build that a trigger job started."""
    found = wire.part(raw, "triggered_build")
    named = ids.read_url(text(found, "web_url")) or ids.read_url(text(found, "url"))
    return named if named and named.number else None


def short(raw: Json) -> Job:
    """A job of a list."""
    started, child = wire.when(raw.get("started_at")), triggered(raw)
    return Job(
        status=wire.job_status(raw),
        name=wire.job_name(raw),
        id=text(raw, "id"),
        word=wire.job_word(raw),
        exit_status=_telling_exit(raw),
        reason=reasons.why(raw),
        kind=kind(raw),
        step=text(raw, "step_key"),
        group=text(raw, "group_key"),
        retried_as=text(raw, "retried_in_job_id"),
        attempts_before=wire.whole(raw, "retries_count") or None,
        triggered=child.build if child else "",
        started=started,
        duration=wire.seconds_between(started, wire.when(raw.get("finished_at"))),
    )


def _telling_exit(raw: Json) -> int | None:
    return wire.exit_status(raw) or None


def kind(raw: Json) -> str:
    """What a job is where it is not a command: ``waiter``, ``manual``, ``trigger``."""
    found = text(raw, "type")
    return "" if found in {"script", "command"} else found


@provider.read()
async def jobs_describe(api: Api, job: JobName) -> JobDetails:
    """One job: status and the reason in words, what it ran, on which agent, retries, and when it waited and ran.

    Route: GET /v2/organizations/{org}/jobs/{id}.
    Raises: NotFoundError: there is no such job, or none that the token may see.
    """
    named = await read.placed(api, ids.job(api, job))
    return details(await read.job(api, named), named)


def build_of(raw: Json, around: Named) -> Named:
    """The build of a job; its ``build_url`` is one of the API or of the web."""
    found = ids.read_url(text(raw, "build_url")) or ids.read_url(text(raw, "web_url"))
    return found if found and found.number else around


def details(raw: Json, named: Named) -> JobDetails:
    """A job with all that is known of it; of its agent only the name: the rest is about people and addresses."""
    build, child = build_of(raw, named), triggered(raw)
    created, runnable = wire.when(raw.get("created_at")), wire.when(raw.get("runnable_at"))
    started, finished = wire.when(raw.get("started_at")), wire.when(raw.get("finished_at"))
    index, total = wire.whole(raw, "parallel_group_index"), wire.whole(raw, "parallel_group_total")
    return JobDetails(
        status=wire.job_status(raw),
        name=wire.job_name(raw),
        id=text(raw, "id"),
        word=wire.job_word(raw),
        exit_status=wire.exit_status(raw),
        reason=reasons.why(raw),
        infrastructure=reasons.infrastructure(raw),
        kind=kind(raw),
        step=text(raw, "step_key"),
        group=text(raw, "group_key"),
        build=build.build,
        command=redact(text(raw, "command"))[:_COMMAND],
        wants=wire.texts(raw.get("agent_query_rules")),
        agent=text(wire.part(raw, "agent"), "name"),
        cluster=text(raw, "cluster_id"),
        queue=text(raw, "cluster_queue_id"),
        parallel=f"{index + 1} of {total}" if index is not None and total else "",
        matrix=_matrix(raw.get("matrix")),
        retry_of=text(wire.part(raw, "retry_source"), "job_id"),
        retried_as=text(raw, "retried_in_job_id"),
        retry=text(raw, "retry_type") or text(wire.part(raw, "retry_source"), "retry_type"),
        triggered=child.build if child else "",
        created=created,
        runnable=runnable,
        started=started,
        finished=finished,
        waited=wire.seconds_between(runnable or wire.when(raw.get("scheduled_at")) or created, started),
        duration=wire.seconds_between(started, finished),
        unblocked=wire.when(raw.get("unblocked_at")),
        artifacts=tuple(path for path in text(raw, "artifact_paths").split(";") if path),
        url=text(raw, "web_url") or (read.job_web(build, named.job) if build.number else ""),
    )


def _matrix(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}={item}" for key, item in value.items())[:300]
    return str(value)[:300] if value is not None else ""


@provider.read(core=True)
async def jobs_logs(
    api: Api, job: JobName, tail: Tail = 0, search: Search = "", around: Around = 0, start: Start = 0
) -> Prose:
    """The log of a job: its end by default, or the lines that match, or those from or around a line number.

    The end alone is asked for where that is enough, so a long log costs 256 KB.

    Route: GET /v2/organizations/{org}/jobs/{id} and …/log.
    Raises: NotFoundError: there is no such job, or no log. PermissionDeniedError: the token may not read logs.
    """
    named = await read.placed(api, ids.job(api, job))
    raw = await read.job(api, named)
    _has_log(raw, named)
    status = wire.job_status(raw)
    log_id = f"{named.organization}/{named.job}"
    title = f"Buildkite job {wire.job_name(raw)!r}, {status}"
    title += f", {text(raw, 'web_url') or read.job_web(build_of(raw, named), named.job)}"
    ending = not (search or around or start)
    kept = await logs.view_of(
        api, log_id, finished=status.finished, whole=bool(search or (start and not around)), ending=ending
    )
    with kept:
        if missing := logs.left_out(kept):
            title += f"; {missing}, and lines are counted from there: read on with search, or start in the whole log"
        return await logview.view(kept, tail=tail, search=search, around=around, start=start, title=title)


def _has_log(raw: Json, named: Named) -> None:
    """Raises where there can be no log, with what there is instead."""
    child = triggered(raw)
    if child:
        raise UsageError(f"job {named.job} has no log: it triggers build {child.build}", "read that build's jobs")
    if kind(raw) in {"waiter", "manual", "trigger"}:
        raise UsageError(f"job {named.job} has no log: it is a {kind(raw)} step", "read the log of a command's job")
    if raw.get("started_at"):
        return
    if wire.job_status(raw).finished:
        reason = reasons.why(raw) or "it never started"
        raise NotFoundError(f"job {named.job} has no log: {reason}", 'see "ci-mcp buildkite jobs describe"')
    raise NotFoundError(
        f"job {named.job} has no log yet: it is {text(raw, 'state')}",
        f'see why it waits: "ci-mcp buildkite queues list --job {named.job}"',
    )


@provider.read()
async def jobs_environment(api: Api, job: JobName) -> Page[Variable]:
    """Environment variables of a job by name; values only of Buildkite's own, all others kept back.

    Route: GET /v2/organizations/{org}/jobs/{id}/env.
    Raises: PermissionDeniedError: the token lacks read_job_env. NotFoundError: there is no such job.
    """
    named = await read.placed(api, ids.job(api, job))
    with read.explained(f"environment of job {named.job}", "read_job_env"):
        body = wire.record((await api.get(f"{read.BASE}{named.job_path}/env")).json(), "environment")
    variables = {str(name): str(value) for name, value in wire.part(body, "env").items()}
    hidden = dict(redact_environment({name: value for name, value in variables.items() if not _own(name)}))
    return Page([Variable(name=name, value=hidden.get(name, variables[name])) for name in sorted(variables)])


def _own(name: str) -> bool:
    if name in _NO_SECRETS:
        return True
    return (name == "CI" or name.startswith("BUILDKITE")) and not any(word in name for word in _SECRET)


@provider.write(core=True, starts=True)
async def jobs_rerun(
    api: Api,
    job: Annotated[str, Field(max_length=400, description="Job id or web URL")] = "",
    build: Annotated[str, Field(max_length=400, description="Or: build, for its failed jobs")] = "",
    infrastructure: Annotated[bool, Field(description="Of a build: only lost or expired jobs")] = False,
) -> Started:
    """Runs one job again, or every failed job of a build; returns the new ids: each id can be retried once.

    Route: PUT /v2/organizations/{org}/jobs/{id}/retry, or PUT …/builds/{number}/retry_failed_jobs.
    Raises: UsageError: not one of job and build is given, or nothing of it can be run again.
    """
    if bool(job) == bool(build):
        raise UsageError("one job, or the failed jobs of a build", "give job or build")
    if job:
        return await _retry_one(api, await read.placed(api, ids.job(api, job)))
    named = await read.placed(api, ids.build(api, build))
    return await (retry_lost(api, named) if infrastructure else retry_failed(api, named))


async def retry(api: Api, named: Named) -> str:
    """Run a job again; the id of the new job."""
    with read.explained(f"job {named.job}", "write_builds"):
        reply = await api.send("PUT", f"{read.BASE}{named.job_path}/retry")
    return text(wire.record(reply.json(), "job"), "id")


async def _retry_one(api: Api, named: Named) -> Started:
    try:
        new = await retry(api, named)
    except UsageError as error:
        after = text(await read.job(api, named), "retried_in_job_id")
        if not after:
            raise
        raise UsageError(
            f"job {named.job} was retried before, as {after}", f'retry that one: "--job {after}"', status=error.status
        ) from None
    return Started(id=new, note="a new job of the same build", jobs=(new,))


async def retry_failed(api: Api, named: Named) -> Started:
    """Run every failed job of a build again."""
    with read.explained(f"build {named.build}", "write_builds"):
        reply = await api.send("PUT", f"{read.BASE}{named.path}/retry_failed_jobs", json={})
    body = wire.record(reply.json(), "build")
    count = wire.whole(body, "retried_jobs_count")
    note = f"{count} failed jobs run again" if count is not None else "its failed jobs run again"
    return Started(id=named.build, status=wire.build_status(body), note=note, url=read.build_web(named))


async def retry_lost(api: Api, named: Named) -> Started:
    """Run those failed jobs again that an agent or machine failed, not the code."""
    found = [raw async for raw in walk(listed(api, named, ("failed", "expired", "canceled"), dict))]
    lost = [raw for raw in found if reasons.infrastructure(raw)][:_RETRIES]
    if not lost:
        raise UsageError(
            f"no job of build {named.build} failed for its agent or machine", "leave infrastructure out to retry all"
        )
    again = [Named(organization=named.organization, job=ids.own(raw, "job")) for raw in lost]
    new = await together([partial(retry, api, one) for one in again])
    note = f"{len(new)} jobs lost by their agents run again"
    return Started(id=named.build, status=Status.RUNNING, note=note, jobs=tuple(new), url=read.build_web(named))


@provider.write()
async def jobs_approve(
    api: Api,
    job: Annotated[str, Field(min_length=1, max_length=400, description="Id of the blocked job")],
    fields: Annotated[Pairs, Field(max_length=50, description="Its form's fields as KEY=VALUE")] = (),
) -> Changed:
    """Unblocks a block or input step, with the fields that it asks for, so that the build goes on.

    Route: PUT /v2/organizations/{org}/jobs/{id}/unblock.
    Raises: UsageError: it is no block step, or its build was canceled. NotFoundError: there is no such job.
    """
    named = await read.placed(api, ids.job(api, job))
    values = pairs(fields, "fields")
    with read.explained(f"job {named.job}", "write_builds"):
        reply = await api.send("PUT", f"{read.BASE}{named.job_path}/unblock", json={"fields": values} if values else {})
    raw = wire.record(reply.json(), "job")
    return Changed(id=named.job, status=wire.job_status(raw), note="unblocked", url=text(raw, "web_url"))
