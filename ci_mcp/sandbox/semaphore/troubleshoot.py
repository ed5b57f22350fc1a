"""Routes of troubleshooting: everything around a job, a pipeline or a workflow in one answer."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ci_mcp.sandbox.app import Refused
from ci_mcp.sandbox.semaphore.answers import date, said, text, world_of
from ci_mcp.sandbox.semaphore.jobs import log_job
from ci_mcp.sandbox.semaphore.model import Job, Pipeline, Workflow, make_id
from ci_mcp.sandbox.semaphore.shapes import agent_name, block_facts, pipeline, workflow
from ci_mcp.sandbox.semaphore.world import ORGANIZATION, World

Json = dict[str, Any]
_PIPELINE_KEYS = (
    "ppl_id", "name", "created_at", "pending_at", "queuing_at", "running_at", "stopping_at", "done_at", "state",
    "terminate_request", "error_description", "switch_id", "working_directory", "yaml_file_name", "terminated_by",
    "promotion_of", "partial_rerun_of", "partially_rerun_by",
)  # fmt: skip


async def troubleshoot_job(request: Request) -> Response:
    """``GET /troubleshoot/job/{id}``."""
    world = world_of(request)
    job = log_job(world, request.path_params["job_id"])
    around = _around(world, job.block.pipeline)
    block = _with_result(block_facts(job.block, world.clock.now()))
    return said(around | {"block": block, "job": _job(world, job)})


async def troubleshoot_pipeline(request: Request) -> Response:
    """``GET /troubleshoot/pipeline/{id}``: its blocks inside the pipeline."""
    world = world_of(request)
    item = world.pipelines.get(request.path_params["pipeline_id"])
    if not item:
        raise Refused(text(404, "Not found"))
    _check(item.workflow)
    around, now = _around(world, item), world.clock.now()
    around["pipeline"]["blocks"] = [_with_result(block_facts(block, now)) for block in item.blocks]
    return said(around)


async def troubleshoot_workflow(request: Request) -> Response:
    """``GET /troubleshoot/workflow/{id}``."""
    world = world_of(request)
    item = world.workflows.get(request.path_params["wf_id"])
    if not item:
        raise Refused(text(404, "Not found"))
    _check(item)
    return said({"project": _project(item), "workflow": _workflow(world, item)})


def _check(item: Workflow) -> None:
    if not item.project.visible:
        raise Refused(text(401, "Permission denied"))


def _around(world: World, item: Pipeline) -> Json:
    described = pipeline(item, world.clock, world.clock.now())
    queue = {f"queue_{key}": described["queue"][key] for key in ("name", "scope", "type")}
    shown = {key: described[key] for key in _PIPELINE_KEYS} | queue | {"queue_id": described["queue"]["queue_id"]}
    return {
        "project": _project(item.workflow),
        "workflow": _workflow(world, item.workflow),
        "pipeline": shown | {key: described.get(key, "") for key in ("result", "result_reason")},
    }


def _project(item: Workflow) -> Json:
    return {"id": item.project.id, "organization_id": ORGANIZATION}


def _workflow(world: World, item: Workflow) -> Json:
    described = workflow(item, world.clock)
    del described["organization_id"]
    return described | {"created_at": date(world.clock, item.created), "triggered_by": item.trigger.lower()}


def _with_result(block: Json) -> Json:
    return {"result": "", "result_reason": ""} | block


def _job(world: World, job: Job) -> Json:
    now = world.clock.now()

    def when(at: float | None) -> str:
        return date(world.clock, at) if at is not None and at <= now else ""

    return {
        "id": job.id,
        "build_req_id": make_id("build", job.block.id),
        "name": job.spec.name,
        "state": job.state(now),
        "failure_reason": job.spec.reason if job.state(now) == "finished" else "",
        "is_debug_job": False,
        "is_self_hosted": job.self_hosted,
        "machine_type": job.spec.agent,
        "os_image": "" if job.self_hosted else "ubuntu2204",
        "agent_name": agent_name(job) if job.has_run(now) else "",
        "created_at": when(job.created),
        "enqueued_at": when(job.created),
        "started_at": when(job.started),
        "finished_at": when(job.finished),
        "priority": 50,
    }


ROUTES = [
    Route("/api/v1alpha/troubleshoot/job/{job_id}", troubleshoot_job),
    Route("/api/v1alpha/troubleshoot/pipeline/{pipeline_id}", troubleshoot_pipeline),
    Route("/api/v1alpha/troubleshoot/workflow/{wf_id}", troubleshoot_workflow),
]
