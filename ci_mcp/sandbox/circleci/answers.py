"""How CircleCI answers: API v2 and v1.1 in one way, v3 in another, and each its own lists."""

import datetime as dt
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from ci_mcp.sandbox.app import Refused
from ci_mcp.sandbox.circleci.model import Job, Pipeline, Project, Workflow, make_id
from ci_mcp.sandbox.circleci.world import NATIVE_ORGANIZATION, ORGANIZATION, PROJECTS, World
from ci_mcp.sandbox.plan import Clock

Json = dict[str, Any]
PAGE_SIZE = 20
_V11_NAMES = {"github": "gh", "bitbucket": "bb"}
_ORGANIZATION_SLUGS = {"gh": "gh/acme", "bb": "bb/acme", "circleci": "circleci/43G3kM5RtfFE7v5sa4nWAU"}


@dataclass(frozen=True, slots=True)
class Host:
    """A host as its clients see it.

    Attributes:
        url: its base URL.
        storage: the base URL of the storage that its signed URLs lead to.
        app: where its web pages are.
        cloud: True for circleci.com, False for an installed server.
    """

    url: str
    storage: str
    app: str
    cloud: bool


def said(value: Any, status: int = 200) -> Response:
    """An answer in JSON."""
    body = json.dumps(value, ensure_ascii=False)
    return Response(body, status, media_type="application/json; charset=utf-8")


def message(status: int, text: str) -> Response:
    """A message of API v2 or v1.1."""
    return said({"message": text}, status)


def problem(status: int, title: str, detail: str, pointer: str = "") -> Response:
    """An error of API v3."""
    error: Json = {"id": make_id("error", title, detail), "title": title, "detail": detail}
    return said({"error": error | ({"source": {"pointer": pointer}} if pointer else {})}, status)


def no_such(what: str) -> Refused:
    """What API v2 and v1.1 answer for what is not there, and for what the token may not see."""
    return Refused(message(404, f"{what} not found"))


def no_entity(what: str) -> Refused:
    """The same in API v3."""
    return Refused(problem(404, "Not Found", f"{what} not found."))


def world_of(request: Request) -> World:
    """The world that a request is about."""
    world: World = request.app.state.world
    return world


def host_of(request: Request) -> Host:
    """The host that a request came to."""
    host: Host = request.app.state.host
    return host


async def body_of(request: Request) -> Json:
    """The JSON object that a request carries; empty for none.

    Raises:
        Refused: the body is something else.
    """
    body = await request.body()
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        raise Refused(message(400, "Malformed JSON in request body")) from None
    if not isinstance(found, dict):
        raise Refused(message(400, "The request body must be a JSON object."))
    return found


def stamp(clock: Clock, at: float) -> str:
    """A time as the API says it."""
    moment = dt.datetime.fromtimestamp(clock.unix(at), dt.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def page_of(request: Request, items: Sequence[Any], shape: Callable[[Any], Json], size: int = PAGE_SIZE) -> Response:
    """One page of a list of API v2."""
    start = _place(request.query_params.get("page-token", ""))
    if start is None:
        raise Refused(message(400, "page-token: invalid"))
    more = start + size < len(items)
    token = _token(start + size) if more else None
    return said({"items": [shape(item) for item in items[start : start + size]], "next_page_token": token})


def entities(
    items: Sequence[Any], shape: Callable[[Any], Json], *, cursor: str = "", limit: int | None = None
) -> Response:
    """One page of a list of API v3."""
    start = _place(cursor)
    if start is None:
        raise Refused(problem(400, "Invalid cursor", "The page cursor cannot be read.", "/page/cursor"))
    end = start + (PAGE_SIZE if limit is None else limit)
    ahead, back = _token(end) if end < len(items) else None, _token(max(0, start - PAGE_SIZE)) if start else None
    return said({"data": [shape(item) for item in items[start:end]], "page": {"next": ahead, "prev": back}})


def _token(start: int) -> str:
    return f"AARLwwX{start:06d}"


def _place(token: str) -> int | None:
    if not token:
        return 0
    number = token.removeprefix("AARLwwX")
    return int(number) if number != token and number.isdecimal() else None


def organization_slug(project: Project) -> str:
    """The slug of a project's organization."""
    return _ORGANIZATION_SLUGS[project.slug.partition("/")[0]]


def organization_id(project: Project) -> str:
    """The id of a project's organization."""
    return NATIVE_ORGANIZATION if project.native else ORGANIZATION


def find_project(slug: str) -> Project | None:
    """The project of a slug, if the token may see it; a native one is found by its UUIDs too."""
    kind, _, rest = slug.partition("/")
    slug = f"{_V11_NAMES.get(kind, kind)}/{rest}"
    for project in PROJECTS.values():
        names = {project.slug, f"circleci/{NATIVE_ORGANIZATION}/{project.id}"} if project.native else {project.slug}
        if slug in names and project.visible:
            return project
    return None


def asked_project(request: Request) -> Project:
    """The project that a path names.

    Raises:
        Refused: there is none.
    """
    place = request.path_params
    found = find_project(f"{place['vcs']}/{place['org']}/{place['repo']}")
    if not found:
        raise no_such("Project")
    return found


def visible_pipeline(world: World, pipeline_id: str) -> Pipeline | None:
    """The pipeline of an id, once it exists, if the token may see it."""
    found = world.pipelines.get(pipeline_id)
    return found if found and found.project.visible and found.created <= world.clock.now() else None


def visible_workflow(world: World, workflow_id: str) -> Workflow | None:
    """The workflow of an id, once it exists, if the token may see it."""
    found = world.workflows.get(workflow_id)
    return found if found and found.pipeline.project.visible and found.created <= world.clock.now() else None


def visible_job(world: World, job_id: str) -> Job | None:
    """The job of an id, once its workflow exists, if the token may see it."""
    found = world.jobs.get(job_id)
    return found if found and visible_workflow(world, found.workflow.id) else None


def numbered_job(request: Request, number: str) -> Job:
    """The job of a project that a number names.

    Raises:
        Refused: there is none.
    """
    project = asked_project(request)
    if not number.isdecimal():
        raise Refused(message(400, "job-number: must be a number"))
    found = world_of(request).numbered_job(project, int(number))
    if not found:
        raise no_such("Job")
    return found


def job_page(host: Host, job: Job) -> str:
    """The web page of a job."""
    pipeline = job.workflow.pipeline
    slug = pipeline.project.slug.replace("gh/", "github/").replace("bb/", "bitbucket/")
    return f"{host.app}/pipelines/{quote(slug)}/{pipeline.number}/workflows/{job.workflow.id}/jobs/{job.number}"
