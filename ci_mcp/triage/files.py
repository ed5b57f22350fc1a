"""Places in the checkout that a failure names, so that they can be opened at once.

A log is written by strangers: only files that git tracks here are named, and only by git's own names for them.
"""

import posixpath
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ci_mcp.core.shapes import TestCase
from ci_mcp.logs.excerpt import Excerpt
from ci_mcp.triage.git import git

MOST: Final = 6  # places of one failure
_NAMED: Final = 40  # places of a failure that are looked for
_SAME: Final = 3  # places in one file
_LONGEST: Final = 2_000  # characters of a line that are looked at
_PYTHON: Final = re.compile(r'File "([^"\n]{1,300})", line (\d{1,7})')
_PLACE: Final = re.compile(
    r"(?<![\w.@+~/\\-])(?:file://)?"
    r"((?:[A-Za-z]:[\\/])?[\w.@+~/\\-]{1,250}\.[A-Za-z][A-Za-z0-9]{0,9}"
    r"|(?:[\w.@+~/\\-]{0,250}/)?(?:Make|Docker|Rake|Gem|Just)file)"
    r"(?::(?:line )?(\d{1,7})\b|[(\[](\d{1,7})(?:,\d{1,5})?[)\]])"
)
# What is installed beside the code is not the code, though a file here may have the same name.
_STRANGERS: Final = re.compile(
    r"(?:^|/)(?:site-packages|dist-packages|node_modules|\.cargo/registry|rustc|gems|\.pyenv|go/pkg/mod)/"
    r"|^/usr/(?:lib|include|share|local/(?:lib|include))/|/lib/python\d|^node:|^internal/"
)
# Folders that CIs check out into, beside those named for the repository.
_HOMES: Final = frozenset({"project", "workspace", "repo", "source", "src", "app", "code", "build", "checkout"})


@dataclass(frozen=True, slots=True)
class Place:
    """A file of the checkout as git names it, and a line in it; ``None`` where only the file was named."""

    path: str
    line: int | None = None

    def __str__(self) -> str:
        """As editors take it: ``path:line``."""
        return f"{self.path}:{self.line}" if self.line else self.path


def named(tests: Sequence[TestCase], excerpt: Excerpt | None) -> list[Place]:
    """The places that a failure names, as they stand there: those of tests first, then of telling lines."""
    found = [Place(test.file, test.line) for test in tests if test.file]
    lines = excerpt.lines if excerpt else ()
    for line in sorted(lines, key=lambda line: not line.telling):
        text = line.text[:_LONGEST]
        found += [Place(match[1], int(match[2])) for match in _PYTHON.finditer(text)]
        found += [Place(match[1], int(match[2] or match[3])) for match in _PLACE.finditer(text)]
    return list(dict.fromkeys(found))[:_NAMED]


def tracked(root: str, wanted: Iterable[Place], names: Iterable[str] = ()) -> dict[Place, Place]:
    """Of the wanted places those that are files of the checkout, each with git's name for its file.

    A path is matched by its longest end that git tracks, else, where it is relative, as the end of one
    tracked file alone. Links that lead out of the checkout are left out.

    Args:
        root: the checkout.
        wanted: places as a log names them: of another machine, another system, with ``..``, or made up.
        names: what the folder that holds the checkout may be called on the CI's machine.

    Blocks: call it in a thread.
    """
    paths = {place: parts for place in wanted if (parts := _parts(place.path))}
    bases = sorted({parts[-1] for parts in paths.values()})
    if not bases:
        return {}
    listed = git(root, "ls-files", "-z", "--", *(f":(top,glob)**/{base}" for base in bases))
    by_base: dict[str, list[str]] = {}
    for path in listed.split("\0"):
        by_base.setdefault(path.rpartition("/")[2], []).append(path)
    homes = _HOMES | {name.lower() for name in names}
    found = {place: _match(parts, by_base.get(parts[-1], []), homes) for place, parts in paths.items()}
    return {place: Place(path, place.line) for place, path in found.items() if path and _inside(root, path)}


def _parts(path: str) -> list[str]:
    """A path's components without what another machine put before them; none for what is no file of ours.

    The first is empty where the path is absolute.
    """
    plain = re.sub(r"^[A-Za-z]:(?=/)", "", path.replace("\\", "/"))
    if _STRANGERS.search(plain):
        return []
    parts = posixpath.normpath(plain).split("/")
    while parts and parts[0] in {"..", "."}:
        del parts[0]
    # A pattern would make git list the whole checkout.
    return parts if parts and parts[-1].isprintable() and not set(parts[-1]) & set("*?[") else []


def _match(parts: list[str], candidates: list[str], homes: frozenset[str]) -> str:
    whole = "/".join(parts)
    ends = sorted((path for path in candidates if f"/{whole}".endswith(f"/{path}")), key=len)
    absolute = not parts[0]
    if ends and (not absolute or "/" in ends[-1] or parts[-2].lower() in homes):
        return ends[-1]
    deeper = [path for path in candidates if path.endswith(f"/{whole}")]
    return deeper[0] if len(deeper) == 1 and not absolute and not ends else ""


def _inside(root: str, path: str) -> bool:
    top = Path(root).resolve()
    try:
        real = (top / path).resolve(strict=True)
    except (OSError, RuntimeError):
        return False
    return real.is_file() and real.is_relative_to(top) and ".git" not in real.relative_to(top).parts


def chosen(wanted: Sequence[Place], known: dict[Place, Place]) -> tuple[Place, ...]:
    """The places to show of one failure, the first named first, few of one file."""
    shown: list[Place] = []
    for place in wanted:
        real = known.get(place)
        if real and real not in shown and sum(one.path == real.path for one in shown) < _SAME:
            shown.append(real)
    return tuple(shown[:MOST])
