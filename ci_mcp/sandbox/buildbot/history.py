"""What ran on the master before (and while) the sandbox started: builders, what they do, and their builds."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ci_mcp.sandbox.buildbot.model import CANCELLED, EXCEPTION, FAILURE, RETRY, SKIPPED, StepSpec

_MINUTE = 60
_HOUR = 3600
_DAY = 86_400

# Name, workers, description, tags, whether it is of the project shop.
BUILDERS: tuple[tuple[str, tuple[str, ...], str | None, tuple[str, ...], bool], ...] = (
    ("shop", ("worker-1", "worker-2"), "The web shop", ("web", "shop"), True),
    ("shop docs", ("worker-1",), "Its documentation", ("web", "docs"), True),
    ("many steps", ("worker-1",), None, (), False),
    ("big", ("worker-2",), None, (), False),
    ("hang", ("worker-2",), None, (), False),
    ("broken", ("worker-1",), None, (), False),
    ("slow", ("worker-2",), None, ("slow",), False),
    ("nightly", ("worker-1", "worker-2"), None, ("nightly",), False),
    ("inner/one", ("worker-1", "worker-2"), None, (), False),
    ("skips", ("worker-1",), None, (), False),
    ("waiting", ("gone",), None, (), False),
    ("storefront", ("worker-1",), "What customers see", ("web",), False),
    ("retired", (), None, (), False),
)


@dataclass(frozen=True, slots=True)
class BuildSpec:
    """One build.

    Attributes:
        builder: the name of its builder.
        key: its name there; the revision comes from it.
        age: how many seconds before the sandbox's start it was asked for.
        steps: what it does.
        forced: who forced it; empty where a change was built.
        reason: why it was.
        ends_in: ends that many seconds after the sandbox's start, whatever its age.
        stopped: its end before its time: results, seconds after its start, and why.
        waits: it was never taken, or cancelled after that many seconds.
        triggered_by: the key of the build of ``nightly`` that started it.
        follows: the key of the build whose request it is the second try of.
    """

    builder: str
    key: str
    branch: str
    age: float
    steps: tuple[StepSpec, ...]
    forced: str = ""
    reason: str = ""
    ends_in: float | None = None
    stopped: tuple[int, float, str] | None = None
    waits: float | None = None
    triggered_by: str = ""
    follows: str = ""


_GIT = StepSpec("git", "git checkout", "HEAD is now at {commit}\n", seconds=6)
_LINT = StepSpec("lint", "ruff check .", recording="shop-ruff-passed", seconds=5)
_UNIT = StepSpec("unit tests", "pytest --junitxml=junit.xml", recording="shop-pytest-passed", seconds=40)
_ORDERS = StepSpec("integration", "pytest integration", recording="shop-integration-passed", seconds=30)
_REPORT = StepSpec(
    "report", "", seconds=1, exit_code=None, urls={"coverage": "https://reports.example.com/shop/coverage"},
    logs=(("notes", "t", "97 % of 1,204 lines\n"), ("page.html", "h", "<h1>Coverage</h1>"),
          ("naïve log/1", "t", "a log whose name is odd\n")),
)  # fmt: skip
_NEVER = StepSpec("deploy", "make deploy", seconds=0, results=SKIPPED, exit_code=None)
_QUIET = StepSpec("clean", "true", seconds=1, hidden=True)
_BAD_LINT = replace(_LINT, recording="shop-ruff-failed", warns=True)
_TAIL = (_REPORT, _NEVER, _QUIET)
_GREEN = (_GIT, _LINT, _UNIT, _ORDERS, *_TAIL)
_RED = (_GIT, _LINT, replace(_UNIT, recording="shop-pytest-failed"), _ORDERS, *_TAIL)
_RED_BEFORE = (_GIT, _LINT, replace(_UNIT, recording="shop-pytest-shipping"), _ORDERS, *_TAIL)
_WARNS = (_GIT, _BAD_LINT, _UNIT, _ORDERS, *_TAIL)
_SOON = (_GIT, _LINT, replace(_UNIT, recording="shop-pytest-shipping", seconds=20), *_TAIL)
_SOON_GREEN = (_GIT, _LINT, replace(_UNIT, seconds=15), *_TAIL)


def _many() -> Iterator[StepSpec]:
    """Two hundred steps, of which twelve fail, five of them alike."""
    bad = {
        17: "shop-pytest-failed", 40: "shop-pytest-failed", 63: "shop-pytest-failed", 90: "shop-pytest-failed",
        121: "shop-pytest-failed", 25: "billing-go-failed", 51: "warehouse-gcc-failed", 77: "warehouse-cxx-failed",
        101: "warehouse-cargo-test-failed", 133: "storefront-tsc-failed", 160: "storefront-node-failed",
        188: "warehouse-deploy-failed",
    }  # fmt: skip
    for number in range(1, 201):
        command = f"make part-{number}"
        yield StepSpec(f"part {number}", command, f"part {number} is done\n", bad.get(number, ""), seconds=2)


_TRACE = (
    "Traceback (most recent call last):\n"
    '  File "/srv/venv/lib/python3.11/site-packages/buildbot/process/buildstep.py", line 566, in startStep\n'
    "    self.results = yield self.run()\n"
    '  File "/srv/buildbot/master/master.cfg", line 24, in run\n'
    '    raise RuntimeError("the step broke")\n'
    "RuntimeError: the step broke\n"
)
_BOOM = StepSpec(
    "boom", "", seconds=1, results=EXCEPTION, exit_code=None,
    logs=(("err.text", "t", _TRACE), ("err.html", "h", f"<pre>{_TRACE}</pre>")),
)  # fmt: skip
_KILLED = ("process killed by signal 9", "program finished with exit code -1")
_SILENT = "command timed out: 1200 seconds without output running [b'make', b'index'], attempting to kill"
_LONG = "command timed out: 3600 seconds elapsed running [b'make', b'all'], attempting to kill"
_HANG = (
    StepSpec("index", "make index", "started\n", seconds=1201, results=FAILURE, exit_code=-1,
             ending=("", _SILENT, *_KILLED)),
    StepSpec("all", "make all", "step 1\nstep 2\n", seconds=3601, results=FAILURE, exit_code=-1,
             ending=("", _LONG, *_KILLED)),
    StepSpec("killed", "python scripts/index.py", recording="warehouse-index-killed", seconds=6, exit_code=-1,
             ending=_KILLED),
)  # fmt: skip
_TICKS = "".join(f"tick {number}\n" for number in range(1, 1801))
_SLOW = (StepSpec("slow", "make slow", _TICKS, seconds=1800),)
_RAW = StepSpec("raw", "printf", "no newline at end\n50%\n100%\n\tindent\n\ufffd\ufffd bytes\nlast", seconds=1)
_INNER = (
    StepSpec("version", "echo 1.2.3", "1.2.3\n", seconds=1, logs=(("property changes", "t", "version: '1.2.3'\n"),)),
    _RAW,
    StepSpec("empty", "true", seconds=1),
    StepSpec("build", "npm run build", recording="storefront-tsc-failed", seconds=9),
)
_BASE = "https://buildbot.example.com/#/"
_TRIGGER = StepSpec(
    "start others", "", seconds=40, results=FAILURE, exit_code=None, state="triggered inner, 1 failure",
    urls={"inner #{request}": _BASE + "buildrequests/{request}",
          "failure: inner/one #{number}": _BASE + "builders/{builder}/builds/{number}"},
)  # fmt: skip


def _nights() -> Iterator[BuildSpec]:
    """Sixty-two nights of the documentation, as there have to be pages."""
    html = StepSpec("html", "make html", "build succeeded.\n", seconds=20)
    broken = replace(html, text="WARNING: unknown document: 'cart'\n", results=FAILURE, exit_code=2)
    for night in range(1, 63):
        steps = (_GIT, broken if night in {7, 30} else html)
        yield BuildSpec("shop docs", f"night-{63 - night}", "main", night * _DAY, steps)


BUILDS: tuple[BuildSpec, ...] = (
    BuildSpec("shop", "main-8", "main", 20 * _MINUTE, _RED),
    BuildSpec("shop", "main-7", "main", 3 * _HOUR, _GREEN),
    BuildSpec("shop", "main-6", "main", 7 * _HOUR, _GREEN),
    BuildSpec("shop", "main-5", "main", 25 * _HOUR, _WARNS),
    BuildSpec("shop", "main-4", "main", 29 * _HOUR, _RED_BEFORE),
    BuildSpec("shop", "main-3", "main", 31 * _HOUR, _GREEN, forced="Ada Lane <ada@acme.example>", reason="try again"),
    BuildSpec("shop", "main-2", "main", 50 * _HOUR, _GREEN, stopped=(CANCELLED, 30, "not needed any more")),
    BuildSpec("shop", "main-1", "main", 75 * _HOUR, _GREEN),
    BuildSpec("shop", "release-2", "release", 2 * _HOUR, _GREEN),
    BuildSpec("shop", "release-1", "release", 9 * _DAY, _GREEN),
    BuildSpec("shop", "fails-soon-1", "fails-soon", 60, _SOON, ends_in=6),
    BuildSpec("shop", "passes-soon-1", "passes-soon", 60, _SOON_GREEN, ends_in=4),
    BuildSpec("shop", "topic-1", "-x/topic", 5 * _HOUR, _WARNS),
    BuildSpec("shop", "lost-1", "main", 40 * _HOUR, _GREEN, stopped=(RETRY, 20, "lost connection")),
    BuildSpec("shop", "lost-2", "main", 40 * _HOUR - 40, _GREEN, follows="lost-1"),
    *_nights(),
    BuildSpec("many steps", "many-1", "main", 4 * _HOUR, tuple(_many())),
    BuildSpec("big", "big-1", "main", 5 * _HOUR,
              (_GIT, StepSpec("index", "make index", recording="billing-go-failed", seconds=90, big=True))),
    BuildSpec("hang", "hang-1", "main", 6 * _HOUR, _HANG),
    BuildSpec("broken", "broken-1", "main", 7 * _HOUR, (_GIT, _BOOM)),
    BuildSpec("slow", "slow-1", "main", 300, _SLOW, ends_in=1500),
    BuildSpec("slow", "slow-0", "main", 8 * _HOUR, _SLOW, stopped=(CANCELLED, 65, "enough of it")),
    BuildSpec("nightly", "nightly-1", "main", 9 * _HOUR, (_TRIGGER,)),
    BuildSpec("inner/one", "inner-1", "main", 9 * _HOUR - 8, _INNER, triggered_by="nightly-1"),
    BuildSpec("skips", "skips-1", "main", 10 * _HOUR, (_NEVER,)),
    BuildSpec("waiting", "waiting-1", "main", 11 * _MINUTE, _SLOW, waits=0),
    BuildSpec("waiting", "waiting-0", "main", 50 * _MINUTE, _SLOW, waits=120),
    BuildSpec("storefront", "front-2", "main", 3 * _HOUR,
              (_GIT, StepSpec("test", "npm test", recording="storefront-node-failed", seconds=30))),
    BuildSpec("storefront", "front-1", "main", 30 * _HOUR,
              (_GIT, StepSpec("test", "npm test", recording="storefront-node-passed", seconds=30))),
    BuildSpec("retired", "retired-1", "main", 200 * _DAY, (_GIT,)),
)  # fmt: skip
