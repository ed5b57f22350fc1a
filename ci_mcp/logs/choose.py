"""Which lines to show: best first into the budget, each text once."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

WIDEST: Final = 400
"""Characters of a line that an excerpt shows."""

_GAP: Final = 30
_FENCE: Final = 3
_SHORT: Final = 20
_HOLE: Final = 100
_LONG: Final = 0.25
_USUAL: Final = 80


@dataclass(slots=True)
class Choice:
    """The chosen lines, by index, in the order they were chosen.

    Args:
        order: best first; holes that were filled come last.
        repeats: for a chosen index, how many more lines say the same.
    """

    order: list[int] = field(default_factory=list)
    repeats: Counter[int] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a log to show.

    Args:
        room: characters that the shown lines and the words for gaps may take.
        least: a line is shown if it is worth at least this share of the best line's worth.
        enough: once so many characters are taken,
        clear: only lines worth this share of the best are added.
    """

    room: int
    least: float = 0.0
    enough: int = 1 << 60
    clear: float = 0.0


def shorten(text: str) -> str:
    """A line as an excerpt shows it: a very long one is cut, and says so."""
    if len(text) <= WIDEST:
        return text
    return f"{text[:WIDEST]} [{len(text) - WIDEST:,} more characters]"


def choose(texts: Sequence[str], values: Sequence[float], limits: Limits) -> Choice:
    """The lines that are worth most and fit.

    Args:
        texts: every line's text.
        values: every line's worth; 0 for one that nothing speaks for.
        limits: how much to show.
    """
    room, best = limits.room, max(values, default=0.0)
    picker = _Picker(texts, room)
    order = [index for index, value in enumerate(values) if value > 0 and texts[index].strip()]
    order.sort(key=lambda index: (-_rank(values[index], texts[index]), index))
    for index in order:
        if picker.room < _GAP:
            break
        used = room - picker.room
        if values[index] < best * (limits.clear if used > limits.enough else limits.least):
            break
        picker.offer(index)
    picker.count()
    return picker.choice


def _rank(value: float, text: str) -> float:
    """A long line must be worth more: it takes the place of several."""
    length = max(min(len(text), WIDEST), _USUAL)
    return value * float((2 * _USUAL / (_USUAL + length)) ** _LONG)


class _Picker:
    def __init__(self, texts: Sequence[str], room: int) -> None:
        self.choice = Choice()
        self.room = room
        self._texts = texts
        self._first: dict[str, int] = {}
        # Blank lines are neither shown nor a gap, so nearness is counted without them.
        self._place: list[int] = []
        self._at: list[int] = []
        for index, text in enumerate(texts):
            self._place.append(len(self._at))
            if text.strip():
                self._at.append(index)
        self._taken: set[int] = set()

    def _said(self, index: int) -> str:
        """What makes a line the same as another: its text, and where that is short the line before it, too."""
        text, place = self._texts[index].strip(), self._place[index]
        return text if len(text) > _SHORT or not place else f"{self._texts[self._at[place - 1]].strip()}\n{text}"

    def offer(self, index: int) -> None:
        """Take a line, unless it was said already or finds no room."""
        said = self._said(index)
        if said not in self._first and self._take(index):
            self._first[said] = index

    def count(self) -> None:
        """Count the lines that say the same as one that is shown, and are not shown themselves."""
        shown = {text: first for first in self._first.values() if len(text := self._texts[first].strip()) > _SHORT}
        for place, index in enumerate(self._at):
            first = shown.get(self._texts[index].strip())
            if first is not None and place not in self._taken:
                self.choice.repeats[first] += 1

    def _take(self, index: int) -> bool:
        place = self._place[index]
        if place in self._taken:
            return True
        near = (place - 1 in self._taken) + (place + 1 in self._taken)
        cost = len(shorten(self._texts[index])) + _FENCE + _GAP * (1 - near)
        if cost > self.room:
            return False
        self.room -= cost
        self._taken.add(place)
        self.choice.order.append(index)
        # A single short line between two shown ones costs little more than the words for the gap.
        for hole, beyond in ((place - 1, place - 2), (place + 1, place + 2)):
            if beyond in self._taken and hole not in self._taken and len(self._texts[self._at[hole]]) <= _HOLE:
                self._take(self._at[hole])
        return True
