"""Logs kept on disk: what is finished does not change, so it is fetched once.

Several processes share one folder: every file is written under another name and then renamed.
"""

import contextlib
import hashlib
import io
import logging
import os
import re
import shutil
import tempfile
import time
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import anyio

from ci_mcp.errors import UsageError

if TYPE_CHECKING:
    from ci_mcp.logs.clean import Log

T = TypeVar("T")
RUNNING_SECONDS: Final = 30.0
"""A log that still grows is read again after this time."""
FILE_MAX: Final = 100 << 20
"""Most bytes of a file that is kept; a log has no such bound, for the cache has one."""


class _Mark(bytes):
    """An empty chunk that says something by being this one."""

    __slots__ = ()


UNSETTLED: Final = _Mark()
"""Given among the chunks of a log: what came is not its last word, though its job has ended: it is read again soon."""
_ABANDONED_SECONDS: Final = 3600.0
_AGAIN: Final = 3
"""How often a log is fetched again that another process threw away as soon as it was written."""
_FINISHED: Final = ".log"
_RUNNING: Final = ".running"
_UNSETTLED: Final = ".unsettled"
_PARTIAL: Final = ".part"
_FILES: Final = "files"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Info:
    """What the cache holds.

    Attributes:
        folder: where it is.
        files: how many logs.
        bytes: how large they are together.
    """

    folder: Path
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that is kept.

    Attributes:
        path: where; only this person can read it.
        size: bytes.
        sha256: its checksum, in hexadecimal digits.
    """

    path: Path
    size: int
    sha256: str


class Store:
    """Logs on disk, in a folder that only this person can read, bounded by size and age.

    Args:
        folder: made when the first log is kept.
        max_mb: the oldest logs go when all together are larger (2**20 bytes each).
        max_days: a log that nobody read for so long goes.
    """

    def __init__(self, folder: Path, max_mb: int = 500, max_days: int = 30) -> None:
        """Remember where; nothing is read or made yet."""
        self._folder = folder
        self._max_bytes = max_mb << 20
        self._max_seconds = max_days * 86400.0
        self._fallback: Path | None = None
        self._forget: Callable[[], object] | None = None
        self._busy: dict[str, tuple[anyio.Lock, int]] = {}

    async def log(self, key: str, fetch: Callable[[], AsyncIterator[bytes]], *, finished: bool) -> "Log":
        """A log, from disk where it is there, else fetched and kept.

        Args:
            key: names the log among all services: provider, host, job.
            fetch: gives its bytes; called once even where several ask for the same log at once.
            finished: whether it can still grow; one that can is fetched again after 30 s, and so is one that
                holds `UNSETTLED`.

        Returns:
            the log, open: close it.

        Raises:
            UsageError: there is no room for it, not even in a temporary folder.
            Exception: whatever ``fetch`` raises; nothing is kept then.
        """
        name = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
        async with self._alone(name):
            kept = self._kept(name, finished=finished)
            return kept if kept is not None else await self._fetched(name, fetch, finished=finished)

    def kept(self, key: str, *, finished: bool) -> "Log | None":
        """A log that is on disk, open; ``None`` where it would have to be fetched."""
        return self._kept(hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest(), finished=finished)

    @contextlib.asynccontextmanager
    async def _alone(self, name: str) -> AsyncIterator[None]:
        lock, users = self._busy.get(name, (anyio.Lock(), 0))
        self._busy[name] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._busy.pop(name)
            if users > 1:
                self._busy[name] = (lock, users - 1)

    def _kept(self, name: str, *, finished: bool) -> "Log | None":
        path = self._place() / f"{name}{_FINISHED}"
        with contextlib.suppress(OSError):
            # A machine that lost its power leaves empty files behind; a log that is empty is soon fetched again.
            if path.stat().st_size:
                log = _read(path)
                with contextlib.suppress(OSError):
                    os.utime(path)  # it was used: the last to go
                return log
        path = path.with_suffix(_UNSETTLED if finished else _RUNNING)
        with contextlib.suppress(OSError):
            if 0 <= time.time() - path.stat().st_mtime < RUNNING_SECONDS:
                return _read(path)
        return None

    async def file(self, key: str, name: str, fetch: Callable[[], AsyncIterator[bytes]]) -> Kept:
        """A file as it is, fetched and kept among the logs, bounded as they are, and by `FILE_MAX`.

        Args:
            key: names it among all services: provider, host, what it belongs to, its path there.
            name: what it is called there; only the harmless characters of its last part are used.
            fetch: gives its bytes.

        Returns:
            where it is, how large, and its checksum.

        Raises:
            UsageError: it is too large, or there is no room for it, not even in a temporary folder.
            Exception: whatever ``fetch`` raises; nothing is kept then.
        """
        mark = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:12]
        summed = _Summed(fetch)

        async def write() -> Path:
            nonlocal summed
            summed = _Summed(fetch)
            return await self._written(f"{_FILES}/{mark}-{_harmless(name)}", summed.chunks)

        path = await self._tried(write)
        self._evict(path)
        return Kept(path, summed.size, summed.digest.hexdigest())

    async def _fetched(self, name: str, fetch: Callable[[], AsyncIterator[bytes]], *, finished: bool) -> "Log":
        async def write() -> "tuple[Path, Log]":
            watched = _Watched(fetch)
            path = await self._written(f"{name}{_FINISHED if finished else _RUNNING}", watched.chunks)
            if finished and not watched.settled:
                with _disk():
                    path = path.replace(path.with_suffix(_UNSETTLED))
            return path, _open(path)

        path, log = await self._tried(write)
        for suffix in {_RUNNING, _UNSETTLED} - {path.suffix} if finished else ():
            _remove(path.with_suffix(suffix))
        self._evict(path)
        return log

    async def _tried(self, write: Callable[[], Awaitable[T]]) -> T:
        """What ``write`` gives: again where another process threw it away, elsewhere where it cannot be written."""
        again = _AGAIN
        while True:
            try:
                return await write()
            except _UnwritableError as error:
                again -= 1
                if not error.gone or again < 0:
                    self._give_up(error.reason)

    async def _written(self, name: str, fetch: Callable[[], AsyncIterator[bytes]]) -> Path:
        path = self._place() / name
        with _disk():
            path.parent.mkdir(mode=0o700, exist_ok=True)
            handle, part = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name[:12]}-", suffix=_PARTIAL)
        try:
            with os.fdopen(handle, "wb", buffering=0) as file:
                await _fill(file, fetch())
            with _disk():
                os.replace(part, path)  # noqa: PTH105 - renames, and does not wait
        except BaseException:
            _remove(Path(part))
            raise
        return path

    def _place(self) -> Path:
        """The folder to write to; a temporary one where the one that was asked for cannot be used."""
        if self._fallback is None:
            try:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                if self._folder.stat().st_mode & 0o077:
                    self._folder.chmod(0o700)
                with tempfile.TemporaryFile(dir=self._folder):
                    return self._folder
            except OSError as error:
                self._give_up(error.strerror or type(error).__name__)
        return self._fallback or self._folder

    def _give_up(self, reason: str) -> None:
        """Write to a temporary folder from now on.

        Raises:
            UsageError: that is where it was written to.
        """
        if self._fallback is not None:
            raise UsageError(f"a log cannot be kept in {self._fallback}: {reason}", "make room there")
        _log.warning("logs are not kept: %s cannot be written (%s)", self._folder, reason)
        self._fallback = Path(tempfile.mkdtemp(prefix="ci-mcp-"))
        self._forget = weakref.finalize(self, shutil.rmtree, self._fallback, ignore_errors=True)

    def close(self) -> None:
        """Remove what is not kept: the temporary folder, where there is one."""
        if self._forget is not None:
            self._forget()

    def _evict(self, newest: Path) -> None:
        """Let go of what is too old, then of the least recently used until the rest fits; never of the newest."""
        now = time.time()
        rest = 0
        # What comes from the future was written before a clock was set back: nobody knows how old it is.
        ages = [(abs(now - stat.st_mtime), path, stat.st_size) for path, stat in self._files()]
        for age, path, size in sorted(ages):
            if path.suffix == _PARTIAL:
                gone = age > _ABANDONED_SECONDS
            else:
                rest += size
                gone = path != newest and (rest > self._max_bytes or age > self._max_seconds)
            if gone:
                with contextlib.suppress(OSError):  # another process was faster, or reads it (Windows)
                    path.unlink()
                    rest -= size if path.suffix != _PARTIAL else 0

    def _files(self) -> Iterator[tuple[Path, os.stat_result]]:
        folder = self._fallback or self._folder
        for place in (folder, folder / _FILES):
            with contextlib.suppress(OSError):
                for path in list(place.iterdir()):
                    if place != folder or path.suffix in {_FINISHED, _RUNNING, _UNSETTLED, _PARTIAL}:
                        with contextlib.suppress(OSError):
                            yield path, path.stat()

    def info(self) -> Info:
        """How many logs there are, and how large."""
        sizes = [stat.st_size for _, stat in self._files()]
        return Info(self._folder, len(sizes), sum(sizes))

    def clear(self) -> int:
        """Remove every log; how many there were."""
        removed = 0
        for path, _ in self._files():
            with contextlib.suppress(OSError):
                path.unlink()
                removed += 1
        return removed


class _Watched:
    """Looks for `UNSETTLED` in what passes."""

    def __init__(self, fetch: Callable[[], AsyncIterator[bytes]]) -> None:
        self._fetch = fetch
        self.settled = True

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The bytes as they come."""
        source = self._fetch()
        try:
            async for chunk in source:
                self.settled = self.settled and chunk is not UNSETTLED
                yield chunk
        finally:
            if isinstance(source, AsyncGenerator):
                await source.aclose()


class _Summed:
    """Counts and sums what passes; raises `UsageError` where that is more than a file may have."""

    def __init__(self, fetch: Callable[[], AsyncIterator[bytes]]) -> None:
        self._fetch = fetch
        self.size = 0
        self.digest = hashlib.sha256()

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The bytes as they come."""
        source = self._fetch()
        try:
            async for chunk in source:
                self.size += len(chunk)
                if self.size > FILE_MAX:
                    raise UsageError(f"the file is larger than {FILE_MAX >> 20} MB", "download it in a browser")
                self.digest.update(chunk)
                yield chunk
        finally:
            if isinstance(source, AsyncGenerator):
                await source.aclose()


class _UnwritableError(Exception):
    """A log could not be written, and why."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.reason = error.strerror or type(error).__name__
        self.gone = isinstance(error, FileNotFoundError)
        """Whether somebody else threw it away."""


@contextlib.contextmanager
def _disk() -> Iterator[None]:
    """An error in here is the disk's, not the service's."""
    try:
        yield
    except OSError as error:
        raise _UnwritableError(error) from error


async def _fill(file: io.FileIO, chunks: AsyncIterator[bytes]) -> None:
    try:
        async for chunk in chunks:
            _write(file, chunk)
    finally:
        # A generator left half way would hold its connection until it is collected.
        if isinstance(chunks, AsyncGenerator):
            await chunks.aclose()


def _write(file: io.FileIO, chunk: bytes) -> None:
    with _disk():
        view = memoryview(chunk)
        while view:
            view = view[file.write(view) :]


def _harmless(name: str) -> str:
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    return re.sub(r"[^A-Za-z0-9._-]+", "_", last)[-80:].lstrip(".") or "file"


def _open(path: Path) -> "Log":
    # Another process may have thrown it away between our writing and our reading.
    with _disk():
        return _read(path)


def _read(path: Path) -> "Log":
    from ci_mcp.logs.clean import Log  # noqa: PLC0415 - a server has a store from its start, and logs when it is asked

    return Log(path.open("rb"))


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
