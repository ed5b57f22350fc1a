"""Artifacts of a job: listed, and one of them read."""

import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import anyio.to_thread
from pydantic import Field

from ci_mcp.core.fence import fence
from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Cursor, Limit, Page, Prose
from ci_mcp.errors import NotFoundError, UsageError
from ci_mcp.providers.circleci import ids, read, wire
from ci_mcp.providers.circleci.jobs import InProject, JobName
from ci_mcp.providers.circleci.outputs import Output
from ci_mcp.providers.circleci.provider import provider
from ci_mcp.providers.circleci.records import JobArtifact
from ci_mcp.providers.circleci.wire import Json, text

_INLINE: Final = 12_000  # bytes of text that an answer holds
_MOST: Final = 256 << 20
_NONE: Final = "no artifacts: the job has no store_artifacts step, or they have expired"
_ODD: Final = re.compile(r"[^A-Za-z0-9._-]+")


@provider.read()
async def artifacts_list(
    api: Api,
    job: JobName,
    project: InProject = "",
    path: Annotated[str, Field(max_length=1000, description="Read this one: its path, as listed")] = "",
    limit: Limit = 50,
    cursor: Cursor = "",
) -> Page[JobArtifact] | Prose:
    """Artifacts of a job; with a path that one's content, where it is short text, else the file it was saved to.

    Route: GET /api/v2/project/{slug}/{number}/artifacts, then the artifact's own address.
    Raises: NotFoundError: there is no such job or artifact, or none that the token may see.
    """
    there, named = await read.find_job(api, job, project)
    if not named.job:
        raise UsageError(f"job {named.job_id} has not started, so it has no artifacts", "wait until it has run")
    route = f"{read.V2}/project/{ids.path(named.project)}/{named.job}/artifacts"
    with read.explained(there, "job", f"{named.project}/{named.job}"):
        found = await read.every(there, route, "artifacts", most_pages=20)
    if path:
        return await _read(there, _chosen(found, path))
    items = [_listed(raw) for raw in found]
    return await read.listed(items, cursor=cursor, limit=limit, note="" if items else _NONE)


def _listed(raw: Json) -> JobArtifact:
    return JobArtifact(path=text(raw, "path"), node=wire.whole(raw, "node_index") or None)


def _chosen(found: Sequence[Json], path: str) -> Json:
    """The artifact of that path; of the same on several parallel runs the first, or ``NODE:PATH``."""
    node, _, rest = path.partition(":")
    for raw in found:
        if text(raw, "path") == path:
            return raw
        if node.isdecimal() and rest == text(raw, "path") and int(node) == (wire.whole(raw, "node_index") or 0):
            return raw
    raise NotFoundError(f"this job has no artifact {path[:100]!r}", "list them without path")


async def _read(api: Api, raw: Json) -> Prose:
    """The artifact's text, or where it was saved; the token goes to CircleCI's own hosts only, never to a storage."""
    name = text(raw, "path")
    output = Output()
    try:
        async with api.stream(text(raw, "url"), foreign=True) as body:
            async for chunk in body:
                output.write(chunk)
                if output.size > _MOST:
                    break
        shown = _as_text(output.end(_INLINE)) if output.size <= _INLINE else None
        if shown is not None:
            return Prose(f"{name}, {output.size:,} bytes\n{fence(shown, 'artifact')}", {"path": name, "text": shown})
        file = await anyio.to_thread.run_sync(_save, output, name)
    finally:
        output.close()
    cut = f", cut at {_MOST:,}" if output.size > _MOST else ""
    said = f"{name}, {output.size:,} bytes{cut}, saved to {file}"
    return Prose(said, {"path": name, "size": output.size, "file": file})


def _save(output: Output, name: str) -> str:
    """Keep the bytes in a folder of their own, which only this person can read."""
    file = Path(tempfile.mkdtemp(prefix="ci-mcp-")) / (_ODD.sub("_", name.rpartition("/")[2]).lstrip(".") or "artifact")
    output.file.seek(0)
    with file.open("wb") as saved:
        shutil.copyfileobj(output.file, saved)
    return str(file)


def _as_text(data: bytes) -> str | None:
    try:
        shown = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if "\0" in shown else shown
