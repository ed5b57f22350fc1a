"""Test results as CircleCI reads them from the JUnit files of recorded jobs."""

from collections import Counter
from xml.etree import ElementTree as ET

from ci_mcp.sandbox.circleci.answers import Json
from ci_mcp.sandbox.circleci.model import Job
from ci_mcp.sandbox.recordings import recording

_RESULTS = {"failure": "failure", "error": "failure", "skipped": "skipped"}


def report_of(job: Job) -> str:
    """The JUnit file that a job left behind; empty for none."""
    if not job.spec.recording or job.result == "canceled":
        return ""
    return recording(job.spec.recording).report.replace("semaphore", "circleci")


def tests_of(job: Job, now: float) -> list[Json]:
    """The tests of a job that has ended, as they stand in its report."""
    report = report_of(job)
    if not report or now < job.stopped:
        return []
    cases = ET.fromstring(report).iter("testcase")  # noqa: S314 - our own file
    return [_test(case) for case in cases]


def counts(job: Job, now: float) -> Counter[str]:
    """How many tests of a job ended how."""
    return Counter(test["result"] for test in tests_of(job, now))


def _test(case: ET.Element) -> Json:
    found = next((child for child in case if child.tag in _RESULTS), None)
    classname = case.get("classname", "")
    return {
        "classname": classname,
        "name": case.get("name", ""),
        "file": case.get("file") or classname.replace(".", "/") + ".py",
        "source": "pytest",
        "result": "success" if found is None else _RESULTS[found.tag],
        "message": None if found is None else f"{found.get('message', '')}\n{found.text or ''}".strip(),
        "run_time": float(case.get("time", 0)),
    }
