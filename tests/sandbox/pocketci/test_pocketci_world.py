"""The demo's world: what surprises in a PocketCI is there, and is the same in every process."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from ci_mcp.sandbox.plan import Clock
from ci_mcp.sandbox.pocketci import world
from ci_mcp.sandbox.pocketci.history import GITHUB_SECRET, SECRET_VALUE
from ci_mcp.sandbox.pocketci.model import duration
from ci_mcp.sandbox.pocketci.output import cut, of_script

FAILING = {"failure", "error", "abort", "aborted"}


def names(server: Any) -> list[str]:
    """The pipelines' names."""
    return [one["name"] for one in server.json("/api/pipelines", per_page=100)["items"]]


def test_every_demo_world_has_these(server: Any) -> None:
    """The shop failed, its release passed, and two end soon."""
    assert ["shop", "shop-release", "shop-fails-soon", "shop-passes-soon"] == names(server)[:4]
    newest = [server.tool("search_tasks", pipeline_id=world.pipeline_id(name), query="")["items"][0] for name in
              ("shop", "shop-release", "shop-fails-soon", "shop-passes-soon")]  # fmt: skip
    assert ["failed", "success", "running", "running"] == [one["status"] for one in newest]
    assert [world.SHOP_RUN, world.SHOP_RELEASE_RUN, world.SHOP_FAILS_SOON_RUN, world.SHOP_PASSES_SOON_RUN] == [
        one["id"] for one in newest
    ]


def test_what_ends_soon_ends_within_seconds(server: Any) -> None:
    """One fails, one passes; before that their output grows."""
    before = server.tasks(world.SHOP_FAILS_SOON_RUN)
    server.clock.wait(5)
    assert ("success", "") == server.status(world.SHOP_PASSES_SOON_RUN)
    status, error = server.status(world.SHOP_FAILS_SOON_RUN)
    assert ("failed", True) == (status, error.endswith('job "test": task "pytest" failed with exit code 1'))
    after = server.tasks(world.SHOP_FAILS_SOON_RUN)
    assert len(json.dumps(before)) < len(json.dumps(after))


def test_the_shop_fails_with_an_assertion_in_pieces(server: Any) -> None:
    """Its file and line are there, the pieces end anywhere, a task behind it is skipped and a job never runs."""
    tasks = server.tasks(world.SHOP_RUN)
    logs = tasks[world.SHOP_FAILED_TASK]["logs"]
    text = "".join(chunk["content"] for chunk in logs)
    assert "assert 1790 == 1800" in text
    assert "tests/test_" in text
    assert 4096 >= max(len(chunk["content"]) for chunk in logs)
    assert any(not chunk["content"].endswith("\n") for chunk in logs)
    assert "skipped" == tasks["jobs/test/2/tasks/coverage"]["status"]
    assert {"dependsOn": ["test"], "blockedBy": [{"job": "test", "lastStatus": "never-run"}], "status": "pending"} == (
        tasks["jobs/publish"]
    )
    assert "blockedBy" not in server.tasks(world.SHOP_GREEN_RUN)["jobs/publish"]


@pytest.mark.parametrize(
    ("run", "status", "error", "failing"),
    [
        (world.TRY_RUN, "failed", "", "jobs/test/0/try/0/tasks/mayfail"),
        (world.HOOK_RUN, "failed", "", "jobs/test/0/tasks/unit"),
        (world.TYPESCRIPT_RUN, "success", "", "tasks/0-compile"),
        (world.THROWN_RUN, "failed", "promise rejected: Error: compile failed with 4", "tasks/0-compile"),
        (world.PARALLEL_RUN, "failed", "in parallel: task", "jobs/test/0/in_parallel/1/tasks/shard-2"),
        (world.ATTEMPTS_RUN, "failed", 'task "flaky"', "jobs/test/0/attempt/3/tasks/flaky"),
        (world.ACROSS_RUN, "failed", "across: task", "jobs/test/0/across/0_v_3.11/tasks/py-3.11"),
        (world.TIMEOUT_RUN, "failed", 'task "slow" aborted', "jobs/test/0/tasks/slow"),
        (world.DASH_RUN, "failed", "exit code 1", "jobs/orders/0/tasks/pytest"),
        (world.SECRET_RUN, "failed", "exit code 22", "jobs/ship/0/tasks/upload"),
        (world.BIG_RUN, "failed", "exit code 137", "jobs/index/1/tasks/verify"),
    ],
)
def test_what_failed_is_read_from_the_tasks(server: Any, run: str, status: str, error: str, failing: str) -> None:
    """Neither the run nor its jobs always tell."""
    got, message = server.status(run)
    assert (status, True) == (got, error in message)
    assert bool(error) == bool(message)
    assert server.json(f"/api/runs/{run}/tasks", path=failing)[0]["payload"]["status"] in FAILING


def test_a_run_can_end_without_a_task(server: Any) -> None:
    """Its error is all that there is; a run beside another never was."""
    assert {} == server.tasks(world.NO_TASKS_RUN)
    assert "sequence end token ']' not found\n>  1 | jobs: [" in server.status(world.NO_TASKS_RUN)[1]
    assert "skipped" == server.status(world.SKIPPED_RUN)[0]
    assert server.status(world.SKIPPED_RUN)[1].startswith("skipped: pipeline already running (peer run ")
    assert ("failed", "Run stopped by user") == server.status(world.STOPPED_RUN)
    assert {"aborted"} == {one["status"] for one in server.tasks(world.STOPPED_RUN).values()}


def test_ids_may_begin_with_anything(server: Any) -> None:
    """With a dash, with an underscore."""
    assert {"-", "_"} <= {run[0] for run in server.world.runs}
    assert {21} == {len(run) for run in server.world.runs}


def test_twelve_of_two_hundred_failed(server: Any) -> None:
    """Five of them alike; their places are padded to the same length."""
    tasks = {path: one for path, one in server.tasks(world.MATRIX_RUN).items() if "/tasks/" in path}
    failed = [path for path, one in tasks.items() if one["status"] == "failure"]
    assert (200, 12, 5) == (len(tasks), len(failed), sum("/cart-" in path for path in failed))
    assert "jobs/test/0/in_parallel/003/tasks/part-003" in failed


def test_a_run_of_many_megabytes_is_looked_at_in_few(server: Any) -> None:
    """The task that passed has them all; statuses come without any log."""
    statuses = server.tool("search_tasks", run_id=world.BIG_RUN, query="pipeline")
    assert ["failure", "success", "failure"] == [one["payload"]["status"] for one in statuses]
    big = server.world.runs[world.BIG_RUN].rows[1].log
    assert 24_000_000 < len(big.text())
    assert [] == (server.tool("search_tasks", run_id=world.BIG_RUN, query="nonesuch") or [])


def test_secrets_are_planted(server: Any) -> None:
    """In a webhook's headers and body, and in a log: the server hides neither."""
    said = server.json(f"/api/runs/{world.SECRET_RUN}/status")
    assert f"Bearer {GITHUB_SECRET}" == said["trigger_input"]["webhook"]["headers"]["Authorization"]
    assert SECRET_VALUE in json.dumps(server.tasks(world.SECRET_RUN))


def test_an_agent_leaves_what_it_did(server: Any) -> None:
    """Its output is one text; what it used and did is told."""
    told = server.tasks(world.AGENT_RUN)["jobs/review/0/run"]
    assert {"stdout", "usage", "audit_log", "status"} <= set(told)
    assert "logs" not in told


def test_what_runs_is_written_down_every_two_seconds(server: Any) -> None:
    """A line each five seconds for an hour, so after ten minutes there are 120 or so."""
    before = server.tasks(world.RUNNING_RUN)["jobs/soak/0/tasks/ticks"]
    server.clock.wait(10)
    after = server.tasks(world.RUNNING_RUN)["jobs/soak/0/tasks/ticks"]
    assert (2, "running") == (len(after["logs"]) - len(before["logs"]), after["status"])
    assert "elapsed" not in after


def test_the_world_is_the_same_in_every_process() -> None:
    """Ids, names and texts; only times follow the clock."""
    one, two = (world.make_demo(Clock(time.time() - back)) for back in (0, 500))
    assert list(one.runs) == list(two.runs)
    assert list(one.pipelines) == list(two.pipelines)
    assert [row.log for run in one.runs.values() for row in run.rows] == [
        row.log for run in two.runs.values() for row in run.rows
    ]


@pytest.mark.parametrize(
    ("seconds", "whole", "said"),
    [(0.012157951, False, "12.157951ms"), (1.01316122, False, "1.01316122s"), (123.004, False, "2m3.004s"),
     (3600, False, "1h0m0s"), (0.9, True, "0s"), (61.5, True, "1m1s"), (0, False, "0s")],
)  # fmt: skip
def test_time_spans_are_go_s(seconds: float, whole: bool, said: str) -> None:
    """Of JavaScript tasks in whole seconds."""
    assert said == duration(seconds, whole=whole)


def test_pieces_lose_nothing() -> None:
    """Whatever their sizes; two seeds cut elsewhere."""
    text = "".join(f"line {number} with some words behind it\n" for number in range(3000))
    pieces = list(cut(text, "a"))
    assert text == "".join(pieces)
    assert pieces != list(cut(text, "b"))


@pytest.mark.parametrize(
    ("script", "code", "said"),
    [
        ("echo one; echo two >&2; exit 3; echo never", 3, "one\ntwo\n"),
        ("for i in a b; do echo at $i; done", 0, "at a\nat b\n"),
        ("set -e\necho 'a; b' && true", 0, "a; b\n"),
        ("nosuch --flag", 127, "sh: 1: nosuch: not found\n"),
    ],
)
def test_simple_scripts_do_what_they_say(script: str, code: int, said: str) -> None:
    """Anything else is a command that is not there."""
    outcome = of_script(script)
    assert (code, said) == (outcome.code, outcome.log.text())


def test_real_time_passes_on_loopback(client: Any, wait: Callable[[Callable[[], bool]], None]) -> None:
    """What is started ends by itself."""
    run = client.post(f"/api/pipelines/{world.pipeline_id('compile-ts')}/trigger").json()["run_id"]
    wait(lambda: client.get(f"/api/runs/{run}/status").json()["status"] == "success")
