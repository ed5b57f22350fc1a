"""The storage of artifacts, at an origin of its own: what a signature opens, and what lies there."""

import asyncio
import gzip
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import yaml
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ci_mcp.sandbox.recordings import commands, recording
from ci_mcp.sandbox.semaphore import reports
from ci_mcp.sandbox.semaphore.answers import world_of
from ci_mcp.sandbox.semaphore.extras import extra_files
from ci_mcp.sandbox.semaphore.logs import plain_text
from ci_mcp.sandbox.semaphore.model import Job, Pipeline, Promotion, Workflow
from ci_mcp.sandbox.semaphore.world import World

Files = Mapping[str, Callable[[], bytes]]
SIGNATURE = "X-Goog-Signature"


def sign(path: str) -> str:
    """The signature that opens an object."""
    return uuid.uuid5(uuid.NAMESPACE_URL, path).hex


async def get_object(request: Request) -> Response:
    """``GET /{bucket}/artifacts/{scope}/{id}/{path}``: for who has the signature and shows no other credential."""
    if "authorization" in request.headers:
        return _refused(400, "InvalidArgument", "Only one authentication mechanism is allowed.")
    if request.query_params.get(SIGNATURE) != sign(request.url.path):
        return _refused(403, "SignatureDoesNotMatch", "Access denied.")
    place = request.path_params
    files = files_of(world_of(request), place["scope"], place["scope_id"])
    if place["path"] not in files:
        return _refused(404, "NoSuchKey", "The specified key does not exist.")
    content = await asyncio.to_thread(files[place["path"]])
    kind = "application/gzip" if place["path"].endswith(".gz") else "application/octet-stream"
    return Response(content, media_type=kind)


def _refused(status: int, code: str, message: str) -> Response:
    body = f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return Response(body, status, media_type="application/xml")


def files_of(world: World, scope: str, scope_id: str) -> Files:
    """The objects of a scope by their path, each with what gives its content."""
    return {**_made_files(world, scope, scope_id), **extra_files(scope, scope_id)}


def _made_files(world: World, scope: str, scope_id: str) -> Files:
    """What Semaphore's own tools leave."""
    job = world.job(scope_id) if scope == "jobs" else None
    if job:
        return _job_files(world, job)
    if scope == "workflows" and scope_id in world.workflows:
        return _workflow_files(world, world.workflows[scope_id])
    return {}


def _job_files(world: World, job: Job) -> Files:
    clock, kind = world.clock, job.block.pipeline.workflow.reports
    if job.started is None or job.state(clock.now()) != "finished":
        return {}
    files: dict[str, Callable[[], bytes]] = {"agent/job_logs.txt.gz": lambda: _packed_log(world, job)}
    log = recording(job.spec.recording)
    if not log.report or kind == "none":
        return files
    report = partial(reports.job_report, job, clock)
    files["test-results/junit.xml"] = log.report.encode
    if kind in {"full", "job"}:
        files["test-results/junit.json"] = lambda: reports.packed(report())
        files["test-results/summary.json"] = lambda: reports.packed(reports.totals(report()))
    if kind == "full":
        files["test-results/mcp-summary.json"] = lambda: reports.plain(reports.failed_only(report()))
    return files


def _packed_log(world: World, job: Job) -> bytes:
    return gzip.compress(plain_text(job, world.clock, world.clock.now()).encode(), mtime=0)


def _workflow_files(world: World, workflow: Workflow) -> Files:
    files: dict[str, Callable[[], bytes]] = {}
    for pipeline in workflow.pipelines:
        files |= _pipeline_files(world, pipeline)
    return files


def _pipeline_files(world: World, pipeline: Pipeline) -> dict[str, Callable[[], bytes]]:
    files: dict[str, Callable[[], bytes]] = {f".semaphore/{pipeline.yaml_file}": lambda: pipeline_yaml(pipeline)}
    if pipeline.workflow.reports == "full" and pipeline.state(world.clock.now()) == "done":
        report, base = partial(reports.pipeline_report, pipeline, world.clock), f"test-results/{pipeline.id}"
        files[f"{base}.json"] = lambda: reports.packed(report())
        files[f"{base}-summary.json"] = lambda: reports.packed(reports.totals(report()))
        files[f"{base}-mcp-summary.json"] = lambda: reports.plain(reports.failed_only(report()))
    return files


def pipeline_yaml(pipeline: Pipeline) -> bytes:
    """The YAML that a pipeline was made from."""
    blocks = [
        {
            "name": spec.name,
            "dependencies": list(spec.after),
            "task": {"jobs": [{"name": job.name, "commands": commands(job.recording)} for job in spec.jobs]},
        }
        for spec in pipeline.specs
    ]
    agent = {"machine": {"type": "f1-standard-2", "os_image": "ubuntu2204"}}
    whole = {"version": "v1.0", "name": pipeline.name, "agent": agent, "blocks": blocks}
    whole |= {"promotions": [_promotion(item) for item in pipeline.promotions]} if pipeline.promotions else {}
    text: str = yaml.safe_dump(whole, sort_keys=False)
    return text.encode()


def _promotion(item: Promotion) -> dict[str, Any]:
    found: dict[str, Any] = {"name": item.name, "pipeline_file": item.yaml_file}
    found |= {"auto_promote": {"when": item.when}} if item.when else {}
    found |= {"deployment_target": item.target} if item.target else {}
    variables = []
    for each in item.parameters:
        variable: dict[str, Any] = {"name": each.name, "required": each.required, "description": each.description}
        variable |= {"options": list(each.options)} if each.options else {}
        variables.append(variable | ({"default_value": each.default} if each.default else {}))
    return found | ({"parameters": {"env_vars": variables}} if variables else {})


ROUTES = [Route("/{bucket}/artifacts/{scope}/{scope_id}/{path:path}", get_object)]
