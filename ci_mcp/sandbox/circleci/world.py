"""The organization ``acme`` on CircleCI: its projects, and what ran in them.

The constants are what tests, the guided demo and the documentation name; all ids come from names, so they are the
same in every process. ``make_world`` makes the data anew for each sandbox.
"""

import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ci_mcp.sandbox.circleci.history import PIPELINES, PipelineSpec
from ci_mcp.sandbox.circleci.model import (
    RERUN_PACE,
    Job,
    Pipeline,
    Project,
    Workflow,
    WorkflowSpec,
    cancel,
    lay_out,
    make_commit,
    make_id,
)
from ci_mcp.sandbox.plan import Clock

TOKEN = "demo-circleci-token"  # noqa: S105 - made up
READER_TOKEN = "demo-circleci-reader"  # noqa: S105 - made up: may look at everything and start nothing
PROJECT_TOKEN = "demo-circleci-project"  # noqa: S105 - made up: of the kind that API v1.1 alone takes
ORGANIZATION = make_id("acme")
NATIVE_ORGANIZATION = make_id("acme-native")
USERS = {name: make_id("user", name) for name in ("ada", "ben")}
ME = USERS["ada"]  # whose token it is
_NATIVE = "circleci/43G3kM5RtfFE7v5sa4nWAU"

PROJECTS = {
    project.name: project
    for project in (
        Project(make_id("project", "shop"), "shop", "gh/acme/shop", "https://github.com/acme/shop", "GitHub"),
        Project(
            make_id("project", "storefront"), "storefront", "gh/acme/storefront", "https://github.com/acme/storefront",
            "GitHub",
        ),
        Project(
            make_id("project", "billing"), "billing", f"{_NATIVE}/44n9pujWcTnVZ2b5S8Fnat",
            "https://github.com/acme/billing", "CircleCI", definition="github_app",
        ),
        Project(
            make_id("project", "warehouse"), "warehouse", "bb/acme/warehouse", "https://bitbucket.org/acme/warehouse",
            "Bitbucket", definition="bitbucket_oauth",
        ),
        Project(
            make_id("project", "archive"), "archive", "gh/acme/archive", "https://github.com/acme/archive", "GitHub",
            followed=False, default="master",
        ),
        Project(
            make_id("project", "vault"), "vault", "gh/acme/vault", "https://github.com/acme/vault", "GitHub",
            visible=False,
        ),
    )
}  # fmt: skip


def pipeline_id(project: str, key: str) -> str:
    """The id of a pipeline of ``history.PIPELINES``."""
    return make_id("pipeline", project, key)


def workflow_id(project: str, key: str, name: str = "build-and-test") -> str:
    """The id of the first workflow of that name in that pipeline."""
    return make_id("workflow", pipeline_id(project, key), name, 1)


def job_id(project: str, key: str, job: str, workflow: str = "build-and-test") -> str:
    """The id of a job of that workflow."""
    return make_id(workflow_id(project, key, workflow), job)


SHOP = "gh/acme/shop"
SHOP_PROJECT = PROJECTS["shop"].id
SHOP_MAIN_PIPELINE = pipeline_id("shop", "main-12")  # the newest of main: failed
SHOP_MAIN_WORKFLOW = workflow_id("shop", "main-12")
SHOP_MAIN_FAILED_JOB = job_id("shop", "main-12", "test")
SHOP_MAIN_NUMBER = 836  # as its web page's address has it
SHOP_MAIN_FAILED_JOB_NUMBER = 5281
SHOP_MAIN_PASSED_JOB = job_id("shop", "main-12", "lint")
SHOP_MAIN_BLOCKED_JOB = job_id("shop", "main-12", "integration")  # never ran: what it requires failed
SHOP_MAIN_GREEN_PIPELINE = pipeline_id("shop", "main-11")  # the last green one of main
SHOP_MAIN_GREEN_WORKFLOW = workflow_id("shop", "main-11")
SHOP_RELEASE_PIPELINE = pipeline_id("shop", "release-3")
SHOP_RELEASE_WORKFLOW = workflow_id("shop", "release-3")
SHOP_TAG_PIPELINE = pipeline_id("shop", "tag-1")
SHOP_FAILS_SOON_PIPELINE = pipeline_id("shop", "fails-soon-1")
SHOP_PASSES_SOON_PIPELINE = pipeline_id("shop", "passes-soon-1")
SHOP_DYNAMIC_PIPELINE = pipeline_id("shop", "monorepo-1")  # a setup workflow, then two that it made
SHOP_RETRIED_PIPELINE = pipeline_id("shop", "retried-1")  # failed, rerun from failed, then green
SHOP_RETRIED_WORKFLOW = workflow_id("shop", "retried-1")
SHOP_RERUN_WORKFLOW = make_id("workflow", SHOP_RETRIED_PIPELINE, "build-and-test", 2)
SHOP_HOLD_PIPELINE = pipeline_id("shop", "hold-1")
SHOP_HOLD_WORKFLOW = workflow_id("shop", "hold-1", "deploy")
SHOP_HOLD_JOB = job_id("shop", "hold-1", "hold", "deploy")
SHOP_SPLIT_PIPELINE = pipeline_id("shop", "split-1")  # four nodes that fail alike
SHOP_SPLIT_JOB = job_id("shop", "split-1", "test")
SHOP_PARTLY_JOB = job_id("shop", "split-0", "test")  # four nodes of which one fails
SHOP_WIDE_PIPELINE = pipeline_id("shop", "wide-1")  # 200 jobs, of which 12 failed in three ways
SHOP_WIDE_WORKFLOW = workflow_id("shop", "wide-1", "every-python")
SHOP_MALFORMED_PIPELINE = pipeline_id("shop", "malformed-1")
SHOP_TIMEOUT_PIPELINE = pipeline_id("shop", "timeout-1")
SHOP_TIMEOUT_JOB = job_id("shop", "timeout-1", "articles", "index")
SHOP_INFRA_PIPELINE = pipeline_id("shop", "infra-1")
SHOP_INFRA_JOB = job_id("shop", "infra-1", "train", "train")
SHOP_UNAUTHORIZED_PIPELINE = pipeline_id("shop", "secrets-1")
SHOP_UNAUTHORIZED_WORKFLOW = workflow_id("shop", "secrets-1", "publish")
SHOP_NOT_RUN_PIPELINE = pipeline_id("shop", "docs-1")
SHOP_CANCELED_PIPELINE = pipeline_id("shop", "canceled-1")
SHOP_CANCELED_JOB = job_id("shop", "canceled-1", "integration")
SHOP_BIG_PIPELINE = pipeline_id("shop", "big-1")  # its log has 12 MB, and no test report tells what is in it
SHOP_BIG_JOB = job_id("shop", "big-1", "index", "index")
SHOP_RUNNING_PIPELINE = pipeline_id("shop", "running-1")
SHOP_RUNNING_WORKFLOW = workflow_id("shop", "running-1", "soak")
SHOP_RUNNING_JOB = job_id("shop", "running-1", "test", "soak")
SHOP_QUEUED_PIPELINE = pipeline_id("shop", "queued-1")
SHOP_QUEUED_WORKFLOW = workflow_id("shop", "queued-1", "train")
SHOP_FAILING_PIPELINE = pipeline_id("shop", "failing-1")  # goes on, and has already failed
BILLING = PROJECTS["billing"].slug
BILLING_UUIDS = f"circleci/{NATIVE_ORGANIZATION}/{PROJECTS['billing'].id}"  # the same project, named otherwise
BILLING_JOB = job_id("billing", "main-3", "maven", "build")
WAREHOUSE_JOB = job_id("warehouse", "main-3", "deploy", "build")  # its last words are on standard error
HIDDEN_PIPELINE = pipeline_id("vault", "main-1")  # of the project that the token may not see
DEFINITION = make_id("definition", "shop")


@dataclass(slots=True)
class World:
    """Everything there is, found by id."""

    clock: Clock
    pipelines: dict[str, Pipeline] = field(default_factory=dict)
    workflows: dict[str, Workflow] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    numbers: dict[str, Iterator[int]] = field(default_factory=dict)
    started: int = 0

    def add(self, workflow: Workflow) -> None:
        """Make a laid-out workflow known."""
        workflow.pipeline.workflows.append(workflow)
        self.pipelines[workflow.pipeline.id] = workflow.pipeline
        self.workflows[workflow.id] = workflow
        self.jobs.update((job.id, job) for job in workflow.jobs if job.workflow is workflow)

    def job_numbers(self, project: Project) -> Iterator[int]:
        """Gives the next numbers of jobs in a project."""
        return self.numbers.setdefault(f"job {project.slug}", itertools.count(5001))

    def next_pipeline(self, project: Project) -> int:
        """The next number of a pipeline in a project."""
        return next(self.numbers.setdefault(f"pipeline {project.slug}", itertools.count(801)))

    def newest(self, pipelines: Iterable[Pipeline]) -> list[Pipeline]:
        """Those pipelines that exist, newest first."""
        now = self.clock.now()
        found = [pipeline for pipeline in pipelines if pipeline.created <= now]
        return sorted(found, key=lambda pipeline: (-pipeline.created, -pipeline.number))

    def numbered_job(self, project: Project, number: int) -> Job | None:
        """The job of that number, once it was queued."""
        now = self.clock.now()
        for job in self.jobs.values():
            if job.number == number and job.workflow.pipeline.project is project and job.ready <= now:
                return job
        return None


def make_world(clock: Clock) -> World:
    """The whole organization, as it stands when the sandbox starts."""
    world = World(clock)
    for spec in sorted(PIPELINES, key=lambda spec: -spec.age):
        _add(world, spec)
    return world


def _add(world: World, spec: PipelineSpec) -> None:
    project = PROJECTS[spec.project]
    pipeline = Pipeline(
        pipeline_id(spec.project, spec.key), world.next_pipeline(project), project, spec.branch, spec.tag,
        make_commit(spec.project, spec.commit or spec.key), spec.message, spec.who, -spec.age, spec.trigger,
        spec.review, spec.problems,
    )  # fmt: skip
    world.pipelines[pipeline.id] = pipeline
    first = add_workflows(world, pipeline, spec.workflows)
    if first and spec.ends_in is not None:
        _shift(first, spec.ends_in - first.stopped())
    if first and spec.canceled_after:
        cancel(first, spec.canceled_after - spec.age, USERS[spec.who])
    if first and spec.rerun_after:
        rerun(world, first, _unfinished(first), spec.rerun_after - spec.age, pace=1)


def _shift(workflow: Workflow, seconds: float) -> None:
    """Move a workflow in time, its pipeline with it."""
    workflow.pipeline.created += seconds
    workflow.created += seconds
    for job in workflow.jobs:
        job.ready, job.started, job.stopped = job.ready + seconds, job.started + seconds, job.stopped + seconds


def add_workflows(
    world: World, pipeline: Pipeline, specs: Iterable[WorkflowSpec], *, pace: float = 1
) -> Workflow | None:
    """Start the workflows of a pipeline: those after a setup workflow when it has ended. The first of them."""
    start, first = pipeline.created + min(1, 4 * pace), None
    for spec in specs:
        new = Workflow(make_id("workflow", pipeline.id, spec.name, 1), spec, pipeline, start, USERS[pipeline.actor])
        lay_out(new, world.job_numbers(pipeline.project), pace=pace)
        world.add(new)
        first = first or new
        if spec.tag == "setup":
            start = pipeline.setup_ends = new.stopped() + 1
    return first


def _unfinished(workflow: Workflow) -> set[str]:
    return {job.spec.name for job in workflow.jobs if job.result != "success" or job.ready == math.inf}


def rerun(world: World, old: Workflow, names: set[str] | None, now: float, *, pace: float) -> Workflow:
    """Run a workflow again in its pipeline, as a new one of the same name.

    Args:
        world: where it happens.
        old: the workflow.
        names: the jobs to run again, with all that require them; None for all.
        now: when.
        pace: what the jobs' seconds are multiplied with.
    """
    attempt = 1 + sum(one.spec.name == old.spec.name for one in old.pipeline.workflows)
    new_id = make_id("workflow", old.pipeline.id, old.spec.name, attempt)
    new = Workflow(new_id, old.spec, old.pipeline, now, ME, rerun_of=old.id)
    again = {job.spec.name for job in old.jobs} if names is None else set(names)
    for spec in old.spec.jobs:
        if again & set(spec.requires):
            again.add(spec.name)
    kept = [job for job in old.jobs if job.spec.name not in again and job.status(now) == "success"]
    lay_out(new, world.job_numbers(old.pipeline.project), pace=pace, kept=kept)
    world.add(new)
    return new


def unfinished(workflow: Workflow, now: float) -> set[str]:
    """The jobs that a rerun from failed runs again."""
    return {job.spec.name for job in workflow.jobs if job.status(now) != "success"}


def begin(world: World, like: Pipeline, *, branch: str, tag: str, parameters: dict[str, object]) -> Pipeline:
    """Start a pipeline that is like another one; it takes seconds."""
    world.started += 1
    pipeline = Pipeline(
        make_id("run", like.project.id, world.started), world.next_pipeline(like.project), like.project, branch, tag,
        like.commit, like.message, "ada", world.clock.now(), "api", problems=like.problems, parameters=parameters,
    )  # fmt: skip
    world.pipelines[pipeline.id] = pipeline
    specs = list(dict.fromkeys(workflow.spec for workflow in like.workflows))
    add_workflows(world, pipeline, specs, pace=RERUN_PACE)
    return pipeline
