"""The stories of several targets, side by side, in one budget."""

from collections.abc import Sequence
from functools import partial

import anyio

from ci_mcp.core.services import Services
from ci_mcp.core.together import settled
from ci_mcp.errors import CiError, TimedOutError
from ci_mcp.triage import explain
from ci_mcp.triage.gather import Room, Story, gather
from ci_mcp.triage.target import Target

_SHARE = 0.9  # of the time that is left for one of them: the others can still be told when it is over
_WAIT = 0.75  # of that time in which they wait for each other
_IDLE = 300  # most tokens of a run that has nothing to explain


async def stories(
    services: Services, targets: Sequence[Target], tokens: int, *, compare: bool
) -> list[Story | CiError]:
    """Why the run of each target failed, or why that cannot be told, in the order of the targets."""
    sharing = _Sharing(services, tokens, len(targets))
    return await settled([partial(sharing.gathered, number, one, compare) for number, one in enumerate(targets)])


class _Sharing:
    """A budget for the runs that have something to explain: they wait for each other, to know how many they are."""

    def __init__(self, services: Services, tokens: int, count: int) -> None:
        self._services, self._tokens, self._count = services, tokens, count
        self._idle: dict[int, int] = {}  # tokens of those that have nothing to explain
        self._busy: set[int] = set()
        self._known = anyio.Event()
        now, end = anyio.current_time(), anyio.current_effective_deadline()
        self._until, self._end = now + (end - now) * _WAIT, now + (end - now) * _SHARE

    async def gathered(self, number: int, target: Target, compare: bool) -> Story:
        story: Story | None = None
        try:
            with anyio.move_on_at(self._end):
                story = await gather(self._services, target, partial(self._room, number), compare=compare)
        finally:
            self._report(number, 0)  # where it has failed before it could ask for room
        if story is None:
            raise TimedOutError(f"{target.provider} did not answer in time", "ask again, or about another run")
        return story

    async def _room(self, number: int, story: Story) -> Room:
        size = min(_IDLE, explain.size(self._services, story))
        self._report(number, None if story.explained else size)
        # One that does not come in time will not be told, and takes nothing.
        with anyio.move_on_at(self._until):
            await self._known.wait()
        if number in self._idle:
            return Room(size)
        share = (self._tokens - sum(self._idle.values())) // len(self._busy)
        return explain.room(self._services, share, story)

    def _report(self, number: int, idle: int | None) -> None:
        if number not in self._idle and number not in self._busy:
            if idle is None:
                self._busy.add(number)
            else:
                self._idle[number] = idle
            if len(self._idle) + len(self._busy) == self._count:
                self._known.set()
