"""The test reports of Semaphore's ``test-results``: JSON with durations in nanoseconds."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from ci_mcp.errors import BadAnswerError
from ci_mcp.logs.report import Failed, Report, Tally, TestCase, located, merge
from ci_mcp.status import Status

_NANOSECONDS: Final = 1e9


def parse(data: bytes) -> Report:
    """Read one report, or the summary of one.

    Raises:
        BadAnswerError: it is neither.
    """
    try:
        said = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadAnswerError("the test report is not JSON") from error
    if isinstance(said, dict) and "testResults" not in said and "total" in said:
        return _totals(said)
    results = said.get("testResults") if isinstance(said, dict) else None
    if not isinstance(results, list):
        raise BadAnswerError("that is no test report: its JSON has no testResults")
    return merge(_result(result) for result in results if isinstance(result, dict))


def _result(result: Mapping[str, Any]) -> Report:
    tally = Tally()
    for suite in _list(result.get("suites")):
        for test in _list(suite.get("tests")):
            _count(tally, suite, test)
    counted = tally.report()
    if str(result.get("status")) == "error" and not counted.failing:
        name = _text(result, "name") or _text(result, "framework")
        message = _text(result, "statusMessage") or "the test report could not be made"
        tally.add("errors", located(_case(name), Failed(message=message)))
        counted = tally.report()
    # A summary for few readers lists the failing tests only, and gives the totals of all.
    totals = _totals(result["summary"]) if isinstance(result.get("summary"), dict) else Report()
    return replace(totals, failing=counted.failing) if totals.total > counted.total else counted


def _count(tally: Tally, suite: Mapping[str, Any], test: Mapping[str, Any]) -> None:
    state = _text(test, "state").lower()
    kind = {"failed": "failed", "error": "errors", "passed": "passed"}.get(state, "skipped")
    case = _case(_text(test, "name"), _nanoseconds(test.get("duration")))
    if kind in {"failed", "errors"}:
        why: Mapping[str, Any] = next(
            (test[key] for key in ("failure", "error") if isinstance(test.get(key), dict)), {}
        )
        said = Failed(
            suite=_text(test, "classname") or _text(suite, "name"),
            file=_text(test, "file"),
            line=test.get("line", ""),
            message=_text(why, "message") or _text(why, "type"),
            details=_text(why, "body") or _text(test, "systemErr"),
        )
        case = located(case, said)
    tally.add(kind, case)


def _case(name: str, duration: float | None = None) -> TestCase:
    return TestCase(status=Status.PASSED, name=name, duration=duration)


def _totals(summary: Mapping[str, Any]) -> Report:
    number = {key: max(0, value) for key, value in summary.items() if isinstance(value, int)}
    return Report(
        total=number.get("total", 0),
        failed=number.get("failed", 0),
        errors=number.get("error", 0),
        skipped=number.get("skipped", 0) + number.get("disabled", 0),
        passed=number.get("passed", 0),
        duration=_nanoseconds(summary.get("duration")),
    )


def _list(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(values: Mapping[str, Any], key: str) -> str:
    value = values.get(key)
    return value if isinstance(value, str) else ""


def _nanoseconds(value: Any) -> float | None:
    return round(value / _NANOSECONDS, 3) if isinstance(value, int) and not isinstance(value, bool) else None
