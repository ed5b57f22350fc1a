from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import anyio
import httpx
import pytest

from ci_mcp.core.shapes import RunQuery
from ci_mcp.errors import NotFoundError, UsageError
from ci_mcp.net.api import HttpApi
from ci_mcp.providers.semaphore import hooks, logs, provider, read, runs
from ci_mcp.sandbox.semaphore import world
from ci_mcp.sandbox.serve import Service
from ci_mcp.status import Status

pytestmark = pytest.mark.anyio

Fake = Callable[..., HttpApi]
Make = Callable[..., dict[str, Any]]
RUN = "11111111-1111-1111-1111-111111111111"
PIPELINE = "00000000-0000-0000-0000-000000000001"
ROOT = "https://acme.semaphoreci.com/workflows"
PAGE = f"{ROOT}/{world.SHOP_REBUILT_WORKFLOW}?pipeline_id={world.SHOP_REBUILT_FAILED_PIPELINE}"
REBUILT_JOB = world.job_id("shop", "retried-1", "Integration", "orders - 1/2")
Requests = Callable[[], int]


async def test_runs_are_told_newest_first(api: HttpApi) -> None:
    """With what an explanation compares by."""
    found = await runs.runs(api, RunQuery(project="shop", branch="main", limit=2))
    assert [world.SHOP_MAIN_WORKFLOW, world.SHOP_MAIN_GREEN_WORKFLOW] == [run.id for run in found]
    assert ("shop", "main", Status.FAILED, 48.5) == (
        found[0].project, found[0].branch, found[0].status, found[0].duration)  # fmt: skip
    assert f"https://acme.semaphoreci.com/workflows/{found[0].id}" == found[0].url


async def test_the_last_green_run_costs_one_page(api: HttpApi, requests: Requests) -> None:
    """One request for the id of the project, one for a hundred pipelines."""
    found = await runs.runs(api, RunQuery(project="shop", branch="main", status=Status.PASSED, limit=50))
    assert world.SHOP_MAIN_GREEN_WORKFLOW == found[0].id
    assert {Status.PASSED} == {run.status for run in found}
    assert 2 == requests()


async def test_further_pages_are_read_only_while_nothing_is_found(fake: Fake, pipeline: Make) -> None:
    """At most three."""
    asked: list[httpx.Request] = []

    def listed(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params["page"])
        item = pipeline(page, wf_id=f"11111111-1111-1111-1111-{page:012}", result="PASSED" if page == 2 else "FAILED")
        return httpx.Response(200, json=[item], headers={"link": f'<http://x/?page={page + 1}>; rel="next"'})

    api = fake({"GET /pipelines": listed}, asked)
    project = pipeline(1)["project_id"]
    assert 1 == len(await runs.runs(api, RunQuery(project=project, status=Status.PASSED)))
    assert 2 == len(asked)
    assert [] == await runs.runs(api, RunQuery(project=project, status=Status.CANCELED))
    assert 5 == len(asked)


async def test_a_run_has_the_jobs_of_its_pipelines(api: HttpApi) -> None:
    """And the project's name, where it can be learned in passing."""
    run = await runs.run(api, world.SHOP_MAIN_WORKFLOW)
    assert ("shop", Status.FAILED) == (run.project, run.status)
    assert [("ruff", "Lint", Status.PASSED), ("pytest", "Unit tests", Status.FAILED)] == [
        (job.name, job.block, job.status) for job in run.jobs
    ]


async def test_a_run_that_a_list_showed_as_failed_is_read_side_by_side_at_once(api: HttpApi, service: Service) -> None:
    """Its pipeline and reports do not wait for the list of its pipelines, and cost no more requests than without."""
    service.requests.clear()
    cold = await runs.run(api, world.SHOP_MAIN_WORKFLOW)
    without = dict(service.requests)
    await runs.runs(api, RunQuery(project="shop", branch="main"))
    assert (cold.read[0].id,) == read.known_bad(api, world.SHOP_MAIN_WORKFLOW)
    service.requests.clear()
    warm = await runs.run(api, world.SHOP_MAIN_WORKFLOW)
    names = "GET /api/v1alpha/projects"  # learned from the first time on
    assert without == {names: 1} | dict(service.requests)
    assert cold.jobs == warm.jobs
    assert warm.asked is None


async def test_a_failure_comes_with_its_failing_tests(api: HttpApi, requests: Requests) -> None:
    """Four requests for the run, two for the merged report."""
    run = await runs.run(api, world.SHOP_MAIN_WORKFLOW)
    found = await runs.failures(api, run, "")
    assert [world.SHOP_MAIN_FAILED_JOB] == [failure.job.log_id for failure in found]
    assert 29 == found[0].tests_total
    assert [29, 34] == [case.line for case in found[0].tests]
    assert 6 == requests()


async def test_a_run_made_elsewhere_is_read_again(api: HttpApi) -> None:
    """A copy does not remember what it was made from."""
    run = replace(await runs.run(api, world.SHOP_MAIN_WORKFLOW), title="copied")
    assert [world.SHOP_MAIN_FAILED_JOB] == [failure.job.id for failure in await runs.failures(api, run, "")]


async def test_one_job_can_be_asked_for(api: HttpApi) -> None:
    """A failed one is told alone; of a green one there is nothing to tell."""
    run = await runs.run(api, world.SHOP_NIGHTLY_WORKFLOW)
    every = await runs.failures(api, run, "")
    assert 3 == len(every)
    one = await runs.failures(api, run, every[1].job.id)
    assert [every[1].job] == [failure.job for failure in one]
    main = await runs.run(api, world.SHOP_MAIN_WORKFLOW)
    assert [] == await runs.failures(api, main, world.SHOP_MAIN_PASSED_JOB)


@pytest.mark.parametrize(
    ("workflow", "name", "words", "infrastructure"),
    [
        (world.SHOP_MALFORMED_WORKFLOW, "pipeline Build", "the pipeline definition is invalid: Error", False),
        (world.SHOP_STUCK_WORKFLOW, "train", "Semaphore could not run it and gave up (stuck)", True),
        (world.SHOP_STOPPED_WORKFLOW, "pytest", "it was stopped by who started it", False),
    ],
)
async def test_what_no_log_tells_is_said_in_words(
    api: HttpApi, workflow: str, name: str, words: str, infrastructure: bool
) -> None:
    """Malformed, stuck, stopped; a job that there is has a log to look for."""
    found = await runs.failures(api, await runs.run(api, workflow), "")
    assert [name] == [failure.job.name for failure in found]
    assert found[0].reason.startswith(words)
    assert infrastructure is found[0].infrastructure
    assert name.startswith("pipeline") is (found[0].job.log_id == "")


async def test_a_green_run_has_no_failures(api: HttpApi, requests: Requests) -> None:
    """And no artifacts are asked for."""
    run = await runs.run(api, world.SHOP_REBUILT_WORKFLOW)
    assert Status.PASSED is run.status
    assert [] == await runs.failures(api, run, "")
    assert 3 == requests()


def _job(number: int, result: str = "FAILED", status: str = "FINISHED") -> dict[str, Any]:
    named = f"33333333-3333-3333-3333-{number:012}"
    return {"name": f"job {number}", "job_id": named, "status": status, "result": result}


def _answers(pipeline: dict[str, Any], *blocks: dict[str, Any]) -> dict[str, Any]:
    detailed = {"pipeline": pipeline, "blocks": list(blocks)}
    return {"GET /pipelines": [pipeline], f"GET /pipelines/{PIPELINE}": detailed, "GET /projects": []}


def _block(*jobs: dict[str, Any], **facts: Any) -> dict[str, Any]:
    return {"name": "Tests", "state": "done", "result": "failed", "result_reason": "test", "jobs": list(jobs)} | facts


@pytest.mark.parametrize(
    ("facts", "block", "words"),
    [
        ({"result": "STOPPED", "result_reason": "TIMEOUT"}, {"result": "stopped", "result_reason": "timeout"},
         "its execution time limit ran out"),
        ({}, {"result_reason": "fast_failing", "result": "canceled"}, "fail_fast stopped it"),
        ({"result": "CANCELED", "result_reason": "STRATEGY"}, {"result": "canceled", "result_reason": "strategy"},
         "auto_cancel stopped it"),
        ({}, {}, "it was stopped (a command that exits with 130 does that too)"),
    ],
)  # fmt: skip
async def test_why_a_job_was_stopped_is_said(
    fake: Fake, pipeline: Make, facts: dict[str, Any], block: dict[str, Any], words: str
) -> None:
    """By a limit, by another job's failure, by a newer run, by itself."""
    raw = pipeline(1, **({"result": "FAILED"} | facts))
    api = fake(_answers(raw, _block(_job(1, "STOPPED"), **block)))
    found = await runs.failures(api, await runs.run(api, RUN), "")
    assert [Status.CANCELED] == [failure.job.status for failure in found]
    assert found[0].reason.startswith(words)
    assert found[0].job.log_id


async def test_a_job_that_never_started_has_no_log(fake: Fake, pipeline: Make) -> None:
    """Its block has ended without it."""
    stuck = _block(_job(1, "", "ENQUEUED"), result_reason="stuck")
    api = fake(_answers(pipeline(1, result="FAILED", result_reason="STUCK"), stuck))
    found = await runs.failures(api, await runs.run(api, RUN), "")
    assert found[0].reason.startswith("it never started: Semaphore could not run it and gave up (stuck); run its")
    assert (True, "") == (found[0].infrastructure, found[0].job.log_id)


async def test_a_block_that_failed_without_jobs_is_told(fake: Fake, pipeline: Make) -> None:
    """With what Semaphore says of it; one that was only skipped over is not."""
    bad = _block(error_description="no such secret: deploy", name="Deploy")
    later = _block(name="Later", result="canceled", result_reason="internal")
    api = fake(_answers(pipeline(1, result="FAILED"), bad, later))
    found = await runs.failures(api, await runs.run(api, RUN), "")
    assert [("Deploy", "no such secret: deploy")] == [(failure.job.name, failure.reason) for failure in found]


async def test_a_failure_that_nothing_explains_is_still_told(fake: Fake, pipeline: Make) -> None:
    """The pipeline itself stands for it."""
    api = fake(_answers(pipeline(1, result="FAILED")))
    found = await runs.failures(api, await runs.run(api, RUN), "")
    assert [("pipeline Build", "no job of it tells why")] == [(one.job.name, one.reason) for one in found]


async def test_a_failing_run_is_explained_while_it_runs(fake: Fake, pipeline: Make) -> None:
    """Its failed job is known; jobs that run are no failures."""
    block = _block(_job(1), _job(2, "", "RUNNING"), state="running", result="", result_reason="")
    api = fake(_answers(pipeline(1, state="RUNNING"), block))
    run = await runs.run(api, RUN)
    assert Status.FAILING is run.status
    assert ["job 1"] == [failure.job.name for failure in await runs.failures(api, run, "")]


async def test_jobs_of_several_pipelines_are_told_apart(fake: Fake, pipeline: Make) -> None:
    """Their blocks carry the pipeline's name; failed pipelines are read first, at most four."""
    first = pipeline(1)
    more = [pipeline(number, name=f"Deploy {number}", promotion_of=PIPELINE) for number in range(2, 7)]
    more[-1]["result"] = "FAILED"
    asked: list[httpx.Request] = []
    detailed = {
        f"GET /pipelines/{raw['ppl_id']}": {"pipeline": raw, "blocks": [_block(_job(9))]} for raw in (first, *more)
    }
    run = await runs.run(fake({"GET /pipelines": [*reversed(more), first], **detailed}, asked), RUN)
    assert 4 == sum(request.url.path.startswith("/api/v1alpha/pipelines/0") for request in asked)
    assert more[-1]["ppl_id"] in [request.url.path.rpartition("/")[2] for request in asked]
    assert "Deploy 6 / Tests" in [job.block for job in run.jobs]
    assert "Deploy 6: failed" == run.word


class Rounds:
    """Holds requests back until nothing else can be asked, then answers all of them: one round."""

    def __init__(self) -> None:
        """Nothing was asked yet."""
        self.deep = 0
        self.held: list[anyio.Event] = []

    async def __call__(self) -> None:
        """Hold one request."""
        event = anyio.Event()
        self.held.append(event)
        await event.wait()

    async def conduct(self) -> None:
        """Answer round after round, until it is canceled."""
        while True:
            await anyio.wait_all_tasks_blocked()
            held, self.held = self.held, []
            self.deep += bool(held)
            for event in held:
                event.set()
            await anyio.sleep(0.001)


@pytest.mark.parametrize("failed", [1, 2, 3, 4, 5])
async def test_an_explanation_stays_within_its_requests(fake: Fake, pipeline: Make, failed: int) -> None:
    """Run, failures, logs and the last green run: at most 15 requests, at most 5 one after the other."""
    asked: list[httpx.Request] = []
    rounds = Rounds()
    events = {"events": [{"event": "cmd_output", "output": "no\n"}]}
    signed = {"items": [{"path": "x", "url": "https://storage.example.com/x"}]}
    api = fake(
        _answers(pipeline(1, result="FAILED"), _block(*map(_job, range(failed))))
        | {f"GET /logs/{_job(number)['job_id']}": events for number in range(failed)}
        | {"GET /artifacts": httpx.Response(404, json="Artifact path not found")}
        | {"GET /artifacts/signed_url": signed},
        asked,
        rounds=rounds,
    )

    async def read(job: str) -> None:
        assert b"no\n" == b"".join([piece async for piece in logs.log(api, job)])

    async with anyio.create_task_group() as conductor:
        conductor.start_soon(rounds.conduct)
        run = await runs.run(api, RUN)
        found = await runs.failures(api, run, "")
        async with anyio.create_task_group() as group:
            for failure in found:
                group.start_soon(read, failure.job.log_id)
        assert 5 >= rounds.deep
        await runs.runs(api, RunQuery(project=run.project, branch=run.branch, status=Status.PASSED, limit=50))
        conductor.cancel_scope.cancel()
    assert failed == len(found)
    assert 15 >= len(asked)


async def test_a_pasted_job_is_explained_in_five_round_trips(fake: Fake, pipeline: Make) -> None:
    """Its page leads to its run and pipeline, which are read at once."""
    asked: list[httpx.Request] = []
    rounds = Rounds()
    job = _job(1)["job_id"]
    around = {"job": {"id": job}, "workflow": {"wf_id": RUN}, "pipeline": {"ppl_id": PIPELINE}}
    report = {"testResults": []}
    api = fake(
        _answers(pipeline(1, result="FAILED"), _block(_job(1), _job(2)))
        | {f"GET /troubleshoot/job/{job}": around, f"GET /logs/{job}": {"events": []}, "GET /x": report}
        | {"GET /artifacts": {"artifacts": [{"name": f"{PIPELINE}.json"}]}}
        | {"GET /artifacts/signed_url": {"items": [{"url": "https://storage.example.com/x"}]}},
        asked,
        rounds=rounds,
    )
    async with anyio.create_task_group() as conductor:
        conductor.start_soon(rounds.conduct)
        place = await hooks.locate(api, f"https://acme.semaphoreci.com/jobs/{job}")
        assert place is not None
        run = await runs.run(api, place.run)
        found = await runs.failures(api, run, place.job)
        assert b"" == b"".join([piece async for piece in logs.log(api, found[0].job.log_id)])
        conductor.cancel_scope.cancel()
    assert [job] == [failure.job.id for failure in found]
    assert (5, 8) == (rounds.deep, len(asked))


async def test_a_job_that_was_run_again_is_still_explained(api: HttpApi) -> None:
    """Its rebuilt run is green; what was asked about is its first try."""
    failed = await runs.run(api, PAGE)
    assert Status.PASSED is failed.status
    assert [] == await runs.failures(api, failed, "")
    found = await runs.failures(api, failed, REBUILT_JOB)
    assert [Status.FAILED] == [failure.job.status for failure in found]


async def test_a_page_of_another_runs_pipeline_changes_nothing(api: HttpApi) -> None:
    """Nor does one of a pipeline that is not there."""
    for pipeline in (world.SHOP_NIGHTLY_PIPELINE, RUN):
        page = f"{ROOT}/{world.SHOP_TAG_WORKFLOW}?pipeline_id={pipeline}"
        run = await runs.run(api, page)
        assert (world.SHOP_TAG_WORKFLOW, Status.PASSED) == (run.id, run.status)
        assert 4 == len(run.jobs)


async def test_reports_that_cannot_be_read_do_not_hide_the_failure(fake: Fake, pipeline: Make) -> None:
    """They only add to the log."""
    broken = {"GET /artifacts": {"artifacts": [{"name": f"{PIPELINE}.json"}]}, "GET /artifacts/signed_url": []}
    for artifacts in ({"GET /artifacts": httpx.Response(403, text="off")}, broken):
        api = fake(_answers(pipeline(1, result="FAILED"), _block(_job(1))) | artifacts)
        found = await runs.failures(api, await runs.run(api, RUN), "")
        assert [()] == [failure.tests for failure in found]


async def test_failed_pipelines_are_run_again_within_their_run(api: HttpApi) -> None:
    """The run keeps its id; a whole rerun is a new one."""
    assert world.SHOP_MAIN_WORKFLOW == await runs.rerun(api, world.SHOP_MAIN_WORKFLOW, failed_only=True)
    again = await runs.run(api, world.SHOP_MAIN_WORKFLOW)
    assert not again.status.finished
    assert world.SHOP_NIGHTLY_WORKFLOW != await runs.rerun(api, world.SHOP_NIGHTLY_WORKFLOW, failed_only=False)


async def test_of_a_green_run_nothing_can_be_run_again_in_part(api: HttpApi) -> None:
    """The error says what can be done."""
    with pytest.raises(UsageError, match=r"no pipeline of run .* has failed: run all of it again"):
        await runs.rerun(api, world.SHOP_MAIN_GREEN_WORKFLOW, failed_only=True)


async def test_a_run_that_is_not_there_is_not_found(api: HttpApi) -> None:
    """For every hook that takes one."""
    asking: list[Callable[..., Awaitable[Any]]] = [runs.run, lambda api, run: runs.rerun(api, run, failed_only=True)]
    for hook in asking:
        with pytest.raises(NotFoundError, match="no workflow"):
            await hook(api, world.HIDDEN_WORKFLOW)
    assert provider.hooks.run is runs.run
