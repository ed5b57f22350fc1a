"""A short memory of finished runs, so that the next question about the same run costs next to nothing.

A run that has ended can be run again under the same id: what is remembered is believed only while a list of its
project's runs does not show that something has happened to it since.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from weakref import WeakKeyDictionary

from ci_mcp.core.services import Services
from ci_mcp.core.shapes import Failure, Run
from ci_mcp.status import Status
from ci_mcp.triage.changes import Past

MOST: Final = 64
"""Runs that one process remembers."""
_UNSEEN: Final = timedelta(minutes=10)  # how long a run too old to be listed is believed to stand as it did

Key = tuple[str, str, str]
"""Provider, host and the run's id."""


@dataclass(slots=True)
class Known:
    """What is known of a finished run.

    Attributes:
        run: with its jobs.
        failures: why its jobs are not green, by the job asked about; that of the whole run under ``""``.
        flaky: what the vendor says of failing tests that it calls flaky, by their names.
        past: the runs before it; ``None`` where nobody asked.
        read: when it was read.
    """

    run: Run
    failures: dict[str, Sequence[Failure]] = field(default_factory=dict)
    flaky: Mapping[str, str] = field(default_factory=dict)
    past: Past | None = None
    read: datetime = field(default_factory=lambda: datetime.now(UTC))

    def holds(self, listed: Sequence[Run]) -> bool:
        """Whether the run still stands as it was read, by a list of its project's newest runs."""
        seen = next((one for one in listed if one.id == self.run.id), None)
        if seen is None:
            return datetime.now(UTC) - self.read < _UNSEEN
        if seen.status not in {self.run.status, Status.UNKNOWN}:
            return False
        return seen.finished is None or seen.finished <= self.read


class Memory:
    """The runs that a process remembers, the least recently asked for going first."""

    def __init__(self) -> None:
        """Know nothing."""
        self._known: OrderedDict[Key, Known] = OrderedDict()

    def get(self, provider: str, host: str, run: str) -> Known | None:
        """What is known of a run."""
        found = self._known.get((provider, host, run))
        if found:
            self._known.move_to_end((provider, host, run))
        return found

    def keep(self, provider: str, host: str, known: Known, asked: str) -> Known:
        """Remember a run that has ended, with all of its jobs; of any other nothing is kept. Gives it back.

        ``asked`` is how it was asked for, where that is not its own id.
        """
        run = known.run
        if run.status.finished and all(job.status.finished for job in run.jobs):
            for name in {asked, run.id}:
                self._known[provider, host, name] = known
                self._known.move_to_end((provider, host, name))
            while len(self._known) > MOST:
                self._known.popitem(last=False)
        return known


_MEMORIES: WeakKeyDictionary[Services, Memory] = WeakKeyDictionary()


def of(services: Services) -> Memory:
    """The memory of these services, which is gone with them."""
    return _MEMORIES.setdefault(services, Memory())
