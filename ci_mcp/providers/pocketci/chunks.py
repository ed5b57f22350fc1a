"""A body of tasks, taken apart while it comes: the log in pieces, the rest as JSON.

One log of 25 MB is 125,000 pieces of JSON; held as a whole it would take many times its size.
"""

import codecs
import json
import re
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any, Final

from ci_mcp.errors import BadAnswerError

# Inside of a JSON text every quote is escaped, so this can only be a key.
_LOGS: Final = re.compile(r'"logs"\s*:\s*\[')
_BETWEEN: Final = re.compile(r"[\s,]*")
_TAIL: Final = 64  # characters that may be the beginning of the key
_REST_MAX: Final = 32 << 20  # characters of a body without its logs
_PIECE_MAX: Final = 64 << 20  # characters of one piece of log


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a log: which stream it came from (``stdout``, ``stderr``), and its text."""

    stream: str
    text: str


class Splitter:
    """Takes a body in chunks; gives the pieces of its logs, and keeps the rest."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._json = json.JSONDecoder()
        self._rest: list[str] = []
        self._kept = 0
        self._buffer = ""
        self._inside = False
        self._wait = 0

    def feed(self, data: bytes, *, final: bool = False) -> Iterator[Piece]:
        """The pieces that are whole now.

        Raises:
            BadAnswerError: it is not JSON, or far too much of it.
        """
        self._buffer += self._decoder.decode(data, final)
        if self._inside and len(self._buffer) < self._wait and not final:
            return
        while True:
            if not self._inside:
                found = _LOGS.search(self._buffer)
                if found is None:
                    break
                self._keep(found.end())
                self._inside = True
            yield from self._pieces()
            if self._inside:
                return
        self._keep(len(self._buffer) if final else max(0, len(self._buffer) - _TAIL))

    def rest(self) -> Any:
        """The body without its logs, which are empty lists in it; call it after the last chunk.

        Raises:
            BadAnswerError: it is not JSON.
        """
        try:
            return json.loads("".join(self._rest))
        except (ValueError, RecursionError):
            raise _nonsense() from None

    def _keep(self, end: int) -> None:
        self._kept += end
        if self._kept > _REST_MAX:
            raise BadAnswerError("the server answered with far too many tasks", "ask for one run or task")
        self._rest.append(self._buffer[:end])
        self._buffer = self._buffer[end:]

    def _pieces(self) -> Iterator[Piece]:
        at = 0
        while True:
            at = _end(_BETWEEN, self._buffer, at)
            if self._buffer[at : at + 1] == "]":
                self._inside, self._wait = False, 0
                break
            try:
                value, at = self._json.raw_decode(self._buffer, at)
            except (ValueError, RecursionError):
                # A long piece comes in many chunks: it is tried again when there is twice as much of it.
                self._wait = 2 * (len(self._buffer) - at)
                if self._wait > _PIECE_MAX:
                    raise _nonsense() from None
                break
            if isinstance(value, dict) and isinstance(value.get("content"), str):
                yield Piece(str(value.get("type") or ""), value["content"])
        self._buffer = self._buffer[at:]


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at


def _nonsense() -> BadAnswerError:
    return BadAnswerError("the server answered something that is not a list of tasks", "is the host right?")


async def split(body: AsyncIterable[bytes], splitter: Splitter) -> AsyncIterator[Piece]:
    """The pieces of every log of a body; the splitter has the rest of it afterwards."""
    async for chunk in body:
        for piece in splitter.feed(chunk):
            yield piece
    for piece in splitter.feed(b"", final=True):
        yield piece
