"""Where test reports lie, and how to fetch them in few requests.

The toolbox leaves a merged report with the workflow, where the pipeline makes one, a copy of each
job's report beside it, and each job's own with the job. One list of the workflow's folder tells
what is there; a signed URL then costs one request, the file another.
"""

from dataclasses import dataclass
from functools import partial
from typing import Final

from ci_mcp.core.provider import Api
from ci_mcp.core.together import together
from ci_mcp.core.wire import text
from ci_mcp.errors import AuthError, BadAnswerError, CiError, NotFoundError, PermissionDeniedError
from ci_mcp.logs.junit import parse
from ci_mcp.providers.semaphore import results, wire
from ci_mcp.providers.semaphore.read import BASE
from ci_mcp.providers.semaphore.results import Result, Results

FOLDER: Final = "test-results"
_MOST_BYTES: Final = 32 * 1024 * 1024  # of a file as it is sent


@dataclass(frozen=True, slots=True)
class Listing:
    """What the workflow's folder of test reports holds.

    ``problem`` says why nothing can be known: the organization has no artifacts API, the token may not read it.
    """

    names: frozenset[str] = frozenset()
    problem: str = ""

    def of(self, pipeline: str, *, short: bool = True) -> str:
        """The merged report of a pipeline, rather the one with failing tests only where ``short``; may be empty."""
        wanted = (f"{pipeline}-mcp-summary.json", f"{pipeline}.json")
        return next((name for name in (wanted if short else reversed(wanted)) if name in self.names), "")


async def listing(api: Api, workflow: str) -> Listing:
    """What test reports a workflow has.

    Route: GET /artifacts?scope=workflows&scope_id=…&path=test-results.
    """
    try:
        found = await files(api, "workflows", workflow)
    except CiError as error:
        return Listing(problem=refused(error))
    return Listing(frozenset(found))


async def files(api: Api, scope: str, scope_id: str) -> list[str]:
    """The names in a scope's folder of test reports; none where it has no such folder."""
    params = {"scope": scope, "scope_id": scope_id, "path": FOLDER}
    try:
        body = (await api.get(f"{BASE}/artifacts", params)).json()
    except NotFoundError as error:
        if "Artifact path not found" not in error.body:
            raise
        return []
    return [text(item, "name") for item in wire.parts(wire.record(body, "list of artifacts").get("artifacts"))]


def unsupported(error: CiError) -> bool:
    """Whether a refusal means that the organization has no artifacts, whoever asks."""
    return isinstance(error, NotFoundError) or "not enabled" in error.body


def refused(error: CiError) -> str:
    """Why artifacts cannot be read, in words: what a refusal means depends on its status."""
    if isinstance(error, (AuthError, PermissionDeniedError)) and not unsupported(error):
        return "this token may not read artifacts"
    if isinstance(error, (PermissionDeniedError, NotFoundError)):
        return "this organization has no artifacts API, so test reports cannot be read"
    return str(error)


async def fetch(api: Api, scope: str, scope_id: str, name: str) -> bytes | None:
    """One file of a folder of test reports; ``None`` where it is not there.

    Its signed URL opens the file to anybody for twenty minutes: it is used here and shown nowhere.
    Route: GET /artifacts/signed_url, then the storage.
    """
    path = f"{FOLDER}/{name}"
    params = {"scope": scope, "scope_id": scope_id, "path": path, "method": "GET"}
    try:
        body = wire.record((await api.get(f"{BASE}/artifacts/signed_url", params)).json(), "signed URL")
        url = next((text(item, "url") for item in wire.parts(body.get("items"))), "")
        return await _download(api, url) if url else None
    except NotFoundError:
        return None


async def _download(api: Api, url: str) -> bytes:
    data = bytearray()
    async with api.stream(url, foreign=True) as chunks:
        async for chunk in chunks:
            data += chunk
            if len(data) > _MOST_BYTES:
                raise BadAnswerError("the test report is too large", "read the job's log instead")
    return bytes(data)


async def of_pipeline(api: Api, workflow: str, pipeline: str, found: Listing, *, short: bool = True) -> Results | None:
    """The merged report of a pipeline; ``None`` where it has none."""
    name = found.of(pipeline, short=short)
    data = await fetch(api, "workflows", workflow, name) if name else None
    return results.read(data) if data is not None else None


async def of_job(api: Api, job: str, *, workflow: str = "", pipeline: str = "", raw: bool = False) -> Results | None:
    """The report of one job; ``None`` where it has none.

    Args:
        api: the organization.
        job: its id.
        workflow: given with ``pipeline`` where the copy with the workflow is to be read.
        pipeline: the pipeline of that copy.
        raw: look for the XML file too, at the same time.
    """
    if workflow:
        data = await fetch(api, "workflows", workflow, f"{pipeline}/{job}.json")
        return results.read(data) if data is not None else None
    names = ("junit.json", "junit.xml") if raw else ("junit.json",)
    data, *others = await together([partial(fetch, api, "jobs", job, name) for name in names])
    if data is not None:
        return results.read(data)
    return from_xml(others[0], job) if others and others[0] is not None else None


def from_xml(data: bytes, job: str) -> Results:
    """The results in a JUnit file."""
    report = parse(data)
    tests = [Result(case, job) for case in report.failing]
    return Results(tests, report.total, report.failed + report.errors, {job: report.total})
