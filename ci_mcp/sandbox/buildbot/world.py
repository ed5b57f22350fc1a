"""The master: its builders and workers, and what ran there.

The constants are what tests, the guided demo and the documentation name. Ids count up from 1 by age, so they are
the same in every process.
"""

from dataclasses import dataclass, field
from typing import Any

from ci_mcp.sandbox.buildbot.history import BUILDERS, BUILDS, BuildSpec
from ci_mcp.sandbox.buildbot.model import (
    CANCELLED,
    FAILURE,
    NEVER,
    SUCCESS,
    WARNINGS,
    Build,
    Builder,
    Change,
    Log,
    Request,
    Source,
    Step,
    StepSpec,
    Worker,
    make_commit,
    worst,
)
from ci_mcp.sandbox.plan import Clock
from ci_mcp.sandbox.recordings import exit_codes

USER, PASSWORD = "ada", "demo-buildbot-password"
OTHER_USER, OTHER_PASSWORD = "ben", "demo-buildbot-other-password"
SECRET_VALUE = "demo-secret-value-never-to-be-shown"  # noqa: S105 - made up: it stands where workers have secrets
REPOSITORY = "https://github.com/acme/shop"
START_PACE = 0.05  # what is started takes seconds where the original took minutes
_WAIT = 1.5
_PREPARE = 0.5
_PREPARATION = StepSpec("worker_preparation", seconds=_PREPARE, exit_code=None)
_AUTHOR = "Ben Ode <ben@acme.example>"


@dataclass(slots=True, eq=False)
class World:
    """Everything that there is; all lists are by id, oldest first."""

    clock: Clock
    builders: list[Builder] = field(default_factory=list)
    workers: list[Worker] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    builds: list[Build] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    logs: list[Log] = field(default_factory=list)
    disabled: set[str] = field(default_factory=set)
    keys: dict[str, Build] = field(default_factory=dict)

    def now(self) -> float:
        """Seconds since the sandbox started."""
        return self.clock.now()

    def started(self) -> list[Build]:
        """The builds that have begun."""
        now = self.now()
        return [build for build in self.builds if build.started <= now]

    def builder(self, named: str | int) -> Builder | None:
        """A builder by its id or name."""
        text = str(named)
        key = int(text) if text.isdecimal() else None
        return next((one for one in self.builders if (one.id == key if key is not None else one.name == text)), None)

    def ask(self, builder: Builder, at: float, source: Source, reason: str, properties: dict[str, Any]) -> Request:
        """Wish for a build: nothing takes it yet."""
        number = len(self.requests) + 1
        request = Request(number, number, builder, at, source, reason, properties)
        self.requests.append(request)
        return request

    def run(self, request: Request, at: float, specs: tuple[StepSpec, ...], pace: float = 1) -> Build:
        """Let a worker take a request."""
        number = 1 + sum(build.builder is request.builder for build in self.builds)
        worker = self._worker(request.builder)
        build = Build(len(self.builds) + 1, number, request.builder, request, worker, at, specs, {})
        build.properties = _properties(build)
        request.claimed = min(request.claimed, at)
        request.builds.append(build)
        self.builds.append(build)
        for spec in (_PREPARATION, *specs):
            self._step(build, spec, at, pace)
            at = build.steps[-1].end
        build.finished = at
        build.results = worst([_counted(step) for step in build.steps])
        return build

    def _worker(self, builder: Builder) -> Worker:
        names = builder.workers or ("worker-1",)
        return next(one for one in self.workers if one.name == names[len(self.builds) % len(names)])

    def _step(self, build: Build, spec: StepSpec, at: float, pace: float) -> None:
        end = at + spec.seconds * pace
        step = Step(len(self.steps) + 1, build, len(build.steps), spec, at, end, _ending(spec))
        self.steps.append(step)
        build.steps.append(step)
        if spec.exit_code is not None:
            self.log(step, "stdio", "s", "")
        for name, kind, text in spec.logs:
            self.log(step, name, kind, text)

    def log(self, step: Step, name: str, kind: str, text: str) -> None:
        """Give a step one more log."""
        log = Log(len(self.logs) + 1, step, name, kind, text)
        self.logs.append(log)
        step.logs.append(log)

    def stop(self, build: Build, at: float, results: int, why: str) -> None:
        """End a build before its time: what runs is killed, what has not begun never does."""
        build.results, build.finished, build.why = results, at, why
        build.steps = [step for step in build.steps if step.begin <= at]
        for step in build.steps:
            if step.end > at:
                step.end, step.results = at, results
                if results == CANCELLED:
                    self.log(step, "cancelled", "t", f"{why}\n")

    def source(self, at: float, branch: str, revision: str, change: Change | None = None) -> Source:
        """A sourcestamp."""
        made = Source(len(self.sources) + 1, at, branch, revision, "shop", change)
        self.sources.append(made)
        return made


def _ending(spec: StepSpec) -> int:
    if spec.results is not None:
        return spec.results
    return FAILURE if spec.recording and exit_codes()[spec.recording] else SUCCESS


def _counted(step: Step) -> int:
    """What a step counts for its build."""
    return WARNINGS if step.spec.warns and step.results == FAILURE else step.results


def _properties(build: Build) -> dict[str, Any]:
    request, worker = build.request, build.worker.name
    folder = f"/srv/buildbot/{worker}"
    known: dict[str, Any] = {
        "basedir": [folder, "Worker"],
        "branch": [request.source.branch, "Build"],
        "builddir": [f"{folder}/{build.builder.name.replace('/', '_')}", "Worker"],
        "builderid": [build.builder.id, "Builder"],
        "buildername": [build.builder.name, "Builder"],
        "buildnumber": [build.number, "Build"],
        "codebase": ["", "Build"],
        "project": [request.source.project, "Build"],
        "repository": [REPOSITORY, "Build"],
        "revision": [request.source.revision, "Build"],
        "workername": [worker, "Worker"],
    }
    if request.source.revision:
        known["got_revision"] = [request.source.revision, "Git"]
    if request.source.change:
        known["owners"] = [[request.source.change.author], "Build"]
    if build.builder.project:
        known |= {"projectid": [build.builder.project, "Builder"], "projectname": ["shop", "Builder"]}
    return known | request.properties


def make_world(clock: Clock) -> World:
    """The whole master, as it stands when the sandbox starts."""
    world = World(clock)
    world.builders = [
        Builder(number, name, workers, about, tags, 1 if shop else None)
        for number, (name, workers, about, tags, shop) in enumerate(BUILDERS, 1)
    ]
    world.workers = [Worker(1, "gone", there=False), Worker(2, "worker-1"), Worker(3, "worker-2")]
    for spec in sorted(BUILDS, key=lambda one: -one.age):
        _add(world, spec)
    return world


def _add(world: World, spec: BuildSpec) -> None:
    builder = world.builder(spec.builder)
    if builder is None:
        raise KeyError(spec.builder)
    at = -spec.age
    if spec.ends_in is not None:
        at = spec.ends_in - _WAIT - _PREPARE - sum(step.seconds for step in spec.steps)
    request = world.keys[spec.follows].request if spec.follows else _request(world, spec, builder, at)
    if spec.waits is not None:
        request.cancelled = at + spec.waits if spec.waits else NEVER
        return
    build = world.run(request, at + _WAIT, spec.steps)
    world.keys[spec.key] = build
    if spec.stopped:
        results, seconds, why = spec.stopped
        world.stop(build, build.started + seconds, results, why)


def _request(world: World, spec: BuildSpec, builder: Builder, at: float) -> Request:
    revision = make_commit("shop", spec.key)
    if spec.forced:
        reason = f"A build was forced by '{spec.forced}': {spec.reason}"
        properties: dict[str, Any] = {
            "owner": [spec.forced, "Force Build Form"], "reason": [spec.reason, "Force Build Form"],
            "scheduler": ["force", "Scheduler"],
        }  # fmt: skip
        return world.ask(builder, at, world.source(at, spec.branch, revision), reason, properties)
    if spec.triggered_by:
        parent = world.keys[spec.triggered_by]
        request = world.ask(builder, at, parent.request.source, "trigger", {"scheduler": ["inner", "Scheduler"]})
        request.parent = parent.id
        return request
    comments = f"Change the cart ({spec.key})\n\nIts total counts what is in it."
    files = ("shop/cart.py", "README.md")
    change = Change(len(world.changes) + 1, at - 1, _AUTHOR, comments, spec.branch, revision, files, "shop")
    world.changes.append(change)
    source = world.source(at - 1, spec.branch, revision, change)
    return world.ask(builder, at, source, "scheduler", {"scheduler": ["branches", "Scheduler"]})


def build_id(key: str) -> int:
    """The id of a build of ``history.BUILDS``."""
    order = sorted((spec for spec in BUILDS if spec.waits is None), key=lambda spec: -spec.age)
    return next(number for number, spec in enumerate(order, 1) if spec.key == key)


def build_number(key: str) -> int:
    """The number of a build of ``history.BUILDS`` among those of its builder."""
    spec = next(spec for spec in BUILDS if spec.key == key)
    own = [one for one in BUILDS if one.builder == spec.builder and one.waits is None]
    return sorted(own, key=lambda one: -one.age).index(spec) + 1


SHOP_BUILDER = 1
SHOP_MAIN_BUILD = build_id("main-8")  # the newest of main: failed
SHOP_MAIN_NUMBER = build_number("main-8")
SHOP_MAIN_GREEN_BUILD = build_id("main-7")
SHOP_RELEASE_BUILD = build_id("release-2")
SHOP_FAILS_SOON_BUILD = build_id("fails-soon-1")
SHOP_PASSES_SOON_BUILD = build_id("passes-soon-1")
SHOP_WARNS_BUILD = build_id("main-5")  # a step failed, which counts as a warning
SHOP_STOPPED_BUILD = build_id("main-2")
SHOP_LOST_BUILD = build_id("lost-1")  # its worker was lost: its request had a second build
MANY_BUILD = build_id("many-1")  # 200 steps, of which 12 failed
BIG_BUILD = build_id("big-1")
HANG_BUILD = build_id("hang-1")
BROKEN_BUILD = build_id("broken-1")
SLOW_BUILD = build_id("slow-1")  # it runs
NIGHTLY_BUILD = build_id("nightly-1")
INNER_BUILD = build_id("inner-1")
SKIPS_BUILD = build_id("skips-1")
