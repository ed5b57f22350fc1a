"""A run that goes on is looked at for one request."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ci_mcp.core.shapes import Run
from ci_mcp.net.api import HttpApi
from ci_mcp.providers.circleci import runs
from ci_mcp.status import Status

pytestmark = pytest.mark.anyio

Fake = Callable[..., HttpApi]
P = "5f9f6521-11ea-5011-985f-784ead86bd3a"
W, OTHER = "6287279d-44ec-5e97-b77e-53a2a6d8f8d7", "7287279d-44ec-5e97-b77e-53a2a6d8f8d7"
JOBS = f"GET /v2/workflow/{W}/job"


def job(number: int, status: str) -> dict[str, Any]:
    """A job of the workflow."""
    made = {"id": f"{number:08}-44ec-5e97-b77e-53a2a6d8f8d7", "name": f"job{number}", "job_number": number}
    return made | {"status": status, "project_slug": "gh/acme/web", "started_at": "2026-01-01T00:00:00Z"}


def workflow(known: str, name: str, status: str) -> dict[str, Any]:
    """A workflow of the pipeline."""
    made = {"id": known, "name": name, "status": status, "project_slug": "gh/acme/web", "pipeline_number": 5}
    return made | {"pipeline_id": P, "created_at": "2026-01-01T00:00:00Z"}


def world(jobs: list[dict[str, Any]], *others: dict[str, Any], status: str = "running") -> dict[str, Any]:
    """A pipeline with a workflow of these jobs."""
    raw = {"id": P, "number": 5, "state": "created", "project_slug": "gh/acme/web", "errors": []}
    first = workflow(W, "build", status)
    return {
        f"GET /v2/pipeline/{P}": raw | {"created_at": "2026-01-01T00:00:00Z"},
        f"GET /v2/pipeline/{P}/workflow": {"items": [first, *others], "next_page_token": None},
        f"GET /v2/workflow/{W}": first,
        JOBS: {"items": jobs, "next_page_token": None},
        f"GET /v2/workflow/{OTHER}/job": {"items": [job(9, "success")], "next_page_token": None},
    }


@pytest.mark.parametrize("name", [P, f"workflow/{W}"])
async def test_a_run_with_one_running_workflow_is_polled_for_one_request(name: str, fake: Fake) -> None:
    """Its jobs are those of now; what another workflow ended with stays."""
    asked: list[httpx.Request] = []
    others = [workflow(OTHER, "docs", "success")]
    answers = world([job(1, "running"), job(2, "blocked")], *others)
    api = fake(answers, asked)
    seen = await runs.run(api, name)
    answers |= world([job(1, "success"), job(2, "running")], *others)
    asked.clear()
    now = await runs.poll(api, seen)
    assert [f"/api/v2/workflow/{W}/job"] == [request.url.path for request in asked]
    assert (seen.id, seen.url, seen.status) == (now.id, now.url, now.status)
    assert {"job1": Status.PASSED, "job2": Status.RUNNING}.items() <= {one.name: one.status for one in now.jobs}.items()
    assert ("job9" in [one.name for one in now.jobs]) is (name == P)
    await runs.poll(api, now)
    assert 2 == len(asked)


@pytest.mark.parametrize(
    ("jobs", "status", "stands"),
    [
        (["success", "success"], "success", Status.PASSED),
        (["failed", "running"], "failing", Status.FAILING),
        (["success", "on_hold"], "on_hold", Status.BLOCKED),
    ],
)
async def test_what_the_jobs_cannot_tell_is_asked_for(jobs: list[str], status: str, stands: Status, fake: Fake) -> None:
    """That it ended, that a failure is certain, that it waits for a person."""
    answers = world([job(1, "running"), job(2, "blocked")])
    api = fake(answers)
    seen = await runs.run(api, P)
    answers |= world([job(number, one) for number, one in enumerate(jobs, 1)], status=status)
    assert stands == (await runs.poll(api, seen)).status


async def test_what_is_not_remembered_is_read_whole(fake: Fake) -> None:
    """As are several workflows that run."""
    asked: list[httpx.Request] = []
    api = fake(world([job(1, "running")], workflow(OTHER, "docs", "running")), asked)
    seen = await runs.poll(api, Run(status=Status.RUNNING, id=P))
    asked.clear()
    await runs.poll(api, seen)
    assert f"/api/v2/pipeline/{P}" in [request.url.path for request in asked]
