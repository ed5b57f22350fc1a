"""A run that goes on is looked at for one request."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ci_mcp.core.shapes import Run
from ci_mcp.net.api import HttpApi
from ci_mcp.providers.semaphore import runs
from ci_mcp.status import Status

pytestmark = pytest.mark.anyio

Fake = Callable[..., HttpApi]
Make = Callable[..., dict[str, Any]]
RUN = "11111111-1111-1111-1111-111111111111"
ONE, TWO = "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"
LIST = "GET /pipelines"


def answers(made: list[dict[str, Any]], jobs: list[tuple[str, str]]) -> dict[str, Any]:
    """A run of these pipelines; the first one has these jobs, as names and states."""
    listed = [
        {"name": name, "job_id": f"33333333-3333-3333-3333-33333333333{at}", "status": state, "index": at}
        for at, (name, state) in enumerate(jobs)
    ]
    blocks = [{"name": "Tests", "state": "running", "result": "", "jobs": listed}]
    found: dict[str, Any] = {LIST: made, "GET /projects": [], "GET /artifacts": {"artifacts": []}}
    for raw in made:
        own = blocks if raw is made[0] else []
        found[f"GET /pipelines/{raw['ppl_id']}"] = {"pipeline": raw, "blocks": own}
    return found


def going(pipeline: Make, number: int, **facts: Any) -> dict[str, Any]:
    """A pipeline that runs."""
    return pipeline(number, state="RUNNING", result="", done_at={"seconds": 0, "nanos": 0}, **facts)


async def test_a_run_with_one_running_pipeline_is_polled_for_one_request(fake: Fake, pipeline: Make) -> None:
    """Its jobs and its status are those of now; a promotion that has ended stays as it was."""
    asked: list[httpx.Request] = []
    ended = pipeline(2, promotion_of=ONE)
    world = answers([going(pipeline, 1), ended], [("unit", "running"), ("lint", "running")])
    api = fake(world, asked)
    seen = await runs.run(api, RUN)
    assert Status.RUNNING == seen.status
    world |= answers([going(pipeline, 1), ended], [("unit", "finished"), ("lint", "running")])
    asked.clear()
    now = await runs.poll(api, seen)
    assert [f"/api/v1alpha/pipelines/{ONE}"] == [request.url.path for request in asked]
    assert [one.name for one in seen.jobs] == [one.name for one in now.jobs]
    assert [one.status for one in seen.jobs] != [one.status for one in now.jobs]
    assert Status.RUNNING == (await runs.poll(api, now)).status


async def test_a_pipeline_that_has_ended_is_followed_by_what_came_after_it(fake: Fake, pipeline: Make) -> None:
    """A promotion may have begun: the list of the run's pipelines tells."""
    world = answers([going(pipeline, 1)], [("unit", "running")])
    api = fake(world)
    seen = await runs.run(api, RUN)
    world |= answers([pipeline(1), going(pipeline, 2, promotion_of=ONE)], [])
    now = await runs.poll(api, seen)
    assert Status.RUNNING == now.status
    assert [ONE, TWO] == [one.id for one in getattr(now, "read", [])]


async def test_what_is_not_remembered_is_read_whole(fake: Fake, pipeline: Make) -> None:
    """As are several pipelines that run."""
    asked: list[httpx.Request] = []
    api = fake(answers([going(pipeline, 1), going(pipeline, 2, promotion_of=ONE)], []), asked)
    seen = await runs.poll(api, Run(status=Status.RUNNING, id=RUN))
    asked.clear()
    await runs.poll(api, seen)
    assert "/api/v1alpha/pipelines" in [request.url.path for request in asked]
