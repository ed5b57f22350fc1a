"""The file and line that a failure's text names."""

import re
from typing import Final

# What is long is cut before it comes here; every repetition below is bounded, so this stays linear.
_LONGEST: Final = 20_000
_PATH: Final = r"(?:[A-Za-z]:[\\/])?[\w.@+~/\\-]{1,250}\.[A-Za-z][A-Za-z0-9]{0,9}"
_PYTHON: Final = re.compile(r'File "([^"\n]{1,300})", line (\d{1,7})')
_COLON: Final = re.compile(
    rf"(?<![\w.@+~/\\-])(?:file://)?({_PATH})(?::(\d{{1,7}})(?::\d{{1,5}})?\b|\((\d{{1,7}})(?:,\d{{1,5}})?\))"
)
_HOST_NAME: Final = re.compile(r"[\w.-]+\.(?:com|org|net|io|dev|local|internal|test)")
_STRANGERS: Final = (
    "site-packages",
    "dist-packages",
    "node_modules",
    "node:",
    "internal/",
    "/usr/lib",
    "<frozen",
    "vendor/",
    "/gems/",
    ".cargo/registry",
    "/rustc/",
)
_JAVA_TESTING: Final = re.compile(
    r"\b(?:org\.junit|junit\.|java\.|jdk\.|sun\.|org\.testng|org\.gradle|org\.apache\.maven|kotlin\.)"
)


def place_in(text: str, file: str = "") -> tuple[str, int] | None:
    """The place of a failure, from its message and stack.

    Args:
        text: the message and the stack.
        file: the test's file where it is known: its line is looked for first.

    Returns:
        file and line, ``None`` where the text names none.
    """
    text = text[:_LONGEST]
    found = _candidates(text)
    if file:
        name = file.replace("\\", "/").rpartition("/")[2]
        same = [place for place in found if place[0].replace("\\", "/").rpartition("/")[2] == name]
        return (file, same[0][1]) if same else None
    ours = [place for place in found if not any(sign in place[0] for sign in _STRANGERS)]
    return next(iter(ours or found), None)


def _candidates(text: str) -> list[tuple[str, int]]:
    """Every place that the text names, the most telling first."""
    python = [(match[1], int(match[2])) for match in _PYTHON.finditer(text)]
    if python:
        return python[::-1]  # the most recent call comes last
    found = []
    for line in text.split("\n"):
        if _JAVA_TESTING.search(line) is None:
            found += [(match[1], int(match[2] or match[3])) for match in _COLON.finditer(line)]
    return [place for place in found if not _HOST_NAME.fullmatch(place[0])]
