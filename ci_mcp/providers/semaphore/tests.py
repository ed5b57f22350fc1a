"""Test reports, as lists of tests: the failing ones first."""

from dataclasses import replace
from functools import partial
from typing import Annotated, Final, Literal

from pydantic import Field

from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Cursor, Limit, Page, TestCase
from ci_mcp.core.together import together
from ci_mcp.core.wire import text
from ci_mcp.errors import AuthError, CiError, NotFoundError, PermissionDeniedError, UnsupportedError, UsageError
from ci_mcp.net.pages import collect
from ci_mcp.providers.semaphore import failures, grouping, ids, read, reports, results
from ci_mcp.providers.semaphore.failures import Detailed
from ci_mcp.providers.semaphore.provider import provider
from ci_mcp.providers.semaphore.results import Results
from ci_mcp.status import Status

_JOBS: Final = 10  # jobs whose own reports are read where their pipeline has no merged one
_FILES: Final = 20  # XML files of one job
_ORDER: Final = {Status.FAILED: 0, Status.UNKNOWN: 1, Status.SKIPPED: 2, Status.PASSED: 3}
_NONE: Final = (
    "no test report: the pipeline does not publish any with `test-results publish`; read the failed job's log instead"
)
_SHORT: Final = "only failing ones are named here"


@provider.read(core=True)
async def tests_list(
    api: Api,
    job: Annotated[str, Field(max_length=300, description="Job id or web URL")] = "",
    pipeline: Annotated[str, Field(max_length=300, description="Or: pipeline id or web URL")] = "",
    workflow: Annotated[str, Field(max_length=300, description="Or: workflow id or web URL")] = "",
    status: Annotated[
        Literal["", "failed", "skipped", "passed"], Field(description="Only those with this status")
    ] = "",
    limit: Limit = 20,
    cursor: Cursor = "",
) -> Page[TestCase]:
    """Tests of a job, pipeline or run from its JUnit report, failing ones first, with message and place.

    Route: GET /artifacts, GET /artifacts/signed_url, then the storage.
    Raises: UsageError: not one of job, pipeline and workflow is given.
    PermissionDeniedError: the token may not read artifacts. UnsupportedError: the organization has no artifacts API.
    """
    if sum(map(bool, (job, pipeline, workflow))) != 1:
        raise UsageError("tests are listed of one job, pipeline or workflow", "give job, pipeline or workflow")
    try:
        found = await (_of_job(api, job) if job else _of_run(api, pipeline, workflow, short=status == "failed"))
    except (NotFoundError, PermissionDeniedError, AuthError) as error:
        raise _refusal(error) from None
    cases = sorted((result.case for one in found for result in one.tests), key=lambda case: _ORDER[case.status])

    async def fetch(_page: str) -> tuple[list[TestCase], str | None]:
        return [case for case in cases if not status or case.status == status], None

    page = await collect(fetch, cursor=cursor, limit=limit)
    return replace(page, note=_note(found))


def _note(found: list[Results]) -> str:
    if not found:
        return _NONE
    total, failed = sum(one.total for one in found), sum(one.failed for one in found)
    short = sum(len(one.tests) for one in found) < total
    return f"{total:,} tests, {failed:,} failed" + (f"; {_SHORT}" if short else "")


def _refusal(error: CiError) -> CiError:
    about_artifacts = "/artifacts" in error.message
    if not about_artifacts or (isinstance(error, AuthError) and not read.not_allowed(error)):
        return error
    if isinstance(error, NotFoundError) and error.body.lstrip().startswith('"'):
        return NotFoundError(
            "there is no such job, pipeline or workflow, or none that this token may see",
            "check the id",
            status=error.status,
            body=error.body,
        )
    kind = UnsupportedError if reports.unsupported(error) else PermissionDeniedError
    return kind(reports.refused(error), "read the failed job's log instead", status=error.status, body=error.body)


async def _of_job(api: Api, job: str) -> list[Results]:
    there, named = ids.job(api, job)
    return await _own(there, named)


async def _own(api: Api, job: str) -> list[Results]:
    """A job's own report: its JSON, else its XML files."""
    names = await reports.files(api, "jobs", job)
    if "junit.json" in names:
        data = await reports.fetch(api, "jobs", job, "junit.json")
        return [results.read(data)] if data is not None else []
    xml = sorted(name for name in names if name.startswith("junit") and name.endswith(".xml"))[:_FILES]
    files = await together([partial(reports.fetch, api, "jobs", job, name) for name in xml])
    return [reports.from_xml(one, job) for one in files if one is not None]


async def _of_run(api: Api, pipeline: str, workflow: str, *, short: bool) -> list[Results]:
    if pipeline:
        there, named = ids.pipeline(api, pipeline)
        raw, blocks = await read.pipeline(there, named)
        run, pipelines = text(raw, "wf_id"), [Detailed(raw, blocks)]
    else:
        there, run = ids.workflow(api, workflow)
        pipelines = [Detailed(raw) for raw in grouping.current(await read.workflow_pipelines(there, run))]
    listing = reports.Listing(frozenset(await reports.files(there, "workflows", run)))
    found = await together([partial(_of_pipeline, there, run, one, listing, short=short) for one in pipelines])
    return [one for some in found for one in some]


async def _of_pipeline(
    api: Api, workflow: str, pipeline: Detailed, listing: reports.Listing, *, short: bool
) -> list[Results]:
    merged = await reports.of_pipeline(api, workflow, pipeline.id, listing, short=short)
    if merged is not None:
        return [merged]
    detailed = pipeline if pipeline.blocks else Detailed(*await read.pipeline(api, pipeline.id))
    jobs = [job for job in failures.jobs(api, detailed) if job.status.finished and job.id]
    jobs.sort(key=lambda job: not job.status.bad)
    found = await together([partial(_of_one, api, workflow, pipeline.id, job.id, listing) for job in jobs[:_JOBS]])
    return [one for some in found for one in some]


async def _of_one(api: Api, workflow: str, pipeline: str, job: str, listing: reports.Listing) -> list[Results]:
    if pipeline in listing.names:
        copy = await reports.of_job(api, job, workflow=workflow, pipeline=pipeline)
        return [copy] if copy is not None else []
    return await _own(api, job)
