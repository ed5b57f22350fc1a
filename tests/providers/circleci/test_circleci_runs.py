"""What triage asks of runs, against the sandbox in both shapes."""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import anyio
import httpx
import pytest

from ci_mcp.core.shapes import Job, Run, RunQuery
from ci_mcp.errors import NotFoundError, UsageError
from ci_mcp.net.api import HttpApi
from ci_mcp.providers.circleci import again, failures, hooks, listing, logs, read, runs
from ci_mcp.sandbox.circleci import build, world
from ci_mcp.sandbox.plan import Clock, Site
from ci_mcp.sandbox.serve import Service
from ci_mcp.status import Status

pytestmark = pytest.mark.anyio

Fake = Callable[..., HttpApi]
RUN = "5034460f-c7c4-4c43-9457-de07e2029e7b"
FLOW = "fda08377-fe7e-46b1-8992-3a7aaecac9c3"
PROJECT = "3f0b5f0e-1111-4111-8111-000000000001"


async def test_runs_are_told_newest_first(either: HttpApi) -> None:
    """By one search, or by lists."""
    found = await listing.runs(either, RunQuery(project="gh/acme/shop", branch="main", limit=3))
    assert [world.SHOP_MAIN_PIPELINE] == [run.id for run in found][:1]
    assert ("gh/acme/shop", "main", Status.FAILED, "ada") == (
        found[0].project,
        found[0].branch,
        found[0].status,
        found[0].actor,
    )
    assert found[0].url.endswith("/pipelines/gh/acme/shop/836")
    assert 1 < len(found) <= 3


@pytest.mark.parametrize("project", ["shop", "gh/acme/shop", "https://app.circleci.com/pipelines/github/acme/shop"])
async def test_a_project_has_several_names(api: HttpApi, project: str) -> None:
    """A bare name is one of the followed projects."""
    assert world.SHOP_MAIN_PIPELINE in [
        run.id for run in await listing.runs(api, RunQuery(project=project, branch="main"))
    ]


async def test_the_last_green_run_is_found(either: HttpApi) -> None:
    """On a server among the newest pipelines only."""
    found = await listing.runs(either, RunQuery(project="gh/acme/shop", branch="main", status=Status.PASSED))
    assert world.SHOP_MAIN_GREEN_PIPELINE == found[0].id
    assert {Status.PASSED} == {run.status for run in found}


async def test_without_a_search_older_runs_stay_unknown(server: HttpApi, service: Service) -> None:
    """Each status costs a request: the newest of a branch is worth it."""
    service.requests.clear()
    found = await listing.runs(server, RunQuery(project="gh/acme/shop", branch="main"))
    assert Status.FAILED is found[0].status
    assert {(Status.UNKNOWN, "not looked up")} == {(run.status, run.word) for run in found[1:]}
    assert 3 == service.requests.total()


async def test_a_run_of_a_commit_is_found(either: HttpApi) -> None:
    """Neither route filters by it."""
    every = await listing.runs(either, RunQuery(project="gh/acme/shop", branch="main"))
    found = await listing.runs(either, RunQuery(project="gh/acme/shop", branch="main", commit=every[1].commit[:12]))
    assert {every[1].commit} == {run.commit for run in found}
    assert [] == await listing.runs(either, RunQuery(project="gh/acme/shop", commit="f" * 40))


async def test_runs_of_every_branch_have_their_real_status(either: HttpApi) -> None:
    """A configuration error is a failure, a run on hold is blocked, though the search says neither."""
    found = {run.id: run for run in await listing.runs(either, RunQuery(project="gh/acme/shop", limit=20))}
    assert Status.FAILED is found[world.SHOP_MAIN_PIPELINE].status
    assert (Status.FAILED, "error") == (
        found[world.SHOP_MALFORMED_PIPELINE].status,
        found[world.SHOP_MALFORMED_PIPELINE].word,
    )
    assert found[world.SHOP_MALFORMED_PIPELINE].reason.startswith("the configuration is invalid")
    assert Status.BLOCKED is found[world.SHOP_HOLD_PIPELINE].status


async def test_no_project_is_told(either: HttpApi) -> None:
    """By a search, which finds nothing, as by a 404."""
    with pytest.raises(NotFoundError, match="no project gh/acme/nothing"):
        await listing.runs(either, RunQuery(project="gh/acme/nothing"))


@pytest.mark.parametrize(
    "name",
    [world.SHOP_MAIN_PIPELINE, "gh/acme/shop/836", f"workflow/{world.SHOP_MAIN_WORKFLOW}", world.SHOP_MAIN_WORKFLOW,
     f"gh/acme/shop/836/workflows/{world.SHOP_MAIN_WORKFLOW}",
     f"https://app.circleci.com/pipelines/gh/acme/shop/836/workflows/{world.SHOP_MAIN_WORKFLOW}"],
)  # fmt: skip
async def test_a_run_is_a_pipeline_or_one_of_its_workflows(api: HttpApi, name: str) -> None:
    """Whatever names it; the failed job has a log, the others none."""
    run = await runs.run(api, name)
    assert (Status.FAILED, "main", "gh/acme/shop", 3) == (run.status, run.branch, run.project, len(run.jobs))
    assert ["test"] == [job.name for job in run.jobs if job.log_id]
    assert f"gh/acme/shop/{(await runs.run(api, run.id)).jobs[0].id.rpartition('/')[2]}" == run.jobs[0].id


async def test_what_names_no_run_is_refused(api: HttpApi) -> None:
    """And what is not there is told."""
    with pytest.raises(UsageError, match="names no run"):
        await runs.run(api, "../me")
    with pytest.raises(NotFoundError, match=f"no workflow {RUN}"):
        await runs.run(api, RUN)
    with pytest.raises(NotFoundError, match="no pipeline gh/acme/shop/99999"):
        await runs.run(api, "gh/acme/shop/99999")


@pytest.mark.parametrize(
    ("pipeline", "status", "jobs", "reason"),
    [
        (world.SHOP_MALFORMED_PIPELINE, Status.FAILED, 0, "the configuration is invalid: "),
        (world.SHOP_UNAUTHORIZED_PIPELINE, Status.FAILED, 1, "CircleCI refused to run it"),
        (world.SHOP_NOT_RUN_PIPELINE, Status.SKIPPED, 1, "no job of it ran"),
        (world.SHOP_HOLD_PIPELINE, Status.BLOCKED, 3, "it waits for somebody's approval: circleci_workflows_approve("),
        (world.SHOP_RETRIED_PIPELINE, Status.PASSED, 3, ""),
        (world.SHOP_DYNAMIC_PIPELINE, Status.FAILED, 3, ""),
        (world.SHOP_FAILING_PIPELINE, Status.FAILING, 2, ""),
    ],
)
async def test_why_a_run_stands_is_said_in_words(
    either: HttpApi, pipeline: str, status: Status, jobs: int, reason: str
) -> None:
    """Where no log can say it; a rerun replaces what it reran, a setup workflow is not shown."""
    run = await runs.run(either, pipeline)
    assert (status, jobs) == (run.status, len(run.jobs))
    assert run.reason.startswith(reason)
    assert bool(reason) is bool(run.reason)


async def test_only_failed_jobs_are_looked_into(either: HttpApi, service: Service) -> None:
    """One request for the tests of the one that failed."""
    run = await runs.run(either, world.SHOP_MAIN_PIPELINE)
    service.requests.clear()
    (found,) = await failures.failures(either, run, "")
    assert ("test", 29, [29, 34]) == (found.job.name, found.tests_total, [case.line for case in found.tests])
    assert ["GET /api/v2/project/{vcs}/{org}/{repo}/{number}/tests"] == list(service.requests)
    green = next(job for job in run.jobs if job.status is Status.PASSED)
    assert [] == await failures.failures(either, run, green.id)


@pytest.mark.parametrize(
    ("pipeline", "words", "infrastructure"),
    [
        (world.SHOP_INFRA_PIPELINE, "CircleCI's machine or network failed, not the code: run it again: Infrastructure failure", True),
        (world.SHOP_TIMEOUT_PIPELINE, "CircleCI stopped it: it ran out of time", False),
        (world.SHOP_CANCELED_PIPELINE, "it was canceled", False),
        (world.SHOP_UNAUTHORIZED_PIPELINE, "CircleCI refused to run it", False),
    ],
)  # fmt: skip
async def test_what_no_log_tells_is_said(api: HttpApi, pipeline: str, words: str, infrastructure: bool) -> None:
    """With CircleCI's own message where it has one."""
    (found,) = await failures.failures(api, await runs.run(api, pipeline), "")
    assert found.reason.startswith(words)
    assert infrastructure is found.infrastructure


async def test_a_run_without_jobs_is_read_again_for_its_failures(api: HttpApi) -> None:
    """One that came from a list has none; a configuration error has none to read."""
    listed = (await listing.runs(api, RunQuery(project="gh/acme/shop", branch="main")))[0]
    assert ["test"] == [found.job.name for found in await failures.failures(api, listed, "")]
    assert [] == await failures.failures(api, await runs.run(api, world.SHOP_MALFORMED_PIPELINE), "")


async def test_reports_that_cannot_be_read_do_not_hide_the_failure(fake: Fake) -> None:
    """They only add to the log."""
    job = Job(status=Status.FAILED, name="test", id="gh/acme/web/1", log_id="gh/acme/web/1")
    run = Run(status=Status.FAILED, id=RUN, jobs=(job,))
    assert [()] == [found.tests for found in await failures.failures(fake({}), run, "")]
    lost = replace(job, word="infrastructure_fail")
    (found,) = await failures.failures(fake({}), replace(run, jobs=(lost,)), "")
    assert found.infrastructure


def _search(*data: dict[str, Any], next_: str | None = None) -> dict[str, Any]:
    return {"data": list(data), "page": {"next": next_, "prev": None}}


async def test_a_search_goes_on_while_nothing_is_found(fake: Fake) -> None:
    """At most three pages; a run that goes on is looked up."""
    bodies: list[Any] = []
    vcs = {"branch": "main", "revision": "c" * 40}

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(request.read())
        raw = {"id": RUN, "attributes": {"phase": "started"}, "references": {"event": {"attributes": {"vcs": vcs}}}}
        return httpx.Response(200, json=_search(raw, next_=str(len(bodies))))

    answers = {
        "GET /v3/projects": _search({"id": PROJECT}),
        "POST /v3/runs/search": answer,
        f"GET /v2/pipeline/{RUN}/workflow": {"items": [{"id": FLOW, "name": "a", "status": "on_hold"}]},
    }
    api = fake(answers)
    assert [] == await listing.runs(api, RunQuery(project="gh/acme/web", commit="d" * 40))
    assert 3 == len(bodies)
    (found,) = await listing.runs(api, RunQuery(project="gh/acme/web", branch="main", limit=1))
    assert (Status.BLOCKED, f"https://app.circleci.com/pipeline/{RUN}") == (found.status, found.url)
    assert b'"filter":"pipeline.git.branch == \\"main\\""' in bodies[-1].replace(b'": "', b'":"')


async def test_a_search_that_is_refused_gives_way_to_the_lists(fake: Fake) -> None:
    """They are documented, and cost more."""
    raw = {"id": RUN, "number": 25, "state": "created", "project_slug": "gh/acme/web"}
    answers = {
        "GET /v3/projects": _search({"id": PROJECT}),
        "POST /v3/runs/search": httpx.Response(400, json={"error": {"title": "Invalid filter"}}),
        "GET /v2/project/gh/acme/web/pipeline": {"items": [raw]},
        f"GET /v2/pipeline/{RUN}/workflow": {"items": [{"id": FLOW, "name": "a", "status": "success"}]},
    }
    assert [Status.PASSED] == [run.status for run in await listing.runs(fake(answers), RunQuery(project="gh/acme/web"))]


async def test_a_search_without_v3_is_told_by_a_404(fake: Fake) -> None:
    """Of a host that turns out not to serve it."""
    gone = {"GET /v3/projects": _search({"id": PROJECT}), "GET /v2/project/gh/acme/web/pipeline": {"items": []}}
    assert [] == await listing.runs(fake(gone), RunQuery(project="gh/acme/web"))


async def test_a_branch_is_quoted_in_the_search(fake: Fake) -> None:
    """It may hold whatever git allows."""
    bodies: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(request.read())
        return httpx.Response(200, json=_search())

    api = fake({"GET /v3/projects": _search({"id": PROJECT}), "POST /v3/runs/search": answer})
    await listing.runs(api, RunQuery(project="gh/acme/web", branch='a" or "b', status=Status.PASSED))
    assert b'a\\\\\\" or \\\\\\"b' in bodies[0]
    assert b"pipeline.status" in bodies[0]


async def test_failed_workflows_are_run_again_within_their_pipeline(
    fresh: Service, opened: Callable[..., HttpApi]
) -> None:
    """The pipeline keeps its id; a workflow's rerun is a new one."""
    async with opened(fresh) as api:
        assert world.SHOP_MAIN_PIPELINE == await again.rerun(api, world.SHOP_MAIN_PIPELINE, failed_only=True)
        assert not (await runs.run(api, world.SHOP_MAIN_PIPELINE)).status.finished
        started = await again.rerun(api, f"workflow/{world.SHOP_RELEASE_WORKFLOW}", failed_only=False)
        assert started.startswith("workflow/")
        assert started != await again.rerun(api, world.SHOP_RELEASE_WORKFLOW, failed_only=False)
        assert world.SHOP_DYNAMIC_PIPELINE == await again.rerun(api, world.SHOP_DYNAMIC_PIPELINE, failed_only=False)
        with pytest.raises(UsageError, match="has failed"):
            await again.rerun(api, world.SHOP_TAG_PIPELINE, failed_only=True)
        with pytest.raises(NotFoundError):
            await again.rerun(api, "gh/acme/shop/99999", failed_only=True)


@pytest.mark.parametrize("failed_only", [True, False])
async def test_a_run_without_workflows_is_not_said_to_run_again(
    failed_only: bool, fresh: Service, opened: Callable[..., HttpApi]
) -> None:
    """There is nothing that could be started: its configuration failed."""
    async with opened(fresh) as api:
        with pytest.raises(UsageError, match="has no workflow, so there is nothing to run again"):
            await again.rerun(api, world.SHOP_MALFORMED_PIPELINE, failed_only)


class Rounds(httpx.AsyncBaseTransport):
    """The sandbox without a network, answering in rounds: what is asked at once is answered at once."""

    def __init__(self, shape: str, check: Callable[[httpx.Request], None]) -> None:
        """Make the world anew."""
        names = ("api", "server", "storage")
        urls = {name: f"https://{name}.example.com" for name in names} | {"api": "https://circleci.com"}
        built = build(Site(urls, Clock()))
        self.own = "api" if shape == "cloud" else "server"
        self.inner = {httpx.URL(url).host: httpx.ASGITransport(app=built.apps[name]) for name, url in urls.items()}
        self.token, self.url, self.check = built.token, urls[self.own], check
        self.held: list[anyio.Event] = []
        self.deep = self.asked = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Wait for the round, then answer."""
        self.asked += 1
        if request.url.host == httpx.URL(self.url).host:
            self.check(request)
        else:
            assert "authorization" not in request.headers
        event = anyio.Event()
        self.held.append(event)
        await event.wait()
        return await self.inner[request.url.host].handle_async_request(request)

    async def conduct(self) -> None:
        """Answer round after round, until it is canceled."""
        while True:
            await anyio.wait_all_tasks_blocked()
            held, self.held = self.held, []
            self.deep += bool(held)
            for event in held:
                event.set()
            await anyio.sleep(0.001)


@pytest.mark.parametrize("shape", ["cloud", "server"])
@pytest.mark.parametrize(
    "page",
    [f"pipelines/gh/acme/shop/836/workflows/{world.SHOP_MAIN_WORKFLOW}/jobs/5281", "gh/acme/shop/5281",
     f"workflow/{world.SHOP_MAIN_WORKFLOW}/job/{world.SHOP_MAIN_FAILED_JOB}"],
)  # fmt: skip
async def test_a_pasted_job_is_explained_in_twelve_requests_and_five_round_trips(
    opened: Callable[..., HttpApi], holding: Callable[[httpx.Request], None], shape: str, page: str
) -> None:
    """From each form of its page to the failing assertion, its tests, and the last green run."""
    rounds = Rounds(shape, holding)
    service = Service("circleci", rounds.url, rounds.token, "circleci.com", {}, {"server": rounds.url})
    found: dict[str, Any] = {}
    async with opened(service, shape, transport=rounds) as api, contextlib.AsyncExitStack() as stack:
        conductor = await stack.enter_async_context(anyio.create_task_group())
        conductor.start_soon(rounds.conduct)
        place = await hooks.locate(api, f"https://app.{api.host}/{page}")
        assert place is not None
        run = await runs.run(api, place.run)

        async def log() -> None:
            found["log"] = b"".join([piece async for piece in logs.log(api, place.job)])

        async def tests() -> None:
            found["failures"] = await failures.failures(api, run, place.job)

        async def green() -> None:
            query = RunQuery(project=run.project, branch=run.branch, status=Status.PASSED, limit=20)
            found["green"] = await listing.runs(api, query)

        async with anyio.create_task_group() as group:
            for call in (log, tests, green):
                group.start_soon(call)
        conductor.cancel_scope.cancel()
    assert b"assert 1790 == 1800" in found["log"]
    assert 2 == len(found["failures"][0].tests)
    assert world.SHOP_MAIN_GREEN_PIPELINE == found["green"][0].id
    assert 12 >= rounds.asked
    assert 5 >= rounds.deep


async def test_what_is_remembered_can_be_forgotten(api: HttpApi) -> None:
    """The ids of jobs, which a run's jobs brought."""
    run = await runs.run(api, world.SHOP_MAIN_PIPELINE)
    assert read.known_job_id(api, run.jobs[0].id)
    read.forget()
    assert not read.known_job_id(api, run.jobs[0].id)
