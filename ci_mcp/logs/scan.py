"""One pass over a big log, as raw bytes: how many lines, where the groups are, what raises an alarm.

RE2 holds Python's lock while it looks, so a very big log on disk is passed over by two processes, half each,
where that is safe: on Linux, from a process with one thread.
"""

import os
import pickle
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

import re2

from ci_mcp.logs.clean import CHUNK, Block, Index, Log
from ci_mcp.logs.groups import MARKER, Groups, has_marker, looks_like_buildkite
from ci_mcp.logs.knowledge.alarms import ALARMS
from ci_mcp.logs.text import LIMIT

MOST_ALARMS: Final = 3_000
"""Alarms that are kept from the beginning of a log, and as many from its end."""

SPLIT: Final = 48 << 20
"""A log of so many bytes is passed over by two processes."""

_ALARM: Final = re2.compile(MARKER + b"|" + "|".join(pattern for pattern, _ in ALARMS).encode())
_DIGITS: Final = b"0123456789"
_LONGEST: Final = 1024
_SHAPE: Final = 80
_PER_SHAPE: Final = 30
_MOST_MARKERS: Final = 20_000
_PER_BLOCK: Final = 4_000
_PER_BLOCK_IN_FLOOD: Final = 50
_FLOOD: Final = 20_000
_END_BYTES: Final = 4 << 20


@dataclass(frozen=True, slots=True)
class Alarm:
    """A line that is worth a closer look.

    Args:
        number: its number.
        offset: where its first byte stands.
        raw: its first bytes.
    """

    number: int
    offset: int
    raw: bytes


@dataclass(slots=True)
class Scan:
    """What a pass over a part of a log found, in bounded memory whatever the log.

    Args:
        size: bytes of the whole log.
        buildkite: whether its headings open groups.
        lines: lines in this part.
        numbers: the number of each block's first line, counted from the part's first line.
        offsets: the offset of each block.
        markers: lines that may open or close a group.
        first: the first alarms.
        last: the last alarms, where there are more.
        shapes: how many alarms looked alike, digits apart.
        seen: how many alarms there were.
    """

    size: int
    buildkite: bool
    lines: int = 0
    numbers: list[int] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    markers: list[tuple[int, bytes]] = field(default_factory=list)
    first: list[Alarm] = field(default_factory=list)
    last: list[Alarm] = field(default_factory=list)
    shapes: dict[int, int] = field(default_factory=dict)
    seen: int = 0

    def look(self, block: Block) -> None:
        """Note the alarms and markers of one block."""
        self.numbers.append(block.number)
        self.offsets.append(block.offset)
        self.lines = block.number + max(block.newlines - 1, 0)
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
            self._note(number, block.offset + start, data[start : min(end, start + _LONGEST)])
            room -= 1
            if not room:
                break

    def _note(self, number: int, offset: int, raw: bytes) -> None:
        self.seen += 1
        if has_marker(raw, buildkite=self.buildkite) and len(self.markers) < _MOST_MARKERS:
            self.markers.append((number, raw))
        self._keep(Alarm(number, offset, raw))

    def _keep(self, alarm: Alarm) -> None:
        shape = hash(alarm.raw[-_SHAPE:].translate(None, _DIGITS))
        count = self.shapes.get(shape, 0)
        if count >= _PER_SHAPE:
            return
        if len(self.shapes) < 10 * MOST_ALARMS:
            self.shapes[shape] = count + 1
        if len(self.first) < MOST_ALARMS:
            self.first.append(alarm)
            return
        self.last.append(alarm)
        if len(self.last) > 2 * MOST_ALARMS:
            del self.last[:MOST_ALARMS]

    def join(self, after: "Scan") -> "Scan":
        """This part with the one that follows it."""
        self.numbers += [number + self.lines for number in after.numbers]
        self.offsets += after.offsets
        self.markers += [(number + self.lines, raw) for number, raw in after.markers]
        for alarm in after.first + after.last:
            self._keep(replace(alarm, number=alarm.number + self.lines))
        self.lines += after.lines
        self.seen += after.seen
        return self

    def teach(self, log: Log) -> None:
        """Tell a log where its lines and groups are."""
        groups = Groups(self.buildkite)
        for number, raw in self.markers:
            groups.read_line(number, raw)
        log.learn(Index(self.lines, tuple(self.numbers), tuple(self.offsets)), groups)


def scan(log: Log) -> Scan:
    """Pass over a log; the log knows its index afterwards."""
    buildkite = looks_like_buildkite(log.read(0, LIMIT))

    def part(start: int, end: int) -> Scan:
        found = Scan(log.size, buildkite)
        for block in log.blocks(1, start, end):
            found.look(block)
        return found

    middle = middle_of(log) if log.size >= SPLIT and _may_fork(log) else 0
    found = in_two_processes(part, middle, log.size) if middle else part(0, log.size)
    found.teach(log)
    return found


def _may_fork(log: Log) -> bool:
    alone = sys.platform == "linux" and threading.active_count() == 1
    return alone and log.on_disk and (os.cpu_count() or 1) > 1


def middle_of(log: Log) -> int:
    """Where a line begins near the middle; 0 where none does."""
    half = log.size // 2
    at = log.read(half, CHUNK).find(b"\n")
    return half + at + 1 if at >= 0 else 0


def in_two_processes(part: Callable[[int, int], Scan], middle: int, end: int) -> Scan:
    """Both parts, the second in a child; where the child fails the parent does its work too."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        with suppress(BaseException), os.fdopen(writer, "wb") as pipe:
            pickle.dump(part(middle, end), pipe)
        os._exit(0)
    os.close(writer)
    first = part(0, middle)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    try:
        second = pickle.loads(said)  # noqa: S301 - our own child wrote it
    except (EOFError, pickle.UnpicklingError):
        second = part(middle, end)
    return first.join(second)
