"""Builders, builds, steps and logs, and how each stands at a moment.

Every time is an offset in seconds from the sandbox's start. When things begin and end is settled when something is
made or stopped, and how it stands is read off for a moment.
"""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

NEVER = math.inf
SUCCESS, WARNINGS, FAILURE, SKIPPED, EXCEPTION, RETRY, CANCELLED = range(7)
RESULTS = ("success", "warnings", "failure", "skipped", "exception", "retry", "cancelled")
_WORSE = (SKIPPED, SUCCESS, WARNINGS, FAILURE, EXCEPTION, RETRY, CANCELLED)


def make_commit(*words: object) -> str:
    """A commit, the same in every process."""
    return hashlib.sha1("/".join(map(str, words)).encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class StepSpec:
    """A step of a builder.

    Attributes:
        name: its name, unique in its build.
        command: what the shell is given.
        text: what it prints, where that is no recording.
        recording: the recorded job whose last command it is; empty for none.
        seconds: how long it takes.
        results: how it ends, where not by its recording.
        exit_code: what its command ends with; None where none was run.
        warns: its failure does not fail the build, which then has warnings.
        hidden: web pages leave it out.
        urls: what web pages show beside it, by name.
        logs: its further logs: name, type and text.
        ending: the worker's last words where it killed the command.
        big: its log has 50 MB.
        state: what web pages say of it when it has ended, where that is not made of its command.
    """

    name: str
    command: str = ""
    text: str = ""
    recording: str = ""
    seconds: float = 4
    results: int | None = None
    exit_code: int | None = 0
    warns: bool = False
    hidden: bool = False
    urls: Mapping[str, str] = field(default_factory=dict)
    logs: tuple[tuple[str, str, str], ...] = ()
    ending: tuple[str, ...] = ()
    big: bool = False
    state: str = ""


@dataclass(frozen=True, slots=True)
class Builder:
    """A builder; one without ``workers`` is no longer configured."""

    id: int
    name: str
    workers: tuple[str, ...]
    description: str | None = None
    tags: tuple[str, ...] = ()
    project: int | None = None


@dataclass(slots=True, eq=False)
class Worker:
    """A worker; ``there`` is False for one that is not connected."""

    id: int
    name: str
    there: bool = True
    paused: bool = False
    pause_reason: str | None = None
    graceful: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """A commit that a change source saw; it has a sourcestamp of the same id."""

    id: int
    at: float
    author: str
    comments: str
    branch: str
    revision: str
    files: tuple[str, ...]
    project: str


@dataclass(frozen=True, slots=True)
class Source:
    """What a buildset builds."""

    id: int
    at: float
    branch: str
    revision: str
    project: str
    change: Change | None = None


@dataclass(slots=True, eq=False)
class Request:
    """A wish for a build: ``ended`` and ``results`` are those of its last build, or of its end without one."""

    id: int
    buildset: int
    builder: Builder
    at: float
    source: Source
    reason: str
    properties: dict[str, Any]
    claimed: float = NEVER
    cancelled: float = NEVER
    rebuilt: int | None = None
    parent: int | None = None
    builds: list["Build"] = field(default_factory=list)

    def ended(self, now: float) -> float | None:
        """When it was over; None while it is not."""
        if now >= self.cancelled:
            return self.cancelled
        last = self.builds[-1] if self.builds else None
        done = last is not None and now >= last.finished and last.results != RETRY
        return last.finished if last and done else None

    def results(self, now: float) -> int:
        """How it ended; -1 while it has not."""
        if self.ended(now) is None:
            return -1
        return CANCELLED if now >= self.cancelled else self.builds[-1].results


@dataclass(slots=True, eq=False)
class Log:
    """A log of a step; ``type`` is s for what a command printed, t for text, h for HTML."""

    id: int
    step: "Step"
    name: str
    type: str
    text: str = ""

    @property
    def slug(self) -> str:
        """Its name as paths have it."""
        return "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in self.name)


@dataclass(slots=True, eq=False)
class Step:
    """A step of a build; ``results`` is how it ends once it has."""

    id: int
    build: "Build"
    number: int
    spec: StepSpec
    begin: float
    end: float
    results: int
    logs: list[Log] = field(default_factory=list)

    def state_string(self, now: float) -> str:
        """What web pages say of it."""
        if not self.number:
            return f"worker {self.build.worker.name} ready" if now >= self.end else "worker preparing"
        words = self.spec.command.split()
        shown = f"'{' '.join(words[:2])}{' ...' if words[2:] else ''}'" if words else "finished"
        if now < self.end or self.spec.state:
            return self.spec.state if now >= self.end else shown
        timed_out = " (timed out)" if any("timed out" in line for line in self.spec.ending) else ""
        if self.results == SUCCESS:
            return shown
        return f"{shown} ({RESULTS[self.results]}){timed_out}"


@dataclass(slots=True, eq=False)
class Build:
    """A build.

    Attributes:
        number: its number among those of its builder.
        started: when it began.
        finished: when it ends.
        results: how it ends.
        why: what is said of its end where it was stopped or its worker lost.
    """

    id: int
    number: int
    builder: Builder
    request: Request
    worker: Worker
    started: float
    specs: tuple[StepSpec, ...]
    properties: dict[str, Any]
    finished: float = NEVER
    results: int = SUCCESS
    why: str = ""
    steps: list[Step] = field(default_factory=list)

    def visible(self, now: float) -> list[Step]:
        """The steps that have begun."""
        return [step for step in self.steps if step.begin <= now]

    def state_string(self, now: float) -> str:
        """What web pages say of it."""
        if now < self.finished:
            return "building"
        bad = [step for step in self.steps if step.results not in {SUCCESS, SKIPPED}]
        told = " ".join(step.state_string(now) for step in bad)
        words = {SUCCESS: "build successful", FAILURE: "failed", RETRY: f"retry {self.why}"}
        if self.results == CANCELLED:
            return f"cancelled ({self.why}) {told}".replace("() ", "")
        return words.get(self.results, RESULTS[self.results]) + (f" {told}" if bad and self.results else "")


def worst(results: list[int]) -> int:
    """The result of a build whose steps count as these."""
    return max(results, key=_WORSE.index, default=SUCCESS) if set(results) - {SKIPPED} else SUCCESS
