"""Routes of builds: lists, one of them, and what starts, cancels and repeats them."""

import datetime as dt
from fnmatch import fnmatchcase
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ci_mcp.sandbox.buildkite.answers import (
    BUILD,
    ORG,
    PIPELINE,
    Json,
    Refused,
    base_of,
    body_of,
    build_of,
    flag,
    invalid,
    listed,
    page_of,
    pipeline_of,
    routes,
    said,
    world_of,
)
from ci_mcp.sandbox.buildkite.model import RETRYABLE, Build, Job, Pipeline, make_commit, make_id
from ci_mcp.sandbox.buildkite.reports import runs_of
from ci_mcp.sandbox.buildkite.shapes import build, job, pipeline, state_counts
from ci_mcp.sandbox.buildkite.timing import cancel, lay_out, pin, retry
from ci_mcp.sandbox.buildkite.world import ME, RERUN_PACE, USERS, World

_DEEPEST = 5_000
_FULL_COMMIT = 40
_FINISHED = {"passed", "failed", "blocked", "canceled"}
_STATES = {
    "creating", "scheduled", "running", "passed", "failing", "failed", "blocked", "canceling", "canceled", "skipped",
    "not_run", "finished",
}  # fmt: skip
_RETRY_STATES = {"canceled", "expired", "failed", "soft_failed", "timed_out"}


async def list_builds(request: Request) -> Response:
    """``GET /v2/builds``, ``…/organizations/{org}/builds`` and ``…/pipelines/{slug}/builds``: newest first."""
    world = world_of(request)
    slug = pipeline_of(request).slug if "pipeline" in request.path_params else ""
    unknown = [state for state in listed(request, "state") if state not in _STATES]
    if unknown:
        raise Refused(400, f"Invalid state: {unknown[0]}")
    found = [item for item in world.newest(slug) if _wanted(request, item, world)]
    return page_of(request, found, lambda item: _shape(request, item), deepest=_DEEPEST, last=False)


def _wanted(request: Request, item: Build, world: World) -> bool:
    """True where a build fits all that the query asks for."""
    query, now = request.query_params, world.now()
    branches, commits, states = (listed(request, key) for key in ("branch", "commit", "state"))
    state = item.state(now)
    asked = {key[10:-1]: value for key, value in query.items() if key.startswith("meta_data[") and key.endswith("]")}
    created, finished = world.clock.unix(item.created), item.finished_at(now)
    return (
        (not branches or any(fnmatchcase(item.branch, branch) for branch in branches))
        and (not commits or item.commit in commits)
        and (not states or state in states or ("finished" in states and state in _FINISHED))
        and all(str(item.meta_data.get(key)) == value for key, value in asked.items())
        and ("creator" not in query or USERS.get(item.creator, {}).get("id") == query["creator"])
        and ("created_from" not in query or created >= _moment(query["created_from"]))
        and ("created_to" not in query or created < _moment(query["created_to"]))
        and (
            "finished_from" not in query
            or (finished is not None and world.clock.unix(finished) >= _moment(query["finished_from"]))
        )
    )


def _moment(text: str) -> float:
    try:
        return dt.datetime.fromisoformat(text.replace(" ", "+")).timestamp()
    except ValueError:
        raise Refused(400, f"Invalid date: {text}") from None


async def get_build(request: Request) -> Response:
    """``GET …/builds/{number}``."""
    item, world = build_of(request), world_of(request)
    jobs = item.all_jobs if flag(request, "include_retried_jobs") else item.jobs
    now = world.now()
    more: Json = {"job_state_counts": state_counts([one for one in jobs if one.created <= now], now)}
    if flag(request, "include_test_engine"):
        more["test_engine"] = {"runs": [{"id": run.id, "suite": run.suite_reference} for run in runs_of(item, world)]}
    return said(_shape(request, item) | more)


def _shape(request: Request, item: Build) -> Json:
    """A build with what the query wants to have with it."""
    world, base = world_of(request), base_of(request)
    known = build(item, world, base)
    if not flag(request, "exclude_pipeline"):
        known["pipeline"] = pipeline(item.pipeline, world, base, writes=False)
    if not flag(request, "exclude_jobs"):
        jobs = item.all_jobs if flag(request, "include_retried_jobs") else item.jobs
        states, now = listed(request, "job_states"), world.now()
        shown = [one for one in jobs if one.created <= now and (not states or one.state(now) in states)]
        known["jobs"] = [job(one, world, base) for one in shown]
    return known


async def create_build(request: Request) -> Response:
    """``POST …/builds``: like the newest build of that branch, in seconds."""
    sent, item, world = await body_of(request), pipeline_of(request), world_of(request)
    missing = {key: "missing_field" for key in ("commit", "branch") if not sent.get(key)}
    if missing:
        raise invalid(**missing)
    for key in ("env", "meta_data"):
        if not all(isinstance(value, str) for value in (sent.get(key) or {}).values()):
            raise invalid(**{key: "invalid"})
    past = [one for one in world.newest(item.slug) if one.steps]
    like = next((one for one in past if one.branch == sent["branch"]), past[0] if past else None)
    new = _begin(world, item, like, sent)
    return said(_shape(request, new), 201)


def _begin(world: World, item: Pipeline, like: Build | None, sent: Json) -> Build:
    world.started += 1
    number = world.next_number(item.slug)
    commit = sent["commit"]
    if len(commit) != _FULL_COMMIT:  # HEAD, a tag or a reference: the newest commit of its branch
        commit = like.commit if like and like.branch == sent["branch"] else make_commit(item.slug, sent["branch"])
    new = Build(
        make_id("started", item.slug, number), item, number, f"started-{number}", sent["branch"], commit,
        sent.get("message") or (like.message if like else ""), world.now(), ME, sent.get("author"), "api",
        reports=bool(like and like.reports), env=dict(sent.get("env") or {}),
        meta_data=dict(sent.get("meta_data") or {}), pull_request=_pull_request(sent), pace=RERUN_PACE,
    )  # fmt: skip
    lay_out(new, tuple(step.spec for step in like.steps) if like else ())
    world.add(new)
    return new


def _pull_request(sent: Json) -> Json | None:
    if not sent.get("pull_request_id"):
        return None
    known = {"id": str(sent["pull_request_id"]), "base": sent.get("pull_request_base_branch")}
    return known | {
        "repository": sent.get("pull_request_repository"),
        "labels": sent.get("pull_request_labels") or [],
    }


async def cancel_build(request: Request) -> Response:
    """``PUT …/cancel``: of one that has not ended."""
    item, world = build_of(request), world_of(request)
    if item.state(world.now()) not in {"creating", "scheduled", "running", "failing"}:
        raise Refused(422, "Build can't be canceled because it's already finished.")
    cancel(item, world.now())
    return said(_shape(request, item))


async def rebuild(request: Request) -> Response:
    """``PUT …/rebuild``: a new build of the same commit."""
    old, world = build_of(request), world_of(request)
    if old.fixed:
        raise Refused(422, "Build can't be rebuilt because it was never run.")
    sent: dict[str, Any] = {"commit": old.commit, "branch": old.branch, "message": old.message, "env": old.env}
    new = _begin(world, old.pipeline, old, sent)
    new.rebuilt_from, new.pull_request, new.author = old, old.pull_request, old.author
    return said(_shape(request, new))


async def retry_failed_jobs(request: Request) -> Response:
    """``PUT …/retry_failed_jobs``: every job that failed, or those that ended in the states asked for."""
    item, world, sent = build_of(request), world_of(request), await body_of(request)
    states = {word.strip() for word in (sent.get("states") or ",".join(sorted(_RETRY_STATES))).split(",")}
    if not states <= _RETRY_STATES:
        raise Refused(400, f"Invalid states: {', '.join(sorted(states - _RETRY_STATES))}")
    now = world.now()
    failed = [one for one in item.jobs if one.state(now) in RETRYABLE and _state_to_retry(one, now) in states]
    if not failed:
        raise Refused(400, "There are no failed jobs to retry")
    for one in failed:
        run_again(one, world)
    return said(_shape(request, item) | {"retried_jobs_count": len(failed)}, 202)


def _state_to_retry(one: Job, now: float) -> str:
    return "soft_failed" if one.spec.soft and one.state(now) == "failed" else one.state(now)


def run_again(one: Job, world: World) -> Job:
    """A job once more, which takes seconds."""
    one.build.pace = RERUN_PACE
    pin(one.build, world.now())
    new = retry(one, world.now(), ME)
    world.learn(one.build)
    return new


_BUILDS = [
    *routes("read_builds", "/v2/builds", list_builds),
    *routes("read_builds", ORG + "/builds", list_builds),
    *routes("read_builds", PIPELINE + "/builds", list_builds),
]
ROUTES = [
    *_BUILDS,
    *routes("write_builds", PIPELINE + "/builds", create_build, "POST"),
    *routes("read_builds", BUILD, get_build),
    *routes("write_builds", BUILD + "/cancel", cancel_build, "PUT"),
    *routes("write_builds", BUILD + "/rebuild", rebuild, "PUT"),
    *routes("write_builds", BUILD + "/retry_failed_jobs", retry_failed_jobs, "PUT"),
]
