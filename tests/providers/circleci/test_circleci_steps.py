"""Which steps of a job tell why it failed, from v3 and from v1.1."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ci_mcp.errors import AuthError, NotFoundError
from ci_mcp.net.api import HttpApi
from ci_mcp.providers.circleci import steps
from ci_mcp.providers.circleci.ids import Named
from ci_mcp.status import Status

pytestmark = pytest.mark.anyio

JOB = "8e50c384-0083-43d0-bc8f-93f0db589d6b"
FLOW = "fda08377-fe7e-46b1-8992-3a7aaecac9c3"
NAMED = Named(project="gh/acme/web", number="123", job="123", job_id=JOB)
OLD = "GET /v1.1/project/github/acme/web/123"
ROUTE = {"error": {"id": "0196d5c2", "title": "Not Found"}}


def newer(*nodes: list[dict[str, Any]], outcome: str = "failed", phase: str = "ended") -> dict[str, Any]:
    """A job as v3 says it."""
    runs = [{"steps": [{"type": "run", "phase": "ended", **step} for step in node]} for node in nodes]
    return {"data": {"id": JOB, "attributes": {"phase": phase, "outcome": outcome, "parallel_executions": runs}}}


def older(*actions: dict[str, Any], outcome: str = "failed") -> dict[str, Any]:
    """A job as v1.1 says it: each step has an action for each node."""
    made = [{"index": 0, "status": "success", "exit_code": 0, **action} for action in actions]
    return {"build_num": 123, "outcome": outcome, "steps": [{"name": a["name"], "actions": [a]} for a in made]}


def names(found: steps.Steps) -> list[tuple[int, str]]:
    """The telling steps, by node and name."""
    return [(action.node, action.name) for action in steps.telling(found)]


OK = {"name": "checkout", "num": 101, "outcome": "succeeded", "started_at": "2026-01-10T19:46:00Z"}
RED = {"name": "test", "num": 103, "outcome": "failed", "exit_code": 1}
AFTER = {"name": "upload", "num": 104, "outcome": "succeeded", "started_at": "2026-01-10T19:47:00Z"}


@pytest.mark.parametrize(
    ("job", "telling"),
    [
        (newer([OK, RED, AFTER]), [(0, "test")]),
        (newer([OK, RED | {"exit_code": None, "outcome": "timedout"}]), [(0, "test")]),
        (newer([OK | {"outcome": "infrastructure_fail"}]), [(0, "checkout")]),
        (newer([OK, RED | {"outcome": "succeeded"}]), [(0, "test")]),
        (newer([OK, AFTER], outcome="timedout"), [(0, "upload")]),
        (newer([OK, AFTER | {"outcome": "canceled"}], outcome="canceled"), [(0, "upload")]),
        (newer([OK, AFTER | {"phase": "started", "outcome": ""}], outcome="timedout"), [(0, "upload")]),
        (newer([OK, RED], [OK, AFTER], [OK, RED]), [(0, "test"), (2, "test")]),
        (newer([OK, AFTER], outcome="succeeded"), [(0, "checkout"), (0, "upload")]),
        (newer([OK, RED], outcome="", phase="started"), [(0, "checkout"), (0, "test")]),
        (newer(), []),
    ],
)  # fmt: skip
async def test_the_steps_of_v3_that_tell(fake: Callable[..., HttpApi], job: Any, telling: list[Any]) -> None:
    """What failed, else what was cut off, else what came last; of a job that is not red, everything."""
    found = await steps.steps(fake({f"GET /v3/jobs/{JOB}": job}), NAMED)
    assert JOB == found.job_id
    assert telling == names(found)


@pytest.mark.parametrize(
    ("job", "telling"),
    [
        (older({"name": "a", "step": 0}, {"name": "b", "step": 101, "status": "failed", "exit_code": 2}), [(0, "b")]),
        (older({"name": "a", "step": 0, "failed": True}), [(0, "a")]),
        (older({"name": "a", "step": 0, "timedout": True, "exit_code": None}), [(0, "a")]),
        (older({"name": "a", "step": 0, "infrastructure_fail": True}), [(0, "a")]),
        (older({"name": "a", "step": 0}, {"name": "b", "step": 1, "canceled": True, "exit_code": None}, outcome="canceled"), [(0, "b")]),
        (older({"name": "b", "step": 1, "index": 1, "status": "failed"}, {"name": "b", "step": 1, "status": "failed"}), [(0, "b"), (1, "b")]),
        (older({"name": "a", "step": 0}, outcome="success"), [(0, "a")]),
    ],
)  # fmt: skip
async def test_the_steps_of_v1_that_tell(fake: Callable[..., HttpApi], job: Any, telling: list[Any]) -> None:
    """By its flags, its status or its exit code."""
    found = await steps.steps(fake({OLD: job}, host="ci.example.com"), NAMED)
    assert "" == found.job_id
    assert telling == names(found)


async def test_flags_of_v1_say_more_than_its_status(fake: Callable[..., HttpApi]) -> None:
    """And what has no output is not fetched."""
    job = older(
        {
            "name": "a",
            "step": 0,
            "status": "running",
            "timedout": True,
            "exit_code": None,
            "has_output": False,
            "output_url": "https://x",
        }
    )
    (action,) = (await steps.steps(fake({OLD: job}, host="ci.example.com"), NAMED)).actions
    assert (Status.FAILED, "timedout", 0, "") == (action.status, action.word, action.out, action.url)


@pytest.mark.parametrize("body", ['{"message": "Not found"}', "<html>no such page</html>", "[]"])
async def test_a_host_without_v3_is_asked_once(fake: Callable[..., HttpApi], body: str) -> None:
    """A 404 that is not v3's own says so, for the rest of the session."""
    asked: list[httpx.Request] = []
    api = fake({OLD: older(), f"GET /v3/jobs/{JOB}": httpx.Response(404, text=body)}, asked, host="ci.example.com")
    await steps.steps(api, NAMED)
    await steps.steps(api, NAMED)
    paths = sorted(one.url.path for one in asked)
    assert [*["/api/v1.1/project/github/acme/web/123"] * 2, f"/api/v3/jobs/{JOB}"] == paths


async def test_where_neither_route_answers_the_refusal_is_told(fake: Callable[..., HttpApi]) -> None:
    """Of a host that nobody has asked yet."""
    with pytest.raises(NotFoundError, match=r"no job gh/acme/web/123 at ci\.example\.com"):
        await steps.steps(fake({}, host="ci.example.com"), NAMED)


@pytest.mark.parametrize("host", ["ci.example.com", "circleci.com"])
async def test_one_job_that_v3_does_not_know_says_nothing_of_the_host(fake: Callable[..., HttpApi], host: str) -> None:
    """A 404 in v3's own form is about the job; CircleCI's own host serves v3 whatever a 404 looks like."""
    asked: list[httpx.Request] = []
    body = ROUTE if host != "circleci.com" else {"message": "not found"}
    api = fake({OLD: older(), f"GET /v3/jobs/{JOB}": httpx.Response(404, json=body)}, asked, host=host)
    await steps.steps(api, NAMED)
    await steps.steps(api, NAMED)
    assert 2 == sum("/v3/" in one.url.path for one in asked)


async def test_a_jobs_id_is_looked_up_by_its_number(fake: Callable[..., HttpApi]) -> None:
    """Version 2 tells the workflow of a job, whose list has both."""
    listed = {"items": [{"id": JOB, "job_number": 123, "project_slug": "gh/acme/web"}], "next_page_token": None}
    answers = {
        "GET /v2/project/gh/acme/web/job/123": {"latest_workflow": {"id": FLOW}},
        f"GET /v2/workflow/{FLOW}/job": listed,
        f"GET /v3/jobs/{JOB}": newer([OK, RED]),
    }
    asked: list[httpx.Request] = []
    api = fake(answers, asked)
    for _ in range(2):
        assert JOB == (await steps.steps(api, Named(project="gh/acme/web", number="123", job="123"))).job_id
    assert 4 == len(asked)


async def test_a_job_that_is_not_there_is_told(fake: Callable[..., HttpApi]) -> None:
    """On every route; one without a number has none to fall back to."""
    with pytest.raises(NotFoundError, match="no job gh/acme/web/123 at circleci.com, or none that this token may see"):
        await steps.steps(fake({}), NAMED)
    with pytest.raises(NotFoundError, match="has no number yet"):
        await steps.steps(fake({}), Named(job_id=JOB))


async def test_a_refused_token_is_told_with_the_reason(fake: Callable[..., HttpApi]) -> None:
    """A project token works nowhere but in v1.1."""
    refused = httpx.Response(401, json={"message": "Invalid token provided."})
    with pytest.raises(AuthError, match="project tokens and tokens made before June 2023"):
        await steps.steps(fake({OLD: refused}), NAMED)
