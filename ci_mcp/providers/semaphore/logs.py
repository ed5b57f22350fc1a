"""A job's log as text, from the hosted service, a self-hosted agent, or the artifact of a trimmed one."""

import zlib
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

from ci_mcp.core.provider import Api
from ci_mcp.errors import AuthError, CiError, NotFoundError
from ci_mcp.logs.store import UNSETTLED
from ci_mcp.providers.semaphore import events, read, reasons

_OVERLAP: Final = 64 * 1024  # shown twice rather than not at all: the two texts need not be alike byte by byte
_GZIP: Final = b"\x1f\x8b"
_MOST: Final = 1 << 30  # bytes of an artifact's text
_REFUSED: Final = frozenset({401, 403, 404})  # what is refused so today is refused tomorrow


async def log(api: Api, job: str) -> AsyncIterator[bytes]:
    """The log of a job in GitHub's notation; where there is none, the one line is Semaphore's reason for that.

    A self-hosted job's log is behind a redirect to the same host, which the Api follows.
    Of a log trimmed at 16 MB the rest is read from the job's artifact, where its agent kept one.
    One that may be more than this a little later is marked as `UNSETTLED`.

    Route: GET /logs/:job_id, GET /logs/:job_id?artifact_job_logs=true.

    Raises:
        NotFoundError: there is no such job, or none that the token may see.
        PermissionDeniedError: the token may not read logs.
    """
    seen = _Seen()
    with read.explained(api, "job", job):
        try:
            async with api.stream(f"{read.BASE}/logs/{job}") as chunks:
                async for text in events.as_text(seen.watch(events.decode(chunks))):
                    yield text
        except NotFoundError as error:
            reason = diagnosis(error)
            if not reason:
                raise
            yield f"##[error]{reason}\n".encode()
            if step := reasons.advice(reason):
                yield f"What to do: {step}\n".encode()
            seen.ended = "not found" not in reason  # a log is on its way from the agent to the archive for a while
    if seen.trimmed:
        async for text in _rest(api, job, max(0, seen.size - _OVERLAP)):
            yield text
    elif not seen.ended:
        yield UNSETTLED


def diagnosis(error: NotFoundError) -> str:
    """Why there is no log: a 404 whose body is a JSON string says it, plain text means no access."""
    body = error.body.strip()
    quoted = len(body) > 2 and body[0] == body[-1] == '"' and not body.startswith('"Job with id')  # noqa: PLR2004 - the two quotes
    return " ".join(body[1:-1].replace('\\"', '"').split()) if quoted else ""


@dataclass(slots=True)
class _Seen:
    """How much of a log has gone by, whether Semaphore cut it, and whether it had its last event."""

    size: int = 0
    trimmed: bool = False
    ended: bool = False

    async def watch(self, found: AsyncIterable[dict[str, Any]]) -> AsyncIterator[dict[str, Any]]:
        async for event in found:
            for key in ("directive", "output"):
                text = event.get(key)
                if isinstance(text, str) and event.get("event") != "cmd_finished":
                    self.size += len(text.encode("utf-8", "replace")) + (key == "directive")
                    self.trimmed = self.trimmed or events.TRIMMED in text
            self.ended = self.ended or event.get("event") == "job_finished"
            yield event


async def _rest(api: Api, job: str, skip: int) -> AsyncIterator[bytes]:
    try:
        async with api.stream(f"{read.BASE}/logs/{job}", {"artifact_job_logs": "true"}, foreign=True) as chunks:
            yield b"##[group]The rest, from the job's artifact agent/job_logs.txt\n"
            fresh = True
            async for text in _from_line(_unpacked(chunks), skip):
                fresh = text.endswith(b"\n")
                yield text
            yield b"##[endgroup]\n" if fresh else b"\n##[endgroup]\n"
    except (AuthError, CiError) as error:
        yield f"##[warning]the rest of the log is not to be had: {_short(error)}\n".encode()
        if error.status not in _REFUSED:
            yield UNSETTLED


def _short(error: CiError) -> str:
    if error.status in {401, 403}:
        return "the token may not read artifacts, or the organization has no artifacts API"
    return "its agent kept no agent/job_logs.txt" if error.status == 404 else error.message  # noqa: PLR2004 - the HTTP status


async def _unpacked(chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    # The file may be called .txt and be packed, or come unpacked by the transport: its first bytes tell.
    head, unzip, given = b"", None, 0
    async for raw in chunks:
        chunk, head = head + raw, b""
        if not given and unzip is None:
            if len(chunk) < len(_GZIP):
                head = chunk
                continue
            unzip = zlib.decompressobj(wbits=31) if chunk.startswith(_GZIP) else None
        while chunk and given < _MOST:
            try:
                text = unzip.decompress(chunk, 1 << 20) if unzip else chunk
            except zlib.error:
                return
            given += len(text)
            if text:
                yield text
            chunk = unzip.unconsumed_tail if unzip else b""
    if head:
        yield head


async def _from_line(chunks: AsyncIterable[bytes], skip: int) -> AsyncIterator[bytes]:
    inside = skip == 0
    async for text in chunks:
        if inside:
            yield text
            continue
        if skip >= len(text):
            skip -= len(text)
            continue
        at = text.find(b"\n", skip)
        skip = 0
        if at >= 0:
            inside = True
            yield text[at + 1 :]
