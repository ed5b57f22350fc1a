"""The organization ``acme``: its projects, workflows and devices, and what ran on them.

The constants are what tests and the documentation name; ids come from names, so they are the same in every process.
"""

import hashlib
from dataclasses import dataclass, field

from ci_mcp.sandbox.firmwareci.history import REQUESTS, WAYS, RequestSpec
from ci_mcp.sandbox.firmwareci.model import NEVER, Dut, Job, Project, Step, Test, Workflow, make_ulid
from ci_mcp.sandbox.plan import Clock

TOKEN = "demo-firmwareci-token"  # noqa: S105 - made up
ORGANIZATION = "acme"
SECRET_VALUE = "demo-secret-value-never-to-be-shown"  # noqa: S105 - made up: it stands where real devices have passwords
_PREPARES = 20.0  # seconds until a device is free
_PROJECTS = ("shop", "shop-release", "shop-fails-soon", "shop-passes-soon", "lab", "boards")
_ABOUT = {
    "linux-boot": "The board boots Linux and shows its login prompt",
    "firmware-version": "The board runs the firmware that was flashed",
    "write-protection": "The flash is protected from the host",
}


def job_id(project: str, key: str, test: str = "linux-boot") -> str:
    """The id of the job of one test of a request of ``history.REQUESTS``."""
    spec = next(spec for spec in REQUESTS if (spec.project, spec.key) == (project, key))
    # The failed test's job is the newest of its request, as the first one that a person sees.
    order = sorted(spec.ways, key=lambda name: (spec.ways[name] not in _BAD, name), reverse=True)
    return make_ulid("job", project, key, test, age=spec.age - order.index(test) / 1000)


def request_id(project: str, key: str) -> str:
    """The id of a request of ``history.REQUESTS``."""
    spec = next(spec for spec in REQUESTS if (spec.project, spec.key) == (project, key))
    return make_ulid("request", project, key, age=spec.age)


_BAD = frozenset(name for name, steps in WAYS.items() if any(step.exit_code for step in steps))
SHOP_JOB = job_id("shop", "boot-9")  # the newest: failed, the console never shows its login prompt
SHOP_GREEN_JOB = job_id("shop", "boot-8")
SHOP_REQUEST = request_id("shop", "boot-9")
SHOP_RELEASE_JOB = job_id("shop-release", "release-2", "write-protection")
SHOP_FAILS_SOON_JOB = job_id("shop-fails-soon", "fails-2")
SHOP_PASSES_SOON_JOB = job_id("shop-passes-soon", "passes-2")
QUEUED_JOB = job_id("lab", "queued-1")
PREPARING_JOB = job_id("lab", "preparing-1")
RUNNING_JOB = job_id("lab", "running-1")
ABORTED_JOB = job_id("lab", "aborted-1")
UNREACHABLE_JOB = job_id("lab", "unreachable-1")
MATRIX_REQUEST = request_id("boards", "matrix-2")  # 40 jobs, of which 12 failed


@dataclass(slots=True, eq=False)
class World:
    """Everything that there is; jobs are newest first."""

    clock: Clock
    projects: tuple[Project, ...] = ()
    workflows: tuple[Workflow, ...] = ()
    duts: tuple[Dut, ...] = ()
    jobs: list[Job] = field(default_factory=list)

    def now(self) -> float:
        """Seconds since the sandbox started."""
        return self.clock.now()


def make_world(clock: Clock) -> World:
    """The whole organization, as it stands when the sandbox starts."""
    projects = tuple(Project(name, f"https://github.com/acme/{name}") for name in _PROJECTS)
    workflows = tuple(_workflows(projects))
    duts = tuple(dut for project in projects for dut in _duts(project))
    world = World(clock, projects, workflows, duts)
    by_name = {(one.project.name, one.name): one for one in workflows}
    for spec in REQUESTS:
        world.jobs.extend(_jobs(spec, by_name[spec.project, spec.workflow], duts))
    world.jobs.sort(key=lambda job: job.id, reverse=True)
    return world


def _workflows(projects: tuple[Project, ...]) -> list[Workflow]:
    names = dict.fromkeys((spec.project, spec.workflow) for spec in REQUESTS)
    found = []
    for project in projects:
        for _, name in (pair for pair in names if pair[0] == project.name):
            tests = dict.fromkeys(
                test for spec in REQUESTS if (spec.project, spec.workflow) == (project.name, name) for test in spec.ways
            )
            about = f"Flashes the firmware and tests it on the board ({name})"
            found.append(Workflow(name, about, "edge-100", project, tuple(Test(t, _about(t)) for t in tests)))
    return found


def _about(test: str) -> str:
    return _ABOUT.get(test, f"{test} boots Linux")


def _duts(project: Project) -> list[Dut]:
    count = 12 if project.name == "boards" else 2
    return [
        Dut(
            f"edge-100-rack{number}",
            "edge-100",
            project,
            {
                "host": f"192.0.2.{40 + number}",
                "bmc_user": "lab",
                "bmc_password": SECRET_VALUE,
                "serial_device": "/dev/ttyUSB0",
                "dutctl_agent": f"192.0.2.{40 + number}:1024",
            },
        )
        for number in range(1, count + 1)
    ]


def _jobs(spec: RequestSpec, workflow: Workflow, duts: tuple[Dut, ...]) -> list[Job]:
    own = [dut for dut in duts if dut.project is workflow.project]
    return [
        _job(spec, workflow, test, own[number % len(own)])
        for number, test in enumerate(one for one in workflow.tests if one.name in spec.ways)
    ]


def _job(spec: RequestSpec, workflow: Workflow, test: Test, dut: Dut) -> Job:
    way = spec.ways[test.name]
    steps = WAYS[way]
    seconds = sum(step.seconds for step in steps)
    created = -spec.age
    started = -NEVER if not steps else created + _PREPARES + 5
    if spec.ends_in is not None:
        started = spec.ends_in - seconds
        created = started - _PREPARES - 5
    finished = started + seconds
    bad = next((step for step in steps if step.error), None)
    result, error = ("failed", f"{bad.stage}: step {bad.name!r} failed: {bad.error}") if bad else ("succeeded", "")
    if spec.aborted_after:
        finished, result, error = created + spec.aborted_after, "aborted", "aborted by ada"
    job = Job(
        id=job_id(spec.project, spec.key, test.name),
        request=request_id(spec.project, spec.key),
        workflow=workflow,
        test=test,
        dut=dut if way != "queued" else None,
        commit=hashlib.sha1(f"{spec.project}/{spec.key}".encode(), usedforsecurity=False).hexdigest(),
        created=created,
        prepares=NEVER if way == "queued" else created + _PREPARES,
        started=started if steps else NEVER,
        finished=finished if steps else NEVER,
        result=result,
        error=error,
    )
    job.steps = _steps(way, job.started)
    return job


def _steps(way: str, at: float) -> tuple[Step, ...]:
    found = []
    for spec in WAYS[way]:
        found.append(Step(spec, at, at + spec.seconds))
        at += spec.seconds
    return tuple(found)
