"""Bodies in small pieces, decoded here: a decoder that gives all it has at once can be made to fill the memory."""

import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Self

from ci_mcp.errors import BadAnswerError

PIECE: Final = 256 * 1024
"""Most bytes in one piece, whatever a few compressed bytes stand for."""
ACCEPTED: Final = "gzip, deflate"


@dataclass(frozen=True, slots=True)
class Body:
    """A body as it comes; see `ci_mcp.core.provider.Body`."""

    status: int
    headers: Mapping[str, str]
    pieces: AsyncIterator[bytes]

    def __aiter__(self) -> Self:
        """Itself."""
        return self

    async def __anext__(self) -> bytes:
        """The next piece."""
        return await anext(self.pieces)


class Inflater:
    """Decodes gzip (several members too) and deflate, at most `PIECE` bytes at a time."""

    def __init__(self) -> None:
        """Begin a body."""
        self._engine = zlib.decompressobj(zlib.MAX_WBITS | 32)
        self._begun = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The pieces that these bytes stand for.

        Raises:
            zlib.error: they are not what they say.
        """
        while data:
            if self._engine.eof:
                if not data.strip(b"\0"):  # padding after the last member
                    return
                self._engine = zlib.decompressobj(zlib.MAX_WBITS | 32)
            piece = self._inflate(data)
            self._begun = True
            if piece:
                yield piece
            data = self._engine.unconsumed_tail or self._engine.unused_data

    def rest(self) -> bytes:
        """What was still held back when the last byte came."""
        return self._engine.flush() if self._begun and not self._engine.eof else b""

    def _inflate(self, data: bytes) -> bytes:
        try:
            return self._engine.decompress(data, PIECE)
        except zlib.error:
            if self._begun:
                raise
            # Some servers say deflate and mean it without the zlib header.
            self._engine = zlib.decompressobj(-zlib.MAX_WBITS)
            return self._engine.decompress(data, PIECE)


async def decoded(raw: AsyncIterator[bytes], encoding: str) -> AsyncGenerator[bytes, None]:
    """The pieces of a body.

    Args:
        raw: the bytes as they came.
        encoding: the ``Content-Encoding``.

    Raises:
        BadAnswerError: it is encoded in a way that was not asked for, or is damaged.
    """
    names = [name.strip().lower() for name in encoding.split(",") if name.strip().lower() not in {"", "identity"}]
    if not names:
        async for data in raw:
            yield data
        return
    # One inside another multiplies: a thousand times a thousand.
    if len(names) > 1 or names[0] not in {"gzip", "x-gzip", "deflate"}:
        raise BadAnswerError(f"the answer is encoded as {encoding[:40]!r}, which was not asked for")
    inflater = Inflater()
    async for data in raw:
        try:
            for piece in inflater.feed(data):
                yield piece
        except zlib.error as error:
            raise BadAnswerError("the answer's compression is damaged", "try again") from error
    if rest := inflater.rest():
        yield rest
