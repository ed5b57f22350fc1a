"""The rows of a run, and what they say of it: jobs, groups and tasks by path.

A run's and a job's own status is not enough. A run is told from its tasks: of several attempts the last counts,
a failure inside of ``try`` does not stop its job, and a job that never ran stays ``pending`` in a run that has ended.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ci_mcp.logs.text import clean_text
from ci_mcp.providers.pocketci import wire
from ci_mcp.providers.pocketci.wire import Json, text
from ci_mcp.status import Status

_PATH: Final = re.compile(r"/?pipeline/[^/]+/(.+)", re.DOTALL)
_LEAF: Final = re.compile(r"(?:^|/)(tasks|get|put|agent|build_image|notify)/(.+)|(?:^|/)(run|load-file|load-uri)$")
_CALL: Final = re.compile(r"\d+-(.+)")
_ATTEMPT: Final = re.compile(r"/attempt/(\d+)(?=/|$)")
_JOB: Final = re.compile(r"jobs/([^/]+)(?:/(.+))?", re.DOTALL)
_HOOKS: Final = ("on_failure", "on_success", "on_error", "on_abort", "ensure")
_NAME: Final = 200


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a run.

    Attributes:
        path: below the run: ``jobs/test``, ``jobs/test/0/in_parallel``, ``jobs/test/0/tasks/unit``, ``tasks/0-unit``.
        word: the server's status; empty for one that has just begun.
        elapsed: seconds.
        started: when it began; it may have begun again, when its run was resumed.
    """

    path: str
    word: str
    elapsed: float | None = None
    started: datetime | None = None

    @property
    def job(self) -> str:
        """The job that it belongs to; empty in a pipeline of JavaScript, which has only tasks."""
        found = _JOB.fullmatch(self.path)
        return found[1] if found else ""

    @property
    def inside(self) -> str:
        """Its path below its job; empty for a job's own row."""
        found = _JOB.fullmatch(self.path)
        return (found[2] or "") if found else self.path

    @property
    def kind(self) -> str:
        """``job``, ``group``, or what it does, such as ``tasks``, ``get``, ``put``, ``agent``."""
        leaf = _LEAF.search(self.inside)
        if leaf is None:
            return "group" if self.inside else "job"
        return leaf[1] or leaf[3]

    @property
    def name(self) -> str:
        """What its author calls it."""
        leaf = _LEAF.search(self.inside)
        name = (leaf[2] or leaf[3]) if leaf else self.path.rpartition("/")[2]
        call = _CALL.fullmatch(name) if not self.job else None
        return clean_text(call[1] if call else name)[:_NAME]

    @property
    def attempt(self) -> int:
        """Which attempt it belongs to; 0 where there is only one."""
        found = _ATTEMPT.findall(self.path)
        return int(found[-1]) if found else 0

    @property
    def tried(self) -> bool:
        """True inside of ``try``: its job goes on whatever comes of it."""
        return "/try/" in self.path

    @property
    def hook(self) -> str:
        """The hook that it runs in, such as ``on_failure``; empty outside of one."""
        return next((part for part in self.path.split("/") if part in _HOOKS), "")

    @property
    def bad(self) -> bool:
        """True where it did not end well."""
        return self.word in wire.FAILING

    @property
    def title(self) -> str:
        """Its job's name and its own, as an explanation shows them."""
        said = [part for part in (self.hook, f"attempt {self.attempt}" if self.attempt else "") if part]
        own = self.name + (f" ({', '.join(said)})" if said else "")
        return f"{clean_text(self.job)} > {own}" if self.job and self.kind != "job" else own


def row(raw: Json) -> Row | None:
    """A row of a list of tasks, or of a search; ``None`` where it has no path."""
    found = _PATH.fullmatch(text(raw, "path"))
    payload = wire.part(raw, "payload")
    if found is None:
        return None
    return Row(
        path=found[1],
        word=text(payload, "status"),
        elapsed=wire.go_seconds(payload.get("elapsed")),
        started=wire.when(payload.get("started_at")),
    )


def rows(found: Iterable[Json], run: str) -> list[Row]:
    """The rows of a run, in the order of the list; a search may give some of another run, as ``_`` is a wildcard."""
    mine = f"/pipeline/{run}/"
    return [one for raw in found if text(raw, "path").startswith(mine) and (one := row(raw)) is not None]


@dataclass(frozen=True, slots=True)
class Tree:
    """The rows of a run, and what they say.

    Attributes:
        run: the run's own record.
        rows: all of them, in the order of the server.
    """

    run: Json
    rows: Sequence[Row]

    @property
    def leaves(self) -> list[Row]:
        """What ran: tasks, resources, agents; of several attempts the last."""
        last: dict[str, int] = {}
        for one in self.rows:
            for match in _ATTEMPT.finditer(one.path):
                before = one.path[: match.start()]
                last[before] = max(last.get(before, 0), int(match[1]))
        return [
            one
            for one in self._steps
            if all(int(match[1]) == last[one.path[: match.start()]] for match in _ATTEMPT.finditer(one.path))
        ]

    @property
    def _steps(self) -> list[Row]:
        return [one for one in self.rows if one.kind not in {"job", "group"}]

    @property
    def jobs(self) -> list[Row]:
        """The rows of jobs; where a pipeline has none, those of its tasks."""
        return [one for one in self.rows if one.kind == "job"] or self.leaves

    @property
    def failed(self) -> list[Row]:
        """What did not end well and counts, the deepest rows; those inside of ``try`` only where nothing else tells."""
        bad = [one for one in self.leaves if one.bad]
        hard = [one for one in bad if not one.tried]
        told = {one.job for one in bad if one.job}
        jobs = [one for one in self.rows if one.kind == "job" and one.bad and one.job not in told]
        if hard or jobs:
            return hard + [self._overtaken(one) or one for one in jobs]
        return bad if text(self.run, "status") == "failed" else []

    def _overtaken(self, job: Row) -> Row | None:
        """The attempt that failed in a job whose last one passed: the server fails the job for it all the same."""
        return next((one for one in reversed(self._steps) if one.job == job.job and one.bad and one.attempt), None)

    @property
    def status(self) -> Status:
        """How the run stands, told from its tasks."""
        said = wire.run_status(self.run)
        if said is Status.PASSED and self.failed:
            return Status.FAILED
        if said is Status.RUNNING and self.failed:
            return Status.FAILING
        return said

    @property
    def idle(self) -> bool:
        """True for a run that runs, and no task of it does."""
        return text(self.run, "status") == "running" and not any(one.word in {"", "running"} for one in self.leaves)

    def of(self, one: Row) -> Status:
        """How a row stands in this run."""
        if one.kind == "job":
            return self._job(one)
        return self._plain(one)

    def _plain(self, one: Row) -> Status:
        ended = wire.run_status(self.run).finished
        match one.word:
            case "success":
                return Status.PASSED
            case "abort" | "aborted":
                return Status.CANCELED if wire.stopped(self.run) else Status.FAILED
            case "pending":
                return Status.SKIPPED if ended else Status.QUEUED
            case "skipped":
                return Status.SKIPPED
            case "" | "running":
                return Status.UNKNOWN if ended else Status.RUNNING
            case word:
                return Status.FAILED if word in wire.FAILING else Status.UNKNOWN

    def _job(self, one: Row) -> Status:
        inside = [leaf for leaf in self.leaves if leaf.job == one.job]
        bad = any(leaf.bad and not leaf.tried for leaf in inside)
        status = self._plain(one)
        if status in {Status.QUEUED, Status.RUNNING}:
            begun = any(leaf.word not in {"pending", "skipped"} for leaf in inside)
            return Status.FAILING if bad else Status.RUNNING if begun else status
        return Status.FAILED if bad and status is Status.PASSED else status
