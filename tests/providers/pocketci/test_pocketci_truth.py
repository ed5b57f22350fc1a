"""What surprised on a real server, line by line: each run here was recorded from one."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from ci_mcp.core.shapes import Failure
from ci_mcp.net.api import HttpApi
from ci_mcp.providers.pocketci import hooks, logs
from ci_mcp.status import Status

pytestmark = pytest.mark.anyio

YAML_FAILED = "Yf2X5LwFYnjCzryzZhFQ0"
BEHIND = "w2autCGMCa6WI5kY-Qay1"
PARALLEL = "pOF7GA7c76h1mDnj0bkH3"
ATTEMPTS = "WvOanE2DypYfvlkWtO6R9"
TIMEOUT = "o1c2a8gOOvhCKL56Lhmya"
HOOKS = "gzIPoP-bA5KLRGmiHuT61"
TRY = "APGn9w0ht9GD2zBo8cypY"
MISSING = "_-JF8Ob_VArpVk3jxVbwV"
BAD_YAML = "Nf28yu4afO8zG3aVJilJj"
ACROSS = "Hq51AqXQ65E9rtR_xaf1z"
TYPESCRIPT = "V4AcofH2_Ot-6ny-vxIS_"
THROWS = "1DvBq7l5pFwfRxuc9Ox07"
STOPPED = "bH6pwlQ3RRVBpYSXK9MxQ"
QUEUED = "ZGFdYnUpf4TI-jfS8QQis"
SKIPPED = "0vmL4Jz7U9BS92it3mlPK"
SUPERSEDED = "hFGFiCWB_P9_2npDQb0mD"
GATED = "F0fEYCooP4ZKFYm-04yqT"
KILLED = "vJHmwSIS-uCktX4tn2eib"
ONE_JOB = "K_e6YjhJ0wO9NaBvGYn_6"


@pytest.fixture
def api(fake: Callable[..., HttpApi], recorded: Any) -> HttpApi:
    """The real server as it answered."""
    return fake(recorded)


async def told(api: HttpApi, run: str) -> tuple[Any, list[Failure]]:
    """A run and why it is not green."""
    found = await hooks.run(api, run)
    return found, await hooks.failures(api, found, "")


async def read(api: HttpApi, failure: Failure) -> str:
    """A failure's log."""
    return b"".join([chunk async for chunk in logs.log(api, failure.job.log_id)]).decode()


@pytest.mark.parametrize(
    ("run", "status", "names", "counts"),
    [
        (YAML_FAILED, Status.FAILED, ["test > pytest"], {"passed": 1, "failed": 1}),
        (BEHIND, Status.FAILED, ["test > unit", "deploy"], {"failed": 1, "skipped": 1}),
        (PARALLEL, Status.FAILED, ["test > shard-2"], {"failed": 1}),
        (ATTEMPTS, Status.FAILED, ["test > flaky (attempt 3)"], {"failed": 1}),
        (TIMEOUT, Status.FAILED, ["test > slow"], {"failed": 1}),
        (HOOKS, Status.FAILED, ["test > unit"], {"failed": 1}),
        (TRY, Status.FAILED, ["test > mayfail"], {"passed": 1}),
        (MISSING, Status.FAILED, ["test > nocmd"], {"failed": 1}),
        (BAD_YAML, Status.FAILED, [f"run {BAD_YAML}"], {}),
        (ACROSS, Status.FAILED, ["test > py-3.11", "test > py-3.12"], {"failed": 1}),
        (TYPESCRIPT, Status.FAILED, ["compile"], {"failed": 1}),
        (THROWS, Status.FAILED, ["compile"], {"failed": 1}),
        (SKIPPED, Status.SKIPPED, [], {}),
        (QUEUED, Status.QUEUED, [], {}),
        (SUPERSEDED, Status.CANCELED, [f"run {SUPERSEDED}"], {}),
        (KILLED, Status.RUNNING, [], {"running": 1}),
        (ONE_JOB, Status.PASSED, [], {"passed": 1, "skipped": 1}),
    ],
)
async def test_what_failed_is_told_from_the_tasks(
    run: str, status: Status, names: list[str], counts: dict[str, int], api: HttpApi
) -> None:
    """Whatever the run and its jobs say of themselves."""
    found, failures = await told(api, run)
    assert status is found.status
    assert names == [one.job.name for one in failures]
    assert counts == dict(found.counts)


async def test_a_success_with_a_failed_task_says_that_the_server_calls_it_so(api: HttpApi) -> None:
    """A pipeline of TypeScript that does not look at an exit code is a success for the server."""
    found, failures = await told(api, TYPESCRIPT)
    assert "success" == found.word
    assert "exit code of the task that failed" in found.reason
    assert "src/main.c:10: error: expected ;" in await read(api, failures[0])


async def test_a_success_that_keeps_no_tasks_is_the_server_s_word_alone(
    fake: Callable[..., HttpApi], recorded: Any
) -> None:
    """A pipeline of TypeScript with resume enabled has no rows at all."""
    pipeline = "a1ecb6bd1d98618e3404b4d19a8ae5f5"
    raw = {"id": pipeline, "name": "ts", "content_type": "ts", "resume_enabled": True}
    api = fake(recorded, {"search_tasks": None, f"GET /api/pipelines/{pipeline}": raw})
    found, _ = await told(api, TYPESCRIPT)
    assert (Status.PASSED, "success") == (found.status, found.word)
    assert "the server's word alone" in found.reason


async def test_a_failure_inside_of_try_is_told_where_nothing_else_explains_the_run(api: HttpApi) -> None:
    """Its job and its group are successes; the run failed all the same, without a message."""
    found, failures = await told(api, TRY)
    assert "" == found.reason
    assert "`try`" in failures[0].reason
    assert "boom" in await read(api, failures[0])


async def test_a_failure_inside_of_try_does_not_count_in_a_run_that_passed(
    fake: Callable[..., HttpApi], recorded: Any
) -> None:
    """The same rows in a run that the server calls a success."""
    raw = recorded.answers[f"GET /api/runs/{TRY}/status"].json() | {"status": "success"}
    found, failures = await told(fake(recorded, {f"GET /api/runs/{TRY}/status": raw}), TRY)
    assert Status.PASSED is found.status
    assert [] == failures


async def test_of_several_attempts_the_last_one_counts(fake: Callable[..., HttpApi], recorded: Any) -> None:
    """A task that passed at its third attempt has not failed."""
    raw = recorded.answers[f"GET /api/runs/{ATTEMPTS}/status"].json()
    raw = {key: value for key, value in raw.items() if key != "error_message"} | {"status": "success"}
    for row in recorded.rows[ATTEMPTS]:
        if "attempt" not in row["path"] or "attempt/3" in row["path"]:
            row["payload"] |= {"status": "success", "code": 0}
    found, failures = await told(fake(recorded, {f"GET /api/runs/{ATTEMPTS}/status": raw}), ATTEMPTS)
    assert Status.PASSED is found.status
    assert [] == failures


async def test_an_attempt_that_was_made_good_is_told_where_the_server_fails_its_job_for_it(
    fake: Callable[..., HttpApi], recorded: Any
) -> None:
    """As a real server does: the first attempt failed, the second passed, and the job is a failure."""
    recorded.rows[ATTEMPTS] = recorded.rows[ATTEMPTS][:3]
    recorded.rows[ATTEMPTS][2]["payload"] |= {"status": "success", "code": 0}
    found, failures = await told(fake(recorded), ATTEMPTS)
    assert Status.FAILED is found.status
    assert ["test > flaky (attempt 1)"] == [one.job.name for one in failures]
    assert "a later attempt of it passed, and the server calls its job failed all the same" == failures[0].reason
    assert "exit code 1" in await read(fake(recorded), failures[0])


async def test_a_run_without_tasks_is_explained_by_its_message(api: HttpApi) -> None:
    """The server takes broken YAML, and says so only when it runs."""
    found, failures = await told(api, BAD_YAML)
    assert found.reason.startswith("could not parse YAML pipeline")
    assert ">  1 | jobs: [" in found.reason
    assert [found.reason] == [one.reason for one in failures]
    assert "" == failures[0].job.log_id


async def test_the_message_of_a_run_is_shown_without_its_beginning(api: HttpApi) -> None:
    """What every message begins with tells nothing; a stack that says the same twice is shown once."""
    assert 'job "test": task "pytest" failed with exit code 1' == (await told(api, YAML_FAILED))[0].reason
    reason = (await told(api, THROWS))[0].reason.splitlines()
    assert ["promise rejected: Error: compile failed with 4", "Error: compile failed with 4"] == reason[:2]


async def test_a_job_that_never_ran_says_what_it_waits_for(api: HttpApi) -> None:
    """It stays pending in a run that has ended."""
    _, failures = await told(api, BEHIND)
    never = failures[-1]
    assert Status.SKIPPED is never.job.status
    assert "it waits for a job that did not pass" == never.reason
    assert "" == never.job.log_id


async def test_a_job_whose_task_runs_is_running(fake: Callable[..., HttpApi], recorded: Any) -> None:
    """Its own row reads pending until it ends."""
    found, _ = await told(fake(recorded), KILLED)
    assert {"running": 1} == dict(found.counts)


async def test_a_stopped_run_is_canceled_with_its_tasks(fake: Callable[..., HttpApi], recorded: Any) -> None:
    """The server calls it failed; its tasks read aborted."""
    stopped = {
        "GET /api/runs/bH6pwlQ3RRVBpYSXK9MxQ/status": _after(recorded, "error_message"),
        "search_tasks": [_aborted(row) for row in recorded.rows[STOPPED]],
    }
    found, failures = await told(fake(recorded, stopped), STOPPED)
    assert Status.CANCELED is found.status
    assert [Status.CANCELED] == [one.job.status for one in failures]
    assert "it was stopped with its run" == failures[0].reason


def _after(recorded: Any, key: str) -> Any:
    raw = recorded.answers[f"GET /api/runs/{STOPPED}/status"].json()
    return raw | {"status": "failed", "completed_at": "2026-11-21T04:45:48Z", key: "Run stopped by user"}


def _aborted(row: Any) -> Any:
    return row | {"payload": row["payload"] | {"status": "aborted"}}


async def test_a_timeout_is_a_failure_and_says_so(api: HttpApi) -> None:
    """Its task ends as `abort`, without an exit code."""
    _, failures = await told(api, TIMEOUT)
    assert Status.FAILED is failures[0].job.status
    assert "it ran longer than its time limit" == failures[0].reason
    assert (await read(api, failures[0])).endswith("end\n##[error]The task ended with abort.\n")


async def test_a_run_that_goes_on_again_shows_nothing_of_its_old_end(
    fake: Callable[..., HttpApi], recorded: Any
) -> None:
    """The server still has the old message and time in it; its status alone counts."""
    raw = _after(recorded, "error_message") | {"status": "running"}
    found, failures = await told(fake(recorded, {f"GET /api/runs/{STOPPED}/status": raw}), STOPPED)
    assert Status.RUNNING is found.status
    assert ("", None, None) == (found.reason, found.finished, found.duration)
    assert [] == failures


async def test_a_run_that_waits_at_a_gate_says_so(api: HttpApi) -> None:
    """Its status is running, and no task of it runs: the gates tell."""
    found, _ = await told(api, GATED)
    assert Status.BLOCKED is found.status
    assert 'gate "ship" (Deploy to production?): approve it: pocketci_gates_approve(gate="f729' in found.reason
    assert found.reason.endswith(", reject=true)")
    assert "f729996d-c8cf-4eec-b005-2c645c46af04" in found.reason


async def test_a_server_without_gates_is_not_an_error(fake: Callable[..., HttpApi], recorded: Any) -> None:
    """They are off unless somebody asked for them."""
    off = httpx.Response(403, json={"error": "gates feature is not enabled"})
    found, _ = await told(fake(recorded, {f"GET /api/runs/{GATED}/gates": off}), GATED)
    assert Status.RUNNING is found.status


async def test_a_run_with_a_failed_task_that_still_runs_is_failing(fake: Callable[..., HttpApi], recorded: Any) -> None:
    """Whoever waits with fail-fast need not wait for the rest."""
    raw = recorded.answers[f"GET /api/runs/{PARALLEL}/status"].json() | {"status": "running"}
    found, failures = await told(fake(recorded, {f"GET /api/runs/{PARALLEL}/status": raw}), PARALLEL)
    assert Status.FAILING is found.status
    assert ["test > shard-2"] == [one.job.name for one in failures]


async def test_a_job_that_failed_without_a_task_gives_its_own_message(
    fake: Callable[..., HttpApi], recorded: Any
) -> None:
    """Its row has it under another name than a task's."""
    for row in recorded.rows[BEHIND]:
        row["payload"] |= {"status": "success"} if "/tasks/" in row["path"] else {}
    found, failures = await told(fake(recorded), BEHIND)
    assert Status.FAILED is found.status
    assert ("test", 'task "unit" failed with exit code 3') == (failures[0].job.name, failures[0].reason)


async def test_an_infrastructure_error_is_told_from_a_failure(fake: Callable[..., HttpApi], recorded: Any) -> None:
    """What failed by itself comes first."""
    for row in recorded.rows[ACROSS]:
        row["payload"] |= {"status": "error"} if row["path"].endswith("py-3.11") else {}
    _, failures = await told(fake(recorded), ACROSS)
    assert [("test > py-3.12", False), ("test > py-3.11", True)] == [
        (one.job.name, one.infrastructure) for one in failures
    ]


async def test_a_server_that_restarted_is_to_blame(fake: Callable[..., HttpApi], recorded: Any) -> None:
    """Its own words tell."""
    raw = recorded.answers[f"GET /api/runs/{BAD_YAML}/status"].json()
    raw |= {"error_message": "Server restarted during execution"}
    _, failures = await told(fake(recorded, {f"GET /api/runs/{BAD_YAML}/status": raw}), BAD_YAML)
    assert failures[0].infrastructure


@pytest.mark.parametrize(
    ("word", "message", "reason", "infrastructure"),
    [
        ("aborted", "Server restarted during execution", "it was cut off when the server restarted", True),
        ("aborted", "could not execute pipeline: promise rejected", "it was ended with its run", False),
        ("abort", 'could not execute pipeline: job "test": task "slow" aborted', "longer than its time limit", False),
    ],
)
async def test_who_ended_a_task_is_told(  # noqa: PLR0913, PLR0917 - fixtures and one case
    word: str, message: str, reason: str, infrastructure: bool, fake: Callable[..., HttpApi], recorded: Any
) -> None:
    """A restart of the server is no time limit, and nothing that the task's author can mend."""
    raw = recorded.answers[f"GET /api/runs/{TIMEOUT}/status"].json() | {"error_message": message}
    for row in recorded.rows[TIMEOUT]:
        row["payload"] |= {"status": word} if "/tasks/" in row["path"] else {}
    _, failures = await told(fake(recorded, {f"GET /api/runs/{TIMEOUT}/status": raw}), TIMEOUT)
    assert failures[0].reason.endswith(reason)
    assert infrastructure is failures[0].infrastructure


async def test_an_abort_beside_a_failure_is_not_called_a_time_limit(
    fake: Callable[..., HttpApi], recorded: Any
) -> None:
    """The runner aborts what still runs when a task beside it fails, too."""
    for row in recorded.rows[ACROSS]:
        row["payload"] |= {"status": "abort"} if row["path"].endswith("py-3.11") else {}
        row["payload"] |= {"status": "failure", "code": 2} if row["path"].endswith("py-3.12") else {}
    _, failures = await told(fake(recorded), ACROSS)
    assert ["", "it was aborted: it ran longer than its time limit, or what failed beside it ended it"] == [
        one.reason for one in failures
    ]


async def test_a_log_carries_its_task_and_exit_code(api: HttpApi) -> None:
    """In the notation that the log engine reads; pieces cut anywhere are joined."""
    _, failures = await told(api, MISSING)
    said = "##[group]nocmd\nsh: 1: this-command-does-not-exist: not found\n##[error]Process completed with exit code 127.\n"
    assert said == await read(api, failures[0])


async def test_a_run_is_looked_at_with_two_small_requests(fake: Callable[..., HttpApi], recorded: Any) -> None:
    """One for the run, one for all statuses; the pipeline's name is asked for once."""
    asked: list[httpx.Request] = []
    api = fake(recorded, asked=asked)
    await hooks.run(api, YAML_FAILED)
    first = len(asked)
    await hooks.run(api, YAML_FAILED)
    assert (3, 5) == (first, len(asked))
    assert not [request for request in asked if request.url.path.endswith("/tasks")]


async def test_a_run_of_25_megabytes_costs_no_more_than_its_failed_task(
    fake: Callable[..., HttpApi], recorded: Any
) -> None:
    """The log of the task that passed is never asked for."""
    noise = [{"type": "stdout", "content": "x" * 4095 + "\n"}] * 6104
    rows = recorded.rows[YAML_FAILED]
    rows[2]["payload"]["logs"] = noise
    assert 25_000_000 <= len(json.dumps(rows))
    asked: list[httpx.Request] = []
    back: list[int] = []
    api = fake(recorded, asked=asked, bytes_back=back)
    _, failures = await told(api, YAML_FAILED)
    log = await read(api, failures[0])
    assert "tests/test_cart.py:10: AssertionError" in log
    assert 4 == len(asked)
    assert 20_000 >= sum(back)


async def test_what_is_known_of_a_run_is_not_asked_for_again(fake: Callable[..., HttpApi], recorded: Any) -> None:
    """A run that was made by somebody else is looked at anew."""
    asked: list[httpx.Request] = []
    api = fake(recorded, asked=asked)
    found = await hooks.run(api, YAML_FAILED)
    before = len(asked)
    assert 1 == len(await hooks.failures(api, found, ""))
    assert before == len(asked)
    assert 1 == len(await hooks.failures(api, replace(found), ""))
    assert before + 2 == len(asked)
    assert [] == await hooks.failures(api, found, f"{YAML_FAILED}/jobs/lint/0/tasks/ruff")
