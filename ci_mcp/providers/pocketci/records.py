"""What the tools give back; the order of the fields is the order shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ci_mcp.status import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """A pipeline of a list."""

    name: str
    id: str
    paused: bool | None = None
    source: str = ""
    driver: str = ""
    concurrency: str = ""
    updated: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineDetails(Pipeline):
    """A pipeline; ``content`` is its source, where that was asked for, ``rules`` who may see it."""

    jobs: tuple[str, ...] = ()
    resumes: bool | None = None
    group: str = ""
    cancels_running: bool | None = None
    rules: str = ""
    created: datetime | None = None
    url: str = ""
    characters: int = 0
    content: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """What a webhook sent; of its headers only those that can hold no secret are shown."""

    event: str = ""
    provider: str = ""
    method: str = ""
    url: str = ""
    headers: tuple[str, ...] = ()
    body: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One row of a run: a task, a resource, an agent, or the job or group around them."""

    status: Status
    id: str
    name: str
    word: str = ""
    kind: str = ""
    attempt: int | None = None
    exit_code: int | None = None
    reason: str = ""
    elapsed: float | None = None
    started: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDetails(Task):
    """One row with all that the server keeps of it but its log, whose size is told in ``log_characters``."""

    url: str = ""
    log_characters: Mapping[str, int] = field(default_factory=dict)
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A place where a run waits for a person."""

    status: Status
    name: str
    id: str
    word: str = ""
    message: str = ""
    by: str = ""
    run: str = ""
    created: datetime | None = None
    resolved: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDetails:
    """A run, told from its tasks."""

    status: Status
    id: str
    pipeline: str = ""
    word: str = ""
    reason: str = ""
    jobs: Mapping[str, int] = field(default_factory=dict)
    failed: tuple[str, ...] = ()
    trigger: str = ""
    actor: str = ""
    arguments: tuple[str, ...] = ()
    only_jobs: tuple[str, ...] = ()
    webhook: Webhook | None = None
    group: str = ""
    created: datetime | None = None
    started: datetime | None = None
    finished: datetime | None = None
    duration: float | None = None
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """What a call that starts a run gave; ``note`` says how it was started."""

    id: str
    status: Status | None = None
    note: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When a pipeline starts by itself."""

    name: str
    id: str
    enabled: bool
    when: str
    job: str = ""
    next: datetime | None = None
    last: datetime | None = None
