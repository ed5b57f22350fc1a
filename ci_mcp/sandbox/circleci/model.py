"""Projects, pipelines, workflows and jobs of CircleCI, and how each stands at a moment.

Every time is an offset in seconds from the sandbox's start. Nothing advances by itself: when jobs begin and end is
settled when they are made (and again when an approval is given), and a status is read off for a moment.
"""

import hashlib
import math
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from ci_mcp.sandbox.recordings import exit_codes

_NAMESPACE = uuid.UUID("3b1de7c4-52f7-4ab2-8e0e-6f3f0c1a9d27")
CANCEL_SECONDS = 1.0
RERUN_PACE = 0.05  # what takes a minute takes three seconds when it is started while somebody watches

BAD = frozenset({"failed", "infrastructure_fail", "timedout", "terminated-unknown"})
TERMINAL = frozenset({"success", "failed", "error", "canceled", "unauthorized", "not_run"})


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
        recording: the log of its nodes; empty for a job that never runs a command.
        seconds: how long it runs.
        requires: the jobs that must succeed before.
        kind: build or approval.
        nodes: its parallelism.
        bad_nodes: which nodes fail where the recording failed; all by default.
        ends: its status where the recording does not say it.
        again: the recording of a rerun, where it ends otherwise.
        stderr: True where the last command writes to standard error.
        queue: how long it waits for a machine.
        resource: its resource class.
        message: what the service says about it.
    """

    name: str
    recording: str = ""
    seconds: float = 40
    requires: tuple[str, ...] = ()
    kind: str = "build"
    nodes: int = 1
    bad_nodes: tuple[int, ...] = ()
    ends: str = ""
    again: str = ""
    stderr: bool = False
    queue: float = 0.4
    resource: str = "medium"
    message: str = ""

    @property
    def result(self) -> str:
        """How it ends."""
        if self.ends:
            return self.ends
        return "failed" if self.recording and exit_codes().get(self.recording, 1) else "success"


@dataclass(frozen=True, slots=True)
class WorkflowSpec:
    """What a workflow holds; ``status`` where it has one that its jobs do not tell."""

    name: str
    jobs: tuple[JobSpec, ...]
    tag: str = ""
    status: str = ""


@dataclass(slots=True)
class Job:
    """A job of a workflow.

    Attributes:
        number: its number in the project; None for approvals and for jobs that never start.
        ready: when all that it requires had succeeded; infinite where that never happens.
        started: when it started to run; for an approval, when it was asked for.
        stopped: when it ended.
        result: how it ends.
    """

    id: str
    spec: JobSpec
    workflow: "Workflow"
    number: int | None
    ready: float
    started: float
    stopped: float
    result: str
    approved_at: float = math.inf
    approved_by: str = ""
    canceled_by: str = ""
    paced: float = 1

    def status(self, now: float) -> str:
        """The status of API v2; what never comes to run is blocked while its workflow goes on, then not_run."""
        if now >= self.stopped:
            return self.result
        if self.ready == math.inf or now < self.ready:
            return "not_run" if self.ready == math.inf and self.workflow.over(now) else "blocked"
        if self.spec.kind == "approval":
            return "on_hold"
        return "running" if now >= self.started else "queued"

    def has_run(self, now: float) -> bool:
        """True where an executor got it."""
        return self.spec.kind == "build" and now >= self.started

    def shown_number(self, now: float) -> int | None:
        """Its number, which it has from the queue on."""
        return self.number if now >= self.ready else None

    def node_result(self, node: int) -> str:
        """How one of its nodes ends."""
        bad = self.spec.bad_nodes
        return "success" if bad and node not in bad else self.result


@dataclass(slots=True)
class Workflow:
    """A workflow of a pipeline: one attempt of it.

    Attributes:
        created: when it was created; the workflow does not exist before.
        rerun_of: the workflow that it repeats.
        kept: job names of that workflow that succeeded and were not run again.
    """

    id: str
    spec: WorkflowSpec
    pipeline: "Pipeline"
    created: float
    started_by: str
    jobs: list[Job] = field(default_factory=list)
    rerun_of: str = ""
    canceled_at: float = math.inf
    canceled_by: str = ""

    def over(self, now: float) -> bool:
        """True once nothing can happen in it any more."""
        return now >= self.stopped()

    def stopped(self) -> float:
        """When it ended or will end; infinite while somebody must approve something."""
        if self.canceled_at < math.inf:
            return self.canceled_at + CANCEL_SECONDS
        if self.spec.status in TERMINAL:
            return self.created + 1
        waits = any(
            job.spec.kind == "approval" and job.ready < math.inf and job.stopped == math.inf for job in self.jobs
        )
        if waits:
            return math.inf
        return max([self.created, *(job.stopped for job in self.jobs if job.stopped < math.inf)])

    def status(self, now: float) -> str:
        """The status of API v2."""
        if now >= self.canceled_at + CANCEL_SECONDS:
            return "canceled"
        if self.spec.status:
            return self.spec.status if self.over(now) else "running"
        found = [job.status(now) for job in self.jobs]
        bad = bool(BAD & set(found))
        if self.over(now):
            for word in ("unauthorized", "canceled"):
                if word in found:
                    return word
            return "failed" if bad else "success"
        if {"running", "queued"} & set(found) or "on_hold" not in found:
            return "failing" if bad else "running"
        return "on_hold"


@dataclass(frozen=True, slots=True)
class Project:
    """A project.

    Attributes:
        slug: as the API says it.
        provider: GitHub, Bitbucket or CircleCI (which stands for the GitHub App and GitLab).
        followed: True where the token's user follows it.
        visible: False for one that exists and is not for this token.
        definition: the provider of its pipeline definition's configuration.
        default: its default branch.
    """

    id: str
    name: str
    slug: str
    url: str
    provider: str
    followed: bool = True
    visible: bool = True
    definition: str = "github_oauth"
    default: str = "main"

    @property
    def native(self) -> bool:
        """True where no version control system names it: its slug is opaque."""
        return self.slug.startswith("circleci/")


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a pipeline came to nothing."""

    type: str
    message: str


@dataclass(slots=True)
class Pipeline:
    """A pipeline.

    Attributes:
        branch: its branch; empty for a tag.
        problems: what was wrong with its configuration.
        setup_ends: when a pipeline with dynamic configuration was continued.
    """

    id: str
    number: int
    project: Project
    branch: str
    tag: str
    commit: str
    message: str
    actor: str
    created: float
    trigger: str = "webhook"
    review: str = ""
    problems: tuple[Problem, ...] = ()
    setup_ends: float | None = None
    parameters: dict[str, object] = field(default_factory=dict)
    workflows: list[Workflow] = field(default_factory=list)

    def state(self, now: float) -> str:
        """How far it was made; what became of it, the workflows say."""
        if self.problems:
            return "errored"
        if self.setup_ends is not None and now < self.setup_ends:
            return "setup"
        return "created"

    def begun(self, now: float) -> list[Workflow]:
        """Its workflows that exist, newest first."""
        found = [workflow for workflow in self.workflows if workflow.created <= now]
        return sorted(found, key=lambda workflow: -workflow.created)


def lay_out(workflow: Workflow, numbers: Iterable[int], *, pace: float = 1, kept: Iterable[Job] = ()) -> None:
    """Make the jobs of a workflow, and settle when each begins and ends.

    Args:
        workflow: its ``spec`` and ``created`` say what and from when.
        numbers: gives the numbers of jobs that start.
        pace: what the jobs' seconds are multiplied with.
        kept: jobs of an earlier attempt that count as done.
    """
    before = {job.spec.name: job for job in kept}
    numbers = iter(numbers)
    for spec in workflow.spec.jobs:
        if spec.name in before:
            workflow.jobs.append(before[spec.name])
            continue
        used = replace(spec, recording=spec.again, ends="") if workflow.rerun_of and spec.again else spec
        number = next(numbers) if spec.kind == "build" and used.result not in {"not_run", "unauthorized"} else None
        job = Job(make_id(workflow.id, spec.name), used, workflow, number, math.inf, math.inf, math.inf, used.result)
        job.paced = pace
        workflow.jobs.append(job)
    settle(workflow)


def settle(workflow: Workflow) -> None:
    """Settle the times of a workflow's jobs from what they require; what has been settled stays."""
    done = {job.spec.name: job for job in workflow.jobs}
    for job in workflow.jobs:
        if job.ready < math.inf or job.workflow is not workflow:
            continue
        needs = [done[name] for name in job.spec.requires]
        if any(need.result != "success" or need.stopped == math.inf for need in needs):
            continue
        job.ready = max([workflow.created, *(need.stopped for need in needs)])
        if job.spec.kind == "approval":
            job.started, job.result = job.ready, "success"
        elif job.result in {"not_run", "unauthorized"}:
            job.stopped = job.ready
        else:
            job.started = job.ready + job.spec.queue
            job.stopped = job.started + job.spec.seconds * job.paced


def approve(job: Job, now: float, user: str) -> None:
    """Let a workflow go on."""
    job.approved_at, job.approved_by, job.stopped = now, user, now
    for later in job.workflow.jobs:
        later.paced = later.paced if later.ready < math.inf else RERUN_PACE
    settle(job.workflow)


def cancel(workflow: Workflow, now: float, user: str) -> bool:
    """Cancel a workflow; False where it was over."""
    if workflow.over(now) or workflow.canceled_at < math.inf:
        return False
    workflow.canceled_at, workflow.canceled_by = now, user
    for job in workflow.jobs:
        cancel_job(job, now, user)
    return True


def cancel_job(job: Job, now: float, user: str) -> bool:
    """Cancel a job; False where it had ended already."""
    status = job.status(now)
    if status not in {"running", "queued", "on_hold", "blocked"}:
        return False
    if status == "blocked":
        job.ready = job.started = job.stopped = math.inf
        return False
    job.stopped, job.result, job.canceled_by = now + CANCEL_SECONDS, "canceled", user
    if status == "queued":
        job.started = math.inf
    for later in job.workflow.jobs:
        if job.spec.name in later.spec.requires:
            cancel_job(later, now, user)
    return True
