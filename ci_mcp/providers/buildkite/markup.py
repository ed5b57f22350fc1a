"""An annotation's HTML as text: what it says stays, its tags go, and nothing of it is run, loaded or believed."""

import re
from html.parser import HTMLParser
from typing import Final

from ci_mcp.logs.text import clean_text

LONGEST: Final = 200_000
"""Characters of HTML that are read."""

_BLOCKS: Final = frozenset(
    {"p", "div", "ul", "ol", "table", "tr", "pre", "h1", "h2", "h3", "h4", "h5", "h6", "details", "summary"}
    | {"blockquote", "section", "hr", "dl", "dt", "dd", "thead", "tbody"}
)
_SILENT: Final = frozenset({"script", "style", "template", "head"})
_SPACE: Final = re.compile(r"[ \t\r\n\f]+")
_GAPS: Final = re.compile(r"\n[ \t]*\n(?:[ \t]*\n)+")


class _Reader(HTMLParser):
    """Collects text, with a line for each block."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []
        self.silent = self.verbatim = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self.silent += 1
        elif tag == "img":
            self.handle_data(dict(attrs).get("alt") or "")
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

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self.silent = max(0, self.silent - 1)
        elif tag in _BLOCKS or tag == "li":
            self.verbatim = max(0, self.verbatim - (tag == "pre"))
            self._line()

    def handle_data(self, data: str) -> None:
        if self.silent:
            return
        text = data if self.verbatim else _SPACE.sub(" ", data)
        if not self.verbatim and (not self.out or self.out[-1].endswith(("\n", " "))):
            text = text.lstrip(" ")
        if text:
            self.out.append(text)

    def _line(self) -> None:
        if self.out and not self.out[-1].endswith("\n"):
            self.out.append("\n")


def plain(html: str) -> str:
    """The text of some HTML: a line for each block, ``- `` before list items, ``|`` between cells."""
    reader = _Reader()
    reader.feed(html[:LONGEST])
    reader.close()
    lines = [clean_text(line.rstrip()) for line in "".join(reader.out).replace("\r", "").split("\n")]
    text = _GAPS.sub("\n\n", "\n".join(lines)).strip("\n")
    return text + (f"\n[{len(html) - LONGEST:,} characters cut]" if len(html) > LONGEST else "")
