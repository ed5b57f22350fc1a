"""Which failed jobs of a run are read, and which of them likely fail alike, as those of a matrix do.

CircleCI tells the steps of one job at a time, so that a log takes two requests. Of jobs whose names are alike one
is asked for its steps; of the others the step that failed in that one is read at once.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final
from weakref import WeakKeyDictionary

import anyio

from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Job
from ci_mcp.providers.circleci import read
from ci_mcp.providers.circleci.steps import Action, Steps, telling
from ci_mcp.status import Status

_REQUESTS: Final = 12  # for logs, of the twenty that an explanation may make
_WHOLE: Final = 2  # requests for a log whose job is asked for its steps
_REMEMBERED: Final = 1000  # jobs
_WORDS: Final = re.compile(r"[-_ ,:/()]+")


@dataclass(slots=True)
class Alike:
    """Jobs that likely fail in the same step.

    Attributes:
        first: held by the job that is asked for its steps, while the others wait.
        asked: whether one was.
        step: what failed in it; ``None`` where that is no help with the others.
    """

    first: anyio.Lock = field(default_factory=anyio.Lock)
    asked: bool = False
    step: Action | None = None

    def learn(self, found: Steps) -> None:
        """Take the step that failed from the steps of one job, where it is one on one machine, with one output."""
        told = telling(found)
        alone = len(told) == 1 and len({action.node for action in found.actions}) == 1
        if found.job_id and alone and told[0].status is Status.FAILED and told[0].exit_code and told[0].err == 0:
            self.step = told[0]


_groups: WeakKeyDictionary[Api, dict[str, Alike]] = WeakKeyDictionary()


def of(api: Api, log_id: str) -> Alike | None:
    """The jobs that this one likely fails alike with; ``None`` where it is read by itself."""
    return _groups.get(api, {}).get(log_id)


def few_logs(api: Api, jobs: Sequence[Job]) -> tuple[Job, ...]:
    """The jobs, few of them with a log: those whose names differ most, for variants in a matrix often fail alike."""
    known = _groups.setdefault(api, {})
    if len(known) > _REMEMBERED:
        known.clear()
    words = {job.log_id: _WORDS.split(job.name) for job in jobs if job.log_id}
    spent = 0
    # A matrix names its jobs by the one that they are variants of, then their parameters.
    names = {log_id: split[0] if read.serves_v3(api) else log_id for log_id, split in words.items()}
    groups: dict[str, Alike] = {}
    kept: dict[str, Alike] = {}
    seen: set[tuple[int, str]] = set()

    def cost(log_id: str) -> int:
        return 1 if names[log_id] in groups else _WHOLE

    while left := [one for one in words if one not in kept and spent + cost(one) <= _REQUESTS]:
        best = max(left, key=lambda one: len(set(enumerate(words[one])) - seen))
        spent += cost(best)
        seen.update(enumerate(words[best]))
        kept[best] = groups.setdefault(names[best], Alike())
    known.update(kept)
    return tuple(job if job.log_id in kept or not job.log_id else replace(job, log_id="") for job in jobs)
