"""The JSON of workflows, pipelines, blocks and jobs, in each of the API's spellings."""

from typing import Any

from ci_mcp.sandbox.plan import Clock
from ci_mcp.sandbox.recordings import commands, recording
from ci_mcp.sandbox.semaphore.answers import date, stamp
from ci_mcp.sandbox.semaphore.model import Block, Job, Pipeline, Workflow, make_id
from ci_mcp.sandbox.semaphore.world import ORGANIZATION, SECRET_VALUE

Json = dict[str, Any]
TRIGGERS = ("HOOK", "SCHEDULE", "API", "MANUAL_RUN")
_JOB_STATES = {"pending": "PENDING", "enqueued": "QUEUED", "started": "RUNNING", "finished": "FINISHED"}
_BLOCK_JOB_STATES = _JOB_STATES | {"pending": "ENQUEUED", "enqueued": "ENQUEUED"}


def workflow(item: Workflow, clock: Clock) -> Json:
    """A workflow as described; in lists ``triggered_by`` is a number."""
    return {
        "wf_id": item.id,
        "initial_ppl_id": item.pipelines[0].id,
        "project_id": item.project.id,
        "organization_id": ORGANIZATION,
        "hook_id": make_id("hook", item.id),
        "requester_id": item.requester,
        "branch_id": make_id("branch", item.project.id, item.branch),
        "branch_name": item.branch,
        "commit_sha": item.commit,
        "created_at": stamp(clock, item.created),
        "triggered_by": item.trigger,
        "rerun_of": item.rerun_of,
        "repository_id": make_id("repository", item.project.id),
    }


def listed_workflow(item: Workflow, clock: Clock) -> Json:
    """A workflow in a list."""
    return workflow(item, clock) | {"triggered_by": TRIGGERS.index(item.trigger)}


def pipeline(item: Pipeline, clock: Clock, now: float) -> Json:
    """A pipeline as described: lower case, times as text, no result until it is done."""
    state = item.state(now)
    described = _pipeline_facts(item) | {"state": state}
    described |= {key: date(clock, at) for key, at in _times(item, now).items()}
    return described | ({"result": item.result, "result_reason": item.reason} if state == "done" else {})


def listed_pipeline(item: Pipeline, clock: Clock, now: float) -> Json:
    """A pipeline in a list: upper case, times as seconds and nanoseconds."""
    described = pipeline(item, clock, now)
    for key in ("state", "result", "result_reason"):
        if key in described:
            described[key] = described[key].upper()
    return described | {key: stamp(clock, at) for key, at in _times(item, now).items()}


def _times(item: Pipeline, now: float) -> dict[str, float | None]:
    """When a pipeline entered each of its states; None for those it has not (yet)."""
    step = (item.begin - item.created) / 3
    times = {
        "created_at": item.created,
        "pending_at": item.created + step,
        "queuing_at": item.created + 2 * step,
        "running_at": None if item.error else item.begin,
        "stopping_at": item.stopping,
        "done_at": item.end,
    }
    # One that is stopped early enters none of the states in between.
    last = item.end if item.stopping is None else item.stopping
    passing = ("pending_at", "queuing_at", "running_at")
    return {
        key: at if at is not None and at <= now and (at < last or key not in passing) else None
        for key, at in times.items()
    }


def _pipeline_facts(item: Pipeline) -> Json:
    flow = item.workflow
    return {
        "ppl_id": item.id,
        "wf_id": flow.id,
        "name": item.name,
        "project_id": flow.project.id,
        "organization_id": ORGANIZATION,
        "branch_id": make_id("branch", flow.project.id, flow.branch),
        "branch_name": flow.branch,
        "commit_sha": flow.commit,
        "commit_message": flow.message,
        "error_description": item.error,
        "terminate_request": "stop" if item.stopping is not None else "",
        "terminated_by": item.stopped_by,
        "hook_id": make_id("hook", flow.id),
        "switch_id": switch_id(item),
        "working_directory": ".semaphore",
        "yaml_file_name": item.yaml_file,
        "snapshot_id": "",
        "queue": {
            "queue_id": make_id("queue", flow.project.id, flow.branch, item.yaml_file),
            "name": f"{flow.branch}-.semaphore/{item.yaml_file}",
            "scope": "project",
            "project_id": flow.project.id,
            "organization_id": ORGANIZATION,
            "type": 0,
        },
        "promotion_of": item.promotion_of,
        "partial_rerun_of": item.partial_rerun_of,
        "partially_rerun_by": item.partially_rerun_by,
        "compile_task_id": "",
        "with_after_task": False,
        "after_task_id": "",
        "repository_id": make_id("repository", flow.project.id),
        "triggerer": _triggerer(item),
        "env_vars": [{"name": name, "value": value} for name, value in item.parameters.items()],
    }


def switch_id(item: Pipeline) -> str:
    """The id of what holds a pipeline's promotions; empty where it has none."""
    return make_id("switch", item.id) if item.promotions else ""


def _pipeline_trigger(item: Pipeline) -> int:
    """Workflow, promotion, rule that promotes, or partial rebuild."""
    if item.promotion_of:
        return 2 if item.auto_promoted else 1
    return 3 if item.partial_rerun_of else 0


def _triggerer(item: Pipeline) -> Json:
    flow = item.workflow
    return {
        "wf_triggered_by": TRIGGERS.index(flow.trigger),
        "wf_triggerer_id": make_id("hook", flow.id),
        "wf_triggerer_user_id": flow.requester,
        "wf_triggerer_provider_login": "",
        "wf_triggerer_provider_uid": "",
        "wf_triggerer_provider_avatar": "",
        "ppl_triggered_by": _pipeline_trigger(item),
        "ppl_triggerer_id": item.partial_rerun_of or item.promotion_of or flow.id,
        "ppl_triggerer_user_id": flow.requester,
        "workflow_rerun_of": flow.rerun_of,
    }


def block(item: Block, now: float) -> Json:
    """A block with its jobs, as a detailed pipeline has it."""
    begun = item.state(now) != "waiting"
    jobs = [
        {
            "name": job.spec.name,
            "index": job.index,
            "job_id": job.id,
            "status": _BLOCK_JOB_STATES[job.state(now)],
            "result": job.result.upper() if job.state(now) == "finished" else "",
        }
        for job in item.jobs
    ]
    return block_facts(item, now) | {"jobs": jobs if begun else []}


def block_facts(item: Block, now: float) -> Json:
    """A block without its jobs."""
    state = item.state(now)
    facts = {
        "block_id": item.id,
        "name": item.spec.name,
        "build_req_id": make_id("build", item.id),
        "state": state,
        "error_description": "",
    }
    return facts | ({"result": item.result, "result_reason": item.reason} if state == "done" else {})


def job(item: Job, clock: Clock, now: float) -> Json:
    """A job as the gateway says it: every field, numbers as text, times in whole seconds."""
    flow = item.block.pipeline.workflow
    ended, ran = item.state(now) == "finished", item.has_run(now)
    updated = item.finished if ended else (item.started if ran and item.started is not None else item.created)
    epilogue = [step.command for step in recording(item.spec.recording).epilogue] if item.spec.recording else []
    secret = {"name": "STRIPE_API_KEY", "value": SECRET_VALUE}
    return {
        "metadata": {
            "name": item.spec.name,
            "id": item.id,
            "create_time": _seconds(clock, item.created),
            "update_time": _seconds(clock, updated),
            "start_time": _seconds(clock, item.started if ran else None),
            "finish_time": _seconds(clock, item.finished if ended else None),
        },
        "spec": {
            "project_id": flow.project.id,
            "agent": {
                "machine": {"type": item.spec.agent, "os_image": "" if item.self_hosted else "ubuntu2204"},
                "containers": [],
                "image_pull_secrets": [],
            },
            "secrets": [{"name": "shop-payments"}],
            "env_vars": [{"name": "CI", "value": "true"}, secret],
            "files": [{"path": "/home/semaphore/.netrc", "content": SECRET_VALUE}],
            "commands": commands(item.spec.recording),
            "epilogue_commands": [],
            "epilogue_always_commands": epilogue,
            "epilogue_on_pass_commands": [],
            "epilogue_on_fail_commands": [],
        },
        "status": {
            "result": item.result.upper() if ended else "NONE",
            "state": _JOB_STATES[item.state(now)],
            "agent": {"ip": "", "ports": [], "name": agent_name(item)} if ran else None,
        },
    }


def agent_name(item: Job) -> str:
    """The name of the agent that ran a job."""
    return f"{item.spec.agent}-{item.id[:8]}"


def _seconds(clock: Clock, at: float | None) -> str:
    return "0" if at is None else str(int(clock.unix(at)))
