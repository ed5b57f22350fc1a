from collections.abc import Callable
from typing import Any

import pytest

from ci_mcp.providers.semaphore import grouping
from ci_mcp.status import Status

Make = Callable[..., dict[str, Any]]


def _id(number: int) -> str:
    return f"00000000-0000-0000-0000-{number:012}"


def test_a_rebuild_replaces_its_pipeline(pipeline: Make) -> None:
    """A failed pipeline whose rebuild passed is a passed workflow."""
    failed = pipeline(1, result="FAILED", partially_rerun_by=_id(2))
    rebuilt = pipeline(2, partial_rerun_of=_id(1))
    found = grouping.workflow_record([rebuilt, failed])
    assert [rebuilt] == grouping.current([rebuilt, failed])
    assert Status.PASSED is found.status
    assert "Add prices" == found.title
    assert 60 == found.duration
    assert ("ada", "hook", "main") == (found.requester, found.trigger, found.branch)


@pytest.mark.parametrize("facts", [{"ppl_id": ""}, {"partial_rerun_of": _id(1)}])
def test_ids_that_make_no_sense_do_not_make_a_run_vanish(pipeline: Make, facts: dict[str, Any]) -> None:
    """Without ids, or where a pipeline says that it replaces itself."""
    odd = pipeline(1) | facts
    assert [odd] == grouping.current([odd])


def test_of_a_promotion_triggered_twice_the_newest_counts(pipeline: Make) -> None:
    """The failed first try is history; another promotion of the same parent counts for itself."""
    first = pipeline(1)
    tried = pipeline(2, name="Deploy", promotion_of=_id(1), yaml_file_name="deploy.yml", result="FAILED")
    again = pipeline(3, name="Deploy", promotion_of=_id(1), yaml_file_name="deploy.yml")
    other = pipeline(4, name="Docs", promotion_of=_id(1), yaml_file_name="docs.yml")
    assert [first, again, other] == grouping.current([other, again, tried, first])


def test_a_promotion_with_other_parameters_is_another_one(pipeline: Make) -> None:
    """Deploying to two places is not the same promotion twice."""
    facts: dict[str, Any] = {"name": "Deploy", "promotion_of": _id(1)}
    one = pipeline(2, **facts, env_vars=[{"name": "TO", "value": "eu"}])
    two = pipeline(3, **facts, env_vars=[{"name": "TO", "value": "us"}])
    assert [one, two] == grouping.current([two, one])


def test_a_promotion_stays_with_its_parents_rebuild(pipeline: Make) -> None:
    """Promoted from the first try and from its rebuild: still the same promotion."""
    failed = pipeline(1, result="FAILED")
    tried = pipeline(2, name="Clean up", promotion_of=_id(1))
    rebuilt = pipeline(3, partial_rerun_of=_id(1))
    again = pipeline(4, name="Clean up", promotion_of=_id(3))
    assert [rebuilt, again] == grouping.current([again, rebuilt, tried, failed])


def test_a_failed_promotion_fails_the_workflow_by_name(pipeline: Make) -> None:
    """The word names the pipeline, since the first one passed."""
    deploy = pipeline(2, name="Deploy", promotion_of=_id(1), result="FAILED")
    found = grouping.workflow_record([deploy, pipeline(1)], whole=True)
    assert Status.FAILED is found.status
    assert "Deploy: failed" == found.word
    assert ["Build", "Deploy"] == [one.name for one in found.pipelines]
    assert "" == found.pipelines[1].branch


@pytest.mark.parametrize(
    ("expected", "statuses"),
    [
        (Status.PASSED, {Status.PASSED}),
        (Status.FAILED, {Status.PASSED, Status.FAILED, Status.CANCELED}),
        (Status.CANCELED, {Status.PASSED, Status.CANCELED}),
        (Status.RUNNING, {Status.PASSED, Status.QUEUED}),
        (Status.QUEUED, {Status.QUEUED}),
        (Status.FAILING, {Status.FAILED, Status.RUNNING}),
        (Status.FAILING, {Status.FAILING}),
        (Status.UNKNOWN, set()),
    ],
)
def test_a_workflows_status_is_that_of_its_pipelines(expected: Status, statuses: set[Status]) -> None:
    """What runs on after a failure is failing; a failure outweighs all that has ended."""
    assert expected is grouping.combined(statuses)


@pytest.mark.parametrize(
    ("expected", "facts"),
    [
        ("", {"result": "PASSED"}),
        ("", {"result": "FAILED", "result_reason": "TEST"}),
        ("", {"state": "RUNNING", "result_reason": "USER"}),
        ("the pipeline definition is invalid: Error: no blocks", {
            "result": "FAILED", "result_reason": "MALFORMED", "error_description": "Error: no blocks\x1b[31m"}),
        ("its execution time limit ran out", {"result": "STOPPED", "result_reason": "TIMEOUT"}),
        ("it was stopped by admin", {"result": "CANCELED", "result_reason": "USER", "terminated_by": "admin"}),
        ("it was stopped by ada", {"result": "CANCELED", "result_reason": "USER", "terminated_by": "u-1"}),
        ("it was stopped by user " + _id(7), {
            "result": "CANCELED", "result_reason": "USER", "terminated_by": _id(7)}),
    ],
)  # fmt: skip
def test_what_no_job_tells_is_put_into_words(pipeline: Make, expected: str, facts: dict[str, Any]) -> None:
    """Malformed, timed out, stopped and by whom."""
    assert expected == grouping.why(pipeline(1, **facts))


def test_a_secret_in_an_error_description_is_redacted(pipeline: Make) -> None:
    """The YAML that an error quotes may hold one."""
    secret = "ghp_" + "a1B2c3D4e5" * 4
    said = grouping.why(pipeline(1, result="FAILED", result_reason="MALFORMED", error_description=f"near {secret}"))
    assert secret not in said
    assert "near" in said


def test_a_workflow_has_not_ended_while_one_pipeline_runs(pipeline: Make) -> None:
    """No end is told, and the duration is the first pipeline's."""
    running = pipeline(2, promotion_of=_id(1), state="RUNNING", done_at={"seconds": 0, "nanos": 0})
    found = grouping.workflow_record([running, pipeline(1)])
    assert Status.RUNNING is found.status
    assert found.finished is None
    assert 60 == found.duration


def test_a_workflow_without_its_first_pipeline_is_told_by_what_is_there(pipeline: Make) -> None:
    """Its first pipeline may stand on another page."""
    assert Status.PASSED is grouping.workflow_record([pipeline(2, promotion_of=_id(1))]).status
    assert "" == grouping.workflow_record([pipeline(1, triggerer=None)]).requester
    assert set() == grouping.requesters(pipeline(1, triggerer=None))
