"""Test Engine: suites, runs, executions and tests."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ci_mcp.sandbox.buildkite import world
from ci_mcp.sandbox.buildkite.reports import runs_of

Get = Callable[..., Any]
ENGINE = "/analytics/organizations/acme"
SUITE = f"{ENGINE}/suites/shop-pytest"
RETRIED = world.build_id("shop", "retried-1")


def names(found: list[dict[str, Any]]) -> set[str]:
    """The names of tests."""
    return {item["name"] for item in found}


def test_suites(get: Get) -> None:
    """The token of one only where it is asked for."""
    assert ["shop-pytest", "shop-integration"] == [item["slug"] for item in get(f"{ENGINE}/suites")]
    assert "api_token" not in get(SUITE)
    assert "api_token" in get(SUITE, show_api_token="true")


def test_the_run_of_a_build_failed_and_says_where(get: Get) -> None:
    """File and line, and on request the whole failure."""
    (run,) = get(f"{SUITE}/runs", build_id=world.SHOP_MAIN_BUILD_ID)
    assert ("finished", "failed", "main") == (run["state"], run["result"], run["branch"])
    assert run == get(f"{SUITE}/runs/{run['id']}")
    path = f"{SUITE}/runs/{run['id']}/failed_executions"
    first, second = get(path)
    assert "tests/test_cart.py:29" == first["location"]
    assert first["failure_reason"].startswith("AssertionError: assert 1790 == 1800")
    assert "failure_expanded" not in second
    (expanded,) = get(path, include_failure_expanded="true")[0]["failure_expanded"]
    assert any("assert cart.total() == 1800" in line for line in expanded["expanded"])


def test_a_run_is_pending_while_its_build_runs(made: Callable[[float], world.World]) -> None:
    """And passed afterwards."""
    results = []
    for at in (0.5, 5):
        demo = made(at)
        results += [run.result for run in runs_of(demo.builds["shop", world.SHOP_PASSES_SOON_BUILD], demo)]
    assert ["pending", "passed", "passed"] == results


def test_a_run_stays_failed_when_a_retry_passes(get: Get) -> None:
    """Its tests then failed and passed."""
    (run,) = get(f"{SUITE}/runs", build_id=RETRIED)
    assert "failed" == run["result"]
    assert 2 == len(get(f"{SUITE}/runs/{run['id']}/failed_executions"))


def test_tests_of_a_build_that_really_failed_and_that_are_flaky(get: Get) -> None:
    """Failed every time, or some times."""
    main, retried = f"{ENGINE}/builds/{world.SHOP_MAIN_BUILD_ID}/tests", f"{ENGINE}/builds/{RETRIED}/tests"
    failed = {"test_discount_is_taken_once_from_the_subtotal", "test_receipt_shows_discount_and_total"}
    assert failed == names(get(main, tags="result:^failed"))
    assert [] == get(retried, tags="result:^failed")
    assert failed < names(get(retried, tags="result:~failed"))
    assert len(get(main)) > len(get(main, tags="result:!passed")) == 2
    assert {"failed": 1} == get(main, tags="result:failed")[0]["executions_count_by_result"]
    assert [] == get(main, tags="result:failed,build.step_key:lint")
    assert [] == get(main, tags="colour:red")


def test_the_version_header_brings_counts(client: httpx.Client) -> None:
    """A date; anything else is 400."""
    path = f"{SUITE}/tests"
    assert "executions_count" not in client.get(path).json()[0]
    assert "executions_count" not in client.get(path, headers={"Buildkite-Version": "2026-07-31"}).json()[0]
    assert "executions_count" in client.get(path, headers={"Buildkite-Version": "2026-08-01"}).json()[0]
    assert 400 == client.get(path, headers={"Buildkite-Version": "newest"}).status_code


def test_tests_of_a_suite_are_filtered(get: Get) -> None:
    """By label, state and branch."""
    orders = f"{ENGINE}/suites/shop-integration/tests"
    assert {"test_an_order_is_kept"} == names(get(orders, labels="flaky"))
    assert {"test_an_order_is_kept"} == names(get(orders, label="flaky"))
    assert "test_an_order_is_kept" not in names(get(orders, labels="!flaky"))
    assert {"test_an_empty_cart_costs_nothing"} == names(get(f"{SUITE}/tests", state="muted"))
    assert [] == get(f"{SUITE}/tests", branch="nowhere")
    assert get(f"{SUITE}/tests", branch="rel*")
    assert get(f"{SUITE}/tests", branch="!main")


def test_tests_are_sorted(client: httpx.Client) -> None:
    """By a metric, either way."""
    headers = {"Buildkite-Version": "2026-08-01"}
    for order in ("asc", "desc"):
        query = {"sort_by": "reliability", "order": order}
        found = [item["reliability"] for item in client.get(f"{SUITE}/tests", params=query, headers=headers).json()]
        assert sorted(found, reverse=order == "desc") == found
        assert len(set(found)) > 1


@pytest.mark.parametrize(("query", "status"), [({"label": "a", "labels": "b"}, 400), ({"sort_by": "name"}, 422)])
def test_queries_that_cannot_be(client: httpx.Client, query: dict[str, str], status: int) -> None:
    """Both kinds of label, and an unknown order."""
    assert status == client.get(f"{SUITE}/tests", params=query).status_code


def test_one_test_by_id_and_by_name(client: httpx.Client, get: Get) -> None:
    """With its page."""
    item = get(f"{SUITE}/tests")[0]
    assert item == get(f"{SUITE}/tests/{item['id']}")
    found = client.post(f"{SUITE}/tests/find", json={"scope": item["scope"], "name": item["name"]})
    assert item == found.json()
    assert 422 == client.post(f"{SUITE}/tests/find", json={}).status_code
    assert 404 == client.post(f"{SUITE}/tests/find", json={"scope": "a", "name": "b"}).status_code


@pytest.mark.parametrize(
    "path", [f"{ENGINE}/suites/none", f"{SUITE}/runs/none", f"{SUITE}/tests/none", f"{ENGINE}/builds/none/tests"]
)
def test_what_is_not_there_is_not_found(client: httpx.Client, path: str) -> None:
    """Suites, runs, tests and builds."""
    assert 404 == client.get(path).status_code
