"""What a run waits for, why nothing ran, and what to do: in words."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ci_mcp.core.shapes import RunQuery
from ci_mcp.errors import NotFoundError
from ci_mcp.net.api import HttpApi
from ci_mcp.providers.semaphore import reasons, runs, unbuilt
from ci_mcp.sandbox.semaphore import world
from ci_mcp.status import Status

pytestmark = pytest.mark.anyio

Fake = Callable[..., HttpApi]
Make = Callable[..., dict[str, Any]]
PIPELINE = "00000000-0000-0000-0000-000000000001"
RUN = "11111111-1111-1111-1111-111111111111"
JOB = "33333333-3333-3333-3333-333333333333"
YAML = 'promotions: [{name: "Go\\nlive"}, {name: Auto, auto_promote: {when: "true"}}, {name: Old, auto_promote_on: []}]'


@pytest.mark.parametrize(
    ("workflow", "status", "words"),
    [
        (world.SHOP_BLOCKED_WORKFLOW, "passed", 'it waits for the promotion "Production", which a person triggers'),
        (world.SHOP_WAITING_WORKFLOW, "running", "of type s1-gpu: none of that type is connected: start one"),
        (world.SHOP_STUCK_WORKFLOW, "failed", "gave up (stuck); run its failed blocks again"),
        (world.SHOP_TIMEOUT_WORKFLOW, "canceled", "time limit ran out; find what hangs"),
        (world.SHOP_SUPERSEDED_WORKFLOW, "canceled", "a newer run came on this branch; look at the newest run"),
        (world.SHOP_SUSPENDED_WORKFLOW, "canceled", "Semaphore stopped it (internal); run it again"),
        (world.SHOP_DELETED_WORKFLOW, "canceled", "was deleted; push the branch again"),
        (world.SHOP_LIMIT_WORKFLOW, "failed", "look for a loop in their auto_promote rules"),
        (world.SHOP_MALFORMED_WORKFLOW, "failed", "pipelines validate"),
        (world.SHOP_PROMOTED_WORKFLOW, "failed", ""),
        (world.SHOP_RELEASE_WORKFLOW, "passed", ""),
    ],
)
async def test_how_a_run_stands_is_said_with_what_to_do(api: HttpApi, workflow: str, status: str, words: str) -> None:
    """One of each unusual kind; a run that has no promotion left waits for nothing."""
    run = await runs.run(api, workflow)
    assert status == run.status
    assert words in run.reason
    assert bool(words) is bool(run.reason)


async def test_a_run_that_waits_costs_few_requests(api: HttpApi, requests: Callable[[], int]) -> None:
    """The list, the names, two pipelines, what was triggered, and the YAML in two requests."""
    await runs.run(api, world.SHOP_BLOCKED_WORKFLOW)
    assert 7 >= requests()


def _green(pipeline: dict[str, Any], events: Any, **more: Any) -> dict[str, Any]:
    return {
        "GET /pipelines": [pipeline],
        f"GET /pipelines/{PIPELINE}": {"pipeline": pipeline, "blocks": []},
        "GET /projects": [],
        "GET /promotions": events,
        **more,
    }


def _yaml() -> dict[str, Any]:
    signed = {"items": [{"path": "x", "url": "https://storage.example.com/yaml"}]}
    return {"GET /artifacts/signed_url": signed, "GET /yaml": httpx.Response(200, text=YAML)}


async def test_only_what_a_person_triggers_is_waited_for(fake: Fake, pipeline: Make) -> None:
    """A name from a YAML stays on its line."""
    run = await runs.run(fake(_green(pipeline(1, switch_id="s"), [], **_yaml())), RUN)
    assert f'the promotion "Go live", which a person triggers: semaphore_promotions_run(pipeline="{PIPELINE}"' in (
        run.reason
    )
    assert "Auto" not in run.reason
    assert "Old" not in run.reason


async def test_without_the_yaml_only_that_there_are_promotions_is_known(fake: Fake, pipeline: Make) -> None:
    """Where one was triggered, nothing is guessed."""
    run = await runs.run(fake(_green(pipeline(1, switch_id="s"), [])), RUN)
    assert "it waits for promotions that a person may trigger" in run.reason
    run = await runs.run(fake(_green(pipeline(1, switch_id="s"), [{"name": "A", "status": "passed"}])), RUN)
    assert "" == run.reason


async def test_a_promotion_that_could_not_be_triggered_is_named(fake: Fake, pipeline: Make) -> None:
    """Its newest event counts."""
    events = [
        {"name": "Go\nlive", "status": "failed"},
        {"name": "Auto", "status": "passed"},
        {"name": "Auto", "status": "failed"},
    ]
    run = await runs.run(fake(_green(pipeline(1, switch_id="s"), events, **_yaml())), RUN)
    assert run.reason.startswith('triggering the promotion "Go live" failed: try again')
    assert "Auto" not in run.reason


async def test_promotions_that_cannot_be_read_are_not_missed(fake: Fake, pipeline: Make) -> None:
    """How the run stands is known without them."""
    run = await runs.run(fake(_green(pipeline(1, switch_id="s"), httpx.Response(500, text="x"))), RUN)
    assert (Status.PASSED, "") == (run.status, run.reason)


def _queued(pipeline: dict[str, Any], job: dict[str, Any], **more: Any) -> dict[str, Any]:
    waits = {"name": "train", "job_id": JOB, "status": "ENQUEUED"}
    block = {"name": "B", "state": "running", "jobs": [{"name": "odd", "status": "ENQUEUED"}, waits]}
    return {
        "GET /pipelines": [pipeline],
        f"GET /pipelines/{PIPELINE}": {"pipeline": pipeline, "blocks": [block]},
        "GET /projects": [],
        f"GET /troubleshoot/job/{JOB}": {"job": {"id": JOB, **job}},
        **more,
    }


def _ago(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(time.time() - seconds))


@pytest.mark.parametrize(
    ("job", "types", "words"),
    [
        ({"enqueued_at": 10, "machine_type": "f1"}, None, ""),
        ({"enqueued_at": 600}, None, "job 'train' has waited 10 min for an agent"),
        ({"enqueued_at": 600, "machine_type": "f1-standard-2"}, None, "quota of that type may be used up"),
        ({"created_at": 20_000, "machine_type": "s1-a"}, httpx.Response(404, json="x"), "6 h for an agent"),
        ({"enqueued_at": 600, "machine_type": "s1-a"}, httpx.Response(404, json="x"), "has no such type"),
        ({"enqueued_at": 600, "machine_type": "s1-a"}, {"status": {"total_agent_count": 0}}, "none of that"),
        ({"enqueued_at": 600, "machine_type": "s1-a"}, {"status": {"total_agent_count": 3}}, "all 3 of them"),
        ({"enqueued_at": 600, "machine_type": "s1-a"}, httpx.Response(403, text="x"), "busy or not connected"),
        ({"enqueued_at": 600, "machine_type": "a/b", "is_self_hosted": True}, None, "busy or not connected"),
    ],
)
async def test_a_job_that_waits_for_long_is_told_with_its_agents(
    fake: Fake, pipeline: Make, job: dict[str, Any], types: Any, words: str
) -> None:
    """One that has just been queued is no news."""
    job = {key: _ago(value) if isinstance(value, int) and key.endswith("_at") else value for key, value in job.items()}
    raw = pipeline(1, state="RUNNING", result=None, created_at={"seconds": time.time() - 900})
    there = fake(_queued(raw, job, **{"GET /self_hosted_agent_types/s1-a": types}))
    run = await runs.run(there, RUN)
    assert words in run.reason
    assert bool(words) is bool(run.reason)


@pytest.mark.parametrize(
    ("created", "queue", "words"),
    [(900, {"name": "production"}, "in the queue 'production' for"), (900, None, "in its queue for"), (9, None, "")],
)
async def test_a_pipeline_that_waits_for_its_turn_says_so(
    fake: Fake, pipeline: Make, created: int, queue: Any, words: str
) -> None:
    """Other pipelines are before it."""
    raw = pipeline(1, state="QUEUING", result=None, created_at={"seconds": time.time() - created}, queue=queue)
    run = await runs.run(fake(_queued(raw, {})), RUN)
    assert words in run.reason
    assert bool(words) is bool(run.reason)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("There are no agents of type a1 in this organization.", "connect an agent of that type"),
        ("Selected machine type is not available in this organization", "agent.machine"),
        ("Limit of queuing pipelines reached", "cancel queued pipelines"),
        ("Quota exceeded", "higher quota"),
        ("Your trial has EXPIRED", "plan or payment"),
        ("organization is suspended", "plan or payment"),
        ("Secret aws\nnot found", "make the secret"),
        ("revision abc of reference refs/heads/x not found", "push that branch"),
        ("File .semaphore/x.yml is missing", "add the pipeline's file"),
        ("deployment target is cordoned", "deployment target"),
        ("This job never started, so no logs were produced.", "semaphore_pipelines_describe()"),
        ("something new", ""),
    ],
)
def test_what_to_do_is_known_by_semaphores_words(said: str, words: str) -> None:
    """In whatever case and over lines."""
    assert words in reasons.advice(said)
    assert bool(words) is bool(reasons.advice(said))


def test_a_reason_of_several_lines_keeps_its_shape(pipeline: Make) -> None:
    """A YAML error points into its lines; what is green has no reason."""
    raw = pipeline(1, result="FAILED", result_reason="MALFORMED", error_description="line 1\n  ^")
    assert reasons.told(raw).startswith("the pipeline definition is invalid: line 1\n  ^\ncorrect its YAML")
    assert "" == reasons.told(pipeline(1))
    assert "odd" == reasons.with_step("odd", "")


@pytest.mark.parametrize(
    ("branch", "about", "words"),
    [
        ("x", {"run_on": ["tags", "pull_requests"]}, "only by tags, pull_requests (run_on), not by branches"),
        ("x", {"run_on": []}, "by nothing that is pushed"),
        ("refs/tags/v1", {"run_on": ["branches"]}, "not by tags"),
        ("pull-request-7", {"run_on": ["branches"]}, "not by pull_requests"),
        ("x", {"run_on": ["branches"], "whitelist": {"branches": ["main", "/^rel-.*/"]}}, "only these branches: main"),
        ("refs/tags/v1", {"whitelist": {"tags": [str(n) for n in range(9)]}}, "0, 1, 2, 3, 4, …"),
        ("rel-1", {"whitelist": {"branches": ["main", "/^rel-.*/"]}}, ""),
        ("refs/tags/v1", {"whitelist": {"tags": ["v1"]}}, ""),
        ("x", {"whitelist": {"branches": ["/(/", 7]}}, ""),
        ("x", {"run_on": None, "whitelist": None}, ""),
    ],
)
async def test_why_a_branch_is_not_built_stands_in_the_projects_settings(
    fake: Fake, branch: str, about: dict[str, Any], words: str
) -> None:
    """What it starts runs for, and which names it takes."""
    there = fake({"GET /projects/shop": {"metadata": {"name": "shop"}, "spec": {"repository": about}}})
    said = await unbuilt.why(there, "shop", branch)
    assert words in said
    assert bool(words) is bool(said)


async def test_a_branch_without_runs_is_told_why(fake: Fake) -> None:
    """Where the settings do not say, there are just none."""
    project = {"metadata": {"name": "shop", "id": world.SHOP_PROJECT}, "spec": {"repository": {"run_on": ["tags"]}}}
    there = fake({"GET /projects/shop": project, "GET /pipelines": []})
    with pytest.raises(NotFoundError, match=r"no run of x: project shop starts runs only by tags"):
        await runs.runs(there, RunQuery(project="shop", branch="x"))
    assert [] == await runs.runs(there, RunQuery(project="shop", branch="x", status=Status.PASSED))
    assert [] == await runs.runs(there, RunQuery(project="shop"))
