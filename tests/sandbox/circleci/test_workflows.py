"""Workflows of API v2: what became of them, and what can be done with them."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ci_mcp.sandbox.circleci import world


def workflows(client: httpx.Client, pipeline: str) -> list[dict[str, Any]]:
    """The workflows of a pipeline, newest first."""
    items: list[dict[str, Any]] = client.get(f"/api/v2/pipeline/{pipeline}/workflow").json()["items"]
    return items


def jobs(client: httpx.Client, workflow: str) -> dict[str, dict[str, Any]]:
    """The jobs of a workflow by name."""
    return {job["name"]: job for job in client.get(f"/api/v2/workflow/{workflow}/job").json()["items"]}


@pytest.mark.parametrize(
    ("pipeline", "expected"),
    [
        (world.SHOP_HOLD_PIPELINE, "on_hold"),
        (world.SHOP_UNAUTHORIZED_PIPELINE, "unauthorized"),
        (world.SHOP_NOT_RUN_PIPELINE, "not_run"),
        (world.SHOP_CANCELED_PIPELINE, "canceled"),
        (world.SHOP_TIMEOUT_PIPELINE, "failed"),
        (world.SHOP_INFRA_PIPELINE, "failed"),
        (world.SHOP_RUNNING_PIPELINE, "running"),
        (world.SHOP_QUEUED_PIPELINE, "running"),
        (world.SHOP_FAILING_PIPELINE, "failing"),
    ],
)
def test_every_status_has_its_workflow(client: httpx.Client, pipeline: str, expected: str) -> None:
    """Ended ones say when, others do not."""
    found = workflows(client, pipeline)[0]
    assert expected == found["status"]
    assert (expected in {"on_hold", "running", "failing"}) == (found["stopped_at"] is None)


def test_a_rerun_is_one_more_workflow_of_the_same_name(client: httpx.Client) -> None:
    """In the same pipeline; what had succeeded is not run again."""
    found = workflows(client, world.SHOP_RETRIED_PIPELINE)
    assert [("build-and-test", "success"), ("build-and-test", "failed")] == [(w["name"], w["status"]) for w in found]
    new, old = jobs(client, found[0]["id"]), jobs(client, found[1]["id"])
    assert new["test"]["job_number"] == old["test"]["job_number"]
    assert new["integration"]["job_number"] > old["integration"]["job_number"]


def test_what_requires_a_failed_job_never_runs(client: httpx.Client) -> None:
    """It has no number and no times."""
    found = jobs(client, world.SHOP_MAIN_WORKFLOW)
    assert "not_run" == found["integration"]["status"]
    assert "job_number" not in found["integration"]
    assert found["integration"]["started_at"] is None
    assert [found["lint"]["id"], found["test"]["id"]] == found["integration"]["dependencies"]


def test_two_hundred_jobs_come_in_pages(client: httpx.Client) -> None:
    """Twelve of them failed."""
    path = f"/api/v2/workflow/{world.SHOP_WIDE_WORKFLOW}/job"
    first = client.get(path).json()
    second = client.get(path, params={"page-token": first["next_page_token"]}).json()
    found = first["items"] + second["items"]
    assert (200, None) == (len(found), second["next_page_token"])
    assert 12 == sum(job["status"] == "failed" for job in found)


def test_an_approval_lets_the_rest_run(fresh: httpx.Client, wait_for: Callable[..., Any]) -> None:
    """The job behind it waits until then, and its approver is noted; a second time is refused."""
    before = jobs(fresh, world.SHOP_HOLD_WORKFLOW)
    assert ["success", "on_hold", "blocked"] == [job["status"] for job in before.values()]
    path = f"/api/v2/workflow/{world.SHOP_HOLD_WORKFLOW}/approve"
    request_id = before["hold"]["approval_request_id"]
    assert 202 == fresh.post(f"{path}/{request_id}").status_code
    assert world.ME == jobs(fresh, world.SHOP_HOLD_WORKFLOW)["hold"]["approved_by"]
    assert 400 == fresh.post(f"{path}/{request_id}").status_code
    assert 404 == fresh.post(f"{path}/{before['ship']['id']}").status_code
    ask = fresh.get(f"/api/v2/workflow/{world.SHOP_HOLD_WORKFLOW}").url
    assert "success" == wait_for(lambda: fresh.get(ask).json()["status"], "success", "failed")


@pytest.mark.parametrize(
    ("body", "kept"),
    [({}, False), ({"from_failed": True}, True), ({"jobs": [world.SHOP_MAIN_FAILED_JOB]}, True)],
)
def test_a_workflow_is_rerun(
    fresh: httpx.Client, wait_for: Callable[..., Any], body: dict[str, Any], *, kept: bool
) -> None:
    """All of it, from failed, or named jobs; it fails once more."""
    answer = fresh.post(f"/api/v2/workflow/{world.SHOP_MAIN_WORKFLOW}/rerun", json=body)
    assert 202 == answer.status_code
    new = jobs(fresh, answer.json()["workflow_id"])
    assert kept == (new["lint"]["id"] == world.SHOP_MAIN_PASSED_JOB)
    assert new["test"]["id"] != world.SHOP_MAIN_FAILED_JOB
    assert 2 == len(workflows(fresh, world.SHOP_MAIN_PIPELINE))
    ask = f"/api/v2/workflow/{answer.json()['workflow_id']}"
    assert "failed" == wait_for(lambda: fresh.get(ask).json()["status"], "success", "failed")


@pytest.mark.parametrize(
    ("workflow", "body", "status"),
    [
        (world.SHOP_MAIN_WORKFLOW, {"from_failed": True, "jobs": [world.SHOP_MAIN_FAILED_JOB]}, 400),
        (world.SHOP_MAIN_WORKFLOW, {"enable_ssh": True}, 400),
        (world.SHOP_MAIN_WORKFLOW, {"is_from_failed": True}, 400),
        (world.SHOP_MAIN_WORKFLOW, {"jobs": [world.SHOP_HOLD_JOB]}, 404),
        (world.SHOP_RUNNING_WORKFLOW, {"from_failed": True}, 400),
        (world.SHOP_RELEASE_WORKFLOW, {"from_failed": True}, 400),
        (world.HIDDEN_PIPELINE, {}, 404),
    ],
)
def test_a_rerun_that_makes_no_sense_is_refused(
    client: httpx.Client, workflow: str, body: dict[str, Any], status: int
) -> None:
    """With a message."""
    assert status == client.post(f"/api/v2/workflow/{workflow}/rerun", json=body).status_code


def test_a_cancelled_workflow_ends_a_moment_later(fresh: httpx.Client, wait_for: Callable[..., Any]) -> None:
    """It is accepted at once; its jobs end cancelled, and so does what waits for approval."""
    for workflow in (world.SHOP_RUNNING_WORKFLOW, world.SHOP_HOLD_WORKFLOW, world.SHOP_QUEUED_WORKFLOW):
        answer = fresh.post(f"/api/v2/workflow/{workflow}/cancel")
        assert (202, "Accepted.") == (answer.status_code, answer.json()["message"])
    for workflow in (world.SHOP_RUNNING_WORKFLOW, world.SHOP_HOLD_WORKFLOW, world.SHOP_QUEUED_WORKFLOW):
        ask = f"/api/v2/workflow/{workflow}"
        assert "canceled" == wait_for(lambda ask=ask: fresh.get(ask).json()["status"], "canceled")
        assert world.ME == fresh.get(ask).json()["canceled_by"]
    assert {"success", "canceled", "not_run"} == {
        job["status"] for job in jobs(fresh, world.SHOP_HOLD_WORKFLOW).values()
    }
    assert 202 == fresh.post(f"/api/v2/workflow/{world.SHOP_MAIN_WORKFLOW}/cancel").status_code
    assert "failed" == fresh.get(f"/api/v2/workflow/{world.SHOP_MAIN_WORKFLOW}").json()["status"]


@pytest.mark.parametrize(
    ("pipeline", "expected"), [(world.SHOP_FAILS_SOON_PIPELINE, "failed"), (world.SHOP_PASSES_SOON_PIPELINE, "success")]
)
def test_some_end_while_a_client_watches(
    fresh: httpx.Client, wait_for: Callable[..., Any], pipeline: str, expected: str
) -> None:
    """Seconds after the start."""
    first = workflows(fresh, pipeline)[0]["status"]
    assert expected == wait_for(lambda: workflows(fresh, pipeline)[0]["status"], expected)
    assert "running" == first
