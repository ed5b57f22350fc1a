"""Test reports as Semaphore's toolbox writes them, made from the JUnit files of recorded jobs."""

import copy
import gzip
import json
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

from ci_mcp.sandbox.plan import Clock
from ci_mcp.sandbox.recordings import recording
from ci_mcp.sandbox.semaphore.model import Job, Pipeline, make_id

Json = dict[str, Any]
_COUNTED = ("total", "passed", "skipped", "error", "failed", "disabled", "duration")
_OUTCOMES = {"failure": "failed", "error": "error", "skipped": "skipped"}


def plain(value: Json) -> bytes:
    """A report as it is."""
    return json.dumps(value).encode()


def packed(value: Json) -> bytes:
    """A report in gzip, whatever its name says."""
    return gzip.compress(plain(value), mtime=0)


def totals(report: Json) -> Json:
    """The sums of a report alone."""
    return _sum(result["summary"] for result in report["testResults"])


def failed_only(report: Json) -> Json:
    """A report with failed tests only and its original sums."""
    short: Json = copy.deepcopy(report)
    for result in short["testResults"]:
        for suite in result["suites"]:
            suite["tests"] = [test for test in suite["tests"] if test["state"] in {"failed", "error"}]
    return short


def pipeline_report(pipeline: Pipeline, clock: Clock) -> Json:
    """The reports of all jobs of a pipeline, merged."""
    found = [job_report(job, clock) for job in pipeline.jobs if job.started is not None]
    return {"testResults": [result for report in found for result in report["testResults"]]}


def job_report(job: Job, clock: Clock) -> Json:
    """The report of one job; without results where it left no JUnit file."""
    xml = recording(job.spec.recording).report
    if not xml:
        return {"testResults": []}
    suites = [_suite(suite, job, clock) for suite in ET.fromstring(xml).iter("testsuite")]  # noqa: S314 - our own file
    summary = _sum(suite["summary"] for suite in suites)
    result = {
        "id": make_id("results", job.spec.name),
        "name": "Pytest Suite",
        "framework": "pytest",
        "isDisabled": False,
        "suites": suites,
        "summary": summary,
        "status": "error" if summary["error"] else "success",
        "statusMessage": "",
    }
    return {"testResults": [result]}


def _suite(element: ET.Element, job: Job, clock: Clock) -> Json:
    name = element.get("name", "")
    tests = [_test(case, name, job, clock) for case in element.iter("testcase")]
    states = [test["state"] for test in tests]
    counts = {state: states.count(state) for state in ("passed", "skipped", "error", "failed", "disabled")}
    return {
        "id": make_id("suite", name),
        "name": name,
        "isSkipped": False,
        "isDisabled": False,
        "timestamp": element.get("timestamp", ""),
        "hostname": element.get("hostname", ""),
        "package": "",
        "properties": None,
        "tests": tests,
        "summary": {"total": len(tests), **counts, "duration": sum(test["duration"] for test in tests)},
        "systemOut": "",
        "systemErr": "",
    }


def _test(case: ET.Element, suite: str, job: Job, clock: Clock) -> Json:
    classname, name = case.get("classname", ""), case.get("name", "")
    state, details = _outcome(case)
    return {
        "id": make_id("test", suite, classname, name),
        "file": case.get("file", ""),
        "classname": classname,
        "package": "",
        "name": name,
        "duration": round(float(case.get("time", 0)) * 1e9),
        "state": state,
        "failure": details if state == "failed" else None,
        "error": details if state == "error" else None,
        "systemOut": "",
        "systemErr": "",
        "semaphoreEnv": _environment(job, clock),
    }


def _outcome(case: ET.Element) -> tuple[str, Json | None]:
    bad = next((child for child in case if child.tag in _OUTCOMES), None)
    if bad is None:
        return "passed", None
    return _OUTCOMES[bad.tag], {"message": bad.get("message", ""), "type": bad.get("type", ""), "body": bad.text or ""}


def _environment(job: Job, clock: Clock) -> Json:
    pipeline = job.block.pipeline
    workflow = pipeline.workflow
    return {
        "projectId": workflow.project.id,
        "workflowId": workflow.id,
        "pipelineId": pipeline.id,
        "pipelineStartedAt": str(int(clock.unix(pipeline.begin))),
        "jobName": job.spec.name,
        "jobId": job.id,
        "agentType": job.spec.agent,
        "agentOsImage": "ubuntu2204",
        "gitRefType": "branch",
        "gitRefName": workflow.branch,
        "gitRefSha": workflow.commit,
    }


def _sum(summaries: Iterator[Json]) -> Json:
    every = list(summaries)
    return {key: sum(summary[key] for summary in every) for key in _COUNTED}
