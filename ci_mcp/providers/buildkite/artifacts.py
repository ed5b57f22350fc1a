"""Artifacts: listed, read where they are text, else saved."""

import hashlib
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from ci_mcp.auth.redact import redact
from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Cursor, Limit, Page, TestCase
from ci_mcp.errors import BadAnswerError, NotFoundError, UsageError
from ci_mcp.logs import junit
from ci_mcp.logs.store import Kept
from ci_mcp.logs.text import clean_text
from ci_mcp.net.pages import collect
from ci_mcp.providers.buildkite import ids, read, wire
from ci_mcp.providers.buildkite.ids import Named
from ci_mcp.providers.buildkite.provider import provider
from ci_mcp.providers.buildkite.records import Artifact, ArtifactDetails
from ci_mcp.providers.buildkite.wire import Json, text

_INLINE: Final = 12_000  # characters of a text that is shown
_REPORT: Final = 32 << 20  # bytes of a test report that is read
_TESTS: Final = 30
_TEXT: Final = frozenset({"application/json", "application/xml", "application/x-yaml", "application/yaml"})
_ENDINGS: Final = (".txt", ".log", ".xml", ".json", ".yml", ".yaml", ".md", ".csv", ".tap", ".html", ".diff", ".patch")
_GONE: Final = frozenset({"expired", "deleted", "error", "new"})


@provider.read(core=True)
async def artifacts_list(
    api: Api,
    build: Annotated[str, Field(max_length=400, description="organization/pipeline/number or web URL")] = "",
    job: Annotated[str, Field(max_length=400, description="Or: job id or web URL")] = "",
    path: Annotated[str, Field(max_length=400, description="Path; * is a wildcard")] = "",
    state: Annotated[
        Literal["", "new", "error", "finished", "deleted", "expired"], Field(description="Only in this state")
    ] = "",
    limit: Limit = 30,
    cursor: Cursor = "",
) -> Page[Artifact]:
    """Files that a build's jobs, or one job, kept; such as path=*junit*.xml for test reports.

    Route: GET /v2/organizations/{org}/pipelines/{pipeline}/builds/{number}/artifacts, or …/jobs/{id}/artifacts.
    Raises: UsageError: not one of build and job is given. PermissionDeniedError: the token lacks read_artifacts.
    """
    if bool(build) == bool(job):
        raise UsageError("artifacts are listed of one build or job", "give build or job")
    named = await read.placed(api, ids.job(api, job) if job else ids.build(api, build))
    where, of = (named.job_path, f"job {named.job}") if job else (named.path, f"build {named.build}")
    fetch = read.numbered(
        api,
        f"{read.BASE}{where}/artifacts",
        {"path": path, "state": state},
        _short,
        limit=limit,
        of=f"artifacts of {of}",
        scope="read_artifacts",
    )
    return await collect(fetch, cursor=cursor, limit=limit)


def _facts(raw: Json) -> dict[str, Any]:
    return {
        "path": text(raw, "path"),
        "id": f"{text(raw, 'job_id')}/{text(raw, 'id')}",
        "state": text(raw, "state"),
        "size": wire.whole(raw, "file_size"),
        "type": text(raw, "mime_type"),
    }


def _short(raw: Json) -> Artifact:
    return Artifact(**_facts(raw))


@provider.read()
async def artifacts_describe(
    api: Api, artifact: Annotated[str, Field(min_length=1, max_length=100, description="Id from artifacts_list")]
) -> ArtifactDetails:
    """One file: its text, or the failing tests of a report; saved where it is long or no text, its checksum verified.

    The storage it is on gets no credential of ours.

    Route: GET /v2/organizations/{org}/jobs/{job}/artifacts/{id} and …/download, followed to the storage.
    Raises: NotFoundError: it has expired, or there is none. BadAnswerError: what came is not what was kept.
    """
    job, _, known = artifact.strip().partition("/")
    if not (ids.is_uuid(job) and ids.is_uuid(known)):
        raise UsageError(
            f"{artifact[:80]!r} names no artifact",
            'give JOB/ARTIFACT, two UUIDs, as "ci-mcp buildkite artifacts list" shows it',
        )
    named = await read.placed(api, Named(job=job.lower()))
    path = f"{read.BASE}{named.job_path}/artifacts/{known.lower()}"
    with read.explained(f"artifact {artifact}", "read_artifacts"):
        raw = wire.record((await api.get(path)).json(), "artifact")
    if text(raw, "state") in _GONE:
        raise NotFoundError(f"artifact {text(raw, 'path')} is not there: its state is {text(raw, 'state')}")
    checksum = _Checksum(raw)

    async def fetch() -> AsyncIterator[bytes]:
        with read.explained(f"artifact {artifact}", "read_artifacts"):
            async with api.stream(f"{path}/download", foreign=True) as body:
                async for chunk in body:
                    checksum.add(chunk)
                    yield chunk
        checksum.verify()

    file = await api.store.file(f"{api.host} {path}", text(raw, "filename") or text(raw, "path"), fetch)
    return _shown(raw, file, checksum)


class _Checksum:
    """The checksum that a file was kept with, compared with what came; no word of what is not the same is shown."""

    def __init__(self, raw: Json) -> None:
        self.kind = next((kind for kind in ("sha256", "sha1") if text(raw, f"{kind}sum")), "")
        self._wanted = text(raw, f"{self.kind}sum").lower()
        self._path = text(raw, "path")
        self._digest = hashlib.new(self.kind or "sha256", usedforsecurity=False)

    def add(self, chunk: bytes) -> None:
        """What came."""
        self._digest.update(chunk)

    def verify(self) -> None:
        """Raise `BadAnswerError` where it is another file."""
        if self.kind and self._wanted != self._digest.hexdigest():
            raise BadAnswerError(
                f"artifact {self._path} came damaged: its {self.kind} is not the one it was kept with", "try again"
            )

    def words(self) -> str:
        """What was verified."""
        return f"{self.kind} verified" if self.kind else "no checksum to verify"


def _shown(raw: Json, file: Kept, checksum: _Checksum) -> ArtifactDetails:
    facts = _facts(raw) | {"size": file.size, "checksum": checksum.words(), "sha256": file.sha256}
    data = _head(file) if _is_text(raw) else b""
    if data and b"\0" not in data[:4096]:
        note, tests = _report(data) if file.size <= _REPORT else ("", ())
        if tests or note:
            return ArtifactDetails(**facts, note=note, tests=tests)
        said = data[: _INLINE * 4].decode("utf-8", "replace")
        if file.size <= _INLINE * 4 and len(said) <= _INLINE:
            return ArtifactDetails(**facts, text=redact("\n".join(map(clean_text, said.split("\n")))))
    return ArtifactDetails(**facts, saved=str(file.path), note="too long to show" if data else "")


def _head(file: Kept) -> bytes:
    with file.path.open("rb") as opened:
        return opened.read(_REPORT)


def _is_text(raw: Json) -> bool:
    kind = text(raw, "mime_type").partition(";")[0].lower()
    name = text(raw, "path").lower()
    return kind.startswith("text/") or kind in _TEXT or kind.endswith(("+xml", "+json")) or name.endswith(_ENDINGS)


def _report(data: bytes) -> tuple[str, tuple[TestCase, ...]]:
    """What a test report says; nothing for any other file."""
    try:
        found = junit.parse(data)
    except BadAnswerError:
        return "", ()
    left = len(found.failing) - _TESTS
    note = f"a test report: {found.total:,} tests, {found.failed + found.errors:,} failed, {found.skipped:,} skipped"
    return note + (f"; {left} more failing ones are left out" if left > 0 else ""), found.failing[:_TESTS]
