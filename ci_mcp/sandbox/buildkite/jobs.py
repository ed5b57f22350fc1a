"""Routes of jobs."""

from starlette.requests import Request
from starlette.responses import Response

from ci_mcp.sandbox.buildkite.answers import (
    BUILD,
    JOB,
    ORG_JOB,
    Json,
    Refused,
    base_of,
    body_of,
    build_of,
    cursor_page,
    flag,
    invalid,
    job_of,
    listed,
    routes,
    said,
    world_of,
)
from ci_mcp.sandbox.buildkite.builds import run_again
from ci_mcp.sandbox.buildkite.model import RETRYABLE, Job
from ci_mcp.sandbox.buildkite.shapes import job, web_url
from ci_mcp.sandbox.buildkite.timing import unblock
from ci_mcp.sandbox.buildkite.world import ME, RERUN_PACE, USERS

_STATES = {
    "pending", "waiting", "waiting_failed", "blocked", "blocked_failed", "unblocked", "unblocked_failed", "limiting",
    "limited", "scheduled", "assigned", "accepted", "running", "passed", "failed", "canceling", "canceled",
    "timing_out", "timed_out", "skipped", "broken", "expired",
}  # fmt: skip


async def list_jobs(request: Request) -> Response:
    """``GET …/jobs``: with cursors, and with retried jobs unless told not to."""
    item, world = build_of(request), world_of(request)
    states, now = listed(request, "state"), world.now()
    unknown = [state for state in states if state not in _STATES]
    if unknown:
        raise Refused(400, f"Invalid job state: {unknown[0]}")
    query = request.query_params
    jobs = item.all_jobs if flag(request, "include_retried_jobs", default=True) else item.jobs
    found = [
        one
        for one in jobs
        if one.created <= now
        and (not states or _state_to_list(one, now) in states)
        and query.get("step_key", one.spec.key) == one.spec.key
        and query.get("group_key", one.spec.group) == one.spec.group
    ]
    return cursor_page(request, found, lambda one: _shape(request, one))


def _state_to_list(one: Job, now: float) -> str:
    """A running job that has promised to fail is found among the failed ones, and still says that it is running."""
    return "failed" if one.promised(now) and one.state(now) == "running" else one.state(now)


async def get_job(request: Request) -> Response:
    """``GET …/jobs/{job}``."""
    return said(_shape(request, job_of(request)))


def _shape(request: Request, one: Job) -> Json:
    """A job as these routes say it: they know nothing of groups."""
    known = job(one, world_of(request), base_of(request))
    return known | ({"group_key": None} if "group_key" in known else {})


async def retry_job(request: Request) -> Response:
    """``PUT …/retry``: once for each job; the answer is the new one."""
    item, world = job_of(request), world_of(request)
    now = world.now()
    if item.build.canceled <= now:
        raise Refused(422, "Jobs of a canceled build can't be retried")
    if item.retried_in:
        raise Refused(400, "This job has already been retried")
    if item.spec.kind != "script" or item.state(now) not in RETRYABLE:
        raise Refused(400, "Only failed, timed out or canceled jobs can be retried")
    new = run_again(item, world)
    return said(_shape(request, new) | {"build_url": web_url(new.build)})


async def unblock_job(request: Request) -> Response:
    """``PUT …/unblock``: with the fields that it asks for."""
    item, world, sent = job_of(request), world_of(request), await body_of(request)
    now = world.now()
    if item.spec.kind != "manual":
        raise Refused(400, "This job type cannot be unblocked")
    if item.build.canceled <= now:
        raise Refused(422, "Jobs of a canceled build can't be unblocked")
    if item.state(now) != "blocked":
        raise Refused(400, "This job has already been unblocked, or is not blocked yet")
    who = next((name for name, user in USERS.items() if user["id"] == sent.get("unblocker", USERS[ME]["id"])), None)
    if who is None:
        raise Refused(422, "The unblocker is not a user of this organization")
    fields = sent.get("fields") or {}
    missing = {f"fields.{key}": "missing_field" for key in item.spec.fields if not fields.get(key)}
    if missing:
        raise invalid(**missing)
    item.build.pace = RERUN_PACE
    unblock(item, now, who, {key: str(value) for key, value in fields.items()})
    return said(_shape(request, item))


async def reprioritize_job(request: Request) -> Response:
    """``PUT …/reprioritize``."""
    item, sent = job_of(request), await body_of(request)
    if not isinstance(sent.get("priority"), int):
        raise invalid(priority="invalid")
    item.priority = sent["priority"]
    return said(_shape(request, item))


ROUTES = [
    *routes("read_builds", BUILD + "/jobs", list_jobs),
    *routes("read_builds", JOB, get_job, org_path=ORG_JOB),
    *routes("write_builds", JOB + "/retry", retry_job, "PUT", org_path=ORG_JOB + "/retry"),
    *routes("write_builds", JOB + "/unblock", unblock_job, "PUT", org_path=ORG_JOB + "/unblock"),
    *routes("write_builds", JOB + "/reprioritize", reprioritize_job, "PUT", org_path=ORG_JOB + "/reprioritize"),
]
