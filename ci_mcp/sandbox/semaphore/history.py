"""What ran in the organization ``acme`` before (and while) the sandbox started."""

from collections.abc import Iterator

from ci_mcp.sandbox.semaphore.model import BlockSpec, JobSpec
from ci_mcp.sandbox.semaphore.runs import DAY, HOUR, RunSpec, one_block, shop_blocks
from ci_mcp.sandbox.semaphore.unusual import unusual_runs


def _nightly() -> tuple[BlockSpec, ...]:
    orders = tuple(JobSpec(f"orders - {n}/2", "shop-integration-failed", 30 + n) for n in (1, 2))
    return (
        BlockSpec("Lint", (JobSpec("ruff", "shop-ruff-failed", 19),)),
        BlockSpec("Unit tests", (JobSpec("pytest", "shop-pytest-passed", 47),)),
        BlockSpec("Integration", orders),
    )


def _matrix() -> tuple[BlockSpec, ...]:
    """Two hundred jobs, of which twelve failed in three different ways."""
    ways = {13: "shop-pytest-failed", 17: "shop-pytest-shipping", 19: "shop-integration-failed"}
    names = [ways.get(number, "shop-pytest-passed") for number in range(1, 51)]
    return tuple(
        BlockSpec(
            f"Python {version}",
            tuple(JobSpec(f"python {version} - {n}/50", name, 40 + n % 7) for n, name in enumerate(names, 1)),
        )
        for version in ("3.11", "3.12", "3.13", "3.14")
    )


_NO_AGENT = "There are no agents of type a1-gpu-large in this organization."
_TRAIN = (BlockSpec("Train", (JobSpec("train", "", 1800, "a1-gpu-large", _NO_AGENT),)),)
_BAD_YAML = (
    'Error: [{"Type mismatch. Expected Array but got String.", "#/blocks/0/task/jobs/0/commands"}] '
    "in .semaphore/semaphore.yml"
)


def _shop_runs() -> Iterator[RunSpec]:
    main = (
        "Take the discount from the subtotal", "Print receipts", "Add VAT for France", "Ship to Austria",
        "Name the currency", "Sort the lines of a receipt", "Count quantities", "Test empty carts",
        "Keep orders", "Free shipping from fifty euros", "Show the discount",
    )  # fmt: skip
    yield RunSpec("shop", "main-12", "main", 720, shop_blocks("failed"), "Round discounts per line", reports="full")
    for number, message in enumerate(main, 1):
        age = HOUR * (2 + 5 * (len(main) - number))
        blocks = shop_blocks("shipping") if number == 4 else shop_blocks()  # noqa: PLR2004 - one red run in the past
        who = "ben" if number % 3 == 0 else "ada"
        yield RunSpec("shop", f"main-{number}", "main", age, blocks, message, who, reports="full")
    yield RunSpec(
        "shop", "nightly-1", "main", 9 * HOUR, _nightly(), "Free shipping from fifty euros", "scheduler",
        commit="main-10", reports="xml", trigger="SCHEDULE", name="Nightly", yaml_file="nightly.yml",
    )  # fmt: skip
    for number, age in enumerate((9 * DAY, 3 * DAY, 26 * HOUR), 1):
        yield RunSpec(
            "shop", f"release-{number}", "release", age, shop_blocks(), f"Release 1.{number + 1}.0", reports="job"
        )
    yield RunSpec("shop", "fails-soon-1", "fails-soon", 0, shop_blocks("shipping"), "Free shipping over fifty euros",
                  reports="xml", ends_in=4)  # fmt: skip
    yield RunSpec(
        "shop", "passes-soon-1", "passes-soon", 0, shop_blocks(), "Say what shipping costs", reports="job", ends_in=3
    )
    yield RunSpec("shop", "pull-request-42-1", "pull-request-42", 8 * HOUR, shop_blocks(ruff="failed"),
                  "Simplify the tax", "ben", label="42")  # fmt: skip
    yield RunSpec("shop", "pull-request-42-2", "pull-request-42", 3 * HOUR, shop_blocks("pull-request", "failed"),
                  "Simplify the tax", "ben", label="42", reports="job")  # fmt: skip
    yield RunSpec("shop", "tag-1", "refs/tags/v1.4.0", 25 * HOUR, shop_blocks(), "Release 1.4.0", label="v1.4.0",
                  commit="release-3", reports="job")  # fmt: skip
    yield RunSpec("shop", "malformed-1", "ci-setup", 5 * HOUR, (), "Tidy the pipeline", error=_BAD_YAML)
    yield RunSpec("shop", "stuck-1", "recommendations", 6 * HOUR, _TRAIN, "Train on a bigger machine", "ben")
    yield RunSpec("shop", "stopped-1", "spike", 4 * HOUR, shop_blocks(), "Try something", stopped_after=30)
    yield RunSpec("shop", "docs-1", "docs", 7 * HOUR, shop_blocks(skip=True), "Explain discounts", reports="job")
    yield RunSpec("shop", "retried-1", "orders", 10 * HOUR, shop_blocks(orders="failed", again="passed"),
                  "Cancel orders", "ben", rebuilt_after=400)  # fmt: skip
    yield RunSpec("shop", "matrix-1", "matrix", 12 * HOUR, _matrix(), "Try every Python", "ben", reports="job")
    for number in range(1, 10):
        name = ("search", "wishlist", "gift-cards")[number % 3]
        blocks = shop_blocks(ruff="failed") if number == 5 else shop_blocks()  # noqa: PLR2004 - one red run among them
        yield RunSpec(
            "shop", f"{name}-{number}", name, DAY * (1 + number), blocks, f"Work on {name}, part {number}", "ben"
        )


def _other_runs() -> Iterator[RunSpec]:
    node, tsc = "storefront-node-", "storefront-tsc-"
    for key, branch, age, tests, build in (
        ("main-3", "main", 2 * HOUR, "failed", "passed"),
        ("main-2", "main", 9 * HOUR, "passed", "passed"),
        ("locale-1", "locale", 11 * HOUR, "passed", "failed"),
        ("main-1", "main", 2 * DAY, "passed", "passed"),
    ):
        blocks = one_block("Types", "tsc", tsc + build, 14) + one_block("Tests", "node", node + tests, 12)
        yield RunSpec("storefront", key, branch, age, blocks, "Add prices up from the left", "ben")
    for key, branch, age, maven, go in (
        ("main-3", "main", 3 * HOUR, "failed", "passed"),
        ("refunds-1", "refunds", 4 * HOUR, "passed", "failed"),
        ("main-2", "main", 30 * HOUR, "passed", "passed"),
    ):
        blocks = one_block("Invoices", "maven", f"billing-maven-{maven}", 75) + one_block(
            "Ledger", "go test", f"billing-go-{go}", 18
        )
        yield RunSpec("billing", key, branch, age, blocks, "Round down" if key == "main-3" else "Count payments only")
    for key, branch, age, blocks, message in (
        (
            "main-3",
            "main",
            5400,
            one_block("Deploy", "staging", "warehouse-deploy-failed", 9, "s1-warehouse"),
            "Roll out",
        ),
        ("tare-1", "tare", 2 * HOUR, one_block("Firmware", "gcc", "warehouse-gcc-failed", 8), "Rename tare"),
        ("labels-1", "labels", 3 * HOUR, one_block("Firmware", "g++", "warehouse-cxx-failed", 11), "Show all stock"),
        (
            "log-1",
            "log",
            4 * HOUR,
            one_block("Shelves", "cargo", "warehouse-cargo-build-failed", 16),
            "Log what is put",
        ),
        (
            "take-1",
            "take",
            5 * HOUR,
            one_block("Shelves", "cargo", "warehouse-cargo-test-failed", 22),
            "Never fail to take",
        ),
        (
            "index-1",
            "index",
            6 * HOUR,
            one_block("Index", "articles", "warehouse-index-killed", 64),
            "Index all articles",
        ),
        (
            "main-2",
            "main",
            8 * HOUR,
            one_block("Firmware", "gcc", "warehouse-gcc-passed", 7, "s1-warehouse"),
            "Print labels",
        ),
        ("main-1", "main", 3 * DAY, one_block("Shelves", "cargo", "warehouse-cargo-passed", 20), "Count shelves"),
    ):
        yield RunSpec("warehouse", key, branch, age, blocks, message, "ben")
    yield RunSpec("vault", "main-1", "main", HOUR, shop_blocks(), "Hide")


RUNS = (*_shop_runs(), *unusual_runs(), *_other_runs())
