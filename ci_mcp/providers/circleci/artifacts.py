"""Artifacts of a job: listed, and one of them read."""

from collections.abc import Sequence
from typing import Annotated, Final

from pydantic import Field

from ci_mcp.core import files
from ci_mcp.core.fence import fence
from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Cursor, Limit, Page, Prose
from ci_mcp.errors import NotFoundError, UsageError
from ci_mcp.providers.circleci import ids, read, wire
from ci_mcp.providers.circleci.jobs import InProject, JobName
from ci_mcp.providers.circleci.provider import provider
from ci_mcp.providers.circleci.records import JobArtifact
from ci_mcp.providers.circleci.wire import Json, text

_INLINE: Final = 12_000  # bytes of text that an answer holds
_NONE: Final = "no artifacts: the job has no store_artifacts step, or they have expired"


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
    name, url = text(raw, "path"), text(raw, "url")
    async with api.stream(url, foreign=True) as body:
        head, ended = await files.beginning(body, _INLINE)
        shown = _as_text(head) if ended else None
        if shown is not None:
            return Prose(f"{name}, {len(head):,} bytes\n{fence(shown, 'artifact')}", {"path": name, "text": shown})
        saved = await api.store.file(f"{api.host} {url}", name, files.whole(api, url, head, None if ended else body))
    return Prose(
        f"{name}, {saved.size:,} bytes, saved to {saved.path}, SHA-256 {saved.sha256}",
        {"path": name, "size": saved.size, "file": str(saved.path), "sha256": saved.sha256},
    )


def _as_text(data: bytes) -> str | None:
    try:
        shown = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if "\0" in shown else shown
