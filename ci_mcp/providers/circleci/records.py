"""What CircleCI's tools answer with; the first fields say the most."""

from dataclasses import dataclass, field
from datetime import datetime

from ci_mcp.core.shapes import HIDDEN, Step
from ci_mcp.status import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """One followed project, short."""

    name: str
    slug: str
    id: str = ""
    repository: str = ""
    default_branch: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectDetails:
    """One project."""

    name: str
    slug: str
    id: str = ""
    organization: str = ""
    organization_slug: str = ""
    organization_id: str = ""
    repository: str = ""
    provider: str = ""
    default_branch: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """One workflow. ``attempts`` counts all of its name in the pipeline where there are several."""

    status: Status
    name: str
    id: str
    word: str = ""
    reason: str = ""
    attempts: int | None = None
    superseded: bool | None = None
    setup: bool | None = None
    created: datetime | None = None
    finished: datetime | None = None
    duration: float | None = None
    url: str = field(default="", metadata=HIDDEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """One pipeline, its status derived from its workflows."""

    status: Status
    number: int | None
    id: str
    word: str = ""
    reason: str = ""
    branch: str = ""
    tag: str = ""
    commit: str = ""
    title: str = ""
    actor: str = ""
    trigger: str = ""
    project: str = ""
    created: datetime | None = None
    workflows: tuple[str, ...] = ()
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineDetails:
    """One pipeline with its workflows, newest attempts first."""

    status: Status
    number: int | None
    id: str
    word: str = ""
    reason: str = ""
    project: str = ""
    branch: str = ""
    tag: str = ""
    commit: str = ""
    title: str = ""
    actor: str = ""
    trigger: str = ""
    created: datetime | None = None
    workflows: tuple[Workflow, ...] = ()
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowJob:
    """One job of a workflow; ``after`` names the jobs it waits for."""

    status: Status
    name: str
    id: str
    word: str = ""
    type: str = ""
    after: tuple[str, ...] = ()
    approved_by: str = ""
    duration: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowDetails:
    """One workflow with its jobs, those that are not green first."""

    status: Status
    name: str
    id: str
    word: str = ""
    reason: str = ""
    project: str = ""
    pipeline: str = ""
    number: int | None = None
    setup: bool | None = None
    created: datetime | None = None
    finished: datetime | None = None
    duration: float | None = None
    jobs: tuple[WorkflowJob, ...] = ()
    more_jobs: int | None = None
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One parallel run of a job."""

    status: Status
    index: int
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDetails:
    """One job: how it stands, where it belongs, where it ran, its steps; times in seconds."""

    status: Status
    name: str
    id: str
    word: str = ""
    reason: str = ""
    messages: tuple[str, ...] = ()
    workflow: str = ""
    workflow_name: str = ""
    pipeline: str = ""
    project: str = ""
    created: datetime | None = None
    started: datetime | None = None
    finished: datetime | None = None
    waited: float | None = None
    duration: float | None = None
    parallelism: int | None = None
    machine: str = ""
    resource_class: str = ""
    contexts: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    nodes: tuple[Node, ...] = ()
    note: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """What was started."""

    pipeline: str = ""
    number: int | None = None
    workflow: str = ""
    note: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopping:
    """What was told to stop; it ends a little later."""

    id: str
    note: str = ""
    workflows: tuple[str, ...] = ()
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """What was approved; the workflow goes on a little later."""

    workflow: str
    job: str
    note: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobArtifact:
    """One file that a job kept; ``node`` where it comes of a further parallel run: then ``NODE:PATH`` names it."""

    path: str
    node: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlakyTest:
    """One test that passed and failed on the same commit; times wasted in seconds."""

    name: str
    suite: str = ""
    file: str = ""
    times: int = 0
    wasted: float | None = None
    job: str = ""
    workflow: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowNumbers:
    """Numbers of one workflow in a window of time; rates are between 0 and 1, times in seconds."""

    name: str
    branch: str = ""
    runs: int | None = None
    success_rate: str = ""
    p95_duration: float | None = None
    credits: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Numbers of one project in a window of time."""

    project: str
    window: str
    runs: int | None = None
    success_rate: str = ""
    throughput: float | None = None
    total_duration: float | None = None
    credits: int | None = None
    workflows: tuple[WorkflowNumbers, ...] = ()
    branches: tuple[WorkflowNumbers, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """Whether a configuration compiles; ``compiled`` is what it became."""

    valid: bool
    errors: tuple[str, ...] = ()
    note: str = ""
    compiled: str = ""
