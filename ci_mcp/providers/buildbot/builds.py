"""Builds: listed, read, started by hand, built again, stopped."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from ci_mcp.auth.redact import redact_environment
from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Branch, Cursor, Limit, Page, Run
from ci_mcp.core.together import together
from ci_mcp.errors import UsageError
from ci_mcp.net.pages import collect
from ci_mcp.net.paths import quote
from ci_mcp.providers.buildbot import ask, forms, hooks, ids, read, wire
from ci_mcp.providers.buildbot.builders import BuilderName
from ci_mcp.providers.buildbot.provider import provider
from ci_mcp.providers.buildbot.records import BuildDetails, Change, Started, StepRow
from ci_mcp.providers.buildbot.wire import Json, text
from ci_mcp.status import Status

BuildName = Annotated[str, Field(min_length=1, max_length=600, description="Build id, BUILDER#NUMBER or web URL")]

_ALL: Final = 40  # steps up to which all are shown
_FILES: Final = 20
_OWN: Final = frozenset(
    {"branch", "revision", "got_revision", "owner", "owners", "reason", "buildername", "workername"}
)
_SECRET: Final = re.compile("pass|secret|token|key|cred|auth", re.IGNORECASE)
_PLACES: Final = frozenset({"basedir", "builddir", "builderid", "buildnumber", "projectid"})
_FILTERS: Final[Mapping[str, Mapping[str, Any]]] = {
    "": {},
    "running": {"complete": "false"},
    "passed": {"results": [0, 1]},
    "warnings": {"results": [1]},
    "failed": {"results": [2, 4]},
    "exception": {"results": [4]},
    "skipped": {"results": [3]},
    "retried": {"results": [5]},
    "canceled": {"results": [6]},
}


@provider.read(core=True)
async def builds_list(
    api: Api,
    builder: Annotated[str, Field(max_length=600, description="Name, id or URL; empty: all")] = "",
    status: Annotated[
        Literal["", "running", "passed", "warnings", "failed", "exception", "skipped", "retried", "canceled"],
        Field(description="How they stand"),
    ] = "",
    branch: Branch = "",
    commit: Annotated[str, Field(max_length=100, description="Revision, or its beginning")] = "",
    limit: Limit = 20,
    cursor: Cursor = "",
) -> Page[Run]:
    """Builds of a builder or of all, newest first; what waits for a worker is in builders_describe.

    Route: GET /api/v2/builds, GET /api/v2/builders/{builder}/builds.
    Raises: NotFoundError: there is no such builder.
    """
    path, order = "/builds", "-buildid"
    if builder:
        number = await ask.builder_id(api, ids.builder(api, builder))
        path, order = f"/builders/{quote(number)}/builds", "-number"
    page = await collect(
        hooks.builds(api, path, order, dict(_FILTERS[status])),
        cursor=cursor,
        limit=limit,
        keep=(lambda raw: hooks.of_branch(raw, branch) and hooks.of_commit(raw, commit)) if branch or commit else None,
    )
    return Page([wire.run(api, raw) for raw in page.items], page.next, note=page.note, after=page.after)


@provider.read(core=True)
async def builds_describe(api: Api, build: BuildName) -> BuildDetails:
    """One build: status, steps with what they say, changes, properties, worker.

    Route: GET /api/v2/builds/{build}, …/steps, …/changes, …/properties.
    Raises: NotFoundError: there is none, or not yet.
    """
    raw = await read.build(api, ids.ref(api, build))
    number = quote(raw.get("buildid"))

    async def at_steps() -> list[Json]:
        return await read.steps(api, raw)

    async def at_changes() -> list[Json]:
        return await read.changes(api, raw)

    async def properties() -> list[Json]:
        return await ask.get(api, f"/builds/{number}/properties", "properties", {"limit": 200})

    steps, changes, every = await together([at_steps, at_changes, properties])
    known = {**raw, "properties": every[0] if every else {}}
    one = wire.run(api, known)
    rows = [step_row(step) for step in steps if step.get("hidden") is not True or wire.ending(step)[0].bad]
    return BuildDetails(
        status=one.status,
        id=one.id,
        builder=one.project,
        number=wire.whole(raw, "number"),
        word=one.word,
        reason=one.reason,
        branch=one.branch,
        commit=one.commit,
        actor=one.actor,
        why=one.title,
        steps=tuple(row for row in rows if len(rows) <= _ALL or row.status is not Status.PASSED),
        counts=dict(Counter(row.status.value for row in rows)),
        changes=tuple(_change(change) for change in changes),
        properties=_properties(wire.part(known, "properties")),
        started=one.created,
        finished=one.finished,
        duration=one.duration,
        worker=wire.line(wire.value(known, "workername")),
        url=one.url,
    )


def step_row(raw: Json) -> StepRow:
    """A step as a build shows it."""
    status, word = wire.ending(raw)
    begun = wire.when(raw.get("started_at"))
    links = [f"{wire.line(text(one, 'name'))}: {text(one, 'url')}" for one in wire.parts(raw.get("urls"))]
    return StepRow(
        status=status,
        name=wire.line(raw.get("name")),
        number=wire.whole(raw, "number"),
        word=word,
        said=wire.reason(raw) if status not in {Status.PASSED, Status.SKIPPED} or word else "",
        duration=wire.seconds_between(begun, wire.when(raw.get("complete_at"))),
        links=tuple(links[:10]),
    )


def _change(raw: Json) -> Change:
    files = raw.get("files")
    return Change(
        commit=wire.line(raw.get("revision")),
        title=wire.first_line(raw.get("comments")),
        author=wire.line(raw.get("author")),
        files=tuple(wire.line(str(one)) for one in files[:_FILES]) if isinstance(files, list) else (),
        url=text(raw, "revlink"),
    )


def _properties(raw: Json) -> dict[str, Any]:
    """The properties that are not told elsewhere; the value of one that is named like a secret is kept back."""
    found = {name: row[0] for name, row in raw.items() if isinstance(row, list) and row}
    shown = {name: value for name, value in found.items() if name not in _OWN | _PLACES and value not in (None, "")}
    hidden = redact_environment({name: str(value) for name, value in shown.items() if _SECRET.search(name)})
    return shown | dict(hidden)


@provider.write(core=True, starts=True)
async def builds_run(
    api: Api,
    builder: BuilderName,
    scheduler: Annotated[str, Field(max_length=200, description="Force scheduler, where there are several")] = "",
    fields: Annotated[tuple[str, ...], Field(max_length=50, description="NAME=VALUE, named in builders_describe")] = (),
) -> Started:
    """Starts a build by a force scheduler; its fields are checked here, by what the server says of them.

    Route: GET /api/v2/builders/{builder}/forceschedulers, POST /api/v2/forceschedulers/{name} force.
    Raises: UsageError: a field is wrong. UnsupportedError: nothing starts this builder by hand.
    """
    raw = await ask.builder(api, ids.builder(api, builder))
    number, name = wire.whole(raw, "builderid"), text(raw, "name")
    form = forms.chosen(await forms.of_builder(api, str(number)), scheduler, name)
    sent = forms.filled(form, forms.pairs(fields))
    # Without the builder's id it would start all that the scheduler has.
    given = await ask.do(api, f"/forceschedulers/{quote(text(form, 'name'))}", "force", {**sent, "builderid": number})
    return await _started(api, hooks.requested(given)[0], f"started by {text(form, 'name')}")


async def _started(api: Api, request: str, note: str) -> Started:
    """What became of a request so far: the build, where a worker has taken it."""
    raw = await read.wanted(api, ids.Ref(request=request.removeprefix("r")))
    if raw is None:
        return Started(
            id=request,
            status=Status.QUEUED,
            note=f"{note}; it waits for a worker",
            url=ids.web(api, "buildrequests", request[1:]),
        )
    one = wire.run(api, raw)
    return Started(id=one.id, status=one.status, note=note, url=one.url)


@provider.write(core=True, starts=True)
async def builds_rerun(api: Api, build: BuildName) -> Started:
    """Builds the same sources again, all steps of it.

    Route: POST /api/v2/builds/{build} rebuild.
    Raises: NotFoundError: there is no such build. UsageError: it has not begun.
    """
    raw = await read.begun(api, ids.ref(api, build))
    return await _started(api, await hooks.rebuild(api, raw), f"the same as build {raw.get('buildid')}, once more")


@provider.write(core=True, destructive=True, idempotent=True)
async def builds_cancel(
    api: Api,
    build: BuildName,
    reason: Annotated[str, Field(max_length=300, description="Shown on its page")] = "stopped with ci-mcp",
) -> Started:
    """Stops a build that runs, or takes back a request (`r34`) that waits.

    Route: POST /api/v2/builds/{build} stop, POST /api/v2/buildrequests/{id} cancel.
    Raises: UsageError: it has ended.
    """
    asked = ids.ref(api, build)
    raw = await read.wanted(api, asked)
    if raw is None:
        waits = await read.request(api, asked.request)
        if waits.get("complete") is True:
            raise UsageError(f"build request {asked.request} has ended", "there is nothing to stop")
        await ask.do(api, f"/buildrequests/{quote(asked.request)}", "cancel", {"reason": reason})
        return Started(id=f"r{asked.request}", status=Status.CANCELED, note="it had not begun, and never will")
    one = wire.run(api, raw)
    if one.status.finished:
        raise UsageError(f"build {one.id} has ended ({one.word or one.status})", "there is nothing to stop")
    await ask.do(api, f"/builds/{quote(one.id)}", "stop", {"reason": reason})
    return Started(id=one.id, status=Status.RUNNING, note="it was told to stop, and ends a little later", url=one.url)
