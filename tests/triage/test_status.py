"""How the newest runs stand: age, usual time, and what runs now."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ci_mcp.core.shapes import Job
from ci_mcp.errors import UnreachableError
from ci_mcp.status import Status
from ci_mcp.triage.tools import status

Make = Callable[..., Any]
pytestmark = pytest.mark.anyio


def jobs(*states: Status) -> tuple[Job, ...]:
    """Jobs that stand so."""
    return tuple(Job(status=one, name=f"job{number}", id=str(number)) for number, one in enumerate(states))


async def test_a_running_run_tells_what_runs_and_how_long_it_usually_takes(
    services: Make, toy: Make, run: Make
) -> None:
    """The usual time costs no request, what runs one."""
    now = replace(run(1, Status.RUNNING, jobs=jobs(Status.PASSED, *[Status.RUNNING] * 7)), duration=None)
    old = [replace(run(number, Status.PASSED), duration=60.0 * number) for number in (2, 3, 4)]
    alpha = toy("alpha", runs=[now, *old])
    (row,) = (await status(services(alpha), "alpha:web@main")).items
    assert (Status.RUNNING, "r1", 180.0, None) == (row.status, row.id, row.usual, row.duration)
    assert "1 of 8 jobs done: job1, job2, job3, job4, job5 and 2 more" == row.running
    assert 3600 == pytest.approx(row.age, abs=60)
    assert ["runs main", "run r1"] == alpha.asked


async def test_an_ended_run_costs_one_request(services: Make, toy: Make, run: Make) -> None:
    """Unless its list does not tell how long it took."""
    alpha = toy("alpha", runs=[run(1, Status.FAILED)])
    (row,) = (await status(services(alpha), "alpha:web@main")).items
    assert (61.0, "") == (row.duration, row.running)
    assert ["runs main"] == alpha.asked


async def test_a_project_shows_each_branch_and_looks_at_few(services: Make, toy: Make, run: Make) -> None:
    """At most four runs are asked for themselves."""
    runs = [replace(run(number, Status.RUNNING, branch=f"b{number}"), duration=None) for number in range(1, 9)]
    alpha = toy("alpha", runs=runs)
    page = await status(services(alpha), "alpha:web")
    assert [f"b{number}" for number in range(1, 9)] == [row.branch for row in page.items]
    assert 4 == sum(asked.startswith("run ") for asked in alpha.asked)


async def test_what_runs_is_looked_at_before_how_long_others_took(services: Make, toy: Make, run: Make) -> None:
    """Few runs are asked for themselves: an older one that runs comes before newer ones that ended."""
    ended = [replace(run(number, Status.PASSED, branch=f"b{number}"), duration=None) for number in range(1, 6)]
    now = replace(run(6, Status.RUNNING, branch="soak", jobs=jobs(Status.RUNNING)), duration=None)
    page = await status(services(toy("alpha", runs=[*ended, now])), "alpha:web")
    assert "0 of 1 job done: job0" == page.items[5].running


async def test_heads_run_is_shown_with_how_it_was_chosen(
    services: Make, toy: Make, run: Make, git: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over every provider that knows the checkout; one that is down is named."""
    monkeypatch.chdir(git("r"))
    alpha = toy("alpha", remote="r", runs=[run(1, Status.PASSED)])
    beta = toy("beta", remote="r", runs=[run(2, Status.FAILED)])
    down = toy("gamma", remote="r", broken=UnreachableError("gamma is down"))
    page = await status(services(alpha, beta, down), "")
    assert [("alpha", "r1"), ("beta", "r2")] == [(row.provider, row.id) for row in page.items]
    assert page.note.endswith("gamma is down")
    assert 1 == page.note.count("is not pushed: this is the newest run of branch main")
