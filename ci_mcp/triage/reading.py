"""The logs of failed jobs: fetched side by side, none waited for too long, told alike where they fail alike."""

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Self

import anyio
import anyio.to_thread

from ci_mcp.core.provider import Api, Hooks
from ci_mcp.core.shapes import Failure, Job
from ci_mcp.core.together import together
from ci_mcp.errors import CiError, TimedOutError
from ci_mcp.logs.clean import Log
from ci_mcp.logs.excerpt import DEFAULT_BUDGET, Excerpt, excerpt
from ci_mcp.logs.search import search
from ci_mcp.status import Status
from ci_mcp.triage.cause import Cause, cause
from ci_mcp.triage.files import Place

_AT_ONCE: Final = 6  # logs fetched side by side: what is short need not wait until all of them have come
_ALIKE: Final = 600  # tokens of the excerpts by which failures are told alike
_LEAST: Final = 60  # tokens of an excerpt that still tell something
_ASIDE: Final = 300  # tokens of the excerpt of what its service has ended
_LAST: Final = 120  # and where nothing in it tells why
_LONGEST: Final = 20.0  # seconds that one log may take
_SHARE: Final = 0.5  # of the time that is left when it is asked for
_EXIT: Final = re.compile(r"exit code (\d+)")


@dataclass(frozen=True, slots=True)
class Explained:
    """One failed job, or several that failed in the same way: ``also`` names the others.

    ``problem`` says why there is no log, ``places`` are files of the checkout that the failure names.
    """

    failure: Failure
    log: Log | None = None
    excerpt: Excerpt | None = None
    step: str = ""
    exit_code: int | None = None
    problem: str = ""
    also: tuple[str, ...] = ()
    cause: Cause | None = None
    places: tuple[Place, ...] = ()

    @property
    def tells(self) -> bool:
        """Whether more is known than that the job failed."""
        known = self.log or self.excerpt or self.problem or self.failure.reason or self.failure.tests or self.step
        return bool(known) or self.exit_code is not None


def patience() -> float:
    """Seconds that something may take which the answer can do without."""
    return min(_LONGEST, max(0.0, (anyio.current_effective_deadline() - anyio.current_time()) * _SHARE))


class Reader:
    """The logs of one explanation: each is asked for once, and given up when its time is over."""

    def __init__(self, api: Api, hooks: Hooks) -> None:
        """Read logs of one service."""
        self._api, self._hooks = api, hooks
        self._given_up: dict[str, CiError] = {}
        self._open: list[Log] = []
        self._slots = anyio.Semaphore(_AT_ONCE)

    def __enter__(self) -> Self:
        """Logs are read within the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close them all."""
        while self._open:
            self._open.pop().close()

    async def prefetch(self, job: Job) -> None:
        """See to it that a log is in the store; one that cannot be had is told when it is read."""
        try:
            log = await self._fetch(job)
        except CiError:
            return
        if log is not None:
            log.close()

    async def read(self, failures: Sequence[Failure]) -> list[Explained]:
        """The failures with their logs, open until the end of the block."""
        return await together([partial(self._read, one) for one in failures])

    async def _fetch(self, job: Job) -> Log | None:
        if not job.log_id or self._hooks.log is None:
            return None
        if job.log_id in self._given_up:
            raise self._given_up[job.log_id]
        fetch: partial[AsyncIterator[bytes]] = partial(self._hooks.log, self._api, job.log_id)
        log: Log | None = None
        try:
            async with self._slots:
                seconds = patience()
                with anyio.move_on_after(seconds) as scope:
                    name = f"{self._api.host} {job.log_id}"
                    log = await self._api.store.log(name, fetch, finished=job.status.finished)
            if scope.cancelled_caught:
                raise TimedOutError(f"its log did not come within {seconds:.0f} s", "ask again, or for this job alone")
        except CiError as error:
            self._given_up[job.log_id] = error
            raise
        return log

    async def _read(self, failure: Failure) -> Explained:
        told = next((step for step in failure.job.steps if step.status.bad), None)
        one = Explained(failure, step=told.name if told else "", exit_code=told.exit_code if told else None)
        try:
            log = await self._fetch(failure.job)
        except CiError as error:
            return replace(one, problem=str(error))
        if log is not None:
            self._open.append(log)
        if log is None or told is not None:
            return replace(one, log=log)
        step, code = await anyio.to_thread.run_sync(_failed_step, log)
        return replace(one, log=log, step=step, exit_code=code)


def _failed_step(log: Log) -> tuple[str, int | None]:
    """The first step of a log that ended badly, and its exit code."""
    found = search(log, r"^##\[error\]Process completed with exit code \d+", context=0, limit=1)
    if not found.lines:
        return "", None
    code = _EXIT.search(found.lines[0].text)
    return found.lines[0].group, int(code.group(1)) if code else None


async def fold(read: Sequence[Explained]) -> list[Explained]:
    """The failures, those that are alike as one."""
    return await anyio.to_thread.run_sync(_fold, read)


async def excerpts(folded: Sequence[Explained], budget: int) -> list[Explained]:
    """The failures with the lines that explain them, in ``budget`` tokens, and what they blame."""
    return await anyio.to_thread.run_sync(_excerpts, folded, budget)


def without_excerpts(folded: Sequence[Explained]) -> list[Explained]:
    """The failures that there is no room for, with what their service or their tests blame."""
    return [replace(one, log=None, cause=cause(one.failure, None)) for one in folded]


def _fold(read: Sequence[Explained]) -> list[Explained]:
    folded: dict[str, Explained] = {}
    for number, one in enumerate(read):
        # Told alike by excerpts of one size: what little room there may be in the end would hide what they share.
        alike = (_excerpt(one.log, _ALIKE).signature if one.log else "") or _said(one) or str(number)
        first = folded.setdefault(alike, one)
        if first is not one:
            folded[alike] = replace(first, also=(*first.also, one.failure.job.name))
    return list(folded.values())


def _said(one: Explained) -> str:
    """What is known of a failure whose log tells nothing; empty where that does not tell it from others."""
    failure = one.failure
    said = failure.reason or one.problem or (failure.job.status is Status.CANCELED and "canceled")
    return f"{failure.job.status} {said} {[test.name for test in failure.tests]}" if said else ""


def _excerpts(folded: Sequence[Explained], budget: int) -> list[Explained]:
    done: list[Explained] = []
    left = sum(one.log is not None for one in folded)
    for one in folded:
        # Failing tests say more than an excerpt of a line or two.
        telling = one.log is not None and (budget // left >= _LEAST or not one.failure.tests)
        room = max(_LEAST, budget // left) if left else 0
        shown = _worth(one.log, one.failure, room) if one.log and telling else None
        if shown:
            # What one leaves of its share is for those after it.
            left, budget = left - 1, budget - (len(shown.text()) + 3) // 4
        done.append(replace(one, log=None, excerpt=shown, cause=cause(one.failure, shown)))
    return done


def _worth(log: Log, failure: Failure, room: int) -> Excerpt:
    """The excerpt of a log: a short one where its service has ended the job, whatever stands last."""
    ended = failure.infrastructure or failure.job.status is Status.CANCELED
    shown = _excerpt(log, min(room, _ASIDE if ended else DEFAULT_BUDGET))
    return _excerpt(log, min(room, _LAST)) if ended and not shown.places else shown


def _excerpt(log: Log, budget: int) -> Excerpt:
    """The lines that say why, no more than make the cause clear: room that is left is left."""
    return excerpt(log, budget, fill=False)
