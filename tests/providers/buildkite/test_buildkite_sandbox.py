"""Every tool and hook against Buildkite's part of the sandbox, counted by it."""

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from ci_mcp.core.call import call
from ci_mcp.errors import NotFoundError, PermissionDeniedError, RateLimitedError, UsageError
from ci_mcp.providers.buildkite import hooks, runs, tokens
from ci_mcp.sandbox.buildkite import tokens as grants
from ci_mcp.sandbox.buildkite import world
from ci_mcp.sandbox.serve import Service

Tool = Callable[..., Awaitable[Any]]
pytestmark = pytest.mark.anyio

WEB = "https://buildkite.com/acme/shop/builds"
MAIN = f"acme/shop/{world.SHOP_MAIN_BUILD}"
TELLING = ["tests/test_cart.py:29", "assert 1790 == 1800"]


@pytest.mark.parametrize(
    ("target", "requests_most", "tokens_most", "telling"),
    [
        (f"{WEB}/{world.SHOP_MAIN_BUILD}", 15, 1_500, TELLING),
        (f"{WEB}/{world.SHOP_MAIN_BUILD}#{world.SHOP_MAIN_FAILED_JOB}", 15, 1_500, TELLING),
        (f"https://api.buildkite.com/v2/organizations/acme/jobs/{world.SHOP_MAIN_FAILED_JOB}", 15, 1_500, TELLING),
        ("buildkite:shop@main", 15, 1_500, TELLING),
        (f"buildkite:acme/shop#{world.SHOP_MAIN_BUILD}", 15, 1_500, TELLING),
        (f"{WEB}/{world.SHOP_PROBLEMS_BUILD}", 15, 4_000, [*TELLING, "SIGKILL", "its agent was stopped", "no agent took it in time", "soft failure", "never ran"]),
        (f"{WEB}/{world.SHOP_TRIGGERS_BUILD}", 15, 1_500, [f"in build acme/shop-deploy/{world.SHOP_TRIGGERED_BUILD}", "command not found"]),
        (f"{WEB}/{world.SHOP_MATRIX_BUILD}", 20, 4_000, ["200 jobs: 12 failed, 188 passed", "the same in 4 other jobs", "assert 1790 == 1800"]),
        (f"{WEB}/{world.SHOP_PROMISING_BUILD}", 15, 2_000, ["FAILING", "it will end with exit status 1"]),
        (f"{WEB}/{world.SHOP_BIG_BUILD}", 15, 4_000, []),
    ],
)  # fmt: skip
async def test_an_explanation_keeps_within_its_requests_and_tokens(  # noqa: PLR0913, PLR0917 - the columns of the table
    target: str, requests_most: int, tokens_most: int, telling: list[str], tool: Tool, requests: Callable[[], int]
) -> None:
    """One call: every distinct failure, what never ran, what a triggered build did."""
    answer = await tool("ci_explain", target=target)
    assert requests_most >= requests()
    assert tokens_most * 4 >= len(answer.text)
    assert [] == [words for words in telling if words not in answer.text]


async def test_an_explanation_fits_what_buildkite_allows_a_person_in_a_minute(services: Any) -> None:
    """With real limits, 200 jobs included."""
    async with services(grants.REAL_LIMITS_TOKEN) as opened:
        for build in (world.SHOP_MATRIX_BUILD, world.SHOP_MAIN_BUILD):
            assert "FAILED" in (await call(opened, "ci_explain", {"target": f"{WEB}/{build}"})).text


@pytest.mark.parametrize(("token", "scope"), [(grants.USER_LIMITED_TOKEN, "rest_user"), (grants.ORGANIZATION_LIMITED_TOKEN, "rest")])  # fmt: skip
async def test_either_used_up_budget_is_told_and_not_slept_through(token: str, scope: str, services: Any) -> None:
    """The wait is that of the budget named by ``scope``; it is longer than the caller has, so it is said at once."""
    async with services(token) as opened:
        ask = partial(call, opened, "buildkite_builds_describe", {"build": MAIN})
        with anyio.fail_after(20), pytest.raises(RateLimitedError) as caught:
            await _often(ask)
    assert caught.value.retry_after is not None
    assert 61 >= caught.value.retry_after > 0
    assert f'"scope":"{scope}"' in caught.value.body.replace(" ", "")


async def _often(ask: Callable[[], Awaitable[Any]]) -> None:
    for _ in range(8):
        await ask()


async def test_a_short_wait_is_waited(services: Any) -> None:
    """Two seconds are within the caller's time."""
    async with services(grants.BRIEFLY_LIMITED_TOKEN) as opened:
        for _ in range(4):
            assert (await call(opened, "buildkite_builds_describe", {"build": MAIN})).data["id"] == MAIN


async def test_the_end_of_a_50_mb_log_is_read_alone(tool: Tool, requests: Callable[[], int]) -> None:
    """Two requests: the job, the suffix."""
    answer = await tool("jobs_logs", job=f"acme/{world.SHOP_BIG_JOB}", tail=3)
    assert "bytes of this log are left out" in answer.text
    assert 2 == requests()


async def test_a_list_goes_on_where_it_ended(tool: Tool) -> None:
    """By page numbers for builds, by cursors for jobs; nothing twice, nothing left out."""
    for name, arguments in (
        ("builds_list", {"pipeline": "acme/shop"}),
        ("jobs_list", {"build": f"acme/shop/{world.SHOP_MATRIX_BUILD}", "status": "failed"}),
    ):
        whole = (await tool(name, limit=100, **arguments)).data["items"]
        seen: list[str] = []
        cursor: str | None = ""
        while cursor is not None and len(seen) < len(whole):
            page = (await tool(name, limit=5, cursor=cursor, **arguments)).data
            seen += [item["id"] for item in page["items"]]
            cursor = page["next"]
        assert [item["id"] for item in whole][: len(seen)] == seen


async def test_a_list_too_deep_says_how_to_narrow_it(tool: Tool) -> None:
    """Buildkite's own words, as an error about the arguments."""
    with pytest.raises(UsageError, match="400"):
        await tool("builds_list", pipeline="acme/shop", cursor="100000.100+0")


@pytest.mark.parametrize(
    ("name", "arguments", "fields"),
    [
        ("organizations_list", {}, {"slug": "acme"}),
        ("pipelines_list", {"limit": 5}, {"id": "acme/billing"}),
        ("pipelines_search", {"name": "SHOP DEP"}, {"id": "acme/shop-deploy"}),
        ("pipelines_search", {"repository": "acme/billing", "organization": "acme"}, {"id": "acme/billing"}),
        ("schedules_list", {"pipeline": "shop"}, {"label": "Nightly", "branch": "main"}),
        ("builds_list", {"pipeline": "shop", "state": "blocked"}, {"status": "blocked", "id": f"acme/shop/{world.SHOP_BLOCKED_BUILD}"}),
        ("builds_list", {"pipeline": "shop", "branch": "main", "state": "failed"}, {"id": MAIN}),
        ("jobs_list", {"build": MAIN, "status": "failed"}, {"id": world.SHOP_MAIN_FAILED_JOB, "exit_status": 1}),
        ("jobs_list", {"build": f"acme/shop/{world.SHOP_PROMISING_BUILD}", "status": "failed"}, {"status": "failing", "word": "will fail"}),
        ("annotations_list", {"build": MAIN}, {"style": "error", "context": "junit-unit"}),
        ("annotations_list", {"job": world.SHOP_MAIN_FAILED_JOB}, None),
        ("artifacts_list", {"build": MAIN, "path": "*junit*.xml"}, {"path": "reports/junit.xml"}),
        ("artifacts_list", {"job": world.SHOP_MAIN_FAILED_JOB, "state": "expired"}, None),
        ("tests_list", {"build": MAIN}, {"verdict": "failed", "location": "tests/test_cart.py:29", "message": "AssertionError: assert 1790 == 1800"}),
        ("tests_list", {"build": f"acme/shop/{world.SHOP_RETRIED_BUILD}"}, None),
        ("tests_list", {"build": f"acme/shop/{world.SHOP_RETRIED_BUILD}", "result": "flaky"}, {"verdict": "flaky", "passed": 1}),
        ("suites_list", {}, {"slug": "shop-pytest"}),
        ("runs_list", {"suite": "shop-pytest", "build": MAIN}, {"result": "failed"}),
        ("agents_list", {"name": "default-1"}, {"state": "connected", "name": "default-1"}),
        ("clusters_list", {}, {"name": "Hosted"}),
        ("queues_list", {"cluster": world.CLUSTER_ID}, {"key": "default", "agents": 4}),
    ],
)  # fmt: skip
async def test_a_list_shows_what_there_is(
    name: str, arguments: dict[str, Any], fields: dict[str, Any] | None, tool: Tool
) -> None:
    """The first record, by its telling fields; nothing where there is nothing."""
    items = (await tool(name, **arguments)).data["items"]
    if fields is None:
        assert [] == items
    else:
        assert fields == {key: items[0].get(key) for key in fields}


async def test_retried_attempts_are_left_out_unless_asked_for(tool: Tool) -> None:
    """Builds and jobs have different defaults at Buildkite; here it is one."""
    build = f"acme/shop/{world.SHOP_RETRIED_BUILD}"
    ids = [job["id"] for job in (await tool("jobs_list", build=build)).data["items"]]
    assert world.SHOP_RETRY_JOB in ids
    assert world.SHOP_RETRIED_JOB not in ids
    every = (await tool("jobs_list", build=build, retried=True)).data["items"]
    first = next(job for job in every if job["id"] == world.SHOP_RETRIED_JOB)
    assert world.SHOP_RETRY_JOB == first["retried_as"]


async def test_one_thing_is_described(tool: Tool) -> None:
    """Builds, jobs, pipelines, agents, tests: with what tells, without what is secret."""
    build = (await tool("builds_describe", build=MAIN)).data
    assert ("failed", {"passed": 2, "failed": 1, "waiting_failed": 3}) == (build["status"], build["jobs"])
    job = (await tool("jobs_describe", job=world.SHOP_MAIN_FAILED_JOB)).data
    assert (MAIN, 1, ["queue=default"]) == (job["build"], job["exit_status"], job["wants"])
    pipeline = (await tool("pipelines_describe", pipeline="shop")).data
    assert "steps:" in pipeline["configuration"]
    assert "webhook" not in str(pipeline)
    agent = (await tool("agents_list", limit=1)).data["items"][0]
    assert agent["name"] == (await tool("agents_describe", agent=agent["id"])).data["name"]
    test = (await tool("tests_list", build=MAIN)).data["items"][0]
    over_time = (await tool("tests_describe", test=test["id"])).data
    assert test["name"] == over_time["name"]
    assert 0 <= over_time["reliability"] <= 1
    with pytest.raises(NotFoundError, match="in shop-pytest, shop-integration"):
        await tool("tests_describe", test=world.SHOP_MAIN_FAILED_JOB)


async def test_an_agent_is_named_as_its_jobs_name_it(tool: Tool) -> None:
    """A job tells the name of its agent, not the id."""
    job = (await tool("jobs_describe", job=world.SHOP_MAIN_FAILED_JOB)).data
    agent = (await tool("agents_describe", agent=job["agent"])).data
    assert ("connected", job["agent"]) == (agent["state"], agent["name"])
    with pytest.raises(NotFoundError, match="no connected agent is called 'default': give its id"):
        await tool("agents_describe", agent="default")


async def test_an_environment_shows_no_secret(tool: Tool) -> None:
    """Names all, values only of Buildkite's own."""
    answer = await tool("jobs_environment", job=world.SHOP_MAIN_FAILED_JOB)
    values = {item["name"]: item.get("value") for item in answer.data["items"]}
    assert world.SECRET_VALUE not in answer.text
    assert ("main", "unit", "[redacted]") == (
        values["BUILDKITE_BRANCH"],
        values["BUILDKITE_STEP_KEY"],
        values["STRIPE_API_KEY"],
    )


async def test_artifacts_are_read_as_what_they_are(tool: Tool, tmp_path: Path) -> None:
    """A report as failing tests, a short text as text, the rest saved with its checksum verified."""
    listed = (await tool("artifacts_list", job=world.SHOP_MAIN_FAILED_JOB)).data["items"]
    by_path = {item["path"]: item for item in listed}
    report = (await tool("artifacts_describe", artifact=by_path["reports/junit.xml"]["id"])).data
    assert "a test report: 29 tests, 2 failed, 0 skipped" == report["note"]
    assert ("tests/test_cart.py", 29) == (report["tests"][0]["file"], report["tests"][0]["line"])
    text = (await tool("artifacts_describe", artifact=by_path["out/summary.txt"]["id"])).data
    assert "exit 1" in text["text"]
    packed = (await tool("artifacts_describe", artifact=by_path["out/shop.tar.gz"]["id"])).data
    saved = Path(packed["saved"])
    assert saved.is_relative_to(tmp_path / "cache")
    assert "sha1 verified" == packed["checksum"]
    assert (saved, 48_000) in kept(tmp_path / "cache")


def kept(folder: Path) -> list[tuple[Path, int]]:
    """Every file in a folder, with its size."""
    return [(path, path.stat().st_size) for path in folder.rglob("*") if path.is_file()]


async def test_why_a_job_waits_is_said(tool: Tool) -> None:
    """No agent in its queue, a paused queue; and a job that does not wait."""
    stuck = await tool("queues_list", job=world.SHOP_STUCK_JOB)
    assert "no agent is connected to the queue gpu" == stuck.data["note"]
    jobs = (await tool("jobs_list", build=f"acme/shop/{world.SHOP_STUCK_BUILD}", status="queued")).data["items"]
    notes = [(await tool("queues_list", job=job["id"])).data["note"] for job in jobs]
    assert any(f"the queue mac is paused ({world.PAUSED_NOTE})" in note for note in notes)
    done = await tool("queues_list", job=world.SHOP_MAIN_FAILED_JOB)
    assert "the job does not wait for an agent: it is failed" == done.data["note"]
    with pytest.raises(NotFoundError, match="has no log yet: it is scheduled"):
        await tool("jobs_logs", job=world.SHOP_STUCK_JOB)


async def test_queues_are_told_without_their_agents(services: Callable[..., Any]) -> None:
    """A token with the scopes that are asked for at `auth login` may not see agents; it may see that a queue is paused."""
    async with services(grants.scoped_token(*grants.READ)) as opened:
        page = (await call(opened, "buildkite_queues_list", {"cluster": world.CLUSTER_ID})).data
        stuck = (await call(opened, "buildkite_queues_list", {"job": world.SHOP_STUCK_JOB})).data
    assert [("default", None), ("deploy", None)] == [(one["key"], one.get("agents")) for one in page["items"][:2]]
    assert any(one["paused"] for one in page["items"])
    assert "the token lacks the scope read_agents" in page["note"]
    assert page["note"] == stuck["note"]


async def test_every_tool_is_known_to_the_token_and_its_missing_scopes_are_named(services: Any) -> None:
    """What does not work, and what it would take."""
    async with services(grants.scoped_token("read_builds", "read_organizations")) as opened:
        token = (await call(opened, "buildkite_tokens_describe", {})).data
        assert ("acme", ["read_builds", "read_organizations"]) == (token["organization"], token["scopes"])
        assert "builds_list" in token["works"]
        assert "jobs_logs" == token["missing"]["read_build_logs"]
        with pytest.raises(PermissionDeniedError, match="it takes the scope read_build_logs") as caught:
            await call(opened, "buildkite_jobs_logs", {"job": world.SHOP_MAIN_FAILED_JOB})
        assert 403 == caught.value.status
    known = {name.removeprefix("buildkite_") for name in opened.provider("buildkite").tools}
    assert known == set(tokens.NEEDS)


async def test_without_its_scopes_an_explanation_tells_what_it_may(services: Any) -> None:
    """Jobs without their logs, and what it would take to read them."""
    async with services(grants.scoped_token(*grants.MINIMUM)) as opened:
        text = (await call(opened, "ci_explain", {"target": f"{WEB}/{world.SHOP_MAIN_BUILD}"})).text
    assert '1. Job ":pytest: Unit tests" failed in `.buildkite/steps/unit.sh`, exit code 1' in text
    assert "it takes the scope read_build_logs" in text


async def test_what_a_token_may_not_see_is_not_found(tool: Tool) -> None:
    """Hidden and absent are the same to Buildkite, and are said so."""
    with pytest.raises(NotFoundError, match="or none that this token may see"):
        await tool("builds_describe", build=f"acme/vault/{world.HIDDEN_BUILD}")


async def test_identity_is_the_tokens_own(services: Any) -> None:
    """Who, which scopes, and how many requests are left."""
    async with services() as opened:
        found = await hooks.identity(opened.api("buildkite"))
    assert ("Ada Lane", tuple(sorted(grants.ALL))) == (found.name, found.scopes)
    assert found.remaining


async def test_flaky_tests_of_a_pipeline(services: Any) -> None:
    """From the suites that bear its name."""
    async with services() as opened:
        names = {case.name for case in await runs.flaky(opened.api("buildkite"), "acme/shop")}
    assert "test_an_order_is_kept" in names


async def test_builds_and_jobs_are_started_and_stopped(service: Service, services: Any) -> None:
    """Each once, with what it gave; a job's id can be retried once, and the newer one is named."""
    async with services() as opened:
        do = partial(call, opened)
        first = await do("buildkite_builds_run", {"pipeline": "acme/billing", "branch": "main", "environment": ["A=1"], "meta_data": ["k=v"], "author": "Ada <a@example.com>", "clean_checkout": True, "message": "Try"})  # fmt: skip
        build = first.data["id"]
        described = (await do("buildkite_builds_describe", {"build": build})).data
        assert ("Try", {"k": "v"}, ["A"]) == (described["title"], described["meta_data"], described["environment"])
        assert "it was told to stop" == (await do("buildkite_builds_cancel", {"build": build})).data["note"]
        again = await do("buildkite_builds_rerun", {"build": MAIN})
        assert MAIN == (await do("buildkite_builds_describe", {"build": again.data["id"]})).data["rebuilt_from"]
        retried = f"acme/shop/{world.SHOP_PULL_REQUEST_BUILD}"
        job = (await do("buildkite_jobs_list", {"build": retried, "status": "failed"})).data["items"][0]["id"]
        new = (await do("buildkite_jobs_rerun", {"job": job})).data["id"]
        assert new != job
        with pytest.raises(UsageError, match=f"was retried before, as {new}"):
            await do("buildkite_jobs_rerun", {"job": job})
        lost = await do(
            "buildkite_jobs_rerun", {"build": f"acme/shop/{world.SHOP_PROBLEMS_BUILD}", "infrastructure": True}
        )
        assert "2 jobs lost by their agents run again" == lost.data["note"]
        failed = await do("buildkite_jobs_rerun", {"build": f"acme/shop/{world.SHOP_TRIGGERS_BUILD}"})
        assert "run again" in failed.data["note"]
        with pytest.raises(UsageError, match="no job of build"):
            await do("buildkite_jobs_rerun", {"build": f"acme/shop/{world.SHOP_RELEASE_BUILD}", "infrastructure": True})
        with pytest.raises(UsageError, match="one job, or the failed jobs"):
            await do("buildkite_jobs_rerun", {})
    assert service.requests.total()


async def test_a_blocked_step_is_approved_with_its_fields(tool: Tool) -> None:
    """What is missing is said by Buildkite, field by field."""
    with pytest.raises(UsageError, match="release-name"):
        await tool("jobs_approve", job=world.SHOP_BLOCKED_JOB)
    approved = await tool("jobs_approve", job=world.SHOP_BLOCKED_JOB, fields=["release-name=1.5", "channel=beta"])
    assert ("unblocked", "passed") == (approved.data["note"], approved.data["status"])


async def test_pipelines_annotations_and_queues_are_changed(tool: Tool) -> None:
    """A new name keeps the slug, so that no URL moves; a queue is paused with a reason."""
    made = await tool("pipelines_create", name="Press", repository="git@github.com:acme/press.git", cluster=world.CLUSTER_ID, configuration="steps:\n  - command: make\n")  # fmt: skip
    assert "acme/press" == made.data["id"]
    changed = await tool("pipelines_update", pipeline="press", name="Printing press", description="Prints")
    assert ("acme/press", "Printing press", "Prints") == tuple(
        changed.data[key] for key in ("id", "name", "description")
    )
    written = await tool("annotations_create", build=f"acme/shop/{world.SHOP_RELEASE_BUILD}", body="**hi**", style="info", context="x")  # fmt: skip
    notes = (await tool("annotations_list", build=f"acme/shop/{world.SHOP_RELEASE_BUILD}")).data["items"]
    assert "hi" in next(note["text"] for note in notes if note["id"] == written.data["id"])
    queue = (await tool("queues_list", cluster=world.CLUSTER_ID)).data["items"][1]
    where = {"queue": queue["id"], "cluster": world.CLUSTER_ID}
    assert (
        "the queue deploy is paused"
        == (await tool("queues_update", dispatch="pause", note="why", **where)).data["note"]
    )
    assert "the queue deploy takes jobs" == (await tool("queues_update", dispatch="resume", **where)).data["note"]
    with pytest.raises(UsageError, match="a note says why"):
        await tool("queues_update", dispatch="resume", note="x", **where)
