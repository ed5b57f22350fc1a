"""The parts a CI divides a log into: which command, step or section a line stands in.

Known notations: GitHub ``##[group]`` and ``::group::`` (also what providers with structured steps are written in),
Buildkite ``--- +++ ~~~``, Travis ``travis_fold:``, GitLab ``section_start:``.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Final

import re2

from ci_mcp.logs.text import clean_line, clean_text, without_stamp

LABEL_LIMIT: Final = 200
"""Characters of a label that are kept."""

_MOST: Final = 20_000

MARKER: Final = (
    rb"(?m)##\[(?:end)?group\]|::(?:end)?group::|travis_fold:(?:start|end):|section_(?:start|end):\d"
    rb"|^(?:\x1b_bk;t=\d+\x07|\xef\xbb\xbf|\x1b\[[0-9;]*m)*(?:---|\+\+\+|~~~) "
)
"""Where a marker may stand in raw bytes (RE2)."""

_FINDER: Final = re2.compile(MARKER)
_BUILDKITE: Final = re.compile(rb"\x1b_bk;t=\d|(?m:^~~~ )")
_SECTION: Final = re.compile(rb"section_(start|end):\d+:([\w.\-/ ]+)(?:\[[^\]\r\n]*\])?[\r\n]*([^\r\n]*)")
_FOLD: Final = re.compile(rb"travis_fold:(start|end):([^\s\x00-\x1f]+)")
_GROUP: Final = re.compile(r"(?:##\[group\]|::group::)(.*)")
_END_GROUP: Final = re.compile(r"##\[endgroup\]|::endgroup::")
_HEADING: Final = re.compile(r"(?:---|\+\+\+|~~~) (.+)")
_DIFF: Final = re.compile(r"(?:---|\+\+\+) (?:[ab]/|/dev/null|\S+\t|\S+\.\w+$)|--- .* ---+$")


def looks_like_buildkite(head: bytes) -> bool:
    """Whether a log that begins so comes from Buildkite, whose markers are plain text in any other log."""
    return _BUILDKITE.search(head) is not None


def has_marker(raw: bytes, *, buildkite: bool) -> bool:
    """Whether a marker may stand in these bytes: cheap, and sometimes wrong only in saying yes."""
    if b"travis_fold:" in raw or b"section_" in raw:
        return True
    if b"group" in raw and (b"group]" in raw or b"group::" in raw):
        return True
    return buildkite and _FINDER.search(raw) is not None


@dataclass(slots=True)
class Groups:
    """The label of every line, noted at each change.

    Args:
        buildkite: whether ``---`` and its like open a group.
    """

    buildkite: bool = False
    _numbers: list[int] = field(default_factory=lambda: [1])
    _labels: list[str] = field(default_factory=lambda: [""])
    _open: list[str] = field(default_factory=list)
    _step: str = ""

    def at(self, number: int) -> str:
        """The label of a line, or an empty string."""
        return self._labels[bisect_right(self._numbers, number) - 1]

    def changes(self) -> list[tuple[int, str]]:
        """Every line number at which the label changes, with the new label."""
        return list(zip(self._numbers, self._labels, strict=True))

    def _change(self, number: int, label: str) -> None:
        if label != self._labels[-1] and len(self._numbers) < _MOST:
            self._numbers.append(number)
            self._labels.append(label)

    def _start(self, number: int, label: str) -> None:
        label = clean_text(label).strip()[:LABEL_LIMIT]
        self._open.append(label)
        del self._open[:-50]
        self._change(number, label)

    def _end(self, number: int) -> None:
        closed = self._open.pop() if self._open else self._labels[-1]
        # What follows the outermost end is still that step's: GitHub folds only the command's own text.
        if self._open:
            self._change(number + 1, self._open[-1])
        elif closed.startswith("Run ") or not self._step:
            self._step = closed if closed.startswith("Run ") else self._step
        else:
            self._change(number + 1, self._step)

    def read_block(self, number: int, raw: bytes) -> None:
        """Note the markers in whole lines, the first of which has this number; blocks come in log order."""
        if not has_marker(raw, buildkite=self.buildkite):
            return
        counted = line_end = 0
        for match in _FINDER.finditer(raw):
            if match.start() < line_end:
                continue
            line_start = raw.rfind(b"\n", 0, match.start()) + 1
            line_end = raw.find(b"\n", match.start())
            line_end = len(raw) if line_end < 0 else line_end
            number += raw.count(b"\n", counted, line_start)
            counted = line_start
            self.read_line(number, raw[line_start:line_end][:4096])

    def read_line(self, number: int, raw: bytes) -> None:
        """Note the marker in one raw line, if there is one."""
        if not has_marker(raw, buildkite=self.buildkite):
            return
        for action, name in _FOLD.findall(raw):
            if action == b"start":
                self._start(number, name.decode("utf-8", "replace"))
            else:
                self._end(number)
                self._change(number + 1, self._open[-1] if self._open else "")
        for action, name, header in _SECTION.findall(raw):
            if action == b"start":
                self._start(number, clean_line(header).strip() or name.decode("utf-8", "replace"))
            else:
                self._end(number)
                self._change(number + 1, self._open[-1] if self._open else "")
        text = clean_line(without_stamp(raw)).strip()
        if (group := _GROUP.match(text)) is not None:
            if not self._open and group[1].startswith("Run "):
                self._step = group[1].strip()[:LABEL_LIMIT]
            self._start(number, group[1])
        elif _END_GROUP.match(text) is not None:
            self._end(number)
        elif self.buildkite and (heading := _HEADING.match(text)) is not None and _DIFF.match(text) is None:
            self._open.clear()
            self._start(number, heading[1])
