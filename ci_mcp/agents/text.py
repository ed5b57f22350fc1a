"""A block of lines put at the end of a text and taken out again, every other byte left as it is.

How the block is set off says what was there before: a text without a line end at its end gets a block without one.
"""

import re


def newline_of(text: str) -> str:
    """How the lines of a text end."""
    return "\r\n" if "\r\n" in text else "\n"


def append(text: str | None, block: str, head: str = "") -> str:
    """The text with a block of lines at its end, after an empty line.

    Args:
        text: what is there; ``None`` for a file that is not.
        block: the lines, without a line end at their end.
        head: what a file that is not there begins with.
    """
    if text is None:
        return f"{head}{block}\n"
    newline = newline_of(text)
    block = block.replace("\n", newline)
    if text.endswith("\n"):
        return text + newline + block + newline
    return text + newline + newline + block


def cut(text: str, start: int, end: int, head: str = "") -> str | None:
    """The text without the block between two places (but its last line end); ``None`` where nothing else was there.

    Args:
        text: what is there.
        start: where the block starts.
        end: where its last line ends.
        head: what a file that we made begins with.
    """
    newline = newline_of(text[start:end])
    before, after = text[:start], text[end:]
    if after.startswith(newline):
        after = after[len(newline) :]
        if before.replace("\r\n", "\n") == head and not after:
            return None
        if before.endswith("\n" + newline) or before == newline:
            before = before.removesuffix(newline)
        return before + after
    return before.removesuffix(newline).removesuffix(newline) + after


def replace(text: str, start: int, end: int, block: str) -> str:
    """The text with another block in the place of the one that is there."""
    return text[:start] + block.replace("\n", newline_of(text[start:end])) + text[end:]


def find(text: str, first: str, last: str) -> tuple[int, int] | None:
    """The span from a line to a line; ``None`` where there are not both."""
    found = re.search(
        rf"^{re.escape(first)}.*?^{re.escape(last)}[ \t]*$", text.replace("\r", " "), re.DOTALL | re.MULTILINE
    )
    return (found.start(), len(text[: found.end()].rstrip())) if found else None
