from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from ci_mcp.core.answer import plain
from ci_mcp.errors import BadAnswerError, NotFoundError, UnreachableError, UsageError
from ci_mcp.net.api import HttpApi
from ci_mcp.providers.semaphore.records import Workflow
from ci_mcp.sandbox.faults import fault_token
from ci_mcp.sandbox.semaphore import world
from ci_mcp.sandbox.serve import Service
from ci_mcp.status import Status

pytestmark = pytest.mark.anyio

PROJECT = "22222222-2222-2222-2222-222222222222"
Call = Callable[..., Awaitable[Any]]
Fake = Callable[..., HttpApi]
Make = Callable[..., dict[str, Any]]


def _id(number: int) -> str:
    return f"00000000-0000-0000-0000-{number:012}"


async def test_runs_are_found_with_their_status_in_two_requests(
    api: HttpApi, call: Call, requests: Callable[[], int]
) -> None:
    """One for the project's id, one for the runs; the newest first."""
    page = await call(api, "workflows_search", project="shop", branch="main", limit=3)
    assert [Status.FAILED, Status.PASSED, Status.PASSED] == [one.status for one in page.items]
    assert [world.SHOP_MAIN_WORKFLOW, world.SHOP_MAIN_GREEN_WORKFLOW] == [one.id for one in page.items[:2]]
    assert "Round discounts per line" == page.items[0].title
    assert 2 == requests()


@pytest.mark.parametrize("limit", [1, 7, 30, 100])
async def test_every_run_comes_once_whatever_the_page(api: HttpApi, call: Call, limit: int) -> None:
    """Cursors go on exactly behind the last run."""
    found: list[Workflow] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await call(api, "workflows_search", project=world.SHOP_PROJECT, limit=limit, cursor=cursor)
        found += page.items
        cursor = page.next
    assert len(found) == len({one.id for one in found}) > 30
    created = [one.created for one in found]
    assert sorted(created, reverse=True) == created


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"status": "failed", "branch": "release"}, set()),
        ({"status": "canceled", "branch": "spike"}, {world.SHOP_STOPPED_WORKFLOW}),
        ({"label": "v1.4.0"}, {world.SHOP_TAG_WORKFLOW}),
        ({"status": "failed", "branch": "recommendations"}, {world.SHOP_STUCK_WORKFLOW}),
        ({"branch": "orders", "status": "passed"}, {world.SHOP_REBUILT_WORKFLOW}),
        ({"requester": world.USERS["scheduler"]}, {world.SHOP_NIGHTLY_WORKFLOW}),
        ({"requester": "nobody"}, set()),
        ({"commit": "0123456"}, set()),
    ],
)
async def test_runs_are_filtered(api: HttpApi, call: Call, filters: dict[str, str], expected: set[str]) -> None:
    """By branch, label, status, commit and who started them."""
    page = await call(api, "workflows_search", project="shop", **filters)
    assert expected == {one.id for one in page.items}


async def test_a_run_is_found_by_the_beginning_of_its_commit(api: HttpApi, call: Call) -> None:
    """As git shortens it, in either case."""
    commit = (await call(api, "workflows_describe", workflow=world.SHOP_RELEASE_WORKFLOW)).commit
    page = await call(api, "workflows_search", project="shop", commit=commit[:8].upper())
    assert world.SHOP_RELEASE_WORKFLOW in [one.id for one in page.items]


async def test_the_links_of_a_list_are_not_followed(fake: Fake, call: Call, pipeline: Make) -> None:
    """They name a host inside the cluster: only the page's number is taken from them."""
    asked: list[httpx.Request] = []

    def listed(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params["page"])
        following = f'<http://inside.invalid/pipelines?page={page + 1}&project_id=x>; rel="next"'
        link = f'{following}, <http://y/?page=9>; rel="last"'
        item = pipeline(page, wf_id=f"11111111-1111-1111-1111-{page:012}")
        return httpx.Response(200, json=[item], headers={"link": link} if page < 3 else {})

    page = await call(fake({"GET /pipelines": listed}, asked), "workflows_search", project=PROJECT)
    assert 3 == len(page.items)
    assert {"acme.semaphoreci.com"} == {request.url.host for request in asked}
    assert ["1", "2", "3"] == [request.url.params["page"] for request in asked]
    assert not any(name.startswith("x-semaphore") for request in asked for name in request.headers)


async def test_a_rebuild_on_an_earlier_page_is_asked_for(fake: Fake, call: Call, pipeline: Make) -> None:
    """The failed pipeline says that there is one; its run passed."""
    old = pipeline(1, result="FAILED", partially_rerun_by=_id(9))
    new = pipeline(9, partial_rerun_of=_id(1))
    answers = {"GET /pipelines": lambda request: [new, old] if "wf_id" in request.url.params else [old]}
    page = await call(fake(answers), "workflows_search", project=PROJECT)
    assert [Status.PASSED] == [one.status for one in page.items]


async def test_a_promotion_stands_where_its_run_does(fake: Fake, call: Call, pipeline: Make) -> None:
    """A deployment of today does not make last week's run the newest."""
    run = {"wf_id": "11111111-1111-1111-1111-999999999999"}
    deploy = pipeline(9, name="Deploy", promotion_of=_id(1), state="RUNNING", **run)
    listed = [deploy, pipeline(5), pipeline(1, **run)]
    page = await call(fake({"GET /pipelines": listed}), "workflows_search", project=PROJECT)
    assert [Status.PASSED, Status.RUNNING] == [one.status for one in page.items]
    assert run["wf_id"] == page.items[1].id


async def test_runs_of_another_project_are_left_out(fake: Fake, call: Call, pipeline: Make) -> None:
    """What was asked for is what is answered."""
    other = pipeline(2, project_id=_id(1), wf_id=_id(2))
    page = await call(fake({"GET /pipelines": [other, pipeline(1)]}), "workflows_search", project=PROJECT)
    assert [pipeline(1)["wf_id"]] == [one.id for one in page.items]


async def test_a_run_is_described_with_its_pipelines(api: HttpApi, call: Call) -> None:
    """The failed first one and its rebuild; the run passed."""
    found = await call(api, "workflows_describe", workflow=world.SHOP_REBUILT_WORKFLOW)
    assert Status.PASSED is found.status
    assert [Status.FAILED, Status.PASSED] == [one.status for one in found.pipelines]
    assert found.pipelines[0].id == found.pipelines[1].rerun_of
    assert f"https://acme.semaphoreci.com/workflows/{found.id}" == found.url


async def test_a_running_run_whose_job_failed_is_failing(fake: Fake, call: Call, pipeline: Make) -> None:
    """The list of pipelines cannot tell; their blocks do."""
    running = pipeline(1, state="RUNNING")
    blocks = [{"name": "Tests", "state": "running", "jobs": [{"status": "FINISHED", "result": "FAILED"}]}]
    answers = {
        "GET /pipelines": [running],
        f"GET /pipelines/{_id(1)}": {"pipeline": running | {"state": "running"}, "blocks": blocks},
    }
    found = await call(fake(answers), "workflows_describe", workflow=running["wf_id"])
    assert Status.FAILING is found.status
    assert "created" in plain(found)


@pytest.mark.parametrize("workflow", [world.HIDDEN_WORKFLOW, "99999999-9999-9999-9999-999999999999"])
@pytest.mark.parametrize("tool", ["workflows_describe", "workflows_rerun", "workflows_cancel"])
async def test_a_run_that_may_not_be_seen_is_not_found(api: HttpApi, call: Call, tool: str, workflow: str) -> None:
    """Semaphore does not tell the two apart, and neither do we."""
    with pytest.raises(NotFoundError, match=f"no workflow {workflow} at acme.semaphoreci.com, or none that this token"):
        await call(api, tool, workflow=workflow)


async def test_an_answer_about_another_run_is_refused(fake: Fake, call: Call, pipeline: Make) -> None:
    """Its pipelines are not this run's."""
    with pytest.raises(NotFoundError):
        await call(fake({"GET /pipelines": [pipeline(1)]}), "workflows_describe", workflow=_id(5))


async def test_a_run_is_started(api: HttpApi, call: Call) -> None:
    """On a branch, with parameters; the answer has its ids and its page."""
    started = await call(api, "workflows_run", project="shop", branch="main", parameters=["WHO=me=you"])
    assert started.workflow in started.url
    assert started.workflow == (await call(api, "workflows_describe", workflow=started.workflow)).id


async def test_a_run_is_started_as_it_was_asked_for(fake: Fake, call: Call) -> None:
    """Only what was given is sent, parameters as text."""
    asked: list[httpx.Request] = []
    answers = {"POST /plumber-workflows": {"workflow_id": _id(1), "pipeline_id": _id(2)}}
    api = fake(answers, asked)
    await call(api, "workflows_run", project=PROJECT, branch="refs/tags/v1", commit="abc", parameters=["A=1", "B="])
    body = b'{"project_id":"%s","reference":"refs/tags/v1","commit_sha":"abc","parameters":{"A":"1","B":""}}'
    assert body % PROJECT.encode() == asked[0].content
    with pytest.raises(UsageError, match="NAME=VALUE"):
        await call(api, "workflows_run", project=PROJECT, branch="main", parameters=["A"])


async def test_a_start_is_never_sent_twice(fake: Fake, call: Call) -> None:
    """It takes no request token, so a lost answer is not asked for again."""
    asked: list[httpx.Request] = []
    api = fake({"POST /plumber-workflows": httpx.Response(503, text="upstream")}, asked)
    with pytest.raises(UnreachableError):
        await call(api, "workflows_run", project=PROJECT, branch="main")
    assert 1 == len(asked)


async def test_a_refusal_is_told_in_semaphores_words(fake: Fake, call: Call) -> None:
    """A 400 is about what was asked."""
    api = fake({"POST /plumber-workflows": httpx.Response(400, json="No branch found")})
    with pytest.raises(UsageError, match="No branch found"):
        await call(api, "workflows_run", project=PROJECT, branch="gone")


async def test_a_rerun_keeps_its_token_when_it_is_tried_again(fake: Fake, call: Call) -> None:
    """The same request token: Semaphore starts it once."""
    asked: list[httpx.Request] = []
    answers = iter([httpx.Response(503, text="upstream"), {"wf_id": _id(1), "ppl_id": _id(2)}])
    path = f"POST /plumber-workflows/{_id(7)}/reschedule"
    started = await call(fake({path: lambda _: next(answers)}, asked), "workflows_rerun", workflow=_id(7))
    tokens = [request.url.params["request_token"] for request in asked]
    assert 2 == len(tokens)
    assert 1 == len(set(tokens))
    assert (_id(1), _id(2)) == (started.workflow, started.pipeline)


async def test_two_reruns_have_two_tokens(api: HttpApi, call: Call, service: Service) -> None:
    """A token is made once a call."""
    first = await call(api, "workflows_rerun", workflow=world.SHOP_MAIN_WORKFLOW)
    second = await call(api, "workflows_rerun", workflow=world.SHOP_MAIN_WORKFLOW)
    assert first.workflow != second.workflow
    assert 2 <= service.requests["POST /api/v1alpha/plumber-workflows/{wf_id}/reschedule"]


async def test_a_start_without_ids_is_an_error(fake: Fake, call: Call) -> None:
    """Nobody could find what was started."""
    with pytest.raises(BadAnswerError, match="did not say what it started"):
        await call(fake({f"POST /plumber-workflows/{_id(7)}/reschedule": {}}), "workflows_rerun", workflow=_id(7))


async def test_a_run_is_canceled(api: HttpApi, call: Call) -> None:
    """Semaphore says how many pipelines it stops."""
    started = await call(api, "workflows_rerun", workflow=world.SHOP_MAIN_WORKFLOW)
    stopping = await call(api, "workflows_cancel", workflow=started.url)
    assert (started.workflow, "Termination started for 1 pipelines.") == (stopping.id, stopping.note)


async def test_a_list_that_is_no_json_is_an_error(api_with: Callable[[str], HttpApi], call: Call) -> None:
    """Half an answer is none."""
    async with api_with(fault_token("broken-json")) as api:
        with pytest.raises(BadAnswerError):
            await call(api, "workflows_search", project=world.SHOP_PROJECT)
