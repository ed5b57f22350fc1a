"""Flaky tests, recent health, and whether a definition is valid."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from ci_mcp.errors import AuthError, NotFoundError, PermissionDeniedError, UnsupportedError, UsageError
from ci_mcp.net.api import HttpApi
from ci_mcp.providers.semaphore import health
from ci_mcp.sandbox.semaphore import world
from ci_mcp.status import Status

pytestmark = pytest.mark.anyio

Call = Callable[..., Awaitable[Any]]
Fake = Callable[..., HttpApi]
Make = Callable[..., dict[str, Any]]
FLAKY = f"GET /projects/{world.SHOP_PROJECT}/test_results/flaky_tests"
INSIGHTS = f"/projects/{world.SHOP_PROJECT}/insights"


async def test_flaky_tests_come_with_their_last_failure(api: HttpApi, call: Call) -> None:
    """Most disruptive first; the job is one whose log can be read."""
    page = await call(api, "tests_flaky", project="shop")
    first = page.items[0]
    assert ("test_an_order_is_kept", "integration/test_orders.py", 71, 14) == (
        first.name, first.file, first.pass_rate, first.disruptions
    )  # fmt: skip
    assert "log" in (await call(api, "jobs_logs", job=first.job)).data
    assert [None, None, None, True] == [one.resolved for one in page.items]
    few = await call(api, "tests_flaky", project="shop", branch="orders", limit=1)
    assert ["test_an_order_is_kept"] == [one.name for one in few.items]


async def test_triage_is_told_of_flaky_tests_in_words(api: HttpApi) -> None:
    """Not of those that somebody has mended."""
    found = await health.flaky(api, "shop")
    assert ["test_an_order_is_kept", "test_an_order_can_be_cancelled", "test_shipping_is_free_from_fifty_euros"] == [
        one.name for one in found
    ]
    assert {Status.UNKNOWN} == {one.status for one in found}
    assert found[0].message.startswith("passes in 71 % of its runs, 14 disruptions, the last on 20")


async def test_a_flaky_test_is_read_leniently(fake: Fake) -> None:
    """Whatever is missing or odd."""
    raw = {"test_name": "t", "pass_rate": True, "labels": None, "test_group": "g", "latest_disruption_at": None}
    found = await health.flaky(fake({FLAKY: [raw]}), world.SHOP_PROJECT)
    assert [("t", "g", "flaky")] == [(one.name, one.suite, one.message) for one in found]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.Response(404, text="Feature is not enabled for your organization"), UnsupportedError),
        (httpx.Response(401, text="Permission denied"), PermissionDeniedError),
        (httpx.Response(401, text="Unauthorized"), AuthError),
    ],
)
async def test_a_refusal_of_a_feature_says_what_it_means(
    fake: Fake, call: Call, answer: httpx.Response, kind: type[Exception]
) -> None:
    """Not there, not allowed, or a bad token."""
    with pytest.raises(kind):
        await call(fake({FLAKY: answer}), "tests_flaky", project=world.SHOP_PROJECT)


async def test_a_project_that_is_not_there_is_not_a_missing_feature(api: HttpApi, call: Call) -> None:
    """Its name is looked up first."""
    for tool in ("tests_flaky", "insights_summary"):
        with pytest.raises(NotFoundError, match="no project nope"):
            await call(api, tool, project="nope")


async def test_health_is_what_semaphore_counts(api: HttpApi, call: Call) -> None:
    """Over the days asked for, of a branch."""
    found = await call(api, "insights_summary", project="shop", branch="main", days=30)
    assert "Semaphore's insights" == found.source
    assert found.ended == found.passed + found.failed > 0
    assert found.pass_rate == round(100 * found.passed / found.ended, 1)
    assert found.median_failed < found.median_passed <= found.p95
    none = await call(api, "insights_summary", project="shop", branch="nobody")
    assert (0, None, None) == (none.ended, none.pass_rate, none.median)


async def test_without_insights_the_newest_pipelines_are_counted(
    api_with: Callable[[str], HttpApi], call: Call
) -> None:
    """And it is said how many."""
    async with api_with(world.NO_FEATURES_TOKEN) as there:
        found = await call(there, "insights_summary", project="shop", branch="main", days=90)
    assert found.source.startswith("counted from the newest ")
    assert found.ended == found.passed + found.failed > 0
    assert found.median_failed < found.median_passed <= found.p95
    assert found.project == "shop"


async def test_a_count_over_a_full_page_says_since_when(fake: Fake, call: Call, pipeline: Make) -> None:
    """It begins with the oldest pipeline that was seen; nothing ended is no rate."""
    link = {"link": '<http://x/?page=2>; rel="next"'}
    raw = [pipeline(1, state="RUNNING", project_id=world.SHOP_PROJECT)]
    there = fake({"GET /pipelines": httpx.Response(200, json=raw, headers=link)})
    found = await call(there, "insights_summary", project=world.SHOP_PROJECT)
    assert (0, None, None, None) == (found.ended, found.pass_rate, found.mean, found.p95)
    assert 2023 == found.since.year


async def test_odd_metrics_are_no_metrics(fake: Fake, call: Call) -> None:
    """Texts for numbers, nulls for lists."""
    bodies = {"reliability": {"metrics": [{"all_count": "9"}]}, "performance": {"all": None}}
    there = fake({f"GET {INSIGHTS}/{name}": body for name, body in bodies.items()})
    found = await call(there, "insights_summary", project=world.SHOP_PROJECT)
    assert (0, 0, None) == (found.ended, found.passed, found.mean)


async def test_a_definition_is_valid_or_it_is_said_why_not(api: HttpApi, call: Call) -> None:
    """The sandbox looks at its outline as Semaphore does."""
    good = "version: v1.0\nname: x\nagent: {machine: {type: f1-standard-2}}\nblocks: [{name: a, task: {jobs: [{name: b, commands: [ls]}]}}]"
    assert (await call(api, "pipelines_validate", yaml=good)).valid
    bad = await call(api, "pipelines_validate", yaml="blocks: [", organization="acme")
    assert not bad.valid
    assert bad.message


async def test_a_definition_is_sent_as_it_is(fake: Fake, call: Call) -> None:
    """And the service's words come back, a JSON string or plain text."""
    asked: list[httpx.Request] = []
    for reply in (httpx.Response(400, json="line 1: odd"), httpx.Response(400, text="line 1: odd")):
        found = await call(fake({"POST /yaml": reply}, asked), "pipelines_validate", yaml="a: ä")
        assert (False, "line 1: odd") == (found.valid, found.message)
    assert {"yaml_definition": "a: ä"} == json.loads(asked[0].content)
    with pytest.raises(UsageError, match="no YAML"):
        await call(fake({}), "pipelines_validate", yaml=" \n")
