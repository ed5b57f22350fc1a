"""The answer of ``ci_wait``: how the runs ended, why those that failed did, and how to go on with the others."""

from collections.abc import Sequence
from dataclasses import replace

import anyio

from ci_mcp.core.budget import DEFAULT_TOKENS
from ci_mcp.core.services import Services
from ci_mcp.core.shapes import Prose
from ci_mcp.errors import CiError
from ci_mcp.triage import explain, words
from ci_mcp.triage.gather import Story
from ci_mcp.triage.stories import stories
from ci_mcp.triage.target import Target
from ci_mcp.triage.wait import Watch, job_counts, running

_RESERVE = 2.0  # seconds of the call's time that the answer itself is left
_NAMED = 5  # running jobs that are named


async def told(services: Services, watches: Sequence[Watch], problems: Sequence[str], *, fail_fast: bool) -> Prose:
    """The answer; its ``failed`` says whether one did, its ``waiting`` names the runs that go on.

    A failure is explained while the call's time lasts.
    """
    over = [watch for watch in watches if watch.ended or (fail_fast and _bad(watch))]
    plain = {watch: _sized(services, _plain(watch, over=watch in over)) for watch in watches if watch.run}
    bad = [watch for watch in over if _bad(watch)]
    # How to go on with the others is said in full, however much there is to explain.
    spent = sum(story.budget for watch, story in plain.items() if watch not in bad)
    why = await _explained(services, bad, max(DEFAULT_TOKENS - spent, DEFAULT_TOKENS // 2))
    parts = list((plain | why).values())
    unasked = [*problems, *(str(watch.problem) for watch in watches if watch.problem)]
    said = explain.prose(services, parts, unasked, DEFAULT_TOKENS)
    goes_on = [watch for watch in watches if watch not in over and not watch.problem]
    absent = [_absent(watch) for watch in goes_on if watch.run is None]
    text = "\n\n".join(part for part in (said.text, *absent) if part)
    failed = any(_bad(watch) for watch in over)
    return Prose(text, {**said.data, "failed": failed, "waiting": [_again(watch) for watch in goes_on]})


def _bad(watch: Watch) -> bool:
    return watch.run is not None and watch.run.status.bad


def _sized(services: Services, story: Story) -> Story:
    return replace(story, budget=explain.size(services, story))


async def _explained(services: Services, watches: Sequence[Watch], tokens: int) -> dict[Watch, Story]:
    """The stories of failed runs in so many tokens, as far as they can be had in time."""
    targets = [_at(watch) for watch in watches]
    found: list[Story | CiError] = []
    with anyio.move_on_at(anyio.current_effective_deadline() - _RESERVE):
        found = await stories(services, targets, tokens, compare=True)
    return {
        watch: replace(story, notes=(*watch.notes, *story.notes))
        for watch, story in zip(watches, found, strict=False)
        if isinstance(story, Story)
    }


def _at(watch: Watch) -> Target:
    """The run that was waited for, whatever has begun since."""
    return Target(watch.target.provider, replace(watch.target.place, run=watch.id))


def _plain(watch: Watch, *, over: bool) -> Story:
    run, notes = watch.run, list(watch.notes)
    if run is None:  # the caller asks only about runs that were seen
        raise ValueError(watch.id)
    if not over:
        done, total, failed = job_counts(run)
        now = running(run)
        parts = [
            f"{done} of {words.count(total, 'job')} done" if total else "",
            f"{failed} failed" if failed else "",
            f"running: {', '.join(now[:_NAMED])}" if now else "",
            f"usually it takes {words.duration(watch.usual)}" if watch.usual else "",
        ]
        notes.append("; ".join(part for part in parts if part))
        notes.append(
            f'It waits for a person; then: ci_wait(target="{_again(watch)}")'
            if watch.stuck
            else f'Not ended yet. Go on: ci_wait(target="{_again(watch)}")'
        )
    elif run.status.bad:
        notes.append(f'Why: ci_explain(target="{_again(watch)}")')
    return Story(watch.target, run, notes=tuple(note for note in notes if note))


def _absent(watch: Watch) -> str:
    here = watch.target.here
    head = f" of HEAD ({here.commit[:10]})" if here else ""
    return f"{watch.target.provider}: no run{head} has begun yet. Go on: ci_wait() again"


def _again(watch: Watch) -> str:
    """The target that names this run, whatever begins after it."""
    if watch.run and watch.run.url:
        return watch.run.url
    return f"{watch.target.provider}:#{watch.id}" if watch.id else watch.target.provider
