"""Artifacts: their routes, and the storage of another origin that their downloads lead to."""

import hashlib
import posixpath
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ci_mcp.sandbox.buildkite.answers import (
    BUILD,
    JOB,
    ORG_JOB,
    Json,
    Refused,
    base_of,
    build_of,
    invalid,
    job_of,
    page_of,
    routes,
    said,
    world_of,
)
from ci_mcp.sandbox.buildkite.model import Job, make_id
from ci_mcp.sandbox.buildkite.shapes import build_url
from ci_mcp.sandbox.buildkite.world import SHOP_PROBLEMS_BUILD, World
from ci_mcp.sandbox.recordings import recording

_SIGNED_SECONDS = 60
_STATES = {"new", "error", "finished", "deleted", "expired"}
_BINARY_BYTES = 48_000
_EVIL = "out/../../outside.txt"  # a name that a careless client writes to


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file that a job left; ``torn``: what is kept is not what its checksum says."""

    id: str
    job: Job
    path: str
    mime_type: str
    content: bytes
    state: str = "finished"
    torn: bool = False

    @property
    def checksum(self) -> str:
        """The SHA-1 of what was uploaded."""
        return hashlib.sha1(self.content, usedforsecurity=False).hexdigest()

    @property
    def kept(self) -> bytes:
        """What the storage has."""
        return self.content[:-9] if self.torn else self.content


def artifacts_of(job: Job, now: float) -> list[Artifact]:
    """The artifacts of a job, once it has ended."""
    if not job.has_run(now) or job.finished > now or not job.recording:
        return []
    return [Artifact(make_id("artifact", job.id, path), job, path, *rest) for path, *rest in _files(job)]


def _files(job: Job) -> Iterator[tuple[str, str, bytes] | tuple[str, str, bytes, str, bool]]:
    report = recording(job.recording).report
    if report:
        yield "reports/junit.xml", "application/xml", report.encode()
    notes = f"commit {job.build.commit}\nstep {job.spec.key}\nexit {job.exit_status}\n".encode()
    yield "out/summary.txt", "text/plain", notes
    if job.spec.key == "unit":
        binary = random.Random(job.id).randbytes(_BINARY_BYTES)  # noqa: S311 - the same bytes in every process
        yield "out/shop.tar.gz", "application/gzip", binary
        sums = (f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in
                (("out/shop.tar.gz", binary), ("out/summary.txt", notes)))  # fmt: skip
        yield "out/SHA256SUMS", "text/plain", "".join(sums).encode()
    if job.build.number == SHOP_PROBLEMS_BUILD and job.spec.key == "lint":
        yield "out/torn.txt", "text/plain", b"the end of this is missing\n", "finished", True
        yield _EVIL, "text/plain", b"written outside\n", "finished", False
        yield "out/old.txt", "text/plain", b"gone\n", "expired", False
        yield "out/half.txt", "text/plain", b"", "error", False


async def list_artifacts(request: Request) -> Response:
    """``GET …/artifacts``: of a build or a job, by state and by path."""
    world, query = world_of(request), request.query_params
    jobs = [job_of(request)] if "job" in request.path_params else build_of(request).all_jobs
    if query.get("state", "new") not in _STATES:
        raise invalid(state="invalid")
    found = [
        item
        for job in jobs
        for item in artifacts_of(job, world.now())
        if query.get("state", item.state) == item.state and fnmatchcase(item.path, query.get("path", "*"))
    ]
    return page_of(request, found, lambda item: _shape(request, item))


async def get_artifact(request: Request) -> Response:
    """``GET …/artifacts/{id}``."""
    return said(_shape(request, _found(request)))


async def download(request: Request) -> Response:
    """``GET …/artifacts/{id}/download``: 302 to the storage, for a minute."""
    item, world = _found(request), world_of(request)
    if item.state != "finished":
        raise Refused(404, "This artifact is no longer available")
    path = f"/{item.job.build.id}/{item.job.id}/{item.id}/{quote(posixpath.basename(item.path))}"
    at = str(int(world.clock.unix(world.now())))
    signed = {"X-Amz-Date": at, "X-Amz-Expires": str(_SIGNED_SECONDS), "X-Amz-Signature": sign(path, at)}
    # Another host too, as at the vendor: clients that look at hosts without ports keep the token to themselves.
    storage = request.app.state.site.urls["storage"].replace("127.0.0.1", "localhost")
    url = f"{storage}{path}?{urlencode(signed)}"
    return said({"url": url}, 302, {"Location": url})


def _found(request: Request) -> Artifact:
    now = world_of(request).now()
    for item in artifacts_of(job_of(request), now):
        if item.id == request.path_params["artifact"]:
            return item
    raise Refused(404, "No artifact found")


def _shape(request: Request, item: Artifact) -> Json:
    url = f"{build_url(base_of(request), item.job.build)}/jobs/{item.job.id}/artifacts/{item.id}"
    return {
        "id": item.id, "job_id": item.job.id, "url": url, "download_url": f"{url}/download", "state": item.state,
        "path": item.path, "dirname": posixpath.dirname(item.path), "filename": posixpath.basename(item.path),
        "mime_type": item.mime_type, "file_size": len(item.content), "glob_path": None, "original_path": None,
        "sha1sum": item.checksum,
    }  # fmt: skip


def sign(path: str, at: str) -> str:
    """The signature that opens an object from that moment on, for a minute."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"{path} {at}").hex


async def get_object(request: Request) -> Response:
    """``GET /{build}/{job}/{artifact}/{name}``: for who has the signature and shows no other credential."""
    if "authorization" in request.headers:
        return _denied(400, "InvalidArgument", "Only one auth mechanism allowed.")
    world, query = world_of(request), request.query_params
    at = query.get("X-Amz-Date", "")
    if query.get("X-Amz-Signature") != sign(quote(request.url.path), at):
        return _denied(403, "SignatureDoesNotMatch", "The signature does not match.")
    if world.clock.unix(world.now()) > int(at) + _SIGNED_SECONDS:
        return _denied(403, "AccessDenied", "Request has expired")
    item = _stored(world, request.path_params["job"], request.path_params["artifact"])
    return Response(item.kept, media_type="binary/octet-stream")


def _stored(world: World, job_id: str, artifact_id: str) -> Artifact:
    found = artifacts_of(world.jobs[job_id], world.now())
    return next(item for item in found if item.id == artifact_id)


def _denied(status: int, code: str, message: str) -> Response:
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return Response(body, status, media_type="application/xml")


_ONE, _ORG_ONE = JOB + "/artifacts/{artifact}", ORG_JOB + "/artifacts/{artifact}"
ROUTES = [
    *routes("read_artifacts", BUILD + "/artifacts", list_artifacts),
    *routes("read_artifacts", JOB + "/artifacts", list_artifacts, org_path=ORG_JOB + "/artifacts"),
    *routes("read_artifacts", _ONE, get_artifact, org_path=_ORG_ONE),
    *routes("read_artifacts", _ONE + "/download", download, org_path=_ORG_ONE + "/download"),
]
STORAGE_ROUTES = [Route("/{build}/{job}/{artifact}/{name}", get_object)]
