"""What is recorded: small projects, real commands, real failures."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Scenario:
    """One job to run for real.

    Attributes:
        name: the recording's name.
        project: the folder under ``sources`` that is the repository.
        commands: what the job runs after checkout, up to the first that fails.
        overlay: the folder laid over the project by the newest commit, empty for none.
        subject: the subject of the newest commit.
        epilogue: what runs afterwards, whatever happened.
        tool: prints the version of the tool that fails (or passes).
        report: the JUnit file that the job leaves behind, empty for none.
    """

    name: str
    project: str
    commands: tuple[str, ...]
    overlay: str = ""
    subject: str = "Tidy up"
    epilogue: tuple[str, ...] = ()
    tool: str = ""
    report: str = ""
    env: dict[str, str] = field(default_factory=dict)


_VENV = ("sem-version python 3.11", "python -m venv ~/.venv && source ~/.venv/bin/activate")
_PIP = (*_VENV, "pip install -r requirements.txt")
_PYTEST = (*_PIP, "pytest --junitxml=junit.xml")
_RUFF = (*_PIP, "ruff check .")
_INTEGRATION = (*_PIP, "pytest integration --junitxml=junit.xml")
_REPORT = ("wc -c junit.xml",)
_NODE = ("npm ci", "npm test")
_TSC = ("npm ci", "npm run build")
_MVN = ("mvn --batch-mode test",)
_GO = ("cd ledger", "go vet ./...", "go test -v ./...")
_PY_TOOL = "~/.venv/bin/pytest --version"
_STATUS = ("git status --short",)
_MAKE = ("cd firmware", "make")

SCENARIOS = (
    Scenario(
        "shop-pytest-failed", "shop", _PYTEST, "shop+main", "Round discounts per line", _REPORT, _PY_TOOL, "junit.xml"
    ),
    Scenario("shop-pytest-passed", "shop", _PYTEST, "", "Show the discount", _REPORT, _PY_TOOL, "junit.xml"),
    Scenario(
        "shop-pytest-shipping",
        "shop",
        _PYTEST,
        "shop+fails-soon",
        "Free shipping over fifty euros",
        _REPORT,
        _PY_TOOL,
        "junit.xml",
    ),
    Scenario(
        "shop-pytest-pull-request",
        "shop",
        _PYTEST,
        "shop+pull-request",
        "Simplify the tax",
        _REPORT,
        _PY_TOOL,
        "junit.xml",
    ),
    Scenario(
        "shop-ruff-failed", "shop", _RUFF, "shop+pull-request", "Simplify the tax", (), "~/.venv/bin/ruff --version"
    ),
    Scenario("shop-ruff-passed", "shop", _RUFF, "", "Show the discount", (), "~/.venv/bin/ruff --version"),
    Scenario("shop-integration-failed", "shop", _INTEGRATION, "", "Keep orders", _REPORT, _PY_TOOL, "junit.xml"),
    Scenario(
        "shop-integration-passed",
        "shop",
        (*_PIP, "python -m http.server 15432 >/dev/null 2>&1 &", "sleep 1", "pytest integration --junitxml=junit.xml"),
        "",
        "Keep orders",
        ("kill %1", *_REPORT),
        _PY_TOOL,
        "junit.xml",
    ),
    Scenario(
        "storefront-node-failed",
        "storefront",
        _NODE,
        "storefront+sum",
        "Add prices up from the left",
        (),
        "node --version",
    ),
    Scenario("storefront-node-passed", "storefront", _NODE, "", "Show prices", (), "node --version"),
    Scenario(
        "storefront-tsc-failed",
        "storefront",
        _TSC,
        "storefront+types",
        "Let the browser choose",
        (),
        "npx tsc --version",
    ),
    Scenario("storefront-tsc-passed", "storefront", _TSC, "", "Show prices", (), "npx tsc --version"),
    Scenario("billing-maven-failed", "billing", _MVN, "billing+rounding", "Round down", _STATUS, "mvn --version"),
    Scenario("billing-maven-passed", "billing", _MVN, "", "Send invoices", _STATUS, "mvn --version"),
    Scenario("billing-go-failed", "billing", _GO, "billing+refunds", "Count payments only", (), "go version"),
    Scenario("billing-go-passed", "billing", _GO, "", "Keep a ledger", (), "go version"),
    Scenario("warehouse-gcc-failed", "warehouse", _MAKE, "warehouse+tare", "Rename tare", _STATUS, "gcc --version"),
    Scenario("warehouse-gcc-passed", "warehouse", _MAKE, "", "Print labels", _STATUS, "gcc --version"),
    Scenario("warehouse-cxx-failed", "warehouse", _MAKE, "warehouse+label", "Show all stock", _STATUS, "g++ --version"),
    Scenario(
        "warehouse-cargo-build-failed",
        "warehouse",
        ("cargo build",),
        "warehouse+moved",
        "Log what is put",
        (),
        "cargo --version",
    ),
    Scenario(
        "warehouse-cargo-test-failed",
        "warehouse",
        ("cargo build", "cargo test"),
        "warehouse+taken",
        "Never fail to take",
        (),
        "cargo --version",
    ),
    Scenario(
        "warehouse-cargo-passed", "warehouse", ("cargo build", "cargo test"), "", "Count shelves", (), "cargo --version"
    ),
    Scenario(
        "warehouse-deploy-failed",
        "warehouse",
        ("bash scripts/deploy.sh staging",),
        "",
        "Roll out",
        _STATUS,
        "bash --version",
    ),
    Scenario(
        "warehouse-index-killed",
        "warehouse",
        ("sem-version python 3.11", "timeout --signal=KILL 6 python scripts/index.py"),
        "",
        "Index all articles",
        _STATUS,
        "timeout --version",
    ),
)
