"""PocketCI's JSON, read into our vocabulary; runs and tasks have different words for how they stand."""

from datetime import datetime
from typing import Any, Final

from ci_mcp.core.wire import Json as Json
from ci_mcp.core.wire import go_seconds as go_seconds
from ci_mcp.core.wire import part as part
from ci_mcp.core.wire import parts as parts
from ci_mcp.core.wire import record as record
from ci_mcp.core.wire import records as records
from ci_mcp.core.wire import seconds_between as seconds_between
from ci_mcp.core.wire import text as text
from ci_mcp.core.wire import when as when
from ci_mcp.core.wire import whole as whole
from ci_mcp.logs.text import clean_text
from ci_mcp.status import Status

STOPPED: Final = "Run stopped by user"
"""The message of a run that a person stopped, or a newer run of its group; its status is ``failed``."""
STATUSES: Final = {
    "queued": Status.QUEUED,
    "running": Status.RUNNING,
    "success": Status.PASSED,
    "failed": Status.FAILED,
    "skipped": Status.SKIPPED,
}
FAILING: Final = frozenset({"failure", "error", "abort", "aborted", "limit_exceeded"})
"""Words of a task or job that did not end well."""

_PREFIX: Final = "could not execute pipeline: "
_REASON: Final = 2000  # characters of an error message


def stopped(run: Json) -> bool:
    """True for a run that was stopped."""
    return text(run, "status") == "failed" and text(run, "error_message") == STOPPED


def run_status(run: Json) -> Status:
    """How the server says that a run stands; its tasks may know better."""
    if stopped(run):
        return Status.CANCELED
    return STATUSES.get(text(run, "status"), Status.UNKNOWN)


def reason(run: Json) -> str:
    """The error message of a run that has ended; one that goes on again still carries its old one."""
    if text(run, "status") in {"queued", "running", "success"}:
        return ""
    lines = text(run, "error_message").removeprefix(_PREFIX).strip().splitlines()
    return "\n".join(dict.fromkeys(clean_text(line) for line in lines))[:_REASON]


def finished(run: Json) -> datetime | None:
    """When a run ended; ``None`` for one that goes on again, which still carries its old end."""
    return None if text(run, "status") in {"queued", "running"} else when(run.get("completed_at"))


def actor(run: Json) -> str:
    """Who started a run, without the way they logged in: ``github:dev@example.com`` is ``dev@example.com``."""
    who = text(run, "triggered_by")
    kind, _, name = who.partition(":")
    return name if name and kind in {"basic", "github", "gitlab", "microsoft"} else who


def texts(value: Any) -> tuple[str, ...]:
    """The texts of an array that may be null."""
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()
