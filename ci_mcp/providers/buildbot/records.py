"""What the tools give back; the order of the fields is the order shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ci_mcp.status import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Builder:
    """A builder of a list; ``newest`` says how its newest build stands, where that is among the server's newest."""

    newest: Status | None = None
    name: str
    id: str
    build: str = ""
    tags: tuple[str, ...] = ()
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A force scheduler: what may be told to a build that is started by hand."""

    scheduler: str
    enabled: bool = True
    fields: tuple["FormField", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FormField:
    """One field of a form; ``name`` is what to give it by."""

    name: str
    type: str
    label: str = ""
    required: bool = False
    choices: tuple[str, ...] = ()
    default: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuilderDetails:
    """A builder with its newest builds, what waits, who works for it, and how it is started by hand."""

    name: str
    id: str
    configured: bool = True
    tags: tuple[str, ...] = ()
    description: str = ""
    builds: Mapping[str, str] = field(default_factory=dict)
    waiting: tuple[str, ...] = ()
    workers: tuple[str, ...] = ()
    forms: tuple[Form, ...] = ()
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRow:
    """A step of a build; ``said`` is what it says of itself where it is not green."""

    status: Status
    name: str
    number: int | None = None
    word: str = ""
    said: str = ""
    duration: float | None = None
    links: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDetails:
    """One step of a build, with the names of its logs."""

    status: Status
    name: str
    id: str
    build: str
    number: int | None = None
    word: str = ""
    said: str = ""
    started: datetime | None = None
    duration: float | None = None
    logs: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change that a build is of."""

    commit: str
    title: str = ""
    author: str = ""
    files: tuple[str, ...] = ()
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildDetails:
    """A build; of very many steps only those that are not green are there, ``counts`` has all."""

    status: Status
    id: str
    builder: str
    number: int | None = None
    word: str = ""
    reason: str = ""
    branch: str = ""
    commit: str = ""
    actor: str = ""
    why: str = ""
    steps: tuple[StepRow, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()
    properties: Mapping[str, Any] = field(default_factory=dict)
    started: datetime | None = None
    finished: datetime | None = None
    duration: float | None = None
    worker: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A worker: ``status`` is running where it is connected, blocked where it is paused, unknown where it is gone."""

    status: Status
    name: str
    id: str
    word: str = ""
    reason: str = ""
    builders: int = 0
    host: str = ""
    admin: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """What a call that starts or stops something gave; ``id`` is taken wherever a build's is."""

    id: str
    status: Status | None = None
    note: str = ""
    url: str = ""
