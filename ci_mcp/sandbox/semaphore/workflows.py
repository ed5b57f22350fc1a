"""Routes of projects and workflows."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ci_mcp.sandbox.semaphore.answers import (
    listed_workflows,
    page_of,
    parameters,
    said,
    text,
    time_filter,
    visible_project,
    visible_workflow,
    world_of,
)  # fmt: skip
from ci_mcp.sandbox.semaphore.model import Pipeline, Project, Workflow, lay_out, make_id, stop
from ci_mcp.sandbox.semaphore.shapes import listed_workflow, workflow
from ci_mcp.sandbox.semaphore.world import ME, ORGANIZATION, PROJECTS, World, promote_by_rule

RERUN_PACE = 0.05  # a rerun takes seconds where the original took minutes
_LAST_PROJECT_PAGE = 100


async def list_projects(request: Request) -> Response:
    """``GET /projects``: 500 a page; what the token may not see is taken out afterwards."""
    page = request.query_params.get("page", "1")
    if not page.isdecimal() or not 1 <= int(page) <= _LAST_PROJECT_PAGE:
        return said({"message": "page must be between 1 and 100"}, 400)
    shown = [project(item) for item in PROJECTS.values() if item.visible] if page == "1" else []
    return said(shown, headers={"x-page": page, "x-has-more": "false"})


async def get_project(request: Request) -> Response:
    """``GET /projects/{name}``: by name only."""
    item = PROJECTS.get(request.path_params["name"])
    if not item:
        return said({"message": "Not found"}, 404)
    return said(project(item)) if item.visible else said({"message": "Unauthorized"}, 401)


def project(item: Project) -> dict[str, Any]:
    """A project as the project service says it."""
    owner = item.url.removesuffix(".git").replace(":", "/").split("/")[-2]
    repository = {
        "name": item.name,
        "owner": owner,
        "url": item.url,
        "forked_pull_requests": {"allowed_secrets": [], "allowed_contributors": []},
        "run_on": ["branches", "tags", "pull_requests"],
        "pipeline_file": ".semaphore/semaphore.yml",
        "status": {"pipeline_files": [{"path": ".semaphore/semaphore.yml", "level": "pipeline"}]},
        "whitelist": {"branches": [], "tags": []},
        "integration_type": item.integration,
    }
    return {
        "apiVersion": "v1alpha",
        "kind": "Project",
        "metadata": {
            "id": item.id,
            "name": item.name,
            "description": item.description,
            "org_id": ORGANIZATION,
            "owner_id": ME,
        },
        "spec": {
            "repository": repository,
            "schedulers": [],
            "tasks": [],
            "visibility": "private",
            "custom_permissions": False,
            "debug_permissions": [],
            "attach_permissions": [],
        },
    }


async def list_workflows(request: Request) -> Response:
    """``GET /plumber-workflows``: by project, newest first, 30 a page."""
    world, query = world_of(request), request.query_params
    wanted = {"branch": "branch_name", "requester": "requester_id", "label": "label"}
    found = [
        item
        for item in listed_workflows(request)
        if time_filter(request, world, "created", item.created)
        and all(not query.get(key) or getattr(item, name) == query[key] for name, key in wanted.items())
    ]
    return page_of(request, found, lambda item: listed_workflow(item, world.clock))


async def get_workflow(request: Request) -> Response:
    """``GET /plumber-workflows/{id}``."""
    world = world_of(request)
    return said({"workflow": workflow(visible_workflow(world, request.path_params["wf_id"]), world.clock)})


async def run_workflow(request: Request) -> Response:
    """``POST /plumber-workflows``: run a branch, tag or pull request of a project; never the same twice."""
    sent, world = await parameters(request), world_of(request)
    item = visible_project(sent.get("project_id"))
    reference = sent.get("reference")
    if not isinstance(reference, str) or not reference:
        return said("Missing required post parameter reference.", 400)
    given = sent.get("parameters") or {}
    if not all(isinstance(value, str) for value in given.values()):
        return text(500, "Internal error")
    branch, label = _branch_and_label(reference)
    like = next(
        iter(world.newest(w for w in world.workflows.values() if w.project is item and w.branch == branch)), None
    )
    if not like:
        return said("Reference not found on git repository.", 400)
    world.started += 1
    commit = sent.get("commit_sha") or like.commit
    new = Workflow(
        make_id("run", item.id, world.started), item, branch, label, commit, like.message, ME, world.clock.now(), "API",
        like.reports,
    )  # fmt: skip
    pipeline = begin(world, new, like.pipelines[0])
    pipeline.parameters = dict(given)
    return said({"workflow_id": new.id, "pipeline_id": pipeline.id})


def _branch_and_label(reference: str) -> tuple[str, str]:
    kind, _, name = reference.removeprefix("refs/").partition("/")
    if not reference.startswith("refs/"):
        return reference, reference
    return {"heads": (name, name), "tags": (reference, name), "pull": (f"pull-request-{name}", name)}.get(
        kind, (reference, reference)
    )


def begin(world: World, new: Workflow, like: Pipeline) -> Pipeline:
    """Start a workflow whose pipeline is like another one; it takes seconds."""
    now = world.clock.now()
    pipeline = Pipeline(
        make_id("pipeline", new.id), new, like.name, like.yaml_file, like.specs, now, now + 1, 0, error=like.error,
        promotions=like.promotions,
    )  # fmt: skip
    lay_out(pipeline, pace=RERUN_PACE, again=True)
    if like.error:
        pipeline.result, pipeline.reason = like.result, like.reason
    world.add(new, pipeline)
    promote_by_rule(world, pipeline, pace=RERUN_PACE)
    return pipeline


async def rerun_workflow(request: Request) -> Response:
    """``POST /plumber-workflows/{id}/reschedule``: the same request token answers the same workflow."""
    sent, world = await parameters(request), world_of(request)
    old = visible_workflow(world, sent["wf_id"])
    token = sent.get("request_token")
    if not token:
        return said("Missing required post parameter request_token.", 400)
    key = f"rerun {old.id} {token}"
    if key not in world.tokens:
        new = Workflow(
            make_id(key), old.project, old.branch, old.label, old.commit, old.message, ME, world.clock.now(), "API",
            old.reports, old.id,
        )  # fmt: skip
        world.tokens[key] = begin(world, new, old.pipelines[0])
    pipeline = world.tokens[key]
    return said({"wf_id": pipeline.workflow.id, "ppl_id": pipeline.id})


async def stop_workflow(request: Request) -> Response:
    """``POST /plumber-workflows/{id}/terminate``."""
    world = world_of(request)
    item = visible_workflow(world, request.path_params["wf_id"])
    stopped = sum(stop(pipeline, world.clock.now(), ME) for pipeline in item.pipelines)
    return said(f"Termination started for {stopped} pipelines.")


ROUTES = [
    Route("/api/v1alpha/projects", list_projects),
    Route("/api/v1alpha/projects/{name}", get_project),
    Route("/api/v1alpha/plumber-workflows", list_workflows, methods=["GET"]),
    Route("/api/v1alpha/plumber-workflows", run_workflow, methods=["POST"]),
    Route("/api/v1alpha/plumber-workflows/{wf_id}", get_workflow),
    Route("/api/v1alpha/plumber-workflows/{wf_id}/reschedule", rerun_workflow, methods=["POST"]),
    Route("/api/v1alpha/plumber-workflows/{wf_id}/terminate", stop_workflow, methods=["POST"]),
]
