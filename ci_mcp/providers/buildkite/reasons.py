"""Why a job is not green, in words, where its log cannot say it; and whether the machine is to blame, not the code."""

from collections.abc import Mapping
from typing import Final

from ci_mcp.logs.text import clean_text
from ci_mcp.providers.buildkite import wire
from ci_mcp.providers.buildkite.wire import Json, text

_LOST: Final = -1
_INFRASTRUCTURE: Final = frozenset({"agent_stop", "agent_refused", "stack_error"})
_SIGNAL_REASONS: Final[Mapping[str, str]] = {
    "agent_stop": "its agent was stopped while it ran",
    "agent_refused": "its agent refused to run it",
    "agent_incompatible": "its agent is too old for this step",
    "stack_error": "no machine could be started for it",
    "process_run_error": "its command could not be started",
    "signature_rejected": "the signature of its step was rejected",
    "cancel": "it was canceled",
}
_STATES: Final[Mapping[str, str]] = {
    "timed_out": "it ran longer than its time limit",
    "timing_out": "it ran longer than its time limit",
    "canceled": "it was canceled",
    "canceling": "it is being canceled",
    "expired": "it expired: no agent took it in time",
    "broken": "it never ran",
    "waiting_failed": "it never ran: a step that it waits for failed",
    "blocked_failed": "it never ran: a step before its block failed",
    "unblocked_failed": "it never ran: a step before it failed",
    "skipped": "it was skipped",
}
_BROKEN: Final[Mapping[str, str]] = {
    "dependency_failed": "a step that it depends on failed",
    "dependency_canceled": "a step that it depends on was canceled",
    "dependency": "a step that it depends on failed",
    "branch_filter": "its branches do not match",
    "if_conditional": "its condition is not met",
    "conditional": "its condition is not met",
}


def infrastructure(job: Json) -> bool:
    """True where the machine or its agent is to blame, so that running it again may help."""
    if wire.soft(job):
        return False
    # A job that was canceled or timed out ends with -1, too: it was told to.
    lost = wire.exit_status(job) == _LOST and text(job, "state") == "failed"
    return text(job, "state") == "expired" or lost or text(job, "signal_reason") in _INFRASTRUCTURE


def why(job: Json) -> str:
    """What happened to a job, in words; empty where its exit status and log say it all."""
    state = text(job, "state")
    if wire.soft(job):
        code = wire.exit_status(job)
        return "soft failure" + (f" (exit status {code})" if code is not None else "") + ": the build does not count it"
    if wire.promised(job):
        return (
            f"it still runs, and has said that it will end with exit status {wire.whole(job, 'promised_exit_status')}"
        )
    said = _STATES.get(state, "")
    if state == "broken" and (reason := text(job, "broken_reason")):
        return f"{said}: {_BROKEN.get(reason, clean_text(reason.replace('_', ' '))[:200])}"
    if state == "expired" and (wants := ", ".join(wire.texts(job.get("agent_query_rules"))[:5])):
        return f"{said} (it wants {wants})"
    return said or _ended(job)


def _ended(job: Json) -> str:
    reason, signal = text(job, "signal_reason"), text(job, "signal")
    if not wire.job_status(job).bad:
        return ""
    if reason in _SIGNAL_REASONS:
        return _SIGNAL_REASONS[reason]
    if reason:
        return clean_text(reason.replace("_", " "))[:200]
    if wire.exit_status(job) == _LOST:
        return "its agent was lost, or killed with it"
    if signal:
        hint = ": often out of memory" if signal in {"SIGKILL", "9", "KILL"} else ""
        return f"another process or the system ended it with {clean_text(signal)[:20]}{hint}"
    return ""
