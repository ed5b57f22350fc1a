"""Routes of pipelines, and the validation of their YAML."""

import yaml
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ci_mcp.sandbox.semaphore.answers import (
    listed_workflows,
    page_of,
    parameters,
    said,
    time_filter,
    visible_pipeline,
    world_of,
)  # fmt: skip
from ci_mcp.sandbox.semaphore.model import Pipeline, stop
from ci_mcp.sandbox.semaphore.shapes import block, listed_pipeline, pipeline
from ci_mcp.sandbox.semaphore.workflows import RERUN_PACE
from ci_mcp.sandbox.semaphore.world import ME, World, rebuild


async def list_pipelines(request: Request) -> Response:
    """``GET /pipelines``: of a project or a workflow, newest first; states in capitals."""
    world = world_of(request)
    now = world.clock.now()
    found = [
        item
        for workflow in listed_workflows(request)
        for item in workflow.pipelines
        if item.created <= now and _matches(request, world, item)
    ]
    found.sort(key=lambda item: (-item.created, item.id))
    return page_of(request, found, lambda item: listed_pipeline(item, world.clock, now))


def _matches(request: Request, world: World, item: Pipeline) -> bool:
    query, workflow = request.query_params, item.workflow
    wanted = {
        "branch_name": workflow.branch,
        "label": workflow.label,
        "yml_file_path": f".semaphore/{item.yaml_file}",
    }
    done = not (query.get("done_after") or query.get("done_before")) or item.state(world.clock.now()) == "done"
    return (
        all(not query.get(key) or query[key] == value for key, value in wanted.items())
        and time_filter(request, world, "created", item.created)
        and done
        and time_filter(request, world, "done", item.end)
    )


async def get_pipeline(request: Request) -> Response:
    """``GET /pipelines/{id}``: with blocks only where ``detailed`` is exactly ``true``."""
    world = world_of(request)
    now = world.clock.now()
    item = visible_pipeline(world, request.path_params["pipeline_id"])
    detailed = request.query_params.get("detailed") == "true"
    blocks = [block(each, now) for each in item.blocks] if detailed else []
    return said({"pipeline": pipeline(item, world.clock, now), "blocks": blocks})


async def describe_topology(request: Request) -> Response:
    """``GET /pipelines/{id}/describe_topology``: a bare array of blocks."""
    item = visible_pipeline(world_of(request), request.path_params["pipeline_id"])
    return said(
        [
            {"name": spec.name, "jobs": [job.name for job in spec.jobs], "dependencies": list(spec.after)}
            for spec in item.specs
        ]
    )


async def stop_pipeline(request: Request) -> Response:
    """``PATCH /pipelines/{id}``."""
    sent, world = await parameters(request), world_of(request)
    item = visible_pipeline(world, sent["pipeline_id"])
    if sent.get("terminate_request") is not True:
        return said("Value of 'terminate_request' field must be boolean value 'true'.", 400)
    stop(item, world.clock.now(), ME)
    return said("Pipeline termination started.")


async def partial_rebuild(request: Request) -> Response:
    """``POST /pipelines/{id}/partial_rebuild``: the same request token answers the same pipeline."""
    sent, world = await parameters(request), world_of(request)
    item = visible_pipeline(world, sent["pipeline_id"])
    now, token = world.clock.now(), sent.get("request_token")
    if not token:
        return said("Missing required post parameter request_token.", 400)
    key = f"rebuild {item.id} {token}"
    if key not in world.tokens:
        if item.state(now) != "done":
            return said("Only pipelines which are in done state can be partial rebuilt.", 400)
        if item.result == "passed":
            return said("Pipelines which passed can not be partial rebuilt.", 400)
        world.tokens[key] = rebuild(world, item, token, now, pace=RERUN_PACE)
    return said({"pipeline_id": world.tokens[key].id, "message": ""})


async def validate_yaml(request: Request) -> Response:
    """``POST /yaml``: whether a pipeline's YAML is one; only its outline is looked at."""
    sent = await parameters(request)
    definition = sent.get("yaml_definition")
    if not isinstance(definition, str) or not definition:
        return said("Missing required post parameter yaml_definition.", 400)
    try:
        read = yaml.safe_load(definition)
    except yaml.YAMLError as error:
        return said(str(error), 400)
    missing = [key for key in ("version", "agent", "blocks") if not isinstance(read, dict) or key not in read]
    if missing:
        return said(f'[{{"Required property {missing[0]} was not present.", "#"}}]', 400)
    return said({"pipeline_id": "", "message": "YAML definition is valid."})


ROUTES = [
    Route("/api/v1alpha/pipelines", list_pipelines),
    Route("/api/v1alpha/pipelines/{pipeline_id}", get_pipeline, methods=["GET"]),
    Route("/api/v1alpha/pipelines/{pipeline_id}", stop_pipeline, methods=["PATCH"]),
    Route("/api/v1alpha/pipelines/{pipeline_id}/describe_topology", describe_topology),
    Route("/api/v1alpha/pipelines/{pipeline_id}/partial_rebuild", partial_rebuild, methods=["POST"]),
    Route("/api/v1alpha/yaml", validate_yaml, methods=["POST"]),
]
