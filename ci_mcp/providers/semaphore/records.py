"""What Semaphore's tools answer with; the first fields say the most."""

from dataclasses import dataclass
from datetime import datetime

from ci_mcp.status import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """One configured organization; ``id`` where it has a project that the token may see."""

    name: str
    id: str = ""
    host: str = ""
    url: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """One project, short."""

    name: str
    id: str
    repository: str = ""
    description: str = ""
    visibility: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One scheduled task of a project."""

    status: str = ""
    name: str
    id: str
    branch: str = ""
    at: str = ""
    pipeline_file: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectDetails:
    """One project; ``run_on`` says what starts its workflows."""

    name: str
    id: str
    organization_id: str = ""
    owner_id: str = ""
    description: str = ""
    repository: str = ""
    integration: str = ""
    pipeline_file: str = ""
    run_on: tuple[str, ...] = ()
    branches: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    visibility: str = ""
    tasks: tuple[Task, ...] = ()
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """One pipeline, short. ``reason`` says in words what no job can."""

    status: Status
    name: str
    id: str
    word: str = ""
    reason: str = ""
    workflow: str = ""
    branch: str = ""
    commit: str = ""
    title: str = ""
    file: str = ""
    promotion_of: str = ""
    rerun_of: str = ""
    rerun_by: str = ""
    created: datetime | None = None
    finished: datetime | None = None
    duration: float | None = None
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """One workflow, its status read from its pipelines. ``duration`` is that of its first pipeline."""

    status: Status
    id: str
    word: str = ""
    reason: str = ""
    branch: str = ""
    commit: str = ""
    title: str = ""
    requester: str = ""
    trigger: str = ""
    created: datetime | None = None
    finished: datetime | None = None
    duration: float | None = None
    rerun_of: str = ""
    project: str = ""
    pipelines: tuple[Pipeline, ...] = ()
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockJob:
    """One job of a pipeline."""

    status: Status
    name: str
    id: str
    word: str = ""
    block: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One block of a pipeline with its jobs; ``after`` names the blocks it waits for."""

    status: Status
    name: str
    word: str = ""
    reason: str = ""
    after: tuple[str, ...] = ()
    jobs: tuple[BlockJob, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineDetails:
    """One pipeline with its blocks; ``parameters`` are names, never values."""

    status: Status
    name: str
    id: str
    word: str = ""
    reason: str = ""
    workflow: str = ""
    project: str = ""
    branch: str = ""
    commit: str = ""
    title: str = ""
    file: str = ""
    requester: str = ""
    queue: str = ""
    promotion_of: str = ""
    rerun_of: str = ""
    rerun_by: str = ""
    created: datetime | None = None
    started: datetime | None = None
    finished: datetime | None = None
    duration: float | None = None
    parameters: tuple[str, ...] = ()
    blocks: tuple[Block, ...] = ()
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where a job runs."""

    type: str = ""
    image: str = ""
    agent: str = ""
    self_hosted: bool = False
    containers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDetails:
    """One job: how it stands, where it belongs, where and when it ran; times in seconds."""

    status: Status
    name: str
    id: str
    word: str = ""
    reason: str = ""
    block: str = ""
    pipeline: str = ""
    workflow: str = ""
    project: str = ""
    branch: str = ""
    created: datetime | None = None
    queued: datetime | None = None
    started: datetime | None = None
    finished: datetime | None = None
    waited: float | None = None
    duration: float | None = None
    machine: Machine | None = None
    commands: tuple[str, ...] = ()
    epilogue: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """What was started."""

    workflow: str = ""
    pipeline: str = ""
    note: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopping:
    """What was told to stop; it ends a little later."""

    id: str
    note: str = ""
    url: str = ""
