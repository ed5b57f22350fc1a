"""Projects, workflows, pipelines, blocks and jobs, and how each stands at a moment.

Every time is an offset in seconds from the sandbox's start. Nothing advances by itself: when things begin and end
is settled when they are made, and a state is read off for a moment, so that runs end while a client watches.
"""

import hashlib
import math
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from ci_mcp.sandbox.recordings import exit_codes

_NAMESPACE = uuid.UUID("8f0f4d52-9a53-4b0e-8f43-21f5c7a5d0e6")
_STOP_SECONDS = 1.0
_QUEUE_SECONDS = 0.5
PROCESSING_SECONDS = 1.0


def make_id(*words: object) -> str:
    """The id of a thing, the same in every process."""
    return str(uuid.uuid5(_NAMESPACE, "/".join(map(str, words))))


def make_commit(*words: object) -> str:
    """A commit, the same in every process."""
    return hashlib.sha1("/".join(map(str, words)).encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class JobSpec:
    """What a job does.

    Attributes:
        name: its name.
        recording: the log it leaves; empty for a job that never starts.
        seconds: how long it runs; without end for one that waits for an agent that never comes.
        agent: its machine type; ``s1-…`` is self-hosted.
        reason: why it never started, where the service knows.
        refused: True where the service fails it at once instead of waiting for an agent.
        again: the recording of a rerun, where it ends otherwise.
    """

    name: str
    recording: str
    seconds: float = 40
    agent: str = "f1-standard-2"
    reason: str = ""
    refused: bool = False
    again: str = ""


@dataclass(frozen=True, slots=True)
class BlockSpec:
    """What a block holds, and after which blocks it runs."""

    name: str
    jobs: tuple[JobSpec, ...]
    after: tuple[str, ...] = ()
    skipped: bool = False


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a promotion or a task can be given; ``pattern`` is what its value must look like."""

    name: str
    required: bool = False
    options: tuple[str, ...] = ()
    default: str = ""
    description: str = ""
    pattern: str = ""


@dataclass(frozen=True, slots=True)
class Promotion:
    """What can be triggered once a pipeline is done.

    Attributes:
        name: its name.
        yaml_file: the file of the pipeline that it starts, which is named ``title``.
        specs: what that pipeline holds.
        when: the rule that triggers it by itself; empty where a person must.
        parameters: what it can be given.
        target: the deployment target that guards it.
    """

    name: str
    title: str
    yaml_file: str
    specs: tuple[BlockSpec, ...]
    when: str = ""
    parameters: tuple[Parameter, ...] = ()
    target: str = ""


@dataclass(slots=True)
class Job:
    """A job; ``started`` is None where it never does."""

    id: str
    spec: JobSpec
    index: int
    block: "Block"
    created: float
    started: float | None
    finished: float
    result: str  # passed, failed, stopped

    @property
    def self_hosted(self) -> bool:
        """True where the customer's own agent runs it."""
        return self.spec.agent.startswith("s1-")

    def state(self, now: float) -> str:
        """pending, enqueued, started or finished."""
        if now >= self.finished:
            return "finished"
        if self.started is not None and now >= self.started:
            return "started"
        return "enqueued" if now >= self.created else "pending"

    def has_run(self, now: float) -> bool:
        """True where it got as far as an agent."""
        return self.started is not None and now >= self.started


@dataclass(slots=True)
class Block:
    """A block; ``end`` is when it is done, ``result`` how."""

    id: str
    spec: BlockSpec
    pipeline: "Pipeline"
    start: float
    end: float
    result: str = "passed"  # passed, failed, canceled, stopped
    reason: str = "test"
    jobs: list[Job] = field(default_factory=list)

    def state(self, now: float) -> str:
        """Waiting, running, stopping or done."""
        if now >= self.end:
            return "done"
        if self.pipeline.stopping is not None and now >= self.pipeline.stopping and now >= self.start:
            return "stopping"
        return "running" if now >= self.start and self.spec.jobs else "waiting"


@dataclass(slots=True)
class Trigger:
    """A promotion that was triggered; ``pipeline`` is None where that came to nothing."""

    name: str
    at: float
    by: str
    override: bool = False
    pipeline: "Pipeline | None" = None

    def processed(self, now: float) -> bool:
        """True once it is known what came of it."""
        return now >= self.at + PROCESSING_SECONDS


@dataclass(slots=True)
class Pipeline:
    """A pipeline of a workflow; ``triggers`` are those of its ``promotions`` that were triggered."""

    id: str
    workflow: "Workflow"
    name: str
    yaml_file: str
    specs: tuple[BlockSpec, ...]
    created: float
    begin: float
    end: float
    result: str = "passed"
    reason: str = "test"
    error: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    stopping: float | None = None
    stopped_by: str = ""
    partial_rerun_of: str = ""
    partially_rerun_by: str = ""
    blocks: list[Block] = field(default_factory=list)
    promotions: tuple[Promotion, ...] = ()
    promotion_of: str = ""
    auto_promoted: bool = False
    triggers: list[Trigger] = field(default_factory=list)

    def state(self, now: float) -> str:
        """Initializing, pending, queuing, running, stopping or done."""
        if now >= self.end:
            return "done"
        if self.stopping is not None and now >= self.stopping:
            return "stopping"
        third = (self.begin - self.created) / 3
        for number, word in enumerate(("initializing", "pending", "queuing")):
            if now < self.created + third * (number + 1):
                return word
        return "running"

    @property
    def jobs(self) -> list[Job]:
        """All its jobs."""
        return [job for block in self.blocks for job in block.jobs]


@dataclass(frozen=True, slots=True)
class Project:
    """A project; one that is not ``visible`` exists and is not for this token."""

    id: str
    name: str
    description: str
    url: str
    integration: str
    visible: bool = True


@dataclass(slots=True)
class Workflow:
    """A workflow: a push, and the pipelines it caused.

    Attributes:
        branch: the branch as the API says it: a name, ``refs/tags/…`` or ``pull-request-N``.
        label: what it is found by: branch, tag or number of the pull request.
        trigger: HOOK, SCHEDULE, API or MANUAL_RUN.
        reports: which test reports its jobs leave: full, job, xml or none.
    """

    id: str
    project: Project
    branch: str
    label: str
    commit: str
    message: str
    requester: str
    created: float
    trigger: str = "HOOK"
    reports: str = "none"
    rerun_of: str = ""
    pipelines: list[Pipeline] = field(default_factory=list)


def lay_out(pipeline: Pipeline, *, pace: float = 1, kept: Iterable[str] = (), again: bool = False) -> None:
    """Make the blocks and jobs of a pipeline, and settle when each begins and ends.

    Args:
        pipeline: its ``specs`` and ``begin`` say what and from when.
        pace: what the jobs' seconds are multiplied with.
        kept: names of blocks that passed before and are not run again.
        again: True for a rerun, where jobs may end otherwise.
    """
    done: dict[str, Block] = {}
    kept = set(kept)
    for spec in pipeline.specs:
        before = [done[name] for name in spec.after]
        start = max([pipeline.begin, *(block.end for block in before)])
        block = Block(make_id(pipeline.id, spec.name), spec, pipeline, start, start)
        if not all(block.result == "passed" for block in before):
            block.result, block.reason = "canceled", "fast_failing"
        elif spec.skipped:
            block.reason = "skipped"
        else:
            _add_jobs(block, pace=0 if spec.name in kept else pace, again=again)
        done[spec.name] = block
    pipeline.blocks = list(done.values())
    pipeline.end = max([pipeline.begin, *(block.end for block in pipeline.blocks)])
    bad = [block for block in pipeline.blocks if block.result == "failed"]
    if bad:
        pipeline.result, pipeline.reason = "failed", bad[0].reason


def _add_jobs(block: Block, *, pace: float, again: bool) -> None:
    queue = _QUEUE_SECONDS if pace else 0
    for index, spec in enumerate(block.spec.jobs):
        name = (again and spec.again) or spec.recording
        used = spec if name == spec.recording else replace(spec, recording=name)
        started = block.start + queue if name else None
        finished = block.start + queue + spec.seconds * pace
        result = "failed" if exit_codes().get(name, 1) else "passed"
        job = Job(make_id(block.id, spec.name), used, index, block, block.start, started, finished, result)
        block.jobs.append(job)
    block.end = max(job.finished for job in block.jobs)
    if any(job.result == "failed" for job in block.jobs):
        block.result = "failed"
        ended = all(job.started is not None or job.spec.refused for job in block.jobs)
        block.reason = "test" if ended else "stuck"


def stop(pipeline: Pipeline, now: float, user: str, reason: str = "user") -> bool:
    """Stop a pipeline, because of a user or for another reason; False where it had ended already."""
    if pipeline.state(now) == "done":
        return False
    ran = pipeline.state(now) == "running"
    pipeline.stopping, pipeline.end, pipeline.stopped_by = now, now + _STOP_SECONDS, user
    pipeline.result, pipeline.reason = ("stopped" if ran else "canceled"), reason
    for block in pipeline.blocks:
        _stop_block(block, now, reason)
    for trigger in pipeline.triggers:
        # What a rule would have promoted at its end never comes to be.
        trigger.at = math.inf
        if trigger.pipeline:
            trigger.pipeline.created = math.inf
    return True


def fail_fast(pipeline: Pipeline) -> None:
    """Stop what still runs of a pipeline when the first of its blocks has failed."""
    first = min((block for block in pipeline.blocks if block.result == "failed"), key=lambda block: block.end)
    for block in pipeline.blocks:
        _stop_block(block, first.end, "fast_failing")
    pipeline.end = max(block.end for block in pipeline.blocks)


def stop_job(job: Job, now: float) -> None:
    """Stop one job: its block is then stopped, what comes after it canceled, the other blocks run on."""
    if job.state(now) == "finished":
        return
    _stop_jobs([job], now)
    block, pipeline = job.block, job.block.pipeline
    block.end = max(each.finished for each in block.jobs)
    block.result, block.reason = "stopped", "user"
    lost = {block.spec.name}
    for each in pipeline.blocks:
        if lost & set(each.spec.after):
            lost.add(each.spec.name)
            _stop_block(each, now, "user")
    pipeline.end = max(each.end for each in pipeline.blocks)
    if pipeline.result == "passed":
        pipeline.result, pipeline.reason = "stopped", "user"


def _stop_block(block: Block, now: float, reason: str) -> None:
    if block.state(now) == "done":
        return
    begun = block.start <= now
    block.result, block.reason, block.end = ("stopped" if begun else "canceled"), reason, now + _STOP_SECONDS
    if begun:
        _stop_jobs(block.jobs, now)
        return
    for job in block.jobs:
        job.created = math.inf  # the jobs of a block that never began never come to be
    block.jobs.clear()


def _stop_jobs(jobs: Iterable[Job], now: float) -> None:
    """Stop those jobs that have not ended; one that has not started never will."""
    for job in jobs:
        if job.state(now) != "finished":
            job.started = job.started if job.has_run(now) else None
            job.finished, job.result = now + _STOP_SECONDS, "stopped"
