from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from ci_mcp.core.answer import compact, plain
from ci_mcp.errors import NotFoundError, PermissionDeniedError
from ci_mcp.net.api import HttpApi
from ci_mcp.sandbox.semaphore import world
from ci_mcp.status import Status

pytestmark = pytest.mark.anyio

Call = Callable[..., Awaitable[Any]]
Fake = Callable[..., HttpApi]
ID = "33333333-3333-3333-3333-333333333333"


async def test_a_job_is_described_with_where_it_belongs(api: HttpApi, call: Call, requests: Callable[[], int]) -> None:
    """Two requests side by side: the job, and what is around it."""
    found = await call(api, "jobs_describe", job=world.SHOP_MAIN_FAILED_JOB)
    assert 2 == requests()
    assert (Status.FAILED, "pytest", "Unit tests") == (found.status, found.name, found.block)
    assert (world.SHOP_MAIN_PIPELINE, world.SHOP_MAIN_WORKFLOW) == (found.pipeline, found.workflow)
    assert "main" == found.branch
    assert 48 == found.duration
    assert "f1-standard-2" == found.machine.type
    assert f"https://acme.semaphoreci.com/jobs/{found.id}" == found.url


async def test_no_value_of_a_variable_or_file_is_shown(api: HttpApi, call: Call) -> None:
    """Names and paths are; what they hold may be a secret."""
    found = await call(api, "jobs_describe", job=world.SHOP_MAIN_FAILED_JOB)
    assert world.SECRET_VALUE not in compact(plain(found))
    assert ("CI", "STRIPE_API_KEY") == found.environment
    assert ("/home/semaphore/.netrc",) == found.files
    assert ("shop-payments",) == found.secrets


async def test_a_secret_in_a_command_is_redacted(fake: Fake, call: Call) -> None:
    """People write tokens into commands."""
    secret = "ghp_" + "a1B2c3D4e5" * 4
    job = {"metadata": {"id": ID}, "spec": {"commands": [f"curl -H 'x: {secret}'", 7], "epilogue_commands": ["bye"]}}
    found = await call(fake({f"GET /jobs/{ID}": job}), "jobs_describe", job=ID)
    assert secret not in compact(plain(found))
    assert 1 == len(found.commands)
    assert ("bye",) == found.epilogue


async def test_a_job_that_never_started_says_why(api: HttpApi, call: Call) -> None:
    """There is no agent of its type; nothing ran, so nothing is told of running."""
    found = await call(api, "jobs_describe", job=world.SHOP_STUCK_JOB)
    assert "There are no agents of type a1-gpu-large in this organization." == found.reason
    assert found.started is None
    assert found.duration is None


async def test_a_self_hosted_job_is_told_as_such(api: HttpApi, call: Call) -> None:
    """Its agent's name, and that it is one's own."""
    machine = (await call(api, "jobs_describe", job=world.WAREHOUSE_SELF_HOSTED_JOB)).machine
    assert machine.self_hosted
    assert machine.agent.startswith("s1-warehouse")


async def test_a_job_outside_blocks_is_described_by_itself(fake: Fake, call: Call) -> None:
    """For debug and after-pipeline jobs the second request fails: that is no error."""
    job = {
        "metadata": {"name": "debug", "id": ID, "create_time": "1744916764", "start_time": "0"},
        "spec": {"project_id": "p"},
        "status": {"state": "RUNNING", "result": "NONE", "agent": None},
    }
    api = fake({f"GET /jobs/{ID}": job, f"GET /troubleshoot/job/{ID}": httpx.Response(500, json="Internal error")})
    found = await call(api, "jobs_describe", job=ID)
    assert (Status.RUNNING, "debug", "", "p") == (found.status, found.name, found.workflow, found.project)


async def test_what_troubleshooting_says_of_another_job_is_not_believed(fake: Fake, call: Call) -> None:
    """What comes back must be what was asked for."""
    more = {"job": {"id": "other", "failure_reason": "no"}}
    api = fake({f"GET /jobs/{ID}": {"metadata": {"id": ID}}, f"GET /troubleshoot/job/{ID}": more})
    assert "" == (await call(api, "jobs_describe", job=ID)).reason


@pytest.mark.parametrize("tool", ["jobs_describe", "jobs_logs", "jobs_cancel"])
async def test_a_missing_and_a_hidden_job_are_told_apart(api: HttpApi, call: Call, tool: str) -> None:
    """The jobs gateway is the one service that does."""
    with pytest.raises(NotFoundError, match=f"no job {ID}"):
        await call(api, tool, job=ID)
    with pytest.raises(PermissionDeniedError):
        await call(api, tool, job=world.HIDDEN_JOB)


async def test_a_job_is_canceled(fake: Fake, call: Call) -> None:
    """It ends a little later; the request is not repeated, since it takes no token."""
    asked: list[httpx.Request] = []
    running = {"status": {"state": "RUNNING", "result": "NONE"}}
    answers = {f"GET /jobs/{ID}": running, f"POST /jobs/{ID}/stop": {}}
    stopping = await call(fake(answers, asked), "jobs_cancel", job=ID)
    assert (ID, "it was told to stop") == (stopping.id, stopping.note)
    assert [b"", b"{}"] == [request.content for request in asked]


async def test_a_job_that_has_ended_is_not_said_to_stop(fake: Fake, call: Call) -> None:
    """Semaphore answers nothing that could tell: so it is looked at, and left alone."""
    ended = {"status": {"state": "FINISHED", "result": "PASSED"}}
    stopping = await call(fake({f"GET /jobs/{ID}": ended}), "jobs_cancel", job=ID)
    assert "it had ended before (passed): nothing was stopped" == stopping.note
