"""One pass over a big log."""

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_mcp.logs import clean, scan
from ci_mcp.logs.clean import Log
from ci_mcp.logs.scan import Scan

LINES = st.lists(
    st.sampled_from([b"ok", b"ERROR: no cart", b"##[group]make", b"##[endgroup]", b"", b"a" * 90, b"\x1b[31mFAILED\x1b[0m x", b"--- y"]),
    max_size=25,
)  # fmt: skip


def part(log: Log, start: int, end: int) -> Scan:
    """What a pass over a part of a log finds."""
    found = Scan(log.size, buildkite=False)
    for block in log.blocks(1, start, end):
        found.look(block)
    return found


@given(LINES, st.integers(1, 100))
def test_a_pass_finds_alarms_under_their_numbers(lines: list[bytes], chunk: int) -> None:
    """For any chunking: as many lines as the log has, and alarms where the words stand."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clean, "CHUNK", chunk)
        raw = b"".join(line + b"\n" for line in lines)
        log = Log.of_bytes(raw)
        found = scan.scan(log)
        assert (len(lines), log.total) == (found.lines, Log.of_bytes(raw).total)
        loud = [number for number, line in enumerate(lines, 1) if line.endswith((b"no cart", b" x"))]
        assert loud == [alarm.number for alarm in found.first if alarm.raw.endswith((b"no cart", b" x"))]
        assert all(raw[alarm.offset :].startswith(alarm.raw) for alarm in found.first)
        assert Log.of_bytes(raw).groups().changes() == log.groups().changes()


@given(LINES, LINES)
def test_two_parts_joined_are_the_whole(one: list[bytes], two: list[bytes]) -> None:
    """Numbers, blocks, markers and alarms of the second part are moved behind the first."""
    raw = [b"".join(line + b"\n" for line in lines) for lines in (one, two)]
    log = Log.of_bytes(raw[0] + raw[1])
    joined = part(log, 0, len(raw[0])).join(part(log, len(raw[0]), log.size))
    whole = part(log, 0, log.size)
    assert (whole.lines, whole.markers, whole.first, whole.seen) == (
        joined.lines,
        joined.markers,
        joined.first,
        joined.seen,
    )
    joined.teach(log)
    assert list(Log.of_bytes(raw[0] + raw[1]).lines()) == list(log.lines())


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere one process does it all")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize("child", ["works", "fails"])
def test_two_processes_find_what_one_finds(child: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that fails is no loss: its part is done again."""
    path = tmp_path / "build.log"
    path.write_bytes(b"".join(b"line %d\nERROR: no cart %d\n" % (n, n) for n in range(1_500)))
    alone = scan.scan(Log.of_bytes(path.read_bytes()))
    if child == "fails":
        monkeypatch.setattr(scan.pickle, "dump", lambda *_: 1 / 0)
    with Log.of_file(path) as log:
        middle = scan.middle_of(log)
        together = scan.in_two_processes(lambda start, end: part(log, start, end), middle, log.size)
    assert (alone.lines, alone.first, alone.seen) == (together.lines, together.first, together.seen)


def test_a_log_of_one_line_has_no_middle() -> None:
    """It is passed over by one process."""
    assert 0 == scan.middle_of(Log.of_bytes(b"x" * 1000))
    assert 6 == scan.middle_of(Log.of_bytes(b"aa\nbb\ncc\ndd"))


def test_only_a_log_on_disk_is_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log in memory is passed over by one process, however big; one on disk by two where that is safe."""
    path = tmp_path / "build.log"
    path.write_bytes(b"ERROR: no cart\n" * 100)
    monkeypatch.setattr(scan, "SPLIT", 0)
    monkeypatch.setattr(scan, "in_two_processes", lambda work, _middle, end: work(0, end))
    monkeypatch.setattr(scan.os, "cpu_count", lambda: 2)
    with Log.of_file(path) as log:
        assert 100 == scan.scan(log).lines
    assert 100 == scan.scan(Log.of_bytes(path.read_bytes())).lines
