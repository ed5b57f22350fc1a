"""What the tools answer with; ``more`` has the vendor's further fields as they are, secrets redacted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ci_mcp.status import Status

More = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A repository's workflows and devices."""

    name: str
    id: str
    repository: str = ""
    more: More = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """Tests that run on devices with one label."""

    name: str
    id: str
    runs_on: str = ""
    project: str = ""
    description: str = ""
    more: More = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dut:
    """A device under test."""

    name: str
    id: str
    label: str = ""
    word: str = ""
    project: str = ""
    more: More = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One test on one device; ``word`` is FirmwareCI's own status."""

    status: Status
    name: str
    id: str
    word: str = ""
    error: str = ""
    workflow: str = ""
    workflow_id: str = ""
    project: str = ""
    dut: str = ""
    request: str = ""
    commit: str = ""
    created: datetime | None = None
    started: datetime | None = None
    finished: datetime | None = None
    duration: float | None = None
    url: str = ""
    more: More = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """One thing that is wrong with a document."""

    field: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """Whether a document is valid, and what FirmwareCI says of it."""

    valid: bool
    message: str = ""
    issues: tuple[Issue, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A schema or example by its name."""

    name: str
    more: More = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """A JSON schema; ``text`` where FirmwareCI gave no JSON."""

    name: str
    definition: More = field(default_factory=dict)
    text: str = ""
