"""An annotation's HTML as text: what it says stays, its tags go, and nothing of it is run, loaded or believed.

Read here and not by the standard library's parser, which takes minutes for 200 KB of open quotes or comments.
"""

import re
from collections.abc import Iterator
from html import unescape
from typing import Final

from ci_mcp.logs.text import clean_text

LONGEST: Final = 200_000
"""Characters of HTML that are read."""

# No part of these gives back what it took: whatever comes, each character is looked at a few times only.
_TAG: Final = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9-]*+)([^<>]*+)>|<[!?][^<>]*+>")
_ALT: Final = re.compile(r"\balt\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)')", re.IGNORECASE)
_BLOCKS: Final = frozenset(
    {"p", "div", "ul", "ol", "table", "tr", "pre", "h1", "h2", "h3", "h4", "h5", "h6", "details", "summary"}
    | {"blockquote", "section", "hr", "dl", "dt", "dd", "thead", "tbody"}
)
_SILENT: Final = frozenset({"script", "style", "template", "head"})
_COLOUR: Final = re.compile(r"#x1B\[[0-9;]*m")  # how pytest's reports write an escape, and annotations copy it
_SPACE: Final = re.compile(r"[ \t\r\n\f]+")
_GAP: Final = re.compile(r"\n{3,}")


class _Writer:
    """Collects text, with a line for each block."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self.silent = self.verbatim = 0

    def start(self, tag: str, attributes: str) -> None:
        if tag in _SILENT:
            self.silent += 1
        elif tag == "img":
            alt = _ALT.search(attributes)
            self.text((alt[1] or alt[2] or "") if alt else "")
        elif tag == "br":
            self.out.append("\n")
        elif tag == "li":
            self._line()
            self.out.append("- ")
        elif tag in {"td", "th"}:
            if self.out and not self.out[-1].endswith("\n"):
                self.out.append(" | ")
        elif tag in _BLOCKS:
            self._line()
            self.verbatim += tag == "pre"

    def end(self, tag: str) -> None:
        if tag in _SILENT:
            self.silent = max(0, self.silent - 1)
        elif tag in _BLOCKS or tag == "li":
            self.verbatim = max(0, self.verbatim - (tag == "pre"))
            self._line()

    def text(self, raw: str) -> None:
        if self.silent:
            return
        text = unescape(raw)
        if not self.verbatim:
            text = _SPACE.sub(" ", text)
            if not self.out or self.out[-1].endswith(("\n", " ")):
                text = text.lstrip(" ")
        if text:
            self.out.append(text)

    def _line(self) -> None:
        if self.out and not self.out[-1].endswith("\n"):
            self.out.append("\n")


def plain(html: str) -> str:
    """The text of some HTML: a line for each block, ``- `` before list items, ``|`` between cells."""
    writer = _Writer()
    for piece in _pieces(html[:LONGEST]):
        at = 0
        for tag in _TAG.finditer(piece):
            writer.text(piece[at : tag.start()])
            at = tag.end()
            if tag[2] and tag[1]:
                writer.end(tag[2].lower())
            elif tag[2]:
                writer.start(tag[2].lower(), tag[3])
        writer.text(piece[at:])
    lines = [clean_text(_COLOUR.sub("", line)).rstrip() for line in "".join(writer.out).replace("\r", "").split("\n")]
    text = _GAP.sub("\n\n", "\n".join(lines)).strip("\n")
    return text + (f"\n[{len(html) - LONGEST:,} characters cut]" if len(html) > LONGEST else "")


def _pieces(html: str) -> Iterator[str]:
    """What stands between comments; one that does not end is no comment."""
    at = 0
    while (start := html.find("<!--", at)) >= 0 and (end := html.find("-->", start + 4)) >= 0:
        yield html[at:start]
        at = end + 3
    yield html[at:]
