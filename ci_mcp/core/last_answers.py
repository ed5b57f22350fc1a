"""Holds the end of stdin back for the answers that are nearly there.

The SDK cancels every call as soon as stdin ends, so a script that pipes its questions in would get some of the
answers, by chance.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final, Self

import anyio

GRACE_SECONDS: Final = 1.0
"""A client that waits for the process to end must not wait long for what it no longer wants."""

Refuse = Callable[[Exception], Awaitable[None]]


class Unanswered:
    """The requests of a client that have no answer yet."""

    def __init__(self) -> None:
        """None so far."""
        self._ids: set[Any] = set()
        self._less = anyio.Event()

    def asked(self, message: Any) -> None:
        """Note what came: a request, or that one is not wanted any more."""
        method, request = getattr(message, "method", None), getattr(message, "id", None)
        if method and request is not None:
            self._ids.add(request)
        elif method == "notifications/cancelled":
            self._forget((message.params or {}).get("requestId"))

    def answered(self, message: Any) -> None:
        """Note what went: an answer, or something else."""
        if getattr(message, "method", None) is None:
            self._forget(getattr(message, "id", None))

    def _forget(self, request: Any) -> None:
        self._ids.discard(request)
        self._less.set()

    async def none(self) -> None:
        """Wait until there are none, at most `GRACE_SECONDS`."""
        with anyio.move_on_after(GRACE_SECONDS):
            while self._ids:
                self._less = anyio.Event()
                await self._less.wait()


class Questions:
    """A stream of the SDK to read from, whose end waits for the answers."""

    def __init__(self, stream: Any, unanswered: Unanswered, refuse: Refuse | None = None) -> None:
        """Over a stream; ``refuse`` is told of what came and could not be read."""
        self._stream, self._unanswered, self._refuse = stream, unanswered, refuse

    async def receive(self) -> Any:
        """The next message, or an error in the place of one; raises what the stream raises at its end."""
        try:
            item = await self._stream.receive()
        except anyio.EndOfStream:
            await self._unanswered.none()
            raise
        if self._refuse and isinstance(item, Exception):
            await self._refuse(item)
        self._unanswered.asked(getattr(item, "message", None))
        return item

    async def aclose(self) -> None:
        """Close the stream."""
        await self._stream.aclose()

    def __aiter__(self) -> Self:
        """Itself."""
        return self

    async def __anext__(self) -> Any:
        """The next message."""
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def __aenter__(self) -> Self:
        """Itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the stream."""
        await self.aclose()


class Answers:
    """A stream of the SDK to write to, which notes what was answered."""

    def __init__(self, stream: Any, unanswered: Unanswered) -> None:
        """Over a stream."""
        self._stream, self._unanswered = stream, unanswered

    async def send(self, item: Any, /) -> None:
        """Send a message."""
        await self._stream.send(item)
        self._unanswered.answered(item.message)

    async def aclose(self) -> None:
        """Close the stream."""
        await self._stream.aclose()

    async def __aenter__(self) -> Self:
        """Itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the stream."""
        await self.aclose()
