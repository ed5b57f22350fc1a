"""What Test Engine knows: suites, runs and executions, read from the reports that recorded jobs left behind."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from ci_mcp.sandbox.buildkite.model import Build, Job, make_id
from ci_mcp.sandbox.buildkite.world import World
from ci_mcp.sandbox.recordings import recording

SUITES = {"shop-pytest": "Shop Pytest", "shop-integration": "Shop Integration"}


@dataclass(frozen=True, slots=True)
class Case:
    """A test case of a recorded report; ``failure`` is empty where it passed."""

    scope: str
    name: str
    location: str
    seconds: float
    failure: str
    details: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Test:
    """A test of a suite."""

    id: str
    suite: str
    case: Case


@dataclass(frozen=True, slots=True)
class Execution:
    """One execution of a test by a job."""

    id: str
    test: Test
    job: Job
    case: Case
    at: float

    @property
    def result(self) -> str:
        """Passed or failed."""
        return "failed" if self.case.failure else "passed"


@dataclass(frozen=True, slots=True)
class TestRun:
    """What the jobs of one build reported to one suite."""

    id: str
    suite: str
    build: Build
    executions: tuple[Execution, ...]
    finished: bool

    @property
    def suite_reference(self) -> dict[str, str]:
        """The suite as a build names it."""
        return {"id": make_id("suite", self.suite), "slug": self.suite}

    @property
    def result(self) -> str:
        """Failed where any execution failed, even one that a retry made good."""
        if any(one.case.failure for one in self.executions):
            return "failed"
        return "passed" if self.finished else "pending"


@cache
def cases_of(name: str) -> tuple[Case, ...]:
    """The test cases that a recorded job reported."""
    report = recording(name).report
    root = ET.fromstring(report) if report else ET.Element("none")  # noqa: S314 - our own recordings
    return tuple(_case(element) for element in root.iter("testcase"))


def _case(element: ET.Element) -> Case:
    scope, name = element.get("classname", ""), element.get("name", "")
    path = scope.replace(".", "/") + ".py"
    bad = next((child for child in element if child.tag in {"failure", "error"}), None)
    text = bad.text or "" if bad is not None else ""
    lines = tuple(text.splitlines())
    found = next((line.partition(": ")[0] for line in lines if line.startswith(f"{path}:")), f"{path}:{len(name)}")
    failure = (bad.get("message") or "failed").splitlines()[0] if bad is not None else ""
    return Case(scope, name, found.rstrip(": "), float(element.get("time", "0")), failure, lines)


def runs_of(build: Build, world: World) -> list[TestRun]:
    """The runs of a build, one for each suite that its jobs have reported to."""
    if not build.reports:
        return []
    now = world.now()
    found = []
    for suite in SUITES:
        jobs = [job for job in build.all_jobs if job.recording.startswith(suite)]
        told = [job for job in jobs if job.has_run(now) and job.finished <= now]
        executions = tuple(one for job in told for one in _executions(suite, job))
        if executions:
            over = build.finished_at(now) is not None
            found.append(TestRun(make_id("run", build.id, suite), suite, build, executions, over))
    return found


def _executions(suite: str, job: Job) -> Iterator[Execution]:
    for case in cases_of(job.recording):
        test = Test(make_id("test", suite, case.scope, case.name), suite, case)
        yield Execution(make_id("execution", job.id, test.id), test, job, case, job.finished - case.seconds)


def all_runs(world: World, suite: str) -> list[TestRun]:
    """The runs of a suite, newest first."""
    return [run for build in world.newest() for run in runs_of(build, world) if run.suite == suite]
