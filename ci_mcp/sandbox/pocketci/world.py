"""Everything that a PocketCI knows, and what changes it: starting, stopping and resuming runs, opening gates.

The constants are what tests, the guided demo and the documentation name; all ids come from names, so they are the
same in every process. ``make_world`` makes the data anew for each sandbox.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ci_mcp.sandbox.plan import Clock
from ci_mcp.sandbox.pocketci.engine import carry_out
from ci_mcp.sandbox.pocketci.history import PIPELINES, RUNS, RunSpec
from ci_mcp.sandbox.pocketci.model import (
    NEVER,
    STOPPED,
    Gate,
    Json,
    Pipeline,
    Row,
    Run,
    Schedule,
    make_pipeline_id,
    make_run_id,
)

TOKEN = "demo-pocketci-token"  # noqa: S105 - made up
FEATURES = ("webhooks", "secrets", "notifications", "fetch", "resume", "schedules", "gates")
DRIVERS = ("native", "docker")
_STARTED_PACE = 0.2  # what is started takes seconds where the original took minutes
_STOP_SECONDS = 0.2
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Limits:
    """How many runs may be in flight, and how many may wait behind them."""

    in_flight: int = 10
    queue: int = 100


class QueueFull(Exception):  # noqa: N818 - an answer, not a fault of the program
    """Too many runs wait; ``in_flight`` says how many run."""

    def __init__(self, in_flight: int) -> None:
        """Refuse to take one more."""
        super().__init__(in_flight)
        self.in_flight = in_flight


@dataclass(slots=True)
class World:
    """Everything there is."""

    clock: Clock
    features: tuple[str, ...] = FEATURES
    limits: Limits = field(default_factory=Limits)
    pipelines: dict[str, Pipeline] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)
    shares: dict[str, str] = field(default_factory=dict)
    pace: float = _STARTED_PACE

    def now(self) -> float:
        """The moment."""
        return self.clock.now()

    def named(self, name: str) -> Pipeline | None:
        """The pipeline of that name."""
        return next((one for one in self.pipelines.values() if one.name == name), None)

    def newest(self, pipeline_id: str) -> list[Run]:
        """The runs of a pipeline, newest first; of those of one second the one that came first is first."""
        now = self.now()
        found = [run for run in self.runs.values() if run.pipeline.id == pipeline_id and run.created <= now]
        return sorted(found, key=lambda run: (-int(self.clock.unix(run.created)), run.serial))

    def put(self, name: str, content: str, kind: str, driver: str, settings: Json) -> Pipeline:
        """Make a pipeline, or change the one of that name, which keeps its id."""
        now, found = self.now(), self.named(name)
        if not found:
            found = Pipeline(make_pipeline_id(name, content), name, content, kind, driver, now, now)
            self.pipelines[found.id] = found
        found.content, found.content_type, found.driver, found.updated = content, kind, driver, now
        found.settings, found.resumable = settings, bool(settings.get("resume_enabled"))
        return found

    def gate(self, gate_id: str) -> tuple[Run, Gate] | None:
        """A gate and the run that waits at it."""
        now = self.now()
        every = ((run, gate) for run in self.runs.values() for gate in run.gates.values() if gate.created <= now)
        return next((pair for pair in every if pair[1].id == gate_id), None)

    def waiting(self) -> list[Run]:
        """The runs that wait to run, in the order in which they came."""
        now = self.now()
        return [run for run in self.runs.values() if run.created <= now and run.status(now) == "queued"]

    def add(self, pipeline: Pipeline, run_id: str, created: float, **more: Any) -> Run:
        """Make a run known, before anything is settled about it."""
        self.runs[run_id] = run = Run(run_id, pipeline, created, len(self.runs) + 1, **more)
        return run

    def trigger(self, pipeline: Pipeline, trigger_input: Json, by: str, kind: str = "manual") -> Run:
        """Start a run, as far as the pipeline's settings let it run.

        Raises:
            QueueFull: too many wait already.
        """
        now = self.now()
        self.check_queue()
        serial = sum(run.pipeline is pipeline for run in self.runs.values())
        run_id = make_run_id("started", pipeline.id, serial)
        mode = pipeline.settings.get("concurrency_mode", "")
        run = self.add(
            pipeline, run_id, now, trigger_type=kind, triggered_by=by, trigger_input=trigger_input, pace=self.pace
        )
        run.group = _group(pipeline) if mode else ""
        peers = [one for one in self.runs.values() if one is not run and _in_flight(one, now) and one.group]
        peer = next((one for one in peers if one.group == run.group), None)
        if peer and mode == "skip-if-running":
            run.end, run.result = now, "skipped"
            run.error = f"skipped: pipeline already running (peer run {peer.id})"
        elif peer and pipeline.settings.get("concurrency_cancel_running"):
            self.stop(peer)
        self.settle()
        return run

    def check_queue(self) -> None:
        """Raise `QueueFull` where nothing more can be taken."""
        now = self.now()
        taken = sum(_in_flight(run, now) for run in self.runs.values())
        if taken >= self.limits.in_flight + self.limits.queue:
            raise QueueFull(self.limits.in_flight)

    def stop(self, run: Run) -> str:
        """Stop a run that is in flight; the word for what becomes of it."""
        now = self.now()
        run.stopped = True
        if run.status(now) == "queued":
            run.begin, run.end, run.result, run.error = NEVER, now, "failed", STOPPED
            self.settle()
            return "stopped"
        _cut_short(run, now)
        self.settle()
        return "stopping"

    def resume(self, run: Run) -> None:
        """Run a failed run again under its own id: what passed is kept, a run that was stopped just fails again.

        Raises:
            QueueFull: too many wait already.
        """
        self.check_queue()
        run.before, run.begin, run.end = (run.end, run.error), NEVER, NEVER
        run.kept = {row.path: row for row in run.rows if run.stopped or _keeps(row)}
        run.pace = self.pace
        self.settle()

    def resolve(self, run: Run, gate: Gate, status: str, by: str) -> None:
        """Open a gate, or shut it for good; what is behind it is settled anew."""
        gate.resolved, gate.status, gate.by = self.now(), status, by
        carry_out(run, run.begin)
        self.settle()

    def settle(self) -> None:
        """Settle when the runs that wait begin: as many run as may, and none beside one of its group."""
        now = self.now()
        placed = [run for run in self.runs.values() if run.begin <= now < run.end]
        for run in self.waiting():
            ends = sorted(one.end for one in placed)
            most = self.limits.in_flight
            at = max(now, ends[-most]) if len(ends) >= most else now
            at = max([at, *(one.end for one in placed if run.group and one.group == run.group)])
            if at < NEVER:
                carry_out(run, at + 0.01)
                placed.append(run)
            else:
                run.begin = NEVER


def _in_flight(run: Run, now: float) -> bool:
    return run.created <= now < run.end


def _keeps(row: Row) -> bool:
    return "/tasks/" in row.path and row.status == "success"


def _group(pipeline: Pipeline) -> str:
    template = str(pipeline.settings.get("concurrency_group_template", ""))
    return template or f"pipeline:{pipeline.id}"


def pipeline_id(name: str) -> str:
    """The id of a pipeline of ``history.PIPELINES``."""
    return make_pipeline_id(name, PIPELINES[name].content)


def run_id(pipeline: str, key: str) -> str:
    """The id of a run of ``history.RUNS``."""
    return next(spec.id for spec in RUNS if (spec.pipeline, spec.key) == (pipeline, key))


SHOP = pipeline_id("shop")
SHOP_RUN = run_id("shop", "main-4")  # the newest: failed
SHOP_FAILED_TASK = "jobs/test/1/tasks/pytest"
SHOP_GREEN_RUN = run_id("shop", "main-3")
SHOP_RELEASE_RUN = run_id("shop-release", "release-2")
SHOP_FAILS_SOON_RUN = run_id("shop-fails-soon", "soon-1")
SHOP_PASSES_SOON_RUN = run_id("shop-passes-soon", "soon-1")
MATRIX_RUN = run_id("matrix", "matrix-1")  # 200 tasks, of which 12 failed, 5 of them alike
DASH_RUN = run_id("nightly", "nightly-7")  # its id begins with a dash
BIG_RUN = run_id("index", "index-1")  # 25 MB of log of a task that passed, and a small one that failed
SECRET_RUN = run_id("deliver", "deliver-1")  # a webhook's headers and a task's log hold secrets
GATED = pipeline_id("deploy")
GATED_RUN = run_id("deploy", "deploy-2")  # waits at its gate
STOPPED_RUN = run_id("nightly", "nightly-6")
SKIPPED_RUN = run_id("mirror", "mirror-2")
NO_TASKS_RUN = run_id("broken-source", "broken-1")
TYPESCRIPT_RUN = run_id("compile-ts", "compile-1")  # success, though its task failed
THROWN_RUN = run_id("compile-throws", "throws-1")
TRY_RUN = run_id("optional-checks", "try-1")  # failed, though every job passed
HOOK_RUN = run_id("with-hooks", "hook-1")  # the same, by a job's on_failure
PARALLEL_RUN = run_id("shards", "shards-1")
ATTEMPTS_RUN = run_id("flaky", "flaky-1")
ACROSS_RUN = run_id("versions", "versions-1")
TIMEOUT_RUN = run_id("slow-tests", "slow-1")
AGENT_RUN = run_id("review", "review-1")
RUNNING_RUN = run_id("soak", "soak-1")  # still runs for an hour


def make_world(clock: Clock, features: tuple[str, ...] = FEATURES, limits: Limits | None = None) -> World:
    """A PocketCI with nothing in it."""
    return World(clock, features, limits or Limits())


def make_demo(clock: Clock) -> World:
    """The PocketCI of the demo, as it stands when the sandbox starts."""
    world = make_world(clock)
    for number, (name, spec) in enumerate(PIPELINES.items()):
        made = -_DAY * 90 - number * 60.0
        pipeline = Pipeline(
            make_pipeline_id(name, spec.content), name, spec.content, spec.kind, spec.driver, made, made,
            settings=dict(spec.settings), recordings=spec.recordings,
        )  # fmt: skip
        pipeline.schedules = [
            Schedule(make_run_id("schedule", name, job), job, kind, expression, job, made)
            for job, kind, expression in spec.schedules
        ]
        pipeline.resumable = bool(spec.settings.get("resume_enabled"))
        world.pipelines[pipeline.id] = pipeline
    for run in sorted(RUNS, key=lambda spec: -spec.age):
        _add(world, run)
    return world


def _add(world: World, spec: RunSpec) -> None:
    pipeline = world.pipelines[pipeline_id(spec.pipeline)]
    recordings: Mapping[str, str] = spec.recordings
    run = world.add(
        pipeline, spec.id, -spec.age, trigger_type=spec.how, triggered_by=spec.who, trigger_input=dict(spec.input),
        recordings=recordings,
    )  # fmt: skip
    run.group = _group(pipeline) if pipeline.settings.get("concurrency_mode") else ""
    if spec.skipped_for:
        run.end, run.result = -spec.age, "skipped"
        run.error = f"skipped: pipeline already running (peer run {run_id(spec.pipeline, spec.skipped_for)})"
        return
    run.pace = spec.pace
    carry_out(run, -spec.age + 0.4)
    if spec.ends_in is not None:
        run.created += spec.ends_in - run.end
        carry_out(run, run.created + 0.4)
    if spec.ended_after:
        at = spec.ended_after - spec.age
        _cut_short(run, at)
        run.stopped, run.error = not spec.error, spec.error or STOPPED


def _cut_short(run: Run, at: float) -> None:
    """End a run before its time: what has not ended is aborted, what has not begun never does."""
    run.end, run.result, run.error = at + _STOP_SECONDS, "failed", STOPPED
    run.rows = run.visible_rows(at)
    for row in run.rows:
        row.abort(at)
