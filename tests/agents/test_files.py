"""A file is changed whole or not at all, with a backup beside it."""

import errno
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from ci_mcp.agents.files import LARGEST, Change, LeftAloneError, look, write

posix = pytest.mark.skipif(os.name != "posix", reason="links, modes and /dev/full are POSIX")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An empty folder."""
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


def change(
    path: Path, before: bytes | None, after: bytes | None, own: bytes | None = None, top: Path | None = None
) -> Change:
    """A change whose ``before`` is a person's own, unless it is said otherwise."""
    return Change(path=path, before=before, after=after, own=before if own is None else own, top=top or path.parent)


def names(folder: Path) -> list[str]:
    """What is in a folder, hidden files too."""
    return sorted(path.name for path in folder.iterdir())


def test_a_change_is_written_and_what_was_there_is_kept(place: Path) -> None:
    """In a backup beside it; nothing else is left behind."""
    path = place / "a.json"
    path.write_bytes(b"old")
    assert place / "a.json.ci-mcp.bak" == write(change(path, b"old", b"new"))
    assert b"new" == path.read_bytes()
    assert b"old" == (place / "a.json.ci-mcp.bak").read_bytes()
    assert ["a.json", "a.json.ci-mcp.bak"] == names(place)


def test_a_new_file_and_its_folders_are_made(place: Path) -> None:
    """There is nothing to back up."""
    path = place / "x" / "y" / "a.json"
    assert write(change(path, None, b"new")) is None
    assert b"new" == path.read_bytes()
    assert ["a.json"] == names(path.parent)


def test_a_file_that_we_made_goes_with_its_folders(place: Path) -> None:
    """Up to the one that stays, and not those that hold something else."""
    path = place / "x" / "y" / "a.json"
    write(change(path, None, b"new"))
    (place / "x" / "other").write_bytes(b"")
    assert write(change(path, b"new", None, top=place)) is None
    assert ["other"] == names(place / "x")
    write(change(place / "x" / "other", b"", None, top=place))
    assert [] == names(place)


def test_another_backup_is_never_overwritten(place: Path) -> None:
    """The next has a number."""
    path = place / "a[1].json"
    for number, text in enumerate((b"1", b"2", b"3")):
        path.write_bytes(text)
        made = write(change(path, text, b"x"))
        assert f"a[1].json.ci-mcp{f'.{number}' if number else ''}.bak" == (made.name if made else "")
    assert [b"1", b"2", b"3"] == sorted(p.read_bytes() for p in place.glob("*.bak"))


def test_what_a_backup_has_already_is_not_kept_twice(place: Path) -> None:
    """What it holds may be the file, or all in it that is not ours."""
    path = place / "a.json"
    path.write_bytes(b"own")
    write(change(path, b"own", b"own+ours"))
    assert write(change(path, b"own+ours", b"own+ours2", own=b"own")) is None
    assert ["a.json", "a.json.ci-mcp.bak"] == names(place)


def test_a_backup_goes_when_all_of_it_is_back(place: Path) -> None:
    """The folder is as it was at first; a backup of something else stays."""
    path = place / "a.json"
    path.write_bytes(b"own")
    (place / "a.json.ci-mcp.7.bak").write_bytes(b"else")
    write(change(path, b"own", b"own+ours"))
    write(change(path, b"own+ours", b"own", own=b"own"))
    assert b"own" == path.read_bytes()
    assert ["a.json", "a.json.ci-mcp.7.bak"] == names(place)


def test_taking_out_only_ours_needs_no_backup(place: Path) -> None:
    """All that is a person's is still there."""
    path = place / "a.json"
    path.write_bytes(b"own+ours")
    assert write(change(path, b"own+ours", b"own", own=b"own")) is None
    assert ["a.json"] == names(place)


@posix
def test_permissions_stay(place: Path) -> None:
    """Of the file, and its backup has them too."""
    path = place / "a.json"
    path.write_bytes(b"old")
    path.chmod(0o640)
    made = write(change(path, b"old", b"new"))
    assert made is not None
    assert [0o640, 0o640] == [stat.S_IMODE(p.stat().st_mode) for p in (path, made)]


@posix
def test_a_link_is_followed(place: Path) -> None:
    """It stays a link, and the backup is beside what it leads to."""
    (place / "dot").mkdir()
    target = place / "dot" / "real.json"
    target.write_bytes(b"old")
    link = place / "a.json"
    link.symlink_to(target)
    write(change(link, b"old", b"new"))
    assert link.is_symlink()
    assert b"new" == target.read_bytes()
    assert ["real.json", "real.json.ci-mcp.bak"] == names(place / "dot")


@posix
def test_a_link_to_nothing_makes_what_it_leads_to(place: Path) -> None:
    """As any editor would."""
    link = place / "a.json"
    link.symlink_to(place / "dot" / "real.json")
    assert look(link) is None
    write(change(link, None, b"new"))
    assert b"new" == (place / "dot" / "real.json").read_bytes()


@posix
def test_links_in_a_circle_are_left_alone(place: Path) -> None:
    """There is no file at their end."""
    (place / "a").symlink_to(place / "b")
    (place / "b").symlink_to(place / "a")
    with pytest.raises(LeftAloneError, match="leads nowhere"):
        look(place / "a")


def test_a_file_that_another_changed_is_left_as_the_other_made_it(place: Path) -> None:
    """Also where it came or went meanwhile; no backup is left behind."""
    path = place / "a.json"
    path.write_bytes(b"theirs")
    for before, after in ((b"old", b"new"), (None, b"new"), (b"old", None)):
        with pytest.raises(LeftAloneError, match="changed by another program meanwhile: run it again"):
            write(change(path, before, after))
    assert b"theirs" == path.read_bytes()
    path.unlink()
    with pytest.raises(LeftAloneError, match="meanwhile"):
        write(change(path, b"old", b"new"))
    assert [] == names(place)


def test_a_folder_in_its_place_is_left_alone(place: Path) -> None:
    """Whether it is looked at or written to."""
    (place / "a.json").mkdir()
    with pytest.raises(LeftAloneError, match=r"a\.json is a folder: move it away"):
        look(place / "a.json")
    with pytest.raises(LeftAloneError, match="is a folder"):
        write(change(place / "a.json", None, b"new"))
    assert [] == names(place / "a.json")


def test_a_file_in_the_place_of_its_folder_is_left_alone(place: Path) -> None:
    """Nothing can be written below a file."""
    (place / "x").write_bytes(b"")
    with pytest.raises(LeftAloneError, match="Not a directory"):
        look(place / "x" / "a.json")
    with pytest.raises(LeftAloneError):
        write(change(place / "x" / "a.json", None, b"new"))
    assert ["x"] == names(place)


def test_a_read_only_file_is_left_alone(place: Path) -> None:
    """Also by an administrator, whom its mode does not stop; it can be read."""
    path = place / "a.json"
    path.write_bytes(b"old")
    path.chmod(0o444)
    with pytest.raises(LeftAloneError, match="is read-only: make it writable"):
        look(path)
    with pytest.raises(LeftAloneError, match="is read-only"):
        write(change(path, b"old", b"new"))
    assert b"old" == look(path, to_change=False)
    assert ["a.json"] == names(place)
    path.chmod(0o644)


@posix
def test_a_device_is_left_alone() -> None:
    """It would never end."""
    with pytest.raises(LeftAloneError, match="no ordinary file"):
        look(Path("/dev/full"))


def test_a_huge_file_is_left_alone(place: Path) -> None:
    """No configuration has that size."""
    with (place / "a.json").open("wb") as file:
        file.truncate(LARGEST + 1)
    with pytest.raises(LeftAloneError, match="has 64 MB"):
        look(place / "a.json")


def test_a_file_that_cannot_be_read_is_left_alone(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the system's reason."""
    (place / "a.json").write_bytes(b"x")

    def refuse(_: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(LeftAloneError, match="Permission denied: make it readable"):
        look(place / "a.json")


@posix
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has it")
@pytest.mark.parametrize("before", [b"old", None])
def test_a_full_disk_leaves_everything_as_it_was(
    place: Path, monkeypatch: pytest.MonkeyPatch, before: bytes | None
) -> None:
    """The device that is always full stands for the new file; folders that were made go again."""
    path = place / "x" / "a.json"
    if before is not None:
        path.parent.mkdir()
        path.write_bytes(before)
    opened = os.open

    def full(name: Any, *rest: Any, **more: Any) -> int:
        handle = opened(name, *rest, **more)
        if not str(name).endswith(".tmp"):
            return handle
        os.close(handle)
        return opened("/dev/full", os.O_WRONLY)

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(LeftAloneError, match="No space left on device: it is as it was"):
        write(change(path, before, b"new"))
    assert [] == [name for name in names(place) if name != "x" or before is None]
    if before is not None:
        assert ["a.json"] == names(path.parent)
        assert before == path.read_bytes()


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_any_refusal_of_the_system_leaves_the_file_whole(
    place: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Neither a half-written file nor a backup is left."""
    path = place / "a.json"
    path.write_bytes(b"old")

    def refuse(*_: Any) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, call, refuse)
    with pytest.raises(LeftAloneError, match="cannot write .*: Input/output error"):
        write(change(path, b"old", b"new"))
    assert b"old" == path.read_bytes()
    assert ["a.json"] == names(place)
