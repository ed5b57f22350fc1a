"""What Buildkite's tools answer with; the first fields say the most, times are UTC, durations seconds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ci_mcp.core.shapes import TestCase
from ci_mcp.status import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """One organization that the token is for."""

    name: str
    slug: str
    id: str = ""
    created: datetime | None = None
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """One pipeline, short; the counts are of now."""

    name: str
    id: str
    repository: str = ""
    description: str = ""
    default_branch: str = ""
    running_builds: int | None = None
    scheduled_builds: int | None = None
    archived: bool = False
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineDetails:
    """One pipeline; ``configuration`` is its YAML, ``environment`` the names of its variables."""

    name: str
    id: str
    repository: str = ""
    provider: str = ""
    description: str = ""
    default_branch: str = ""
    branches: str = ""
    visibility: str = ""
    cluster: str = ""
    tags: tuple[str, ...] = ()
    rebuilds_allowed: bool | None = None
    skip_queued: bool | None = None
    cancel_running: bool | None = None
    running_builds: int | None = None
    scheduled_builds: int | None = None
    running_jobs: int | None = None
    waiting_jobs: int | None = None
    environment: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    archived: datetime | None = None
    created: datetime | None = None
    url: str = ""
    note: str = ""
    configuration: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """One schedule of a pipeline."""

    label: str
    id: str
    cron: str = ""
    branch: str = ""
    commit: str = ""
    enabled: bool = True
    next: datetime | None = None
    failed: datetime | None = None
    failure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """One build, short; ``id`` is what every other tool takes."""

    status: Status
    id: str
    word: str = ""
    branch: str = ""
    commit: str = ""
    title: str = ""
    author: str = ""
    source: str = ""
    pull_request: str = ""
    created: datetime | None = None
    finished: datetime | None = None
    duration: float | None = None
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildDetails:
    """One build; ``jobs`` counts them by Buildkite's own states, ``uuid`` is what Test Engine calls it."""

    status: Status
    id: str
    word: str = ""
    reason: str = ""
    jobs: Mapping[str, int] = field(default_factory=dict)
    branch: str = ""
    commit: str = ""
    title: str = ""
    author: str = ""
    source: str = ""
    pull_request: str = ""
    created: datetime | None = None
    waited: float | None = None
    started: datetime | None = None
    failing: datetime | None = None
    finished: datetime | None = None
    duration: float | None = None
    rebuilt_from: str = ""
    triggered_from: str = ""
    test_runs: tuple[str, ...] = ()
    meta_data: Mapping[str, str] = field(default_factory=dict)
    environment: tuple[str, ...] = ()
    uuid: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """What was started or started again."""

    id: str
    status: Status = Status.QUEUED
    note: str = ""
    jobs: tuple[str, ...] = ()
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What was changed, and how it stands now."""

    id: str
    status: Status | None = None
    note: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job of a build; ``triggered`` is the build that it started."""

    status: Status
    name: str
    id: str
    word: str = ""
    exit_status: int | None = None
    reason: str = ""
    kind: str = ""
    step: str = ""
    group: str = ""
    retried_as: str = ""
    attempts_before: int | None = None
    triggered: str = ""
    started: datetime | None = None
    duration: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDetails:
    """One job: how it stands and why, where it belongs, what it ran and where."""

    status: Status
    name: str
    id: str
    word: str = ""
    exit_status: int | None = None
    reason: str = ""
    infrastructure: bool = False
    kind: str = ""
    step: str = ""
    group: str = ""
    build: str = ""
    command: str = ""
    wants: tuple[str, ...] = ()
    agent: str = ""
    cluster: str = ""
    queue: str = ""
    parallel: str = ""
    matrix: str = ""
    retry_of: str = ""
    retried_as: str = ""
    retry: str = ""
    triggered: str = ""
    created: datetime | None = None
    runnable: datetime | None = None
    started: datetime | None = None
    finished: datetime | None = None
    waited: float | None = None
    duration: float | None = None
    unblocked: datetime | None = None
    artifacts: tuple[str, ...] = ()
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One variable of a job; its value is kept back where it is or may be a secret."""

    name: str
    value: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """One file that a job kept; ``id`` is its job's and its own."""

    path: str
    id: str
    state: str = ""
    size: int | None = None
    type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactDetails:
    """One file: its text where it is short and is text, else where it was saved; failing tests of a report."""

    path: str
    id: str
    state: str = ""
    size: int | None = None
    type: str = ""
    checksum: str = ""
    sha256: str = ""
    saved: str = ""
    note: str = ""
    tests: tuple[TestCase, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """One annotation of a build or job, its HTML as text."""

    style: str = ""
    context: str
    id: str
    job: str = ""
    priority: int | None = None
    created: datetime | None = None
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """One test of a build; ``message`` is what its last failure said."""

    __test__ = False  # not a test of ours, whatever pytest makes of the name

    verdict: str
    name: str
    location: str = ""
    id: str = ""
    message: str = ""
    labels: tuple[str, ...] = ()
    scope: str = ""
    failed: int | None = None
    passed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TestDetails:
    """One test over time: how often it passes, how long it takes, in seconds."""

    __test__ = False  # not a test of ours, whatever pytest makes of the name

    name: str
    id: str
    scope: str = ""
    location: str = ""
    labels: tuple[str, ...] = ()
    state: str = ""
    reliability: float | None = None
    executions: int | None = None
    results: Mapping[str, int] = field(default_factory=dict)
    average: float | None = None
    longest: float | None = None
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """One suite of Test Engine."""

    name: str
    slug: str
    default_branch: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteRun:
    """One run of a suite; a result may turn to failed later, and never back."""

    result: str
    id: str
    state: str = ""
    branch: str = ""
    commit: str = ""
    build: str = ""
    created: datetime | None = None
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """One agent; addresses and people behind it are left out."""

    state: str
    name: str
    id: str
    queue: str = ""
    paused: bool = False
    note: str = ""
    job: str = ""
    version: str = ""
    system: str = ""
    priority: int | None = None
    tags: tuple[str, ...] = ()
    connected: datetime | None = None
    ended: datetime | None = None
    last_job: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """One cluster."""

    name: str
    id: str
    description: str = ""
    default_queue: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """One queue of a cluster; ``agents`` are the connected ones where they were counted."""

    key: str
    id: str
    cluster: str = ""
    paused: bool = False
    note: str = ""
    agents: int | None = None
    busy: int | None = None
    hosted: bool = False
    description: str = ""
    paused_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """The token in use: whose it is, its scopes, and what does not work without further ones."""

    owner: str
    description: str = ""
    organization: str = ""
    scopes: tuple[str, ...] = ()
    works: tuple[str, ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)
    remaining: int | None = None
    created: datetime | None = None
    expires: datetime | None = None
