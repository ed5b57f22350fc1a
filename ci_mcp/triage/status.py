"""How the newest runs of a target stand, and what runs now."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from ci_mcp.core.provider import Api, Hooks
from ci_mcp.core.services import Services
from ci_mcp.core.shapes import Run, RunQuery
from ci_mcp.core.together import settled
from ci_mcp.errors import CiError, UnsupportedError
from ci_mcp.status import Status
from ci_mcp.triage import words
from ci_mcp.triage.choose import LOOK_BACK, choose
from ci_mcp.triage.target import Target
from ci_mcp.triage.wait import job_counts, running, usual

_LOOKED = 4  # runs of a target that are asked for themselves: a request or more for each
_NAMED = 5  # running jobs that are named
_GOING = frozenset({Status.RUNNING, Status.FAILING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The newest run of one branch.

    ``age`` is how many seconds ago it began, ``usual`` how many a run that passes takes, ``running`` what runs now.
    """

    status: Status
    provider: str
    project: str
    branch: str = ""
    word: str = ""
    title: str = ""
    commit: str = ""
    id: str
    created: datetime | None = None
    age: float | None = None
    duration: float | None = None
    usual: float | None = None
    running: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Standings:
    """The rows of one target, and what must be known of how they were chosen."""

    rows: Sequence[Standing]
    notes: Sequence[str] = field(default=())


async def standings(services: Services, target: Target) -> Standings:
    """The newest run that a target means; of a project without a branch, that of each branch.

    Raises: what `ci_mcp.triage.choose.choose` raises; UnsupportedError: the provider has no runs to show.
    """
    api, hooks = target.api(services), services.provider(target.provider).hooks
    if hooks.runs is None or hooks.run is None:
        raise UnsupportedError(f"{target.provider} has no runs to show")
    place = target.place
    if place.run:
        run = await hooks.run(api, place.run)
        return Standings([_row(target.provider, run, run, ())], target.notes)
    if place.branch or target.here:
        choice = await choose(services, target)
        found, history, notes = [choice.listed] if choice.listed else [], choice.history, choice.notes
    else:
        history, notes = await hooks.runs(api, RunQuery(project=place.project, limit=LOOK_BACK)), target.notes
        newest: dict[str, Run] = {}
        for run in history:
            newest.setdefault(run.branch, run)
        found = list(newest.values())
    wanted = [run for run in found if run.status in _GOING or (run.status.finished and run.duration is None)]
    wanted.sort(key=lambda run: run.status.finished)  # what runs now tells more than how long an older one took
    looked = await settled([partial(_look, api, hooks, run) for run in wanted[:_LOOKED]])
    now = {run.id: run for run in looked if not isinstance(run, CiError)}
    return Standings([_row(target.provider, run, now.get(run.id), history) for run in found], notes)


async def _look(api: Api, hooks: Hooks, run: Run) -> Run:
    """A run with what its list did not tell: its jobs, how long it took."""
    seen = await hooks.run(api, run.id) if hooks.run else run
    return replace(run, status=seen.status, word=seen.word, duration=seen.duration, jobs=seen.jobs, counts=seen.counts)


def _row(name: str, listed: Run, looked: Run | None, history: Sequence[Run]) -> Standing:
    run = looked or listed
    ended = run.status.finished
    return Standing(
        status=run.status,
        provider=name,
        project=run.project,
        branch=run.branch,
        word=run.word,
        title=run.title.split("\n")[0][:80],
        commit=run.commit[:10],
        id=run.id,
        created=run.created,
        age=words.age(run.created) if run.created else None,
        duration=run.duration if ended else None,
        usual=usual([one for one in history if one.branch == run.branch]),
        running=_now(run) if not ended else "",
        url=run.url,
    )


def _now(run: Run) -> str:
    """What a run is doing: ``2 of 5 jobs done: pytest, mypy``."""
    done, total, _ = job_counts(run)
    names = running(run)
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    said = f"{done} of {words.count(total, 'job')} done" if total else ""
    return ": ".join(part for part in (said, ", ".join(names[:_NAMED]) + more) if part)
