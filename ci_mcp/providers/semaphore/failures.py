"""Why the jobs of a run are not green."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Failure, Job, TestCase
from ci_mcp.core.together import together
from ci_mcp.core.wire import text
from ci_mcp.errors import CiError
from ci_mcp.providers.semaphore import grouping, read, reasons, reports, wire
from ci_mcp.providers.semaphore.reports import Listing
from ci_mcp.providers.semaphore.results import Results
from ci_mcp.providers.semaphore.wire import Json
from ci_mcp.status import Status

Call = Callable[[], Awaitable[Results | None]]

_NEVER: Final = "it never started"
_WITH_XML: Final = 1  # failed jobs up to which their XML reports are looked for too: four requests each
_FEW: Final = 2  # failed jobs up to which all of their reports are read
_JOB_REPORTS: Final = 5  # requests are few: with more failed jobs, fewer reports of single jobs are read


@dataclass(frozen=True, slots=True)
class Detailed:
    """A pipeline that counts, with its blocks; no blocks where they were not asked for."""

    raw: Json
    blocks: Sequence[Json] = ()

    @property
    def id(self) -> str:
        """The pipeline's id."""
        return text(self.raw, "ppl_id")

    @property
    def status(self) -> Status:
        """How it stands, by its blocks too."""
        return wire.pipeline_status(self.raw, self.blocks)


def jobs(api: Api, pipeline: Detailed, *, named: bool = False) -> list[Job]:
    """The jobs of a pipeline; ``named`` puts its name before their blocks'."""
    before = f"{text(pipeline.raw, 'name')} / " if named else ""
    return [
        job(api, raw, before + text(block, "name"))
        for block in pipeline.blocks
        for raw in wire.parts(block.get("jobs"))
    ]


def job(api: Api, raw: Json, block: str) -> Job:
    """A job of a block as triage sees it."""
    named, status = text(raw, "job_id"), wire.status(raw.get("status"), raw.get("result"))
    return Job(
        status=status,
        name=text(raw, "name"),
        id=named,
        word=wire.own_word(raw.get("status"), raw.get("result")),
        block=block,
        url=read.web(api, f"jobs/{named}") if named else "",
        log_id=named if status.finished else "",
    )


def of_pipeline(api: Api, pipeline: Detailed) -> Iterator[Failure]:
    """What is not green in a pipeline: its jobs, else its blocks, else the pipeline itself."""
    if not pipeline.status.bad:
        return
    told = False
    for block in pipeline.blocks:
        for failure in _of_block(api, pipeline, block):
            told = True
            yield failure
    if not told:
        yield _whole(api, pipeline)


def _of_block(api: Api, pipeline: Detailed, block: Json) -> Iterator[Failure]:
    found = [(raw, job(api, raw, text(block, "name"))) for raw in wire.parts(block.get("jobs"))]
    ended = wire.status(block.get("state"), block.get("result")).finished
    bad = [one for _, one in found if one.status.bad or (ended and not one.status.finished)]
    for one in bad:
        reason, infrastructure = _reason(pipeline.raw, block, one)
        yield Failure(job=one, reason=reason, infrastructure=infrastructure)
    if not bad and (why := reasons.told(block)) and text(block, "error_description"):
        status = wire.status(block.get("state"), block.get("result"))
        yield Failure(job=Job(status=status, name=text(block, "name"), id=""), reason=why)


def _reason(pipeline: Json, block: Json, one: Job) -> tuple[str, bool]:
    of_block, of_pipeline = wire.word(block.get("result_reason")), wire.word(pipeline.get("result_reason"))
    # The block says what happened to its jobs; where the pipeline says the same, it knows who did it, too.
    why = reasons.told(pipeline) if of_block in {"", of_pipeline} else reasons.told(block)
    reason = of_block or of_pipeline
    infrastructure = reason in grouping.INFRASTRUCTURE
    if not one.status.finished:
        return (f"{_NEVER}: {why}" if why else _NEVER), infrastructure
    if one.status is Status.CANCELED:
        return why or "it was stopped (a command that exits with 130 does that too)", infrastructure
    return (why if infrastructure or reason == "timeout" else ""), infrastructure


def _whole(api: Api, pipeline: Detailed) -> Failure:
    raw = pipeline.raw
    url = read.web(api, f"workflows/{text(raw, 'wf_id')}?pipeline_id={pipeline.id}")
    reason = wire.word(raw.get("result_reason"))
    return Failure(
        job=Job(
            status=pipeline.status,
            name=f"pipeline {text(raw, 'name')}",
            id=pipeline.id,
            word=wire.own_word(raw.get("state"), raw.get("result"), raw.get("result_reason")),
            url=url,
        ),
        reason=reasons.told(raw) or "no job of it tells why",
        infrastructure=reason in grouping.INFRASTRUCTURE,
    )


async def with_tests(
    api: Api, workflow: str, pipelines: Sequence[Detailed], failures: Sequence[Failure], found: Listing
) -> list[Failure]:
    """The failures with the failing tests of their jobs, as far as reports tell; they only add to logs."""
    if found.problem:
        return list(failures)
    merged = [pipeline.id for pipeline in pipelines if pipeline.status.bad and found.of(pipeline.id)]
    try:
        if merged:
            calls: list[Call] = [partial(reports.of_pipeline, api, workflow, name, found) for name in merged]
        else:
            calls = _of_jobs(api, workflow, pipelines, failures, found)
        return add_tests(failures, [one for one in await together(calls) if one is not None])
    except CiError:
        return list(failures)


def _of_jobs(
    api: Api, workflow: str, pipelines: Sequence[Detailed], failures: Sequence[Failure], found: Listing
) -> list[Call]:
    failed = [f.job.id for f in failures if f.job.status is Status.FAILED and f.job.log_id and not f.infrastructure]
    homes = {job.id: pipeline.id for pipeline in pipelines for job in jobs(api, pipeline)}
    most = max(1, _JOB_REPORTS - max(0, len(failed) - _FEW))
    raw = len(failed) <= _WITH_XML
    return [
        partial(reports.of_job, api, name, workflow=workflow, pipeline=homes[name])
        if homes[name] in found.names
        else partial(reports.of_job, api, name, raw=raw)
        for name in failed[:most]
    ]


def add_tests(failures: Sequence[Failure], found: Sequence[Results]) -> list[Failure]:
    """Each failure with the failing tests that its own job ran."""
    failing: dict[str, list[TestCase]] = {}
    totals: dict[str, int] = {}
    for report in found:
        totals |= report.totals
        for result in report.tests:
            if result.case.status.bad:
                failing.setdefault(result.job, []).append(result.case)
    return [
        replace(one, tests=tuple(failing.get(one.job.id, ())), tests_total=totals.get(one.job.id)) for one in failures
    ]
