"""Artifacts of jobs, workflows and projects: listed, and read or saved.

A signed URL opens a file to anybody for twenty minutes: it is used here and shown nowhere.
"""

import codecs
import posixpath
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Final
from urllib.parse import unquote

from pydantic import Field

from ci_mcp.core import files
from ci_mcp.core.answer import safe
from ci_mcp.core.budget import DEFAULT_TOKENS
from ci_mcp.core.fence import fence
from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Artifact, Cursor, Limit, Page, Prose
from ci_mcp.core.wire import text
from ci_mcp.errors import (
    AuthError,
    BadAnswerError,
    NotFoundError,
    PermissionDeniedError,
    UnsupportedError,
    UsageError,
)
from ci_mcp.net.pages import collect
from ci_mcp.providers.semaphore import ids, read, results, wire
from ci_mcp.providers.semaphore.provider import provider

OfJob = Annotated[str, Field(max_length=300, description="Job id or web URL")]
OfWorkflow = Annotated[str, Field(max_length=300, description="Or: workflow id or web URL")]
OfProject = Annotated[str, Field(max_length=300, description="Or: project name, id or URL")]

_IN_MEMORY: Final = 1 << 20  # a larger file is not shown, whatever it holds
_SHOWN: Final = DEFAULT_TOKENS * 4 - 600  # characters; the rest of an answer is for what is said around them
_URL: Final = re.compile(
    r"(?P<page>https?://[^/?#\s]+/(?P<kind>jobs|workflows|projects)/[^/?#\s]+)/artifacts/?(?P<path>[^?#]*)[^\n]*",
    re.IGNORECASE,
)
_NO_ROUTE: Final = "oops"  # what the service says of a path that it does not serve
_HOW: Final = "keep files with `artifact push` and read them in the web interface"


@provider.read()
async def artifacts_list(
    api: Api,
    job: OfJob = "",
    workflow: OfWorkflow = "",
    project: OfProject = "",
    path: Annotated[str, Field(max_length=1000, description="Folder to look into; default: the root")] = "",
    limit: Limit = 50,
    cursor: Cursor = "",
) -> Page[Artifact]:
    """Files and folders that a job, workflow or project kept, one folder at a time, with sizes.

    Route: GET /artifacts?scope=…&scope_id=…&path=….
    Raises: UsageError: not one of job, workflow and project is given. NotFoundError: there is no such folder.
    UnsupportedError: the organization has no artifacts API.
    """
    path, (job, workflow, project) = _of_url(path, (job, workflow, project))
    there, scope, scope_id = await _scope(api, job, workflow, project)
    folder = _inside(path)
    with explained(there, scope, scope_id, folder):
        params = {"scope": scope, "scope_id": scope_id, "path": folder}
        body = wire.record((await there.get(f"{read.BASE}/artifacts", params)).json(), "list of artifacts")
    found = [_artifact(raw) for raw in wire.parts(body.get("artifacts"))]

    async def fetch(_page: str) -> tuple[list[Artifact], str | None]:
        return found, None

    return await collect(fetch, cursor=cursor, limit=limit)


def _artifact(raw: Any) -> Artifact:
    size = raw.get("size")
    if isinstance(size, str) and size.isdecimal():
        size = int(size)
    path = text(raw, "path") or text(raw, "name")
    return Artifact(path=path, size=size if isinstance(size, int) else None, directory=raw.get("is_directory") is True)


@provider.read()
async def artifacts_describe(
    api: Api,
    path: Annotated[str, Field(min_length=1, max_length=1000, description="Path as artifacts_list shows it, or URL")],
    job: OfJob = "",
    workflow: OfWorkflow = "",
    project: OfProject = "",
) -> Prose:
    """The text of one artifact, unpacked; a file that is long or no text is saved, and its place returned.

    Route: GET /artifacts/signed_url, then the storage, which is sent no credential.
    Raises: UsageError: not one of job, workflow and project is given. NotFoundError: there is no such file.
    UnsupportedError: the organization has no artifacts API.
    """
    path, (job, workflow, project) = _of_url(path, (job, workflow, project))
    there, scope, scope_id = await _scope(api, job, workflow, project)
    named = _inside(path)
    with explained(there, scope, scope_id, named):
        url = await signed_url(there, scope, scope_id, named)
        async with there.stream(url, foreign=True) as chunks:
            head, ended = await files.beginning(chunks, _IN_MEMORY)
            plain, packed = _unpacked(head) if ended else (head, False)
            shown = _readable(plain) if ended else None
            if shown is not None and len(shown) <= _SHOWN:
                note = ", unpacked" if packed else ""
                return Prose(
                    f"{named}, {len(plain):,} bytes{note}\n{fence(shown, 'artifact')}",
                    {"path": named, "size": len(plain), "text": shown},
                )
            key = f"{there.host} {scope} {scope_id} {named}"
            kept = plain if shown is not None else head
            saved = await there.store.file(key, named, files.whole(there, url, kept, None if ended else chunks))
    why = "too long to be shown" if shown is not None or _readable(head[:4096]) is not None else "no text"
    return Prose(
        f"{named} is {why}: its {saved.size:,} bytes are saved as {saved.path}, SHA-256 {saved.sha256}",
        {"path": named, "size": saved.size, "saved": str(saved.path), "sha256": saved.sha256},
    )


async def signed_url(api: Api, scope: str, scope_id: str, path: str) -> str:
    """Where the storage has a file.

    Route: GET /artifacts/signed_url.
    Raises: NotFoundError: there is none. UsageError: it is a folder.
    """
    params = {"scope": scope, "scope_id": scope_id, "path": path, "method": "GET"}
    body = wire.record((await api.get(f"{read.BASE}/artifacts/signed_url", params)).json(), "signed URL")
    items = wire.parts(body.get("items"))
    own = [item for item in items if text(item, "path") == path] or items
    if len(own) > 1:
        raise UsageError(f"{path} is a folder", 'name one of its files: see "ci-mcp semaphore artifacts list"')
    url = text(own[0], "url") if own else ""
    if not url:
        raise NotFoundError(f"there is no artifact {path}", 'see "ci-mcp semaphore artifacts list"')
    return url


def _of_url(path: str, owner: tuple[str, str, str]) -> tuple[str, tuple[str, str, str]]:
    """A path and its owner; both stand in the web URL of an artifact: ``…/jobs/ID/artifacts/PATH``."""
    found = _URL.fullmatch(path)
    if found is None or any(owner):
        return path, owner
    page, kind = found["page"], found["kind"].lower()
    return unquote(found["path"]), (
        page if kind == "jobs" else "",
        page if kind == "workflows" else "",
        page if kind == "projects" else "",
    )


async def _scope(api: Api, job: str, workflow: str, project: str) -> tuple[Api, str, str]:
    if sum(map(bool, (job, workflow, project))) != 1:
        raise UsageError("artifacts belong to one job, workflow or project", "give job, workflow or project")
    if job:
        there, named = ids.job(api, job)
        return there, "jobs", named
    if workflow:
        there, named = ids.workflow(api, workflow)
        return there, "workflows", named
    there, named = ids.project(api, project)
    return there, "projects", await read.project_id(there, named)


def _inside(path: str) -> str:
    """A path within a scope; raises `UsageError` for one that leads out of it."""
    if "\\" in path or path.startswith("/") or ".." in path.split("/") or not path.isprintable():
        raise UsageError(
            "that is no path of an artifact", 'give it as "ci-mcp semaphore artifacts list" shows it: folder/file.txt'
        )
    return posixpath.normpath(path) if path.strip("/. ") else ""


@contextmanager
def explained(api: Api, scope: str, scope_id: str, path: str) -> Iterator[None]:
    """Say what a refusal of the artifacts API means.

    Raises:
        NotFoundError: there is no such file, or nothing that the token may see.
        PermissionDeniedError: the token may not read artifacts.
        UnsupportedError: the organization has no artifacts API.
    """
    try:
        yield
    except PermissionDeniedError as error:
        if "not enabled" not in error.body:
            raise
        raise UnsupportedError(
            f"the artifacts API is not enabled for {api.host}",
            f"ask Semaphore's support to enable it, or {_HOW}",
            status=error.status,
            body=error.body,
        ) from None
    except AuthError as error:
        if not read.not_allowed(error):
            raise
        raise PermissionDeniedError(
            f"this token may not read artifacts at {api.host}",
            "its owner needs project.view and project.artifacts.view",
            status=error.status,
            body=error.body,
        ) from None
    except NotFoundError as error:
        raise _missing(api, f"{scope[:-1]} {scope_id}", path, error) from None


def _missing(api: Api, owner: str, path: str, error: NotFoundError) -> NotFoundError | UnsupportedError:
    said = error.body.strip().strip('"')
    if said == _NO_ROUTE:
        return UnsupportedError(f"{api.host} has no artifacts API", f"Semaphore's own hosts have one; else {_HOW}")
    if error.status is None:
        return error
    if said.lower() == "not found":
        return NotFoundError(
            f"no {owner} at {api.host}, or none whose artifacts this token may see",
            "check it, and that the token's owner is a member of its project",
            status=error.status,
            body=error.body,
        )
    return NotFoundError(
        f"the {owner} kept no {path or 'artifacts'}",
        'see what it kept with "ci-mcp semaphore artifacts list", which also looks into folders; '
        "old artifacts are deleted by the project's retention policy",
        status=error.status,
        body=error.body,
    )


def _unpacked(data: bytes) -> tuple[bytes, bool]:
    """The bytes of a file, and whether they were packed: only its first bytes tell, not its name."""
    try:
        found = results.unpacked(data)
    except BadAnswerError:
        return data, False
    return found, found is not data


def _readable(data: bytes) -> str | None:
    """The text that these bytes are, fit to be shown; ``None`` where they are none."""
    if b"\0" in data:
        return None
    try:
        said = codecs.getincrementaldecoder("utf-8-sig")().decode(data)
    except UnicodeDecodeError:
        return None
    return safe(said)
