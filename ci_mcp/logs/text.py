"""The bytes of one line, as a reader may see them.

What is removed: escape sequences (CSI, OSC, DCS, APC, PM, SOS, ended by BEL or ST), C0 and C1 controls,
zero-width characters, variation selectors and tag characters: they show nothing, and hide words from a search.
What is made visible, as ``<U+202E>``: BiDi controls and the Unicode line separators, which change how text reads.
Vertical tab and form feed become a space, bytes that are not UTF-8 become U+FFFD, a tab stays.
Of a line redrawn with carriage returns the last frame that has visible text stays.
Every other character stays where it stood.
"""

import codecs
import re
from typing import Any, Final

import re2

LIMIT: Final = 64 * 1024
"""Bytes of a line (of one frame of it, where it was redrawn) that are kept."""

_STAMP: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.(?:\d{7}Z(?: |$|(?=\r))|\d{6}Z \d\d[OE][ +])"
)
_BOM: Final = b"\xef\xbb\xbf"

# A string that never ends is no sequence: only its opening goes, and the text stays.
# No opening stands inside a string's content, so that a run of openings is read in linear time.
_ESCAPES: Final = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x90\x98\x9c-\x9f]*(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]+[0-~]"
    r"|\x1b[78=>cDEHMNOZ\\\]PX^_]"
)
_INVISIBLE: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_SHOWN: Final = frozenset("\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def bytewise(pattern: bytes) -> Any:
    """An RE2 pattern that sees bytes, whatever their encoding."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    return re2.compile(pattern, options)


_SHOWN_AS_IT_IS: Final = bytes(range(0x20, 0x7F)) + b"\t\n"
# Begun with the newline itself, RE2 leaps from one to the next: six times as fast as ``(?m)^``.
_STAMPED: Final = bytewise(rb"\n20\d\d-\d\d-\d\dT\d\d:")


def _replace(match: re.Match[str]) -> str:
    char = match[0]
    if char in _SHOWN:
        return f"<U+{ord(char):04X}>"
    return " " if char in "\x0b\x0c" else ""


def clean_text(text: str) -> str:
    """Take from decoded text (no newline, no carriage return) what a reader cannot or must not see."""
    if "\x1b" in text or not text.isascii():
        text = _ESCAPES.sub("", text)
    if text.isascii() and text.isprintable():
        return text
    return _INVISIBLE.sub(_replace, text)


def _decode(raw: bytes) -> str:
    """The bytes of one frame as clean text, cut at LIMIT; what was cut is said in the text."""
    if len(raw) <= LIMIT:
        return clean_text(raw.decode("utf-8", "replace"))
    return cut_note(raw[:LIMIT], len(raw) - LIMIT)


def cut_note(head: bytes, missing: int) -> str:
    """The clean text of a frame's first bytes, with the count of those that follow."""
    # The decoder holds back a last character that is not whole.
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text = decoder.decode(head)
    missing += len(decoder.getstate()[0])
    return f"{clean_text(text)} [{missing:,} bytes of this line cut]"


def without_stamp(raw: bytes) -> bytes:
    """The line without a byte order mark and the time stamp that GitHub (or GitLab) puts before it."""
    if (stamp := _STAMP.match(raw)) is not None:
        return raw[stamp.end() :]
    return raw.removeprefix(_BOM)


def clean_line(raw: bytes) -> str:
    """The text of one line's bytes (without its newline)."""
    raw = without_stamp(raw)
    if b"\r" not in raw:
        return _decode(raw)
    first = ""
    for frame in reversed(raw.split(b"\r")):
        text = _decode(frame)
        if text.strip():
            return text
        first = text
    return first


def is_plain(raw: bytes) -> bool:
    """Whether these lines are already what a reader may see: ASCII, no controls, no time stamps."""
    # Cheapest first: each of these passes is several times as fast as a pattern's.
    if not raw.isascii() or raw.translate(None, _SHOWN_AS_IT_IS) or has_long_line(raw):
        return False
    return _STAMPED.search(b"\n" + raw[:32]) is None and _STAMPED.search(raw) is None


def has_long_line(raw: bytes) -> bool:
    """Whether a line longer than LIMIT may stand in these bytes."""
    if len(raw) <= LIMIT:
        return False
    # A line longer than LIMIT covers one of these windows from end to end.
    half = LIMIT // 2
    return any(raw.find(b"\n", at, at + half) < 0 for at in range(0, len(raw), half))


def clean_lines(raw: bytes) -> list[str]:
    """The texts of many lines, given as bytes in which every newline ends one."""
    texts = raw.decode("ascii").split("\n") if is_plain(raw) else [clean_line(line) for line in raw.split(b"\n")]
    if not texts[-1] and (not raw or raw.endswith(b"\n")):
        texts.pop()
    return texts


class LongLine:
    """A line too long to hold: takes its bytes as they come, keeps what :func:`clean_line` would show."""

    def __init__(self) -> None:
        """Begin a line."""
        self._first = True
        self._head = bytearray()
        self._missing = 0
        self._best: str | None = None
        self._blank = ""

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the line."""
        frames = data.find(b"\r")
        if frames < 0:
            self._take(data)
            return
        self._take(data[:frames])
        self._end_frame()
        last = data.rfind(b"\r")
        self._look_back(data[frames + 1 : last])
        self._take(data[last + 1 :])

    def _take(self, data: bytes) -> None:
        # A stamp before the first frame does not count: room for it is left until the frame ends.
        room = LIMIT + 64 - len(self._head)
        self._head += data[: max(room, 0)]
        self._missing += max(len(data) - max(room, 0), 0)

    def _look_back(self, frames: bytes) -> None:
        """Find the last visible frame in whole frames."""
        while frames:
            # Blank frames are passed over without looking at each: a line may hold millions.
            seen = len(frames.rstrip(b" \t\r\x00"))
            at, end = frames.rfind(b"\r", 0, seen), frames.find(b"\r", seen)
            if (text := _decode(frames[at + 1 : end if end >= 0 else None])).strip():
                self._best = text
                return
            frames = frames[: max(at, 0)]

    def _end_frame(self) -> str:
        head = bytes(self._head)
        if self._first:
            head = without_stamp(head)
        whole = len(head) + self._missing
        text = _decode(head) if whole <= LIMIT else cut_note(head[:LIMIT], whole - LIMIT)
        if text.strip():
            self._best = text
        elif self._first:
            self._blank = text
        self._first = False
        self._head.clear()
        self._missing = 0
        return text

    def text(self) -> str:
        """The line's text, once its last byte was fed."""
        self._end_frame()
        return self._best if self._best is not None else self._blank
