"""Parts of a log by place or by pattern: tail, window, around, search.

Patterns are RE2 and are matched against the clean text of each line: linear time, whatever the pattern.
"""

import sys
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import re2

from ci_mcp.errors import UsageError
from ci_mcp.logs.clean import Block, Line, Log
from ci_mcp.logs.text import is_plain

MOST_CHARACTERS: Final = 1 << 20
"""A view holds no more text than this; what is cut is said."""


@dataclass(frozen=True, slots=True)
class View:
    """Some lines of a log.

    Args:
        lines: in log order; where a number jumps, lines are left out.
        total: lines in the whole log.
        matches: lines that match, in the whole log; None where nothing was searched.
        matched: the numbers of the shown lines that match.
        cut: what was asked for and is not shown, in words; empty where nothing is missing.
    """

    lines: tuple[Line, ...]
    total: int
    matches: int | None = None
    matched: frozenset[int] = frozenset()
    cut: str = ""

    def fit(self, characters: int, *, keep_end: bool = False) -> "View":
        """The same view in at most so many characters of text: its first lines, or its last."""
        if len(self.text()) <= characters:
            return self
        room = characters - len(replace(self, lines=(), cut=self.cut + "; " + "x" * 60).text())
        kept: list[Line] = []
        for line in reversed(self.lines) if keep_end else self.lines:
            room -= len(line.text) + 32  # a number, and perhaps the words for a gap
            if room < 0:
                break
            kept.append(line)
        kept.sort(key=lambda line: line.number)
        gone = len(self.lines) - len(kept)
        note = f"{gone:,} {'earlier' if keep_end else 'later'} lines of this view are cut"
        shown = self.matched.intersection(line.number for line in kept)
        return replace(self, lines=tuple(kept), matched=shown, cut="; ".join(filter(None, (self.cut, note))))

    def text(self) -> str:
        """Header, then the lines with their numbers; a gap is said; matching lines carry ``>``."""
        header = (
            f"{self.total:,} lines" if self.matches is None else f"{self.matches:,} matching lines of {self.total:,}"
        )
        out = [f"{header}; {self.cut}" if self.cut else header]
        width = len(str(self.lines[-1].number)) if self.lines else 1
        before = self.lines[0].number - 1 if self.lines else 0
        for line in self.lines:
            if line.number > before + 1:
                gap = line.number - before - 1
                out.append(f"… {gap:,} line{'s' * (gap != 1)} …")
            mark = ">" if line.number in self.matched else "|"
            out.append(f"{line.number:>{width}}{mark} {line.text}")
            before = line.number
        return "\n".join(out)

    def records(self) -> dict[str, Any]:
        """The view as plain data."""
        lines = [
            {"number": line.number, "text": line.text}
            | ({"group": line.group} if line.group else {})
            | ({"match": True} if line.number in self.matched else {})
            for line in self.lines
        ]
        known = {"total": self.total, "matches": self.matches, "cut": self.cut or None, "lines": lines}
        return {key: value for key, value in known.items() if value is not None}


def _bounded(lines: Iterable[Line]) -> tuple[tuple[Line, ...], bool]:
    """As many lines as a view may hold, and whether that is all of them."""
    kept: list[Line] = []
    room = MOST_CHARACTERS
    for line in lines:
        room -= len(line.text) + 1
        if room < 0:
            return tuple(kept), False
        kept.append(line)
    return tuple(kept), True


def tail(log: Log, count: int) -> View:
    """The last ``count`` lines."""
    total = log.total
    kept: deque[Line] = deque()
    room = MOST_CHARACTERS
    for line in log.lines(max(total - count + 1, 1)) if count > 0 else ():
        kept.append(line)
        room -= len(line.text) + 1
        while room < 0:
            room += len(kept.popleft().text) + 1
    gone = min(max(count, 0), total) - len(kept)
    return View(tuple(kept), total, cut=f"the first {gone:,} of these lines are cut" if gone else "")


def window(log: Log, start: int, count: int) -> View:
    """``count`` lines from number ``start`` on."""
    total = log.total
    if start > total:
        cut = f"there is no line {start:,}" if total else "the log is empty"
        return View((), total, cut=cut)
    first = max(start, 1)
    last = min(first + max(count, 0) - 1, total)
    lines, whole = _bounded(log.lines(first, last))
    return View(lines, total, cut="" if whole else f"the lines from {first + len(lines):,} on are cut")


def around(log: Log, number: int, context: int) -> View:
    """The line with this number and ``context`` lines on each side of it."""
    if number < 1:
        return replace(window(log, 1, 0), cut=f"there is no line {number:,}")
    first = max(number - max(context, 0), 1)
    if number > log.total:
        return window(log, number, 0)
    return window(log, first, number + max(context, 0) - first + 1)


def search(log: Log, pattern: str, *, context: int = 3, limit: int = 50, within: tuple[int, int] | None = None) -> View:
    """The first ``limit`` lines that match, each with ``context`` lines on both sides; all matches are counted.

    Args:
        log: where to search.
        pattern: RE2 syntax, matched against each line's clean text; ``(?i)`` ignores case.
        context: lines before and after each match; windows that overlap are merged.
        limit: how many matching lines to show.
        within: the first and the last line to look at; ``None`` for the whole log.

    Raises:
        UsageError: the pattern is not RE2; with RE2's own words.
    """
    finder = compile_pattern(pattern)
    hits: list[int] = []
    count = 0
    first, last = within or (1, sys.maxsize)
    for number in _matching(log, finder):
        if not first <= number <= last:
            continue
        count += 1
        if len(hits) < limit:
            hits.append(number)
    near = (line for line in _windows(log, hits, max(context, 0)) if first <= line.number <= last)
    lines, whole = _bounded(near)
    shown = frozenset(hits).intersection(line.number for line in lines)
    notes = []
    if len(shown) < count:
        notes.append(f"the first {len(shown):,} matches are shown")
    if not whole and lines:
        notes.append(f"the view is cut after line {lines[-1].number:,}")
    return View(lines, log.total, count, shown, "; ".join(notes))


def compile_pattern(pattern: str) -> Any:
    """An RE2 pattern that sees each line on its own.

    Raises:
        UsageError: the pattern is not RE2.
    """
    options = re2.Options()
    options.log_errors = False
    options.never_nl = True
    try:
        re2.compile(pattern, options)
        return re2.compile(f"(?m:{pattern})".encode(), options)
    except re2.error as error:
        said = error.args[0] if error.args else ""
        words = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        raise UsageError(
            f"the pattern is not valid RE2: {words or 'unknown reason'}",
            "RE2 has no look-around and no back-references; escape literal characters with a backslash",
        ) from error


def _matching(log: Log, finder: Any) -> Iterator[int]:
    """The number of each line that matches, in log order."""
    # These two mean the ends of the text that is searched, which must then be the line alone.
    alone = any(end in finder.pattern for end in (rb"\A", rb"\z"))
    for block in log.whole(grouped=False):
        data = _clean_bytes(block)
        if alone:
            lines = enumerate(data.split(b"\n")[:-1], block.number)
            yield from (number for number, line in lines if finder.search(line) is not None)
        else:
            yield from _matching_lines(data, block.number, finder)


def _matching_lines(data: bytes, number: int, finder: Any) -> Iterator[int]:
    """The number of each line in clean bytes that matches; the first line has this number."""
    start = 0
    while start < len(data) and (match := finder.search(data, start)) is not None and match.start() < len(data):
        line = data.rfind(b"\n", start, match.start()) + 1 or start
        number += data.count(b"\n", start, line)
        start = data.find(b"\n", line) + 1
        # A class such as [^x] may have run on into the next line: what counts is the line alone.
        if finder.search(data[line : start - 1]) is not None:
            yield number
        number += 1


def _clean_bytes(block: Block) -> bytes:
    """The clean text of a block's lines, each ended by a newline."""
    if block.long is None and block.raw.endswith(b"\n") and is_plain(block.raw):
        return block.raw
    return ("\n".join(block.texts()) + "\n").encode()


def _windows(log: Log, hits: list[int], context: int) -> Iterator[Line]:
    """The lines around each hit, every line once."""
    at = 0
    shown = 0
    while at < len(hits):
        first = max(hits[at] - context, shown + 1)
        last = hits[at] + context
        while at + 1 < len(hits) and hits[at + 1] - context <= last + 1:
            at += 1
            last = hits[at] + context
        yield from log.lines(first, last)
        shown = last
        at += 1
