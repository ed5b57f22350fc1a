"""A job's log as raw bytes: all of it, or its end alone.

Buildkite gives suffixes only: ``bytes=-N`` with ``Accept: text/plain``; 206 answers it, 416 where the log is empty.
Its markers stay in: the log engine reads them.
"""

import re
from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import Final

from ci_mcp.core.provider import Api, Body
from ci_mcp.errors import BadAnswerError, UsageError
from ci_mcp.logs.clean import Log
from ci_mcp.providers.buildkite import read
from ci_mcp.providers.buildkite.ids import Named

END: Final = 256 * 1000
"""Bytes that are read for the last lines of a log."""
WHOLE: Final = 16 << 20
"""Bytes up to which a log is read whole to explain it."""

_PLAIN: Final = {"Accept": "text/plain"}
_RANGE: Final = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
_NOTE: Final = b"[ci-mcp] "
_EMPTY: Final = 416
_NO_RANGE: Final = 400


async def log(api: Api, log_id: str) -> AsyncIterator[bytes]:
    """A log of up to 16 MB whole, of a longer one the last 16 MB after a line that says so; one request.

    Route: GET /v2/organizations/{org}/jobs/{id}/log.

    Raises:
        NotFoundError: there is no such log yet, or none that the token may see.
        PermissionDeniedError: the token may not read logs.
    """
    async for chunk in end(api, log_id, WHOLE):
        yield chunk


async def end(api: Api, log_id: str, size: int) -> AsyncIterator[bytes]:
    """The last ``size`` bytes of a log from a line's beginning on, after a line that says what is missing."""
    try:
        async for chunk in _stream(api, log_id, {"Range": f"bytes=-{size}"}):
            yield chunk
    except BadAnswerError as error:
        if error.status != _EMPTY:
            raise
    except UsageError as error:
        if error.status != _NO_RANGE:
            raise
        async for chunk in everything(api, log_id):  # whoever stands in between did not let the range through
            yield chunk


async def everything(api: Api, log_id: str) -> AsyncIterator[bytes]:
    """The whole log, however long; one request."""
    async for chunk in _stream(api, log_id, {}):
        yield chunk


async def _stream(api: Api, log_id: str, headers: Mapping[str, str]) -> AsyncIterator[bytes]:
    organization, _, job = log_id.partition("/")
    named = Named(organization=organization, job=job)
    with read.explained(f"log of job {job}", "read_build_logs"):
        async with api.stream(f"{read.BASE}{named.job_path}/log", headers={**_PLAIN, **headers}) as body:
            async for chunk in _from_line(body):
                yield chunk


async def _from_line(body: Body) -> AsyncIterator[bytes]:
    """The body; where it is a part, from the first line that begins in it."""
    first, total = _where(body)
    inside = not first
    async for chunk in body:
        data = chunk
        if not inside:
            at = data.find(b"\n")
            first += len(data) if at < 0 else at + 1
            if at < 0:
                continue
            inside, data = True, data[at + 1 :]
            whole = f" of {total:,}" if total else ""
            yield _NOTE + f"the first {first:,}{whole} bytes of this log are left out\n".encode()
        if data:
            yield data


def _where(body: Body) -> tuple[int, int]:
    """At which byte a part begins, and how long the whole is; zeros where it is the whole."""
    found = _RANGE.fullmatch(body.headers.get("content-range", "").strip())
    if body.status != 206 or found is None:  # noqa: PLR2004 - the HTTP status
        return 0, 0
    return int(found[1]), int(found[3]) if found[3].isdecimal() else 0


def left_out(kept: Log) -> str:
    """What a part says of what is missing before it; empty for a whole log."""
    head = kept.read(0, 200)
    return head.partition(b"\n")[0][len(_NOTE) :].decode("utf-8", "replace") if head.startswith(_NOTE) else ""


async def view_of(api: Api, log_id: str, *, finished: bool, whole: bool, ending: bool) -> Log:
    """The log that answers a question: what is kept where it will do, else no more than is needed.

    Args:
        api: whom to ask.
        log_id: organization and job.
        finished: whether it can still grow.
        whole: every line is needed, however long it is: to search, or to read from a line on.
        ending: its last lines are enough.

    Raises:
        CiError: what `log` raises.
    """
    key = f"{api.host} {log_id}"
    if ending:
        kept = api.store.kept(key, finished=finished)
        return kept or await api.store.log(f"{key} end", partial(end, api, log_id, END), finished=finished)
    if whole and (kept := api.store.kept(f"{key} whole", finished=finished)):
        return kept
    found = await api.store.log(key, partial(log, api, log_id), finished=finished)
    if not whole or not left_out(found):
        return found
    found.close()
    return await api.store.log(f"{key} whole", partial(everything, api, log_id), finished=finished)
