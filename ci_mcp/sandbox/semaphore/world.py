"""The organization ``acme``: its projects, and what ran in them.

The constants are what tests, the guided demo and the documentation name; all ids come from names, so they are the
same in every process. ``make_world`` makes the data anew for each sandbox.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ci_mcp.sandbox.plan import Clock
from ci_mcp.sandbox.semaphore.history import RUNS
from ci_mcp.sandbox.semaphore.model import (
    PROCESSING_SECONDS,
    BlockSpec,
    Job,
    Pipeline,
    Project,
    Trigger,
    Workflow,
    fail_fast,
    lay_out,
    make_commit,
    make_id,
    stop,
)
from ci_mcp.sandbox.semaphore.runs import RunSpec, TriggerSpec

TOKEN = "demo-semaphore-token"  # noqa: S105 - made up
NO_FEATURES_TOKEN = "demo-no-features"  # noqa: S105 - made up: an organization without flaky tests, insights and MCP
NO_ARTIFACTS_TOKEN = "demo-no-artifacts"  # noqa: S105 - made up: an organization without the artifacts API
ORGANIZATION = make_id("acme")
USERS = {name: make_id("user", name) for name in ("ada", "ben", "scheduler")}
ME = USERS["ada"]  # whose token it is
AUTOMATIC = "Pipeline Done request"  # who triggered what a rule in the YAML triggered
SECRET_VALUE = "demo-secret-value-never-to-be-shown"  # noqa: S105 - made up: it stands where real jobs hold secrets

PROJECTS = {
    name: Project(make_id("project", name), name, description, url, integration, visible=name != "vault")
    for name, description, url, integration in (
        ("shop", "The web shop", "git@github.com:acme/shop.git", "github_app"),
        ("storefront", "What customers see", "https://github.com/acme/storefront.git", "github_token"),
        ("billing", "Invoices and the ledger", "git@gitlab.com:acme/billing.git", "gitlab"),
        ("warehouse", "Shelves, scales and labels", "git@bitbucket.org:acme/warehouse.git", "bitbucket"),
        ("vault", "Not for everybody", "git@github.com:acme/vault.git", "github_app"),
    )
}


def workflow_id(project: str, key: str) -> str:
    """The id of a workflow of ``history.RUNS``."""
    return make_id("workflow", project, key)


def pipeline_id(project: str, key: str) -> str:
    """The id of the first pipeline of that workflow."""
    return make_id("pipeline", workflow_id(project, key))


def job_id(project: str, key: str, block: str, job: str) -> str:
    """The id of a job in that pipeline."""
    return make_id(make_id(pipeline_id(project, key), block), job)


SHOP_PROJECT = PROJECTS["shop"].id
SHOP_MAIN_WORKFLOW = workflow_id("shop", "main-12")  # the newest of main: failed
SHOP_MAIN_PIPELINE = pipeline_id("shop", "main-12")
SHOP_MAIN_FAILED_JOB = job_id("shop", "main-12", "Unit tests", "pytest")
SHOP_MAIN_PASSED_JOB = job_id("shop", "main-12", "Lint", "ruff")
SHOP_MAIN_GREEN_WORKFLOW = workflow_id("shop", "main-11")  # the last green one of main
SHOP_MAIN_GREEN_PIPELINE = pipeline_id("shop", "main-11")
SHOP_MAIN_GREEN_JOB = job_id("shop", "main-11", "Unit tests", "pytest")
SHOP_RELEASE_WORKFLOW = workflow_id("shop", "release-3")
SHOP_FAILS_SOON_WORKFLOW = workflow_id("shop", "fails-soon-1")
SHOP_FAILS_SOON_PIPELINE = pipeline_id("shop", "fails-soon-1")
SHOP_FAILS_SOON_JOB = job_id("shop", "fails-soon-1", "Unit tests", "pytest")
SHOP_PASSES_SOON_WORKFLOW = workflow_id("shop", "passes-soon-1")
SHOP_PASSES_SOON_PIPELINE = pipeline_id("shop", "passes-soon-1")
SHOP_NIGHTLY_WORKFLOW = workflow_id("shop", "nightly-1")  # three failed jobs, two of them parallel and alike
SHOP_NIGHTLY_PIPELINE = pipeline_id("shop", "nightly-1")
SHOP_PULL_REQUEST_WORKFLOW = workflow_id("shop", "pull-request-42-2")
SHOP_PULL_REQUEST_PIPELINE = pipeline_id("shop", "pull-request-42-2")
SHOP_MATRIX_WORKFLOW = workflow_id("shop", "matrix-1")  # 200 jobs, of which 12 failed in three ways
SHOP_MATRIX_PIPELINE = pipeline_id("shop", "matrix-1")
SHOP_TAG_WORKFLOW = workflow_id("shop", "tag-1")
SHOP_MALFORMED_WORKFLOW = workflow_id("shop", "malformed-1")
SHOP_MALFORMED_PIPELINE = pipeline_id("shop", "malformed-1")
SHOP_STUCK_WORKFLOW = workflow_id("shop", "stuck-1")
SHOP_STUCK_PIPELINE = pipeline_id("shop", "stuck-1")
SHOP_STUCK_JOB = job_id("shop", "stuck-1", "Train", "train")  # never started: no agent of that type
SHOP_STOPPED_WORKFLOW = workflow_id("shop", "stopped-1")
SHOP_STOPPED_PIPELINE = pipeline_id("shop", "stopped-1")
SHOP_STOPPED_JOB = job_id("shop", "stopped-1", "Unit tests", "pytest")
SHOP_SKIPPED_PIPELINE = pipeline_id("shop", "docs-1")  # its block Integration was skipped
SHOP_REBUILT_WORKFLOW = workflow_id("shop", "retried-1")  # failed, then rebuilt in part, then green
SHOP_REBUILT_FAILED_PIPELINE = pipeline_id("shop", "retried-1")
SHOP_REBUILT_PIPELINE = make_id("rebuild", SHOP_REBUILT_FAILED_PIPELINE, "sandbox")
WAREHOUSE_SELF_HOSTED_JOB = job_id("warehouse", "main-3", "Deploy", "staging")
WAREHOUSE_KILLED_JOB = job_id("warehouse", "index-1", "Index", "articles")
SHOP_BLOCKED_WORKFLOW = workflow_id("shop", "launch-2")  # passed; nobody has triggered its promotion Production
SHOP_BLOCKED_PIPELINE = pipeline_id("shop", "launch-2")
SHOP_PROMOTED_WORKFLOW = workflow_id("shop", "launch-1")  # both of its promotions were triggered, some in vain
SHOP_PROMOTED_PIPELINE = pipeline_id("shop", "launch-1")
SHOP_PROMOTED_FAILED_PIPELINE = make_id("promotion", SHOP_PROMOTED_PIPELINE, "history 10")  # triggered, then failed
SHOP_SUPERSEDED_WORKFLOW = workflow_id("shop", "checkout-1")  # canceled in the queue: a newer push came
SHOP_SUPERSEDED_PIPELINE = pipeline_id("shop", "checkout-1")
SHOP_FAIL_FAST_WORKFLOW = workflow_id("shop", "coupons-1")  # one block failed, the others were stopped
SHOP_FAIL_FAST_PIPELINE = pipeline_id("shop", "coupons-1")
SHOP_TIMEOUT_WORKFLOW = workflow_id("shop", "crawl-1")  # stopped by its time limit
SHOP_TIMEOUT_PIPELINE = pipeline_id("shop", "crawl-1")
SHOP_TIMEOUT_JOB = job_id("shop", "crawl-1", "Crawl", "crawl")
SHOP_SUSPENDED_WORKFLOW = workflow_id("shop", "invoice-1")  # stopped when the organization was blocked
SHOP_SUSPENDED_PIPELINE = pipeline_id("shop", "invoice-1")
SHOP_LIMIT_WORKFLOW = workflow_id("shop", "flood-1")  # more pipelines in one workflow than are allowed
SHOP_LIMIT_PIPELINE = pipeline_id("shop", "flood-1")
SHOP_QUOTA_WORKFLOW = workflow_id("shop", "render-1")  # a machine type that the plan does not have
SHOP_QUOTA_PIPELINE = pipeline_id("shop", "render-1")
SHOP_QUOTA_JOB = job_id("shop", "render-1", "Render", "render")
SHOP_WAITING_WORKFLOW = workflow_id("shop", "photos-1")  # waits for a self-hosted agent; none is connected
SHOP_WAITING_PIPELINE = pipeline_id("shop", "photos-1")
SHOP_WAITING_JOB = job_id("shop", "photos-1", "Photos", "resize")
SHOP_DELETED_WORKFLOW = workflow_id("shop", "banner-1")  # stopped when its branch was deleted
SHOP_DELETED_PIPELINE = pipeline_id("shop", "banner-1")
HIDDEN_WORKFLOW = workflow_id("vault", "main-1")  # of the project that the token may not see
HIDDEN_PIPELINE = pipeline_id("vault", "main-1")
HIDDEN_JOB = job_id("vault", "main-1", "Unit tests", "pytest")


@dataclass(frozen=True, slots=True)
class TaskRun:
    """A task that ran, or failed to start (``error``)."""

    at: float
    reference: str
    file: str
    workflow: str = ""
    error: str = ""
    requester: str = ""
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class World:
    """Everything there is, found by id; ``tokens`` remembers what a request token answered."""

    clock: Clock
    workflows: dict[str, Workflow] = field(default_factory=dict)
    pipelines: dict[str, Pipeline] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    tokens: dict[str, Pipeline] = field(default_factory=dict)
    task_runs: dict[str, list[TaskRun]] = field(default_factory=dict)
    started: int = 0
    sessions: int = 0

    def add(self, workflow: Workflow, pipeline: Pipeline) -> None:
        """Make a laid-out pipeline of a workflow known."""
        workflow.pipelines.append(pipeline)
        self.workflows[workflow.id] = workflow
        self.pipelines[pipeline.id] = pipeline
        self.jobs.update((job.id, job) for job in pipeline.jobs)

    def job(self, job_id: str) -> Job | None:
        """The job of that id, once its block has begun."""
        found = self.jobs.get(job_id)
        return found if found and found.created <= self.clock.now() else None

    def newest(self, workflows: Iterable[Workflow]) -> list[Workflow]:
        """Those workflows that have begun, newest first."""
        now = self.clock.now()
        return sorted((w for w in workflows if w.created <= now), key=lambda w: (-w.created, w.id))


def make_world(clock: Clock) -> World:
    """The whole organization, as it stands when the sandbox starts."""
    world = World(clock)
    for spec in RUNS:
        _add_run(world, spec)
    return world


def _add_run(world: World, spec: RunSpec) -> None:
    workflow = Workflow(
        id=workflow_id(spec.project, spec.key),
        project=PROJECTS[spec.project],
        branch=spec.branch,
        label=spec.label or spec.branch,
        commit=make_commit(spec.project, spec.commit or spec.key),
        message=spec.message,
        requester=USERS[spec.who],
        created=-spec.age,
        trigger=spec.trigger,
        reports=spec.reports,
    )
    pipeline = Pipeline(
        make_id("pipeline", workflow.id), workflow, spec.name, spec.yaml_file, spec.blocks, -spec.age, 3 - spec.age, 0,
        promotions=spec.promotions,
    )  # fmt: skip
    lay_out(pipeline)
    if spec.ends_in is not None:
        _shift(pipeline, spec.ends_in - pipeline.end)
    _end(pipeline, spec)
    world.add(workflow, pipeline)
    if spec.rebuilt_after:
        rebuild(world, pipeline, "sandbox", spec.rebuilt_after - spec.age, pace=1)
    for number, trigger in enumerate(spec.triggers):
        _add_trigger(world, pipeline, trigger, f"history {number}")


def _end(pipeline: Pipeline, spec: RunSpec) -> None:
    """End a pipeline otherwise than by its jobs."""
    if spec.error:
        pipeline.end, pipeline.error = 4 - spec.age, spec.error
        pipeline.result, pipeline.reason = "failed", spec.refused_as
    if spec.stopped_after:
        by = {"user": ME, "internal": "admin", "deleted": "branch deletion"}.get(spec.stopped_for, "")
        stop(pipeline, spec.stopped_after - spec.age, by, spec.stopped_for)
    if spec.fail_fast:
        fail_fast(pipeline)


def _add_trigger(world: World, pipeline: Pipeline, spec: TriggerSpec, key: str) -> None:
    by = USERS[spec.who] if spec.who else AUTOMATIC
    trigger = Trigger(spec.promotion, pipeline.end + spec.after, by)
    if spec.refused:
        pipeline.triggers.append(trigger)
    else:
        promote(world, pipeline, trigger, key, dict(spec.parameters), blocks=spec.blocks)


def _shift(pipeline: Pipeline, seconds: float) -> None:
    """Move a pipeline in time, its workflow with it."""
    pipeline.workflow.created += seconds
    pipeline.created += seconds
    pipeline.begin += seconds
    lay_out(pipeline)


def rebuild(world: World, old: Pipeline, token: str, now: float, *, pace: float) -> Pipeline:
    """Run what did not pass in a pipeline once more, as a new pipeline of its workflow."""
    new = Pipeline(
        make_id("rebuild", old.id, token), old.workflow, old.name, old.yaml_file, old.specs, now, now + 1, 0,
        parameters=old.parameters, partial_rerun_of=old.id, promotions=old.promotions,
    )  # fmt: skip
    lay_out(new, pace=pace, kept=[block.spec.name for block in old.blocks if block.result == "passed"], again=True)
    old.partially_rerun_by = new.id
    world.add(old.workflow, new)
    promote_by_rule(world, new, pace=pace)
    return new


def promote(  # noqa: PLR0913 - all of them are facts of one promotion
    world: World,
    parent: Pipeline,
    trigger: Trigger,
    key: str,
    parameters: dict[str, str],
    *,
    blocks: tuple[BlockSpec, ...] = (),
    pace: float = 1,
) -> None:
    """Trigger a promotion of a pipeline: one more pipeline of its workflow, once that has been processed."""
    promotion = next(item for item in parent.promotions if item.name == trigger.name)
    begin = trigger.at + PROCESSING_SECONDS
    new = Pipeline(
        make_id("promotion", parent.id, key), parent.workflow, promotion.title, promotion.yaml_file,
        blocks or promotion.specs, begin, begin + 1, 0,
        parameters=parameters, promotion_of=parent.id, auto_promoted=trigger.by == AUTOMATIC,
    )  # fmt: skip
    lay_out(new, pace=pace)
    trigger.pipeline = new
    parent.triggers.append(trigger)
    world.add(parent.workflow, new)


def promote_by_rule(world: World, pipeline: Pipeline, *, pace: float) -> None:
    """Trigger what the YAML says is triggered by itself, once a new pipeline will have passed."""
    for item in pipeline.promotions:
        if item.when and pipeline.result == "passed":
            trigger = Trigger(item.name, pipeline.end + PROCESSING_SECONDS, AUTOMATIC)
            promote(world, pipeline, trigger, f"rule {item.name}", {}, pace=pace)
