"""What a test report says, whatever its form: how many tests, and the failing ones with their places."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from ci_mcp.logs.places import place_in
from ci_mcp.logs.text import clean_text
from ci_mcp.status import Status

MOST: Final = 1000
"""Most failing tests that are kept; all are counted."""
MESSAGE_MAX: Final = 1000
DETAILS_MAX: Final = 8000

_COLOUR: Final = re.compile(r"#x1B\[[0-9;]*[A-Za-z]")  # how pytest writes an escape, which XML cannot hold


@dataclass(frozen=True, slots=True, kw_only=True)
class TestCase:
    """One test of a report."""

    __test__ = False  # not a test of ours, whatever pytest makes of the name

    status: Status
    name: str
    suite: str = ""
    file: str = ""
    line: int | None = None
    message: str = ""
    details: str = ""
    duration: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a test report says.

    Attributes:
        total: how many tests.
        failed: how many with a failed assertion.
        errors: how many that broke otherwise.
        skipped: how many that did not run.
        passed: how many that passed, at last where they were run again.
        duration: seconds, all tests added up; ``None`` where the report has no times.
        failing: the failed and broken ones, in the report's order, at most `MOST`.
        cut_off: the report breaks off, so there may be more.
    """

    total: int = 0
    failed: int = 0
    errors: int = 0
    skipped: int = 0
    passed: int = 0
    duration: float | None = None
    failing: tuple[TestCase, ...] = ()
    cut_off: bool = False


def merge(reports: Iterable[Report]) -> Report:
    """Several reports as one."""
    parts = list(reports)
    durations = [part.duration for part in parts if part.duration is not None]
    return Report(
        total=sum(part.total for part in parts),
        failed=sum(part.failed for part in parts),
        errors=sum(part.errors for part in parts),
        skipped=sum(part.skipped for part in parts),
        passed=sum(part.passed for part in parts),
        duration=sum(durations) if durations else None,
        failing=tuple(case for part in parts for case in part.failing)[:MOST],
        cut_off=any(part.cut_off for part in parts),
    )


@dataclass(slots=True)
class Tally:
    """Counts tests as they come, and keeps the failing ones."""

    passed: int = 0
    failed: int = 0
    errors: int = 0
    skipped: int = 0
    duration: float = 0.0
    timed: bool = False
    failing: list[TestCase] = field(default_factory=list)

    def add(self, kind: str, case: TestCase) -> None:
        """Count one test; ``kind`` is one of our counters."""
        setattr(self, kind, getattr(self, kind) + 1)
        if case.duration is not None:
            self.duration += case.duration
            self.timed = True
        if kind in {"failed", "errors"} and len(self.failing) < MOST:
            self.failing.append(case)

    def report(self, *, cut_off: bool = False) -> Report:
        """What was counted."""
        return Report(
            total=self.passed + self.failed + self.errors + self.skipped,
            failed=self.failed,
            errors=self.errors,
            skipped=self.skipped,
            passed=self.passed,
            duration=round(self.duration, 3) if self.timed else None,
            failing=tuple(self.failing),
            cut_off=cut_off,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """What a report says of one failing test, as it stands there."""

    suite: str = ""
    file: str = ""
    line: object = ""
    message: str = ""
    details: str = ""


def located(case: TestCase, said: Failed) -> TestCase:
    """A failing test, fit to be shown; its place is the report's, else the one that the failure's text names."""
    file, line = said.file, str(said.line)
    number = int(line) if line.isdecimal() and len(line) < 9 else None  # noqa: PLR2004 - a line number
    if not file or number is None:
        file, number = place_in(f"{said.message}\n{said.details}", file) or (file, number)
    return replace(
        case,
        status=Status.FAILED,
        name=_shown(case.name, MESSAGE_MAX),
        suite=_shown(said.suite, MESSAGE_MAX),
        file=_shown(file, MESSAGE_MAX),
        line=number,
        message=_shown(said.message, MESSAGE_MAX),
        details=_shown(said.details, DETAILS_MAX),
    )


def _shown(text: str, most: int) -> str:
    """The text without what a reader must not see, its middle taken out where it is too long."""
    if len(text) > most * 2:
        text = f"{text[:most]}{text[-most:]}"
    text = _COLOUR.sub("", text)
    text = "\n".join(clean_text(line) for line in text.replace("\r\n", "\n").split("\n"))
    if len(text) <= most:
        return text
    return f"{text[: most // 2]}\n[cut]\n{text[-most // 2 :]}"
