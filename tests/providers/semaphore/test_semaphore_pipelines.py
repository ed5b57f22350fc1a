from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from ci_mcp.core.answer import compact, plain
from ci_mcp.errors import BadAnswerError, NotFoundError, UsageError
from ci_mcp.net.api import HttpApi
from ci_mcp.sandbox.semaphore import world
from ci_mcp.status import Status

pytestmark = pytest.mark.anyio

Call = Callable[..., Awaitable[Any]]
Fake = Callable[..., HttpApi]
Make = Callable[..., dict[str, Any]]
ID = "00000000-0000-0000-0000-000000000001"


async def test_a_runs_pipelines_are_listed(api: HttpApi, call: Call) -> None:
    """The newest first; what the run says already is left out."""
    page = await call(api, "pipelines_list", workflow=world.SHOP_REBUILT_WORKFLOW)
    assert [world.SHOP_REBUILT_PIPELINE, world.SHOP_REBUILT_FAILED_PIPELINE] == [one.id for one in page.items]
    assert page.items[0].rerun_of == page.items[1].id
    assert "" == page.items[0].branch


async def test_a_projects_pipelines_are_listed_and_filtered(api: HttpApi, call: Call) -> None:
    """By branch and status; each with its run."""
    page = await call(api, "pipelines_list", project="shop", branch="orders", status="failed")
    assert [(world.SHOP_REBUILT_FAILED_PIPELINE, "orders")] == [(one.id, one.branch) for one in page.items]
    assert world.SHOP_REBUILT_WORKFLOW == page.items[0].workflow
    assert [] == (await call(api, "pipelines_list", project="shop", branch="orders", status="running")).items


@pytest.mark.parametrize("arguments", [{}, {"workflow": ID, "project": "shop"}])
async def test_pipelines_are_of_one_thing(api: HttpApi, call: Call, arguments: dict[str, str]) -> None:
    """Neither and both are wrong usage."""
    with pytest.raises(UsageError, match="give workflow or project"):
        await call(api, "pipelines_list", **arguments)


async def test_a_pipeline_is_described_in_two_requests(api: HttpApi, call: Call, requests: Callable[[], int]) -> None:
    """Blocks with their jobs, and which waits for which."""
    found = await call(api, "pipelines_describe", pipeline=world.SHOP_MAIN_PIPELINE)
    assert 2 == requests()
    assert Status.FAILED is found.status
    assert [("Lint", Status.PASSED), ("Unit tests", Status.FAILED), ("Integration", Status.CANCELED)] == [
        (block.name, block.status) for block in found.blocks
    ]
    assert ("Lint", "Unit tests") == found.blocks[2].after
    assert world.SHOP_MAIN_FAILED_JOB == found.blocks[1].jobs[0].id
    assert found.started is not None
    assert found.id in found.url


async def test_a_skipped_block_is_skipped(api: HttpApi, call: Call) -> None:
    """The API says done and passed, with the reason skipped."""
    found = await call(api, "pipelines_describe", pipeline=world.SHOP_SKIPPED_PIPELINE)
    assert Status.SKIPPED in [block.status for block in found.blocks]
    assert Status.PASSED is found.status


async def test_a_malformed_pipeline_says_what_is_wrong_with_its_yaml(api: HttpApi, call: Call) -> None:
    """There are no jobs to look at; the list of jobs says so, too."""
    found = await call(api, "pipelines_describe", pipeline=world.SHOP_MALFORMED_PIPELINE)
    assert "failed: malformed" == found.word
    assert "Expected Array but got String" in found.reason
    jobs = await call(api, "jobs_list", pipeline=world.SHOP_MALFORMED_PIPELINE)
    assert ([], True) == (list(jobs.items), jobs.note.startswith("no jobs: the pipeline definition is invalid"))


async def test_values_of_parameters_are_never_shown(fake: Fake, call: Call, pipeline: Make) -> None:
    """Their names are."""
    raw = pipeline(1, env_vars=[{"name": "DEPLOY_KEY", "value": "hunter2-hunter2"}], queue={"name": "main"})
    found = await call(
        fake({f"GET /pipelines/{ID}": {"pipeline": raw, "blocks": None}}), "pipelines_describe", pipeline=ID
    )
    assert ("DEPLOY_KEY",) == found.parameters
    assert "hunter2" not in compact(plain(found))
    assert "main" == found.queue


async def test_a_pipeline_is_told_without_its_order_where_that_is_missing(
    fake: Fake, call: Call, pipeline: Make
) -> None:
    """The topology is a second request, which may fail."""
    blocks = [{"name": "A", "state": "done", "result": "passed"}, {"name": "B", "state": "waiting"}]
    api = fake({f"GET /pipelines/{ID}": {"pipeline": pipeline(1), "blocks": blocks}})
    found = await call(api, "pipelines_describe", pipeline=ID)
    assert [("A", Status.PASSED, ()), ("B", Status.QUEUED, ())] == [(b.name, b.status, b.after) for b in found.blocks]


async def test_jobs_are_listed_in_one_request_however_many(fake: Fake, call: Call, pipeline: Make) -> None:
    """With their block, filtered and page by page."""
    asked: list[httpx.Request] = []
    jobs = [{"name": f"t{n}", "job_id": f"j-{n}", "status": "FINISHED", "result": "FAILED" if n % 40 == 0 else "PASSED"}
            for n in range(200)]  # fmt: skip
    running = {"name": "last", "job_id": "j-x", "status": "RUNNING", "result": "PASSED"}
    blocks = [{"name": "Tests", "jobs": jobs}, {"name": "Deploy", "jobs": [running]}]
    api = fake({f"GET /pipelines/{ID}": {"pipeline": pipeline(1), "blocks": blocks}}, asked)
    page = await call(api, "jobs_list", pipeline=ID, limit=100)
    assert 1 == len(asked)
    assert 100 == len(page.items)
    rest = await call(api, "jobs_list", pipeline=ID, limit=100, cursor=page.next)
    assert "t100" == rest.items[0].name
    failed = await call(api, "jobs_list", pipeline=ID, status="failed")
    assert ["t0", "t40", "t80", "t120", "t160"] == [one.name for one in failed.items]
    assert ["Deploy"] == [one.block for one in (await call(api, "jobs_list", pipeline=ID, status="running")).items]


@pytest.mark.parametrize("tool", ["pipelines_describe", "jobs_list", "pipelines_rerun"])
async def test_a_pipeline_that_may_not_be_seen_is_not_found(api: HttpApi, call: Call, tool: str) -> None:
    """One answer for missing and hidden."""
    with pytest.raises(NotFoundError, match=r"no pipeline .* or none that this token may see"):
        await call(api, tool, pipeline=world.HIDDEN_PIPELINE)


async def test_an_answer_about_another_pipeline_is_refused(fake: Fake, call: Call, pipeline: Make) -> None:
    """What comes back must be what was asked for."""
    with pytest.raises(BadAnswerError, match="another pipeline"):
        await call(fake({f"GET /pipelines/{ID}": {"pipeline": pipeline(2)}}), "jobs_list", pipeline=ID)


async def test_failed_blocks_are_run_again(api: HttpApi, call: Call) -> None:
    """A new pipeline; one that passed cannot be rebuilt."""
    started = await call(api, "pipelines_rerun", pipeline=world.SHOP_NIGHTLY_PIPELINE)
    rebuilt = await call(api, "pipelines_describe", pipeline=started.pipeline)
    assert world.SHOP_NIGHTLY_PIPELINE == rebuilt.rerun_of
    with pytest.raises(UsageError, match="passed can not be partial rebuilt"):
        await call(api, "pipelines_rerun", pipeline=world.SHOP_MAIN_GREEN_PIPELINE)


async def test_a_rebuild_keeps_its_token_when_it_is_tried_again(fake: Fake, call: Call) -> None:
    """The same request token: Semaphore rebuilds once."""
    asked: list[httpx.Request] = []
    answers = iter([httpx.Response(502, text="<html>"), {"pipeline_id": ID, "message": ""}])
    await call(
        fake({f"POST /pipelines/{ID}/partial_rebuild": lambda _: next(answers)}, asked), "pipelines_rerun", pipeline=ID
    )
    assert 2 == len(asked)
    assert 1 == len({request.url.params["request_token"] for request in asked})
