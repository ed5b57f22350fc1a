"""Buildkite's JSON, read into our vocabulary; what is odd in it is told where it is met."""

from typing import Any, Final

from ci_mcp.core.wire import Json as Json
from ci_mcp.core.wire import first_line as first_line
from ci_mcp.core.wire import part as part
from ci_mcp.core.wire import parts as parts
from ci_mcp.core.wire import record as record
from ci_mcp.core.wire import records as records
from ci_mcp.core.wire import seconds_between as seconds_between
from ci_mcp.core.wire import when as when
from ci_mcp.core.wire import whole as whole
from ci_mcp.logs.text import clean_text
from ci_mcp.status import Status

_BUILDS: Final = {
    "creating": Status.QUEUED,
    "scheduled": Status.QUEUED,
    "waiting": Status.QUEUED,
    "running": Status.RUNNING,
    "canceling": Status.RUNNING,
    "failing": Status.FAILING,
    "waiting_failed": Status.FAILING,
    "passed": Status.PASSED,
    "failed": Status.FAILED,
    "blocked": Status.BLOCKED,
    "canceled": Status.CANCELED,
    "skipped": Status.SKIPPED,
    "not_run": Status.SKIPPED,
}
_QUEUED: Final = (
    "pending",
    "waiting",
    "limited",
    "limiting",
    "scheduled",
    "assigned",
    "accepted",
    "reserved",
    "platform_limiting",
    "platform_limited",
)
_JOBS: Final = {
    **dict.fromkeys(_QUEUED, Status.QUEUED),
    "running": Status.RUNNING,
    "timing_out": Status.RUNNING,
    "canceling": Status.RUNNING,
    "blocked": Status.BLOCKED,
    "passed": Status.PASSED,
    "unblocked": Status.PASSED,
    "failed": Status.FAILED,
    "timed_out": Status.FAILED,
    "expired": Status.FAILED,
    "canceled": Status.CANCELED,
    "skipped": Status.SKIPPED,
    "broken": Status.SKIPPED,
    "waiting_failed": Status.SKIPPED,
    "blocked_failed": Status.SKIPPED,
    "unblocked_failed": Status.SKIPPED,
}
NEVER_RAN: Final = ("broken", "waiting_failed", "blocked_failed", "unblocked_failed")
"""States of jobs that never ran, because of something before them."""
ENDED_BADLY: Final = ("failed", "timed_out", "timing_out", "expired", "canceled", "canceling")
"""States of jobs that did not end well by themselves."""


def text(raw: Json, key: str) -> str:
    """A text or number of a record as text; empty where it is absent, null or something else."""
    value = raw.get(key)
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return ""
    return str(value)


def texts(value: Any) -> tuple[str, ...]:
    """The texts of an array that may be null."""
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def build_status(build: Json) -> Status:
    """How a build stands. A blocked one keeps the state it had before, and says ``blocked`` beside it."""
    state = text(build, "state")
    if build.get("blocked") is True and state not in {"failing", "canceled", "canceling"}:
        return Status.BLOCKED
    return _BUILDS.get(state, Status.UNKNOWN)


def build_word(build: Json) -> str:
    """Buildkite's own word for a build where it says more than the status."""
    state, status = text(build, "state"), build_status(build)
    if status is Status.BLOCKED and state != "blocked":
        return f"blocked, {state} until there"
    return "" if state == status.value else state


def promised(job: Json) -> bool:
    """True for a job that runs on, and has said already that it will fail."""
    return text(job, "state") == "running" and bool(whole(job, "promised_exit_status"))


def job_status(job: Json) -> Status:
    """How a job stands; a waiter that finished counts as passed, whatever came before it."""
    state = text(job, "state")
    if promised(job):
        return Status.FAILING
    if state == "finished":
        failed = text(job, "type") != "waiter" and whole(job, "exit_status") not in {0, None}
        return Status.FAILED if failed else Status.PASSED
    return _JOBS.get(state, Status.UNKNOWN)


def state_status(state: str) -> Status:
    """The status of a job's state alone, as counts have it."""
    return _JOBS.get(state, Status.PASSED if state == "finished" else Status.UNKNOWN)


def job_word(job: Json) -> str:
    """Buildkite's own word for a job where it says more than the status."""
    state = text(job, "state")
    if soft(job):
        return "soft failed"
    if promised(job):
        return "will fail"
    return "" if state in {job_status(job).value, "finished"} else state


def soft(job: Json) -> bool:
    """True for a failure that the build does not count."""
    return job.get("soft_failed") is True


def job_name(job: Json) -> str:
    """What people call a job: its name or label, else what it runs; one of parallel jobs with its number."""
    name = text(job, "name") or text(job, "label") or text(job, "command").strip().partition("\n")[0]
    name = name or text(job, "step_key") or {"waiter": "wait", "manual": "block"}.get(text(job, "type"), "job")
    index, total = whole(job, "parallel_group_index"), whole(job, "parallel_group_total")
    shard = f" ({index + 1}/{total})" if index is not None and total else ""
    return clean_text(name.partition("\n")[0])[:200] + shard


def exit_status(job: Json) -> int | None:
    """The exit status of a job that has ended; jobs that have not show a 0 that means nothing."""
    return whole(job, "exit_status") if job.get("finished_at") else None


def person(build: Json) -> str:
    """Who made a build: the author of the commit (an object, or a text alone), else who pressed the button."""
    author = build.get("author")
    if isinstance(author, str) and author.strip():
        name = author.partition("<")[0].strip() or author.strip(" <>")
        return name.partition("@")[0]
    for key in ("author", "creator"):
        if name := text(part(build, key), "name"):
            return name
    return ""
