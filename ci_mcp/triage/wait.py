"""Wait for runs to end: asks politely, says how far they are, and leaves nothing behind when it is given up."""

import statistics
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import anyio

from ci_mcp.core import progress
from ci_mcp.core.services import Services
from ci_mcp.core.shapes import Run
from ci_mcp.errors import (
    BadAnswerError,
    CiError,
    NotFoundError,
    RateLimitedError,
    TimedOutError,
    UnreachableError,
)
from ci_mcp.status import Status
from ci_mcp.triage import words
from ci_mcp.triage.choose import choose
from ci_mcp.triage.target import Target

SOONEST, LATEST = 3.0, 15.0  # seconds between two looks at a run
APPEARS = 60.0  # seconds that a CI is given to begin a run of a commit that is pushed
_LOOK = 10.0  # seconds that the last look may take, however little time is left
_STUMBLES = 5  # looks in a row that may fail before it is told
_NAMED = 3  # runs that progress is told of by name


@dataclass(frozen=True, slots=True)
class Clock:
    """Time, which tests replace."""

    now: Callable[[], float] = anyio.current_time
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep


@dataclass(slots=True, eq=False)
class Watch:
    """One target that is waited for, and what is known of its run.

    Attributes:
        target: what was asked for.
        id: its run, once there is one.
        run: the run as it was last seen.
        usual: how many seconds such a run takes when it passes, where a list told.
        notes: what the reader must know of the choice.
        problem: why it could not be looked at.
    """

    target: Target
    id: str = ""
    run: Run | None = None
    usual: float | None = None
    notes: tuple[str, ...] = ()
    problem: CiError | None = None
    began: float = field(default=0.0)

    @property
    def ended(self) -> bool:
        """True where nothing will change by waiting."""
        return self.run is not None and self.run.status.finished

    @property
    def stuck(self) -> bool:
        """True where a person must act first."""
        return self.run is not None and self.run.status is Status.BLOCKED


async def until_ended(
    services: Services, targets: Sequence[Target], patience: float, *, fail_fast: bool, clock: Clock | None = None
) -> list[Watch]:
    """Look at the runs of all targets until each has ended, or waits for a person, or ``patience`` seconds are over.

    With ``fail_fast`` all are left as soon as one run is certain to fail.
    Raises: the first error where no target could be looked at.
    """
    clock = clock or Clock()
    began = clock.now()
    watches = [Watch(target, began=began) for target in targets]
    async with anyio.create_task_group() as group:

        async def one(watch: Watch) -> None:
            try:
                await _follow(services, watch, watches, began + patience, clock, fail_fast=fail_fast)
            except CiError as error:
                watch.problem = error
            if fail_fast and watch.run and watch.run.status.bad:
                group.cancel_scope.cancel()

        for watch in watches:
            group.start_soon(one, watch)
    problems = [watch.problem for watch in watches if watch.problem]
    if len(problems) == len(watches) and problems:
        raise problems[0]
    return watches


async def _follow(  # noqa: PLR0913 - what a look is made of, and what ends it
    services: Services, watch: Watch, every: Sequence[Watch], deadline: float, clock: Clock, *, fail_fast: bool
) -> None:
    stumbles = 0
    while True:
        try:
            await _look(services, watch, deadline, clock)
            stumbles, pause = 0, _pause(watch, clock.now())
        except RateLimitedError as error:
            pause = max(SOONEST, error.retry_after or LATEST)
            if clock.now() + pause > deadline:
                _give_up(watch, error)
                return
        except (UnreachableError, BadAnswerError, TimedOutError) as error:
            stumbles, pause = stumbles + 1, LATEST
            if watch.run is None or stumbles > _STUMBLES or clock.now() >= deadline:
                _give_up(watch, error)
                return
        await _say(every, clock.now())
        left = deadline - clock.now()
        if watch.ended or watch.stuck or left <= 0 or (fail_fast and watch.run and watch.run.status.bad):
            return
        await clock.sleep(min(pause, left))


def _give_up(watch: Watch, error: CiError) -> None:
    """Keep what was seen of a run, with the error as a note; raise it where nothing was."""
    if watch.run is None:
        raise error
    watch.notes = (*watch.notes, str(error))


async def _look(services: Services, watch: Watch, deadline: float, clock: Clock) -> None:
    try:
        with anyio.fail_after(max(deadline - clock.now(), _LOOK)):
            if not watch.id:
                await _find(services, watch, clock)
            hooks, api = services.provider(watch.target.provider).hooks, watch.target.api(services)
            if watch.run and hooks.poll:
                watch.run = await hooks.poll(api, watch.run)
            elif watch.id and hooks.run:
                watch.run = await hooks.run(api, watch.id)
    except TimeoutError:
        raise TimedOutError(f"{watch.target.provider} did not answer in time", "try again") from None


async def _find(services: Services, watch: Watch, clock: Clock) -> None:
    """Choose the run; that of a HEAD that has just been pushed may take a while to begin."""
    here = watch.target.here
    comes = bool(here and here.pushed and here.commit)
    early = clock.now() - watch.began < APPEARS
    try:
        choice = await choose(services, watch.target)
    except NotFoundError:
        if comes and early:
            return
        raise
    if comes and not choice.of_head:
        if early:
            return
        head = here.commit[:10] if here else ""
        raise NotFoundError(
            f"{watch.target.provider} began no run of HEAD ({head}) within {APPEARS:.0f} seconds",
            f"see whether it should have; the newest run of its branch is {choice.id}",
        )
    watch.id, watch.notes = choice.id, choice.notes
    watch.usual = usual(choice.history)


def usual(history: Sequence[Run]) -> float | None:
    """How many seconds a passed run takes: the median; ``None`` where none is known."""
    known = [run.duration for run in history if run.status is Status.PASSED and run.duration]
    return statistics.median(known) if known else None


def _pause(watch: Watch, now: float) -> float:
    """Seconds until the next look: few where the end is near, more the longer a run takes."""
    if watch.run is None:
        return SOONEST
    age = words.age(watch.run.created) if watch.run.created else now - watch.began
    return pace(age, watch.usual)


def pace(age: float, usually: float | None) -> float:
    """Seconds until the next look at a run of this age: a quarter of what is left or too long, a tenth of its age."""
    wanted = age / 10 if usually is None else abs(usually - age) / 4
    return min(max(wanted, SOONEST), LATEST)


async def _say(watches: Sequence[Watch], now: float) -> None:
    known = [job_counts(watch.run) for watch in watches if watch.run]
    done, total = sum(one[0] for one in known), sum(one[1] for one in known)
    said = "; ".join(line(watch, now) for watch in watches[:_NAMED])
    await progress.say(done, total or None, said)


def job_counts(run: Run) -> tuple[int, int, int]:
    """How many jobs of a run have ended, how many there are, and how many failed."""
    counts = run.counts or Counter(job.status.value for job in run.jobs)
    ended = sum(number for status, number in counts.items() if Status(status).finished)
    return ended, sum(counts.values()), counts.get(Status.FAILED, 0)


def line(watch: Watch, now: float) -> str:
    """How a run stands, on one line."""
    run, target = watch.run, watch.target
    if run is None:
        return f"{target.provider}: waiting for a run to begin, {words.duration(now - watch.began)}"
    ended, total, failed = job_counts(run)
    since = run.duration if run.status.finished else None  # until then a part of it may have ended
    parts = [
        f"{target.provider} {run.project}" + (f"@{run.branch}" if run.branch else "") + f": {run.status.value}",
        f"{ended} of {words.count(total, 'job')} done" if total else "",
        f"{failed} failed" if failed else "",
        words.duration(since or words.age(run.created)) if run.created or since else "",
        f"usually {words.duration(watch.usual)}" if watch.usual else "",
    ]
    return ", ".join(part for part in parts if part)


def running(run: Run) -> list[str]:
    """The names of the jobs that run now."""
    return [job.name for job in run.jobs if job.status in {Status.RUNNING, Status.FAILING}]
