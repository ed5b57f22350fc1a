"""A failed build, explained: what is asked, in what order it is told, and what it costs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from ci_mcp.auth.endpoints import Endpoint
from ci_mcp.config import Config
from ci_mcp.core.services import Services, World
from ci_mcp.core.shapes import Run, RunQuery
from ci_mcp.errors import NotFoundError, UsageError
from ci_mcp.logs.store import Store
from ci_mcp.providers.buildkite import read, runs
from ci_mcp.status import Status
from ci_mcp.triage.tools import explain, status

Make = Callable[..., Any]
pytestmark = pytest.mark.anyio

PIPELINE = "GET /organizations/acme/pipelines/shop"
BUILD = f"{PIPELINE}/builds/42"
URL = "https://buildkite.com/acme/shop/builds/42"
STAMP = "\x1b_bk;t=1745322209921\x07"


def jobs(*found: dict[str, Any]) -> Callable[[httpx.Request], dict[str, Any]]:
    """The list of a build's jobs, filtered by state as Buildkite does."""

    def answer(request: httpx.Request) -> dict[str, Any]:
        states = request.url.params.get_list("state[]")
        retried = request.url.params.get("include_retried_jobs", "true") == "true"
        items = [
            one
            for one in found
            if (not states or one["state"] in states or ("failed" in states and one.get("promised_exit_status")))
            and (retried or not one["retried_in_job_id"])
        ]
        return {"items": items, "links": {}}

    return answer


def counts(**states: int) -> dict[str, Any]:
    """How many jobs are in which state."""
    return {"total": sum(states.values()), "states": states}


def failing_log(said: str) -> bytes:
    """A raw log that fails with an assertion."""
    lines = [
        "~~~ Preparing",
        "$ make test",
        "+++ Tests",
        *(f"ok {n}" for n in range(30)),
        f"E   AssertionError: {said}",
    ]
    lines += ["tests/test_cart.py:29: AssertionError", "^^^ +++", "Error: The command exited with status 1"]
    return "".join(f"{STAMP}{line}\r\r\n" for line in lines).encode()


@pytest.fixture
def world(fake: Make, tmp_path: Path) -> Callable[..., tuple[Services, list[httpx.Request]]]:
    """Make services over made-up answers, with what they are asked; ``depths`` takes how many round trips deep."""

    def make(answers: dict[str, Any], depths: list[int] | None = None) -> tuple[Services, list[httpx.Request]]:
        asked: list[httpx.Request] = []
        api = fake(answers, asked, depths=depths)
        given = {"buildkite": (Endpoint("buildkite", "api.buildkite.com", "https://api.buildkite.com"), "t")}
        services = Services(
            World(Config.load({"CI_MCP_HOME": str(tmp_path)}), {}, given=given), Store(tmp_path / "logs")
        )
        services._open[("buildkite", "api.buildkite.com")] = api  # noqa: SLF001 - the transport is the seam
        return services, asked

    return make


@pytest.fixture
def shop(build: Make, job: Make, uuid: Make, ranged: Make) -> dict[str, Any]:
    """A build with one of everything that can go wrong."""
    log = "GET /organizations/acme/jobs/{}/log"
    found = [
        job(1, name="unit"),
        job(2, name="unit", parallel_group_index=1, parallel_group_total=3),
        job(3, name="lint", soft_failed=True, exit_status=2),
        job(4, name="lost", exit_status=-1, signal_reason="agent_stop"),
        job(5, name="late", state="expired", started_at=None, exit_status=None),
        job(6, name="ship", state="broken", started_at=None, finished_at=None, broken_reason="dependency_failed"),
        job(7, name="tell", state="broken", started_at=None, finished_at=None, broken_reason="dependency_failed"),
        job(8, name="slow", state="timed_out"),
        job(9, name="old try", retried_in_job_id=uuid(1), retried=True),
        job(10, name="deploy", type="trigger", command=None, started_at=None, exit_status=None, finished_at=None,
            triggered_build={"number": 7, "web_url": "https://buildkite.com/acme/deploy/builds/7"}),
        job(11, name="stopped", state="canceled"),
    ]  # fmt: skip
    green = build(41, commit="b" * 40, created_at="2025-02-28T10:00:00.000Z")
    red = build(
        state="failed",
        job_state_counts=counts(passed=190, failed=5, timed_out=1, expired=1, broken=2, canceled=1),
        test_engine={"runs": [{"id": uuid(500), "suite": {"id": uuid(501), "slug": "unit-tests"}}]},
    )
    child = [job(70, name="apply", web_url=f"https://buildkite.com/acme/deploy/builds/7#{uuid(70)}")]
    html = "<p><b>2 tests</b> failed</p><ul><li>test_total</li></ul>"
    notes = [
        {"id": uuid(300), "context": "junit", "style": "error", "scope": "build", "job_id": None, "priority": 3, "body_html": html},
        {"id": uuid(301), "context": "cov", "style": "success", "scope": "build", "job_id": None, "body_html": "fine"},
        {"id": uuid(302), "context": "job", "style": "warning", "scope": "job", "job_id": uuid(4), "body_html": "<p>disk full</p>"},
    ]  # fmt: skip
    tests = "/analytics/organizations/acme"
    return {
        BUILD: red,
        f"{BUILD}/jobs": jobs(*found),
        f"{BUILD}/annotations": notes,
        f"{PIPELINE}/builds": [red, green],
        "GET /organizations/acme/pipelines/deploy/builds/7/jobs": jobs(*child),
        log.format(uuid(1)): ranged(failing_log("assert 1790 == 1800")),
        log.format(uuid(2)): ranged(failing_log("assert 1790 == 1800")),
        log.format(uuid(4)): ranged(failing_log("connection reset")),
        log.format(uuid(8)): ranged(b"waiting\r\n"),
        log.format(uuid(70)): ranged(failing_log("terraform says no")),
        f"GET {tests}/builds/{uuid(9_000_042)}/tests": [
            {"id": uuid(600), "name": "test_total", "scope": "Cart", "location": "tests/test_cart.py:29"},
            {"id": uuid(601), "name": "test_vat", "scope": "Cart", "location": "tests/test_cart.py:40"},
        ],
        f"GET {tests}/suites/unit-tests/runs/{uuid(500)}/failed_executions": [
            {"test_id": uuid(600), "test_name": "test_total", "failure_reason": "assert 1790 == 1800", "tags": {"build.job_id": uuid(1)}},
            {"test_id": uuid(699), "test_name": "passed later", "failure_reason": "flaky"},
        ],
    }  # fmt: skip


async def test_a_build_is_told_with_every_distinct_failure(world: Make, shop: dict[str, Any]) -> None:
    """Commands first, then what the machines did, then what never ran and what does not count."""
    services, asked = world(shop)
    text = (await explain(services, URL)).text
    lines = text.splitlines()
    assert lines[0].startswith('FAILED  buildkite acme/shop@main, commit cccccccccc "Add prices", by Ada')
    assert [URL, "run acme/shop/42, 200 jobs: 7 failed, 1 canceled, 190 passed, 2 skipped"] == lines[1:3]
    heads = [line for line in lines if line[:2] in {f"{n}." for n in range(1, 10)}]
    assert [
        '1. Job "unit" failed in `make test`, exit code 1 (the code: a test fails); the same in 1 other job: unit (2/3)',
        '2. Job "deploy > apply" failed in `make test`, exit code 1 (the code: a test fails)',
        '3. Job "slow" failed in `make test`, exit code 1',
        '4. Job "lost" failed in `make test` (infrastructure, says Buildkite, not the code)',
        '5. Job "late" failed (infrastructure, says Buildkite, not the code)',
        '6. Job "lint" failed',
        '7. Job "tests of the build" failed (the code: a test fails)',
    ] == heads
    assert "1 job canceled:\n- stopped: it was canceled\n2 jobs never ran:\n- ship, tell: it never ran" in text
    for said in (
        "assert 1790 == 1800",
        "terraform says no",
        "connection reset",
        "in build acme/deploy/7, which this build triggered",
        "it ran longer than its time limit",
        "its agent was stopped while it ran",
        "it expired: no agent took it in time (it wants queue=default)",
        "it never ran: a step that it depends on failed",
        "soft failure: the build does not count it",
        "2 tests failed\n- test_total",
        "disk full",
        "- tests/test_cart.py:29 test_total: assert 1790 == 1800",
        "- tests/test_cart.py:40 test_vat",
        "Last green run of main: acme/shop/41",
    ):
        assert said in text, said
    for unsaid in ("old try", "fine", "passed later", "10.0.0.1"):
        assert unsaid not in text
    assert 4_000 * 4 >= len(text)
    assert 15 >= len(asked)


async def test_two_hundred_jobs_of_which_twelve_failed_cost_twenty_requests(
    world: Make, shop: dict[str, Any], job: Make, uuid: Make, ranged: Make
) -> None:
    """Five of them alike; all eight distinct failures are shown within 4,000 tokens."""
    said = [f"assert {n} == 0 in part {chr(65 + n) * 3}" for n in range(7)] + ["assert 7 == 0 in part HHH"] * 5
    red = shop[BUILD] | {"job_state_counts": counts(passed=188, failed=12)}
    logs = {f"GET /organizations/acme/jobs/{uuid(n)}/log": ranged(failing_log(one)) for n, one in enumerate(said)}
    services, asked = world(shop | logs | {BUILD: red, f"{BUILD}/jobs": jobs(*(job(n) for n in range(12)))})
    text = (await explain(services, URL)).text
    assert 20 >= len(asked)
    assert [] == [one for one in said if one not in text]
    assert "the same in 4 other jobs" in text
    assert 4_000 * 4 >= len(text)


@pytest.mark.parametrize(
    ("target", "deep"),
    [
        (URL, 4),
        (f"{URL}#0190a6d2-0000-4000-8000-000000000001", 4),
        ("https://api.buildkite.com/v2/organizations/acme/jobs/0190a6d2-0000-4000-8000-000000000001", 5),
        ("buildkite:acme/shop@main", 4),
        ("buildkite:shop@main", 5),
    ],
)
async def test_an_explanation_is_at_most_five_round_trips_deep(  # noqa: PLR0913, PLR0917 - the columns of the table
    target: str, deep: int, world: Make, shop: dict[str, Any], job: Make, uuid: Make
) -> None:
    """A triggered build included, whose jobs are one trip more."""
    depths: list[int] = []
    more = {"GET /organizations": [{"slug": "acme"}], f"GET /organizations/acme/jobs/{uuid(1)}": job(1)}
    services, asked = world(shop | more, depths)
    assert "assert 1790 == 1800" in (await explain(services, target)).text
    assert deep >= max(depths)
    assert 15 >= len(asked)


async def test_a_build_that_was_retried_to_green_is_told_as_it_is_now(world: Make, build: Make, job: Make) -> None:
    """A list showed it failed a moment ago."""
    answers = {
        BUILD: build(state="passed"),
        f"{BUILD}/jobs": jobs(job(1)),
        f"{PIPELINE}/builds": [build(state="failed")],
        f"{BUILD}/annotations": [{"style": "error", "body_html": "old"}],
    }
    services, _ = world(answers)
    text = (await explain(services, "buildkite:acme/shop@main")).text
    assert text.startswith("PASSED")
    assert "1. Job" not in text
    assert "old" not in text


async def test_a_pasted_job_is_told_alone(world: Make, shop: dict[str, Any], uuid: Make) -> None:
    """With the build around it; its siblings' logs are left alone."""
    services, asked = world(shop)
    text = (await explain(services, f"{URL}#{uuid(1)}")).text
    assert '1. Job "unit" failed in `make test`, exit code 1' in text
    assert "2. Job" not in text
    assert 1 == sum(request.url.path.endswith("/log") for request in asked)


async def test_a_pasted_attempt_that_was_retried_is_told_as_such(
    world: Make, shop: dict[str, Any], job: Make, uuid: Make, ranged: Make
) -> None:
    """It is not among the jobs that count, and is still what was asked about."""
    path = f"GET /organizations/acme/jobs/{uuid(9)}"
    answers = {path: job(9, name="old try", retried_in_job_id=uuid(1)), f"{path}/log": ranged(failing_log("first"))}
    services, _ = world(shop | answers)
    text = (await explain(services, f"{URL}#{uuid(9)}")).text
    assert f"it was retried since, as job {uuid(1)}" in text
    assert "first" in text


async def test_a_pasted_job_that_passed_is_not_blamed(world: Make, shop: dict[str, Any], job: Make, uuid: Make) -> None:
    """Its build failed, it did not."""
    services, _ = world(shop | {f"GET /organizations/acme/jobs/{uuid(50)}": job(50, state="passed", exit_status=0)})
    assert "did not fail" in (await explain(services, f"{URL}#{uuid(50)}")).text


async def test_a_job_of_the_organization_is_enough(world: Make, shop: dict[str, Any], job: Make, uuid: Make) -> None:
    """From the API's own address of a job to the lines, in one call."""
    services, asked = world(shop | {f"GET /organizations/acme/jobs/{uuid(1)}": job(1)})
    text = (await explain(services, f"https://api.buildkite.com/v2/organizations/acme/jobs/{uuid(1)}")).text
    assert "assert 1790 == 1800" in text
    assert 15 >= len(asked)


async def test_a_build_is_named_by_its_number(world: Make, shop: dict[str, Any]) -> None:
    """``buildkite:PIPELINE#NUMBER``: a number alone names nothing."""
    services, _ = world(shop)
    assert "assert 1790 == 1800" in (await explain(services, "buildkite:acme/shop#42")).text


async def test_a_green_or_blocked_build_costs_one_request(world: Make, build: Make) -> None:
    """Who waits for it asks often; blocked is not passed."""
    services, asked = world({BUILD: build(state="passed", blocked=True)})
    page = await status(services, URL)
    assert [(Status.BLOCKED, "blocked, passed until there")] == [(row.status, row.word) for row in page.items]
    assert 1 == len(asked)
    assert "true" == asked[0].url.params["exclude_jobs"]


async def test_a_blocked_build_says_how_its_step_is_found(world: Make, build: Make) -> None:
    """Whoever is told that it waits for a person needs the step's id to let it go on."""
    services, asked = world({BUILD: build(state="blocked", blocked=True)})
    assert 'buildkite_jobs_list(build="acme/shop/42", status="blocked")' in (await explain(services, URL)).text
    assert 1 == len(asked)


@pytest.mark.parametrize("status_code", [403, 404, 500])
async def test_what_only_adds_may_be_refused(world: Make, shop: dict[str, Any], status_code: int) -> None:
    """Annotations, tests and triggered builds: without them the failure is still told."""
    refused = {
        key: httpx.Response(status_code, json={"message": "no"})
        for key in shop
        if "/analytics/" in key or key.endswith("/annotations") or "/deploy/" in key
    }
    services, _ = world(shop | refused)
    text = (await explain(services, URL)).text
    assert "assert 1790 == 1800" in text
    assert "it triggered build acme/deploy/7: " in text


async def test_a_canceled_build_is_told_by_its_jobs_and_reason(
    world: Make, build: Make, job: Make, uuid: Make, ranged: Make
) -> None:
    """With nothing failed, what was canceled is what there is to tell."""
    red = build(state="canceled", cancel_reason="a newer build began", job_state_counts=counts(canceled=1, failed=0))
    answers = {
        BUILD: red,
        f"{BUILD}/jobs": jobs(job(1, state="canceled", signal="SIGTERM", signal_reason="cancel")),
        f"{BUILD}/annotations": [],
        f"{PIPELINE}/builds": [red],
        f"GET /organizations/acme/jobs/{uuid(1)}/log": ranged(b"building\r\n"),
    }
    services, _ = world(answers)
    text = (await explain(services, URL)).text
    assert text.startswith("CANCELED")
    assert "a newer build began" in text
    assert "it was canceled" in text


async def test_a_job_that_promised_to_fail_is_told_while_it_runs(world: Make, build: Make, job: Make) -> None:
    """The list of failed jobs holds it, though it runs."""
    promised = job(1, state="running", finished_at=None, exit_status=None, promised_exit_status=3)
    answers = {
        BUILD: build(state="failing", finished_at=None, job_state_counts=counts(running=1)),
        f"{BUILD}/jobs": jobs(promised),
        f"{PIPELINE}/builds": [],
    }
    services, _ = world(answers)
    text = (await explain(services, URL)).text
    assert text.startswith("FAILING")
    assert "it still runs, and has said that it will end with exit status 3" in text


async def test_only_two_triggered_builds_are_followed(world: Make, build: Make, job: Make) -> None:
    """The rest are named; one inside another is named, too."""
    triggers = [
        job(n, type="trigger", name=f"t{n}", command=None, started_at=None, finished_at=None,
            triggered_build={"url": f"https://api.buildkite.com/v2/organizations/acme/pipelines/deploy/builds/{n}"})
        for n in (1, 2, 3)
    ]  # fmt: skip
    deeper = job(
        20, type="trigger", name="deeper", triggered_build={"web_url": "https://buildkite.com/acme/x/builds/5"}
    )
    answers = {
        BUILD: build(state="failed", job_state_counts=counts(failed=3)),
        f"{BUILD}/jobs": jobs(*triggers),
        "GET /organizations/acme/pipelines/deploy/builds/1/jobs": jobs(deeper),
        "GET /organizations/acme/pipelines/deploy/builds/2/jobs": jobs(),
        f"{PIPELINE}/builds": [],
    }
    services, _ = world(answers)
    text = (await explain(services, URL)).text
    assert "it triggered build acme/x/5: ask about that" in text
    assert "it triggered build acme/deploy/2, which did not pass" in text
    assert "it triggered build acme/deploy/3: it was not looked into" in text


async def test_runs_are_listed_newest_first(fake: Make, build: Make) -> None:
    """With the filters that Buildkite has, and no jobs in them."""
    asked: list[httpx.Request] = []
    found = [build(43, state="failed"), build(42, author="ada@example.com")]
    api = fake({f"{PIPELINE}/builds": found}, asked)
    query = RunQuery(project="acme/shop", branch="main", status=Status.RUNNING, limit=5)
    red, green = await runs.runs(api, query)
    assert ("acme/shop/43", Status.FAILED, "Add prices", 120.0) == (red.id, red.status, red.title, red.duration)
    assert ("ada", "acme/shop") == (green.actor, green.project)
    params = asked[0].url.params
    assert ["running", "failing", "canceling"] == params.get_list("state[]")
    assert ("true", "main", "5") == (params["exclude_jobs"], params["branch"], params["per_page"])


async def test_a_run_from_elsewhere_is_read_again(fake: Make, shop: dict[str, Any]) -> None:
    """The failures of a run that another hook made."""
    found = await runs.failures(fake(shop), Run(status=Status.FAILED, id="acme/shop/42"), "")
    assert "unit" == found[0].job.name


async def test_failed_jobs_are_run_again_in_the_same_build(fake: Make, build: Make) -> None:
    """All of it is a new build."""
    again = "PUT /organizations/acme/pipelines/shop/builds/42/"
    api = fake({f"{again}retry_failed_jobs": httpx.Response(202, json=build() | {"retried_jobs_count": 2}), f"{again}rebuild": build(43)})  # fmt: skip
    assert "acme/shop/42" == await runs.rerun(api, "acme/shop/42", True)
    assert "acme/shop/43" == await runs.rerun(api, "acme/shop/42", False)
    refused = fake({f"{again}retry_failed_jobs": httpx.Response(400, json={"message": "No failed jobs"})})
    with pytest.raises(UsageError, match=r"can be run again \(No failed jobs\)"):
        await runs.rerun(refused, "acme/shop/42", True)
    odd = fake({f"{again}retry_failed_jobs": httpx.Response(422, json={"message": "canceled"})})
    with pytest.raises(UsageError, match="canceled"):
        await runs.rerun(odd, "acme/shop/42", True)


async def test_flaky_tests_are_those_of_the_pipelines_suite(fake: Make) -> None:
    """Else of every suite."""
    base = "GET /analytics/organizations/acme/suites"
    test = {"id": "t", "name": "test_a", "scope": "Cart", "location": "tests/a.py:3"}
    own = fake({base: [{"slug": "shop"}, {"slug": "web"}], f"{base}/shop/tests": [test]})
    (case,) = await runs.flaky(own, "acme/shop")
    assert ("test_a", "tests/a.py", 3) == (case.name, case.file, case.line)
    other = fake({base: [{"slug": "web"}], f"{base}/web/tests": [test | {"location": "tests/a.py"}]})
    (case,) = await runs.flaky(other, "acme/shop")
    assert ("tests/a.py", None) == (case.file, case.line)


async def test_flaky_tests_are_asked_of_the_suites_that_a_build_has_reported_to(fake: Make) -> None:
    """Without asking which suites there are."""
    test = {"id": "t", "name": "test_a", "scope": "Cart", "location": "tests/a.py:3"}
    api = fake({"GET /analytics/organizations/acme/suites/units/tests": [test]})
    read.remember_suites(api, "acme/shop", ["units", "units", ""])
    (case,) = await runs.flaky(api, "acme/shop")
    assert "test_a" == case.name


async def test_an_unknown_build_is_not_found(fake: Make) -> None:
    """With what it is called, and its status."""
    with pytest.raises(NotFoundError, match="no build acme/shop/42 at Buildkite") as caught:
        await runs.run(fake({}), "acme/shop/42")
    assert 404 == caught.value.status


@pytest.mark.parametrize(
    ("state", "said"),
    [("failed", "no job of it tells why"), ("canceled", "it was canceled before any of its jobs began")],
)
async def test_a_build_without_jobs_still_says_something(state: str, said: str, world: Make, build: Make) -> None:
    """Its steps were never made."""
    red = build(state=state, job_state_counts=counts())
    services, _ = world({BUILD: red, f"{BUILD}/jobs": jobs(), f"{PIPELINE}/builds": [red]})
    assert said in (await explain(services, URL)).text
