"""The part of a log that is worth reading closely: all of it, or of a big one what stands around its alarms.

A big log is passed over once, as raw bytes, by one RE2 pattern. What it finds is sampled by rarity
(a thousand lines of one shape are three alarms), judged by the tables, and the best places are read with
the lines around them, as are the lines before every bad end.
"""

from dataclasses import dataclass, field
from itertools import chain
from typing import Final

import re2

from ci_mcp.logs.clean import Block, Line, Log
from ci_mcp.logs.evidence import judge, unwrap
from ci_mcp.logs.groups import MARKER, Groups
from ci_mcp.logs.knowledge.alarms import ALARMS
from ci_mcp.logs.rules import Body
from ci_mcp.logs.text import clean_line

WHOLE: Final = 3 << 20
"""A log of at most so many bytes is read whole."""

_ALARM: Final = re2.compile(MARKER + b"|" + "|".join(pattern for pattern, _ in ALARMS).encode())
_DIGITS: Final = b"0123456789"
_LONGEST: Final = 1024
_SHAPE: Final = 80
_PER_SHAPE: Final = 30
_MOST_ALARMS: Final = 3_000
_PER_BLOCK: Final = 4_000
_PER_BLOCK_IN_FLOOD: Final = 50
_FLOOD: Final = 20_000
_END_BYTES: Final = 4 << 20
_MOST_LINES: Final = 3_000
_ABOVE: Final = 15
_BELOW: Final = 45
_LAST: Final = 150
_MOST_ENDS: Final = 20
_GAP: Final = [Line(0, "")] * 3


@dataclass(frozen=True, slots=True)
class Sheet:
    """Lines of a log, in log order.

    Args:
        lines: where lines are left out, three blank ones with the number 0 stand instead, so that nothing grows over.
        total: lines in the whole log.
        note: what was not read, in words; empty where nothing was left out.
    """

    lines: list[Line]
    total: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Alarm:
    number: int
    offset: int
    raw: bytes


@dataclass(slots=True)
class _Watch:
    """Collects alarms block by block, in bounded memory whatever the log."""

    size: int
    first: list[_Alarm] = field(default_factory=list)
    last: list[_Alarm] = field(default_factory=list)
    shapes: dict[int, int] = field(default_factory=dict)
    seen: int = 0

    def look(self, block: Block, groups: Groups) -> None:
        """Note the alarms and markers of one block."""
        data = block.searchable()
        flood = self.seen > _FLOOD and block.offset < self.size - _END_BYTES
        room = _PER_BLOCK_IN_FLOOD if flood else _PER_BLOCK
        number, start, end, size = block.number, 0, -1, len(data)
        for match in _ALARM.finditer(data):
            at = match.start()
            if at <= end:
                continue
            number += data.count(b"\n", start, at)
            start = data.rfind(b"\n", start, at) + 1 or start
            end = data.find(b"\n", at)
            end = size if end < 0 else end
            raw = data[start : min(end, start + _LONGEST)]
            groups.read_line(number, raw)
            self._note(number, block.offset + start, raw)
            room -= 1
            if not room:
                break

    def _note(self, number: int, offset: int, raw: bytes) -> None:
        self.seen += 1
        shape = hash(raw[-_SHAPE:].translate(None, _DIGITS))
        count = self.shapes.get(shape, 0)
        if count >= _PER_SHAPE:
            return
        if len(self.shapes) < 10 * _MOST_ALARMS:
            self.shapes[shape] = count + 1
        if len(self.first) < _MOST_ALARMS:
            self.first.append(_Alarm(number, offset, raw))
            return
        self.last.append(_Alarm(number, offset, raw))
        if len(self.last) > 2 * _MOST_ALARMS:
            del self.last[:_MOST_ALARMS]


def read_sheet(log: Log) -> Sheet:
    """The lines of a log that are worth reading closely."""
    if log.size <= WHOLE:
        return Sheet(list(log.lines()), log.total)
    watch = _Watch(log.size)
    index = log.index(watch.look)
    lines = _windows(log, _best(watch))
    scanned = index.total - len(lines)
    return Sheet(_with_gaps(lines), index.total, f"{scanned:,} lines were only scanned" if scanned else "")


def _best(watch: _Watch) -> list[_Alarm]:
    """The alarms by how much they explain, best first; ends of parts come first of all."""
    judged = []
    ends = 0
    for alarm in chain(watch.last[-_MOST_ALARMS:][::-1], watch.first[::-1]):
        rule, weight = judge(unwrap(clean_line(alarm.raw)))
        if rule is not None and rule.body is Body.ABOVE:
            ends += 1
            weight = 100.0 if ends <= _MOST_ENDS else 0.0
        judged.append((weight, alarm))
    judged.sort(key=lambda pair: -pair[0])
    return [alarm for weight, alarm in judged if weight > 0]


def _windows(log: Log, alarms: list[_Alarm]) -> dict[int, Line]:
    """The lines around the alarms and the last lines of the log, as many as a sheet may hold."""
    total = log.total
    lines = {line.number: line for line in log.lines(total - _LAST + 1)}
    for alarm in alarms:
        if len(lines) >= _MOST_LINES:
            break
        if all(number in lines for number in range(alarm.number, min(alarm.number + _ABOVE, total + 1))):
            continue
        lines.update((line.number, line) for line in log.near(alarm.number, alarm.offset, _ABOVE, _BELOW))
    return lines


def _with_gaps(lines: dict[int, Line]) -> list[Line]:
    result: list[Line] = []
    for number in sorted(lines):
        if result and result[-1].number + 1 != number:
            result.extend(_GAP)
        result.append(lines[number])
    return result
