import hashlib
import logging
import os
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from ci_mcp.errors import UsageError
from ci_mcp.logs.store import UNSETTLED, Store

pytestmark = pytest.mark.anyio

Fetch = Callable[[], AsyncIterator[bytes]]


@pytest.fixture
def anyio_backend() -> str:
    """The event loop that the product runs on."""
    return "asyncio"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where logs are kept."""
    return tmp_path / "cache" / "logs"


class Service:
    """Gives a log, and counts how often it was asked."""

    def __init__(self, *chunks: bytes, fails: bool = False, wait: float = 0) -> None:
        self.chunks, self.fails, self.wait, self.asked = chunks, fails, wait, 0

    async def fetch(self) -> AsyncIterator[bytes]:
        """The log in chunks."""
        self.asked += 1
        for chunk in self.chunks:
            await anyio.sleep(self.wait)
            yield chunk
        if self.fails:
            raise ConnectionError("cut")


def files(folder: Path) -> list[str]:
    """The kinds of files there are."""
    return sorted(path.suffix for path in folder.iterdir())


def modes(folder: Path) -> list[int]:
    """Who may read the folder, and each file in it."""
    return [stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.iterdir())]


async def read(store: Store, key: str, service: Service, *, finished: bool = True) -> list[str]:
    """The lines of a log."""
    with await store.log(key, service.fetch, finished=finished) as log:
        return [line.text for line in log.lines()]


def age(folder: Path, seconds: float, suffix: str = "") -> None:
    """Make the files there older."""
    for path in folder.glob(f"*{suffix}"):
        then = time.time() - seconds
        os.utime(path, (then, then))


async def test_a_finished_log_is_fetched_once(folder: Path) -> None:
    """Also by another process later; its folder is this person's only."""
    service = Service(b"one\ntw", b"o\n")
    assert ["one", "two"] == await read(Store(folder), "k", service)
    assert ["one", "two"] == await read(Store(folder), "k", service)
    assert 1 == service.asked
    assert [".log"] == files(folder)
    if os.name == "posix":
        assert [0o700, 0o600] == modes(folder)


async def test_a_folder_that_others_can_read_is_closed(folder: Path) -> None:
    """An older one, or one made by hand."""
    os.makedirs(folder, mode=0o755)  # noqa: PTH103 - does not wait
    await read(Store(folder), "k", Service(b"x"))
    assert [0o700, 0o600] == modes(folder)


async def test_a_running_log_is_fetched_again_after_half_a_minute(folder: Path) -> None:
    """And the finished one takes its place."""
    store, service = Store(folder), Service(b"growing")
    await read(store, "k", service, finished=False)
    await read(store, "k", service, finished=False)
    assert 1 == service.asked
    age(folder, 31)
    await read(store, "k", service, finished=False)
    assert 2 == service.asked
    age(folder, -1000)  # a clock that was set back
    await read(store, "k", service, finished=False)
    assert 3 == service.asked
    assert [".running"] == files(folder)
    await read(store, "k", service, finished=True)
    assert [".log"] == files(folder)
    assert ["growing"] == await read(store, "k", service, finished=False)
    assert 4 == service.asked


async def test_a_log_that_is_not_yet_settled_is_fetched_again_after_half_a_minute(folder: Path) -> None:
    """Though its job has ended: until then what came is taken, by whoever asks; what settles it takes its place."""
    store, service = Store(folder), Service(b"on its way", UNSETTLED)
    assert ["on its way"] == await read(store, "k", service)
    assert ["on its way"] == await read(Store(folder), "k", service)
    assert (1, [".unsettled"]) == (service.asked, files(folder))
    age(folder, 31)
    assert (1, 10) == (store.info().files, store.info().bytes)
    assert ["all of it"] == await read(store, "k", Service(b"all of it"))
    assert [".log"] == files(folder)


async def test_who_asks_at_the_same_time_shares_one_fetch(folder: Path) -> None:
    """Other logs are fetched beside it."""
    store, service, other = Store(folder), Service(b"x\n", wait=0.01), Service(b"y\n")
    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(read, store, "k", service)
        group.start_soon(read, store, "other", other)
    assert (1, 1) == (service.asked, other.asked)


async def test_who_waits_goes_on_where_the_first_was_canceled(folder: Path) -> None:
    """The second fetches for itself."""
    store, slow, service = Store(folder), Service(b"x\n", wait=30), Service(b"x\n")
    got: list[list[str]] = []

    async def second() -> None:
        got.append(await read(store, "k", service))

    async with anyio.create_task_group() as group:
        with anyio.move_on_after(0.05):
            group.start_soon(second, name="second")
            await read(store, "k", slow)
    assert [["x"]] == got


async def test_a_fetch_that_fails_leaves_nothing(folder: Path) -> None:
    """Half a log is no log."""
    store = Store(folder)
    with pytest.raises(ConnectionError):
        await read(store, "k", Service(b"half", fails=True))
    assert [] == files(folder)
    assert ["whole"] == await read(store, "k", Service(b"whole"))


async def test_a_fetch_that_is_no_generator_will_do(folder: Path) -> None:
    """Anything that gives chunks."""

    class Chunks:
        def __init__(self) -> None:
            self.left = [b"a", b"b"]

        def __aiter__(self) -> "Chunks":
            return self

        async def __anext__(self) -> bytes:
            if not self.left:
                raise StopAsyncIteration
            return self.left.pop(0)

    with await Store(folder).log("k", Chunks, finished=True) as log:
        assert ["ab"] == [line.text for line in log.lines()]


async def test_the_least_recently_used_goes_first(folder: Path) -> None:
    """What was read again stays; the newest stays even where it alone is too large."""
    store = Store(folder, max_mb=1)
    await read(store, "a", Service(bytes(400_000)))
    await read(store, "b", Service(bytes(400_000)))
    age(folder, 100)
    a = Service()
    await read(store, "a", a)
    await read(store, "c", Service(bytes(400_000)))
    b = Service(b"again")
    await read(store, "a", a)
    await read(store, "b", b)
    assert (0, 1) == (a.asked, b.asked)
    await read(store, "d", Service(bytes(2_000_000)))
    assert (1, 2_000_000) == (store.info().files, store.info().bytes)


async def test_what_nobody_read_for_days_goes(folder: Path) -> None:
    """And what a killed process left half written, after an hour."""
    store = Store(folder, max_days=2)
    await read(store, "a", Service(b"a"))
    (folder / "dead-1.part").write_bytes(b"half")
    (folder / "unrelated.txt").write_bytes(b"not ours")
    age(folder, 3 * 86400)
    (folder / "live-2.part").write_bytes(b"half")
    await read(store, "b", Service(b"b"))
    assert [".log", ".part", ".txt"] == files(folder)


async def test_a_log_that_is_open_outlives_its_eviction(folder: Path) -> None:
    """Who reads it reads on."""
    store = Store(folder, max_mb=1)
    with await store.log("a", Service(b"first\n" * 100_000).fetch, finished=True) as log:
        age(folder, 100)
        await read(store, "b", Service(bytes(1_000_000)))
        assert 100_000 == log.total
        assert 1 == store.info().files


@pytest.mark.parametrize("finished", [True, False])
async def test_a_folder_that_cannot_be_written_is_replaced_by_a_temporary_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, *, finished: bool
) -> None:
    """With one hint, and it works for as long as the process does."""
    (tmp_path / "file").write_text("in the way")
    store, service = Store(tmp_path / "file" / "logs"), Service(b"x")
    with caplog.at_level(logging.WARNING):
        assert ["x"] == await read(store, "k", service, finished=finished)
        assert ["x"] == await read(store, "k", service, finished=finished)
    assert 1 == service.asked
    assert 1 == len(caplog.records)
    assert "cannot be written" in caplog.text
    assert 1 == store.info().files
    assert store._fallback  # noqa: SLF001 - only here is it known where
    store.close()
    assert not store._fallback.exists()  # noqa: SLF001


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no disk that is always full")
async def test_a_full_disk_is_left_for_another(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The log is fetched again; where there is no room anywhere the error says so."""
    opened = os.fdopen
    full = 1

    def fdopen(handle: int, *arguments: Any, **more: Any) -> Any:
        nonlocal full
        if full:
            full -= 1
            os.dup2(os.open("/dev/full", os.O_WRONLY), handle)
        return opened(handle, *arguments, **more)

    monkeypatch.setattr(os, "fdopen", fdopen)
    store, service = Store(folder), Service(b"x")
    assert ["x"] == await read(store, "k", service)
    assert 2 == service.asked
    assert "No space left" in caplog.text
    assert [] == files(folder)
    full = 2
    with pytest.raises(UsageError, match="No space left"):
        await read(store, "other", service)
    full = 2
    with pytest.raises(UsageError, match="No space left"):
        await read(Store(folder), "other", service)


async def test_info_and_clear_tell_what_there_is(folder: Path) -> None:
    """Before anything was kept, too."""
    store = Store(folder)
    assert (folder, 0, 0) == (store.info().folder, store.info().files, store.info().bytes)
    assert 0 == store.clear()
    await read(store, "a", Service(b"12345"))
    await read(store, "b", Service(b"678"), finished=False)
    assert (2, 8) == (store.info().files, store.info().bytes)
    assert 2 == store.clear()
    assert [] == files(folder)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("out/report.html", "report.html"),
        ("../../.bashrc", "bashrc"),
        ("a\\b\\evil; rm -rf.txt", "evil_rm_-rf.txt"),
        ("..", "file"),
        ("x" * 300 + ".png", "x" * 76 + ".png"),
    ],
)
async def test_a_file_is_kept_under_a_harmless_name(folder: Path, name: str, kept: str) -> None:
    """As it is, among the logs, for this person alone; fetched anew each time, cleared with the rest."""
    store, service = Store(folder), Service(b"\x89PNG", b"\r\n\x1b[0m")
    found = await store.file("key", name, service.fetch)
    assert found == await store.file("key", name, service.fetch)
    path = found.path
    assert (10, hashlib.sha256(path.read_bytes()).hexdigest()) == (found.size, found.sha256)
    assert (folder / "files", f"-{kept}", 2) == (path.parent, path.name[12:], service.asked)
    assert b"\x89PNG\r\n\x1b[0m" == path.read_bytes()
    assert [0o700, 0o600] == modes(folder / "files")
    other = await store.file("other key", name, service.fetch)
    assert other.path != path
    assert (2, 20, 2) == (store.info().files, store.info().bytes, store.clear())


async def test_a_file_that_cannot_be_fetched_leaves_nothing(folder: Path) -> None:
    """Not even a part of it."""
    with pytest.raises(ConnectionError):
        await Store(folder).file("key", "a", Service(b"half", fails=True).fetch)
    assert [] == list((folder / "files").iterdir())


async def test_a_file_has_a_bound(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a service gives: nothing of it stays."""
    monkeypatch.setattr("ci_mcp.logs.store.FILE_MAX", 1 << 20)
    store = Store(folder)
    assert 1 << 20 == (await store.file("key", "a", Service(bytes(1 << 20)).fetch)).size
    store.clear()
    with pytest.raises(UsageError, match="larger than 1 MB"):
        await store.file("key", "a", Service(bytes(1 << 20), b"x").fetch)
    assert [] == list((folder / "files").iterdir())


async def test_files_go_as_logs_do_when_there_are_too_many(folder: Path) -> None:
    """The least recently used first, whatever it is."""
    store = Store(folder, max_mb=1)
    old = await store.file("a", "a", Service(b"x" * 700_000).fetch)
    os.utime(old.path, (1, 1))
    new = await store.file("b", "b", Service(b"x" * 700_000).fetch)
    assert [new.path] == list((folder / "files").iterdir())


async def test_a_file_goes_to_another_folder_where_the_first_cannot_be_written(tmp_path: Path) -> None:
    """As logs do."""
    (tmp_path / "a file").write_text("in the way")
    store = Store(tmp_path / "a file" / "logs")
    assert b"x" == (await store.file("key", "a", Service(b"x").fetch)).path.read_bytes()


async def test_any_key_is_a_name(folder: Path) -> None:
    """Keys are hashed: what they hold cannot lead out of the folder."""
    store = Store(folder)
    for key in ("../../etc/passwd", "a/b", "\x00", "\ud800", "x" * 10_000):
        assert ["x"] == await read(store, key, Service(b"x"))
    assert 5 == len(files(folder))


WRITER = """
import sys, anyio
from pathlib import Path
from typing import Any
from ci_mcp.logs.store import UNSETTLED, Store
async def fetch():
    for _ in range(20):
        yield b"line\\n" * 1000
async def main():
    store = Store(Path(sys.argv[1]), max_mb=1)
    for number in range(30):
        with await store.log(f"{number % 15}", fetch, finished=number % 3 > 0) as log:
            assert log.total == 20000, log.total
anyio.run(main)
"""


def test_several_processes_share_a_folder(folder: Path) -> None:
    """Each reads whole logs, whatever the others write and throw away meanwhile."""
    started = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(folder)], stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for process in started:
        _, error = process.communicate()
        assert "" == error
    assert {".log"} <= set(files(folder)) <= {".log", ".running"}


@pytest.mark.parametrize(("times", "where"), [(1, "folder"), (3, "folder"), (4, "elsewhere")])
async def test_a_log_that_another_throws_away_at_once_is_fetched_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch, times: int, where: str
) -> None:
    """Between its writing and its reading; a folder where nothing ever stays is given up."""
    replace = os.replace

    def thrown_away(part: str, path: Path) -> None:
        nonlocal times
        replace(part, path)
        if times:
            times -= 1
            path.unlink()

    monkeypatch.setattr(os, "replace", thrown_away)
    service = Service(b"one\n")
    again = times + 1
    assert ["one"] == await read(Store(folder), "a", service)
    assert again == service.asked
    assert ([".log"] if where == "folder" else []) == files(folder)


async def test_a_log_that_is_kept_is_had_without_asking(folder: Path) -> None:
    """Nothing is fetched for a look."""
    store = Store(folder)
    assert store.kept("a", finished=True) is None
    with await store.log("a", Service(b"one\n").fetch, finished=True):
        pass
    log = store.kept("a", finished=True)
    assert log is not None
    with log:
        assert ["one"] == [line.text for line in log.lines()]
