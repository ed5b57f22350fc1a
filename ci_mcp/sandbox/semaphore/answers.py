"""How Semaphore's services answer: each part of the API has its own ways."""

import datetime as dt
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import Response

from ci_mcp.sandbox.app import Refused
from ci_mcp.sandbox.faults import token_of
from ci_mcp.sandbox.plan import Clock
from ci_mcp.sandbox.semaphore.model import Pipeline, Project, Workflow
from ci_mcp.sandbox.semaphore.world import PROJECTS, World

# Links are made from the connection inside the cluster: nobody outside can follow them.
CLUSTER = "http://pipelines-api.semaphore.invalid"
_PAGE_SIZE = 30
GRPC_CODES = {400: 3, 403: 7, 404: 5, 500: 13}


def said(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An answer of the Elixir services: JSON that does not call itself so."""
    return Response(json.dumps(value, ensure_ascii=False), status, headers)


def text(status: int, body: str) -> Response:
    """An answer of the authorization in front of them: plain text without a type."""
    return Response(body, status)


def proto(value: Any, status: int = 200) -> Response:
    """An answer of the gateway that serves jobs."""
    return Response(json.dumps(value, ensure_ascii=False), status, media_type="application/json")


def proto_error(status: int, message: str) -> Refused:
    """An error of the gateway that serves jobs."""
    return Refused(proto({"code": GRPC_CODES[status], "message": message, "details": []}, status))


def no_access() -> Refused:
    """What pipelines and workflows answer for what is not there, and for what the token may not see."""
    return Refused(text(404, "Not Found"))


def world_of(request: Request) -> World:
    """The world that a request is about."""
    world: World = request.app.state.world
    return world


def token_sent(request: Request) -> str:
    """The token of a request."""
    return token_of(request.scope)


async def parameters(request: Request) -> dict[str, Any]:
    """Everything a request says: path, query, and a body of JSON or of a form.

    Raises:
        Refused: the body cannot be read.
    """
    found: dict[str, Any] = dict(request.query_params)
    body = await request.body()
    kind = request.headers.get("content-type", "").partition(";")[0]
    if body and kind == "application/json":
        try:
            sent = json.loads(body)
        except ValueError:
            raise Refused(text(400, "Malformed request: the body is no JSON")) from None
        found |= sent if isinstance(sent, dict) else {"_json": sent}
    elif body and kind == "application/x-www-form-urlencoded":
        found |= dict(parse_qsl(body.decode("utf-8", "replace")))
    return found | request.path_params


def page_of(
    request: Request, items: Sequence[Any], shape: Callable[[Any], Any], *, size: int = _PAGE_SIZE, most: int = 0
) -> Response:
    """One page of a list as a bare array; where it is in the list, the headers say.

    Args:
        request: asks for ``page`` and ``page_size``.
        items: the whole list.
        shape: makes the JSON of one.
        size: the default of ``page_size``.
        most: its largest; 0 for any.
    """
    page, size = _positive(request, "page", 1), _positive(request, "page_size", size)
    size = min(size, most) if most else size
    pages = max(1, -(-len(items) // size))
    rest = [(key, value) for key, value in request.query_params.multi_items() if key != "page"]
    links = {"first": 1, "last": pages}
    links |= {"next": page + 1} if page < pages else {}
    links |= {"prev": page - 1} if page > 1 else {}
    link = ", ".join(
        f'<{CLUSTER}{request.url.path}?{urlencode([*rest, ("page", number)])}>; rel="{rel}"'
        for rel, number in links.items()
    )
    headers = {
        "link": link,
        "total": str(len(items)),
        "per-page": str(size),
        "total-pages": str(pages),
        "page-number": str(page),
    }
    return said([shape(item) for item in items[(page - 1) * size : page * size]], headers=headers)


def _positive(request: Request, key: str, default: int) -> int:
    """A number of the query; the server takes its default for what is none."""
    value = request.query_params.get(key, "")
    return int(value) if value.isdecimal() and int(value) > 0 else default


def time_filter(request: Request, world: World, name: str, at: float) -> bool:
    """True where an offset lies within ``<name>_after`` and ``<name>_before`` of the query."""
    unix = world.clock.unix(at)
    after, before = request.query_params.get(f"{name}_after"), request.query_params.get(f"{name}_before")
    return (not after or unix > int(after)) and (not before or unix < int(before))


def stamp(clock: Clock, at: float | None) -> dict[str, int]:
    """A time as lists say it; zeros where there is none."""
    unix = 0 if at is None else clock.unix(at)
    return {"seconds": int(unix), "nanos": int(unix % 1 * 1e6) * 1000}


def date(clock: Clock, at: float | None) -> str:
    """A time as descriptions say it; 1970 where there is none."""
    moment = dt.datetime.fromtimestamp(0 if at is None else clock.unix(at), dt.UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S.%f}Z"


def visible_project(project_id: object) -> Project:
    """A project that the token may see, by its id.

    Raises:
        Refused: there is none.
    """
    found = next((item for item in PROJECTS.values() if item.id == project_id and item.visible), None)
    if not found:
        raise no_access()
    return found


def visible_workflow(world: World, workflow_id: str) -> Workflow:
    """A workflow that the token may see.

    Raises:
        Refused: there is none.
    """
    found = world.workflows.get(workflow_id)
    if not found or not found.project.visible:
        raise no_access()
    return found


def visible_pipeline(world: World, pipeline_id: str) -> Pipeline:
    """A pipeline that the token may see.

    Raises:
        Refused: there is none.
    """
    found = world.pipelines.get(pipeline_id)
    if not found or not found.workflow.project.visible or found.created > world.clock.now():
        raise no_access()
    return found


def listed_workflows(request: Request) -> list[Workflow]:
    """The workflows that a list is about, newest first: ``project_id``, else ``wf_id`` of the query.

    Raises:
        Refused: neither is given, or the token may not see it.
    """
    world, query = world_of(request), request.query_params
    project_id, wf_id = query.get("project_id"), query.get("wf_id")
    if not project_id:
        return [visible_workflow(world, wf_id or "")]
    workflows: Iterable[Workflow] = world.workflows.values()
    found = [w for w in workflows if w.project.id == project_id and w.project.visible]
    if not found:
        raise no_access()
    return world.newest(w for w in found if not wf_id or w.id == wf_id)
