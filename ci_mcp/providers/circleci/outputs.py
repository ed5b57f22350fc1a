"""The output of one step, fetched by whichever route its job's steps came from, into a temporary file."""

import json
import tempfile
from collections.abc import Iterator
from typing import IO, Final

import anyio

from ci_mcp.core.provider import Api
from ci_mcp.errors import BadAnswerError, CiError, NotFoundError
from ci_mcp.providers.circleci import ids, read
from ci_mcp.providers.circleci.steps import Action, Steps

HEAD: Final = 1 << 20
TAIL: Final = 8 << 20
MOST: Final = 16 << 20
"""An output up to this size is read whole; of a larger one `HEAD` and `TAIL` bytes are."""

_MEMORY: Final = 1 << 20  # bytes kept in memory before a file is made
_PIECE: Final = 1 << 16
_NOTHING: Final = frozenset({404, 416})  # no output, or none behind this offset
_MORE: Final = 3  # times that an ended job's unfinished stream is asked for the rest
_PAUSE: Final = 1.0
_CUT: Final = b"##[warning]CircleCI has cut this output\n"


class Output:
    """One output in a temporary file; close it."""

    def __init__(self) -> None:
        self.file: IO[bytes] = tempfile.SpooledTemporaryFile(_MEMORY)  # noqa: SIM115 - closed by its user
        self.size = 0

    def write(self, data: bytes) -> None:
        """Add bytes at the end."""
        self.file.write(data)
        self.size += len(data)

    def chunks(self) -> Iterator[bytes]:
        """Everything from the beginning, ending with a newline."""
        self.file.seek(0)
        last = b"\n"
        while data := self.file.read(_PIECE):
            last = data
            yield data
        if not last.endswith(b"\n"):
            yield b"\n"

    def start(self, size: int) -> bytes:
        """The first bytes."""
        self.file.seek(0)
        return self.file.read(size)

    def end(self, size: int) -> bytes:
        """The last bytes."""
        self.file.seek(max(0, self.size - size))
        return self.file.read()

    def close(self) -> None:
        """Let go of the file."""
        self.file.close()


async def fetch(api: Api, job: Steps, action: Action, kind: str) -> Output:
    """The output of a step; empty where there is none.

    Args:
        api: the host.
        job: whose step.
        action: the step.
        kind: ``stdout`` or ``stderr`` of v3; the other routes have both in one, which is ``stdout`` here.

    Raises:
        CiError: it cannot be had.
    """
    output = Output()
    try:
        if job.job_id:
            await _stream(api, job, action, kind, output)
        elif kind == "stdout" and action.out != 0:
            await _old(api, job, action, output)
    except BaseException:
        output.close()
        raise
    return output


async def _stream(api: Api, job: Steps, action: Action, kind: str, output: Output) -> None:
    """Route: GET /api/v3/jobs/{id}/stdout and /stderr."""
    size = action.out if kind == "stdout" else action.err
    if size == 0:
        return
    if size is not None and size > MOST:
        await _piece(api, job, action, kind, output, most=HEAD)
        left_out = size - HEAD - TAIL
        output.write(f"\n##[warning]{left_out:,} bytes of {size:,} are left out here\n".encode())
        await _piece(api, job, action, kind, output, offset=size - TAIL, total=size)
        return
    got, complete = await _piece(api, job, action, kind, output)
    for _ in range(_MORE):
        if complete or not job.status.finished:
            return
        await anyio.sleep(_PAUSE)
        more, complete = await _piece(api, job, action, kind, output, offset=got)
        got += more


async def _piece(
    api: Api, job: Steps, action: Action, kind: str, output: Output, offset: int = 0, most: int = 0, total: int = 0
) -> tuple[int, bool]:
    """Part of a stream: how many bytes it gave, and whether the stream is complete."""
    params = {"filter[execution]": action.node, "filter[step_num]": action.number}
    headers = {"Range": f"bytes={offset}-"} if offset else {}
    got = 0
    try:
        async with api.stream(f"{read.V3}/jobs/{job.job_id}/{kind}", params, headers=headers) as body:
            skip = offset if came_whole(body.status, body.headers.get("content-length", ""), offset, total) else 0
            async for chunk in body:
                data = chunk[skip:]
                skip = max(0, skip - len(chunk))
                output.write(data[: most - got] if most else data)
                got += len(data)
                if most and got >= most:
                    break
            return got, body.headers.get("x-terminal", "true").lower() == "true"
    except CiError as error:
        if error.status in _NOTHING:
            return got, True
        raise


def came_whole(status: int, length: str, offset: int, total: int) -> bool:
    """Whether a range was asked for and the whole came."""
    return bool(offset) and status == 200 and bool(total) and length == str(total)  # noqa: PLR2004 - not 206


async def _old(api: Api, job: Steps, action: Action, output: Output) -> None:
    """Route: the ``output_url`` of v1.1; where that fails or is absent, and the settings allow it, the private one."""
    problem: CiError = NotFoundError("CircleCI names no place for this output", "open the job in a browser")
    if action.url:
        try:
            return _messages((await api.get(action.url, foreign=True)).text, action, output)
        except CiError as error:
            problem = error
    if not read.settings_allow_private(api):
        raise problem
    path = f"{read.PRIVATE}/output/raw/{ids.path(job.project)}/{job.number}"
    for kind in ("output", "error"):
        async with api.stream(f"{path}/{kind}/{action.node}/{action.number}") as body:
            async for chunk in body:
                output.write(chunk)
    return None


def _messages(body: str, action: Action, output: Output) -> None:
    """The messages of v1.1 in the order of their times; they are pieces of a text, not lines."""
    try:
        found = json.loads(body) if body.strip() else None
    except ValueError as error:
        raise BadAnswerError("CircleCI's output is not the JSON it should be", "try again later") from error
    messages = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    times = [one.get("time") for one in messages]
    if all(isinstance(time, str) for time in times):
        messages.sort(key=lambda one: str(one["time"]))
    for one in messages:
        if isinstance(one.get("message"), str):
            output.write(one["message"].encode("utf-8", "replace"))
    if action.cut or any(one.get("truncated") is True for one in messages):
        output.write(b"\n" + _CUT)
