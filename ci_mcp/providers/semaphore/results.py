"""Test results as Semaphore's toolbox writes them: its JSON, packed or not, read into test cases."""

import json
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ci_mcp.core.shapes import TestCase
from ci_mcp.errors import BadAnswerError
from ci_mcp.providers.semaphore import wire
from ci_mcp.providers.semaphore.grouping import text
from ci_mcp.providers.semaphore.wire import Json
from ci_mcp.status import Status

MOST_BYTES: Final = 64 * 1024 * 1024  # of an unpacked report
_NANO: Final = 1e9
_DETAILS: Final = 4000  # characters of one test's output
_MESSAGE: Final = 1000
_STATES: Final = {
    "passed": Status.PASSED,
    "failed": Status.FAILED,
    "error": Status.FAILED,
    "skipped": Status.SKIPPED,
    "disabled": Status.SKIPPED,
}
_PLACE: Final = re.compile(
    r"(?m)^\s*(?:E\s+)?(?:at\s+|File \")?([\w./\\@+-]{1,200}\.\w{1,5})(?::|\", line )(\d{1,7})\b"
)


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
    problem = next((test[key] for key in ("failure", "error") if isinstance(test.get(key), dict)), {})
    body = text(problem, "body").strip() or text(test, "systemErr").strip()
    file, line = place(text(test, "file"), body)
    spent = test.get("duration")
    classname = text(test, "classname")
    return TestCase(
        status=_STATES.get(text(test, "state").lower(), Status.UNKNOWN),
        name=f"{classname}.{text(test, 'name')}" if classname else text(test, "name"),
        suite=text(suite, "name"),
        file=file,
        line=line,
        message=(text(problem, "message") or text(problem, "type"))[:_MESSAGE],
        details=body if len(body) <= _DETAILS else f"… {body[-_DETAILS:]}",
        duration=spent / _NANO if isinstance(spent, int) else None,
    )


def place(file: str, body: str) -> tuple[str, int | None]:
    """The file and line where a test failed: the last one its output names, in its own file where that is known."""
    named = [(found[1], int(found[2])) for found in _PLACE.finditer(body)]
    own = [(name, line) for name, line in named if file and (name.endswith(file) or file.endswith(name))]
    if own:
        return file, own[-1][1]
    return named[-1] if named and not file else (file, None)
