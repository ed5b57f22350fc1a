"""Files of jobs: the door on CircleCI's own host, which wants the token, and the storage behind it, which must not."""

import gzip
import json
import uuid
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ci_mcp.sandbox.circleci.answers import Host, Json, host_of, no_such, stamp, visible_job, world_of
from ci_mcp.sandbox.circleci.model import Job
from ci_mcp.sandbox.circleci.output import Step, steps_of
from ci_mcp.sandbox.circleci.reports import counts, report_of
from ci_mcp.sandbox.plan import Clock

SIGNATURE = "X-Amz-Signature"
ARTIFACTS = ("test-results/junit.xml", "test-results/junit.xml.gz", "summary.txt")
_CREDENTIALS = ("authorization", "circle-token", "cookie")
_LONGEST = 4_000_000  # characters of a step in API v1.1
_CHUNK = 1000


def sign(path: str) -> str:
    """The signature that opens an object."""
    return uuid.uuid5(uuid.NAMESPACE_URL, path).hex


def signed_url(host: Host, path: str) -> str:
    """Where the storage has an object, for five days."""
    return f"{host.storage}{quote(path)}?X-Amz-Expires=431999&{SIGNATURE}={sign(path)}"


def artifact_paths(job: Job, now: float) -> list[tuple[int, str]]:
    """The artifacts of a job that has ended, each with its node."""
    if now < job.stopped or not report_of(job):
        return []
    return [(node, path) for node in range(job.spec.nodes) for path in ARTIFACTS]


def artifact_url(host: Host, job: Job, node: int, path: str) -> str:
    """Where an artifact is fetched: with the token, from CircleCI itself."""
    return f"{host.url}/output/job/{job.id}/artifacts/{node}/{quote(path)}"


async def open_artifact(request: Request) -> Response:
    """``GET /output/job/{id}/artifacts/{node}/{path}``: leads to the storage."""
    world, place = world_of(request), request.path_params
    job = visible_job(world, place["job_id"])
    if not job or (place["node"], place["path"]) not in artifact_paths(job, world.clock.now()):
        raise no_such("Artifact")
    path = f"/circleci-artifacts/{job.id}/{place['node']}/{place['path']}"
    return RedirectResponse(signed_url(host_of(request), path), 302)


async def get_artifact(request: Request) -> Response:
    """``GET /circleci-artifacts/{id}/{node}/{path}``: of the storage."""
    refused = _refused_credentials(request)
    job = visible_job(world_of(request), request.path_params["job_id"])
    if refused or not job:
        return refused or _xml(404, "NoSuchKey", "The specified key does not exist.")
    if request.path_params["path"] == "summary.txt":
        found = counts(job, world_of(request).clock.now())
        text = "".join(f"{word}: {number}\n" for word, number in sorted(found.items()))
        return Response(text, media_type="text/plain; charset=utf-8")
    report = report_of(job).encode()
    if request.path_params["path"].endswith(".gz"):
        return Response(gzip.compress(report, mtime=0), media_type="application/gzip")
    return Response(report, media_type="application/xml")


async def get_stored_output(request: Request) -> Response:
    """``GET /circle-production-action-output/{id}/{node}/{num}``: of the storage."""
    return _refused_credentials(request) or _output(request)


async def get_output(request: Request) -> Response:
    """``GET /api/v1.1/output/{id}/{node}/{num}``: the same on a server, which wants the token."""
    return _output(request)


def output_url(host: Host, job: Job, node: int, step: Step) -> str:
    """Where API v1.1 says that a step's output is."""
    if host.cloud:
        return signed_url(host, f"/circle-production-action-output/{job.id}/{node}/{step.num}")
    return f"{host.url}/api/v1.1/output/{job.id}/{node}/{step.num}"


def _output(request: Request) -> Response:
    world, place = world_of(request), request.path_params
    job = visible_job(world, place["job_id"])
    step = (
        next((one for one in steps_of(job, place["node"], world.clock) if one.num == place["num"]), None)
        if job
        else None
    )
    if not step:
        return _xml(404, "NoSuchKey", "The specified key does not exist.")
    return Response(json.dumps(chunks(step, world.clock)), media_type="application/json")


def chunks(step: Step, clock: Clock) -> list[Json] | None:
    """A step's output as API v1.1 keeps it: standard error first, in pieces that end anywhere; null for none."""
    time = stamp(clock, step.started)
    found: list[Json] = []
    for kind, text in (("err", step.stderr_bytes.decode()), ("out", step.stdout_bytes.decode())):
        cut = len(text) > _LONGEST
        shown = text[-_LONGEST:]
        size = _CHUNK if len(shown) < _LONGEST else _LONGEST
        pieces = [{"type": kind, "time": time, "message": shown[at : at + size]} for at in range(0, len(shown), size)]
        found += [piece | {"truncated": True} for piece in pieces] if cut else pieces
    return found or None


def _refused_credentials(request: Request) -> Response | None:
    if any(name in request.headers for name in _CREDENTIALS):
        return _xml(400, "InvalidArgument", "Only one auth mechanism allowed.")
    if request.query_params.get(SIGNATURE) != sign(request.url.path):
        return _xml(403, "SignatureDoesNotMatch", "The request signature does not match.")
    return None


def _xml(status: int, code: str, message: str) -> Response:
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return Response(body, status, media_type="application/xml")


ROUTES = [Route("/output/job/{job_id}/artifacts/{node:int}/{path:path}", open_artifact)]
SERVER_ROUTES = [Route("/api/v1.1/output/{job_id}/{node:int}/{num:int}", get_output)]
STORAGE_ROUTES = [
    Route("/circleci-artifacts/{job_id}/{node:int}/{path:path}", get_artifact),
    Route("/circle-production-action-output/{job_id}/{node:int}/{num:int}", get_stored_output),
]
