"""Answers as they come in: read within bounds and in time, and what went wrong with them."""

import codecs
import json
import logging
import math
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import Any, Final

import anyio
import httpx

from ci_mcp.auth.redact import redact
from ci_mcp.errors import BadAnswerError, CiError, TimedOutError
from ci_mcp.net import body, retry
from ci_mcp.net.failures import Asked, broken, refusal

Enough = Callable[[bytes | bytearray], bool]

BODY_MAX: Final = 64 << 20
ERROR_MAX: Final = 64 << 10
BROKEN: Final = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, httpx.CookieConflict)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with a status below 300; see `ci_mcp.core.provider.Reply`."""

    status: int
    headers: Mapping[str, str]
    text: str
    asked: Asked

    def json(self) -> Any:
        """The body read as JSON, whatever its content type.

        Raises:
            BadAnswerError: it is not JSON.
        """
        try:
            return json.loads(self.text.removeprefix("\ufeff"))
        except (ValueError, RecursionError) as error:
            raise BadAnswerError(
                f"{self.asked.host} answered {self.asked.what} with something that is not JSON",
                "is the host right?",
                status=self.status,
                body=redact(self.text[:ERROR_MAX]),
            ) from error


class Failed(Exception):  # noqa: N818 - never leaves this room
    """One attempt failed: with what, whether another may do better, and after how long."""

    def __init__(self, error: CiError, *, passing: bool, wait: float | None = None) -> None:
        """Take what the retry loop decides by."""
        super().__init__()
        self.error, self.passing, self.wait = error, passing, wait


@contextmanager
def in_time(asked: Asked) -> Generator[None]:
    """End just before the caller's deadline, with an error that says who was too slow."""
    deadline = anyio.current_effective_deadline()
    left = deadline - anyio.current_time()
    if math.isinf(left):  # there is no deadline, or the call is already canceled
        yield
        return
    with anyio.CancelScope(deadline=deadline - min(0.25, 0.1 * max(left, 0.0))) as scope:
        yield
    if scope.cancelled_caught:
        raise TimedOutError(f"{asked.host} did not answer {asked.what} in the {left:.0f} s left", "allow more time")


async def chunks(response: httpx.Response, asked: Asked) -> AsyncGenerator[bytes, None]:
    """The body in pieces, each within the caller's time; one that breaks off is not made again."""
    async with aclosing(body.decoded(response.aiter_raw(), response.headers.get("content-encoding", ""))) as pieces:
        while True:
            try:
                with in_time(asked):
                    piece = await anext(pieces, None)
            except BROKEN as error:
                raise broken(asked, error) from error
            if piece is None:
                return
            yield piece


async def read(response: httpx.Response, asked: Asked, enough: Enough | None) -> bytes:
    """The whole body, or as much as is enough; an attempt that breaks off in it may be made again."""
    data = bytearray()
    try:
        async with aclosing(body.decoded(response.aiter_raw(), response.headers.get("content-encoding", ""))) as pieces:
            async for piece in pieces:
                data += piece
                if len(data) > BODY_MAX:
                    raise BadAnswerError(f"{asked.host} answered {asked.what} with more than 64 MB", "ask for less")
                if enough is not None and enough(data):
                    break
    except httpx.HTTPError as error:
        raise Failed(broken(asked, error), passing=retry.worth(error)) from error
    return bytes(data)


async def refused(response: httpx.Response, asked: Asked) -> Failed:
    """What a status that is no success means; its body may be damaged, too."""
    data = bytearray()
    try:
        async with aclosing(body.decoded(response.aiter_raw(), response.headers.get("content-encoding", ""))) as pieces:
            async for piece in pieces:
                data += piece
                if len(data) >= ERROR_MAX:
                    break
    except (httpx.HTTPError, BadAnswerError):
        _log.debug("%s: the body of this error is damaged", asked.host)
    finally:
        await close(response)
    said = text_of(bytes(data[:ERROR_MAX]), response.charset_encoding)
    status = response.status_code
    wait = retry.told(response.headers, said) if retry.again(status) else None
    return Failed(refusal(asked, status, said, retry_after=wait), passing=retry.again(status), wait=wait)


async def close(response: httpx.Response) -> None:
    """Let go of the connection, also while the call is being canceled."""
    with anyio.CancelScope(shield=True):
        await response.aclose()


def text_of(data: bytes, charset: str | None) -> str:
    """A body as text, in the charset it claims where there is one of that name."""
    try:
        codecs.lookup(charset or "utf-8")
        return data.decode(charset or "utf-8", "replace")
    except (LookupError, ValueError):
        return data.decode("utf-8", "replace")
