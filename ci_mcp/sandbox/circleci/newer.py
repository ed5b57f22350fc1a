"""Routes of API v3, which only the cloud has: users, projects, runs (that is: pipelines) and workflows."""

import datetime as dt
import re

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ci_mcp.sandbox.app import Refused
from ci_mcp.sandbox.circleci.answers import (
    Json,
    body_of,
    entities,
    find_project,
    no_entity,
    organization_id,
    organization_slug,
    problem,
    said,
    stamp,
    visible_pipeline,
    visible_workflow,
    world_of,
)
from ci_mcp.sandbox.circleci.model import RERUN_PACE, Pipeline, Project, Workflow, cancel
from ci_mcp.sandbox.circleci.pipelines import definition_id
from ci_mcp.sandbox.circleci.world import ME, PROJECTS, USERS, rerun, unfinished
from ci_mcp.sandbox.plan import Clock

_LONGEST_RUNS_PAGE = 20
_LONGEST_PAGE = 250
# The worst of a pipeline's workflows is what became of it.
_WORST = ("failed", "error", "unauthorized", "failing", "running", "on_hold", "canceled", "not_run", "success")
_OUTCOMES = {"success": "succeeded", "error": "errored"}
_TERM = re.compile(r'\s*pipeline\.(git\.branch|status)\s*==\s*"([^"]*)"\s*')


def outcome(status: str) -> str:
    """A final status of API v2 as v3 says it."""
    return _OUTCOMES.get(status, status)


def status_of(pipeline: Pipeline, now: float) -> str:
    """What became of a pipeline: its errors, else the worst of the newest workflow of each name."""
    if pipeline.problems:
        return "error"
    newest = {one.spec.name: one for one in sorted(pipeline.begun(now), key=lambda one: one.created)}
    found = [one.status(now) for one in newest.values()]
    return next((word for word in _WORST if word in found), "queued")


def run(item: Pipeline, clock: Clock) -> Json:
    """A pipeline as API v3 says it: its outcome is always the current one, a rerun may change it."""
    status = status_of(item, clock.now())
    attributes: Json = {"number": item.number, "created_at": stamp(clock, item.created), **_progress(status)}
    if item.problems:
        # One whose configuration could not be used never ran, which is what counts here.
        attributes["current_outcome"] = "not_run"
        attributes["errors"] = [{"type": one.type, "message": one.message} for one in item.problems]
    author = {"name": item.actor.title(), "login": item.actor}
    commit = {"subject": item.message, "url": f"{item.project.url}/commit/{item.commit}", "author": author}
    vcs: Json = {"revision": item.commit, "origin_repository_url": item.project.url, "commit": commit}
    vcs |= {"tag": item.tag} if item.tag else {"branch": item.branch}
    return {
        "id": item.id,
        "attributes": attributes,
        "references": {
            "event": {"attributes": {"type": "push", "action": "", "vcs": vcs}},
            "trigger": {"attributes": {"event_source": {"type": item.trigger}}},
            "project": {"id": item.project.id},
            "user": {"id": USERS[item.actor], "attributes": {"login": item.actor}},
        },
    }


def _progress(status: str) -> Json:
    if status in {"running", "failing", "on_hold"}:
        return {"phase": "started"} | ({"current_outcome": "failed"} if status == "failing" else {})
    if status == "queued":
        return {"phase": "created"}
    return {"phase": "ended", "current_outcome": outcome(status)}


def workflow(item: Workflow, clock: Clock) -> Json:
    """A workflow as API v3 says it."""
    now, attributes = clock.now(), {"name": item.spec.name, "created_at": stamp(clock, item.created)}
    status = item.status(now)
    if item.over(now):
        attributes |= {"phase": "ended", "outcome": outcome(status), "ended_at": stamp(clock, item.stopped())}
    else:
        attributes |= {"phase": "started"} | ({"current_outcome": "failed"} if status == "failing" else {})
    references = {
        "run": {"id": item.pipeline.id},
        "project": {"id": item.pipeline.project.id},
        "user": {"id": item.started_by},
    }
    return {"id": item.id, "attributes": attributes, "references": references}


def project(item: Project) -> Json:
    """A project as API v3 says it."""
    return {
        "id": item.id,
        "attributes": {"name": item.name, "slug": item.slug},
        "references": {"org": {"id": organization_id(item)}},
    }


def filter_of(request: Request, name: str) -> str:
    """A filter that must be given.

    Raises:
        Refused: it is not.
    """
    value = request.query_params.get(f"filter[{name}]", "")
    if not value:
        text = f"Query parameter 'filter[{name}]' is required."
        raise Refused(problem(400, "Missing Required Filter", text))
    return value


def paging(request: Request, longest: int = _LONGEST_PAGE) -> tuple[str, int | None]:
    """The cursor and the size of a page that a query asks for."""
    size = request.query_params.get("page[limit]", "")
    return request.query_params.get("page[cursor]", ""), _limit(int(size) if size.isdecimal() else None, longest)


def _limit(wanted: int | None, longest: int) -> int | None:
    if wanted is not None and not 1 <= wanted <= longest:
        raise Refused(
            problem(400, "Invalid page size", f"The page size must be between 1 and {longest}.", "/page/limit")
        )
    return wanted


async def list_users(request: Request) -> Response:
    """``GET /users?filter[user_id]=me``."""
    known = filter_of(request, "user_id") in {"me", ME}
    me = {"id": ME, "attributes": {"name": "Ada", "login": "ada", "avatar_url": None}}
    return entities([me] if known else [], lambda one: one)


async def list_orgs(request: Request) -> Response:
    """``GET /orgs?filter[slug]=``: an unknown slug is an empty list."""
    slug = filter_of(request, "slug")
    found = [one for one in PROJECTS.values() if organization_slug(one) == slug]
    return entities(found[:1], lambda one: {"id": organization_id(one), "attributes": {"name": "acme"}})


async def list_projects(request: Request) -> Response:
    """``GET /projects?filter[slug]=`` or ``filter[org_id]=``: an unknown slug is an empty list."""
    query = request.query_params
    owner, name = query.get("filter[org_id]"), query.get("filter[name]")
    if owner:
        every = [one for one in PROJECTS.values() if one.visible and organization_id(one) == owner]
        return entities([one for one in every if name in {None, one.name}], project)
    found = find_project(filter_of(request, "slug"))
    return entities([found] if found else [], project)


def _project(project_id: str) -> Project:
    found = next((one for one in PROJECTS.values() if one.id == project_id and one.visible), None)
    if not found:
        raise no_entity("Project")
    return found


async def get_project(request: Request) -> Response:
    """``GET /projects/{id}``."""
    return said({"data": project(_project(request.path_params["project_id"]))})


async def list_definitions(request: Request) -> Response:
    """``GET /pipelines?filter[project_id]=``: what API v2 calls pipeline definitions."""
    item = _project(filter_of(request, "project_id"))
    vcs = {"provider": item.definition, "repo_full_name": item.url.partition("//")[2].partition("/")[2]}
    config = {"type": "vcs", "file_path": ".circleci/config.yml", "vcs": vcs}
    entity = {
        "id": definition_id(item),
        "attributes": {"name": "Build", "config": config, "checkout": {"type": "vcs", "vcs": vcs}},
        "references": {"project": {"id": item.id}},
    }
    return entities([entity], lambda one: one)


async def search_runs(request: Request) -> Response:
    """``POST /runs/search``: of some projects and a time, newest first."""
    sent, world = await body_of(request), world_of(request)
    scope, page = sent.get("scope", {}), sent.get("page", {})
    if not scope.get("project_ids") or not scope.get("from") or not scope.get("to"):
        return problem(400, "Invalid scope", "scope needs project_ids, from and to.", "/scope")
    wishes = _wishes(str(sent.get("filter", "")))
    limit = _limit(page.get("limit"), _LONGEST_RUNS_PAGE)
    now, ids = world.clock.now(), scope["project_ids"]
    begin, end = _time(scope["from"]), _time(scope["to"])
    found = [
        one
        for one in world.pipelines.values()
        if one.project.id in ids
        and one.project.visible
        and begin <= world.clock.unix(one.created) <= end + 1
        and wishes.get("git.branch", one.branch) == one.branch
        and ("status" not in wishes or wishes["status"] == status_of(one, now))
    ]
    return entities(
        world.newest(found), lambda one: run(one, world.clock), cursor=page.get("cursor") or "", limit=limit
    )


def _time(text: str) -> float:
    try:
        return dt.datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise Refused(problem(400, "Invalid scope", f"{text!r} is no time of RFC 3339.", "/scope")) from None


def _wishes(expression: str) -> dict[str, str]:
    """A filter of runs: equalities joined by ``and``.

    Raises:
        Refused: it is something else.
    """
    found = {}
    for term in expression.split(" and ") if expression.strip() else []:
        match = _TERM.fullmatch(term)
        if not match:
            raise Refused(problem(400, "Invalid filter", f"Cannot parse {term!r}.", "/filter"))
        found[match[1]] = match[2]
    return found


async def list_runs(request: Request) -> Response:
    """``GET /runs?filter[user_id]=me``: by phase and current outcome."""
    world, query = world_of(request), request.query_params
    if filter_of(request, "user_id") not in {"me", ME}:
        return problem(403, "Forbidden", "Permission denied.")
    mine = [one for one in world.pipelines.values() if one.actor == "ada" and one.project.visible]
    shown = [run(one, world.clock) for one in world.newest(mine)]
    for word in ("phase", "current_outcome"):
        wish = query.get(f"filter[{word}]")
        shown = [one for one in shown if not wish or one["attributes"].get(word) == wish]
    cursor, limit = paging(request, _LONGEST_RUNS_PAGE)
    return entities(shown, lambda one: one, cursor=cursor, limit=limit)


async def get_run(request: Request) -> Response:
    """``GET /runs/{id}``: the id is that of the pipeline in API v2."""
    world = world_of(request)
    item = visible_pipeline(world, request.path_params["run_id"])
    if not item:
        raise no_entity("Run")
    return said({"data": run(item, world.clock)})


async def list_workflows(request: Request) -> Response:
    """``GET /workflows?filter[run_id]=``."""
    world = world_of(request)
    item = visible_pipeline(world, filter_of(request, "run_id"))
    if not item:
        raise no_entity("Run")
    cursor, limit = paging(request)
    found = item.begun(world.clock.now())
    return entities(found, lambda one: workflow(one, world.clock), cursor=cursor, limit=limit)


def asked_workflow(request: Request) -> Workflow:
    """The workflow that a path names.

    Raises:
        Refused: there is none.
    """
    found = visible_workflow(world_of(request), request.path_params["workflow_id"])
    if not found:
        raise no_entity("Workflow")
    return found


async def get_workflow(request: Request) -> Response:
    """``GET /workflows/{id}``."""
    return said({"data": workflow(asked_workflow(request), world_of(request).clock)})


async def rerun_workflow(request: Request) -> Response:
    """``POST /workflows/{id}/rerun``: it knows ``is_from_failed`` only, and overlooks anything else."""
    world, item, sent = world_of(request), asked_workflow(request), await body_of(request)
    now = world.clock.now()
    names = unfinished(item, now) if sent.get("is_from_failed") is True else None
    new = rerun(world, item, names, now, pace=RERUN_PACE)
    answer = said({"data": {"id": new.id}}, 201)
    answer.headers["location"] = f"/api/v3/workflows/{new.id}"
    return answer


async def cancel_workflow(request: Request) -> Response:
    """``POST /workflows/{id}/cancel``."""
    item = asked_workflow(request)
    cancel(item, world_of(request).clock.now(), ME)
    return said({"data": {"id": item.id}}, 202)


ROUTES = [
    Route("/api/v3/users", list_users),
    Route("/api/v3/orgs", list_orgs),
    Route("/api/v3/projects", list_projects),
    Route("/api/v3/projects/{project_id}", get_project),
    Route("/api/v3/pipelines", list_definitions),
    Route("/api/v3/runs/search", search_runs, methods=["POST"]),
    Route("/api/v3/runs", list_runs),
    Route("/api/v3/runs/{run_id}", get_run, methods=["GET"]),
    Route("/api/v3/workflows", list_workflows),
    Route("/api/v3/workflows/{workflow_id}", get_workflow),
    Route("/api/v3/workflows/{workflow_id}/rerun", rerun_workflow, methods=["POST"]),
    Route("/api/v3/workflows/{workflow_id}/cancel", cancel_workflow, methods=["POST"]),
]
