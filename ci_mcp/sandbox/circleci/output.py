"""The steps of a job and what they print, made from recorded jobs."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from ci_mcp.sandbox.circleci.model import Job
from ci_mcp.sandbox.circleci.world import SHOP_BIG_JOB
from ci_mcp.sandbox.plan import Clock
from ci_mcp.sandbox.recordings import Recording, recording
from ci_mcp.sandbox.recordings import Step as Recorded

_BIG_LINES = 124_000
_BIG_TAIL = 4_000
_NO_OUTPUT = "\nToo long with no output (exceeded 10m0s): context deadline exceeded\n"
_CANCELED = "\ncontext canceled\n"
_SPIN_UP = (
    "Build-agent version 1.0.366542-0df2e5a1 (2026-11-18T09:12:33+0000)\n"
    "System information:\n Server Version: 28.5.1\n Storage Driver: overlay2\n Cgroup Driver: systemd\n"
    " Kernel Version: 6.14.0-1017-aws\n Operating System: Ubuntu 24.04.3 LTS\n OSType: linux\n\n"
    "Starting container cimg/python:3.11\n"
    "  image is cached as cimg/python:3.11, but refreshing...\n"
    "3.11: Pulling from cimg/python\nStatus: Image is up to date for cimg/python:3.11\n"
    "Time to upload agent and config: 412.7ms\nTime to start containers: 301.2ms\n"
)
_SPIN_UP_LOST = (
    "Build-agent version 1.0.366542-0df2e5a1 (2026-11-18T09:12:33+0000)\n"
    "Creating a dedicated VM with ubuntu-2204-cuda-12:current image\n"
    "Still waiting for VM of class gpu.nvidia.large to become available\n"
    "Unexpected preparation error: could not create VM: capacity unavailable in every zone\n"
)
_UPLOAD = "Archiving the following test results\n  * /home/circleci/project/junit.xml\n\nUploading: 1 file\n"
_VARIABLES = (
    "Using build environment variables:\n  BASH_ENV=/tmp/.bash_env\n  CI=true\n  CIRCLECI=true\n"
    "  CIRCLE_BRANCH={branch}\n  CIRCLE_BUILD_NUM={number}\n  CIRCLE_JOB={name}\n  CIRCLE_NODE_INDEX={node}\n"
    "  CIRCLE_NODE_TOTAL={nodes}\n  CIRCLE_PROJECT_REPONAME={project}\n  CIRCLE_PROJECT_USERNAME=acme\n"
    "  CIRCLE_SHA1={commit}\n  CIRCLE_WORKFLOW_ID={workflow}\n\n"
    "Using environment variables from project settings and/or contexts:\n  STRIPE_API_KEY=**REDACTED**\n"
)


@dataclass(frozen=True, slots=True)
class Step:
    """A step of one node of a job, as far as it has got.

    Attributes:
        num: its number, which has gaps.
        kind: its type in API v3.
        text: what it has printed; of a command, first the command itself.
        outcome: success, failed, timedout, infrastructure_fail or canceled; empty while it runs.
        exit_code: that of its command; None where it has none.
        stopped: None while it runs.
        stderr: True where its last words are on standard error.
    """

    num: int
    name: str
    kind: str
    command: str
    text: str
    outcome: str
    exit_code: int | None
    started: float
    stopped: float | None
    stderr: str = ""

    @property
    def stdout_bytes(self) -> bytes:
        """Standard output as it is kept."""
        return _on_a_terminal(self.text)

    @property
    def stderr_bytes(self) -> bytes:
        """Standard error as it is kept."""
        return _on_a_terminal(self.stderr)


@dataclass(frozen=True, slots=True)
class _Planned:
    """A step of a job that has ended, without its times."""

    num: int
    name: str
    kind: str
    command: str
    text: str
    outcome: str
    exit_code: int | None
    weight: float
    stderr: str = ""


def steps_of(job: Job, node: int, clock: Clock) -> list[Step]:
    """The steps of a node that have begun."""
    now = clock.now()
    if not job.has_run(now):
        return []
    plan = list(_plan(job, node))
    stretch = (_planned_end(job) - job.started) / sum(step.weight for step in plan)
    found, at = [], job.started
    until = min(now, job.stopped)
    for step in plan:
        end = at + step.weight * stretch
        if at <= until:
            found.append(_as_it_stands(job, step, at, end, until))
        at = end
    return found


def _as_it_stands(job: Job, step: _Planned, at: float, end: float, until: float) -> Step:
    slack = 1e-3  # steps add up to the job's time only within rounding
    if until + slack >= end:
        return Step(
            step.num, step.name, step.kind, step.command, step.text, step.outcome, step.exit_code, at,
            min(end, job.stopped), step.stderr,
        )  # fmt: skip
    seen = step.text[: int(len(step.text) * (until - at) / (end - at))]
    if until >= job.stopped:  # cancelled in the middle of it
        return Step(step.num, step.name, step.kind, step.command, seen + _CANCELED, "canceled", None, at, job.stopped)
    return Step(step.num, step.name, step.kind, step.command, seen, "", None, at, None)


def _planned_end(job: Job) -> float:
    """When the job would have ended: one that was cancelled ends in the middle of a step."""
    return job.started + job.spec.seconds * job.paced if job.result == "canceled" else job.stopped


def _plan(job: Job, node: int) -> Iterator[_Planned]:
    """All steps of a node, as they are once it has ended."""
    pipeline, spec = job.workflow.pipeline, job.spec
    if not spec.recording:
        yield _Planned(0, "Spin up environment", "spinup_environment", "", _SPIN_UP_LOST, spec.result, None, 1)
        return
    yield _Planned(0, "Spin up environment", "spinup_environment", "", _SPIN_UP, "success", None, 1)
    variables = _VARIABLES.format(
        branch=pipeline.branch, number=job.number, name=spec.name, node=node, nodes=spec.nodes,
        project=pipeline.project.name, commit=pipeline.commit, workflow=job.workflow.id,
    )  # fmt: skip
    yield _Planned(99, "Preparing environment variables", "run", "", variables, "success", None, 0.1)
    log, num = recording(spec.recording), 101
    result = job.node_result(node) if job.result != "canceled" else spec.result
    if spec.bad_nodes and node not in spec.bad_nodes:
        log = recording(spec.recording.replace("-failed", "-passed"))
    for step in log.steps:
        if step.command.startswith("sem-version"):
            continue
        yield _planned(job, log, step, num, result)
        num += 1 if step.command != "checkout" else 2
    if log.report:
        yield _Planned(num + 1, "Uploading test results", "store_test_results", "", _UPLOAD, "success", None, 0.2)


def _planned(job: Job, log: Recording, step: Recorded, num: int, result: str) -> _Planned:
    weight = step.seconds + 0.1
    if step.command == "checkout":
        return _Planned(num, "Checkout code", "checkout", "", _as_of(job, log, step), "success", None, weight)
    name = step.command.partition("\n")[0]
    text = f"#!/bin/bash -eo pipefail\n{step.command}\n"
    said = _as_of(job, log, step)
    if job.id == SHOP_BIG_JOB and step.exit_code:
        said = _big(said)
    if not step.exit_code:
        return _Planned(num, name, "run", step.command, text + said, "success", 0, weight)
    if result == "timedout":
        said = said.removesuffix("Killed\n")
        return _Planned(num, name, "run", step.command, text + said + _NO_OUTPUT, "timedout", None, weight)
    end = f"\nExited with code exit status {step.exit_code}\n"
    if job.spec.stderr:
        *first, last = said.splitlines(keepends=True)
        text = text + "".join(first) + end
        return _Planned(num, name, "run", step.command, text, "failed", step.exit_code, weight, stderr=last)
    return _Planned(num, name, "run", step.command, text + said + end, "failed", step.exit_code, weight)


def _as_of(job: Job, log: Recording, step: Recorded) -> str:
    """What a step printed, as if it had run here: with this pipeline's commit, in CircleCI's folders."""
    pipeline = job.workflow.pipeline
    text = step.output.replace(log.commit[:7], pipeline.commit[:7])
    for name in ("shop", "storefront", "billing", "warehouse"):
        text = text.replace(f"/home/semaphore/{name}", "/home/circleci/project")
    if step.command == "checkout":
        text = text.replace(log.subject, pipeline.message)
        lines = text.splitlines(keepends=True)
        text = "Cloning git repository\nCloning into '.'...\n" + "".join(lines[2:])
    return text.replace("semaphore", "circleci")


@cache
def _big(said: str) -> str:
    """Twelve megabytes around what a step said, and that not at the end."""
    line = "INFO  indexer: shelf {0:06d} article {1:07d} title, text and prices written to segment {2:03d} in {3} ms\n"
    lines = [line.format(number // 40, number, number % 512, 3 + number * 7 % 23) for number in range(_BIG_LINES)]
    drain = "INFO  indexer: segment {0:03d} closed, {1} documents kept for the next run\n"
    tail = [drain.format(number % 512, 100 + number % 311) for number in range(_BIG_TAIL)]
    return "".join(lines) + said + "".join(tail)


def _on_a_terminal(text: str) -> bytes:
    """A text as a terminal's driver passes it on, with CRLF."""
    return text.replace("\r\n", "\n").replace("\n", "\r\n").encode()
