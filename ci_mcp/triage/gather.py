"""Everything an explanation needs of one run, fetched side by side through the hooks."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread

from ci_mcp.core import repository
from ci_mcp.core.provider import Api, Hooks
from ci_mcp.core.services import Services
from ci_mcp.core.shapes import Checkout, Failure, Job, Run, RunQuery
from ci_mcp.core.together import together
from ci_mcp.errors import CiError
from ci_mcp.status import Status
from ci_mcp.triage import changes, checkout, files, memory
from ci_mcp.triage.changes import Between, Past
from ci_mcp.triage.choose import Choice, choose
from ci_mcp.triage.memory import Known
from ci_mcp.triage.reading import Explained, Reader, excerpts, fold, patience, without_excerpts
from ci_mcp.triage.target import Target

Call = Callable[[], Awaitable[None]]

MOST_LOGS: Final = 12
"""Logs read for one explanation; further failed jobs are named."""
_SPARE: Final = 3  # requests that a comparison may make beside its list
_FOR_JOBS: Final = 10  # and fewer, the more of these the failed jobs take, two for each
_NICETY: Final = 3.0  # seconds that a list of flaky tests may take


@dataclass(frozen=True, slots=True)
class Story:
    """One run, why its jobs failed, and what changed.

    Attributes:
        target: how it was asked for.
        run: the run.
        here: the checkout that was asked in, where it is of what the run has built.
        explained: its failed jobs, those that failed alike as one.
        aside: what never ran or was stopped because something else failed.
        past: the runs before it; ``None`` where nobody asked for a comparison.
        between: what git knows of the commits since the last green run; ``None`` where it knows nothing.
        unread: failed jobs that were left alone.
        flaky: what the vendor says of failing tests that it calls flaky, by their names.
        budget: the tokens that it may take; 0 where nobody has said.
        notes: what the reader must know of the choice, and what could not be had.
    """

    target: Target
    run: Run
    here: Checkout | None = None
    explained: Sequence[Explained] = ()
    aside: Sequence[Failure] = ()
    past: Past | None = None
    between: Between | None = None
    unread: tuple[Job, ...] = ()
    flaky: Mapping[str, str] = field(default_factory=dict)
    budget: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Room:
    """The tokens that a story may take in all; so many of them are for excerpts of the first so many failures."""

    budget: int
    tokens: int = 0
    failures: int = 0


async def gather(
    services: Services, target: Target, room: Callable[[Story], Awaitable[Room]], *, compare: bool
) -> Story:
    """The story of the run that ``target`` names; ``room`` says what it may take.

    Raises: what `ci_mcp.triage.choose.choose` and the ``run`` hook raise; all else that goes wrong is a note.
    """
    work = _Gathering(services, target, compare=compare)
    await together([work.choose, work.look_around])
    await work.read_run()
    await work.read_more()
    return await work.told(room)


class _Gathering:
    """What has been asked for one explanation so far."""

    def __init__(self, services: Services, target: Target, *, compare: bool) -> None:
        self.services, self.target, self.compare = services, target, compare
        self.api: Api = target.api(services)
        self.hooks: Hooks = services.provider(target.provider).hooks
        self.memory = memory.of(services)
        self.reader = Reader(self.api, self.hooks)
        self.here: Checkout | None = target.here
        self.default = ""
        self.choice = Choice("")
        self.known: Known | None = None
        self.run = Run(status=Status.UNKNOWN, id="")
        self.failures: Sequence[Failure] = ()
        self.past: Past | None = None
        self.failed_before: frozenset[str] | None = None
        self.tests_before: frozenset[str] | None = None
        self.flaky: Mapping[str, str] = {}
        self.notes: list[str] = []

    async def choose(self) -> None:
        self.choice = await choose(self.services, self.target, whole=True)
        self.notes += self.choice.notes

    async def look_around(self) -> None:
        self.here = self.target.here or await checkout.read()
        if self.here and self.compare:
            self.default = await changes.default_branch(self.here.root)

    async def read_run(self) -> None:
        """The run, from memory where it stands as it did."""
        self.known = await self._remembered()
        if self.known:
            self.run, self.past = self.known.run, self.known.past
            return
        await self._at_run()
        self.known = self.memory.keep(self.target.provider, self.api.host, Known(self.run), self.choice.id)

    async def _remembered(self) -> Known | None:
        known = self.memory.get(self.target.provider, self.api.host, self.choice.id)
        if known is None or self.hooks.runs is None:
            return None
        listed = self.choice.history
        if not listed and known.run.project:
            try:
                listed = await self.hooks.runs(self.api, RunQuery(project=known.run.project, branch=known.run.branch))
            except CiError:
                return None
        return known if known.holds(listed) else None

    async def _at_run(self) -> None:
        self.run = await self._whole(self.choice.listed, self.choice.id)

    async def _whole(self, listed: Run | None, named: str) -> Run:
        if listed and self.hooks.whole:
            return await self.hooks.whole(self.api, listed)
        return await self.hooks.run(self.api, named) if self.hooks.run else self.run  # `choose` has seen to it

    async def read_more(self) -> None:
        """Why its jobs failed, their logs, and what came before, side by side."""
        job = self.target.place.job
        if self.hooks.few_logs and not job:
            self.run = replace(self.run, jobs=self.hooks.few_logs(self.api, self.run.jobs))
        run = self.run
        # The logs come while the reports do; whoever reads one later finds it in the store.
        bad = [one for one in run.jobs if one.status.bad and job in {"", one.id}]
        telling = [one for one in bad if job or not _aside(one, bad)]
        calls: list[Call] = [partial(self._bounded, "failing tests and reasons", self._look)]
        calls += [partial(self.reader.prefetch, one) for one in telling[:MOST_LOGS]]
        if run.status.bad and self.past is None:
            calls.append(partial(self._compare, run))
        await together(calls)
        if not self.failures:
            self.failures = [Failure(job=one) for one in bad]

    async def _look(self) -> None:
        run, job = self.run, self.target.place.job
        if self.hooks.failures is None or not (run.status.bad or job):
            return
        if self.known and job in self.known.failures:
            self.failures, self.flaky = self.known.failures[job], self.known.flaky
            return
        await together([self._at_failures, self._at_flaky])
        failing = {test.name for one in self.failures for test in one.tests}
        self.flaky = {name: said for name, said in self.flaky.items() if name in failing}
        if self.known:
            self.known.failures[job], self.known.flaky = self.failures, self.flaky

    async def _at_failures(self) -> None:
        if self.hooks.failures:
            self.failures = await self.hooks.failures(self.api, self.run, self.target.place.job)

    async def _at_flaky(self) -> None:
        """The tests that the vendor calls flaky, where it has such a list and requests are left for it."""
        before = changes.before(self.run, self.choice.history)
        spent = self._bad() > 1 or (before is not None and before.status.bad)
        if self.compare and self.hooks.flaky and self.run.project and not spent:
            with suppress(CiError), anyio.move_on_after(_NICETY):
                listed = await self.hooks.flaky(self.api, self.run.project)
                self.flaky = {test.name: test.message for test in listed}

    async def _compare(self, run: Run) -> None:
        if self.compare:
            await self._bounded("the comparison with earlier runs", partial(self._look_back, run))

    async def _look_back(self, run: Run) -> None:
        await together([partial(self._at_past, run), partial(self._at_before, run)])
        if self.past:
            self.past = replace(self.past, jobs=self.failed_before, tests=self.tests_before)

    async def _at_past(self, run: Run) -> None:
        spare = max(0, min(_SPARE, _FOR_JOBS - 2 * self._bad()))
        self.past = await changes.look_back(self.api, self.hooks, run, self.choice.history, self.default, spare=spare)

    async def _at_before(self, run: Run) -> None:
        """Which jobs failed in the run before: where few requests are spent, and a list has shown it already."""
        before = changes.before(run, self.choice.history)
        if before is None or not before.status.bad:
            return
        known = self.memory.get(self.target.provider, self.api.host, before.id)
        if known or self._bad() <= 1:
            whole = known.run if known else await self._whole(before, before.id)
            self.failed_before = frozenset(one.name for one in whole.jobs if one.status.bad)
        if known and "" in known.failures:
            self.tests_before = frozenset(test.name for one in known.failures[""] for test in one.tests)

    def _bad(self) -> int:
        return sum(one.status.bad for one in self.run.jobs)

    async def _bounded(self, what: str, call: Call) -> None:
        """Do what the answer can do without: when it fails or takes too long, a note says so."""
        seconds = patience()
        try:
            with anyio.move_on_after(seconds) as scope:
                await call()
            if scope.cancelled_caught:
                self.notes.append(f"{what}: not known, as it did not come within {seconds:.0f} s")
        except CiError as error:
            self.notes.append(f"{what}: not known, as {error}")

    async def told(self, room: Callable[[Story], Awaitable[Room]]) -> Story:
        """All of it as a story, with excerpts in the room there is."""
        if self.known:
            self.known.past = self.past
        jobs = [one.job for one in self.failures]
        aside = [one for one in self.failures if _aside(one.job, jobs) and not one.tests]
        if self.target.place.job or len(aside) == len(self.failures):
            aside = []
        real = [one for one in self.failures if one not in aside]
        here = await self._built_here()
        between = await self._between(here) if here else None
        with self.reader:
            read = await self.reader.read(real[:MOST_LOGS])
            # Of jobs that nothing was read of, as requests are few, only the names tell something.
            telling = [one for one in read if one.tells] or read
            unread = [one.failure.job for one in read if one not in telling] + [one.job for one in real[MOST_LOGS:]]
            story = Story(
                target=self.target,
                run=self.run,
                here=here,
                explained=await fold(telling),
                aside=aside,
                past=self.past if self.compare else None,
                between=between,
                unread=tuple(unread),
                flaky=self.flaky,
                notes=tuple(self.notes),
            )
            left = await room(story)
            shown = await excerpts(story.explained[: left.failures], left.tokens)
            explained = [*shown, *without_excerpts(story.explained[left.failures :])]
        explained = await _with_places(explained, here) if here else explained
        return replace(story, explained=explained, budget=left.budget)

    async def _between(self, here: Checkout) -> Between | None:
        green = self.past.green if self.past and self.compare else None
        return await changes.between(here.root, green.commit, self.run.commit) if green else None

    async def _built_here(self) -> Checkout | None:
        """The checkout, where it is one of what the run has built."""
        here, project = self.here, "/".join(self.run.project.lower().split("/")[-2:])
        if here is None or self.target.here:
            return here
        if "/" in project and any(repository.normal(one).endswith(f"/{project}") for one in here.remotes):
            return here
        return here if await anyio.to_thread.run_sync(changes.has, here.root, self.run.commit) else None


async def _with_places(explained: Sequence[Explained], here: Checkout) -> list[Explained]:
    named = [files.named(one.failure.tests, one.excerpt) for one in explained]
    names = [Path(here.root).name, *map(repository.name, here.remotes)]
    every = [place for places in named for place in places]
    known = await anyio.to_thread.run_sync(files.tracked, here.root, every, names)
    return [replace(one, places=files.chosen(places, known)) for one, places in zip(explained, named, strict=True)]


def _aside(job: Job, others: Sequence[Job]) -> bool:
    """Whether a job tells nothing beside the others: it never ran, or was stopped while one of them failed."""
    if job.status is Status.CANCELED:
        return any(one.status in {Status.FAILED, Status.FAILING} for one in others)
    return not (job.status.bad or job.log_id)
