"""Start a run again: one run, in its vendor's own way, and nothing that was not meant."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio.lowlevel
import pytest

from ci_mcp.core.shapes import Place
from ci_mcp.errors import UnreachableError, UnsupportedError, UsageError
from ci_mcp.status import Status
from ci_mcp.triage.rerun import Rerun
from ci_mcp.triage.rerun import rerun as start_again
from ci_mcp.triage.target import find
from ci_mcp.triage.tools import rerun
from ci_mcp.triage.wait import Clock

Make = Callable[..., Any]
pytestmark = pytest.mark.anyio


def startable(services: Make, *toys: Any, new: str = "r9", **more: Any) -> Any:
    """Services whose first toy can start a run again; what it was asked for is kept in its ``asked``."""
    made = services(*toys, **more)
    toy = toys[0]

    async def again(_: Any, run: str, failed_only: bool) -> str:
        toy.asked.append(f"rerun {run} {'failed' if failed_only else 'all'}")
        return new

    provider = made.toys[toy.name]
    provider.hooks = replace(provider.hooks, rerun=again)
    return made


@pytest.mark.parametrize(("which", "said"), [("failed", True), ("all", False)])
async def test_a_job_alone_is_not_what_is_started(which: Any, said: bool, services: Make, toy: Make, run: Make) -> None:
    """Its run's failed jobs are, and who pasted the job's page must know."""
    alpha = toy("alpha", runs=[run(1, Status.FAILED), run(9, Status.RUNNING)])
    answer = await rerun(startable(services, alpha), "https://ci.alpha.example/jobs/j1", which)
    assert said is ("not this job alone: every failed one of its run" in answer.note)


@pytest.mark.parametrize("which", ["failed", "all"])
async def test_the_newest_run_is_started_again(which: Any, services: Make, toy: Make, run: Make) -> None:
    """Its failed jobs or all of it; the answer names the new run and the old one."""
    alpha = toy("alpha", runs=[run(9, Status.RUNNING), run(1, Status.FAILED)])
    alpha.runs.reverse()
    said = await rerun(startable(services, alpha), "alpha:web@main", which)
    assert ["runs main", f"rerun r1 {which}", "run r9"] == alpha.asked
    assert (Status.RUNNING, "r9", "r1") == (said.status, said.id, said.of)
    assert ("failed jobs" if which == "failed" else "all") == said.which
    assert 'ci_wait(target="alpha:#r9") tells how it ends' in said.note


async def test_a_vendor_that_cannot_leave_out_what_passed_says_so(services: Make, toy: Make, run: Make) -> None:
    """Whoever asks for what failed alone must know what it costs."""
    alpha = toy("alpha", runs=[run(1, Status.FAILED), run(9, Status.RUNNING)])
    made = startable(services, alpha)
    provider = made.toys["alpha"]
    provider.hooks = replace(provider.hooks, reruns_all="alpha runs all of it")
    failed, everything = await rerun(made, "alpha:#r1"), await rerun(made, "alpha:#r1", "all")
    assert ("all", "all") == (failed.which, everything.which)
    assert "alpha runs all of it; " in failed.note
    assert "alpha runs all of it" not in everything.note


@pytest.mark.parametrize("status", [Status.PASSED, Status.RUNNING, Status.FAILING, Status.SKIPPED])
async def test_where_all_would_run_again_something_must_have_failed(
    status: Status, services: Make, toy: Make, run: Make
) -> None:
    """As where only what failed would: there the vendor refuses."""
    alpha = toy("alpha", runs=[run(1, status), run(9, Status.RUNNING)])
    made = startable(services, alpha)
    provider = made.toys["alpha"]
    provider.hooks = replace(provider.hooks, reruns_all="alpha runs all of it")
    with pytest.raises(UsageError, match="run r1 has not failed: run all of it again, or wait until it ends"):
        await rerun(made, "alpha:#r1")
    assert "r9" == (await rerun(made, "alpha:#r1", "all")).id


class Quick:
    """A clock that only sleeping moves; ``then`` is done at the first sleep."""

    def __init__(self, then: Callable[[], None] = lambda: None) -> None:
        self.time = 0.0
        self.then = then

    async def sleep(self, seconds: float) -> None:
        """Let the time pass."""
        await anyio.lowlevel.checkpoint()
        self.time += seconds
        self.then()

    def clock(self) -> Clock:
        """It as the rerun takes it."""
        return Clock(lambda: self.time, self.sleep)


async def started(services: Any, quick: Quick) -> Rerun:
    """The rerun of a run."""
    return await start_again(services, await find(services, "alpha:#r1"), failed_only=True, clock=quick.clock())


@pytest.mark.parametrize("new", ["gone", "r1"])
async def test_a_run_that_cannot_be_seen_yet_was_started_all_the_same(
    new: str, services: Make, toy: Make, run: Make
) -> None:
    """An error after the start must not hide it; a vendor may still show the old end, and is asked for a while."""
    alpha, quick = toy("alpha", runs=[run(1, Status.FAILED)]), Quick()
    said = await started(startable(services, alpha, new=new), quick)
    assert (Status.QUEUED, new) == (said.status, said.id)
    assert 8 <= quick.time < 12


async def test_a_rerun_is_told_once_it_is_shown(services: Make, toy: Make, run: Make) -> None:
    """So that who waits for it then is not told of its old end."""
    alpha = toy("alpha", runs=[run(1, Status.FAILED)])
    quick = Quick(lambda: alpha.runs.__setitem__(0, run(1, Status.RUNNING)))
    said = await started(startable(services, alpha, new="r1"), quick)
    assert (Status.RUNNING, 2) == (said.status, quick.time)


async def test_a_rerun_that_has_ended_already_is_not_waited_for(services: Make, toy: Make, run: Make) -> None:
    """Its end is younger than its start; what cannot be asked is not asked again."""
    alpha, quick = toy("alpha", runs=[run(1, Status.FAILED)]), Quick()
    alpha.runs.append(replace(run(9, Status.PASSED), finished=datetime.now(UTC) + timedelta(seconds=5)))
    assert Status.QUEUED is (await started(startable(services, alpha), quick)).status
    assert 0 == quick.time


async def test_of_several_none_is_guessed(services: Make, toy: Make, run: Make) -> None:
    """They are named."""
    home = {name: Place(host=f"ci.{name}.example", project="shop", branch="main") for name in ("alpha", "beta")}
    alpha, beta = toy("alpha", runs=[run(1, Status.FAILED)]), toy("beta", runs=[run(1, Status.FAILED)])
    with pytest.raises(UsageError, match="several runs are meant: alpha:shop@main, beta:shop@main: name one of them"):
        await rerun(startable(services, alpha, beta, home=home), "")
    assert [] == [*alpha.asked, *beta.asked]


async def test_a_provider_that_could_not_be_asked_may_be_the_one_that_was_meant(
    services: Make, toy: Make, run: Make, git: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So nothing is started where it is not known which."""
    monkeypatch.chdir(git("r"))
    alpha = toy("alpha", remote="r", runs=[run(1, Status.FAILED)])
    down = toy("beta", remote="r", broken=UnreachableError("beta is down"))
    with pytest.raises(UsageError, match="alpha:web@main, and beta is down"):
        await rerun(startable(services, alpha, down), "")
    assert ["discover"] == alpha.asked


async def test_what_a_vendor_cannot_do_is_told_in_its_own_words(services: Make, toy: Make, run: Make) -> None:
    """Also where it has no such call at all."""
    alpha = toy("alpha", runs=[run(1, Status.FAILED)])
    with pytest.raises(UnsupportedError, match="Alpha has no call that starts a run again"):
        await rerun(services(alpha), "alpha:#r1")
    made = startable(services, alpha)

    async def refuse(_: Any, run: str, failed_only: bool) -> str:
        raise UnsupportedError(f"{run} {failed_only}", "type: vendor run r1")

    made.toys["alpha"].hooks = replace(made.toys["alpha"].hooks, rerun=refuse)
    with pytest.raises(UnsupportedError, match="r1 True: type: vendor run r1"):
        await rerun(made, "alpha:#r1")
