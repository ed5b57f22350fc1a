"""Routes of API v2 for pipelines."""

from typing import Any

import yaml
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ci_mcp.sandbox.app import Refused
from ci_mcp.sandbox.circleci.answers import (
    Json,
    asked_project,
    body_of,
    message,
    no_such,
    page_of,
    said,
    stamp,
    visible_pipeline,
    world_of,
)
from ci_mcp.sandbox.circleci.model import Pipeline, Project, WorkflowSpec, make_id
from ci_mcp.sandbox.circleci.workflows import workflow
from ci_mcp.sandbox.circleci.world import PROJECTS, USERS, World, begin
from ci_mcp.sandbox.plan import Clock
from ci_mcp.sandbox.recordings import commands

PARAMETERS = {"target": "string", "full": "boolean", "workers": "integer"}  # what every configuration here declares
SKIPPED = "Ignoring pipeline due to CI skip in the commit"
SKIP_BRANCH = "docs"  # its newest commit says [skip ci]
_TYPES = {"string": str, "boolean": bool, "integer": int}
_LONGEST_VALUE = 512


def pipeline(item: Pipeline, clock: Clock) -> Json:
    """A pipeline as API v2 says it."""
    actor = {"login": item.actor, "avatar_url": None}
    found: Json = {
        "id": item.id,
        "errors": [{"type": one.type, "message": one.message} for one in item.problems],
        "project_slug": item.project.slug,
        "updated_at": stamp(clock, item.created + 1),
        "number": item.number,
        "state": item.state(clock.now()),
        "created_at": stamp(clock, item.created),
        "trigger": {"type": item.trigger, "received_at": stamp(clock, item.created - 0.5), "actor": actor},
    }
    if item.project.native:
        git = {"branch": item.branch, "checkout_sha": item.commit, "checkout_url": item.project.url, "ref": item.branch}
        return found | {
            "trigger_parameters": {"git": git, "circleci": {"event_type": "push", "actor_id": USERS["ben"]}}
        }
    vcs: Json = {
        "provider_name": item.project.provider,
        "origin_repository_url": item.project.url,
        "target_repository_url": item.project.url,
        "revision": item.commit,
        "commit": {"subject": item.message, "body": ""},
    }
    vcs |= {"tag": item.tag} if item.tag else {"branch": item.branch}
    if item.review:
        vcs |= {"review_id": item.review, "review_url": f"{item.project.url}/pull/{item.review}"}
    return found | {"vcs": vcs}


def _listed(request: Request, world: World, project: Project | None, *, mine: bool = False) -> Response:
    branch = request.query_params.get("branch")
    found = [
        one
        for one in world.pipelines.values()
        if (one.project is project if project else one.project.followed and one.project.visible)
        and (not branch or one.branch == branch)
        and (not mine or one.actor == "ada")
    ]
    return page_of(request, world.newest(found), lambda one: pipeline(one, world.clock))


async def list_pipelines(request: Request) -> Response:
    """``GET /pipeline``: those of followed projects."""
    slug = request.query_params.get("org-slug")
    if slug and slug not in {"gh/acme", "github/acme"}:
        raise no_such("Organization")
    return _listed(request, world_of(request), None, mine=request.query_params.get("mine") == "true")


async def list_project_pipelines(request: Request) -> Response:
    """``GET /project/{slug}/pipeline``: newest first, of one branch where one is named."""
    return _listed(request, world_of(request), asked_project(request))


async def list_my_pipelines(request: Request) -> Response:
    """``GET /project/{slug}/pipeline/mine``."""
    return _listed(request, world_of(request), asked_project(request), mine=True)


async def get_numbered_pipeline(request: Request) -> Response:
    """``GET /project/{slug}/pipeline/{number}``."""
    world, project, number = world_of(request), asked_project(request), request.path_params["number"]
    found = [one for one in world.pipelines.values() if one.project is project and str(one.number) == number]
    if not world.newest(found):
        raise no_such("Pipeline")
    return said(pipeline(found[0], world.clock))


def asked_pipeline(request: Request) -> Pipeline:
    """The pipeline that a path names.

    Raises:
        Refused: there is none.
    """
    found = visible_pipeline(world_of(request), request.path_params["pipeline_id"])
    if not found:
        raise no_such("Pipeline")
    return found


async def get_pipeline(request: Request) -> Response:
    """``GET /pipeline/{id}``."""
    return said(pipeline(asked_pipeline(request), world_of(request).clock))


async def list_workflows(request: Request) -> Response:
    """``GET /pipeline/{id}/workflow``: newest first; a rerun is one more of the same name."""
    world, item = world_of(request), asked_pipeline(request)
    return page_of(request, item.begun(world.clock.now()), lambda one: workflow(one, world.clock))


async def get_values(request: Request) -> Response:
    """``GET /pipeline/{id}/values``."""
    item = asked_pipeline(request)
    values: Json = {
        "pipeline.id": item.id,
        "pipeline.number": item.number,
        "pipeline.project.git_url": item.project.url,
        "pipeline.git.branch": item.branch,
        "pipeline.git.tag": item.tag,
        "pipeline.git.revision": item.commit,
        "pipeline.trigger_source": item.trigger,
    }
    return said(values | {f"pipeline.parameters.{key}": value for key, value in item.parameters.items()})


async def get_config(request: Request) -> Response:
    """``GET /pipeline/{id}/config``: this one really has hyphens."""
    item = asked_pipeline(request)
    specs = list(dict.fromkeys(one.spec for one in item.workflows))
    setup = [spec for spec in specs if spec.tag == "setup"]
    source = config_yaml(specs[:1] if setup else specs, setup=bool(setup))
    found = {"source": source, "compiled": source}
    if setup:
        later = config_yaml(specs[1:])
        found |= {"setup-config": later, "compiled-setup-config": later}
    return said(found)


def config_yaml(specs: list[WorkflowSpec], *, setup: bool = False) -> str:
    """The configuration that workflows were made from."""
    jobs = {}
    for spec in (job for one in specs for job in one.jobs if job.kind == "build"):
        steps: list[Any] = [
            "checkout" if command == "checkout" else {"run": command} for command in commands(spec.recording)
        ]
        jobs[spec.name] = {"docker": [{"image": "cimg/python:3.11"}], "parallelism": spec.nodes, "steps": steps}
    listed = {}
    for one in specs:
        rows: list[Any] = []
        for job in one.jobs:
            options: Json = {"type": "approval"} if job.kind == "approval" else {}
            options |= {"requires": list(job.requires)} if job.requires else {}
            rows.append({job.name: options} if options else job.name)
        listed[one.name] = {"jobs": rows}
    whole: Json = {"version": 2.1, **({"setup": True} if setup else {})}
    whole |= {
        "parameters": {name: {"type": kind} for name, kind in PARAMETERS.items()},
        "jobs": jobs,
        "workflows": listed,
    }
    text: str = yaml.safe_dump(whole, sort_keys=False)
    return text


async def run_pipeline(request: Request) -> Response:
    """``POST /project/{slug}/pipeline``: the old way, not for the GitHub App."""
    project, sent = asked_project(request), await body_of(request)
    if project.native:
        return message(400, "This endpoint does not support projects of this type. Use the pipeline/run endpoint.")
    if sent.get("branch") and sent.get("tag"):
        return message(400, "branch and tag are mutually exclusive")
    made = _begin(request, project, str(sent.get("branch", "")), str(sent.get("tag", "")), sent.get("parameters", {}))
    return said(_made(made, world_of(request).clock), 201)


async def run_definition(request: Request) -> Response:
    """``POST /project/{provider}/{organization}/{project}/pipeline/run``: the new way, three segments only."""
    if b"%2f" in request.scope["raw_path"].lower():
        return message(404, "Not found")
    project, sent = asked_project(request), await body_of(request)
    unknown = sorted(set(sent) - {"definition_id", "config", "checkout", "parameters"})
    if unknown:
        return message(400, "Unexpected request body provided.")
    if sent.get("definition_id", definition_id(project)) != definition_id(project):
        return message(404, "Pipeline definition not found")
    config, checkout = sent.get("config", {}), sent.get("checkout", {})
    if set(config) == {"branch", "tag"} or set(checkout) == {"branch", "tag"}:
        return message(400, "branch and tag are mutually exclusive")
    if (config or {}).get("branch") == SKIP_BRANCH:
        return said({"message": SKIPPED})
    ref = config or checkout
    made = _begin(request, project, ref.get("branch", ""), ref.get("tag", ""), sent.get("parameters", {}))
    return said(_made(made, world_of(request).clock), 201)


def _begin(request: Request, project: Project, branch: str, tag: str, parameters: Json) -> Pipeline:
    world = world_of(request)
    for name, value in parameters.items():
        _check(name, value)
    branch = branch or ("" if tag else project.default)
    like = world.newest(
        one for one in world.pipelines.values() if one.project is project and (one.branch, one.tag) == (branch, tag)
    )
    if not like:
        raise Refused(message(400, f"{'Tag' if tag else 'Branch'} not found"))
    return begin(world, like[0], branch=branch, tag=tag, parameters=parameters)


def _check(name: str, value: object) -> None:
    kind = PARAMETERS.get(name)
    if kind is None:
        raise Refused(message(400, f"Unexpected argument(s): {name}"))
    if type(value) is not _TYPES[kind]:
        word = {str: "string", bool: "boolean", int: "integer"}.get(type(value), "unknown")
        text = f'Type error for argument {name}: expected type: {kind}, actual value: "{value}" (type {word})'
        raise Refused(message(400, text))
    if isinstance(value, str) and len(value) > _LONGEST_VALUE:
        raise Refused(message(400, f"parameters.{name}: longer than {_LONGEST_VALUE} characters"))


def _made(item: Pipeline, clock: Clock) -> Json:
    created = stamp(clock, item.created)
    return {"id": item.id, "number": item.number, "state": "pending", "created_at": created}


def definition_id(project: Project) -> str:
    """The id of a project's only pipeline definition."""
    return make_id("definition", project.name)


async def list_definitions(request: Request) -> Response:
    """``GET /projects/{id}/pipeline-definitions``."""
    project_id = request.path_params["project_id"]
    project = next((one for one in PROJECTS.values() if one.id == project_id and one.visible), None)
    if not project:
        raise no_such("Project")
    full_name = project.url.partition("//")[2].partition("/")[2]
    repo = {"full_name": full_name, "external_id": str(int(project.id[:6], 16))}
    item = {
        "id": definition_id(project),
        "name": "Build",
        "description": "",
        "created_at": stamp(world_of(request).clock, -400 * 86400),
        "config_source": {"provider": project.definition, "repo": repo, "file_path": ".circleci/config.yml"},
        "checkout_source": {"provider": project.definition, "repo": repo},
    }
    return said({"items": [item]})


_PROJECT = "/api/v2/project/{vcs}/{org}/{repo}/pipeline"
ROUTES = [
    Route("/api/v2/pipeline", list_pipelines),
    Route("/api/v2/pipeline/{pipeline_id}", get_pipeline),
    Route("/api/v2/pipeline/{pipeline_id}/workflow", list_workflows),
    Route("/api/v2/pipeline/{pipeline_id}/values", get_values),
    Route("/api/v2/pipeline/{pipeline_id}/config", get_config),
    Route(_PROJECT, list_project_pipelines, methods=["GET"]),
    Route(_PROJECT, run_pipeline, methods=["POST"]),
    Route(_PROJECT + "/mine", list_my_pipelines),
    Route(_PROJECT + "/{number}", get_numbered_pipeline, methods=["GET"]),
]
CLOUD_ROUTES = [
    Route(_PROJECT + "/run", run_definition, methods=["POST"]),
    Route("/api/v2/projects/{project_id}/pipeline-definitions", list_definitions),
]
