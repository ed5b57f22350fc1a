"""What tools and hooks give back, and the parameter types that all tools share.

Times are aware ``datetime`` in UTC, durations are seconds.
In an answer, what is ``None`` or empty is left out, and the order of the fields is the order shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from ci_mcp.logs.report import TestCase as TestCase  # noqa: PLC0414 - made by reports, part of answers
from ci_mcp.net.pages import Page as Page  # noqa: PLC0414 - made where pages are fetched, part of answers
from ci_mcp.status import Status

HIDDEN = {"shown": False}  # the metadata of a field that is not part of an answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a job."""

    status: Status
    name: str
    exit_code: int | None = None
    duration: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job of a run.

    ``word`` is the vendor's own status where it says more. ``log_id`` is what the ``log`` hook takes,
    empty where there is no log; it is not part of an answer.
    """

    status: Status
    name: str
    id: str
    word: str = ""
    block: str = ""
    url: str = ""
    started: datetime | None = None
    finished: datetime | None = None
    steps: tuple[Step, ...] = ()
    log_id: str = field(default="", metadata=HIDDEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run: a workflow, a pipeline or a build, as its CI calls it.

    ``counts`` has all of its jobs by status, where ``jobs`` has only those that are not green.
    ``series`` tells apart runs of one branch that are of different things, where a CI runs them side by side: a run
    is compared only with those of its own. ``within`` is the id of the run that it is a part of, where lists show that.
    """

    status: Status
    id: str
    project: str = ""
    word: str = ""
    branch: str = ""
    commit: str = ""
    title: str = ""
    actor: str = ""
    url: str = ""
    created: datetime | None = None
    finished: datetime | None = None
    duration: float | None = None
    reason: str = ""
    jobs: tuple[Job, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict, metadata=HIDDEN)
    series: str = field(default="", metadata=HIDDEN)
    within: str = field(default="", metadata=HIDDEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why one job of a run is not green.

    ``reason`` says it in words where no log can: it never started, it was canceled, its agent was lost.
    ``tests`` are the failing ones of its report; ``tests_total`` counts all of them.
    ``jobs`` counts the jobs it stands for, where several that never ran are told as one.
    """

    job: Job
    reason: str = ""
    infrastructure: bool = False
    tests: tuple[TestCase, ...] = ()
    tests_total: int | None = None
    jobs: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """One file that a job or run kept."""

    path: str
    size: int | None = None
    directory: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who a token is.

    Attributes:
        name: whose it is; ``accepted`` where the API has no call that tells.
        scopes: what it may do, in the vendor's words; ``None`` where the API does not tell.
        remaining: the requests left, where the call tells.
        note: what its person should know, in a sentence.
        audience: what the token is for, where it says so itself.
        expires: when it ends, where that is known.
    """

    name: str
    scopes: tuple[str, ...] | None = None
    remaining: int | None = None
    note: str = ""
    audience: str = ""
    expires: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a pasted URL, a target or a checkout names. ``job`` alone is enough, so is ``run``."""

    host: str
    project: str = ""
    branch: str = ""
    run: str = ""
    job: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """A git checkout as the ``discover`` hooks see it; CI files are found below ``root``.

    Attributes:
        root: the folder that holds it.
        remotes: the URLs of its remotes, that of the branch's own first.
        branch: HEAD's branch as the remote calls it; empty where HEAD is on none.
        commit: HEAD's.
        local: HEAD's branch as it is called here.
        pushed: whether a remote-tracking branch holds HEAD; ``None`` where git cannot tell.
        merged: the commit that a pull request's merge brings in, where HEAD is that merge.
    """

    root: str
    remotes: tuple[str, ...] = ()
    branch: str = ""
    commit: str = ""
    local: str = ""
    pushed: bool | None = None
    merged: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunQuery:
    """Which runs of a project are wanted, newest first.

    Without ``statuses`` a status that costs a request of its own may stay unknown, where another one is wanted, too.
    With ``whole`` the newest of them is asked for with its jobs next, so what that takes may be read beside.
    """

    project: str
    branch: str = ""
    commit: str = ""
    status: Status | None = None
    limit: int = 20
    statuses: bool = True
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Prose:
    """An answer to be read: text for a model and a terminal, ``data`` for ``--format json``."""

    text: str
    data: Mapping[str, Any] = field(default_factory=dict)


Limit = Annotated[int, Field(ge=1, le=100, description="Most records to return")]
Cursor = Annotated[str, Field(max_length=500, description="`next` of the previous answer")]
Branch = Annotated[str, Field(max_length=300, description="Branch name")]
Tail = Annotated[int, Field(ge=0, le=5000, description="Last lines to show")]
Search = Annotated[str, Field(max_length=500, description="RE2 regex: show matches with context")]
Around = Annotated[int, Field(ge=0, description="Line number to show surroundings of")]
Start = Annotated[int, Field(ge=0, description="Line number to read from")]
Yaml = Annotated[
    str,
    # A text with a media type is a document: the command line also takes it from a file.
    Field(max_length=500_000, json_schema_extra={"contentMediaType": "application/yaml"}, description="YAML as text"),
]
