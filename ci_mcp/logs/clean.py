r"""Bytes to lines: a finished log that can be read any number of times in bounded memory.

A line is what stands between two ``\n`` in the raw bytes, and its number is the count of ``\n`` before it plus one.
So a number means the same line however the bytes came, and whatever cleaning made of its text.
"""

import io
import os
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Self

from ci_mcp.errors import UsageError
from ci_mcp.logs.groups import Groups, looks_like_buildkite
from ci_mcp.logs.text import LIMIT, LongLine, clean_line, clean_lines

CHUNK: Final = 128 << 10
"""Bytes read at once."""

_NEAR: Final = 16 << 10


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a log.

    Args:
        number: 1-based; the count of newlines before it plus one.
        text: what a reader may see of it, without its newline.
        group: the step or section it stands in, or an empty string.
    """

    number: int
    text: str
    group: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines that follow each other.

    Args:
        number: the first line's number.
        offset: where in the log the first byte stands.
        raw: the lines' bytes; empty where one line was too long to hold.
        newlines: how many newlines stand in ``raw``.
        long: the clean text of that one line.
    """

    number: int
    offset: int
    raw: bytes
    newlines: int
    long: str | None = None

    def texts(self) -> list[str]:
        """The lines' clean texts."""
        return [self.long] if self.long is not None else clean_lines(self.raw)

    def searchable(self) -> bytes:
        """The bytes to look for patterns in: raw, or the clean text of a line too long to hold."""
        return self.raw if self.long is None else self.long.encode()


@dataclass(frozen=True, slots=True)
class Index:
    """What one pass over a log tells.

    Args:
        total: the number of lines.
        numbers: the number of each block's first line.
        offsets: the offset of each block's first byte.
    """

    total: int
    numbers: tuple[int, ...]
    offsets: tuple[int, ...]


class Log:
    """A finished log; made by :meth:`of_bytes` or :meth:`of_file`, read by one thread at a time.

    A log of a file holds it open until :meth:`close` (or the end of a ``with`` block).
    """

    def __init__(self, file: BinaryIO) -> None:
        """Take an open binary file that can seek."""
        self._file = file
        self.size: int = file.seek(0, io.SEEK_END)
        self.on_disk = False
        self._index: Index | None = None
        self._groups: Groups | None = None
        self._grouped = 0  # blocks whose groups are known

    @classmethod
    def of_bytes(cls, data: bytes) -> Self:
        """A log that is already in memory."""
        return cls(io.BytesIO(data))

    @classmethod
    def of_file(cls, path: Path | str) -> Self:
        """A log on disk, read in chunks.

        Raises:
            UsageError: the file cannot be read.
        """
        try:
            file = Path(path).open("rb")  # noqa: SIM115 - the log closes it
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "not a path"
            raise UsageError(f"cannot read {path}: {reason}", "give the path of a log file, or - for stdin") from error
        if not file.seekable():
            file.close()
            raise UsageError(f"cannot read {path}: it is a pipe", "give - and the log on standard input")
        log = cls(file)
        log.on_disk = True
        return log

    def __enter__(self) -> Self:
        """The log itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def read(self, offset: int, size: int) -> bytes:
        """Up to ``size`` raw bytes from ``offset``."""
        if self.on_disk and hasattr(os, "pread"):  # leaves the file's position alone: it is shared with a child
            return os.pread(self._file.fileno(), size, offset)
        self._file.seek(offset)
        return self._file.read(size)

    def blocks(self, number: int = 1, offset: int = 0, end: int | None = None) -> Iterator[Block]:
        """The log from a line's first byte on, in blocks of whole lines, each about CHUNK bytes.

        Args:
            number: the number to give to the first line.
            offset: where that line begins.
            end: where a line begins that is not wanted any more.
        """
        rest = b""
        at = offset
        end = self.size if end is None else end
        while data := self.read(at, min(CHUNK, max(end - at, 0))):
            at += len(data)
            cut = data.rfind(b"\n") + 1
            if not cut and len(rest) + len(data) > LIMIT:
                start = at - len(data) - len(rest)
                text, at = self._long_line(start)
                yield Block(number, start, b"", 0, text)
                number += 1
                rest = b""
            elif not cut:
                rest += data
            else:
                raw = rest + data[:cut]
                newlines = raw.count(b"\n")
                yield Block(number, at - len(data) - len(rest), raw, newlines)
                number += newlines
                rest = data[cut:]
        if rest:
            yield Block(number, at - len(rest), rest, 0)

    def _long_line(self, offset: int) -> tuple[str, int]:
        """The text of a line too long to hold, and where the next line begins."""
        line = LongLine()
        while data := self.read(offset, CHUNK):
            end = data.find(b"\n")
            line.feed(data if end < 0 else data[:end])
            if end >= 0:
                return line.text(), offset + end + 1
            offset += len(data)
        return line.text(), offset

    def index(self) -> Index:
        """The number of lines, and where blocks begin; the whole log is read on the first call."""
        if self._index is None:
            deque(self.whole(), maxlen=0)
        if self._index is None:
            raise RuntimeError("a log that was read to its end has an index")
        return self._index

    def whole(self, *, grouped: bool = True) -> Iterator[Block]:
        """Every block; the log knows its index once the last was taken, so that nobody has to read it again.

        Args:
            grouped: whether to look for groups on the way, which whoever only wants the first lines' need not.
        """
        if self._index is not None:
            yield from self.blocks()
            return
        numbers, offsets, total = [], [], 0
        groups = self._new_groups()
        for block in self.blocks():
            numbers.append(block.number)
            offsets.append(block.offset)
            if grouped:
                groups.read_block(block.number, block.raw)
            total = block.number + max(block.newlines - 1, 0)
            yield block
        self.learn(Index(total, tuple(numbers), tuple(offsets)), groups if grouped else None)

    def learn(self, index: Index, groups: Groups | None = None) -> None:
        """Take the index, and perhaps the groups, from one who read the whole log."""
        self._index, self._groups, self._grouped = index, groups, len(index.numbers) if groups else 0

    def groups(self, last: int | None = None) -> Groups:
        """Which step each line stands in, as far as this line; of the whole log without one."""
        index = self.index()
        self._groups = self._groups or self._new_groups()
        wanted = len(index.numbers) if last is None else bisect_right(index.numbers, last)
        if self._grouped < wanted:
            number, offset = index.numbers[self._grouped], index.offsets[self._grouped]
            for block in self.blocks(number, offset, index.offsets[wanted] if wanted < len(index.offsets) else None):
                self._groups.read_block(block.number, block.raw)
            self._grouped = wanted
        return self._groups

    def _new_groups(self) -> Groups:
        return Groups(looks_like_buildkite(self.read(0, LIMIT)))

    @property
    def total(self) -> int:
        """The number of lines; what follows the last newline counts where it is not empty."""
        return self.index().total

    def lines(self, start: int = 1, end: int | None = None) -> Iterator[Line]:
        """The lines from number ``start`` to number ``end``, both included."""
        index = self.index()
        last = index.total if end is None else min(end, index.total)
        if start > last or not index.numbers:
            return
        groups = self.groups(last)
        nearest = max(bisect_right(index.numbers, max(start, 1)) - 1, 0)
        for block in self.blocks(index.numbers[nearest], index.offsets[nearest]):
            if block.number > last:
                return
            yield from _labelled(block, max(start, block.number), last, groups)

    def near(self, number: int, offset: int, above: int, below: int) -> list[Line]:
        """Lines around one that is known by its number and the offset of its first byte.

        Gives up to ``above`` lines before it, itself, and up to ``below`` after it; fewer where they are very long.
        """
        start = max(offset - _NEAR, 0)
        before = self.read(start, offset - start).split(b"\n")[1 if start else 0 : -1]
        before = before[max(len(before) - above, 0) :]
        data = self.read(offset, 2 * _NEAR)
        after = data.split(b"\n")[: below + 1]
        if len(after) <= below and offset + len(data) < self.size:
            after.pop()
        texts = [clean_line(raw) for raw in before]
        texts += [clean_line(raw) for raw in after] or [self._long_line(offset)[0]]
        groups = self.groups(number + len(texts))
        return [
            Line(at, text, groups.at(at)) for at, text in enumerate(texts, number - len(before)) if at <= self.total
        ]


def _labelled(block: Block, first: int, last: int, groups: Groups) -> Iterator[Line]:
    """The lines of a block from number ``first`` to ``last``."""
    if block.long is not None:
        texts = [block.long] if first == block.number else []
    else:
        # Only the lines that are asked for are cleaned.
        raw = block.raw.split(b"\n")
        if not raw[-1]:
            raw.pop()
        wanted = raw[first - block.number : max(last - block.number + 1, 0)]
        # Read from another place blocks end elsewhere: one may end before the first line that is asked for.
        texts = clean_lines(b"\n".join(wanted) + b"\n") if wanted else []
    for number, text in enumerate(texts, first):
        yield Line(number, text, groups.at(number))
