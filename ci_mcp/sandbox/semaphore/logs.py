"""Job logs as Semaphore's agent writes them: events made from recorded steps."""

import random
from collections.abc import Iterator
from typing import Any

from ci_mcp.sandbox.plan import Clock
from ci_mcp.sandbox.recordings import Recording, Step, recording
from ci_mcp.sandbox.semaphore.model import Job, Workflow

Event = dict[str, Any]
_LONGEST_CHUNK = 700
_SLACK = 1e-3  # steps add up to the job's time only within rounding
_VARIABLES = (
    "CI", "SEMAPHORE", "SEMAPHORE_AGENT_MACHINE_TYPE", "SEMAPHORE_GIT_BRANCH", "SEMAPHORE_GIT_DIR", "SEMAPHORE_GIT_SHA",
    "SEMAPHORE_JOB_ID", "SEMAPHORE_JOB_NAME", "SEMAPHORE_PIPELINE_ID", "SEMAPHORE_PROJECT_NAME",
    "SEMAPHORE_WORKFLOW_ID", "STRIPE_API_KEY",
)  # fmt: skip


def events(job: Job, clock: Clock, now: float) -> list[Event]:
    """The events of a job, as far as its log has got."""
    seen = [] if job.started is None else _seen(job, job.started, clock, min(now, job.finished) + _SLACK)
    if job.state(now) == "finished":
        seen.append({"event": "job_finished", "timestamp": int(clock.unix(job.finished)), "result": job.result})
    return seen


def _seen(job: Job, started: float, clock: Clock, until: float) -> list[Event]:
    """The events of a job that has started, up to an offset; the end of the job is none of them."""
    log = recording(job.spec.recording)
    steps = _all_steps(log)
    # A recorded job took its own time; its steps are stretched over the time that this one takes.
    stretch = (_planned_end(job) - started) / sum(step.seconds for step in steps)
    found = []
    for at, event in _timeline(job, log, steps, stretch):
        if at > until:
            break
        times = {key: int(clock.unix(event[key])) for key in ("started_at", "finished_at") if key in event}
        found.append(event | {"timestamp": int(clock.unix(at))} | times)
    return found


def plain_text(job: Job, clock: Clock, now: float) -> str:
    """The log as plain text: commands and what they printed."""
    parts = []
    for event in events(job, clock, now):
        if event["event"] == "cmd_started":
            parts.append(event["directive"] + "\n")
        elif event["event"] == "cmd_output":
            parts.append(event["output"])
    return "".join(parts)


def _planned_end(job: Job) -> float:
    """When the job would have ended: one that was stopped ends in the middle of a step."""
    return job.finished + job.spec.seconds * (job.result == "stopped")


def _all_steps(log: Recording) -> list[Step]:
    """The recorded steps between those that the agent adds."""
    exported = "".join(f"Exporting {name}\n" for name in _VARIABLES)
    injected = "Injecting /home/semaphore/.netrc with file mode 0600\n"
    return [
        Step("Exporting environment variables", 0, 0.1, exported),
        Step("Injecting Files", 0, 0.1, injected),
        *log.steps,
        Step("Exporting environment variables", 0, 0.05, "Exporting SEMAPHORE_JOB_RESULT\n"),
        *log.epilogue,
    ]


def _timeline(job: Job, log: Recording, steps: list[Step], stretch: float) -> Iterator[tuple[float, Event]]:
    """Every event with its offset; the times inside events are offsets too."""
    at = job.started or 0.0
    chunks = random.Random(job.id)  # noqa: S311 - the same odd chunks in every process
    yield at, {"event": "job_started"}
    for step in steps:
        begin, end = at, at + step.seconds * stretch
        yield begin, {"event": "cmd_started", "directive": step.command}
        pieces = list(_pieces(_as_of(step, log, job.block.pipeline.workflow), chunks))
        for number, piece in enumerate(pieces, 1):
            yield begin + (end - begin) * number / (len(pieces) + 1), {"event": "cmd_output", "output": piece}
        ended = {"started_at": begin, "finished_at": end}
        yield end, {"event": "cmd_finished", "directive": step.command, "exit_code": step.exit_code, **ended}
        at = end


def _as_of(step: Step, log: Recording, workflow: Workflow) -> str:
    """What a step printed, with the commit of this workflow instead of the recorded one."""
    if step.command != "checkout":
        return step.output.replace(log.commit[:7], workflow.commit[:7])
    return step.output.replace(log.commit[:7], workflow.commit[:7]).replace(log.subject, workflow.message)


def _pieces(text: str, chunks: random.Random) -> Iterator[str]:
    """A text in pieces that end anywhere, in the middle of lines too."""
    while text:
        size = chunks.randint(1, _LONGEST_CHUNK)
        yield text[:size]
        text = text[size:]
