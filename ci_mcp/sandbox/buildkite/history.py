"""What ran in the organization ``acme`` before (and while) the sandbox started."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ci_mcp.sandbox.buildkite.model import StepSpec

_HOUR = 3600
_DAY = 24 * _HOUR
UPLOAD = StepSpec(":pipeline: Upload", "upload", "", 3)
WAIT = StepSpec("", kind="waiter")
_BY_TEXT = "Ben Ode <ben@acme.example>"


@dataclass(frozen=True, slots=True)
class BuildSpec:
    """One build.

    Attributes:
        pipeline: the slug of its pipeline.
        key: its name in that pipeline; ids and the commit come from it.
        age: how many seconds before the sandbox's start it was created.
        commit: the key that the commit comes from, where several builds share one.
        fixed: skipped or not_run.
        reports: its test jobs report to Test Engine.
        ends_in: ends that many seconds after the sandbox's start, whatever its age.
        canceled_after: canceled by a user that many seconds after it was created.
        rebuilt_from: the key of the build that it repeats.
    """

    pipeline: str
    key: str
    branch: str
    age: float
    steps: tuple[StepSpec, ...]
    message: str
    who: str = "ada"
    source: str = "webhook"
    commit: str = ""
    author: Any = None
    fixed: str = ""
    reports: bool = False
    ends_in: float | None = None
    canceled_after: float = 0
    rebuilt_from: str = ""
    env: dict[str, str] = field(default_factory=dict)
    meta_data: dict[str, Any] = field(default_factory=dict)
    pull_request: dict[str, Any] | None = None


def shop_steps(
    pytest: str = "passed", ruff: str = "passed", orders: str = "passed", **changes: Any
) -> tuple[StepSpec, ...]:
    """The steps of the shop's pipeline; ``changes`` are facts of the unit tests' step."""
    unit: dict[str, Any] = {"recording": f"shop-pytest-{pytest}", "seconds": 48, "group": "checks"} | changes
    return (
        UPLOAD,
        StepSpec(":ruff: Lint", "lint", f"shop-ruff-{ruff}", 21, group="checks"),
        StepSpec(":pytest: Unit tests", "unit", **unit),
        WAIT,
        *(
            StepSpec(":package: Orders %n", "orders", f"shop-integration-{orders}", 30 + n, shard=(n, 2))
            for n in range(2)
        ),
    )


def one(name: str, recording: str, seconds: float = 40, **more: Any) -> tuple[StepSpec, ...]:
    """A pipeline of one job."""
    return (StepSpec(name, name.rpartition(" ")[2].lower(), recording, seconds, **more),)


def _matrix() -> tuple[StepSpec, ...]:
    """Two hundred jobs: five of one step fail alike, seven others each in a way of its own."""
    alone = {
        3: "shop-pytest-shipping", 29: "shop-integration-failed", 57: "storefront-node-failed",
        83: "storefront-tsc-failed", 111: "warehouse-gcc-failed", 137: "warehouse-cargo-test-failed",
        166: "billing-go-failed",
    }  # fmt: skip
    steps = []
    for number in range(195):
        recording = alone.get(number, "shop-pytest-passed")
        place = {"python": f"3.1{number % 4 + 1}", "part": str(number // 4 + 1)}
        name = f":python: {place['python']} part {place['part']}"
        steps.append(StepSpec(name, f"part-{number}", recording, 30 + number % 17, matrix=place))
    alike = (StepSpec(":pytest: Cart %n", "cart", "shop-pytest-failed", 44 + n, shard=(n, 5)) for n in range(5))
    return (*steps, *alike)


_PROBLEMS = (
    UPLOAD,
    StepSpec(":ruff: Lint", "lint", "shop-ruff-failed", 19, soft=True),
    StepSpec(":mag: Types", "types", "storefront-tsc-failed", 14, soft=True),
    StepSpec(":pytest: Unit tests", "unit", "shop-pytest-failed", 48, retries="automatic"),
    StepSpec(":turtle: Slow tests", "slow", "shop-pytest-passed", 900, ending="timed_out", signal="SIGTERM"),
    StepSpec(":ghost: Index", "index", "warehouse-index-killed", 64, signal="SIGKILL"),
    StepSpec(":cloud: Spot", "spot", "shop-pytest-passed", 33, ending="lost", why="agent_stop", signal="SIGTERM"),
    StepSpec(":apple: Mac tests", "mac", "", 600, queue="mac", ending="expired"),
    StepSpec(":books: Docs", "docs", ending="broken", why="conditional_not_met"),
    StepSpec(":windows: Windows", "windows", ending="skipped"),
    WAIT,
    StepSpec(":package: Orders", "orders", "shop-integration-passed", 30),
    StepSpec(":rocket: Release?", "ask", kind="manual", fields=("release-name",)),
    StepSpec(":rocket: Release", "release", "warehouse-deploy-failed", 9),
)
_BLOCKED = (
    *shop_steps(),
    StepSpec(":rocket: Release to production?", "ask", kind="manual", fields=("release-name", "channel")),
    WAIT,
    StepSpec(":rocket: Release", "release", "shop-pytest-passed", 20),
)
_DEPLOY = ("shop-deploy", "deploy-2")
_TRIGGERS = (
    *shop_steps()[:3],
    WAIT,
    StepSpec(":buildkite: Deploy", "deploy", "", 60, kind="trigger", ending="failed", triggers=_DEPLOY),
    WAIT,
    StepSpec(":mega: Announce", "announce", "shop-pytest-passed", 5),
)
_RETRIED = (
    *shop_steps()[:2],
    StepSpec(":pytest: Unit tests", "unit", "shop-pytest-failed", 48, again="shop-pytest-passed", retries="manual"),
    WAIT,
    StepSpec(
        ":package: Orders",
        "orders",
        "shop-integration-failed",
        30,
        again="shop-integration-passed",
        retries="automatic",
    ),
)
_PROMISING = (
    *shop_steps("failed", seconds=20_000, promises=19_900)[:3],
    StepSpec(":elephant: Load test", "load", "shop-pytest-passed", 20_000),
)
_STUCK = (
    UPLOAD,
    StepSpec(":brain: Train", "train", "", 1800, queue="", why="gpu"),
    StepSpec(":iphone: Mac tests", "mac", "", 600, queue="", why="mac"),
)
_HOSTILE = (UPLOAD, StepSpec(":skull: Hostile output", "hostile", "shop-pytest-failed", 30))
_BIG = (UPLOAD, StepSpec(":elephant: Index everything", "big", "shop-pytest-failed", 1500))
_PULL = {"id": "42", "base": "main", "repository": "https://github.com/acme/shop.git", "labels": ["tax"]}


def _shop() -> Iterator[BuildSpec]:
    main = (
        "Take the discount from the subtotal", "Print receipts", "Add VAT for France", "Ship to Austria",
        "Name the currency", "Sort the lines of a receipt", "Count quantities", "Test empty carts",
        "Keep orders", "Free shipping from fifty euros", "Show the discount",
    )  # fmt: skip
    for number, message in enumerate(main, 1):
        age = _HOUR * (2 + 5 * (len(main) - number))
        steps = shop_steps("shipping") if number == 4 else shop_steps()  # noqa: PLR2004 - one red build in the past
        who = "ben" if number % 3 == 0 else "ada"
        yield BuildSpec("shop", f"main-{number}", "main", age, steps, message, who, reports=True)
    yield BuildSpec(
        "shop", "main-12", "main", 720, shop_steps("failed"), "Round discounts per line", reports=True,
        meta_data={"release-channel": "beta"}, env={"DEPLOY_ENVIRONMENT": "staging"},
    )  # fmt: skip
    yield BuildSpec("shop", "empty-1", "empty", 40 * _HOUR, one(":zap: Touch", "", 2), "Do nothing", "ben")
    for number, age in enumerate((9 * _DAY, 3 * _DAY, 26 * _HOUR), 1):
        yield BuildSpec(
            "shop",
            f"release-{number}",
            "release",
            age,
            shop_steps(),
            f"Release 1.{number + 1}.0",
            reports=True,
            pull_request={},
        )
    yield BuildSpec("shop", "fails-soon-1", "fails-soon", 0, shop_steps("shipping"), "Free shipping over fifty euros",
                    reports=True, ends_in=4)  # fmt: skip
    yield BuildSpec(
        "shop", "passes-soon-1", "passes-soon", 0, shop_steps(), "Say what shipping costs", reports=True, ends_in=3
    )
    yield BuildSpec("shop", "problems-1", "problems", 8 * _HOUR, _PROBLEMS, "Change everything", "ben", author=_BY_TEXT,
                    reports=True)  # fmt: skip
    yield BuildSpec("shop", "blocked-1", "candidate", 5 * _HOUR, _BLOCKED, "Release candidate 1.5", reports=True)
    yield BuildSpec("shop", "triggers-1", "deploy", 6 * _HOUR, _TRIGGERS, "Deploy on green")
    yield BuildSpec(
        "shop", "retried-1", "orders", 10 * _HOUR, _RETRIED, "Cancel orders", "ben", author=_BY_TEXT, reports=True
    )
    yield BuildSpec("shop", "promising-1", "load", 2 * _HOUR, _PROMISING, "Load test the cart", "ben")
    yield BuildSpec("shop", "stuck-1", "recommendations", 3 * _HOUR, _STUCK, "Train on a bigger machine", "ben")
    yield BuildSpec("shop", "matrix-1", "matrix", 12 * _HOUR, _matrix(), "Try every Python", "ben")
    yield BuildSpec("shop", "big-1", "big", 11 * _HOUR, _BIG, "Index everything", "ben")
    yield BuildSpec("shop", "hostile-1", "hostile", 10.5 * _HOUR, _HOSTILE, "Print anything", "ben")
    yield BuildSpec("shop", "canceled-1", "spike", 4 * _HOUR, shop_steps(), "Try something", canceled_after=30)
    yield BuildSpec("shop", "skipped-1", "spike", 4.5 * _HOUR, (), "Try something else", fixed="skipped")
    yield BuildSpec("shop", "not-run-1", "docs", 7 * _HOUR, (), "Explain discounts [skip ci]", fixed="not_run")
    yield BuildSpec("shop", "pull-42-1", "simplify-tax", 9 * _HOUR, shop_steps(ruff="failed"), "Simplify the tax",
                    "ben", author=_BY_TEXT, pull_request=_PULL)  # fmt: skip
    yield BuildSpec("shop", "pull-42-2", "simplify-tax", 3.5 * _HOUR, shop_steps("pull-request", "failed"),
                    "Simplify the tax", "ben", pull_request=_PULL, reports=True)  # fmt: skip
    yield BuildSpec("shop", "nightly-1", "main", 9.5 * _HOUR, shop_steps(orders="failed"), "Nightly", "scheduler",
                    source="schedule", commit="main-9", reports=True)  # fmt: skip
    yield BuildSpec("shop", "rebuilt-1", "main", 9.2 * _HOUR, shop_steps(), "Nightly", source="ui", commit="main-9",
                    rebuilt_from="nightly-1")  # fmt: skip
    for number in range(1, 40):
        name = ("search", "wishlist", "gift-cards")[number % 3]
        steps = shop_steps(ruff="failed") if number % 13 == 5 else shop_steps()  # noqa: PLR2004 - some are red
        message = f"Work on {name}, part {number}"
        yield BuildSpec("shop", f"{name}-{number}", name, _DAY * (10 + number), steps, message, "ben")


def _others() -> Iterator[BuildSpec]:
    deploy = one(":kubernetes: Staging", "warehouse-deploy-failed", 9)
    yield BuildSpec("shop-deploy", "deploy-1", "main", 30 * _HOUR, one(":kubernetes: Staging", "shop-pytest-passed", 9),
                    "Deploy", source="api")  # fmt: skip
    yield BuildSpec("shop-deploy", "deploy-2", "main", 5.95 * _HOUR, deploy, "Deploy shop", source="trigger_job")
    node, tsc = "storefront-node-", "storefront-tsc-"
    for key, branch, age, tests, types in (
        ("main-1", "main", 2 * _DAY, "passed", "passed"),
        ("locale-1", "locale", 11 * _HOUR, "passed", "failed"),
        ("main-2", "main", 9 * _HOUR, "passed", "passed"),
        ("main-3", "main", 2 * _HOUR, "failed", "passed"),
    ):
        steps = one(":typescript: Types", tsc + types, 14) + one(":nodejs: Tests", node + tests, 12)
        yield BuildSpec("storefront", key, branch, age, steps, "Add prices up from the left", "ben")
    for key, branch, age, maven, go in (
        ("main-2", "main", 30 * _HOUR, "passed", "passed"),
        ("refunds-1", "refunds", 4 * _HOUR, "passed", "failed"),
        ("main-3", "main", 3 * _HOUR, "failed", "passed"),
    ):
        steps = one(":maven: Invoices", f"billing-maven-{maven}", 75) + one(":golang: Ledger", f"billing-go-{go}", 18)
        yield BuildSpec("billing", key, branch, age, steps, "Round down")
    for key, recording, name, message in (
        ("cargo-1", "warehouse-cargo-passed", ":rust: Shelves", "Count shelves"),
        ("gcc-1", "warehouse-gcc-failed", ":c: Firmware", "Rename tare"),
        ("cxx-1", "warehouse-cxx-failed", ":cpp: Labels", "Show all stock"),
        ("cargo-2", "warehouse-cargo-build-failed", ":rust: Shelves", "Log what is put"),
        ("cargo-3", "warehouse-cargo-test-failed", ":rust: Shelves", "Never fail to take"),
        ("index-1", "warehouse-index-killed", ":mag: Index", "Index all articles"),
    ):
        yield BuildSpec(
            "warehouse", key, key.partition("-")[0], 5 * _HOUR - len(name), one(name, recording, 20), message
        )
    yield BuildSpec("vault", "main-1", "main", _HOUR, shop_steps(), "Hide")


BUILDS = (*_shop(), *_others())
