"""What ran in the organization ``acme`` on CircleCI before (and while) the sandbox started."""

from collections.abc import Iterator
from dataclasses import dataclass

from ci_mcp.sandbox.circleci.model import JobSpec, Problem, WorkflowSpec

_HOUR = 3600
_DAY = 24 * _HOUR


@dataclass(frozen=True, slots=True)
class PipelineSpec:
    """One pipeline.

    Attributes:
        project: its project.
        key: its name in that project; ids and the commit come from it.
        age: how many seconds before the sandbox's start it was created.
        workflows: what it holds; one with the tag ``setup`` runs before the others.
        commit: the key that the commit comes from, where several pipelines share one.
        ends_in: its first workflow ends that many seconds after the sandbox's start, whatever its age.
        canceled_after: its workflow was cancelled that many seconds after it was created.
        rerun_after: its workflow was rerun from failed that many seconds after it was created.
    """

    project: str
    key: str
    branch: str
    age: float
    workflows: tuple[WorkflowSpec, ...]
    message: str
    who: str = "ada"
    tag: str = ""
    commit: str = ""
    trigger: str = "webhook"
    review: str = ""
    problems: tuple[Problem, ...] = ()
    ends_in: float | None = None
    canceled_after: float = 0
    rerun_after: float = 0


def _shop(
    pytest: str = "passed", ruff: str = "passed", orders: str = "passed", *, again: str = ""
) -> tuple[WorkflowSpec, ...]:
    repeat = f"shop-integration-{again}" if again else ""
    jobs = (
        JobSpec("lint", f"shop-ruff-{ruff}", 21),
        JobSpec("test", f"shop-pytest-{pytest}", 48),
        JobSpec("integration", f"shop-integration-{orders}", 31, ("lint", "test"), nodes=2, again=repeat),
    )
    return (WorkflowSpec("build-and-test", jobs),)


def _one(workflow: str, *jobs: JobSpec, tag: str = "", status: str = "") -> tuple[WorkflowSpec, ...]:
    return (WorkflowSpec(workflow, jobs, tag, status),)


def _wide() -> tuple[WorkflowSpec, ...]:
    """Two hundred jobs, of which twelve failed in three different ways."""
    ways = {13: "shop-pytest-failed", 17: "shop-pytest-shipping", 19: "shop-integration-failed"}
    jobs = tuple(
        JobSpec(f"test-{version}-{number}", ways.get(number, "shop-pytest-passed"), 40 + number % 7)
        for version in ("3.11", "3.12", "3.13", "3.14")
        for number in range(1, 51)
    )
    return (WorkflowSpec("every-python", jobs),)


def _monorepo(tsc: str) -> tuple[WorkflowSpec, ...]:
    setup = WorkflowSpec("setup", (JobSpec("path-filtering", "shop-ruff-passed", 12),), tag="setup")
    web = WorkflowSpec(
        "web", (JobSpec("types", f"storefront-tsc-{tsc}", 14), JobSpec("node", "storefront-node-passed", 12))
    )
    api = WorkflowSpec("api", (JobSpec("test", "shop-pytest-passed", 48),))
    return (setup, web, api)


def _deploy(test: str = "passed") -> tuple[WorkflowSpec, ...]:
    return _one(
        "deploy",
        JobSpec("test", f"shop-pytest-{test}", 48),
        JobSpec("hold", requires=("test",), kind="approval"),
        JobSpec("ship", "warehouse-gcc-passed", 20, ("hold",)),
    )


_BAD_CONFIG = Problem(
    "config",
    "Error calling workflow: 'build-and-test'\n"
    "Error calling job: 'integration'\n"
    "Cannot find a definition for command named python/install-packages",
)
_NO_FETCH = Problem(
    "config-fetch", "Could not find a .circleci/config.yml or .circleci/config.yaml file at this commit"
)
_NO_MACHINE = "Infrastructure failure: the executor was lost while it was being prepared."
_NO_CONTEXT = (
    'The context "production-secrets" is restricted: the user who started the workflow is in none of its groups.'
)


def _shop_main() -> Iterator[PipelineSpec]:
    messages = (
        "Take the discount from the subtotal", "Print receipts", "Add VAT for France", "Ship to Austria",
        "Name the currency", "Sort the lines of a receipt", "Count quantities", "Test empty carts",
        "Keep orders", "Free shipping from fifty euros", "Show the discount",
    )  # fmt: skip
    for number, message in enumerate(messages, 1):
        age = _HOUR * (2 + 5 * (len(messages) - number))
        work = _shop("shipping") if number == 4 else _shop()  # noqa: PLR2004 - one red run in the past
        yield PipelineSpec("shop", f"main-{number}", "main", age, work, message, "ben" if number % 3 == 0 else "ada")
    yield PipelineSpec("shop", "main-12", "main", 720, _shop("failed"), "Round discounts per line")


def _shop_branches() -> Iterator[PipelineSpec]:
    for number, age in enumerate((9 * _DAY, 3 * _DAY, 26 * _HOUR), 1):
        yield PipelineSpec("shop", f"release-{number}", "release", age, _shop(), f"Release 1.{number + 1}.0")
    yield PipelineSpec("shop", "tag-1", "", 25 * _HOUR, _shop(), "Release 1.4.0", tag="v1.4.0", commit="release-3")
    yield PipelineSpec("shop", "fails-soon-1", "fails-soon", 0, _shop("shipping"), "Free shipping over fifty euros",
                       ends_in=4)  # fmt: skip
    yield PipelineSpec("shop", "passes-soon-1", "passes-soon", 0, _shop(), "Say what shipping costs", ends_in=3)
    yield PipelineSpec("shop", "monorepo-1", "monorepo", 7 * _HOUR, _monorepo("failed"), "Type the prices")
    yield PipelineSpec("shop", "monorepo-0", "monorepo", 8 * _HOUR, _monorepo("passed"), "Split the repository")
    yield PipelineSpec("shop", "retried-1", "orders", 10 * _HOUR, _shop(orders="failed", again="passed"),
                       "Cancel orders", "ben", rerun_after=400)  # fmt: skip
    yield PipelineSpec("shop", "hold-1", "deploy", 3 * _HOUR, _deploy(), "Ship on Friday")
    split = JobSpec("test", "shop-pytest-failed", 46, nodes=4)
    yield PipelineSpec("shop", "split-1", "split", 6 * _HOUR, _one("build-and-test", split), "Split the tests")
    partly = JobSpec("test", "shop-pytest-failed", 46, nodes=4, bad_nodes=(2,))
    yield PipelineSpec("shop", "split-0", "split", 7 * _HOUR, _one("build-and-test", partly), "Split the tests in four")
    yield PipelineSpec("shop", "wide-1", "wide", 12 * _HOUR, _wide(), "Try every Python", "ben")
    yield PipelineSpec("shop", "pull-42", "pull/42", 4 * _HOUR, _shop("pull-request", "failed"), "Simplify the tax",
                       "ben", review="42")  # fmt: skip
    yield PipelineSpec("shop", "gifts-1", "feature/gift-cards", 30 * _HOUR, _shop(ruff="failed"), "Sell gift cards")
    yield PipelineSpec("shop", "nightly-1", "main", 9 * _HOUR, _one("nightly", *_shop()[0].jobs),
                       "Free shipping from fifty euros", commit="main-10", trigger="scheduled_pipeline")  # fmt: skip


def _shop_odd() -> Iterator[PipelineSpec]:
    """What went wrong before, beside or instead of a command."""
    yield PipelineSpec("shop", "malformed-1", "ci-setup", 5 * _HOUR, (), "Tidy the pipeline", problems=(_BAD_CONFIG,))
    yield PipelineSpec("shop", "nofile-1", "no-config", 5 * _HOUR + 60, (), "Start over", problems=(_NO_FETCH,))
    slow = JobSpec("articles", "warehouse-index-killed", 700, ends="timedout")
    yield PipelineSpec("shop", "timeout-1", "search", 11 * _HOUR, _one("index", slow), "Index all articles", "ben")
    lost = JobSpec("train", "", 95, ends="infrastructure_fail", resource="gpu.nvidia.large", message=_NO_MACHINE)
    yield PipelineSpec("shop", "infra-1", "recommendations", 13 * _HOUR, _one("train", lost), "Train", "ben")
    closed = JobSpec("publish", "", 0, ends="unauthorized", message=_NO_CONTEXT)
    yield PipelineSpec("shop", "secrets-1", "secrets", 14 * _HOUR, _one("publish", closed), "Publish", "ben")
    idle = JobSpec("docs", "", 0, ends="not_run")
    yield PipelineSpec("shop", "docs-1", "docs", 15 * _HOUR, _one("docs", idle, status="not_run"), "Explain discounts")
    yield PipelineSpec("shop", "canceled-1", "spike", 16 * _HOUR, _shop(), "Try something", canceled_after=50)
    large = JobSpec("index", "warehouse-cargo-test-failed", 600, resource="large")
    yield PipelineSpec("shop", "big-1", "big-log", 17 * _HOUR, _one("index", large), "Index every article", "ben")
    waits = JobSpec("test", "shop-pytest-passed", 9 * _DAY)
    yield PipelineSpec("shop", "running-1", "soak", 600, _one("soak", waits), "Soak test", "ben")
    queued = JobSpec("train", "shop-pytest-passed", 600, queue=9 * _DAY, resource="gpu.nvidia.large")
    yield PipelineSpec("shop", "queued-1", "gpu", 900, _one("train", queued), "Train on more", "ben")
    half = (JobSpec("lint", "shop-ruff-failed", 21), waits)
    yield PipelineSpec("shop", "failing-1", "half", 1200, _one("soak", *half), "Simplify the soak test", "ben")


def _others() -> Iterator[PipelineSpec]:
    for project, key, age, job in (
        ("storefront", "main-3", 2 * _HOUR, JobSpec("node", "storefront-node-failed", 12)),
        ("storefront", "main-2", 9 * _HOUR, JobSpec("node", "storefront-node-passed", 12)),
        ("billing", "main-3", 3 * _HOUR, JobSpec("maven", "billing-maven-failed", 75)),
        ("billing", "main-2", 30 * _HOUR, JobSpec("ledger", "billing-go-passed", 18)),
        ("warehouse", "main-3", 5400, JobSpec("deploy", "warehouse-deploy-failed", 9, stderr=True)),
        ("warehouse", "main-2", 8 * _HOUR, JobSpec("firmware", "warehouse-gcc-passed", 7)),
        ("archive", "main-1", 80 * _DAY, JobSpec("shelves", "warehouse-cargo-passed", 20)),
        ("vault", "main-1", _HOUR, JobSpec("test", "shop-pytest-passed", 30)),
    ):
        yield PipelineSpec(project, key, "main", age, _one("build", job), f"Work on {project}", "ben")


PIPELINES = (*_shop_main(), *_shop_branches(), *_shop_odd(), *_others())
