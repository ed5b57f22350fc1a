"""Flaky tests and insights over loopback."""

import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ci_mcp.sandbox.semaphore import world

BASE = f"/projects/{world.SHOP_PROJECT}"
YAML = {"pipeline_file": ".semaphore/semaphore.yml"}


@pytest.fixture
def flaky(client: httpx.Client) -> Callable[..., list[dict[str, Any]]]:
    """The flaky tests that a query finds."""
    return lambda **query: client.get(f"{BASE}/test_results/flaky_tests", params=query).json()


def test_a_flaky_test_has_the_fields_that_the_service_has(flaky: Callable[..., list[dict[str, Any]]]) -> None:
    """Not those of its documentation."""
    keys = {
        "test_id", "test_name", "test_group", "test_runner", "test_file", "test_suite", "pass_rate", "labels",
        "disruptions_count", "latest_disruption_hash", "latest_disruption_run_id", "resolved", "scheduled",
        "ticket_url", "age", "latest_disruption_at", "first_disruption_at", "disruption_history",
    }  # fmt: skip
    first = flaky()[0]
    assert keys == set(first)
    assert ("test_an_order_is_kept", "integration/test_orders.py", 14) == (
        first["test_name"],
        first["test_file"],
        first["disruptions_count"],
    )
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", first["latest_disruption_at"])
    assert 14 == sum(day["count"] for day in first["disruption_history"])


def test_a_flaky_test_failed_in_the_job_that_it_names(
    client: httpx.Client, flaky: Callable[..., list[dict[str, Any]]]
) -> None:
    """Its run is a job; there the report, or else the log, tells how."""
    for one in flaky():
        events = client.get(f"/logs/{one['latest_disruption_run_id']}").json()["events"]
        log = "".join(event.get("output", "") for event in events)
        failed = re.findall(r"(?:FAILED|ERROR)\S* (\S+)", re.sub(r"\x1b\[[0-9;]*m", "", log))
        assert f"{one['test_file']}::{one['test_name']}" in failed
    query = {"scope": "jobs", "scope_id": flaky()[0]["latest_disruption_run_id"], "path": "test-results/junit.xml"}
    url = client.get("/artifacts/signed_url", params=query).json()["items"][0]["url"]
    assert flaky()[0]["test_name"] in httpx.get(url).text


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({}, 4),
        ({"page_size": 3}, 3),
        ({"page_size": 3, "page": 2}, 1),
        ({"resolved": "true"}, 1),
        ({"branch": "orders"}, 2),
        ({"label": "slow,other"}, 1),
        ({"pass_rate": "<80"}, 1),
        ({"disruptions": ">=8", "age": ">30"}, 1),
        ({"disruptions": "8"}, 1),
        ({"pass_rate": "nonsense"}, 4),
        ({"file": "checkout"}, 2),
        ({"scheduled": "true"}, 0),
    ],
)
def test_flaky_tests_can_be_filtered(
    flaky: Callable[..., list[dict[str, Any]]], query: dict[str, Any], count: int
) -> None:
    """By branch, label, place and number with an operator."""
    assert count == len(flaky(**query))


def test_flaky_tests_are_paged_and_sorted(client: httpx.Client, flaky: Callable[..., list[dict[str, Any]]]) -> None:
    """Twenty a page, a hundred at most; the worst first."""
    headers = [
        client.get(f"{BASE}/test_results/flaky_tests", params=query).headers for query in ({}, {"page_size": 500})
    ]
    assert [("20", "4"), ("100", "4")] == [(each["per-page"], each["total"]) for each in headers]
    rates = [one["pass_rate"] for one in flaky(sort_field="pass_rate", sort_dir="asc")]
    assert sorted(rates) == rates


def test_one_flaky_test_is_described_by_branch(
    client: httpx.Client, flaky: Callable[..., list[dict[str, Any]]]
) -> None:
    """Other names for the same fields, and its disruptions apart."""
    test = flaky()[0]["test_id"]
    answer = client.get(f"{BASE}/test_results/flaky_tests/{test}").json()
    assert ["test_an_order_is_kept", ["main", "orders"]] == [answer["name"], sorted(answer["available_contexts"])]
    assert 14 == sum(one["disruptions_count"] for one in answer["contexts"])
    disruptions = client.get(f"{BASE}/test_results/flaky_tests/{test}/disruptions")
    assert (10, "14") == (len(disruptions.json()), disruptions.headers["total"])
    assert {"context", "hash", "run_id", "timestamp"} == set(disruptions.json()[0])


@pytest.mark.parametrize(("name", "count"), [("flaky_history", 26), ("disruption_history", 26)])
def test_histories_count_by_day(client: httpx.Client, name: str, count: int) -> None:
    """Oldest first; a test that failed twice a day is one flaky test."""
    days = client.get(f"{BASE}/test_results/{name}").json()
    assert sorted(day["day"] for day in days) == [day["day"] for day in days]
    assert count == sum(day["count"] for day in days)
    assert all(day["day"].endswith(" 00:00:00Z") for day in days)


@pytest.mark.parametrize("path", ["test_results/flaky_tests", "insights/reliability"])
def test_the_feature_may_be_off_and_the_project_out_of_sight(
    client: httpx.Client, make_client: Callable[..., httpx.Client], path: str
) -> None:
    """404 in plain text, in two ways."""
    off = make_client(world.NO_FEATURES_TOKEN).get(f"{BASE}/{path}", params=YAML)
    hidden = client.get(f"/projects/{world.PROJECTS['vault'].id}/{path}", params=YAML)
    assert [(404, "Feature is not enabled for your organization"), (404, "Not Found")] == [
        (answer.status_code, answer.text) for answer in (off, hidden)
    ]


def test_a_flaky_test_that_is_none_is_not_found(client: httpx.Client) -> None:
    """A JSON string; another project has none."""
    answer = client.get(f"{BASE}/test_results/flaky_tests/none")
    assert (404, "Not found") == (answer.status_code, answer.json())
    assert [] == client.get(f"/projects/{world.PROJECTS['billing'].id}/test_results/flaky_tests").json()


def test_performance_is_measured_in_seconds_by_day_and_result(client: httpx.Client) -> None:
    """Of all, of green and of red pipelines."""
    answer = client.get(f"{BASE}/insights/performance", params={**YAML, "branch": "main"}).json()
    assert {"all", "passed", "failed"} == set(answer)
    assert sum(day["count"] for day in answer["all"]) == sum(
        day["count"] for key in ("passed", "failed") for day in answer[key]
    )
    day = answer["passed"][0]
    assert day["min_seconds"] <= day["median_seconds"] <= day["p95_seconds"] <= day["max_seconds"]
    assert {"from_date", "to_date", "mean_seconds", "std_dev_seconds"} < set(day)


def test_reliability_and_frequency_can_be_had_for_the_whole_time(client: httpx.Client) -> None:
    """One record; twelve runs of main, two of them red."""
    query = {**YAML, "branch": "main", "aggregate": "range"}
    reliability = client.get(f"{BASE}/insights/reliability", params=query).json()["metrics"]
    frequency = client.get(f"{BASE}/insights/frequency", params=query).json()["metrics"]
    assert [(12, 10, 2)] == [(one["all_count"], one["passed_count"], one["failed_count"]) for one in reliability]
    assert [12] == [one["all_count"] for one in frequency]


@pytest.mark.parametrize(
    ("query", "metrics"),
    [
        ({"branch": "none-such", "aggregate": "range"}, 0),
        ({"branch": "main", "to": "2001-01-01"}, 0),
        ({"branch": "main", "from": "2001-01-01", "aggregate": "range"}, 1),
        ({"branch": "main", "from": "yesterday", "aggregate": "range"}, 1),
    ],
)
def test_insights_can_be_narrowed(client: httpx.Client, query: dict[str, str], metrics: int) -> None:
    """By branch and date; what is no date is passed over."""
    answer = client.get(f"{BASE}/insights/frequency", params={**YAML, **query}).json()
    assert metrics == len(answer["metrics"])


def test_insights_want_a_pipeline_file(client: httpx.Client) -> None:
    """A JSON string says so."""
    answer = client.get(f"{BASE}/insights/frequency")
    assert (400, "Missing required query parameter: pipeline_file") == (answer.status_code, answer.json())
