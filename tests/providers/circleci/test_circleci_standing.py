"""How a pipeline stands, by its workflows."""

from typing import Any

import pytest

from ci_mcp.providers.circleci import standing
from ci_mcp.status import Status


def flow(name: str, status: str, at: int = 1, **more: Any) -> dict[str, Any]:
    """A workflow."""
    return {"name": name, "status": status, "id": f"{name}-{at}", "created_at": f"2026-01-10T19:46:{at:02}Z"} | more


MADE = {"state": "created", "errors": []}


@pytest.mark.parametrize(
    ("pipeline", "flows", "status", "word"),
    [
        (MADE, [flow("a", "success")], Status.PASSED, ""),
        (MADE, [flow("a", "success"), flow("b", "failed")], Status.FAILED, ""),
        (MADE, [flow("a", "running"), flow("b", "failed")], Status.FAILING, ""),
        (MADE, [flow("a", "failing")], Status.FAILING, ""),
        (MADE, [flow("a", "running"), flow("b", "on_hold")], Status.RUNNING, "on_hold"),
        (MADE, [flow("a", "on_hold"), flow("b", "success")], Status.BLOCKED, "on_hold"),
        (MADE, [flow("a", "on_hold"), flow("b", "failed")], Status.FAILED, "on_hold"),
        (MADE, [flow("a", "canceled"), flow("b", "success")], Status.CANCELED, ""),
        (MADE, [flow("a", "not_run"), flow("b", "success")], Status.SKIPPED, "not_run"),
        (MADE, [flow("a", "unauthorized")], Status.FAILED, "unauthorized"),
        (MADE, [flow("a", "error")], Status.FAILED, "error"),
        (MADE, [flow("a", "brand-new")], Status.UNKNOWN, ""),
        (MADE, [flow("a", "failed", 1), flow("a", "success", 2)], Status.PASSED, ""),
        (MADE, [flow("a", "success", 2), flow("a", "failed", 1)], Status.PASSED, ""),
        (MADE, [flow("s", "success", tag="setup"), flow("a", "failed", 2)], Status.FAILED, ""),
        (MADE, [flow("s", "failed", tag="setup"), flow("a", "success", 2)], Status.FAILED, ""),
        ({"state": "setup"}, [flow("s", "success", tag="setup")], Status.RUNNING, ""),
        (MADE, [flow("s", "success", tag="setup")], Status.PASSED, ""),
        ({"state": "pending"}, [], Status.QUEUED, "pending"),
        ({"state": "setup-pending"}, [], Status.QUEUED, "setup-pending"),
        (MADE, [], Status.SKIPPED, "no workflows"),
        ({"state": "errored"}, [], Status.FAILED, "error"),
        ({"state": "created", "errors": [{"type": "config", "message": "no"}]}, [], Status.FAILED, "error"),
    ],
)  # fmt: skip
def test_a_pipeline_stands_as_the_worst_of_its_workflows(
    pipeline: dict[str, Any], flows: list[dict[str, Any]], status: Status, word: str
) -> None:
    """Of each name the newest counts; CircleCI's own state tells of the creation only."""
    assert (status, word) == (standing.status(pipeline, flows), standing.word(pipeline, flows))


@pytest.mark.parametrize(
    ("pipeline", "flows", "said"),
    [
        ({"errors": [{"type": "config", "message": "bad key"}]}, [], "the configuration is invalid: bad key"),
        ({"errors": [{"type": "plan", "message": ""}]}, [], "the organization's plan does not allow it"),
        ({"errors": [{"type": "new-kind", "message": "x"}]}, [], "new-kind: x"),
        ({"state": "errored"}, [], "CircleCI could not make it"),
        (MADE, [], "it has no workflows"),
        ({"state": "pending"}, [], ""),
        (MADE, [flow("a", "on_hold")], 'it waits for somebody\'s approval: circleci_workflows_approve(workflow="a-1")'),
        (MADE, [flow("a", "unauthorized"), flow("b", "success")], "a: CircleCI refused to run it"),
        (MADE, [flow("a", "not_run")], "no job of it ran"),
        (MADE, [flow("a", "failed")], ""),
    ],
)
def test_what_no_job_can_tell_is_said_in_words(
    pipeline: dict[str, Any], flows: list[dict[str, Any]], said: str
) -> None:
    """With what to do about it."""
    found = standing.why(pipeline, flows)
    assert found.startswith(said)
    assert bool(said) is bool(found)


def test_a_secret_in_an_error_is_not_shown() -> None:
    """A configuration's error may quote the configuration."""
    raw = {"errors": [{"type": "config", "message": "token: ccipat_" + "a1B2" * 8}]}
    assert "a1B2a1B2" not in standing.errors(raw)
