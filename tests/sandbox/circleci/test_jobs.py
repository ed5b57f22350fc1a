"""Jobs of API v2: descriptions, tests, artifacts, cancelling."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ci_mcp.sandbox.circleci import world
from ci_mcp.sandbox.serve import Service

SHOP = f"/api/v2/project/{world.SHOP}"


def number(client: httpx.Client, job: str) -> int:
    """The number of a job."""
    found: int = client.get(f"/api/v2/jobs/{job}").json()["job_number"]
    return found


def detail(client: httpx.Client, job: str) -> dict[str, Any]:
    """A job by its number."""
    found: dict[str, Any] = client.get(f"{SHOP}/job/{number(client, job)}").json()
    return found


def test_a_job_says_all_but_its_steps(client: httpx.Client) -> None:
    """Its web page is CircleCI's own."""
    found = detail(client, world.SHOP_MAIN_FAILED_JOB)
    expected = f"/workflows/{world.SHOP_MAIN_WORKFLOW}/jobs/{found['number']}"
    assert ("test", "failed", 48000) == (found["name"], found["status"], found["duration"])
    assert f"https://app.circleci.com/pipelines/github/acme/shop/{world.SHOP_MAIN_NUMBER}{expected}" == found["web_url"]
    assert world.SHOP_MAIN_FAILED_JOB_NUMBER == found["number"]
    assert "steps" not in found


@pytest.mark.parametrize(
    ("job", "expected"),
    [(world.SHOP_SPLIT_JOB, ["failed"] * 4), (world.SHOP_PARTLY_JOB, ["success", "success", "failed", "success"])],
)
def test_nodes_end_each_for_itself(client: httpx.Client, job: str, expected: list[str]) -> None:
    """All four alike, or one alone."""
    assert expected == [run["status"] for run in detail(client, job)["parallel_runs"]]


def test_an_infrastructure_failure_has_a_message(client: httpx.Client) -> None:
    """No command ran."""
    found = detail(client, world.SHOP_INFRA_JOB)
    assert "infrastructure_fail" == found["status"]
    assert "executor was lost" in found["messages"][0]["message"]


def test_tests_stand_in_the_order_of_their_report(client: httpx.Client) -> None:
    """Two of 29 failed, and say where."""
    tests = client.get(f"{SHOP}/{number(client, world.SHOP_MAIN_FAILED_JOB)}/tests").json()["items"]
    failed = [test for test in tests if test["result"] == "failure"]
    assert (29, 2) == (len(tests), len(failed))
    assert "success" == tests[0]["result"]
    assert "assert 1790 == 1800" in failed[0]["message"]
    assert "tests/test_cart.py" == failed[0]["file"]


def test_a_job_without_a_report_has_neither_tests_nor_artifacts(client: httpx.Client) -> None:
    """Nor has one that still runs."""
    for job in (world.SHOP_MAIN_PASSED_JOB, world.SHOP_RUNNING_JOB):
        for kind in ("tests", "artifacts"):
            assert [] == client.get(f"{SHOP}/{number(client, job)}/{kind}").json()["items"]


def test_an_artifact_leads_to_a_storage_that_refuses_the_token(client: httpx.Client, service: Service) -> None:
    """CircleCI itself wants the token, the storage behind it must not get any credential."""
    listed = client.get(f"{SHOP}/{number(client, world.SHOP_SPLIT_JOB)}/artifacts").json()["items"]
    assert {0, 1, 2, 3} == {item["node_index"] for item in listed}
    url = listed[0]["url"]
    assert 401 == httpx.get(url).status_code
    answer = client.get(url)
    place = answer.headers["location"]
    assert 302 == answer.status_code
    assert httpx.URL(place).host != httpx.URL(service.url).host
    assert "<testcase" in httpx.get(place).text
    for headers in ({"Authorization": "Bearer x"}, {"Circle-Token": "x"}, {"Cookie": "a=b"}):
        assert 400 == httpx.get(place, headers=headers).status_code
    assert 403 == httpx.get(place.partition("?")[0]).status_code
    assert "failure: 2\nsuccess: 27\n" == httpx.get(client.get(listed[2]["url"]).headers["location"]).text
    assert b"\x1f\x8b" == httpx.get(client.get(listed[1]["url"]).headers["location"]).content[:2]


@pytest.mark.parametrize("path", ["0/nothing.txt", "9/summary.txt"])
def test_an_artifact_that_is_not_there(client: httpx.Client, path: str) -> None:
    """A 404 of CircleCI's own."""
    assert 404 == client.get(f"/output/job/{world.SHOP_SPLIT_JOB}/artifacts/{path}").status_code


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{SHOP}/job/1", 404),
        (f"{SHOP}/job/nonsense", 400),
        (f"{SHOP}/1/tests", 404),
        (f"{SHOP}/1/artifacts", 404),
        (f"/api/v2/jobs/{world.HIDDEN_PIPELINE}", 404),
    ],
)
def test_a_job_that_is_not_there(client: httpx.Client, path: str, status: int) -> None:
    """A message."""
    assert status == client.get(path).status_code


def test_a_running_job_is_cancelled_once(fresh: httpx.Client, wait_for: Callable[..., Any]) -> None:
    """By its number or its id; one that is over cannot be."""
    path = f"{SHOP}/job/{number(fresh, world.SHOP_RUNNING_JOB)}"
    assert 200 == fresh.post(f"{path}/cancel").status_code
    assert "canceled" == wait_for(lambda: fresh.get(path).json()["status"], "canceled")
    assert 400 == fresh.post(f"{path}/cancel").status_code
    queued = fresh.get(f"/api/v2/workflow/{world.SHOP_QUEUED_WORKFLOW}/job").json()["items"][0]["id"]
    assert 200 == fresh.post(f"/api/v2/jobs/{queued}/cancel").status_code
    assert 400 == fresh.post(f"/api/v2/jobs/{world.SHOP_MAIN_BLOCKED_JOB}/cancel").status_code
    assert 404 == fresh.post(f"/api/v2/jobs/{world.SHOP_PROJECT}/cancel").status_code
