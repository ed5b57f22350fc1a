"""Lines and their numbers, however the bytes come."""

import io
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_mcp.errors import UsageError
from ci_mcp.logs import clean
from ci_mcp.logs.clean import Line, Log
from ci_mcp.logs.text import LIMIT, clean_line

BYTES = st.lists(
    st.sampled_from([b"\n", b"\r\n", b"\r", b"error", b"\x1b[31m", b"   ", b"\xff", "é".encode(), b"\x00", b"a" * 300]),
    max_size=60,
).map(b"".join)


def lines_of(raw: bytes) -> list[str]:
    """What the definition says: a line is what stands between two newlines."""
    parts = raw.split(b"\n")
    if not parts[-1]:
        parts.pop()
    return [clean_line(part) for part in parts]


@given(BYTES, st.integers(1, 400))
def test_any_chunking_gives_the_same_lines(raw: bytes, chunk: int) -> None:
    """The lines are those of the definition, whatever is read at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clean, "CHUNK", chunk)
        log = Log.of_bytes(raw)
        assert lines_of(raw) == [line.text for line in log.lines()]
        assert list(range(1, log.total + 1)) == [line.number for line in log.lines()]


@given(BYTES, st.integers(1, 400), st.integers(-2, 40), st.integers(-2, 40))
def test_any_part_has_the_numbers_of_the_whole(raw: bytes, chunk: int, start: int, end: int) -> None:
    """Lines asked for by number are those that the whole log has under these numbers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clean, "CHUNK", chunk)
        log = Log.of_bytes(raw)
        assert [line for line in log.lines() if start <= line.number <= end] == list(log.lines(start, end))


@given(BYTES, st.data())
def test_lines_near_an_offset_are_those_of_the_whole(raw: bytes, data: st.DataObject) -> None:
    """A line found by its offset comes with its own number and its neighbours."""
    log = Log.of_bytes(raw)
    if not log.total:
        return
    number = data.draw(st.integers(1, log.total))
    offset = sum(len(part) + 1 for part in raw.split(b"\n")[: number - 1])
    assert list(log.lines(max(number - 2, 1), number + 3)) == log.near(number, offset, 2, 3)


@pytest.mark.parametrize(
    ("total", "raw"), [(0, b""), (1, b"\n"), (1, b"a"), (1, b"a\n"), (2, b"a\n\n"), (2, b"\na"), (1, b"10%\r20%\r\r")]
)
def test_what_follows_the_last_newline_counts_where_it_is_not_empty(total: int, raw: bytes) -> None:
    """An empty log has no line; a last newline ends a line and begins none."""
    assert total == Log.of_bytes(raw).total


def test_a_huge_line_is_not_held() -> None:
    """A line of many megabytes takes no more memory than a chunk, and the lines around it keep their numbers."""
    read = 0

    class Endless(io.RawIOBase):
        """A file whose second line is 60 MB long, made as it is read."""

        head, long, end = b"first\n", 60 << 20, b"\nlast\n"
        at = 0

        def seek(self, offset: int, whence: int = 0) -> int:
            self.at = offset if whence == 0 else len(self.head) + self.long + len(self.end)
            return self.at

        def read(self, size: int = -1) -> bytes:
            nonlocal read
            read = max(read, size)
            begin, stop = self.at, min(self.at + size, self.seek(0, 2))
            middle = len(self.head) + self.long
            data = self.head[begin:stop]
            data += b"x" * (min(stop, middle) - max(begin, len(self.head)))
            data += self.end[max(begin - middle, 0) : max(stop - middle, 0)]
            self.at = begin + len(data)
            return data

    log = Log(Endless())  # type: ignore[arg-type]
    lines = list(log.lines())
    assert [(1, "first"), (3, "last")] == [(line.number, line.text) for line in (lines[0], lines[2])]
    assert f"{'x' * LIMIT} [{(60 << 20) - LIMIT:,} bytes of this line cut]" == lines[1].text
    assert lines[1:] == log.near(2, len(Endless.head), 0, 1) + log.near(3, (60 << 20) + 7, 0, 1)
    assert read <= clean.CHUNK


def test_a_file_is_read_and_closed(tmp_path: Path) -> None:
    """A log of a file holds it open for any number of passes."""
    path = tmp_path / "build.log"
    path.write_bytes(b"one\ntwo\n")
    with Log.of_file(path) as log:
        assert [Line(1, "one"), Line(2, "two")] == list(log.lines())
        assert [Line(2, "two")] == list(log.lines(2))
    with pytest.raises(ValueError, match="closed"):
        log.read(0, 1)


@pytest.mark.parametrize("path", ["missing.log", ".", "nul\0byte"])
def test_a_file_that_cannot_be_read_says_why(path: str) -> None:
    """The error names the file and the next step."""
    with pytest.raises(UsageError, match="cannot read"):
        Log.of_file(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_to_be_given_on_standard_input(tmp_path: Path) -> None:
    """A log is read more than once, which a pipe cannot be."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = os.open(path, os.O_RDWR)
    with pytest.raises(UsageError, match="it is a pipe: give -"):
        Log.of_file(path)
    os.close(writer)


@pytest.mark.parametrize("length", [40, 3_000, 9_000])
def test_a_line_asked_for_alone_is_that_line(length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever blocks end when a log is read from its middle, and however long the lines before are."""
    monkeypatch.setattr(clean, "CHUNK", 2_000)
    monkeypatch.setattr(clean, "LIMIT", 1_000)
    raw = [b"%d " % number + b"x" * (length if number % 7 == 0 else 90) for number in range(1, 200)]
    log = Log.of_bytes(b"\n".join(raw))
    for number in range(1, 200):
        assert [(number, clean_line(raw[number - 1]))] == [
            (line.number, line.text) for line in log.lines(number, number)
        ]
