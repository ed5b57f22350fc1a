"""What ran in the demo's PocketCI before (and while) the sandbox started."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ci_mcp.sandbox.pocketci import sources
from ci_mcp.sandbox.pocketci.model import make_run_id
from ci_mcp.sandbox.pocketci.sources import group, job, pipeline, script, task

_HOUR = 3600
_DAY = 24 * _HOUR
SECRET_VALUE = "demo-secret-value-never-to-be-shown"  # noqa: S105 - made up: it stands where real runs hold secrets
# Made up, in the form of a real one, and in two parts so that nobody who looks for secrets takes it for one.
GITHUB_SECRET = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"
_GREEN = {"ruff": "shop-ruff-passed", "pytest": "shop-pytest-passed"}
_PACE = 6.0  # what was recorded ran on a faster machine


@dataclass(frozen=True, slots=True)
class PipelineSpec:
    """One pipeline: its source, what else is set, the logs that its tasks leave, and when it starts by itself."""

    content: str
    kind: str = "yaml"
    driver: str = "docker"
    settings: Mapping[str, Any] = field(default_factory=dict)
    recordings: Mapping[str, str] = field(default_factory=dict)
    schedules: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RunSpec:
    """One run.

    Attributes:
        pipeline: the name of its pipeline.
        key: its name in that pipeline; its id comes from it.
        age: how many seconds before the sandbox's start it was created.
        recordings: the logs of its tasks, where they are not those of its pipeline.
        fixed: its id, where that is not made from its name.
        ends_in: ends that many seconds after the sandbox's start, whatever its age.
        ended_after: ends before its time, that many seconds after it was created: stopped by a user, or see ``error``.
        skipped_for: the key of the run that it did not run beside.
        error: why it ended before its time, where no user stopped it.
    """

    pipeline: str
    key: str
    age: float
    recordings: Mapping[str, str] = field(default_factory=dict)
    who: str = "github:ada@acme.example"
    how: str = "manual"
    input: Mapping[str, Any] = field(default_factory=dict)
    fixed: str = ""
    pace: float = _PACE
    ends_in: float | None = None
    ended_after: float = 0
    skipped_for: str = ""
    error: str = ""

    @property
    def id(self) -> str:
        """The run's id."""
        return self.fixed or make_run_id("run", self.pipeline, self.key)


def _one(name: str, *steps: str, more: str = "") -> str:
    return pipeline(job(name, *steps, more=more))


_HOOK = task("notify", "echo told the channel").replace("- task", "task", 1)
_ON_FAILURE = "on_failure:\n" + "".join(f"  {line}\n" for line in _HOOK.replace("\n  ", "\n").splitlines())
PIPELINES: Mapping[str, PipelineSpec] = {
    "shop": PipelineSpec(sources.SHOP, settings={"resume_enabled": True}, recordings=_GREEN),
    "shop-release": PipelineSpec(sources.SHOP + "# Releases only.\n", recordings=_GREEN),
    "shop-fails-soon": PipelineSpec(
        sources.SHOP + "# Fails soon.\n", recordings=_GREEN | {"pytest": "shop-pytest-shipping"}
    ),
    "shop-passes-soon": PipelineSpec(sources.SHOP + "# Passes soon.\n", recordings=_GREEN),
    "nightly": PipelineSpec(
        sources.NIGHTLY,
        recordings={"pytest": "shop-integration-failed"},
        schedules=(("orders", "cron", "0 2 * * *"), ("refresh", "interval", "6h")),
    ),
    "deploy": PipelineSpec(sources.DEPLOY, settings={"concurrency_mode": "serial"}),
    "matrix": PipelineSpec(sources.MATRIX),
    "index": PipelineSpec(
        _one("index", task("everything", "index-everything"), task("verify", "verify")),
        recordings={"verify": "warehouse-index-killed"},
    ),
    "deliver": PipelineSpec(
        _one("ship", task("upload", f"echo using {SECRET_VALUE} for the token {GITHUB_SECRET}; echo TOKEN="
                          f"{GITHUB_SECRET}; echo 'curl: (22) The requested URL returned error: 403' >&2; exit 22"))
    ),
    "mirror": PipelineSpec(_one("mirror", task("copy", "sleep 4; echo done")),
                           settings={"concurrency_mode": "skip-if-running"}),
    "broken-source": PipelineSpec("jobs: ["),
    "compile-ts": PipelineSpec(
        script([("compile", "echo compiling; echo 'src/main.c:10: error: expected ;' >&2; exit 1")]), "ts"
    ),
    "compile-throws": PipelineSpec(
        script([("compile", "echo hi; exit 4")], throws="compile failed with"), "ts"
    ),
    "optional-checks": PipelineSpec(
        _one("test", group("try", [task("mayfail", "echo boom; exit 9")]), task("after", "echo still here"))
    ),
    "with-hooks": PipelineSpec(_one("test", task("unit", "echo failing; exit 1"), more=_ON_FAILURE)),
    "shards": PipelineSpec(
        _one("test", group("in_parallel", [
            task("shard-1", "echo ok 1"), task("shard-2", "echo 'E   KeyError: x' >&2; echo bad; exit 1"),
            task("shard-3", "sleep 1; echo ok 3"),
        ])),
    ),
    "flaky": PipelineSpec(_one("test", task("flaky", "echo try; exit 1", attempts="3"))),
    "versions": PipelineSpec(
        _one("test", task("py", "echo 'SyntaxError: invalid syntax' >&2; exit 2",
                          across='[{var: v, values: ["3.11", "3.12"]}]'))
    ),
    "slow-tests": PipelineSpec(_one("test", task("slow", "echo start; sleep 60; echo end", timeout="20s"))),
    "review": PipelineSpec(sources.REVIEW),
    "soak": PipelineSpec(_one("soak", task("ticks", "for i in $(seq 1 720); do echo tick $i; sleep 5; done"))),
}  # fmt: skip


def _matrix() -> dict[str, str]:
    """Two hundred tasks: five fail alike, seven others each in a way of its own."""
    alone = {
        3: "shop-pytest-shipping", 29: "shop-integration-failed", 57: "storefront-node-failed",
        83: "storefront-tsc-failed", 111: "warehouse-gcc-failed", 137: "warehouse-cargo-test-failed",
        166: "billing-go-failed",
    }  # fmt: skip
    named = {name: alone.get(number, "shop-pytest-passed") for number, name in enumerate(sources.MATRIX_NAMES)}
    return named | {name: "shop-pytest-failed" for name in named if name.startswith("cart-")}


_WEBHOOK = {
    "webhook": {
        "provider": "github", "eventType": "push", "method": "POST", "url": f"/api/webhooks/x?token={SECRET_VALUE}",
        "headers": {
            "Authorization": f"Bearer {GITHUB_SECRET}", "Content-Type": "application/json",
            "X-Hub-Signature-256": "sha256=5d41402abc4b2a76b9719d911017c592", "X-Api-Key": SECRET_VALUE,
        },
        "body": '{"ref":"refs/heads/main","after":"' + "c0ffee" * 6 + 'c0de","token":"' + SECRET_VALUE + '"}',
    }
}  # fmt: skip


def _shop() -> Iterator[RunSpec]:
    red = _GREEN | {"pytest": "shop-pytest-failed"}
    for number in range(1, 4):
        recordings = _GREEN | {"pytest": "shop-pytest-shipping"} if number == 1 else _GREEN
        yield RunSpec("shop", f"main-{number}", _HOUR * (2 + 5 * (4 - number)), recordings)
    yield RunSpec("shop", "main-4", 720, red, how="webhook", who="github:push")
    yield RunSpec("shop", "lint-1", 9 * _HOUR, input={"jobs": ["lint"]})
    yield RunSpec("shop", "nojob-1", 9.5 * _HOUR, input={"jobs": ["nojob"]})
    yield RunSpec("shop", "killed-1", 30 * _HOUR, who="", ended_after=50, error="Server restarted during execution")
    for number in range(1, 31):
        yield RunSpec("shop", f"older-{number}", _DAY * (2 + number), who="schedule:nightly", how="schedule")
    for number, age in enumerate((3 * _DAY, 26 * _HOUR), 1):
        yield RunSpec("shop-release", f"release-{number}", age, input={"args": ["--version", f"1.{number + 1}.0"]})
    yield RunSpec("shop-fails-soon", "soon-1", 0, ends_in=4, pace=1)
    yield RunSpec("shop-passes-soon", "soon-1", 0, ends_in=3, pace=1)


def _others() -> Iterator[RunSpec]:
    for number in range(1, 6):
        passed = {"pytest": "shop-integration-passed"}
        yield RunSpec("nightly", f"nightly-{number}", _DAY * (9 - number), passed, "schedule:orders", "schedule")
    yield RunSpec("nightly", "nightly-6", 2 * _DAY, ended_after=20, fixed="_Y0-q5n3RMUktK5y2tYGO")
    yield RunSpec(
        "nightly", "nightly-7", 7 * _HOUR, who="schedule:orders", how="schedule", fixed="-bcwDwAi44mAhHxdYmMqs"
    )
    yield RunSpec("deploy", "deploy-1", _DAY, ended_after=600)
    yield RunSpec("deploy", "deploy-2", 1500)
    yield RunSpec("matrix", "matrix-1", 12 * _HOUR, _matrix())
    yield RunSpec("index", "index-1", 11 * _HOUR)
    yield RunSpec("deliver", "deliver-1", 6 * _HOUR, how="webhook", who="github:push", input=_WEBHOOK)
    yield RunSpec("mirror", "mirror-1", 4 * _HOUR, pace=1)
    yield RunSpec("mirror", "mirror-2", 4 * _HOUR - 2, skipped_for="mirror-1")
    yield RunSpec("soak", "soak-1", 600, pace=1)
    for name, key in (
        ("broken-source", "broken-1"), ("compile-ts", "compile-1"), ("compile-throws", "throws-1"),
        ("optional-checks", "try-1"), ("with-hooks", "hook-1"), ("shards", "shards-1"), ("flaky", "flaky-1"),
        ("versions", "versions-1"), ("slow-tests", "slow-1"), ("review", "review-1"),
    ):  # fmt: skip
        yield RunSpec(name, key, 8 * _HOUR - len(name))


RUNS = (*_shop(), *_others())
