"""Pipelines, builds and jobs as Buildkite says them."""

from collections import Counter
from typing import Any

from ci_mcp.sandbox.buildkite.answers import Json, iso, utc
from ci_mcp.sandbox.buildkite.model import NEVER, Build, Job, Pipeline, graphql_id, make_id
from ci_mcp.sandbox.buildkite.world import ME, ORGANIZATION, USERS, World, triggered

WEB = "https://buildkite.com"


def person(world: World, name: str) -> Json | None:
    """A user; None for nobody."""
    if name not in USERS:
        return None
    user = USERS[name]
    return user | {
        "graphql_id": graphql_id("User", user["id"]),
        "avatar_url": f"https://www.gravatar.com/avatar/{user['id'].replace('-', '')}",
        "created_at": iso(world.clock, -900 * 86_400),
    }


def pipeline_url(base: str, slug: str) -> str:
    """The API's URL of a pipeline."""
    return f"{base}/organizations/{ORGANIZATION}/pipelines/{slug}"


def build_url(base: str, build: Build) -> str:
    """The API's URL of a build."""
    return f"{pipeline_url(base, build.pipeline.slug)}/builds/{build.number}"


def web_url(build: Build) -> str:
    """The page of a build."""
    return f"{WEB}/{ORGANIZATION}/{build.pipeline.slug}/builds/{build.number}"


def pipeline(item: Pipeline, world: World, base: str, *, writes: bool) -> Json:
    """A pipeline; ``writes``: the token may write, and sees the URL that triggers builds."""
    url, now = pipeline_url(base, item.slug), world.now()
    states = [build.state(now) for build in world.newest(item.slug)]
    jobs = [job.state(now) for build in world.newest(item.slug) for job in build.open_jobs(now)]
    provider = {
        "id": item.provider,
        "webhook_url": f"https://webhook.buildkite.com/deliver/{make_id('hook', item.slug)}" if writes else None,
        "settings": {"trigger_mode": "code", "build_pull_requests": True, "repository": f"acme/{item.slug}"},
    }
    known = {
        "id": item.id, "graphql_id": graphql_id("Pipeline", item.id), "url": url,
        "web_url": f"{WEB}/{ORGANIZATION}/{item.slug}", "name": item.name, "slug": item.slug,
        "description": item.description or None, "repository": item.repository, "cluster_id": item.cluster,
        "cluster_url": f"{base}/organizations/{ORGANIZATION}/clusters/{item.cluster}",
        "pipeline_template_uuid": None, "default_branch": item.default_branch, "branch_configuration": None,
        "skip_queued_branch_builds": False, "skip_queued_branch_builds_filter": None,
        "cancel_running_branch_builds": False, "cancel_running_branch_builds_filter": None, "allow_rebuilds": True,
        "provider": provider, "builds_url": f"{url}/builds", "badge_url": f"https://badge.buildkite.com/{item.id}.svg",
        "created_by": person(world, ME), "created_at": utc(world.clock, item.created),
        "archived_at": iso(world.clock, item.archived), "env": None, "visibility": "private",
        "tags": list(item.tags) or None, "emoji": None, "color": None, "configuration": item.configuration,
        "scheduled_builds_count": states.count("scheduled"), "running_builds_count": states.count("running"),
        "scheduled_jobs_count": jobs.count("scheduled"), "running_jobs_count": jobs.count("running"),
        "waiting_jobs_count": jobs.count("waiting"), "steps": [_yaml_step(mapping=item.slug == "shop-deploy")],
    }  # fmt: skip
    return known | item.changes


def _yaml_step(*, mapping: bool) -> Json:
    """A step of the YAML; its plugins are a list, or of older pipelines a mapping."""
    plugin = {"docker#v5.12.0": {"image": "python:3.11"}}
    return {
        "type": "script", "name": ":pipeline: Upload", "command": "buildkite-agent pipeline upload",
        "artifact_paths": None, "branch_configuration": None, "env": {}, "timeout_in_minutes": None,
        "agent_query_rules": ["queue=default"], "concurrency": None, "parallelism": None,
        "plugins": plugin if mapping else [plugin],
    }  # fmt: skip


def build(item: Build, world: World, base: str) -> Json:
    """A build without its jobs and its pipeline."""
    now, clock = world.now(), world.clock
    url = build_url(base, item)
    cause = item.triggered_by
    from_ = item.rebuilt_from
    return {
        "id": item.id, "graphql_id": graphql_id("Build", item.id), "url": url, "web_url": web_url(item),
        "number": item.number, "state": item.shown_state(now), "blocked": item.state(now) == "blocked",
        "cancel_reason": "User canceled" if item.canceled <= now else None, "message": item.message,
        "commit": item.commit, "branch": item.branch, "env": item.env, "source": item.source,
        "author": item.author if item.author is not None else _author(item.creator),
        "creator": person(world, item.creator), "created_at": iso(clock, item.created),
        "scheduled_at": iso(clock, item.created + 0.2), "started_at": iso(clock, item.started_at(now)),
        "failing_at": iso(clock, item.failing_at(now)), "finished_at": iso(clock, item.finished_at(now)),
        "meta_data": item.meta_data, "pull_request": item.pull_request, "merge_queue": None,
        "rebuilt_from": {"id": from_.id, "number": from_.number, "url": build_url(base, from_)} if from_ else None,
        "triggered_from": {
            "build_id": cause.build.id, "build_number": cause.build.number,
            "build_pipeline_slug": cause.build.pipeline.slug,
        } if cause else None,
        "cluster_id": item.pipeline.cluster,
    }  # fmt: skip


def _author(name: str) -> Json | None:
    user = USERS.get(name)
    return {"name": user["name"], "email": user["email"]} if user else None


def state_counts(jobs: list[Job], now: float) -> Json:
    """How many jobs there are in each state."""
    return {"total": len(jobs), "states": dict(Counter(job.state(now) for job in jobs))}


def job(item: Job, world: World, base: str) -> Json:
    """A job, by its type."""
    kind = item.spec.kind
    known = {
        "id": item.id, "graphql_id": graphql_id("Job", item.id), "type": kind,
        "name": _name(item), "step_key": item.spec.key or None, "group_key": item.spec.group or None,
        "step": {"id": make_id("step", item.build.id, item.spec.name, item.spec.key), "signature": None},
        "state": item.state(world.now()), "build_url": build_url(base, item.build),
        "web_url": f"{web_url(item.build)}#{item.id}",
    }  # fmt: skip
    if kind == "waiter":
        return {key: known[key] for key in ("id", "graphql_id", "type", "state", "web_url", "step")}
    if kind == "manual":
        return known | _manual(item, world, base)
    if kind == "trigger":
        return known | _trigger(item, world, base)
    return known | _script(item, world, base)


def _name(item: Job) -> str:
    shard = item.spec.shard
    return item.spec.name.replace("%n", str(shard[0] + 1)) if shard else item.spec.name


def _manual(item: Job, world: World, base: str) -> Json:
    opened = item.unblocked_at is not None
    return {
        "name": None, "label": item.spec.name, "unblocked_by": person(world, item.unblocked_by),
        "unblocked_at": iso(world.clock, item.unblocked_at),
        "unblockable": item.state(world.now()) == "blocked" and item.ready != NEVER and not opened,
        "unblock_url": f"{build_url(base, item.build)}/jobs/{item.id}/unblock",
        "fields": [{"key": key, "required": True} for key in item.spec.fields],
    }  # fmt: skip


def _trigger(item: Job, world: World, base: str) -> Json:
    made, now = triggered(world, item), world.now()
    shown = made if made and item.started is not None and item.started <= now else None
    return {
        "async": False,
        "triggered_build": {
            "id": shown.id, "number": shown.number, "url": build_url(base, shown), "web_url": web_url(shown),
        } if shown else None,
        "created_at": iso(world.clock, item.created), "finished_at": _until(item.finished, world),
    }  # fmt: skip


def _until(at: float, world: World) -> str | None:
    return iso(world.clock, at) if at <= world.now() else None


def _script(item: Job, world: World, base: str) -> Json:
    now, clock, spec = world.now(), world.clock, item.spec
    url = f"{build_url(base, item.build)}/jobs/{item.id}"
    ran, over = item.has_run(now), item.finished <= now
    queue = spec.queue or spec.why
    state = item.state(now)
    retried = item.retried_in if item.retried_in and item.retried_in.created <= now else None
    cluster = f"{base}/organizations/{ORGANIZATION}/clusters/{item.build.pipeline.cluster}"
    queue_id = make_id("queue", queue)
    known: Json = {
        "priority": {"number": item.priority}, "agent_query_rules": [f"queue={queue}"], "log_url": f"{url}/log",
        "raw_log_url": f"{url}/log.txt", "artifacts_url": f"{url}/artifacts", "command": command_of(item),
        "soft_failed": spec.soft and state == "failed", "exit_status": item.exit_status if over else 0 if ran else None,
        "signal": spec.signal or None if over and ran else None,
        "signal_reason": spec.why or None if over and ran else None,
        "broken_reason": spec.why or None if state == "broken" else None, "artifact_paths": "reports/*;out/**/*",
        "created_at": iso(clock, item.created),
        "scheduled_at": iso(clock, item.created + 0.1) if item.ready != NEVER else None,
        "runnable_at": iso(clock, item.ready) if item.ready <= now and state not in {"broken", "skipped"} else None,
        "started_at": iso(clock, item.started) if ran else None,
        "finished_at": iso(clock, item.finished) if over and (ran or state == "canceled") else None,
        "expired_at": iso(clock, item.finished) if state == "expired" else None,
        "concurrency_wait_time_ms": None, "retried": bool(retried),
        "retried_in_job_id": retried.id if retried else None, "retries_count": item.attempt or None,
        "retry_source": {"job_id": item.retry_of.id, "retry_type": item.retry_of.retry_type} if item.retry_of else None,
        "retry_type": item.retry_type or None if retried else None,
        "retried_by": person(world, item.retried_by) if retried else None,
        "parallel_group_index": spec.shard[0] if spec.shard else None,
        "parallel_group_total": spec.shard[1] if spec.shard else None,
        "matrix": dict(spec.matrix) if spec.matrix else None, "agent": agent_of(item, world, base) if ran else None,
        "cluster_id": item.build.pipeline.cluster, "cluster_url": cluster,
        "cluster_queue_id": queue_id, "cluster_queue_url": f"{cluster}/queues/{queue_id}",
    }  # fmt: skip
    if item.promised(now):
        at = iso(clock, item.promised_at)
        known |= {"promised_exit_status": item.exit_status, "promised_exit_status_at": at}
    return known


def command_of(item: Job) -> str:
    """The command of a script job."""
    if item.spec.key == "upload":
        return "buildkite-agent pipeline upload"
    return f".buildkite/steps/{item.spec.key}.sh" if item.spec.recording else "true"


def agent_of(item: Job, world: World, base: str) -> dict[str, Any]:
    """The agent that ran a job: bulky, with an address and a person in it."""
    number = int(item.id[:4], 16) % 3 + 1
    name = f"{item.spec.queue}-{number}"
    return agent(name, item.spec.queue, world, base)


def agent(name: str, queue: str, world: World, base: str) -> Json:
    """An agent by its name."""
    agent_id = make_id("agent", name)
    return {
        "id": agent_id, "graphql_id": graphql_id("Agent", agent_id),
        "url": f"{base}/organizations/{ORGANIZATION}/agents/{agent_id}",
        "web_url": f"{WEB}/organizations/{ORGANIZATION}/agents/{agent_id}", "name": name,
        "connection_state": "connected", "hostname": f"{name}.acme.example", "ip_address": "192.0.2.17",
        "user_agent": "buildkite-agent/3.104.0.10874 (linux; amd64)", "version": "3.104.0", "os_id": "linux",
        "arch": "amd64", "queue": queue, "priority": 0, "meta_data": [f"queue={queue}", "docker=true"],
        "creator": person(world, "ada"), "created_at": iso(world.clock, -3 * 86_400),
        "connected_at": iso(world.clock, -3 * 86_400), "disconnected_at": None, "lost_at": None, "stopped_at": None,
        "last_job_finished_at": iso(world.clock, -600), "job": None, "paused": False, "paused_at": None,
        "paused_by": None, "paused_note": None, "paused_timeout_in_minutes": None,
    }  # fmt: skip
