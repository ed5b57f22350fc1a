"""Paths of a service's API, made and checked; imports no HTTP library, so any module may use it."""

from urllib.parse import quote as _quote
from urllib.parse import unquote

from ci_mcp.errors import UsageError


def quote(segment: object) -> str:
    """One segment of a path, percent-encoded whole: a slash in it does not begin another segment.

    Raises:
        UsageError: it is empty, or is only dots, which a server would read as a step up.
    """
    text = str(segment)
    if not text.strip(". \t"):
        raise UsageError(f"{text!r} is not a name or an id", "give one")
    try:
        return _quote(text, safe="")
    except UnicodeEncodeError:
        raise UsageError("a name holds characters that are none", "give it as it is on the web page") from None


def check(path: str) -> str:
    """A path that stays where it is put: from the service's root, without steps up, query or fragment.

    Raises:
        UsageError: it is not such a path.
    """
    decoded = path
    for _ in range(4):  # some servers decode more than once
        decoded = unquote(decoded)
    steps = decoded.replace("\\", "/").split("/")
    if (
        not path.startswith("/")
        or path.startswith("//")
        or any(sign in path for sign in "?#\\ ")
        or not (path.isascii() and path.isprintable())
        or any(step in {".", ".."} for step in steps)
    ):
        raise UsageError(
            f"{path[:100]!r} is not a path of the service", "give ids and names as the service writes them"
        )
    return path
