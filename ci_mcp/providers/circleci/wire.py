"""CircleCI's JSON as it comes: keys in two spellings, times, and three vocabularies of status."""

from collections.abc import Mapping
from typing import Any, Final

from ci_mcp.auth.redact import redact
from ci_mcp.core import wire
from ci_mcp.core.wire import Json as Json
from ci_mcp.core.wire import first_line as first_line
from ci_mcp.core.wire import part as part
from ci_mcp.core.wire import parts as parts
from ci_mcp.core.wire import seconds_between as seconds_between
from ci_mcp.core.wire import text as text
from ci_mcp.core.wire import when as when
from ci_mcp.core.wire import whole as whole
from ci_mcp.logs.text import clean_text
from ci_mcp.status import Status

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
    """A JSON object, its keys in one spelling; raises `BadAnswerError` where the service gave something else."""
    found: Json = snake(wire.record(value, what))
    return found


def records(value: Any, what: str) -> list[Json]:
    """A JSON array of objects, their keys in one spelling; raises `BadAnswerError` as `record` does."""
    return [record(item, what) for item in wire.records(value, what)]


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
