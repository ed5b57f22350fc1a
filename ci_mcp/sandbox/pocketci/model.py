"""Pipelines, runs, the rows of their tasks and their gates, and how each stands at a moment.

Every time is an offset in seconds from the sandbox's start. Nothing advances by itself: when things begin and end
is settled when something is made or changed, and a state is read off for a moment.
"""

import base64
import datetime as dt
import hashlib
import math
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ci_mcp.sandbox.plan import Clock
from ci_mcp.sandbox.pocketci.output import Log

Json = dict[str, Any]
NEVER = math.inf
STOPPED = "Run stopped by user"
_NAMESPACE = uuid.UUID("8b0e7a34-64a2-4a0f-9f59-51f1e3c2d0aa")
_FLUSH_SECONDS = 2  # what runs is written down that often


def make_run_id(*words: object) -> str:
    """The id of a run or a schedule, the same in every process: 21 characters, the first of them any of 64."""
    digest = hashlib.sha256("/".join(map(str, words)).encode()).digest()
    return base64.urlsafe_b64encode(digest).decode()[:21]


def make_gate_id(*words: object) -> str:
    """The id of a gate, the same in every process."""
    return str(uuid.uuid5(_NAMESPACE, "/".join(map(str, words))))


def make_pipeline_id(name: str, content: str) -> str:
    """The id that a pipeline gets when it is first put, and keeps."""
    return hashlib.sha256(f"{name}:{content}".encode()).hexdigest()[:32]


@dataclass(slots=True, eq=False)
class Pipeline:
    """A pipeline.

    Attributes:
        settings: what ``PUT`` may say about it besides its source; only what was said.
        recordings: the logs that its tasks leave, by the task's name; other tasks do what their commands say.
    """

    id: str
    name: str
    content: str
    content_type: str
    driver: str
    created: float
    updated: float
    paused: bool = False
    resumable: bool = False
    settings: Json = field(default_factory=dict)
    recordings: Mapping[str, str] = field(default_factory=dict)
    schedules: "list[Schedule]" = field(default_factory=list)

    @property
    def rbac(self) -> str:
        """Whom its expression lets in; empty for everybody."""
        return str(self.settings.get("rbac_expression", ""))


@dataclass(slots=True, eq=False)
class Schedule:
    """When a pipeline starts by itself."""

    id: str
    name: str
    kind: str
    expression: str
    job: str
    created: float
    enabled: bool = True


@dataclass(slots=True, eq=False)
class Gate:
    """A question that a job waits behind."""

    id: str
    name: str
    message: str
    created: float
    resolved: float = NEVER
    status: str = "pending"
    by: str = ""


@dataclass(slots=True, eq=False)
class Row:
    """What is stored about a job, a group of steps or a task.

    Attributes:
        path: within the run.
        at: when it was written first.
        begun: what its status reads until it ends.
        status: what it reads then.
        ended: when that is.
        planned: when it would be if nobody stopped it.
        facts: what it says from the beginning on.
        ending: what it says once it has ended.
        log: what it writes, from its beginning to its planned end.
        timed: it tells when it began and how long it took; ``whole``: in whole seconds.
    """

    path: str
    at: float
    begun: str
    status: str
    ended: float = NEVER
    planned: float = NEVER
    facts: Json = field(default_factory=dict)
    ending: Json = field(default_factory=dict)
    log: Log | None = None
    timed: bool = False
    whole: bool = False
    number: int = 0

    def payload(self, now: float, clock: Clock) -> Json:
        """What is stored about it at a moment."""
        over = self.ended <= now
        known = self.facts | (self.ending if over else {}) | {"status": self.status if over else self.begun}
        if self.timed:
            known["started_at"] = iso(clock, self.at)
        if self.timed and over and self.status != "aborted":
            known["elapsed"] = duration(self.ended - self.at, whole=self.whole)
        logs = self.logs(now)
        if logs:
            known["logs"] = logs
        return dict(sorted(known.items()))

    def logs(self, now: float) -> list[dict[str, str]]:
        """What it has written so far, in the pieces that it was read in."""
        if self.log is None or self.at > now:
            return []
        until = min(now, self.ended)
        if until < self.ended:
            until = self.at + (until - self.at) // _FLUSH_SECONDS * _FLUSH_SECONDS
        length = (self.planned if self.planned < NEVER else self.ended) - self.at
        share = (until - self.at + 1e-6) / length if 0 < length < NEVER else 1.0
        return [{"content": text, "type": stream} for at, stream, text in self.log.chunks() if at <= share]

    def abort(self, now: float) -> None:
        """End it, if it has not ended."""
        if now < self.ended:
            self.ended, self.status, self.ending = now, "aborted", {}


@dataclass(slots=True, eq=False)
class Run:
    """A run.

    Attributes:
        trigger_input: what it was started with.
        pace: what the seconds of recorded tasks are multiplied with.
        begin: when it leaves the queue; never where it does not.
        end: when it ends.
        result: success, failed or skipped.
        group: the runs that it may not run beside, empty for none.
        before: end and error of the attempt before a resume.
        shown: when the attempt began whose start is told while it waits again.
    """

    id: str
    pipeline: Pipeline
    created: float
    serial: int
    trigger_type: str = "manual"
    triggered_by: str = ""
    trigger_input: Json = field(default_factory=dict)
    pace: float = 1
    recordings: Mapping[str, str] = field(default_factory=dict)
    group: str = ""
    begin: float = NEVER
    end: float = NEVER
    result: str = ""
    error: str = ""
    rows: list[Row] = field(default_factory=list)
    gates: dict[str, Gate] = field(default_factory=dict)
    before: tuple[float, str] | None = None
    shown: float | None = None
    kept: dict[str, Row] = field(default_factory=dict)
    stopped: bool = False

    def status(self, now: float) -> str:
        """queued, running, success, failed or skipped."""
        if now >= self.end:
            return self.result
        return "running" if now >= self.begin else "queued"

    def visible_rows(self, now: float) -> list[Row]:
        """What is stored about its tasks, in the order in which it was written."""
        return [row for row in self.rows if row.at <= now]


def iso(clock: Clock, at: float, *, nanoseconds: bool = False) -> str:
    """A time in UTC: in whole seconds as everything but an answer to ``PUT`` says it."""
    unix = clock.unix(at)
    whole = f"{dt.datetime.fromtimestamp(math.floor(unix), dt.UTC):%Y-%m-%dT%H:%M:%S}"
    return whole + (f".{int(unix % 1 * 1e9):09d}".rstrip("0").rstrip(".") if nanoseconds else "") + "Z"


def duration(seconds: float, *, whole: bool = False) -> str:
    """A time span as Go writes it: ``12.157951ms``, ``1.01316122s``, ``2m3.004s``."""
    if whole:
        seconds = math.floor(seconds)
    if 0 < seconds < 1:
        return f"{seconds * 1e3:.6f}".rstrip("0").rstrip(".") + "ms"
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    words = (f"{hours}h" if hours else "") + (f"{minutes}m" if hours or minutes else "")
    return words + (f"{rest:.9f}".rstrip("0").rstrip(".") or "0") + "s"
