"""How things advance: the service itself, with a clock moved by hand."""

import asyncio
from typing import Any

import httpx
import pytest

from ci_mcp.sandbox.plan import Clock, Site
from ci_mcp.sandbox.semaphore import build, world

RUN = {"project_id": world.SHOP_PROJECT, "reference": "release"}


class Hand:
    """A Semaphore whose time is ``moment``, and one call to it."""

    def __init__(self) -> None:
        """Start it; nothing moves until ``moment`` does."""
        outer = self

        class Moved(Clock):
            def now(self) -> float:
                return outer.moment

        self.moment = 0.0
        urls = {"api": "http://api.test", "storage": "http://storage.test", "mcp": "http://mcp.test"}
        self.app = build(Site(urls, Moved(1_800_000_000.0))).apps["api"]

    def call(self, path: str, method: Any = "GET", **options: Any) -> httpx.Response:
        """The answer to one request, read as JSON where it is."""

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as client:
                headers = {"Authorization": f"Bearer {world.TOKEN}"}
                return await client.request(method, f"/api/v1alpha{path}", headers=headers, **options)

        return asyncio.run(ask())

    def describe(self, pipeline_id: str, at: float | None = None) -> Any:
        """A pipeline with its blocks, at a moment."""
        self.moment = self.moment if at is None else at
        return self.call(f"/pipelines/{pipeline_id}?detailed=true").json()

    def start(self) -> str:
        """The pipeline of a new run of the branch release."""
        return self.call("/plumber-workflows", "POST", json=RUN).json()["pipeline_id"]


@pytest.fixture
def hand() -> Hand:
    """A Semaphore at the moment of its start."""
    return Hand()


def test_a_run_goes_through_its_states(hand: Hand) -> None:
    """Initializing, pending, queuing, running, done within seconds; a result only at the end."""
    run = hand.start()
    seen = {}
    for tenth in range(100):
        pipeline = hand.describe(run, tenth / 10)["pipeline"]
        seen[pipeline["state"]] = pipeline.get("result"), pipeline.get("result_reason")
    nothing = (None, None)
    assert ["initializing", "pending", "queuing", "running", "done"] == list(seen)
    assert [nothing, nothing, nothing, nothing, ("passed", "test")] == list(seen.values())


def test_the_times_of_a_run_are_unset_until_they_come(hand: Hand) -> None:
    """1970 in the description; zeros in the list."""
    run = hand.start()
    described = hand.describe(run, 0.5)["pipeline"]
    listed = hand.call("/pipelines", params={"project_id": world.SHOP_PROJECT, "branch_name": "release"}).json()[0]
    assert ("1970-01-01 00:00:00.000000Z", run) == (described["running_at"], listed["ppl_id"])
    assert ({"seconds": 0, "nanos": 0}, "PENDING") == (listed["running_at"], listed["state"])
    assert 1_800_000_000 == listed["created_at"]["seconds"]


def test_blocks_and_jobs_advance(hand: Hand) -> None:
    """A block waits for those before it; its jobs are queued, run and finish, with a result only then."""
    run = hand.start()
    waiting = hand.describe(run, 0.9)["blocks"]
    queued = hand.describe(run, 1.2)["blocks"]
    running = hand.describe(run, 2.0)["blocks"]
    done = hand.describe(run, 3.5)["blocks"]
    assert ["waiting"] * 3 == [block["state"] for block in waiting]
    assert [[], []] == [block["jobs"] for block in waiting[:2]]
    assert ["ENQUEUED", "RUNNING", "RUNNING"] == [blocks[1]["jobs"][0]["status"] for blocks in (queued, running, done)]
    assert ["", "PASSED"] == [blocks[0]["jobs"][0]["result"] for blocks in (running, done)]
    assert not {"result", "result_reason"} & set(running[0])
    assert "waiting" == done[2]["state"]


def test_a_job_advances_on_the_gateway(hand: Hand) -> None:
    """Not there before its block begins; then queued, running and finished, NONE until the end."""
    run = hand.start()
    hand.moment = 1.2
    job = hand.describe(run)["blocks"][1]["jobs"][0]["job_id"]
    seen = []
    for moment in (0.9, 1.2, 2.0, 6.0):
        hand.moment = moment
        answer = hand.call(f"/jobs/{job}")
        seen.append(answer.status_code if answer.is_error else tuple(answer.json()["status"].values())[:2])
    assert [404, ("NONE", "QUEUED"), ("NONE", "RUNNING"), ("PASSED", "FINISHED")] == seen


def test_a_log_grows(hand: Hand) -> None:
    """What it said stays; it ends with the job."""
    hand.moment = -20
    first = hand.call(f"/logs/{world.SHOP_FAILS_SOON_JOB}").json()["events"]
    hand.moment = 5
    whole = hand.call(f"/logs/{world.SHOP_FAILS_SOON_JOB}").json()["events"]
    assert 3 < len(first) < len(whole)
    assert first == whole[: len(first)]
    assert ("job_finished", "failed") == (whole[-1]["event"], whole[-1]["result"])


def test_a_queued_job_has_no_log_yet(hand: Hand) -> None:
    """And no reason why."""
    run = hand.start()
    hand.moment = 1.2
    job = hand.describe(run)["blocks"][1]["jobs"][0]["job_id"]
    answer = hand.call(f"/logs/{job}")
    assert (404, "Log not found neither in the archive nor in the virtual machine") == (
        answer.status_code,
        answer.json(),
    )


def test_a_self_hosted_log_says_where_to_go_on(hand: Hand) -> None:
    """Its next is a number while the job runs, and null at its end."""
    body = {"project_id": world.PROJECTS["warehouse"].id, "reference": "main"}
    run = hand.call("/plumber-workflows", "POST", json=body).json()["pipeline_id"]
    hand.moment = 1.2
    job = hand.describe(run)["blocks"][0]["jobs"][0]["job_id"]
    location = hand.call(f"/logs/{job}").headers["location"]
    path = "/../v1/logs" + location.partition("/logs")[2]
    assert {"events": [], "next": 0} == hand.call(path).json()
    hand.moment = 1.6
    growing = hand.call(path).json()
    assert len(growing["events"]) == growing["next"]
    hand.moment = 10
    rest = hand.call(f"{path}&token={growing['next']}").json()
    assert (None, "job_finished") == (rest["next"], rest["events"][-1]["event"])
    hand.moment = 400
    assert 401 == hand.call(path).status_code


def test_artifacts_come_with_the_end_of_a_job(hand: Hand) -> None:
    """While it runs there are none."""
    query = {"scope": "jobs", "scope_id": world.SHOP_FAILS_SOON_JOB}
    running = hand.call("/artifacts", params=query).json()
    hand.moment = 5
    done = hand.call("/artifacts", params=query).json()
    assert [0, 2] == [len(answer["artifacts"]) for answer in (running, done)]


def test_a_running_pipeline_is_stopped(hand: Hand) -> None:
    """It is stopping for a second; jobs that ran are stopped, blocks that waited canceled."""
    run = hand.start()
    hand.describe(run, 2.0)
    assert isinstance(hand.call(f"/pipelines/{run}", "PATCH", json={"terminate_request": True}).json(), str)
    stopping = hand.describe(run, 2.5)
    done = hand.describe(run, 3.1)
    assert ("stopping", "stopping", "waiting") == (
        stopping["pipeline"]["state"],
        stopping["blocks"][0]["state"],
        stopping["blocks"][2]["state"],
    )
    assert ("stopped", "user", world.ME) == tuple(
        done["pipeline"][key] for key in ("result", "result_reason", "terminated_by")
    )
    assert ["stopped", "stopped", "canceled"] == [block["result"] for block in done["blocks"]]


def test_a_pipeline_stopped_in_the_queue_is_canceled(hand: Hand) -> None:
    """It never ran, so it has no time of running."""
    run = hand.start()
    hand.describe(run, 0.2)
    hand.call(f"/pipelines/{run}", "PATCH", json={"terminate_request": True})
    pipeline = hand.describe(run, 4.0)["pipeline"]
    assert ("done", "canceled", "user") == tuple(pipeline[key] for key in ("state", "result", "result_reason"))
    assert pipeline["running_at"].startswith("1970")


def test_a_job_stopped_in_the_queue_never_started(hand: Hand) -> None:
    """Its log says so; what waits for its block is canceled, the other blocks run on; twice changes nothing."""
    run = hand.start()
    hand.moment = 1.2
    job = hand.describe(run)["blocks"][0]["jobs"][0]["job_id"]
    assert {} == hand.call(f"/jobs/{job}/stop", "POST").json()
    ended = hand.describe(run, 9.0)
    assert ["stopped", "passed", "canceled"] == [block["result"] for block in ended["blocks"]]
    assert "stopped" == ended["pipeline"]["result"]
    answer = hand.call(f"/logs/{job}")
    assert "This job was stopped before it started, so no logs were produced." == answer.json()
    assert {} == hand.call(f"/jobs/{job}/stop", "POST").json()
    assert ended == hand.describe(run)


def test_a_rebuild_runs_only_what_did_not_pass(hand: Hand) -> None:
    """What passed is done at once; the failure comes again, for nobody has mended it."""
    path = f"/pipelines/{world.SHOP_MAIN_PIPELINE}/partial_rebuild?request_token=t"
    run = hand.call(path, "POST").json()["pipeline_id"]
    assert ["done", "running"] == [block["state"] for block in hand.describe(run, 2.0)["blocks"][:2]]
    assert "failed" == hand.describe(run, 9.0)["pipeline"]["result"]


def test_a_malformed_run_fails_again(hand: Hand) -> None:
    """Run anew, with its error and without blocks."""
    body = {"project_id": world.SHOP_PROJECT, "reference": "ci-setup"}
    run = hand.call("/plumber-workflows", "POST", json=body).json()["pipeline_id"]
    answer = hand.describe(run, 9.0)
    assert ("failed", "malformed", []) == (
        answer["pipeline"]["result"],
        answer["pipeline"]["result_reason"],
        answer["blocks"],
    )


def test_the_last_running_job_can_be_stopped_alone(hand: Hand) -> None:
    """The other block has failed before: so has the pipeline."""
    run = hand.call(f"/plumber-workflows/{world.SHOP_MAIN_WORKFLOW}/reschedule?request_token=t", "POST").json()[
        "ppl_id"
    ]
    jobs = [block["jobs"][0]["job_id"] for block in hand.describe(run, 2.0)["blocks"][:2]]
    hand.call(f"/jobs/{jobs[0]}/stop", "POST")
    ended = hand.describe(run, 9.0)
    assert ["stopped", "failed", "canceled"] == [block["result"] for block in ended["blocks"]]
    assert "failed" == ended["pipeline"]["result"]


def test_a_pipeline_is_stopped_whose_jobs_have_ended_in_part(hand: Hand) -> None:
    """A job that had ended keeps its result, the one beside it is stopped."""
    run = hand.start()
    hand.describe(run, 5.97)
    hand.call(f"/pipelines/{run}", "PATCH", json={"terminate_request": True})
    jobs = hand.describe(run, 9.0)["blocks"][2]["jobs"]
    assert ["PASSED", "STOPPED"] == [job["result"] for job in jobs]


def test_a_self_hosted_job_stopped_in_the_queue_has_an_empty_log(hand: Hand) -> None:
    """The redirect is given all the same."""
    body = {"project_id": world.PROJECTS["warehouse"].id, "reference": "main"}
    run = hand.call("/plumber-workflows", "POST", json=body).json()["pipeline_id"]
    job = hand.describe(run, 1.2)["blocks"][0]["jobs"][0]["job_id"]
    hand.call(f"/jobs/{job}/stop", "POST")
    hand.moment = 9.0
    location = hand.call(f"/logs/{job}").headers["location"]
    log = hand.call("/../v1/logs" + location.partition("/logs")[2]).json()
    assert (["job_finished"], None) == ([event["event"] for event in log["events"]], log["next"])


def test_a_rule_promotes_what_has_passed(hand: Hand) -> None:
    """After the pipeline's end there is a second one, which nobody triggered; before, it is not found."""
    rerun = hand.call(f"/plumber-workflows/{world.SHOP_BLOCKED_WORKFLOW}/reschedule?request_token=t", "POST").json()
    hand.moment = 6.0
    assert [] == hand.call("/promotions", params={"pipeline_id": rerun["ppl_id"]}).json()
    hand.moment = 20.0
    (trigger,) = hand.call("/promotions", params={"pipeline_id": rerun["ppl_id"]}).json()
    assert ("Staging", "Pipeline Done request", "passed") == (
        trigger["name"],
        trigger["triggered_by"],
        trigger["status"],
    )
    promoted = f"/pipelines/{trigger['scheduled_pipeline_id']}"
    assert "passed" == hand.call(promoted).json()["pipeline"]["result"]
    hand.moment = 6.0
    assert 404 == hand.call(promoted).status_code


def test_nothing_is_promoted_of_what_was_stopped(hand: Hand) -> None:
    """The rule never comes to be asked."""
    rerun = hand.call(f"/plumber-workflows/{world.SHOP_BLOCKED_WORKFLOW}/reschedule?request_token=t", "POST").json()
    hand.moment = 3.0
    hand.call(f"/pipelines/{rerun['ppl_id']}", "PATCH", json={"terminate_request": True})
    hand.moment = 20.0
    assert [] == hand.call("/promotions", params={"pipeline_id": rerun["ppl_id"]}).json()
    assert 1 == len(hand.call("/pipelines", params={"wf_id": rerun["wf_id"]}).json())


def test_a_failed_pipeline_is_promoted_by_no_rule_until_it_is_mended(hand: Hand) -> None:
    """Its rebuild fails again here, so nothing is promoted either."""
    path = f"/pipelines/{world.SHOP_FAIL_FAST_PIPELINE}/partial_rebuild?request_token=t"
    rebuilt = hand.call(path, "POST").json()["pipeline_id"]
    hand.moment = 20.0
    assert [] == hand.call("/promotions", params={"pipeline_id": rebuilt}).json()
