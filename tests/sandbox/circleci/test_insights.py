"""Flaky tests and numbers over workflows."""

import httpx
import pytest

from ci_mcp.sandbox.circleci import world

INSIGHTS = f"/api/v2/insights/{world.SHOP}"


def test_flaky_tests_have_a_row_for_each_time(client: httpx.Client) -> None:
    """Two tests, three rows, in snake_case; each row's job is one that can be asked for."""
    found = client.get(f"{INSIGHTS}/flaky-tests").json()
    rows = found["flaky_tests"]
    assert (2, 3) == (found["total_flaky_tests"], len(rows))
    assert {"test_orders_are_kept", "test_a_receipt_names_its_currency"} == {row["test_name"] for row in rows}
    for row in rows:
        job = client.get(f"/api/v2/project/{world.SHOP}/job/{row['job_number']}").json()
        assert (row["job_name"], row["workflow_id"]) == (job["name"], job["latest_workflow"]["id"])


def test_another_project_has_no_flaky_tests(client: httpx.Client) -> None:
    """An empty list."""
    found = client.get("/api/v2/insights/gh/acme/storefront/flaky-tests").json()
    assert {"flaky_tests": [], "total_flaky_tests": 0} == found


def test_metrics_are_of_one_branch_unless_all_are_asked_for(client: httpx.Client) -> None:
    """The default branch, a named one, all of them; within a window."""

    def runs(**query: str) -> dict[str, int]:
        items = client.get(f"{INSIGHTS}/workflows", params=query).json()["items"]
        return {item["name"]: item["metrics"]["total_runs"] for item in items}

    assert {"build-and-test": 12, "nightly": 1} == runs()
    assert {"build-and-test": 3} == runs(branch="release")
    assert {"setup": 2, "web": 2, "api": 2} == runs(branch="monorepo")
    assert 20 < runs(**{"all-branches": "true"})["build-and-test"]
    assert {"build-and-test": 2} == runs(branch="release", **{"reporting-window": "last-7-days"})


def test_metrics_agree_with_what_ran(client: httpx.Client) -> None:
    """Two of main's twelve failed."""
    items = client.get(f"{INSIGHTS}/workflows").json()["items"]
    metrics = next(item["metrics"] for item in items if item["name"] == "build-and-test")
    assert (10, 2) == (metrics["successful_runs"], metrics["failed_runs"])
    assert (
        metrics["duration_metrics"]["min"] <= metrics["duration_metrics"]["p95"] <= metrics["duration_metrics"]["max"]
    )


def test_the_summary_is_of_branches_and_workflows(client: httpx.Client) -> None:
    """Of all, or of the ones that are named."""
    whole = client.get("/api/v2/insights/pages/gh/acme/shop/summary").json()
    query = {"branches": "main", "workflow-names": "nightly", "reporting-window": "last-24-hours"}
    part = client.get("/api/v2/insights/pages/gh/acme/shop/summary", params=query).json()
    assert {"main", "release", "monorepo"} <= set(whole["all_branches"])
    assert whole["project_data"]["metrics"]["total_runs"] > part["project_data"]["metrics"]["total_runs"] == 1
    assert [("nightly", "main")] == [
        (row["workflow_name"], row["branch"]) for row in part["project_workflow_branch_data"]
    ]


@pytest.mark.parametrize("path", ["insights/gh/acme/shop/workflows", "insights/pages/gh/acme/shop/summary"])
def test_a_window_is_one_of_five(client: httpx.Client, path: str) -> None:
    """Another is refused."""
    answer = client.get(f"/api/v2/{path}", params={"reporting-window": "last-week"})
    assert (400, True) == (answer.status_code, "last-7-days" in answer.json()["message"])
