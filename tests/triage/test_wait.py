"""Waiting: polite, patient with rate limits, and gone without a trace when it is given up."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from ci_mcp.core.progress import reported_to
from ci_mcp.core.shapes import Checkout, Job, Place, Run
from ci_mcp.errors import AuthError, CiError, NotFoundError, RateLimitedError, UnreachableError
from ci_mcp.status import Status
from ci_mcp.triage.target import Target
from ci_mcp.triage.wait import Clock, Watch, line, pace, until_ended, usual

Make = Callable[..., Any]
pytestmark = pytest.mark.anyio
RUN = Target("alpha", Place(host="ci.alpha.example", run="r1"))
HEAD = "a" * 40


class FakeTime:
    """A clock that only sleeping moves; how long was slept is noted."""

    def __init__(self) -> None:
        self.time = 0.0
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        """Let the time pass, and others run."""
        self.slept.append(seconds)
        await anyio.lowlevel.checkpoint()
        self.time += seconds

    def clock(self) -> Clock:
        """It as the wait takes it."""
        return Clock(lambda: self.time, self.sleep)


@pytest.fixture
def time() -> FakeTime:
    """A clock of its own for each test."""
    return FakeTime()


def stages(toy: Make, *answers: Run | CiError, name: str = "alpha") -> Any:
    """A CI whose run stands so at each look; the last answer stays."""

    class Staged(type(toy("x"))):  # type: ignore[misc]
        async def _run(self, _: Any, run: str) -> Run:
            self._note(f"run {run}")
            found = answers[min(len([one for one in self.asked if one.startswith("run ")]), len(answers)) - 1]
            if isinstance(found, CiError):
                raise found
            return found

    return Staged(name)


@pytest.fixture
def going(run: Make) -> Callable[..., Run]:
    """Makes a run that began a minute ago."""

    def make(status: Status = Status.RUNNING, jobs: Sequence[Status] = (), seconds: float = 60) -> Run:
        made = tuple(Job(status=one, name=f"job{number}", id=str(number)) for number, one in enumerate(jobs))
        created = datetime.now(UTC) - timedelta(seconds=seconds)
        return replace(run(1, status, jobs=made), created=created, duration=None)

    return make


async def test_a_run_is_looked_at_until_it_ends(services: Make, toy: Make, going: Make, time: FakeTime) -> None:
    """One request a look."""
    alpha = stages(toy, going(), going(), going(Status.PASSED))
    (watch,) = await until_ended(services(alpha), [RUN], 3600, fail_fast=False, clock=time.clock())
    assert (True, Status.PASSED) == (watch.ended, watch.run and watch.run.status)
    assert ["run r1"] * 3 == alpha.asked
    assert 2 == len(time.slept)


async def test_a_run_that_goes_on_is_polled_where_that_is_cheaper(
    services: Make, toy: Make, going: Make, time: FakeTime
) -> None:
    """With what was last seen of it."""
    made = services(stages(toy, going()))
    states = [Status.RUNNING, Status.PASSED]
    polled: list[Status] = []

    async def poll(_: Any, seen: Run) -> Run:
        polled.append(seen.status)
        return replace(seen, status=states.pop(0))

    provider = made.toys["alpha"]
    provider.hooks = replace(provider.hooks, poll=poll)
    (watch,) = await until_ended(made, [RUN], 3600, fail_fast=False, clock=time.clock())
    assert watch.ended
    assert [Status.RUNNING, Status.RUNNING] == polled


async def test_time_that_runs_out_leaves_what_is_known(services: Make, toy: Make, going: Make, time: FakeTime) -> None:
    """With one last look when it is over, and without a pause that is longer than it."""
    alpha = stages(toy, going())
    (watch,) = await until_ended(services(alpha), [RUN], 10, fail_fast=False, clock=time.clock())
    assert (False, Status.RUNNING) == (watch.ended, watch.run and watch.run.status)
    assert 10 == pytest.approx(sum(time.slept))
    assert 3 == len(alpha.asked)


async def test_no_time_is_one_look(services: Make, toy: Make, going: Make, time: FakeTime) -> None:
    """As a script that only wants to know."""
    alpha = stages(toy, going())
    await until_ended(services(alpha), [RUN], 0, fail_fast=False, clock=time.clock())
    assert (["run r1"], []) == (alpha.asked, time.slept)


@pytest.mark.parametrize("fail_fast", [True, False])
async def test_a_certain_failure_ends_the_wait_where_that_is_wanted(
    fail_fast: bool, services: Make, toy: Make, going: Make, time: FakeTime
) -> None:
    """Else the run's end does."""
    alpha = stages(toy, going(), going(Status.FAILING), going(Status.FAILED))
    (watch,) = await until_ended(services(alpha), [RUN], 3600, fail_fast=fail_fast, clock=time.clock())
    assert 3 - fail_fast == len(alpha.asked)
    assert watch.run is not None
    assert watch.run.status.bad


async def test_the_first_failure_of_several_ends_the_wait_for_all(
    services: Make, toy: Make, going: Make, time: FakeTime
) -> None:
    """Where that is wanted; nothing is asked any more."""
    alpha, beta = stages(toy, going()), stages(toy, going(), going(Status.FAILED), name="beta")
    targets = [RUN, replace(RUN, provider="beta", place=replace(RUN.place, host="ci.beta.example"))]
    one, other = await until_ended(services(alpha, beta), targets, 3600, fail_fast=True, clock=time.clock())
    assert (False, True) == (one.ended, other.ended)
    assert 2 >= len(alpha.asked)


async def test_a_run_that_waits_for_a_person_is_left(services: Make, toy: Make, going: Make, time: FakeTime) -> None:
    """Time alone changes nothing there."""
    alpha = stages(toy, going(Status.BLOCKED))
    (watch,) = await until_ended(services(alpha), [RUN], 3600, fail_fast=False, clock=time.clock())
    assert (True, False, []) == (watch.stuck, watch.ended, time.slept)


async def test_a_rate_limit_is_waited_out(services: Make, toy: Make, going: Make, time: FakeTime) -> None:
    """As long as the service says, at the first look too."""
    limited = RateLimitedError("slow down", retry_after=40)
    alpha = stages(toy, limited, going(), limited, going(Status.PASSED))
    (watch,) = await until_ended(services(alpha), [RUN], 3600, fail_fast=False, clock=time.clock())
    assert watch.ended
    assert 2 == time.slept.count(40)


async def test_a_rate_limit_longer_than_the_time_left_ends_the_wait(
    services: Make, toy: Make, going: Make, time: FakeTime
) -> None:
    """What was seen is told with the reason; where nothing was, the reason alone."""
    limited = RateLimitedError("slow down", retry_after=100)
    made = services(stages(toy, going(), limited))
    (watch,) = await until_ended(made, [RUN], 30, fail_fast=False, clock=time.clock())
    assert (False, ("slow down",)) == (watch.ended, watch.notes)
    with pytest.raises(RateLimitedError):
        await until_ended(services(stages(toy, limited)), [RUN], 30, fail_fast=False, clock=time.clock())


async def test_a_service_that_stumbles_is_asked_again(services: Make, toy: Make, going: Make, time: FakeTime) -> None:
    """An hour's wait does not end with a minute without network; but one that stays away is told."""
    down = UnreachableError("no network")
    alpha = stages(toy, going(), down, down, down, going(Status.PASSED))
    (watch,) = await until_ended(services(alpha), [RUN], 3600, fail_fast=False, clock=time.clock())
    assert watch.ended
    gone = stages(toy, going(), down)
    (watch,) = await until_ended(services(gone), [RUN], 3600, fail_fast=False, clock=time.clock())
    assert (False, ("no network",), 7) == (watch.ended, watch.notes, len(gone.asked))


@pytest.mark.parametrize("error", [AuthError("bad token"), NotFoundError("no run"), UnreachableError("down")])
async def test_what_cannot_be_looked_at_at_all_is_an_error(
    error: CiError, services: Make, toy: Make, time: FakeTime
) -> None:
    """At once."""
    with pytest.raises(type(error)):
        await until_ended(services(stages(toy, error)), [RUN], 3600, fail_fast=False, clock=time.clock())


async def test_one_that_cannot_be_asked_does_not_hide_the_other(
    services: Make, toy: Make, going: Make, time: FakeTime
) -> None:
    """Its problem is kept beside."""
    alpha, beta = stages(toy, going(Status.PASSED)), stages(toy, AuthError("bad token"), name="beta")
    targets = [RUN, replace(RUN, provider="beta", place=replace(RUN.place, host="ci.beta.example"))]
    one, other = await until_ended(services(alpha, beta), targets, 3600, fail_fast=False, clock=time.clock())
    assert (True, "bad token") == (one.ended, str(other.problem))


def at_head(pushed: bool = True) -> Target:
    """A checkout's branch."""
    here = Checkout(root="/r", branch="main", commit=HEAD, pushed=pushed)
    return Target("alpha", Place(host="ci.alpha.example", project="web", branch="main"), here)


class Later:
    """Runs that a CI begins after a few looks."""

    def __init__(self, toy: Make, before: list[Run], after: list[Run], looks: int) -> None:
        outer = self
        self.looks = 0

        class Slow(type(toy("x"))):  # type: ignore[misc]
            async def _runs(self, api: Any, query: Any) -> Any:
                outer.looks += not query.commit
                self.runs = after if outer.looks > looks else before
                return await super()._runs(api, query)

        self.toy = Slow("alpha", runs=after)


async def test_the_run_of_a_head_just_pushed_is_waited_for(
    services: Make, toy: Make, run: Make, time: FakeTime
) -> None:
    """An older run of the branch tells nothing of it."""
    old, new = run(2, Status.PASSED), run(1, Status.PASSED, commit=HEAD)
    made = services(Later(toy, [old], [new, old], looks=2).toy)
    (watch,) = await until_ended(made, [at_head()], 3600, fail_fast=False, clock=time.clock())
    assert ("r1", 61.0) == (watch.id, watch.usual)
    assert [3.0, 3.0] == time.slept


@pytest.mark.parametrize("before", [0, 1])
async def test_a_head_that_no_run_begins_for_is_an_error(
    before: int, services: Make, toy: Make, run: Make, time: FakeTime
) -> None:
    """Else a script would go on with what an older run said."""
    made = services(Later(toy, [run(2, Status.PASSED)][:before], [], looks=10_000).toy)
    with pytest.raises(NotFoundError, match=r"began no run of HEAD \(aaaaaaaaaa\) within 60|has no runs"):
        await until_ended(made, [at_head()], 3600, fail_fast=False, clock=time.clock())
    assert 60 == pytest.approx(sum(time.slept))


async def test_a_head_that_is_not_pushed_yet_has_its_branch_waited_for(
    services: Make, toy: Make, run: Make, time: FakeTime
) -> None:
    """And says so."""
    made = services(toy("alpha", runs=[run(2, Status.PASSED)]))
    (watch,) = await until_ended(made, [at_head(pushed=False)], 3600, fail_fast=False, clock=time.clock())
    assert "is not pushed" in watch.notes[0]
    assert watch.ended


async def test_progress_counts_the_jobs_that_are_done(services: Make, toy: Make, going: Make, time: FakeTime) -> None:
    """At each look, with words."""
    said: list[tuple[float, float | None, str]] = []

    async def report(done: float, total: float | None, words: str) -> None:
        said.append((done, total, words))

    half = going(jobs=[Status.PASSED, Status.FAILED, Status.RUNNING], seconds=80)
    alpha = stages(toy, half, replace(half, status=Status.FAILED, jobs=half.jobs[:2]))
    with reported_to(report):
        await until_ended(services(alpha), [RUN], 3600, fail_fast=False, clock=time.clock())
    assert [(2, 3), (2, 2)] == [(done, total) for done, total, _ in said]
    assert "alpha web@main: running, 2 of 3 jobs done, 1 failed, 1 min 2" in said[0][2]


async def test_a_wait_that_is_given_up_asks_no_more(services: Make, toy: Make, going: Make) -> None:
    """Cancellation passes through at once."""
    alpha = stages(toy, going())
    asleep = anyio.Event()

    async def sleep(_seconds: float) -> None:
        asleep.set()
        await anyio.sleep_forever()

    async with anyio.create_task_group() as group:
        wait: Callable[[], Awaitable[Any]] = lambda: until_ended(  # noqa: E731 - a call with its arguments
            services(alpha), [RUN, RUN], 3600, fail_fast=False, clock=Clock(sleep=sleep)
        )
        group.start_soon(wait)
        with anyio.fail_after(10):
            await asleep.wait()
            group.cancel_scope.cancel()
    asked = list(alpha.asked)
    await anyio.lowlevel.checkpoint()
    assert asked == alpha.asked


@pytest.mark.parametrize(
    ("age", "usually", "seconds"),
    [
        (0, None, 3),
        (60, None, 6),
        (3600, None, 15),
        (0, 600, 15),
        (560, 600, 10),
        (595, 600, 3),
        (605, 600, 3),
        (700, 600, 15),
    ],
)
def test_the_pause_is_short_near_the_usual_end(age: float, usually: float | None, seconds: float) -> None:
    """From 3 to 15 seconds."""
    assert seconds == pace(age, usually)


def test_the_usual_time_is_the_median_of_passed_runs(run: Make) -> None:
    """A failed run may end early, a running one has no time yet."""
    runs = [replace(run(1, Status.PASSED), duration=d) for d in (10.0, 30.0, 20.0)]
    assert 20.0 == usual([*runs, run(2, Status.FAILED), replace(run(3, Status.PASSED), duration=None)])
    assert usual([run(1, Status.FAILED)]) is None


def test_a_line_says_that_nothing_has_begun() -> None:
    """Before there is a run."""
    assert "alpha: waiting for a run to begin, 5 s" == line(Watch(RUN), 5)


def test_a_line_of_a_run_that_goes_on_tells_its_age(run: Make) -> None:
    """Of a run whose failed jobs run again a CI may tell how long its first try took."""
    watch = Watch(RUN, run=run(1, Status.RUNNING))
    assert "alpha web@main: running, 1 h" == line(watch, 5)
    watch.run = run(1, Status.PASSED)
    assert "alpha web@main: passed, 1 min 1 s" == line(watch, 5)
