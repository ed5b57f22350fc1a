"""Files read and written so that nothing of a person's is lost: whole or not at all, with a backup beside them."""

import contextlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ci_mcp.errors import UsageError

LARGEST: Final = 64 << 20
_WRITABLE: Final = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


class LeftAloneError(UsageError):
    """A file was not touched; says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What becomes of one file.

    Attributes:
        path: the file as its agent names it; a link is followed.
        before: what is in it, ``None`` where it is not there.
        after: what is to be in it, ``None`` where it is to go.
        own: what is a person's own of ``before``, which a backup may hold already; ``None`` for nothing.
        top: empty folders below this one go with the file.
    """

    path: Path
    before: bytes | None
    after: bytes | None
    own: bytes | None
    top: Path


def real(path: Path) -> Path:
    """Where a path leads in the end; raises `LeftAloneError` where its links go round in a circle."""
    try:
        target = path.resolve()
    except (OSError, RuntimeError) as error:
        raise LeftAloneError(f"{path} is a link that leads nowhere", "remove it") from error
    if target.is_symlink():
        raise LeftAloneError(f"{path} is a link that leads nowhere", "remove it")
    return target


def look(path: Path, *, to_change: bool = True) -> bytes | None:
    """What is in a file; ``None`` where there is none.

    Raises:
        LeftAloneError: it is no file, or we may not read it or, where it is ``to_change``, write it.
    """
    target = real(path)
    try:
        about = target.stat()
        _check(path, target, about, to_change=to_change)
        return target.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LeftAloneError(f"cannot read {path}: {error.strerror or error}", "make it readable") from error


def _check(path: Path, target: Path, about: os.stat_result, *, to_change: bool) -> None:
    if not stat.S_ISREG(about.st_mode):
        what = "a folder" if stat.S_ISDIR(about.st_mode) else "no ordinary file"
        raise LeftAloneError(f"{path} is {what}", "move it away")
    if about.st_size > LARGEST:
        raise LeftAloneError(f"{path} has {about.st_size >> 20} MB", "see whether it is the right file")
    # An administrator may write what is read-only; its owner meant it all the same.
    if to_change and not (about.st_mode & _WRITABLE and os.access(target, os.W_OK)):
        raise LeftAloneError(f"{path} is read-only", "make it writable")


def write(change: Change) -> Path | None:
    """Make a change, all of it or nothing; gives the backup that it made, where it made one.

    Raises:
        LeftAloneError: the file is as it was: it changed meanwhile, or cannot be written.
    """
    target = real(change.path)
    try:
        if change.after is None:
            _same(change)
            target.unlink(missing_ok=True)
            _prune(target.parent, change.top)
            return None
        with _folders(target.parent), _backup(change, target) as backup:
            _replace(change, target, change.after)
    except OSError as error:
        raise _refused(change.path, error) from error
    if change.after == change.own:
        for old in _backups(target):
            if _holds(old, change.after):
                old.unlink()
    return backup


def _same(change: Change) -> None:
    if look(change.path) != change.before:
        raise LeftAloneError(f"{change.path} was changed by another program meanwhile", "run it again")


def _refused(path: Path, error: OSError) -> LeftAloneError:
    return LeftAloneError(f"cannot write {path}: {error.strerror or error}", "it is as it was")


@contextmanager
def _folders(folder: Path) -> Iterator[None]:
    """The folder made where it is missing, and unmade where the block fails."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        for one in missing:
            with contextlib.suppress(OSError):
                one.rmdir()
        raise


@contextmanager
def _backup(change: Change, target: Path) -> Iterator[Path | None]:
    """A copy of what a person had, where it is changed and there is none; it goes again where the block fails."""
    before = change.before
    # Taking out only what is ours loses nothing of a person's.
    wanted = before is not None and change.own is not None and change.after != change.own
    if not wanted or any(_holds(old, before, change.own) for old in _backups(target)):
        yield None
        return
    path = _free(target)
    try:
        _create(path, before or b"", target)
        yield path
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _backups(target: Path) -> list[Path]:
    numbered = target.parent.glob(f"{_plain(target.name)}.ci-mcp*.bak")
    return sorted(path for path in numbered if path.is_file() and not path.is_symlink())


def _plain(name: str) -> str:
    """A name for a pattern, taken literally."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _holds(path: Path, *contents: bytes | None) -> bool:
    return path.read_bytes() in contents


def _free(target: Path) -> Path:
    number = 0
    while True:
        path = target.with_name(f"{target.name}.ci-mcp{f'.{number}' if number else ''}.bak")
        if not os.path.lexists(path):
            return path
        number += 1


def _replace(change: Change, target: Path, after: bytes) -> None:
    new = target.with_name(f".{target.name}.{os.urandom(4).hex()}.tmp")
    try:
        _create(new, after, target)
        _same(change)  # as late as can be
        os.replace(new, target)  # noqa: PTH105 - the system's own call, which tests make fail
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def _create(path: Path, content: bytes, like: Path) -> None:
    """A new file, on the disk when this returns; with the owner and permissions of another where that is there."""
    about = like.stat() if like.exists() else None
    mode = stat.S_IMODE(about.st_mode) if about else 0o666
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
    with os.fdopen(handle, "wb") as file:
        if about:
            path.chmod(mode)
            _give(path, about)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _give(path: Path, about: os.stat_result) -> None:
    if hasattr(os, "chown") and (about.st_uid, about.st_gid) != (os.getuid(), os.getgid()):
        with contextlib.suppress(PermissionError):
            os.chown(path, about.st_uid, about.st_gid)


def _prune(folder: Path, top: Path) -> None:
    """Remove folders that are empty now, up to one that stays."""
    while folder != top and folder.is_relative_to(top):
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent
