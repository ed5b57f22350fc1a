"""Bodies of MCP's Streamable HTTP: one JSON value, or an event stream of them (server-sent events)."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

Message = Mapping[str, Any]

_LINE: Final = re.compile(r"\r\n|\r|\n")
_BLANK: Final = re.compile(rb"(?>\r\n|\r|\n){2}")


def answers(text: str, number: int) -> Iterator[Message]:
    """The JSON-RPC answers in a body to the request of that number; an error that names no request is one, too."""
    for message in _messages(text):
        named = message.get("id")
        if ("result" in message and named == number) or ("error" in message and named in {number, None}):
            yield message


def _messages(text: str) -> Iterator[Message]:
    text = text.removeprefix("\ufeff")
    for data in [text] if text[:64].lstrip().startswith(("{", "[")) else events(text):
        try:
            value = json.loads(data)
        except (ValueError, RecursionError):
            continue
        yield from (one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict))


def events(text: str) -> Iterator[str]:
    """The data of each event; that of one which the stream broke off in is given too, as it may be whole."""
    lines: list[str] = []
    for line in [*_LINE.split(text), ""]:
        name, _, value = line.partition(":")
        if name == "data":
            lines.append(value.removeprefix(" "))
        elif not line and lines:
            yield "\n".join(lines)
            lines = []


class Awaited:
    """Says of a body that grows whether the answer to a request is in it: a server need not close the stream then."""

    def __init__(self, number: int) -> None:
        """Wait for the answer to the request of that number."""
        self._number = number
        self._begin = self._seen = 0  # where the first event that is not whole begins, and how far was looked

    def __call__(self, body: bytes | bytearray) -> bool:
        """Whether the answer is among the events that are whole; each byte is looked at once."""
        if len(body) < self._seen:  # another attempt
            self._begin = self._seen = 0
        start = max(self._begin, self._seen - 3)
        self._seen = len(body)
        if body.find(b"\n", start) < 0 and body.find(b"\r", start) < 0:  # far faster than the search below
            return False
        ends = [found.end() for found in _BLANK.finditer(body, start)]
        if not ends or body[:64].lstrip().startswith((b"{", b"[")):
            return False
        part = body[self._begin : ends[-1]].decode("utf-8", "replace")
        self._begin = ends[-1]
        return any(answers(part, self._number))
