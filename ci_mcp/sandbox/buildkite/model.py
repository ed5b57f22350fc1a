"""Pipelines, builds, steps and jobs, and how each stands at a moment.

Every time is an offset in seconds from the sandbox's start. Nothing advances by itself: when things begin and end
is settled when something is made or changed, and a state is read off for a moment.
"""

import base64
import hashlib
import math
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_NAMESPACE = uuid.UUID("3b7b1c0e-51d5-4a58-9d0b-6d5b0f3f4c11")
NEVER = math.inf
TERMINAL = frozenset({
    "passed", "failed", "canceled", "expired", "timed_out", "skipped", "broken", "waiting_failed", "blocked_failed",
    "unblocked_failed", "unblocked",
})  # fmt: skip
HARD = frozenset({"failed", "timed_out", "expired", "canceled"})
RETRYABLE = frozenset({"failed", "timed_out", "canceled", "expired"})


def make_id(*words: object) -> str:
    """The id of a thing, the same in every process."""
    return str(uuid.uuid5(_NAMESPACE, "/".join(map(str, words))))


def make_commit(*words: object) -> str:
    """A commit, the same in every process."""
    return hashlib.sha1("/".join(map(str, words)).encode(), usedforsecurity=False).hexdigest()


def graphql_id(kind: str, thing_id: str) -> str:
    """The same thing's id in the other API."""
    return base64.b64encode(f"{kind}---{thing_id}".encode()).decode()


@dataclass(frozen=True, slots=True)
class StepSpec:
    """What a step does.

    Attributes:
        name: its label, emoji as shortcodes.
        key: its key in the pipeline's YAML.
        recording: the log that its job leaves; empty for a job without one.
        seconds: how long its job runs.
        kind: script, waiter, manual or trigger.
        queue: the queue whose agents take it; empty where no agent ever does.
        again: the recording of a retry, where it ends otherwise.
        retries: "automatic" or "manual" where the world has it retried already.
        group: the key of the group that it is in.
        shard: index and total where it is one of parallel jobs.
        matrix: its place in a matrix.
        soft: its failure does not fail the build.
        ending: how its job ends, where not by its recording.
        why: the broken reason, or the reason of a signal.
        signal: the signal that ended it.
        promises: how many seconds before its end it promises to fail; 0 for never.
        triggers: pipeline and key of the build that a trigger step starts.
        fields: the keys that a block step asks for.
    """

    name: str
    key: str = ""
    recording: str = ""
    seconds: float = 40
    kind: str = "script"
    queue: str = "default"
    again: str = ""
    retries: str = ""
    group: str = ""
    shard: tuple[int, int] | None = None
    matrix: Mapping[str, str] | None = None
    soft: bool = False
    ending: str = ""
    why: str = ""
    signal: str = ""
    promises: float = 0
    triggers: tuple[str, str] | None = None
    fields: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class Job:
    """One attempt at a step; ``started`` is None where it never does, ``finished`` infinite where it does not end.

    Attributes:
        ready: when it may be taken by an agent; infinite behind a closed gate.
        planned: when it would end if nobody stopped it.
        pace: what its seconds are multiplied with.
        pinned: it has begun or been settled for good: a change elsewhere in the build does not move it.
    """

    id: str
    spec: StepSpec
    build: "Build"
    recording: str
    created: float
    ready: float = NEVER
    started: float | None = None
    finished: float = NEVER
    planned: float = NEVER
    pace: float = 1
    result: str = ""
    exit_status: int | None = None
    pinned: bool = False
    canceling: float = NEVER
    attempt: int = 0
    retried_in: "Job | None" = None
    retry_of: "Job | None" = None
    retry_type: str = ""
    retried_by: str = ""
    unblocked_by: str = ""
    unblocked_at: float | None = None
    fields: dict[str, str] = field(default_factory=dict)
    priority: int = 0

    def state(self, now: float) -> str:
        """Its state as REST says it."""
        if now >= self.finished:
            return self.result
        if now >= self.canceling:
            return "canceling"
        if self.spec.kind == "manual":
            return "blocked" if now >= self.ready else "waiting"
        if self.started is not None and now >= self.started:
            return "running"
        if now >= self.ready:
            return "scheduled"
        return "blocked" if self.ready == NEVER else "waiting"

    def has_run(self, now: float) -> bool:
        """True where it got as far as an agent."""
        return self.spec.kind == "script" and self.started is not None and now >= self.started

    def promised(self, now: float) -> bool:
        """True from when it promised to fail."""
        return self.has_run(now) and self.promised_at <= now and self.result == "failed"

    @property
    def promised_at(self) -> float:
        """When it promises to fail; infinite where it does not."""
        return self.planned - self.spec.promises * self.pace if self.spec.promises else NEVER

    def fails(self, now: float) -> bool:
        """True where it fails its build: soft failures and retried attempts do not."""
        return self.state(now) in HARD and not self.spec.soft and not self.retried_in


@dataclass(slots=True, eq=False)
class Step:
    """A step of a build, and the attempts at it, the newest last."""

    spec: StepSpec
    attempts: list[Job]


@dataclass(slots=True, eq=False)
class Pipeline:
    """A pipeline; one that is not ``visible`` exists and is not for this token."""

    id: str
    slug: str
    name: str
    description: str
    repository: str
    provider: str
    cluster: str
    default_branch: str = "main"
    tags: tuple[str, ...] = ()
    configuration: str = ""
    created: float = 0
    archived: float | None = None
    visible: bool = True
    changes: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Build:
    """A build.

    Attributes:
        author: a name and an address, or both in one text, or None.
        reports: its test jobs report to Test Engine.
        fixed: the state of one that has no jobs to tell it: skipped or not_run.
        pace: what the seconds of its jobs are multiplied with.
        begin: when its first jobs may run.
    """

    id: str
    pipeline: Pipeline
    number: int
    key: str
    branch: str
    commit: str
    message: str
    created: float
    creator: str = "ada"
    author: Any = None
    source: str = "webhook"
    reports: bool = False
    fixed: str = ""
    canceled: float = NEVER
    env: dict[str, str] = field(default_factory=dict)
    meta_data: dict[str, Any] = field(default_factory=dict)
    pull_request: dict[str, Any] | None = None
    rebuilt_from: "Build | None" = None
    triggered_by: Job | None = None
    pace: float = 1
    begin: float = 0
    steps: list[Step] = field(default_factory=list)

    @property
    def jobs(self) -> list[Job]:
        """The newest attempt at each step."""
        return [step.attempts[-1] for step in self.steps]

    @property
    def all_jobs(self) -> list[Job]:
        """All attempts, those that were retried too."""
        return [job for step in self.steps for job in step.attempts]

    def open_jobs(self, now: float) -> list[Job]:
        """Jobs that are still to end by themselves: neither done nor behind a closed gate."""
        return [job for job in self.jobs if job.state(now) not in TERMINAL | {"blocked"}]

    def is_blocked(self, now: float) -> bool:
        """True where only a person can let it go on."""
        return not self.fixed and not self.open_jobs(now) and any(job.state(now) == "blocked" for job in self.jobs)

    def state(self, now: float) -> str:
        """Its state as a filter knows it."""
        if self.fixed or now < self.created + (self.begin - self.created) / 2:
            return self.fixed or "creating"
        if now >= self.canceled:
            return "canceled" if not self.open_jobs(now) else "canceling"
        if self.is_blocked(now):
            return "blocked"
        bad = any(job.fails(now) for job in self.jobs)
        if not self.open_jobs(now):
            return "failed" if bad else "passed"
        if bad or any(job.promised(now) for job in self.jobs):
            return "failing"
        return "running" if any(job.has_run(now) for job in self.all_jobs) else "scheduled"

    def shown_state(self, now: float) -> str:
        """Its state as an answer says it: a blocked build keeps the one it had."""
        state = self.state(now)
        return "passed" if state == "blocked" else state

    def started_at(self, now: float) -> float | None:
        """When its first job started."""
        return min((job.started for job in self.all_jobs if job.has_run(now) and job.started is not None), default=None)

    def finished_at(self, now: float) -> float | None:
        """When its last job ended; None while it goes on."""
        if self.fixed:
            return self.created + 1
        if self.state(now) not in {"passed", "failed", "canceled", "blocked"}:
            return None
        ends = [job.finished for job in self.jobs if job.finished <= now and job.started is not None]
        return max(ends, default=min(self.canceled, now))

    def failing_at(self, now: float) -> float | None:
        """When it first was sure to fail; a retry that passes does not take it back."""
        times = [
            min(job.promised_at, job.finished)
            for job in self.all_jobs
            if (job.state(now) in HARD and not job.spec.soft) or job.promised(now)
        ]
        return min(times, default=None)
