"""CircleCI's JSON as it comes: keys in two spellings, times, and three vocabularies of status."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from ci_mcp.auth.redact import redact
from ci_mcp.errors import BadAnswerError
from ci_mcp.logs.text import clean_text
from ci_mcp.status import Status

Json = dict[str, Any]

_SAID: Final = 1500  # characters of a message that a build or its configuration had a hand in

_WORKFLOWS: Final[Mapping[str, Status]] = {
    "success": Status.PASSED,
    "running": Status.RUNNING,
    "not_run": Status.SKIPPED,
    "failed": Status.FAILED,
    "error": Status.FAILED,
    "failing": Status.FAILING,
    "on_hold": Status.BLOCKED,
    "canceled": Status.CANCELED,
    "unauthorized": Status.FAILED,
}
_JOBS: Final[Mapping[str, Status]] = {
    "success": Status.PASSED,
    "fixed": Status.PASSED,
    "running": Status.RUNNING,
    "not_run": Status.SKIPPED,
    "no_tests": Status.SKIPPED,
    "retried": Status.SKIPPED,
    "failed": Status.FAILED,
    "infrastructure_fail": Status.FAILED,
    "timedout": Status.FAILED,
    "terminated-unknown": Status.FAILED,
    "unauthorized": Status.FAILED,
    "queued": Status.QUEUED,
    "not_running": Status.QUEUED,
    "blocked": Status.QUEUED,  # waits for other jobs, not for a person
    "on_hold": Status.BLOCKED,
    "canceled": Status.CANCELED,
}
_OUTCOMES: Final[Mapping[str, Status]] = {
    "succeeded": Status.PASSED,
    "failed": Status.FAILED,
    "errored": Status.FAILED,
    "unauthorized": Status.FAILED,
    "infrastructure_fail": Status.FAILED,
    "timedout": Status.FAILED,
    "canceled": Status.CANCELED,
    "not_run": Status.SKIPPED,
}
# Where our word says the same, CircleCI's own is left out.
_SAME: Final = frozenset({"success", "succeeded", "failed", "failing", "running", "canceled", "queued"})


def snake(value: Any) -> Any:
    """An answer with ``_`` for every ``-`` in its keys: the files say hyphens where the wire has none."""
    if isinstance(value, dict):
        return {str(key).replace("-", "_"): snake(inside) for key, inside in value.items()}
    return [snake(inside) for inside in value] if isinstance(value, list) else value


def record(value: Any, what: str) -> Json:
    """A JSON object; raises `BadAnswerError` where the service gave something else."""
    if not isinstance(value, dict):
        raise BadAnswerError(f"CircleCI answered something that is not a {what}", "try again later")
    found: Json = snake(value)
    return found


def records(value: Any, what: str) -> list[Json]:
    """A JSON array of objects; raises `BadAnswerError` where the service gave something else."""
    if not isinstance(value, list):
        raise BadAnswerError(f"CircleCI answered something that is not a list of {what}", "try again later")
    return [record(item, what) for item in value]


def parts(value: Any) -> list[Json]:
    """The objects of an array that may be null, absent or hold something else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def part(raw: Mapping[str, Any], *keys: str) -> Json:
    """An object inside an object, or deeper; empty where it is absent or null."""
    value: Any = raw
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, dict) else {}


def text(raw: Mapping[str, Any], key: str) -> str:
    """A text field; empty where it is absent or something else."""
    value = raw.get(key)
    return value if isinstance(value, str) else ""


def whole(raw: Mapping[str, Any], key: str) -> int | None:
    """A whole number, which some answers give as text; ``None`` where there is none."""
    value = raw.get(key)
    if isinstance(value, str) and value.isdecimal():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def real(raw: Mapping[str, Any], key: str) -> float | None:
    """A number, which some answers give as text; ``None`` where there is none."""
    value = raw.get(key)
    try:
        return None if value is None or isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None


def said(raw: Mapping[str, Any], key: str) -> str:
    """A text that a build or its configuration had a hand in, fit to be shown: no secrets, short."""
    lines = text(raw, key).strip()[:_SAID].splitlines()
    return redact("\n".join(clean_text(line) for line in lines))


def when(value: Any) -> datetime | None:
    """A time in UTC; ``None`` where it is unset, or the year 1 that stands for unset."""
    try:
        time = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    return time if time.year > 1 else None


def between(start: datetime | None, end: datetime | None) -> float | None:
    """How long something took, in seconds; ``None`` where an end is not known."""
    return (end - start).total_seconds() if start and end and end >= start else None


def first_line(value: str) -> str:
    """The first line of a commit message, at most 200 characters."""
    lines = value.strip().splitlines()
    return clean_text(lines[0])[:200] if lines else ""


def workflow_status(word: str) -> Status:
    """The status of a workflow."""
    return _WORKFLOWS.get(word, Status.UNKNOWN)


def job_status(word: str) -> Status:
    """The status of a job, a parallel run, or a step of v1.1."""
    return _JOBS.get(word, Status.UNKNOWN)


def phase_status(raw: Mapping[str, Any]) -> tuple[Status, str]:
    """The status of a run, job or step of v3, and CircleCI's own word for it.

    A phase that is not known means that nothing has started yet.
    """
    phase, outcome = text(raw, "phase"), text(raw, "outcome") or text(raw, "current_outcome")
    if phase == "ended":
        return _OUTCOMES.get(outcome, Status.UNKNOWN), outcome
    if phase == "started":
        bad = outcome in {"failed", "errored"}
        return (Status.FAILING, "failing") if bad else (Status.RUNNING, "running")
    return Status.QUEUED, phase


def own_word(word: str) -> str:
    """CircleCI's own word where it says more than the status."""
    return "" if word in _SAME else word
