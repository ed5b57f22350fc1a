"""Builders and workers: listed, found, read."""

from typing import Annotated, Any, Final

from pydantic import Field

from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Cursor, Limit, Page
from ci_mcp.core.together import together
from ci_mcp.net.pages import collect
from ci_mcp.net.paths import quote
from ci_mcp.providers.buildbot import ask, forms, hooks, ids, wire
from ci_mcp.providers.buildbot.provider import provider
from ci_mcp.providers.buildbot.records import Builder, BuilderDetails, Worker
from ci_mcp.providers.buildbot.wire import Json, text
from ci_mcp.status import Status

BuilderName = Annotated[str, Field(min_length=1, max_length=600, description="Builder name, id or web URL")]

_NEWEST: Final = 200  # newest builds of the server, looked at for how the builders stand
_BUILDS: Final = 5  # newest builds of a builder


@provider.read(core=True)
async def builders_list(
    api: Api,
    tag: Annotated[str, Field(max_length=200, description="Only with this tag")] = "",
    limit: Limit = 30,
    cursor: Cursor = "",
) -> Page[Builder]:
    """Builders by name, with tags and how their newest build ended.

    Route: GET /api/v2/builders, GET /api/v2/builds?order=-buildid.
    """
    return await _listed(api, {"tags__contains": tag}, limit, cursor)


@provider.read()
async def builders_search(
    api: Api,
    query: Annotated[str, Field(min_length=1, max_length=200, description="Part of the name, case counts")],
    limit: Limit = 30,
    cursor: Cursor = "",
) -> Page[Builder]:
    """Builders whose name contains a text, with how their newest build ended.

    Route: GET /api/v2/builders?name__contains=….
    """
    return await _listed(api, {"name__contains": query}, limit, cursor)


async def _listed(api: Api, filters: dict[str, str], limit: int, cursor: str) -> Page[Builder]:
    fetch = ask.pages(api, "/builders", "builders", {"order": "name", **filters})

    async def at_builders() -> Any:
        return await collect(fetch, cursor=cursor, limit=limit)

    async def at_builds() -> Any:
        return await ask.get(api, "/builds", "builds", {"order": "-buildid", "limit": _NEWEST})

    page, builds = await together([at_builders, at_builds])
    newest: dict[int | None, Json] = {}
    for raw in builds:
        newest.setdefault(wire.whole(raw, "builderid"), raw)
    items = [_builder(raw, newest.get(wire.whole(raw, "builderid"))) for raw in page.items]
    return Page(items, page.next, note=page.note, after=page.after)


def _builder(raw: Json, build: Json | None) -> Builder:
    return Builder(
        newest=wire.ending(build)[0] if build else None,
        name=text(raw, "name"),
        id=str(raw.get("builderid")),
        build=str(build.get("buildid")) if build else "",
        tags=_tags(raw),
        description=wire.line(raw.get("description"))[:200],
    )


def _tags(raw: Json) -> tuple[str, ...]:
    found = raw.get("tags")
    return tuple(wire.line(str(tag)) for tag in found) if isinstance(found, list) else ()


@provider.read(core=True)
async def builders_describe(api: Api, builder: BuilderName) -> BuilderDetails:
    """One builder: newest builds, what waits, its workers, and the fields that builds_run takes.

    Route: GET /api/v2/builders/{builder}, …/builds, …/buildrequests, …/workers, …/forceschedulers.
    Raises: NotFoundError: there is no such builder.
    """
    raw = await ask.builder(api, ids.builder(api, builder))
    number = str(raw.get("builderid"))
    path = f"/builders/{quote(number)}"

    async def builds() -> Any:
        return await ask.get(api, f"{path}/builds", "builds", {"order": "-number", "limit": _BUILDS})

    async def waiting() -> Any:
        return await hooks.pending(api, number)

    async def workers() -> Any:
        return await ask.get(api, f"{path}/workers", "workers", {"limit": 50})

    async def schedulers() -> Any:
        return await forms.of_builder(api, number)

    newest, waits, works, forces = await together([builds, waiting, workers, schedulers])
    return BuilderDetails(
        name=text(raw, "name"),
        id=number,
        configured=bool(raw.get("masterids")),
        tags=_tags(raw),
        description=wire.line(raw.get("description"))[:1000],
        builds={str(one.get("buildid")): _ended(one) for one in newest},
        waiting=tuple(one.id for one in waits),
        workers=tuple(f"{text(one, 'name')}: {_standing(one)[1]}" for one in works),
        forms=tuple(forms.form(one) for one in forces),
        url=ids.web(api, "builders", number),
    )


def _ended(raw: Json) -> str:
    status, word = wire.ending(raw)
    return f"#{raw.get('number')} {word or status.value}"


@provider.read()
async def workers_list(
    api: Api,
    limit: Limit = 50,
    cursor: Cursor = "",
) -> Page[Worker]:
    """Workers with whether they are connected, paused and why, and for how many builders they work.

    Route: GET /api/v2/workers.
    """
    page = await collect(ask.pages(api, "/workers", "workers", {"order": "name"}), cursor=cursor, limit=limit)
    return Page([_worker(raw) for raw in page.items], page.next, note=page.note, after=page.after)


def _standing(raw: Json) -> tuple[Status, str]:
    if not raw.get("connected_to"):
        return Status.UNKNOWN, "not connected"
    if raw.get("paused") is True:
        return Status.BLOCKED, "paused"
    return Status.RUNNING, "shutting down" if raw.get("graceful") is True else "connected"


def _worker(raw: Json) -> Worker:
    status, word = _standing(raw)
    about, serves = wire.part(raw, "workerinfo"), raw.get("configured_on")
    return Worker(
        status=status,
        name=text(raw, "name"),
        id=str(raw.get("workerid")),
        word=word,
        reason=wire.line(raw.get("pause_reason")),
        builders=len(serves) if isinstance(serves, list) else 0,
        host=wire.first_line(about.get("host")),
        admin=wire.first_line(about.get("admin")),
        version=wire.line(about.get("version")),
    )
