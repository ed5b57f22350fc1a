"""What triage asks: the newest runs of a builder, one with its steps, why it failed, and again."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from ci_mcp.core import repository
from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Checkout, Failure, Identity, Job, Place, Run, RunQuery
from ci_mcp.core.together import answers, settled, together
from ci_mcp.errors import BadAnswerError, CiError
from ci_mcp.net.pages import collect
from ci_mcp.net.paths import quote
from ci_mcp.providers.buildbot import ask, ids, read, wire
from ci_mcp.providers.buildbot.wire import Json, text, whole
from ci_mcp.status import Status

_LOOKED: Final = 200  # newest builds of the server, among which a checkout's are looked for
_TRIGGERED: Final = 3  # failed builds, started by a step, that are looked into
_PAGES: Final = 6  # of builds that are looked through for those of a branch
_FILTERS: Final[Mapping[Status, dict[str, Any]]] = {
    Status.QUEUED: {},
    Status.RUNNING: {"complete": "false"},
    Status.FAILING: {"complete": "false"},
    Status.PASSED: {"results": [0, 1]},
    Status.FAILED: {"results": [2, 4]},
    Status.SKIPPED: {"results": [3]},
    Status.CANCELED: {"results": [5, 6]},
}


async def identity(api: Api) -> Identity:
    """Who the server takes us for, and which version it is.

    Route: GET /config, and GET /auth/login where there is a user.
    Raises: AuthError: the user or the password is wrong.
    """
    who = text(await api.claims(), "user")
    await ask.sign_in(api)
    found = await ask.config(api)
    user = wire.part(found, "user")
    name = next((said for key in ("username", "full_name", "email") if (said := text(user, key))), "")
    versions = {str(row[0]): str(row[1]) for row in _rows(found.get("versions"))}
    notes = [f"Buildbot {wire.line(versions.get('Buildbot', ''))}".strip()]
    notes += [f"signs people in by {wire.line(text(wire.part(found, 'auth'), 'name')) or 'nothing'}"]
    if not name:
        notes.append("it takes no user and password here" if who else "nobody is signed in")
    groups = user.get("groups")
    scopes = tuple(str(group) for group in groups) if isinstance(groups, list) else None
    return Identity(name=wire.line(name) or "anonymous", scopes=scopes, note="; ".join(notes))


def _rows(value: Any) -> list[list[Any]]:
    return [row for row in value if isinstance(row, list) and len(row) > 1] if isinstance(value, list) else []


async def locate(api: Api, url: str) -> Place | None:
    """What a web or API URL names; a step's page takes one request for its id.

    Route: GET /api/v2/builds/{build}/steps/{step}, …/builders/{builder}/builds/{number}/steps/{step}.
    """
    found = ids.read_url(url)
    if found is None:
        return None
    if found.stepid:
        step = await ask.one(api, f"/steps/{quote(found.stepid)}", f"step {found.stepid}")
        return Place(host=api.host, run=str(step.get("buildid")), job=wire.step_id({"stepid": found.stepid}))
    if found.step and not found.request:
        build = f"/builders/{quote(found.builder)}/builds/{found.number}" if found.builder else f"/builds/{found.build}"
        step = await ask.one(api, f"{build}/steps/{quote(found.step)}", f"step {found.step[:80]}")
        return Place(host=api.host, run=str(step.get("buildid")), job=wire.step_id(step))
    return Place(host=api.host, project="" if found.run else found.builder, run=found.run)


async def discover(api: Api, checkout: Checkout) -> list[Place]:
    """The builders whose newest builds are of a checkout's repository, else those that are named like it.

    Of the first, one that is named like it is the first.

    Route: GET /api/v2/builds?order=-buildid&property=repository, GET /api/v2/builders.
    """
    wanted = {normal for remote in checkout.remotes if (normal := repository.normal(remote))}
    if not wanted:
        return []
    params = {"order": "-buildid", "limit": _LOOKED, "property": ["repository", "buildername"]}
    found: dict[str, None] = {}
    for raw in await ask.get(api, "/builds", "builds", params):
        if {repository.normal(one) for one in wire.values(raw, "repository")} & wanted:
            found.setdefault(wire.project(raw))
    names = {one.rpartition("/")[2] for one in wanted}
    if not found:
        builders = await ask.get(api, "/builders", "builders", {"limit": 1000, "order": "name"})
        near = [one for one in builders if one.get("masterids")]
        found = {text(one, "name"): None for one in near if text(one, "name").lower() in names}
    return [Place(host=api.host, project=name) for name in sorted(found, key=lambda name: name.lower() not in names)]


async def runs(api: Api, query: RunQuery) -> list[Run]:
    """Runs of a builder, newest first, what still waits for a worker before them.

    No filter of the API knows branches: the builds of a branch are looked for among the newest.
    Route: GET /api/v2/builders/{builder}/builds, GET /api/v2/builders/{builder}/buildrequests.
    Raises: NotFoundError: there is no such builder.
    """
    number = await ask.builder_id(api, query.project)
    name = await ask.name(api, int(number))

    def keep(found: Json) -> bool:
        return of_branch(found, query.branch) and of_commit(found, query.commit)

    async def begun() -> list[Run]:
        if query.status is Status.QUEUED:
            return []
        filters = _FILTERS.get(query.status, {}) if query.status else {}
        fetch = builds(api, f"/builders/{quote(number)}/builds", "-number", filters)
        page = await collect(fetch, cursor="", limit=query.limit, keep=keep, max_pages=_PAGES)
        return [replace(wire.run(api, found), project=name) for found in page.items]

    async def waiting() -> list[Run]:
        if query.status not in {None, Status.QUEUED}:
            return []
        return [replace(one, project=name) for one in await pending(api, number) if not query.branch]

    one, other = await together([waiting, begun])
    return [*one, *other][: query.limit]


def builds(api: Api, path: str, order: str, filters: dict[str, Any]) -> Any:
    """The pages of builds, with the properties that tell what they are of."""
    return ask.pages(api, path, "builds", {"order": order, "property": list(ask.PROPERTIES), **filters})


def of_branch(raw: Json, branch: str) -> bool:
    """Whether a build is of a branch; empty is any."""
    return not branch or branch in wire.values(raw, "branch")


def of_commit(raw: Json, commit: str) -> bool:
    """Whether a build is of a commit, which may be a beginning; empty is any."""
    known = [*wire.values(raw, "got_revision"), *wire.values(raw, "revision")]
    return not commit or any(one.startswith(commit) for one in known)


async def pending(api: Api, number: str) -> list[Run]:
    """What waits for a worker of a builder, newest first.

    Route: GET /api/v2/builders/{builder}/buildrequests?claimed=false&complete=false.
    """
    params = {"claimed": "false", "complete": "false", "order": "-buildrequestid", "limit": 20}
    found = await ask.get(api, f"/builders/{quote(number)}/buildrequests", "build requests", params)
    return [of_request(api, raw) for raw in found]


def of_request(api: Api, raw: Json) -> Run:
    """A request that has no build: it waits for a worker, or was never served."""
    number = str(raw.get("buildrequestid"))
    status, word = Status.QUEUED, "waits for a worker"
    if raw.get("complete") is True:
        status, word = wire.ending(raw)
    return Run(
        status=status,
        id=f"r{number}",
        project=wire.project(raw),
        word=word,
        url=ids.web(api, "buildrequests", number),
        created=wire.when(raw.get("submitted_at")),
        finished=wire.when(raw.get("complete_at")),
        reason="no build was made of it" if status.finished else "",
    )


async def run(api: Api, known: str) -> Run:
    """A build with those of its steps that are not green.

    Route: GET /api/v2/builds/{build}, …/steps, …/changes; GET /api/v2/buildrequests/{id} where it waits.
    Raises: NotFoundError: there is none.
    """
    ref = ids.ref(api, known)
    raw, steps = await read.with_steps(api, ref)
    if raw is None:
        waits = of_request(api, await read.request(api, ref.request))
        name = await ask.name(api, int(waits.project)) if waits.project.isdecimal() else waits.project
        return replace(waits, project=name)
    return wire.with_steps(wire.run(api, raw), [wire.job(api, raw, step) for step in steps])


async def failures(api: Api, one: Run, job: str) -> list[Failure]:
    """Why steps of a build are not green; of a step that started other builds, theirs below it.

    Route: GET /api/v2/builds/{build}, …/steps, …/triggered_builds.
    """
    raw, steps = await read.with_steps(api, ids.ref(api, one.id))
    if raw is None:
        return [Failure(job=Job(status=one.status, name="build", id="", url=one.url), reason=one.reason)]
    wanted = [step for step in steps if job in {"", wire.step_id(step)}]
    bad = [step for step in wanted if job or wire.job(api, raw, step).status.bad]
    bad.sort(key=lambda step: whole(step, "results") not in {2, wire.EXCEPTION})
    found = [_failure(api, raw, step) for step in bad]
    if any(wire.starts(step) for step in bad):
        found += await _below(api, raw)
    if not found and one.status.bad:
        found = [Failure(job=Job(status=one.status, name="build", id="", url=one.url), reason=one.reason)]
    return found


def _failure(api: Api, build: Json, step: Json, block: str = "") -> Failure:
    own = wire.job(api, build, step, block=block)
    lost = own.word in {"exception", "retry"}
    said = wire.reason(step)
    plain = said.endswith("(failure)") and not wire.starts(step)
    return Failure(job=own, reason="" if plain else said, infrastructure=lost)


async def _below(api: Api, build: Json) -> list[Failure]:
    """Why the builds that a build has started failed; a master before 4.0 cannot say which they are."""
    number = quote(build.get("buildid"))
    try:
        started = await ask.get(api, f"/builds/{number}/triggered_builds", "triggered builds", {"limit": 50})
    except CiError:
        return []
    bad = [raw for raw in started if wire.ending(raw)[0].bad][:_TRIGGERED]

    async def look(raw: Json) -> list[Failure]:
        steps, name = await together([partial(read.steps, api, raw), partial(_named, api, raw)])
        block = f"{name[0].get('name')} #{raw.get('number')}"
        jobs = [step for step in steps if wire.job(api, raw, step).status.bad]
        return [_failure(api, raw, step, block) for step in jobs]

    found: Sequence[Any] = await settled([partial(look, raw) for raw in bad])
    good, _ = answers([*found, []])
    return [failure for one in good for failure in one]


async def _named(api: Api, raw: Json) -> list[Json]:
    return [{"name": await ask.name(api, whole(raw, "builderid"))}]


async def rerun(api: Api, known: str, failed_only: bool) -> str:
    """Build the same again: all of it, as a build has no parts that could run alone; the id of what will become of it.

    Route: POST /api/v2/builds/{build} rebuild.
    """
    del failed_only
    return await rebuild(api, await read.begun(api, ids.ref(api, known)))


async def rebuild(api: Api, raw: Json) -> str:
    """Ask for a build of the same; the id of the request, as a run's."""
    given = await ask.do(api, f"/builds/{quote(raw.get('buildid'))}", "rebuild", {})
    return requested(given)[0]


def requested(given: Any) -> list[str]:
    """The requests that a call has made, as ids of runs.

    Raises: BadAnswerError: it has made none.
    """
    found = given[1] if isinstance(given, list) and len(given) > 1 else None
    numbers = [f"r{number}" for number in found.values()] if isinstance(found, dict) else []
    if not numbers:
        raise BadAnswerError("the server took it, and began nothing", "is its scheduler switched on?")
    return numbers
