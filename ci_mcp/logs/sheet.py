"""The part of a log that is worth reading closely: all of it, or of a big one what stands around its alarms.

A big log is passed over once, as raw bytes, by one RE2 pattern. What it finds is sampled by rarity
(a thousand lines of one shape are three alarms), judged by the tables, and the best places are read with
the lines around them, as are the lines before every bad end.
"""

from dataclasses import dataclass
from itertools import chain
from typing import Final

from ci_mcp.logs.clean import Line, Log
from ci_mcp.logs.evidence import judge, unwrap
from ci_mcp.logs.rules import Body
from ci_mcp.logs.scan import MOST_ALARMS, Alarm, Scan, scan
from ci_mcp.logs.text import clean_line

WHOLE: Final = 512 << 10
"""A log of at most so many bytes is read whole."""

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


def read_sheet(log: Log) -> Sheet:
    """The lines of a log that are worth reading closely."""
    if log.size <= WHOLE:
        return Sheet(list(log.lines()), log.total)
    lines = _windows(log, _best(scan(log)))
    scanned = log.total - len(lines)
    return Sheet(_with_gaps(lines), log.total, f"{scanned:,} lines were only scanned" if scanned else "")


def _best(found: Scan) -> list[Alarm]:
    """The alarms by how much they explain, best first; ends of parts come first of all."""
    judged = []
    ends = 0
    for alarm in chain(reversed(found.last[-MOST_ALARMS:]), reversed(found.first)):
        rule, weight = judge(unwrap(clean_line(alarm.raw)))
        if rule is not None and rule.body is Body.ABOVE:
            ends += 1
            weight = 100.0 if ends <= _MOST_ENDS else 0.0
        judged.append((weight, alarm))
    judged.sort(key=lambda pair: -pair[0])
    return [alarm for weight, alarm in judged if weight > 0]


def _windows(log: Log, alarms: list[Alarm]) -> dict[int, Line]:
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
