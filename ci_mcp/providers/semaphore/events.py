"""A job's log events, read as they arrive, and written as text in GitHub's notation.

Semaphore sends one JSON document of up to 16 MB. It is decoded an event at a time, so that a
log costs memory for one chunk, not for a hundred thousand dictionaries.
"""

import codecs
import json
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from ci_mcp.errors import BadAnswerError

TRIMMED: Final = "Content of the log is bigger than 16MB. Log is trimmed."
_LONGEST_HEAD: Final = 1000  # characters before the first event
_LONGEST_EVENT: Final = 32 * 1024 * 1024  # a whole log is at most 16 MB
_BETWEEN: Final = " \t\r\n,"


@dataclass(slots=True)
class _Events:
    """A decoder that is fed text and gives the events that are whole."""

    decoder: json.JSONDecoder = field(default_factory=json.JSONDecoder)
    buffer: str = ""
    inside: bool = False
    ended: bool = False
    wanted: int = 0  # not tried again before the buffer is this long: a long event stays linear

    def feed(self, text: str) -> Iterator[dict[str, Any]]:
        self.buffer += text
        if not self.inside:
            self._enter()
        if self.inside and not self.ended and len(self.buffer) >= self.wanted:
            yield from self._whole()

    def _enter(self) -> None:
        at = self.buffer.find('"events"')
        start = self.buffer.find("[", at) if at >= 0 else -1
        if start >= 0:
            self.inside, self.buffer = True, self.buffer[start + 1 :]
        elif len(self.buffer) > _LONGEST_HEAD:
            raise _nonsense()

    def _whole(self) -> Iterator[dict[str, Any]]:
        at = 0
        while True:
            at = _skip(self.buffer, at)
            if self.buffer[at : at + 1] == "]":
                self.ended = True
                break
            try:
                event, end = self.decoder.raw_decode(self.buffer, at)
            except (ValueError, RecursionError):
                if len(self.buffer) - at > _LONGEST_EVENT:
                    raise _nonsense() from None
                break
            at = end
            if isinstance(event, dict):
                yield event
        self.buffer = self.buffer[at:]
        self.wanted = 2 * len(self.buffer)


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _BETWEEN:
        at += 1
    return at


def _nonsense() -> BadAnswerError:
    return BadAnswerError("Semaphore's log is not the JSON it should be", "try again, or open the job in a browser")


async def decode(chunks: AsyncIterable[bytes]) -> AsyncIterator[dict[str, Any]]:
    """The events of a log document that comes in chunks.

    Raises:
        BadAnswerError: the document is something else, or ends in the middle.
    """
    utf8 = codecs.getincrementaldecoder("utf-8")("replace")
    events = _Events()
    async for chunk in chunks:
        for event in events.feed(utf8.decode(chunk)):
            yield event
    events.wanted = 0
    for event in events.feed(utf8.decode(b"", final=True)):
        yield event
    if not events.ended:
        raise _nonsense()


async def as_text(events: AsyncIterable[dict[str, Any]]) -> AsyncIterator[bytes]:
    """The log as text: every command is a group, a failed one ends with GitHub's error line."""
    fresh = True  # the text so far ends with a newline
    open_group = False
    async for event in events:
        kind = str(event.get("event"))
        if kind == "cmd_output":
            output = event.get("output")
            if isinstance(output, str) and output:
                fresh = output.endswith("\n")
                yield output.encode("utf-8", "replace")
        elif kind in {"cmd_started", "cmd_finished", "job_finished"}:
            lines = "" if fresh else "\n"
            fresh = True
            if kind in {"cmd_started", "job_finished"}:
                lines += "##[endgroup]\n" if open_group else ""
                open_group = kind == "cmd_started"
            lines += _marks(event)
            if kind == "cmd_finished" and open_group:
                lines += "##[endgroup]\n"
                open_group = False
            if lines:
                yield lines.encode("utf-8", "replace")
    if not fresh:
        yield b"\n"


def _marks(event: dict[str, Any]) -> str:
    if event.get("event") == "cmd_started":
        directive = str(event.get("directive") or "").strip("\r\n") or "command"
        head, _, rest = directive.partition("\n")
        return f"##[group]{head}\n" + (f"{rest}\n" if rest else "")
    if event.get("event") == "cmd_finished":
        code = event.get("exit_code")
        return f"##[error]Process completed with exit code {code}.\n" if isinstance(code, int) and code else ""
    result = str(event.get("result") or "")
    return f"Job {result}.\n" if result else ""
