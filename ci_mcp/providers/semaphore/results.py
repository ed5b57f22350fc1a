"""Test results as Semaphore's toolbox writes them: its JSON, packed or not, read into test cases."""

import json
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ci_mcp.core.shapes import TestCase
from ci_mcp.core.wire import text
from ci_mcp.errors import BadAnswerError
from ci_mcp.logs.report import Failed, located
from ci_mcp.logs.text import clean_text
from ci_mcp.providers.semaphore import wire
from ci_mcp.providers.semaphore.wire import Json
from ci_mcp.status import Status

MOST_BYTES: Final = 64 * 1024 * 1024  # of an unpacked report
_NANO: Final = 1e9
_STATES: Final = {
    "passed": Status.PASSED,
    "failed": Status.FAILED,
    "error": Status.FAILED,
    "skipped": Status.SKIPPED,
    "disabled": Status.SKIPPED,
}
_COLOUR: Final = re.compile(r"#x1B\[[0-9;]*m")  # how pytest writes an escape that XML cannot hold


@dataclass(frozen=True, slots=True)
class Result:
    """One test with the job that ran it; ``job`` is empty where the report does not say."""

    case: TestCase
    job: str = ""


@dataclass(frozen=True, slots=True)
class Results:
    """A report: its tests, and how many there were in all, those left out of a short report included.

    ``totals`` has the number of tests by job, as far as the report tells.
    """

    tests: Sequence[Result]
    total: int
    failed: int
    totals: dict[str, int]


def unpacked(data: bytes) -> bytes:
    """The bytes of a file that may be packed: only its first bytes tell.

    Raises:
        BadAnswerError: it is damaged, or larger than `MOST_BYTES`.
    """
    if not data.startswith(b"\x1f\x8b"):
        return data
    unzip = zlib.decompressobj(wbits=31)
    try:
        found = unzip.decompress(data, MOST_BYTES)
    except zlib.error:
        raise BadAnswerError("the test report is damaged", "read the job's log instead") from None
    if unzip.unconsumed_tail:
        raise BadAnswerError("the test report is too large", "read the job's log instead")
    return found


def read(data: bytes) -> Results:
    """The results in a file of the toolbox; raises `BadAnswerError` for anything else."""
    try:
        body = json.loads(unpacked(data))
    except (ValueError, RecursionError):
        raise BadAnswerError("the test report is not the JSON it should be", "read the job's log instead") from None
    if not isinstance(body, dict) or not isinstance(body.get("testResults"), list):
        raise BadAnswerError("the test report holds no test results", "read the job's log instead")
    tests: list[Result] = []
    total = failed = 0
    totals: dict[str, int] = {}
    for result in wire.parts(body["testResults"]):
        found = list(_tests(result))
        tests += found
        counts = result.get("summary") if isinstance(result.get("summary"), dict) else {}
        number = max(_count(counts, "total"), len(found))
        total += number
        bad = sum(one.case.status.bad for one in found)
        failed += max(_count(counts, "failed") + _count(counts, "error"), bad)
        if job := next((one.job for one in found if one.job), ""):
            totals[job] = totals.get(job, 0) + number
    return Results(tests, total, failed, totals)


def _count(counts: Any, key: str) -> int:
    value = counts.get(key)
    return value if isinstance(value, int) and value > 0 else 0


def _tests(result: Json) -> Iterator[Result]:
    for suite in wire.parts(result.get("suites")):
        for test in wire.parts(suite.get("tests")):
            env = test.get("semaphoreEnv")
            yield Result(_case(test, suite), text(env, "jobId") if isinstance(env, dict) else "")


def _case(test: Json, suite: Json) -> TestCase:
    spent = test.get("duration")
    case = TestCase(
        status=_STATES.get(text(test, "state").lower(), Status.UNKNOWN),
        name=clean_text(text(test, "name")),
        suite=clean_text(text(test, "classname") or text(suite, "name")),
        duration=round(spent / _NANO, 3) if isinstance(spent, int) else None,
    )
    if not case.status.bad:
        return case
    problem: Json = next((test[key] for key in ("failure", "error") if isinstance(test.get(key), dict)), {})
    said = Failed(
        suite=case.suite,
        file=text(test, "file"),
        message=_uncoloured(text(problem, "message") or text(problem, "type")),
        details=_uncoloured(text(problem, "body") or text(test, "systemErr")),
    )
    return located(case, said)


def _uncoloured(said: str) -> str:
    return _COLOUR.sub("", said)
