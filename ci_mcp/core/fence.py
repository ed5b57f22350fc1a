"""A fence around text that a CI wrote, which that text cannot close."""

import hashlib

from ci_mcp.core.answer import safe


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
