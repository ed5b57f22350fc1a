"""Routes of what a build's jobs uploaded as further steps, and of why an upload was refused."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from ci_mcp.sandbox.buildkite.answers import (
    BUILD,
    Json,
    Refused,
    base_of,
    build_of,
    cursor_page,
    iso,
    routes,
    said,
    world_of,
)
from ci_mcp.sandbox.buildkite.model import Job, make_id
from ci_mcp.sandbox.buildkite.shapes import build_url

_OLDEST = -30 * 86_400
_STEPS = 'steps:\n  - label: ":pytest: Unit tests"\n    key: unit\n    command: .buildkite/steps/unit.sh\n'


@dataclass(frozen=True, slots=True)
class _Upload:
    """What one job uploaded."""

    id: str
    job: Job


async def list_uploads(request: Request) -> Response:
    """``GET …/step-uploads``: gone after a month."""
    wanted = request.query_params.get("filter[source_job_id]")
    found = [one for one in _uploads(request) if wanted in {None, one.job.id}]
    return cursor_page(request, found, lambda one: _shape(request, one))


async def get_upload(request: Request) -> Response:
    """``GET …/step-uploads/{uuid}``: with the YAML."""
    one = next((one for one in _uploads(request) if one.id == request.path_params["upload"]), None)
    if not one:
        raise Refused(404, "No step upload found")
    size = len(_STEPS.encode())
    more = {"definition_bytes": size, "definition_yaml": _STEPS, "definition_yaml_omitted": False}
    return said(_shape(request, one) | more)


def _uploads(request: Request) -> list[_Upload]:
    build, now = build_of(request), world_of(request).now()
    if build.created < _OLDEST:
        raise Refused(410, "Step uploads of this build are no longer available")
    jobs = [job for job in build.jobs if job.spec.key == "upload" and job.state(now) == "passed"]
    return [_Upload(make_id("upload", job.id), job) for job in jobs]


def _shape(request: Request, one: _Upload) -> Json:
    world, build = world_of(request), one.job.build
    return {
        "uuid": one.id, "graphql_id": one.id, "state": "applied", "source": "job", "source_job_id": one.job.id,
        "replace_existing_steps": False, "created_jobs_count": len(build.steps) - 1, "rejection_type": None,
        "message": None, "url": f"{build_url(base_of(request), build)}/step-uploads/{one.id}",
        "created_at": iso(world.clock, one.job.finished), "processed_at": iso(world.clock, one.job.finished),
    }  # fmt: skip


ROUTES = [
    *routes("read_builds", BUILD + "/step-uploads", list_uploads),
    *routes("read_builds", BUILD + "/step-uploads/{upload}", get_upload),
]
