"""A fence around text that a CI wrote, which that text cannot close."""

import hashlib
import re
from collections.abc import Iterable
from typing import Final

from ci_mcp.core.answer import safe

_OPENS: Final = re.compile(r"<<<[\w ]+, untrusted output, (\w+)")


def fence(text: str, what: str) -> str:
    """The text between two lines that name it as data from outside.

    The lines carry a mark made from the text itself, so no text can hold its own closing line; nor does one that
    only shows it once it is made safe, as every answer is.
    """
    text = safe(text)
    mark = hashlib.blake2s(text.encode("utf-8", "surrogatepass"), digest_size=3).hexdigest()
    while mark in text:
        mark = hashlib.blake2s(mark.encode(), digest_size=4).hexdigest()
    return f"<<<{what}, untrusted output, {mark}\n{text}\n>>>{mark}"


def closing(lines: Iterable[str]) -> str:
    """The line that closes a fence which these lines leave open, as their end was cut off; empty where none does."""
    end = ""
    for line in lines:
        if end:
            end = "" if line == end else end
        elif opens := _OPENS.fullmatch(line):
            end = f">>>{opens[1]}"
    return end
