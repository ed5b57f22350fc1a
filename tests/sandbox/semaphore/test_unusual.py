"""Workflows that ended, or do not end, in an unusual way: one of each."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ci_mcp.sandbox.semaphore import world


@pytest.fixture
def described(client: httpx.Client) -> Callable[[str], Any]:
    """Describes a pipeline with its blocks."""
    return lambda pipeline_id: client.get(f"/pipelines/{pipeline_id}", params={"detailed": "true"}).json()


@pytest.mark.parametrize(
    ("pipeline", "ended", "by"),
    [
        (world.SHOP_SUPERSEDED_PIPELINE, ("canceled", "strategy"), ""),
        (world.SHOP_TIMEOUT_PIPELINE, ("stopped", "timeout"), ""),
        (world.SHOP_SUSPENDED_PIPELINE, ("stopped", "internal"), "admin"),
        (world.SHOP_DELETED_PIPELINE, ("stopped", "deleted"), "branch deletion"),
        (world.SHOP_LIMIT_PIPELINE, ("failed", "internal"), ""),
        (world.SHOP_QUOTA_PIPELINE, ("failed", "test"), ""),
        (world.SHOP_STUCK_PIPELINE, ("failed", "stuck"), ""),
        (world.SHOP_FAIL_FAST_PIPELINE, ("failed", "test"), ""),
    ],
)
def test_a_pipeline_says_how_it_ended_and_who_ended_it(
    described: Callable[[str], Any], pipeline: str, ended: tuple[str, str], by: str
) -> None:
    """Result, reason and the one who stopped it, each in the service's words."""
    found = described(pipeline)["pipeline"]
    assert (*ended, by) == (found["result"], found["result_reason"], found["terminated_by"])


def test_a_superseded_pipeline_never_ran(described: Callable[[str], Any]) -> None:
    """It was canceled in the queue, when a newer push of its branch came."""
    answer = described(world.SHOP_SUPERSEDED_PIPELINE)
    assert "1970-01-01 00:00:00.000000Z" == answer["pipeline"]["running_at"]
    assert {("canceled", "strategy")} == {(block["result"], block["result_reason"]) for block in answer["blocks"]}
    assert [[], [], []] == [block["jobs"] for block in answer["blocks"]]


def test_fast_failing_stops_the_blocks_beside(described: Callable[[str], Any]) -> None:
    """One failed by itself, those beside it were stopped because of it."""
    blocks = described(world.SHOP_FAIL_FAST_PIPELINE)["blocks"]
    assert [("failed", "test"), ("stopped", "fast_failing"), ("stopped", "fast_failing")] == [
        (block["result"], block["result_reason"]) for block in blocks
    ]
    assert {"STOPPED"} == {job["result"] for block in blocks[1:] for job in block["jobs"]}


def test_a_timeout_cuts_a_log_short(client: httpx.Client, described: Callable[[str], Any]) -> None:
    """After an hour; the last command has no end."""
    events = client.get(f"/logs/{world.SHOP_TIMEOUT_JOB}").json()["events"]
    begun = [event for event in events if event["event"] == "cmd_started"]
    finished = [event for event in events if event["event"] == "cmd_finished"]
    assert (len(begun) - 1, "stopped") == (len(finished), events[-1]["result"])
    assert "STOPPED" == described(world.SHOP_TIMEOUT_PIPELINE)["blocks"][0]["jobs"][0]["result"]


def test_a_limit_is_told_in_the_error_and_leaves_no_blocks(described: Callable[[str], Any]) -> None:
    """As with a malformed YAML, under another reason."""
    answer = described(world.SHOP_LIMIT_PIPELINE)
    assert 'Error: "The limit of 1000 pipelines in same workflow reached."' == answer["pipeline"]["error_description"]
    assert [] == answer["blocks"]


def test_a_machine_type_out_of_reach_fails_its_job_at_once(client: httpx.Client) -> None:
    """The log's absence is the diagnosis; the pipeline only says that a job failed."""
    answer = client.get(f"/logs/{world.SHOP_QUOTA_JOB}")
    why = "Selected machine type is not available in this organization"
    assert (404, why) == (answer.status_code, answer.json())
    job = client.get(f"/troubleshoot/job/{world.SHOP_QUOTA_JOB}").json()["job"]
    assert (why, "", "e2-ultra-64") == (job["failure_reason"], job["started_at"], job["machine_type"])


def test_a_job_waits_for_an_agent_that_nobody_has_connected(
    client: httpx.Client, described: Callable[[str], Any]
) -> None:
    """Running for hours with its job in the queue; of that type there are no agents."""
    answer = described(world.SHOP_WAITING_PIPELINE)
    assert ("running", "ENQUEUED") == (answer["pipeline"]["state"], answer["blocks"][0]["jobs"][0]["status"])
    job = client.get(f"/jobs/{world.SHOP_WAITING_JOB}").json()
    machine = job["spec"]["agent"]["machine"]["type"]
    assert ("QUEUED", "0") == (job["status"]["state"], job["metadata"]["start_time"])
    assert [] == client.get("/agents", params={"agent_type_name": machine}).json()["agents"]


def test_a_workflow_can_wait_for_a_promotion(client: httpx.Client) -> None:
    """Both of its pipelines passed, and one of its two promotions was triggered."""
    listed = client.get("/pipelines", params={"wf_id": world.SHOP_BLOCKED_WORKFLOW}).json()
    assert [("Deploy to staging", "PASSED"), ("Build", "PASSED")] == [(one["name"], one["result"]) for one in listed]
    assert ["", world.SHOP_BLOCKED_PIPELINE] == [listed[1]["promotion_of"], listed[0]["promotion_of"]]
    assert [False, True] == [bool(one["switch_id"]) for one in listed]
    assert [2, 0] == [one["triggerer"]["ppl_triggered_by"] for one in listed]
