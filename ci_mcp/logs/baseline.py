"""A log that passed, to compare with: what stands in both explains no failure."""

import re
from itertools import chain
from typing import Final, Self

from ci_mcp.logs.clean import Log
from ci_mcp.logs.evidence import unwrap

_MOST_LINES: Final = 200_000
_VARYING: Final = re.compile(
    r"(?:/[\w.@+\-]+)+/"  # the folders of a path
    r"|[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}"  # a UUID
    r"|\b(?=\w*\d)[0-9a-zA-Z_]{6,}\b"  # a hash, an id, a temporary name
    r"|\d+(?:[.,:]\d+)*"
)
_SPACE: Final = re.compile(r"\s+")


def normalise(text: str) -> str:
    """The line without what varies from run to run: numbers, hashes, times, folders."""
    return _SPACE.sub(" ", _VARYING.sub("#", unwrap(text)[:400])).strip()


class Baseline:
    """The lines of a log that passed, as hashes of what does not vary in them."""

    def __init__(self, log: Log) -> None:
        """Read the log: the whole of it, or of a very long one both ends."""
        total = log.total
        half = _MOST_LINES // 2
        lines = log.lines() if total <= _MOST_LINES else chain(log.lines(1, half), log.lines(total - half))
        self._known = frozenset(hash(normalise(line.text)) for line in lines)

    @classmethod
    def of(cls, log: Log | None) -> Self | None:
        """The lines of a log, or None where there is no log."""
        return None if log is None else cls(log)

    def __contains__(self, text: str) -> bool:
        """Whether a line like this stands in the log that passed."""
        return hash(normalise(text)) in self._known
