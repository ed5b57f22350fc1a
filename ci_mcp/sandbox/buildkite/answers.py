"""How Buildkite answers: errors, pages, times, and what a path leads to."""

import datetime as dt
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ci_mcp.sandbox import app
from ci_mcp.sandbox.buildkite.model import Build, Job, Pipeline
from ci_mcp.sandbox.buildkite.world import ORGANIZATION, World
from ci_mcp.sandbox.plan import Clock

Json = dict[str, Any]
Handler = Callable[[Request], Awaitable[Response]]
_PAGE_SIZE = 30
_LARGEST_PAGE = 100
ORG = "/v2/organizations/{org}"
PIPELINE = ORG + "/pipelines/{pipeline}"
BUILD = PIPELINE + "/builds/{number}"
JOB = BUILD + "/jobs/{job}"
ORG_JOB = ORG + "/jobs/{job}"


class Refused(app.Refused):
    """The answer to a request that is not carried out."""

    def __init__(self, status: int, message: str, **more: Any) -> None:
        """Refuse with a message, and what else the body says."""
        super().__init__(said({"message": message} | more, status))


def said(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An answer in JSON."""
    body = json.dumps(value, ensure_ascii=False)
    return Response(body, status, headers, media_type="application/json; charset=utf-8")


def invalid(**fields: str) -> Refused:
    """What is said of a body that lacks something: each field with its code."""
    errors = [{"field": name, "code": code} for name, code in fields.items()]
    return Refused(422, "Validation Failed", errors=errors)


def routes(scope: str, path: str, handler: Handler, method: str = "GET", *, org_path: str = "") -> list[Route]:
    """A route that asks the token for a scope; with ``org_path`` the same for a job of the organization."""

    async def answer(request: Request) -> Response:
        if scope and scope not in request.state.grant.scopes:
            raise Refused(403, f"Your access token doesn't have the {scope} scope")
        if request.path_params.get("org", ORGANIZATION) != ORGANIZATION:
            raise Refused(404, "No organization found")
        return await handler(request)

    return [Route(each, answer, methods=[method]) for each in (path, org_path) if each]


def world_of(request: Request) -> World:
    """The world that a request is about."""
    world: World = request.app.state.world
    return world


def base_of(request: Request) -> str:
    """The base of the API's own URLs."""
    base: str = request.app.state.site.urls["api"]
    return base + "/v2"


async def body_of(request: Request) -> Json:
    """The body of a request; empty for none.

    Raises:
        Refused: it is no JSON object, or does not say that it is JSON.
    """
    raw = await request.body()
    if not raw:
        return {}
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise Refused(400, "Request body must be JSON: send it with Content-Type: application/json")
    try:
        sent = json.loads(raw)
    except ValueError:
        raise Refused(400, "Invalid JSON") from None
    if not isinstance(sent, dict):
        raise Refused(400, "Request body must be a JSON object")
    return sent


def pipeline_of(request: Request) -> Pipeline:
    """The pipeline of a path; raises `Refused` where there is none that may be seen."""
    found = world_of(request).pipelines.get(request.path_params["pipeline"])
    if not found or not found.visible:
        raise Refused(404, "No pipeline found")
    return found


def build_of(request: Request) -> Build:
    """The build of a path, by its number; raises `Refused` where there is none."""
    pipeline, number, world = pipeline_of(request), request.path_params["number"], world_of(request)
    found = world.builds.get((pipeline.slug, int(number))) if number.isdecimal() else None
    if not found or found.created > world.now():
        raise Refused(404, "No build found")
    return found


def job_of(request: Request) -> Job:
    """The job of a path, within a build or the organization; raises `Refused` where there is none."""
    world = world_of(request)
    job = world.jobs.get(request.path_params["job"])
    build = build_of(request) if "number" in request.path_params else None
    if not job or not job.build.pipeline.visible or job.created > world.now() or build not in {None, job.build}:
        raise Refused(404, "No job found")
    return job


def listed(request: Request, key: str) -> list[str]:
    """The values of an array of the query, ``key[]`` or ``key``."""
    query = request.query_params
    return [value for name in (key, f"{key}[]") for value in query.getlist(name) if value]


def flag(request: Request, key: str, *, default: bool = False) -> bool:
    """A yes or no of the query."""
    value = request.query_params.get(key)
    return default if value is None else value == "true"


def _number(request: Request, key: str, default: int) -> int:
    value = request.query_params.get(key, "")
    return int(value) if value.isdecimal() and int(value) else default


def page_size(request: Request) -> int:
    """How many items a page has: never more than a hundred."""
    return min(_number(request, "per_page", _PAGE_SIZE), _LARGEST_PAGE)


def page_of(
    request: Request, items: Sequence[Any], shape: Callable[[Any], Any], *, deepest: int = 0, last: bool = True
) -> Response:
    """One page of a list as a bare array; where it is in the list, the Link header says.

    Args:
        request: says which page.
        items: all of them.
        shape: makes the JSON of one.
        deepest: how many items lie before the last page that is answered; 0 for no such end.
        last: says which page is the last.

    Raises:
        Refused: the page lies too deep.
    """
    page, size = _number(request, "page", 1), page_size(request)
    if deepest and (page - 1) * size >= deepest:
        raise Refused(400, "This page is too deep. Narrow the list with branch, created_from or created_to.")
    pages = max(1, -(-len(items) // size))
    links = {"next": page + 1} if page < pages else {}
    links |= {"last": pages} if last and page < pages else {}
    links |= {"prev": page - 1, "first": 1} if page > 1 else {}
    shown = [shape(item) for item in items[(page - 1) * size : page * size]]
    link = ", ".join(f'<{_with(request, page=number)}>; rel="{rel}"' for rel, number in links.items())
    return said(shown, headers={"Link": link} if link else None)


def cursor_page(request: Request, items: Sequence[Any], shape: Callable[[Any], Any]) -> Response:
    """One page of a list with cursors, which are ids; both ends are exclusive.

    Raises:
        Refused: a cursor is unknown, or there are two.
    """
    query, size = request.query_params, page_size(request)
    after, before = query.get("after"), query.get("before")
    if after and before:
        raise Refused(400, "Only one of after and before may be given")
    ids = [item.id for item in items]
    if (after or before or (ids or [""])[0]) not in ids and ids:
        raise Refused(400, "Invalid cursor")
    start = ids.index(after) + 1 if after else 0
    start = max(0, ids.index(before) - size) if before else start
    end = ids.index(before) if before else start + size
    shown = items[start:end]
    links = {"self": str(request.url)}
    if shown and end < len(ids):
        links["next"] = _with(request, after=shown[-1].id)
    if shown and start:
        links |= {"prev": _with(request, before=shown[0].id), "first": _with(request)}
    return said({"items": [shape(item) for item in shown], "links": links})


def _with(request: Request, **place: Any) -> str:
    moved = {"page", "after", "before"}
    rest = [(key, value) for key, value in request.query_params.multi_items() if key not in moved]
    query = urlencode([*rest, *place.items()])
    return base_of(request).removesuffix("/v2") + request.url.path + (f"?{query}" if query else "")


def iso(clock: Clock, at: float | None) -> str | None:
    """A time as most fields say it."""
    if at is None:
        return None
    return f"{dt.datetime.fromtimestamp(clock.unix(at), dt.UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"


def utc(clock: Clock, at: float) -> str:
    """A time as a few fields say it."""
    return f"{dt.datetime.fromtimestamp(clock.unix(at), dt.UTC):%Y-%m-%d %H:%M:%S} UTC"
