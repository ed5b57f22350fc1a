"""Tasks: listed, and started."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from ci_mcp.errors import NotFoundError, UsageError
from ci_mcp.net.api import HttpApi
from ci_mcp.sandbox.semaphore import tasks, world

pytestmark = pytest.mark.anyio

Call = Callable[..., Awaitable[Any]]
Fake = Callable[..., HttpApi]
TASK = "44444444-4444-4444-4444-444444444444"
RUN = {"workflow_id": "11111111-1111-1111-1111-111111111111"}


async def test_tasks_say_when_and_what_they_run(api: HttpApi, call: Call) -> None:
    """By the clock, by hand, paused; a parameter that must be given has a star."""
    page = await call(api, "tasks_list", project="shop")
    found = {one.name: one for one in page.items}
    assert ("scheduled", "0 3 * * *", "main") == (found["Nightly"].status, found["Nightly"].at, found["Nightly"].branch)
    assert ("by hand", ("VERSION*", "CHANNEL", "NOTES")) == (found["Release"].status, found["Release"].parameters)
    assert "paused" == found["Prune images"].status
    assert "refs/tags/v1.4.0" == found["Verify 1.4.0"].branch
    assert found["Nightly"].url.endswith(f"/projects/shop/schedulers/{tasks.NIGHTLY}")


async def test_a_suspended_task_says_so(fake: Fake, call: Call) -> None:
    """And another project's task is not shown."""
    raw = [{"id": TASK, "name": "T", "suspended": True}, {"id": TASK, "name": "other", "project_id": TASK}]
    page = await call(fake({"GET /tasks": raw}), "tasks_list", project=world.SHOP_PROJECT)
    assert [("T", "suspended")] == [(one.name, one.status) for one in page.items]


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({}, {}),
        ({"branch": "main"}, {"reference": {"type": "BRANCH", "name": "main"}}),
        ({"branch": "refs/heads/x/y"}, {"reference": {"type": "BRANCH", "name": "x/y"}}),
        ({"branch": "refs/tags/v1"}, {"reference": {"type": "TAG", "name": "v1"}}),
        (
            {"pipeline_file": "a.yml", "parameters": ["A=1"]},
            {"pipeline_file": "a.yml", "parameters": {"A": "1"}},
        ),
    ],
)
async def test_a_task_is_started_as_it_is_or_otherwise(
    fake: Fake, call: Call, given: dict[str, Any], sent: dict[str, Any]
) -> None:
    """A branch is sent as the type and name that the service wants, whatever its documentation says."""
    asked: list[httpx.Request] = []
    done = await call(fake({f"POST /tasks/{TASK}/run_now": RUN}, asked), "tasks_run", task=TASK, **given)
    assert RUN["workflow_id"] == done.workflow
    assert sent == json.loads(asked[0].content)


@pytest.mark.parametrize(
    ("task", "project"),
    [
        (tasks.NIGHTLY, ""),
        (tasks.NIGHTLY.upper(), "shop"),
        ("Nightly", "shop"),
        (f"https://acme.semaphoreci.com/projects/shop/schedulers/{tasks.NIGHTLY}", ""),
    ],
)
async def test_a_task_is_named_by_id_name_or_url(api: HttpApi, call: Call, task: str, project: str) -> None:
    """A name needs its project."""
    done = await call(api, "tasks_run", task=task, project=project)
    assert done.url.endswith(done.workflow)


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        ({"task": "Nightly"}, UsageError, "its project too"),
        ({"task": "https://acme.semaphoreci.com/projects/shop"}, UsageError, "names no task"),
        ({"task": "https://acme.semaphoreci.com/"}, UsageError, "names no task"),
        ({"task": "Nope", "project": "shop"}, NotFoundError, "has no task 'Nope'"),
        ({"task": TASK}, NotFoundError, f"no task {TASK}"),
        ({"task": tasks.RELEASE}, UsageError, "'VERSION' is required"),
        ({"task": tasks.FULL}, UsageError, r"Limit of queuing pipelines reached\): cancel queued pipelines"),
        ({"task": tasks.HIDDEN}, NotFoundError, "this token may see"),
    ],
)
async def test_a_task_that_cannot_be_started_is_told(
    api: HttpApi, call: Call, given: dict[str, str], kind: type[Exception], words: str
) -> None:
    """What Semaphore says, or what to give."""
    with pytest.raises(kind, match=words):
        await call(api, "tasks_run", **given)


async def test_a_branch_that_is_missing_is_not_a_missing_task(fake: Fake, call: Call) -> None:
    """Both are a 400 with "not found" in it."""
    refused = httpx.Response(400, json="Reference not found on git repository.")
    with pytest.raises(UsageError, match=r"Reference not found .*: push that branch or commit, or correct its name"):
        await call(fake({f"POST /tasks/{TASK}/run_now": refused}), "tasks_run", task=TASK, branch="nope")


async def test_a_start_is_never_sent_twice(fake: Fake, call: Call) -> None:
    """There is no token that would make it harmless."""
    asked: list[httpx.Request] = []
    there = fake({f"POST /tasks/{TASK}/run_now": httpx.Response(503, text="busy")}, asked)
    with pytest.raises(Exception, match="503"):
        await call(there, "tasks_run", task=TASK)
    assert 1 == len(asked)
