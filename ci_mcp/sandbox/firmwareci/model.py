"""Projects, workflows, devices and jobs, and how each job stands at a moment.

Every time is an offset in seconds from the sandbox's start; a status is read off for a moment.
"""

import hashlib
import math
from dataclasses import dataclass, field
from typing import Any

NEVER = math.inf
_EPOCH_MS = 1_758_900_000_000  # no clock: ids are the same in every process
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_RANDOM_BITS = 80


def make_ulid(*words: object, age: float = 0) -> str:
    """A ULID, the same in every process; those of younger things sort after those of older ones.

    Args:
        words: what it is the id of.
        age: how many seconds before the sandbox's start that was made.
    """
    digest = hashlib.sha256("/".join(map(str, words)).encode()).digest()
    number = (_EPOCH_MS - int(age * 1000)) << _RANDOM_BITS | int.from_bytes(digest[:10])
    return "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))


@dataclass(frozen=True, slots=True)
class Project:
    """A project: the repository whose ``.firmwareci`` folder it takes."""

    name: str
    repository: str

    @property
    def id(self) -> str:
        """Its id."""
        return make_ulid("project", self.name, age=400 * 86_400)


@dataclass(frozen=True, slots=True)
class Dut:
    """A device under test."""

    name: str
    label: str
    project: Project
    attributes: dict[str, str]

    @property
    def id(self) -> str:
        """Its id."""
        return make_ulid("dut", self.project.name, self.name, age=300 * 86_400)


@dataclass(frozen=True, slots=True)
class StepSpec:
    """A step of a test.

    Attributes:
        stage: the stage that it is in.
        name: its name.
        cmd: the command that it is made of.
        seconds: how long it takes.
        text: the names of the texts that its log has.
        exit_code: what it ends with.
        error: why it failed; empty where it did not.
    """

    stage: str
    name: str
    cmd: str
    seconds: float
    text: tuple[str, ...] = ()
    exit_code: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Test:
    """A test of a workflow."""

    name: str
    description: str

    __test__ = False


@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow: the tests that run on devices of one label."""

    name: str
    description: str
    runs_on: str
    project: Project
    tests: tuple[Test, ...]
    inputs: tuple[str, ...] = ("Binary",)

    @property
    def id(self) -> str:
        """Its id."""
        return make_ulid("workflow", self.project.name, self.name, age=300 * 86_400)


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a job, with when it begins and ends."""

    spec: StepSpec
    begin: float
    end: float

    def status(self, now: float, until: float) -> str:
        """How it stands; of a job that ended at ``until`` before it, skipped or aborted."""
        if self.begin >= until:
            return "skipped"
        if now < self.begin:
            return "pending"
        if self.end > until:
            return "aborted" if now >= until else "running"
        if now < self.end:
            return "running"
        return "failed" if self.spec.exit_code or self.spec.error else "succeeded"


@dataclass(slots=True, eq=False)
class Job:
    """One test of a job request, on one device.

    Attributes:
        request: the id of its request.
        prepares: when a device has been found for it; infinite where none is.
        started: when its first step begins; infinite where it never does.
        finished: when it ends; infinite where it does not.
        result: how it ends.
        error: what is said of a job that does not succeed.
    """

    id: str
    request: str
    workflow: Workflow
    test: Test
    dut: Dut | None
    commit: str
    created: float
    prepares: float
    started: float
    finished: float
    result: str
    error: str = ""
    steps: tuple[Step, ...] = ()
    meta: dict[str, Any] = field(default_factory=dict)

    def status(self, now: float) -> str:
        """Its status at a moment."""
        if now >= self.finished:
            return self.result
        if now >= self.started:
            return "running"
        return "preparing" if now >= self.prepares else "queued"
