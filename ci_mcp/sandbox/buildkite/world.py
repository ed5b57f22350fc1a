"""The organization ``acme``: its pipelines, and what ran in them.

The constants are what tests, the guided demo and the documentation name; all ids come from names, so they are the
same in every process. ``make_world`` makes the data anew for each sandbox.
"""

from dataclasses import dataclass, field
from functools import cache
from typing import Any

from ci_mcp.sandbox.buildkite.history import BUILDS, BuildSpec
from ci_mcp.sandbox.buildkite.model import Build, Job, Pipeline, make_commit, make_id
from ci_mcp.sandbox.buildkite.timing import cancel, lay_out
from ci_mcp.sandbox.plan import Clock

TOKEN = "demo-buildkite-token"  # noqa: S105 - made up
ORGANIZATION = "acme"
ORGANIZATION_ID = make_id("organization", ORGANIZATION)
SECRET_VALUE = "demo-secret-value-never-to-be-shown"  # noqa: S105 - made up: it stands where real jobs hold secrets
RERUN_PACE = 0.05  # what is started takes seconds where the original took minutes
_FIRST_NUMBER = 118
USERS = {
    name: {"id": make_id("user", name), "name": full, "email": f"{name}@acme.example"}
    for name, full in (("ada", "Ada Lane"), ("ben", "Ben Ode"), ("scheduler", "Scheduler"))
}
ME = "ada"  # whose token it is
CLUSTER_ID = make_id("cluster", "hosted")
SECOND_CLUSTER_ID = make_id("cluster", "lab")
QUEUES = {
    "default": "Everything else",
    "deploy": "May reach the servers",
    "mac": "Machines under a desk",  # paused
    "gpu": "Rented by the hour",  # without an agent
}
PAUSED_NOTE = "The Macs are being updated"
_GITHUB = "git@github.com:acme/{}.git"
_CONFIGURATION = """steps:
  - label: ":pipeline: Upload"
    key: upload
    command: buildkite-agent pipeline upload
"""
_PIPELINES = (
    ("shop", "Shop", "The web shop", _GITHUB, "github"),
    ("shop-deploy", "Shop Deploy", "Brings the shop to its servers", _GITHUB, "github"),
    ("storefront", "Storefront", "What customers see", "https://github.com/acme/{}.git", "github"),
    ("billing", "Billing", "Invoices and the ledger", "git@gitlab.com:acme/{}.git", "gitlab"),
    ("warehouse", "Warehouse", "Shelves, scales and labels", "git@bitbucket.org:acme/{}.git", "bitbucket"),
    ("vault", "Vault", "Not for everybody", _GITHUB, "github"),
)


@cache
def _numbers() -> dict[tuple[str, str], int]:
    """The number of each build in its pipeline, oldest first, with gaps."""
    found: dict[tuple[str, str], int] = {}
    last: dict[str, int] = {}
    for spec in sorted(BUILDS, key=lambda spec: (-spec.age, spec.key)):
        step = 2 if last.get(spec.pipeline, 1) % 7 == 0 else 1
        last[spec.pipeline] = last.get(spec.pipeline, _FIRST_NUMBER) + step
        found[spec.pipeline, spec.key] = last[spec.pipeline]
    return found


def number_of(pipeline: str, key: str) -> int:
    """The number of a build of ``history.BUILDS``."""
    return _numbers()[pipeline, key]


def build_id(pipeline: str, key: str) -> str:
    """The id of a build of ``history.BUILDS``."""
    return make_id("build", pipeline, key)


def job_id(pipeline: str, key: str, name: str, *, retried: bool = False) -> str:
    """The id of the first job of that step key in such a build, or that of its retry."""
    spec = next(spec for spec in BUILDS if (spec.pipeline, spec.key) == (pipeline, key))
    place = next(number for number, step in enumerate(spec.steps) if step.key == name)
    first = make_id("job", build_id(pipeline, key), place)
    return make_id("retry", first) if retried else first


SHOP_MAIN_BUILD = number_of("shop", "main-12")  # the newest of main: failed
SHOP_MAIN_BUILD_ID = build_id("shop", "main-12")
SHOP_MAIN_FAILED_JOB = job_id("shop", "main-12", "unit")
SHOP_MAIN_PASSED_JOB = job_id("shop", "main-12", "lint")
SHOP_MAIN_GREEN_BUILD = number_of("shop", "main-11")  # the last green one of main
SHOP_MAIN_GREEN_JOB = job_id("shop", "main-11", "unit")
SHOP_RELEASE_BUILD = number_of("shop", "release-3")
SHOP_FAILS_SOON_BUILD = number_of("shop", "fails-soon-1")
SHOP_FAILS_SOON_JOB = job_id("shop", "fails-soon-1", "unit")
SHOP_PASSES_SOON_BUILD = number_of("shop", "passes-soon-1")
SHOP_PROBLEMS_BUILD = number_of("shop", "problems-1")  # soft failures, broken, expired, skipped, lost, timed out …
SHOP_BLOCKED_BUILD = number_of("shop", "blocked-1")
SHOP_BLOCKED_JOB = job_id("shop", "blocked-1", "ask")
SHOP_TRIGGERS_BUILD = number_of("shop", "triggers-1")  # failed because what it triggered failed
SHOP_TRIGGERED_BUILD = number_of("shop-deploy", "deploy-2")
SHOP_TRIGGERED_JOB = job_id("shop-deploy", "deploy-2", "staging")
SHOP_RETRIED_BUILD = number_of("shop", "retried-1")  # two jobs failed first and passed when retried
SHOP_RETRIED_JOB = job_id("shop", "retried-1", "unit")
SHOP_RETRY_JOB = job_id("shop", "retried-1", "unit", retried=True)
SHOP_PROMISING_BUILD = number_of("shop", "promising-1")  # failing: a running job has promised to fail
SHOP_PROMISING_JOB = job_id("shop", "promising-1", "unit")
SHOP_STUCK_BUILD = number_of("shop", "stuck-1")  # one queue has no agent, another is paused
SHOP_STUCK_JOB = job_id("shop", "stuck-1", "train")
SHOP_MATRIX_BUILD = number_of("shop", "matrix-1")  # 200 jobs, of which 12 failed, 5 of them alike
SHOP_BIG_BUILD = number_of("shop", "big-1")
SHOP_BIG_JOB = job_id("shop", "big-1", "big")  # its log has 50 MB
SHOP_HOSTILE_BUILD = number_of("shop", "hostile-1")
SHOP_HOSTILE_JOB = job_id("shop", "hostile-1", "hostile")  # its log is as bad as bytes can be
SHOP_EMPTY_JOB = job_id("shop", "empty-1", "touch")  # its log is empty
SHOP_CANCELED_BUILD = number_of("shop", "canceled-1")
SHOP_SKIPPED_BUILD = number_of("shop", "skipped-1")
SHOP_NOT_RUN_BUILD = number_of("shop", "not-run-1")
SHOP_PULL_REQUEST_BUILD = number_of("shop", "pull-42-2")
HIDDEN_BUILD = number_of("vault", "main-1")  # of the pipeline that the token may not see
HIDDEN_JOB = job_id("vault", "main-1", "unit")


@dataclass(slots=True)
class World:
    """Everything there is; clusters, queues and schedules as what was said of them."""

    clock: Clock
    pipelines: dict[str, Pipeline] = field(default_factory=dict)
    builds: dict[tuple[str, int], Build] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    annotations: dict[str, list[Any]] = field(default_factory=dict)
    clusters: dict[str, dict[str, Any]] = field(default_factory=dict)
    queues: dict[str, dict[str, Any]] = field(default_factory=dict)
    schedules: dict[str, dict[str, Any]] = field(default_factory=dict)
    started: int = 0

    def now(self) -> float:
        """The moment."""
        return self.clock.now()

    def add(self, build: Build) -> None:
        """Make a laid-out build known."""
        self.builds[build.pipeline.slug, build.number] = build
        self.learn(build)

    def learn(self, build: Build) -> None:
        """Make a build's jobs known, new attempts too."""
        self.jobs.update((job.id, job) for job in build.all_jobs)

    def newest(self, slug: str = "") -> list[Build]:
        """The builds that may be seen, of one pipeline or of all, newest first."""
        now = self.now()
        found = [b for b in self.builds.values() if b.pipeline.visible and b.pipeline.slug == (slug or b.pipeline.slug)]
        return sorted((b for b in found if b.created <= now), key=lambda b: (-b.created, -b.number, b.pipeline.slug))

    def next_number(self, slug: str) -> int:
        """The number of the next build of a pipeline."""
        return max((number for owner, number in self.builds if owner == slug), default=0) + 1


def make_world(clock: Clock) -> World:
    """The whole organization, as it stands when the sandbox starts."""
    world = World(clock)
    for slug, name, description, repository, provider in _PIPELINES:
        world.pipelines[slug] = Pipeline(
            make_id("pipeline", slug), slug, name, description, repository.format(slug), provider, CLUSTER_ID,
            tags=("team-web",) if slug.startswith("s") else (), configuration=_CONFIGURATION,
            created=-400 * 86_400, visible=slug != "vault",
        )  # fmt: skip
    _add_settings(world)
    by_key = {}
    for spec in BUILDS:
        build = by_key[spec.pipeline, spec.key] = _make(world, spec)
        world.add(build)
    for spec in BUILDS:
        if spec.rebuilt_from:
            by_key[spec.pipeline, spec.key].rebuilt_from = by_key[spec.pipeline, spec.rebuilt_from]
    for job in world.jobs.values():
        if job.spec.triggers:
            by_key[job.spec.triggers].triggered_by = job
    return world


def _add_settings(world: World) -> None:
    """The clusters, the queues of the first one, and the schedules of the shop."""
    for cluster, name, about in (
        (CLUSTER_ID, "Hosted", "Where builds run"),
        (SECOND_CLUSTER_ID, "Lab", "Nothing runs"),
    ):
        world.clusters[cluster] = {"name": name, "description": about, "emoji": ":buildkite:", "color": "#14cc80"}
    world.clusters[CLUSTER_ID]["default_queue_id"] = make_id("queue", "default")
    for key, about in QUEUES.items():
        world.queues[make_id("queue", key)] = {"cluster": CLUSTER_ID, "key": key, "description": about}
    world.queues[make_id("queue", "mac")] |= {"paused": -3 * 3600, "note": PAUSED_NOTE}
    for label, cronline in (("Nightly", "0 2 * * *"), ("Weekly", "@weekly")):
        world.schedules[make_id("schedule", label)] = {
            "pipeline": "shop", "label": label, "cronline": cronline, "message": label, "enabled": label == "Nightly",
        }  # fmt: skip
    world.schedules[make_id("schedule", "Weekly")]["failed_message"] = "The default branch was not found"


def _make(world: World, spec: BuildSpec) -> Build:
    build = Build(
        id=build_id(spec.pipeline, spec.key), pipeline=world.pipelines[spec.pipeline],
        number=number_of(spec.pipeline, spec.key), key=spec.key, branch=spec.branch,
        commit=make_commit(spec.pipeline, spec.commit or spec.key), message=spec.message, created=-spec.age,
        creator=spec.who, author=spec.author, source=spec.source, reports=spec.reports, fixed=spec.fixed,
        env=dict(spec.env), meta_data=dict(spec.meta_data), pull_request=spec.pull_request,
    )  # fmt: skip
    lay_out(build, spec.steps)
    if spec.ends_in is not None:
        build.created += spec.ends_in - max(job.finished for job in build.jobs)
        build.steps.clear()
        lay_out(build, spec.steps)
    if spec.canceled_after:
        cancel(build, spec.canceled_after - spec.age)
    return build


def triggered(world: World, job: Job) -> Build | None:
    """The build that a trigger job started."""
    return next((build for build in world.builds.values() if build.triggered_by is job), None)
