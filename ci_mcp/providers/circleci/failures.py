"""Why the jobs of a run are not green: failing tests, and words where no log can tell."""

from dataclasses import replace
from functools import partial
from typing import Final

from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Failure, Job, Run
from ci_mcp.core.together import settled
from ci_mcp.errors import CiError
from ci_mcp.providers.circleci import jobs, read, tests
from ci_mcp.providers.circleci.runs import run
from ci_mcp.status import Status

_REPORTS: Final = 2  # failed jobs up to which their test results are read
_PAGES: Final = 3
_INFRASTRUCTURE: Final = frozenset({"infrastructure_fail", "terminated-unknown"})
_TOLD: Final = frozenset({"failed", "timedout", ""})  # what a log tells


async def failures(api: Api, asked: Run, job: str) -> list[Failure]:
    """Why the jobs of a run, or one of them, are not green. Only jobs that failed cost requests.

    Route: GET /api/v2/project/{slug}/{number}/tests of a failed job where there are few of them;
    GET /api/v2/project/{slug}/job/{number} of one that CircleCI itself ended.
    """
    whole = asked if asked.jobs or asked.reason else await run(api, asked.id)
    bad = [one for one in whole.jobs if one.status.bad and job in {"", one.id}]
    reports = len([one for one in bad if one.log_id]) <= _REPORTS
    looked = await settled([partial(_look, api, one, reports=reports) for one in bad])
    return [found if isinstance(found, Failure) else _plain(one) for one, found in zip(bad, looked, strict=True)]


def _plain(job: Job) -> Failure:
    word = _word(job)
    return Failure(job=job, reason=jobs.why(word), infrastructure=word in _INFRASTRUCTURE)


def _word(job: Job) -> str:
    return job.word or ("canceled" if job.status is Status.CANCELED else "failed")


async def _look(api: Api, job: Job, *, reports: bool) -> Failure:
    plain = _plain(job)
    project, _, number = job.id.rpartition("/")
    if not project:
        return plain
    if _word(job) in _TOLD:
        return await _tests(api, plain, project, number) if reports else plain
    if plain.infrastructure or not job.log_id:
        found = await read.job(api, project, number)
        said = " ".join(jobs.messages(found))
        return replace(plain, reason=f"{plain.reason}: {said}" if plain.reason and said else said or plain.reason)
    return plain


async def _tests(api: Api, failure: Failure, project: str, number: str) -> Failure:
    try:
        cases, whole = await tests.of_job(api, project, number, most_pages=_PAGES)
    except CiError:
        return failure  # they only add to the log
    failing = tuple(case for case in cases if case.status is Status.FAILED)
    return replace(failure, tests=failing, tests_total=len(cases) if cases and whole else None)
