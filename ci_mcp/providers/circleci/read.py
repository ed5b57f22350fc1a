"""The reads that several tools share: one call each, checked, with refusals put into words.

What is remembered of a host for the life of the process: whether it serves v3, which id a project's
slug stands for, and which id a job's number stands for.
"""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import anyio

from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Page
from ci_mcp.errors import AuthError, BadAnswerError, NotFoundError, PermissionDeniedError, UsageError
from ci_mcp.net.pages import collect, token_next, walk
from ci_mcp.net.paths import quote
from ci_mcp.providers.circleci import ids, wire
from ci_mcp.providers.circleci.ids import Named
from ci_mcp.providers.circleci.provider import CLOUD
from ci_mcp.providers.circleci.wire import Json, text

V1: Final = "/api/v1.1"
V2: Final = "/api/v2"
V3: Final = "/api/v3"
PRIVATE: Final = "/api/private"
_REMEMBERED: Final = 5000  # jobs whose ids are kept
_FRESH: Final = 5.0  # seconds that a list which was read in passing may wait to be used

_v3: dict[str, bool] = {}
_probing: dict[str, anyio.Lock] = {}
_projects: dict[tuple[str, str], str] = {}
_jobs: dict[tuple[str, str], str] = {}
_pages: dict[tuple[str, str, str], tuple[float, list[Json]]] = {}


def forget() -> None:
    """Forget what is remembered of every host."""
    for memory in (_v3, _probing, _projects, _jobs, _pages):
        memory.clear()


@contextmanager
def explained(api: Api, kind: str, named: str) -> Iterator[None]:
    """Say what a refusal of CircleCI means: its 404 stands for several things, its 401 too.

    Raises:
        NotFoundError: there is no such thing, or none that the token may see.
        AuthError: the token is of a kind that is not taken here.
        PermissionDeniedError: the token may not do this.
    """
    try:
        yield
    except NotFoundError as error:
        raise NotFoundError(
            f"no {kind} {named} at {api.host}, or none that this token may see",
            "check it, and that the token's owner follows its project",
            status=error.status,
            body=error.body,
        ) from None
    except AuthError as error:
        if error.status is None:
            raise
        raise AuthError(
            f"{api.host} does not take this token for {kind} {named}",
            "make a personal token at https://app.circleci.com/settings/user/tokens: project tokens and tokens made "
            "before June 2023 do not work here",
            status=error.status,
            body=error.body,
        ) from None
    except PermissionDeniedError as error:
        raise PermissionDeniedError(
            f"this token may not do that with {kind} {named} at {api.host}",
            "ask for access to the project, or use the token of somebody who has it",
            status=error.status,
            body=error.body,
        ) from None


def web(api: Api, path: str) -> str:
    """A page of the web application."""
    host = api.host if api.host.startswith("app.") else f"app.{api.host}"
    return f"https://{host}/{path}"


def settings_allow_private(api: Api) -> bool:
    """Whether the settings allow routes that CircleCI does not document."""
    return api.settings.get("private_output") is True


async def get(api: Api, path: str, what: str, params: Mapping[str, Any] | None = None) -> Json:
    """One object."""
    return wire.record((await api.get(path, params)).json(), what)


async def page(api: Api, path: str, what: str, params: Mapping[str, Any], token: str) -> tuple[list[Json], str | None]:
    """One page of a list of v2, and the token of the next."""
    body = await get(api, path, f"list of {what}", {**params, "page-token": token})
    return wire.records(body.get("items"), what), token_next(body.get("next_page_token"))


def hand_on(api: Api, project: str, branch: str, pipelines: list[Json]) -> None:
    """Keep the first page of a branch's pipelines for who asks for it next, which is once and soon."""
    _pages.clear()
    _pages[api.host, project, branch] = (time.monotonic(), pipelines)


def was_listed(api: Api, project: str, branch: str) -> bool:
    """Whether such a page was just read and not used yet."""
    read, _ = _pages.get((api.host, project, branch), (-_FRESH, []))
    return time.monotonic() - read < _FRESH


def handed_on(api: Api, project: str, branch: str) -> list[Json] | None:
    """The page that was just read, once; ``None`` where there is none."""
    fresh = was_listed(api, project, branch)
    _, found = _pages.pop((api.host, project, branch), (0.0, []))
    return found if fresh else None


async def every(api: Api, path: str, what: str, *, most_pages: int = 5) -> list[Json]:
    """All records of a list of v2, as far as its first pages go."""
    return [found async for found in walk(partial(page, api, path, what, {}), max_pages=most_pages)]


async def listed(items: list[Any], *, cursor: str, limit: int, note: str = "") -> Page[Any]:
    """A list that is known whole, in pages."""

    async def fetch(_page: str) -> tuple[list[Any], str | None]:
        return items, None

    found = await collect(fetch, cursor=cursor, limit=limit)
    return Page(found.items, found.next, note=note, after=found.after)


async def v3(api: Api, path: str, params: Mapping[str, Any] | None = None, *, body: Any = None) -> Json | None:
    """What v3 answers; ``None`` where this host does not serve it, or has no such thing.

    CircleCI's own host serves it. Any other one is asked once: a 404 that is not in v3's own form means that
    it does not, and that is remembered.
    """
    served = serves_v3(api)
    if served is None:
        async with _probing.setdefault(api.host, anyio.Lock()):
            if api.host not in _v3:
                return await _ask_v3(api, path, params, body)
        return await v3(api, path, params, body=body)
    return await _ask_v3(api, path, params, body) if served else None


def serves_v3(api: Api) -> bool | None:
    """Whether this host serves v3, ``None`` where that is not known yet; CircleCI's own does."""
    return _v3.get(api.host, True if api.host == CLOUD else None)


async def _ask_v3(api: Api, path: str, params: Mapping[str, Any] | None, body: Any) -> Json | None:
    try:
        if body is None:
            reply = await api.get(f"{V3}{path}", params)
        else:  # a search: it changes nothing
            reply = await api.send("POST", f"{V3}{path}", json=body, idempotent=True)
    except NotFoundError as error:
        if api.host not in _v3 and api.host != CLOUD:
            _v3[api.host] = _is_v3(error.body)
        return None
    found = wire.record(reply.json(), "answer of v3")
    _v3[api.host] = True
    return found


def _is_v3(body: str) -> bool:
    try:
        said = json.loads(body)
    except ValueError:
        return False
    return isinstance(said, dict) and isinstance(said.get("error"), dict)


async def project(api: Api, named: str) -> Json:
    """A project by its slug.

    Route: GET /api/v2/project/{slug}.
    """
    with explained(api, "project", named):
        found = await get(api, f"{V2}/project/{ids.path(named)}", "project")
    remember_project(api, named, text(found, "id"))
    return found


async def project_id(api: Api, named: str) -> str:
    """The id of a project; what was seen before costs no request."""
    known = known_project_id(api, named)
    if not known:
        known = text(await project(api, named), "id")
    if not ids.is_uuid(known):
        raise BadAnswerError(f"CircleCI gave no id for project {named}", "try again later")
    return known


def known_project_id(api: Api, named: str) -> str:
    """The id of a project that was seen before; empty for any other."""
    return _projects.get((api.host, named), "")


def remember_project(api: Api, named: str, known: str) -> None:
    """Keep which id a project's slug stands for."""
    _projects[(api.host, named)] = known


async def followed(api: Api) -> list[Json]:
    """The projects that the token's owner follows, each with its ``slug``.

    Route: GET /api/v1.1/projects; where the settings allow it also GET /api/private/me/followed-projects,
    which knows projects of the GitHub App, too.
    """
    reply = await api.get(f"{V1}/projects", {"shallow": "true"})
    found = {text(one, "slug"): one for raw in wire.records(reply.json(), "projects") if (one := _followed(raw))}
    if settings_allow_private(api):
        for raw in await every(api, f"{PRIVATE}/me/followed-projects", "projects"):
            if named := ids.slug(text(raw, "slug")):
                found.setdefault(named, {**raw, "slug": named, "reponame": text(raw, "name")})
    return list(found.values())


def _followed(raw: Json) -> Json | None:
    # The slug may be absent: it is made of what v1.1 has always had.
    named = ids.slug(text(raw, "slug")) or ids.slug(
        f"{text(raw, 'vcs_type')}/{text(raw, 'username')}/{text(raw, 'reponame')}"
    )
    return {**raw, "slug": named} if named else None


async def slug(api: Api, given: str) -> tuple[Api, str]:
    """The Api and the slug of a project that is given as slug, web URL, or a followed repository's name.

    The name may stand alone or behind its owner's.

    Raises:
        UsageError: the text names no project, or several.
        NotFoundError: no followed project has that name.
    """
    given = given.strip()
    named = (ids.read_url(given) or Named()) if "://" in given else Named(project=ids.slug(given))
    if named.project:
        return ids.there(api, named), named.project
    if "://" in given or not (ids.bare_name(given) or ids.slug(f"gh/{given}")):
        raise ids.unusable("project", given)
    found = [text(one, "slug") for one in await followed(api) if given.lower() in _names(one)]
    if not found:
        raise NotFoundError(
            f"no followed project is called {given}", "give its slug: gh/OWNER/REPO, or follow it at CircleCI"
        )
    if len(found) > 1:
        raise UsageError(f"several projects are called {given}", f"give one of {', '.join(found[:10])}")
    return api, found[0]


def _names(raw: Json) -> set[str]:
    owner, name = text(raw, "username"), text(raw, "reponame")
    return {name.lower(), f"{owner}/{name}".lower(), text(raw, "slug").partition("/")[2].lower()}


async def pipeline(api: Api, named: Named) -> Json:
    """A pipeline by its id, else by its project and number.

    Route: GET /api/v2/pipeline/{id} or GET /api/v2/project/{slug}/pipeline/{number}.
    """
    if named.pipeline:
        with explained(api, "pipeline", named.pipeline):
            return await get(api, f"{V2}/pipeline/{named.pipeline}", "pipeline")
    with explained(api, "pipeline", f"{named.project}/{named.number}"):
        return await get(api, f"{V2}/project/{ids.path(named.project)}/pipeline/{named.number}", "pipeline")


async def pipeline_id(api: Api, named: Named) -> str:
    """The id of a pipeline that is named by id or number."""
    return named.pipeline or text(await pipeline(api, named), "id")


async def workflows(api: Api, pipeline: str) -> list[Json]:
    """Every workflow of a pipeline, reruns included.

    Route: GET /api/v2/pipeline/{id}/workflow.
    """
    with explained(api, "pipeline", pipeline):
        return await every(api, f"{V2}/pipeline/{pipeline}/workflow", "workflows")


async def workflow(api: Api, named: str) -> Json:
    """One workflow.

    Route: GET /api/v2/workflow/{id}.
    """
    with explained(api, "workflow", named):
        return await get(api, f"{V2}/workflow/{named}", "workflow")


async def jobs(api: Api, workflow: str) -> list[Json]:
    """The jobs of a workflow; their ids are remembered by their numbers.

    Route: GET /api/v2/workflow/{id}/job.
    """
    with explained(api, "workflow", workflow):
        found = await every(api, f"{V2}/workflow/{workflow}/job", "jobs")
    if len(_jobs) > _REMEMBERED:
        _jobs.clear()
    for raw in found:
        if ids.is_uuid(text(raw, "id")) and (number := job_name(raw)):
            _jobs[(api.host, number)] = text(raw, "id")
    return found


async def last_workflow(api: Api, project: str, branch: str) -> str:
    """The id of the workflow that the newest job of a branch (of the project where that is empty) belongs to.

    Route: GET /api/v1.1/project/{vcs}/{org}/{repo}, which tells of the last 30 jobs.
    """
    reply = await api.get(f"{V1}/project/{ids.old_path(project)}", {"shallow": "true"})
    found = [raw for raw in wire.records(reply.json(), "jobs") if branch in {"", text(raw, "branch")}]
    newest = max(found, key=lambda raw: wire.whole(raw, "build_num") or 0, default={})
    known = text(wire.part(newest, "workflows"), "workflow_id")
    return known if ids.is_uuid(known) else ""


def job_name(raw: Json) -> str:
    """What names a listed job in answers and parameters: ``SLUG/NUMBER``, or its id where it has no number yet."""
    number, project = wire.whole(raw, "job_number"), ids.slug(text(raw, "project_slug"))
    return f"{project}/{number}" if number is not None and project else text(raw, "id")


def known_job_id(api: Api, name: str) -> str:
    """The id of a job by its ``SLUG/NUMBER``; empty where its workflow has not been read."""
    return _jobs.get((api.host, name), "")


async def job(api: Api, project: str, number: str) -> Json:
    """One job, without its steps.

    Route: GET /api/v2/project/{slug}/job/{number}.
    """
    with explained(api, "job", f"{project}/{number}"):
        return await get(api, f"{V2}/project/{ids.path(project)}/job/{quote(number)}", "job")


async def find_job(api: Api, given: str, project: str = "") -> tuple[Api, Named]:
    """The Api, slug and number of a job however it is given; a job without a number keeps its id alone.

    Raises: UsageError: the text names no job. NotFoundError: there is no such job, or none that the token may see.
    """
    if given.strip().isdecimal():
        if not project:
            raise UsageError(
                f"job {given} is a number within a project", "give the project, too, or gh/owner/repo/NUMBER"
            )
        there, named = await slug(api, project)
        return there, Named(project=named, number=given.strip(), job=given.strip())
    there, found = ids.find(api, given, "job")
    if found.job:
        return there, found
    return there, await job_in(there, found)


async def job_in(api: Api, named: Named) -> Named:
    """A job by its id: in the workflow that a URL names, else as the newer API tells.

    Route: GET /api/v2/jobs/{id}, GET /api/v2/workflow/{id}/job.
    """
    workflow = named.workflow if named.workflow != named.job_id else ""
    if not workflow:
        with explained(api, "job", named.job_id):
            workflow = text(await get(api, f"{V2}/jobs/{named.job_id}", "job"), "workflow_id")
    for raw in await jobs(api, workflow):
        if text(raw, "id") == named.job_id:
            number = wire.whole(raw, "job_number")
            return Named(
                project=ids.slug(text(raw, "project_slug")),
                workflow=workflow,
                job="" if number is None else str(number),
                job_id=named.job_id,
            )
    raise NotFoundError(f"no job {named.job_id} in workflow {workflow}", "check its id")
