"""``wait``, ``rerun`` and ``status`` as commands."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from ci_mcp.cli.sandboxed import demo_world
from ci_mcp.cli.status import for_a_person
from ci_mcp.cli.wait import exit_code
from ci_mcp.core.answer import Answer
from ci_mcp.core.call import call
from ci_mcp.core.catalog import find, load
from ci_mcp.core.services import Services
from ci_mcp.sandbox.plan import Clock
from ci_mcp.sandbox.serve import service_names

Run = Callable[..., Any]
PROVIDERS = [name for name in service_names() if name in load().services]
FATES = ("fails-soon", "passes-soon")


def target(provider: str, fate: str) -> str:
    """The demo's run of that fate: a branch, or a project of its own where there are no branches."""
    return f"{provider}:shop{'@' if find(provider).hooks.branches else '-'}{fate}"


class Held(Clock):
    """A world's time that a test moves."""

    seconds = 0.0

    def now(self) -> float:
        """Seconds since the sandbox started, as the test says."""
        return self.seconds


@pytest.fixture(scope="module")
def waited() -> dict[tuple[str, str], tuple[Answer, Answer]]:
    """For each provider and fate one look at first, and a wait when it has ended, in one sandbox."""
    looks: dict[tuple[str, str], Answer] = {}
    ends: dict[tuple[str, str], Answer] = {}

    async def one(services: Services, key: tuple[str, str], seconds: int, into: dict[Any, Answer]) -> None:
        into[key] = await call(services, "ci_wait", {"target": target(*key), "timeout": seconds})

    async def every() -> None:
        clock = Held()
        with demo_world(clock=clock) as made:
            async with Services(*made) as services:
                for seconds, into in ((0, looks), (60, ends)):
                    async with anyio.create_task_group() as group:
                        for key in [(provider, fate) for provider in PROVIDERS for fate in FATES]:
                            group.start_soon(partial(one, services, key, seconds, into))
                    Held.seconds = 60.0

    anyio.run(every)
    return {key: (looks[key], ends[key]) for key in looks}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_run_that_fails_soon_is_waited_for_and_explained(provider: str, waited: Any) -> None:
    """Exit code 1; in one look it has not ended, which is 7."""
    look, end = waited[provider, "fails-soon"]
    assert (7, 1) == (exit_code(look.data), exit_code(end.data))
    assert "Not ended yet. Go on: ci_wait(" in look.text
    assert end.text.startswith(f"FAILED  {provider} ")
    assert ">>>" in end.text


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_run_that_passes_soon_is_waited_for(provider: str, waited: Any) -> None:
    """Exit code 0."""
    look, end = waited[provider, "passes-soon"]
    assert (7, 0) == (exit_code(look.data), exit_code(end.data))
    assert end.text.startswith(f"PASSED  {provider} ")


def test_the_command_ends_with_the_explanation_and_its_code(ci_mcp: Run) -> None:
    """As a script sees it."""
    ran = ci_mcp("--demo", "wait", "semaphore:shop@main")
    assert (1, "") == (ran.code, ran.err)
    assert "assert 1790 == 1800" in ran.out
    assert 0 == ci_mcp("--demo", "wait", "semaphore:shop@release").code


def test_a_wait_whose_time_runs_out_exits_7(ci_mcp: Run) -> None:
    """And says what is known, and how to go on; in JSON too."""
    ran = ci_mcp("--demo", "wait", "firmwareci:lab", "--timeout", "1")
    assert 7 == ran.code
    assert ran.out.startswith("RUNNING  firmwareci lab")
    data = json.loads(ci_mcp("--demo", "wait", "firmwareci:lab", "--timeout", "0", "--format", "json").out)
    assert ("running", False) == (data["runs"][0]["status"], data["failed"])
    assert [data["runs"][0]["url"]] == data["waiting"]


def test_a_run_that_ends_while_it_is_waited_for_is_explained(ci_mcp: Run) -> None:
    """Whatever it was when the wait began."""
    ran = ci_mcp("--demo", "wait", "semaphore:shop@fails-soon")
    assert 1 == ran.code
    assert ran.out.startswith("FAILED  semaphore shop@fails-soon")


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("which", ["--failed", "--all"])
def test_a_run_is_started_again(provider: str, which: str, ci_mcp: Run) -> None:
    """Its id, and what tells how it ends; where the vendor has no such call, what to do instead."""
    ran = ci_mcp("--demo", "rerun", provider, which)
    if ran.code:
        assert 2 == ran.code
        assert ran.err.count("\n") == 1
        return
    said = json.loads(ran.out)
    assert provider == said["provider"]
    assert said["status"] in {"queued", "running", "failing"}
    assert said["id"]
    assert f'ci_wait(target="{provider}:#' in said["note"]


def test_nothing_that_failed_is_said_so(ci_mcp: Run) -> None:
    """A green run has no failed jobs to run again."""
    ran = ci_mcp("--demo", "rerun", "buildkite:shop@release")
    assert (2, "") == (ran.code, ran.out)
    assert "run all of it again" in ran.err


@pytest.mark.skipif(len(PROVIDERS) == 1, reason="there is nothing to choose from")
def test_of_several_runs_none_is_started(ci_mcp: Run) -> None:
    """They are named, to choose from."""
    ran = ci_mcp("--demo", "rerun")
    assert (2, "") == (ran.code, ran.out)
    assert "several runs are meant: " in ran.err
    assert "semaphore:shop@main" in ran.err


def test_a_status_is_a_table_of_ages_for_a_person(ci_mcp: Run) -> None:
    """And numbers in JSON."""
    text = ci_mcp("--demo", "status", "firmwareci:lab", "--format", "text").out
    assert "0 of 1 job done: linux-boot" in text
    row = json.loads(ci_mcp("--demo", "status", "semaphore").out)["items"][0]
    assert row["age"] >= row["duration"]
    assert {"usual", "created", "url"} <= set(row)


def test_times_are_told_in_words() -> None:
    """Two units at most; when it began is its age, and its page stands for its id."""
    row = {
        "status": "passed",
        "id": "r1",
        "url": "https://x",
        "created": "2026-01-01T00:00:00Z",
        "age": 3700,
        "duration": 61,
        "usual": 59.6,
    }
    (shown,) = for_a_person(Answer("", {"items": [row]}, structured=True)).data["items"]
    times = {"age": "1 h 1 min", "duration": "1 min 1 s", "usual": "1 min"}
    assert {"status": "passed", **times, "url": "https://x"} == shown
    assert ["status", *times, "url"] == list(shown)


@pytest.mark.parametrize(
    ("failed", "waiting", "code"), [(True, ["a"], 1), (True, [], 1), (False, ["a"], 7), (False, [], 0)]
)
def test_a_failure_counts_before_what_still_runs(failed: bool, waiting: list[str], code: int) -> None:
    """Of several runs that were waited for."""
    assert code == exit_code({"failed": failed, "waiting": waiting})


def test_an_unknown_target_is_one_line(ci_mcp: Run, home: Path) -> None:
    """Outside of a checkout nothing is guessed."""
    for command in ("wait", "rerun", "status"):
        ran = ci_mcp(command, "what is this")
        assert (2, "") == (ran.code, ran.out)
    assert not (home / ".git").exists()
