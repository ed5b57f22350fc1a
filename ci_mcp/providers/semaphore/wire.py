"""Semaphore's two spellings, read into one.

The list of pipelines says ``"DONE"`` and ``{seconds, nanos}``, a pipeline ``"done"`` and
``"2025-04-17 19:06:04.782051Z"``, a job ``"FINISHED"`` and ``"1745000000"``.
Running work has no result at all, or a word that means nothing yet.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from ci_mcp.core.wire import Json as Json
from ci_mcp.core.wire import first_line as first_line
from ci_mcp.core.wire import part as part
from ci_mcp.core.wire import parts as parts
from ci_mcp.core.wire import record as record
from ci_mcp.core.wire import records as records
from ci_mcp.core.wire import seconds_between as seconds_between
from ci_mcp.core.wire import text as text
from ci_mcp.status import Status

_QUEUED = frozenset({"initializing", "pending", "queuing", "waiting", "enqueued", "queued", "scheduled", "dispatched"})
_RUNNING = frozenset({"running", "stopping", "started"})
_ENDED = frozenset({"done", "finished"})
_RESULTS = {
    "passed": Status.PASSED,
    "failed": Status.FAILED,
    "stopped": Status.CANCELED,
    "canceled": Status.CANCELED,
}
_TRIGGERS = ("hook", "schedule", "api", "manual_run")
_UNTELLING = frozenset({"", "test"})  # "test" stands there even when everything passed
_YEAR_9999 = 253_402_300_799


def word(value: Any) -> str:
    """A state, result or reason in lower case; empty where there is none."""
    return value.lower() if isinstance(value, str) else ""


def when(value: Any) -> datetime | None:
    """A time in any of Semaphore's spellings, in UTC; ``None`` where it is unset."""
    if isinstance(value, dict):
        return _of_seconds(value.get("seconds"), value.get("nanos"))
    if isinstance(value, str) and not value.isdecimal():
        try:
            time = datetime.fromisoformat(value)
            time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
        except (ValueError, OverflowError):
            return None
        return time if time.timestamp() > 0 else None
    return _of_seconds(value)


def _of_seconds(value: Any, nanos: Any = 0) -> datetime | None:
    try:
        seconds = int(value)
        micros = int(nanos or 0) // 1000
    except (TypeError, ValueError, OverflowError):
        return None
    if not 0 < seconds <= _YEAR_9999:
        return None
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=min(max(micros, 0), 999_999))


def status(state: Any, result: Any, reason: Any = "") -> Status:
    """The status of a pipeline, block or job from its state, result and reason; a result counts only at the end."""
    said = word(state)
    if said in _ENDED:
        if word(reason) == "skipped":
            return Status.SKIPPED
        return _RESULTS.get(word(result), Status.UNKNOWN)
    if said in _RUNNING:
        return Status.RUNNING
    return Status.QUEUED if said in _QUEUED else Status.UNKNOWN


def own_word(state: Any, result: Any, reason: Any = "") -> str:
    """Semaphore's own words where they say more than the status: ``failed: malformed``, ``stopping``."""
    said, ended = word(state), word(state) in _ENDED
    if not ended:
        return "" if said in {"running", ""} else said
    outcome, why = word(result), word(reason)
    if outcome == "passed" or why in _UNTELLING:
        return outcome if outcome == "stopped" else ""
    return f"{outcome}: {why}"


def pipeline_status(pipeline: Json, blocks: Iterable[Json] = ()) -> Status:
    """How a pipeline stands; ``failing`` where it runs and one of its blocks or jobs has failed."""
    now = status(pipeline.get("state"), pipeline.get("result"), pipeline.get("result_reason"))
    if now is Status.RUNNING and any(Status.FAILED in _standings(block) for block in blocks):
        return Status.FAILING
    return now


def _standings(block: Json) -> set[Status]:
    own = status(block.get("state"), block.get("result"), block.get("result_reason"))
    return {own, *(status(job.get("status"), job.get("result")) for job in parts(block.get("jobs")))}


def trigger(value: Any) -> str:
    """What started a workflow: ``hook``, ``schedule``, ``api`` or ``manual_run``, given as number or word."""
    if isinstance(value, bool) or not isinstance(value, int):
        return word(value)
    return _TRIGGERS[value] if 0 <= value < len(_TRIGGERS) else ""


def yaml_path(pipeline: Json) -> str:
    """Where the pipeline's definition is in its repository."""
    folder, name = str(pipeline.get("working_directory") or ""), str(pipeline.get("yaml_file_name") or "")
    return "/".join(part.strip("/") for part in (folder, name) if part.strip("/"))
