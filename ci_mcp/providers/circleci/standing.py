"""How a pipeline stands: CircleCI's ``state`` only tells of its creation, so its workflows decide.

A rerun adds a workflow of the same name to its pipeline: the newest of each name counts, older ones are attempts.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from ci_mcp.providers.circleci import wire
from ci_mcp.providers.circleci.wire import Json, text
from ci_mcp.status import Status

_WORST_FIRST: Final = (
    Status.FAILED,
    Status.FAILING,
    Status.RUNNING,
    Status.QUEUED,
    Status.BLOCKED,
    Status.UNKNOWN,
    Status.CANCELED,
    Status.SKIPPED,
)
_SETUP: Final = frozenset({"pending", "setup", "setup-pending"})
_ERRORS: Final[Mapping[str, str]] = {
    "config": "the configuration is invalid",
    "config-fetch": "the configuration could not be fetched",
    "invalid-trigger-setup": "its trigger is not set up as it should be",
    "timeout": "making the pipeline took too long",
    "permission": "who or what started it has no permission to",
    "plan": "the organization's plan does not allow it",
    "trigger-rule": "a trigger's rule stands against it",
}
UNAUTHORIZED: Final = (
    "CircleCI refused to run it: who started it may not use one of its contexts, or is no member of "
    "the organization; add them to the context's security group, or rerun it as somebody who may"
)
_WORDS: Final[Mapping[str, str]] = {
    "unauthorized": UNAUTHORIZED,
    "error": "it could not be run at all: its configuration asks for something that is not there (a job, an orb, "
    "an executor, a context), or CircleCI failed",
    "not_run": "no job of it ran: its filters, a skip in the commit message or a newer pipeline stood against it",
    "on_hold": "it waits for somebody's approval",
}


def is_setup(workflow: Json) -> bool:
    """Whether a workflow only makes the configuration of the others."""
    return text(workflow, "tag") == "setup"


def current(workflows: Sequence[Json]) -> list[Json]:
    """The workflows that count, oldest first: the newest of each name, a setup workflow only where it did not pass."""
    newest: dict[str, Json] = {}
    for raw in sorted(workflows, key=lambda one: text(one, "created_at")):
        newest.pop(text(raw, "name"), None)
        newest[text(raw, "name")] = raw
    live = list(newest.values())
    others = [raw for raw in live if not is_setup(raw)]
    if not others:
        return live
    return [raw for raw in live if not is_setup(raw) or text(raw, "status") != "success"]


def attempts(workflows: Sequence[Json], name: str) -> int:
    """How often a workflow was started."""
    return sum(text(raw, "name") == name for raw in workflows)


def status(pipeline: Json, workflows: Sequence[Json]) -> Status:
    """How a pipeline stands by its workflows, ``failing`` where one has failed and another still runs."""
    if wire.parts(pipeline.get("errors")) or text(pipeline, "state") == "errored":
        return Status.FAILED
    live = current(workflows)
    making = text(pipeline, "state") in _SETUP
    if not live:
        return Status.QUEUED if making else Status.SKIPPED
    stand = {wire.workflow_status(text(raw, "status")) for raw in live}
    if Status.FAILED in stand and stand & {Status.RUNNING, Status.FAILING}:
        return Status.FAILING
    if making and all(is_setup(raw) for raw in live) and stand == {Status.PASSED}:
        return Status.RUNNING
    return next((worst for worst in _WORST_FIRST if worst in stand), Status.PASSED)


def word(pipeline: Json, workflows: Sequence[Json]) -> str:
    """CircleCI's own word where it says more than our status."""
    if wire.parts(pipeline.get("errors")) or text(pipeline, "state") == "errored":
        return "error"
    if not workflows:
        return text(pipeline, "state") if text(pipeline, "state") in _SETUP else "no workflows"
    words = {text(raw, "status") for raw in current(workflows)}
    return next((one for one in ("unauthorized", "error", "on_hold", "not_run") if one in words), "")


def errors(pipeline: Json) -> str:
    """What kept a pipeline from having workflows, in words; empty where nothing did."""
    found = []
    for raw in wire.parts(pipeline.get("errors")):
        kind = text(raw, "type")
        before = _ERRORS.get(kind, kind or "it could not be made")
        found.append(f"{before}: {wire.said(raw, 'message')}".removesuffix(": "))
    if not found and text(pipeline, "state") == "errored":
        return "CircleCI could not make it, and does not say why"
    return "\n".join(found)


def why(pipeline: Json, workflows: Sequence[Json]) -> str:
    """In words, why a pipeline stands as it does where its jobs cannot tell; empty where they can."""
    if said := errors(pipeline):
        return said
    if not workflows and text(pipeline, "state") not in _SETUP:
        return "it has no workflows: the filters or conditions of its configuration left none"
    found = [reason for raw in current(workflows) if (reason := workflow_why(raw, named=len(workflows) > 1))]
    return "\n".join(found)


def workflow_why(workflow: Json, *, named: bool = False) -> str:
    """The same for one workflow; ``named`` puts its name before it."""
    reason = _WORDS.get(text(workflow, "status"), "")
    if text(workflow, "status") == "on_hold":
        reason += f': circleci_workflows_approve(workflow="{text(workflow, "id")}")'
    return f"{text(workflow, 'name')}: {reason}" if reason and named else reason
