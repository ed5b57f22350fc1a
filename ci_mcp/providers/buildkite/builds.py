"""Builds: found, read, started, stopped."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import Field

from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Changed, Cursor, Limit, Page
from ci_mcp.errors import BadAnswerError, UsageError
from ci_mcp.net.pages import collect
from ci_mcp.providers.buildkite import ids, read, wire
from ci_mcp.providers.buildkite.ids import Named
from ci_mcp.providers.buildkite.provider import provider
from ci_mcp.providers.buildkite.records import Build, BuildDetails, Started
from ci_mcp.providers.buildkite.wire import Json, text

PipelineName = Annotated[str, Field(min_length=1, max_length=300, description="organization/pipeline or web URL")]
BuildName = Annotated[str, Field(min_length=1, max_length=400, description="organization/pipeline/number or web URL")]
Pairs = tuple[Annotated[str, Field(max_length=4000)], ...]

_STATES: Final = frozenset(
    {"creating", "scheduled", "running", "passed", "failing", "failed", "blocked", "canceling", "canceled", "skipped"}
    | {"not_run", "finished"}
)
_VALUE: Final = 200  # characters of a value of metadata


@provider.read(core=True)
async def builds_list(
    api: Api,
    pipeline: Annotated[str, Field(max_length=300, description="organization/pipeline; empty: every pipeline")] = "",
    state: Annotated[str, Field(max_length=200, description="States, such as failed,blocked")] = "",
    branch: Annotated[str, Field(max_length=900, description="Branches, spaces between; * is a wildcard")] = "",
    commit: Annotated[str, Field(pattern="^([0-9a-f]{40})?$", description="Full commit SHA")] = "",
    creator: Annotated[str, Field(max_length=40, description="User id (UUID)")] = "",
    meta_data: Annotated[str, Field(max_length=4000, description="KEY=VALUE")] = "",
    since: Annotated[str, Field(max_length=40, description="Created at or after")] = "",
    until: Annotated[str, Field(max_length=40, description="Created before")] = "",
    limit: Limit = 20,
    cursor: Cursor = "",
) -> Page[Build]:
    """Builds of a pipeline or organization with their status, newest first.

    Route: GET /v2/organizations/{org}[/pipelines/{pipeline}]/builds.
    Raises: NotFoundError: there is no such pipeline. UsageError: the list is too deep: narrow it by branch or time.
    """
    named = await read.placed(api, ids.pipeline(api, pipeline) if pipeline else Named())
    params = {
        "state[]": _states(state),
        "branch[]": branch.split(),
        "commit": commit,
        "creator": ids.uuid(creator, "user") if creator else "",
        "created_from": _time(since),
        "created_to": _time(until),
    }
    params |= {
        f"meta_data[{key}]": value for key, value in pairs((meta_data,) if meta_data else (), "metadata").items()
    }
    return await collect(listed(api, named, params, limit), cursor=cursor, limit=limit)


def _states(said: str) -> list[str]:
    wanted = [word for word in said.replace(",", " ").split() if word]
    if unknown := sorted({*wanted} - _STATES):
        raise UsageError(
            f"no state of a build: {', '.join(unknown)[:80]}", f"the states are {', '.join(sorted(_STATES))}"
        )
    return wanted


def _time(said: str) -> str:
    """A time in the one form that Buildkite takes, however it was written."""
    if not said:
        return ""
    time = wire.when(said)
    if time is None:
        raise UsageError(f"{said[:40]!r} is no time", "write it as 2025-01-31 or 2025-01-31T12:00:00Z")
    return time.isoformat().replace("+00:00", "Z")


def listed(api: Api, named: Named, params: Mapping[str, Any], limit: int) -> Any:
    """The pages of builds of a pipeline or organization."""
    what = f"builds of {named.project or named.organization}"
    return read.numbered(
        api,
        f"{read.BASE}{named.path}/builds",
        {**read.LEAN, **params},
        lambda raw: short(raw, named),
        limit=limit,
        of=what,
        scope="read_builds",
    )


def pairs(given: Pairs, what: str) -> dict[str, str]:
    """``KEY=VALUE`` texts as a mapping; raises `UsageError` where one is not so."""
    if any("=" not in pair or pair.startswith("=") for pair in given):
        raise UsageError(f"{what} is not KEY=VALUE", "give each as KEY=VALUE")
    return dict(pair.split("=", 1) for pair in given)


def place(raw: Json, around: Named) -> Named:
    """Which build this is: by its URLs, since a list of an organization's builds does not say it otherwise."""
    found = ids.read_url(text(raw, "web_url")) or ids.read_url(text(raw, "url")) or Named()
    number = text(raw, "number") or found.number
    if found.pipeline:
        return Named(organization=found.organization, pipeline=found.pipeline, number=number)
    slug = text(wire.part(raw, "pipeline"), "slug") or around.pipeline
    return Named(organization=around.organization, pipeline=slug, number=number)


def pull_request(raw: Json) -> str:
    """The pull request of a build as ``#7 onto main``; empty where there is none, which is null or ``{}``."""
    found = wire.part(raw, "pull_request")
    number, base = text(found, "id"), text(found, "base")
    return (f"#{number}" + (f" onto {base}" if base else "")) if number else ""


def times(raw: Json) -> dict[str, Any]:
    """When a build was made and ended, and how long it ran."""
    started, finished = wire.when(raw.get("started_at")), wire.when(raw.get("finished_at"))
    return {
        "created": wire.when(raw.get("created_at")),
        "finished": finished,
        "duration": wire.seconds_between(started, finished),
    }


def short(raw: Json, around: Named) -> Build:
    """A build of a list."""
    named = place(raw, around)
    return Build(**_facts(raw, named), **times(raw))


def _facts(raw: Json, named: Named) -> dict[str, Any]:
    return {
        "status": wire.build_status(raw),
        "id": named.build,
        "word": wire.build_word(raw),
        "branch": text(raw, "branch"),
        "commit": text(raw, "commit"),
        "title": wire.first_line(raw.get("message")),
        "author": wire.person(raw),
        "source": text(raw, "source"),
        "pull_request": pull_request(raw),
        "url": text(raw, "web_url") or read.build_web(named),
    }


@provider.read(core=True)
async def builds_describe(api: Api, build: BuildName) -> BuildDetails:
    """One build: status, jobs by state, commit, times, metadata, what it was rebuilt or triggered from.

    Route: GET /v2/organizations/{org}/pipelines/{pipeline}/builds/{number}?exclude_jobs=true&include_test_engine=true.
    Raises: NotFoundError: there is no such build, or none that the token may see.
    """
    named = await read.placed(api, ids.build(api, build))
    raw = await read.build(api, named, include_test_engine="true")
    created, started = wire.when(raw.get("created_at")), wire.when(raw.get("started_at"))
    return BuildDetails(
        **_facts(raw, named),
        **times(raw),
        reason=text(raw, "cancel_reason"),
        jobs=counts(raw),
        waited=wire.seconds_between(created, started),
        started=started,
        failing=wire.when(raw.get("failing_at")),
        rebuilt_from=_from(wire.part(raw, "rebuilt_from")),
        triggered_from=_trigger(raw, named),
        test_runs=tuple(text(run, "id") for run in test_runs(raw)),
        meta_data={str(key): str(value)[:_VALUE] for key, value in wire.part(raw, "meta_data").items()},
        environment=tuple(str(name) for name in wire.part(raw, "env")),
        uuid=text(raw, "id"),
    )


def counts(raw: Json) -> dict[str, int]:
    """How many jobs are in which state of Buildkite's, those with any."""
    states = wire.part(wire.part(raw, "job_state_counts"), "states")
    return {str(state): count for state, count in states.items() if isinstance(count, int) and count > 0}


def test_runs(raw: Json) -> list[Json]:
    """The Test Engine runs of a build that was asked for with them."""
    return [run for run in wire.parts(wire.part(raw, "test_engine").get("runs")) if ids.is_uuid(text(run, "id"))]


def _from(raw: Json) -> str:
    found = ids.read_url(text(raw, "url"))
    return found.build if found else text(raw, "number")


def _trigger(raw: Json, named: Named) -> str:
    found = wire.part(raw, "triggered_from")
    slug, number = text(found, "build_pipeline_slug"), text(found, "build_number")
    return f"{named.organization}/{slug}/{number}" if slug and number else ""


@provider.write(starts=True)
async def builds_run(
    api: Api,
    pipeline: PipelineName,
    branch: Annotated[str, Field(max_length=300, description="Branch")],
    commit: Annotated[str, Field(max_length=300, description="SHA, ref, tag or HEAD")] = "HEAD",
    message: Annotated[str, Field(max_length=1000, description="Title")] = "",
    environment: Annotated[Pairs, Field(max_length=50, description="Variables as NAME=VALUE")] = (),
    meta_data: Annotated[Pairs, Field(max_length=50, description="Metadata as KEY=VALUE")] = (),
    author: Annotated[str, Field(max_length=200, description="NAME <EMAIL>")] = "",
    clean_checkout: Annotated[bool, Field(description="Fresh checkout")] = False,
    pull_request: Annotated[int, Field(ge=0, description="Pull request number")] = 0,
) -> Started:
    """Starts a build of a pipeline on a branch, and returns its id.

    Route: POST /v2/organizations/{org}/pipelines/{pipeline}/builds. It is never sent twice.
    Raises: UsageError: Buildkite refuses it. NotFoundError: there is no such pipeline.
    """
    named = await read.placed(api, ids.pipeline(api, pipeline))
    body = {
        "commit": commit,
        "branch": branch,
        "message": message,
        "env": pairs(environment, "environment"),
        "meta_data": pairs(meta_data, "metadata"),
        "author": _author(author),
        "clean_checkout": clean_checkout,
        "pull_request_id": pull_request,
    }
    with read.explained(f"pipeline {named.project}", "write_builds"):
        reply = await api.send(
            "POST", f"{read.BASE}{named.path}/builds", json={key: value for key, value in body.items() if value}
        )
    return started(wire.record(reply.json(), "build"), named)


def _author(said: str) -> dict[str, str]:
    if not said:
        return {}
    name, _, rest = said.partition("<")
    if not rest.endswith(">") or "@" not in rest or not name.strip():
        raise UsageError("that is no author", 'give it as "NAME <EMAIL>"')
    return {"name": name.strip(), "email": rest[:-1]}


def started(raw: Json, around: Named, note: str = "") -> Started:
    """What a call that starts a build gave."""
    named = place(raw, around)
    if not named.number:
        raise BadAnswerError("Buildkite did not say what it started", "see the newest build of the pipeline")
    url = text(raw, "web_url") or read.build_web(named)
    return Started(id=named.build, status=wire.build_status(raw), note=note, url=url)


@provider.write(starts=True)
async def builds_rerun(api: Api, build: BuildName) -> Started:
    """Starts a build again from the beginning as a new build; jobs_rerun repeats only what failed.

    Route: PUT /v2/organizations/{org}/pipelines/{pipeline}/builds/{number}/rebuild.
    Raises: UsageError: the pipeline does not allow rebuilds. NotFoundError: there is no such build.
    """
    named = await read.placed(api, ids.build(api, build))
    return await rebuild(api, named)


async def rebuild(api: Api, named: Named) -> Started:
    """Start a build again; it keeps its commit, branch, message and environment."""
    with read.explained(f"build {named.build}", "write_builds"):
        reply = await api.send("PUT", f"{read.BASE}{named.path}/rebuild")
    around = Named(organization=named.organization, pipeline=named.pipeline)
    return started(wire.record(reply.json(), "build"), around)


@provider.write(destructive=True, idempotent=True)
async def builds_cancel(api: Api, build: BuildName) -> Changed:
    """Stops a build that is scheduled or running; its jobs end a little later.

    Route: PUT /v2/organizations/{org}/pipelines/{pipeline}/builds/{number}/cancel.
    Raises: UsageError: it has ended. NotFoundError: there is no such build.
    """
    named = await read.placed(api, ids.build(api, build))
    with read.explained(f"build {named.build}", "write_builds"):
        reply = await api.send("PUT", f"{read.BASE}{named.path}/cancel")
    raw = wire.record(reply.json(), "build")
    return Changed(id=named.build, status=wire.build_status(raw), note="it was told to stop", url=read.build_web(named))
