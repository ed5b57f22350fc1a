"""What ran in the organization before (and while) the sandbox started: tests by how they go, and their requests."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ci_mcp.sandbox.firmwareci.model import StepSpec

_MINUTE = 60
_HOUR = 3600
_DAY = 86_400
_BOOT = ("coreboot", "linux")
_NO_LOGIN = 'expect: timeout after 2m0s: regex "edge-100 login:" was not seen on the serial console'
_FLASH = StepSpec("pre-stage", "flash firmware", "dutctl", 48, ("flash",))
_ON = StepSpec("boot", "power on", "dutctl", 2, ("on",))
_OFF = StepSpec("post-stage", "power off", "dutctl", 3, ("off",))


def _login(*text: str, seconds: float = 14, code: int = 0, error: str = "") -> StepSpec:
    return StepSpec("boot", "wait for login", "dutctl", seconds, (*_BOOT, *text), code, error)


_PING = StepSpec("network", "ping the board", "ping", 2, ("ping",))
_NO_PING = replace(_PING, text=("noping",), exit_code=1, error="no answer from 192.0.2.60")
_VERSION = StepSpec("checks", "firmware version", "cmd", 3, ("version",))
_PROTECTED = StepSpec("checks", "write protection", "chipsec", 20, ("chipsec",))
_UNPROTECTED = replace(_PROTECTED, text=("unlocked",), exit_code=2, error="common.bios_wp: expected PASSED, got FAILED")
_HANG = _login("hang", seconds=120, code=1, error=_NO_LOGIN)
_NO_AGENT = StepSpec(
    "pre-stage", "flash firmware", "dutctl", 30, ("agent",), 255, "infrastructure failure: dutctl agent not reachable"
)
_NO_MEMORY = StepSpec("boot", "wait for login", "dutctl", 120, ("memory",), 1, _NO_LOGIN)
_PANIC = _login("panic", seconds=120, code=1, error=_NO_LOGIN)

# How a test can go: its steps, in order. A failing step fails its stage, and the next stage still runs.
WAYS: dict[str, tuple[StepSpec, ...]] = {
    "boots": (_FLASH, _ON, _login("login"), _PING, _OFF),
    "hangs": (_FLASH, _ON, _HANG, _NO_PING, _OFF),
    "panics": (_FLASH, _ON, _PANIC, _NO_PING, _OFF),
    "no-memory": (_FLASH, _ON, _NO_MEMORY, _NO_PING, _OFF),
    "no-agent": (_NO_AGENT,),
    "soaks": (_FLASH, _ON, _login("login"), StepSpec("soak", "load all cores", "cpuload", 7200, ("load",)), _OFF),
    "version": (_FLASH, _ON, _VERSION, _OFF),
    "protected": (_FLASH, _ON, _PROTECTED, _OFF),
    "unprotected": (_FLASH, _ON, _UNPROTECTED, _OFF),
    "queued": (),
    "preparing": (),
}
_SUITE = {"linux-boot": "boots", "firmware-version": "version", "write-protection": "protected"}


@dataclass(frozen=True, slots=True)
class RequestSpec:
    """One job request.

    Attributes:
        project: the name of its project.
        workflow: the name of its workflow.
        key: its name there; ids and the commit come from it.
        age: how many seconds before the sandbox's start it was submitted.
        ways: the way in which each test goes, by the test's name.
        ends_in: its jobs end that many seconds after the sandbox's start, whatever its age.
        aborted_after: its jobs are aborted that many seconds after it was submitted.
    """

    project: str
    workflow: str
    key: str
    age: float
    ways: dict[str, str]
    ends_in: float | None = None
    aborted_after: float = 0


def _nightlies() -> Iterator[RequestSpec]:
    """Sixty nights of a workflow of one test."""
    for night in range(1, 61):
        way = {9: "panics", 23: "no-agent", 41: "hangs"}.get(night, "boots")
        yield RequestSpec("shop", "nightly", f"nightly-{61 - night}", night * _DAY, {"linux-boot": way})


_BOARDS = {f"board-{number:02}": "boots" for number in range(1, 41)}
_BAD_BOARDS = _BOARDS | {
    f"board-{number:02}": way
    for way, numbers in {
        "hangs": (3, 7, 8, 21, 33),
        "panics": (5, 19, 28),
        "no-memory": (11, 12),
        "unprotected": (30,),
        "no-agent": (40,),
    }.items()
    for number in numbers
}

REQUESTS: tuple[RequestSpec, ...] = (
    RequestSpec("shop", "boot", "boot-9", 25 * _MINUTE, _SUITE | {"linux-boot": "hangs"}),
    RequestSpec("shop", "boot", "boot-8", 5 * _HOUR, _SUITE),
    RequestSpec("shop", "boot", "boot-7", 9 * _HOUR, _SUITE),
    RequestSpec("shop", "boot", "boot-6", 26 * _HOUR, _SUITE | {"write-protection": "unprotected"}),
    RequestSpec("shop", "boot", "boot-5", 30 * _HOUR, _SUITE),
    RequestSpec("shop", "boot", "boot-4", 50 * _HOUR, _SUITE, aborted_after=70),
    RequestSpec("shop", "boot", "boot-3", 53 * _HOUR, _SUITE | {"linux-boot": "no-agent"}),
    RequestSpec("shop", "boot", "boot-2", 74 * _HOUR, _SUITE | {"linux-boot": "panics"}),
    RequestSpec("shop", "boot", "boot-1", 98 * _HOUR, _SUITE),
    *_nightlies(),
    RequestSpec("shop-release", "boot", "release-2", 2 * _HOUR, _SUITE),
    RequestSpec("shop-release", "boot", "release-1", 8 * _DAY, _SUITE),
    RequestSpec("shop-fails-soon", "boot", "fails-2", 200, {"linux-boot": "hangs"}, ends_in=6),
    RequestSpec("shop-fails-soon", "boot", "fails-1", 30 * _HOUR, {"linux-boot": "boots"}),
    RequestSpec("shop-passes-soon", "boot", "passes-2", 100, {"linux-boot": "boots"}, ends_in=4),
    RequestSpec("shop-passes-soon", "boot", "passes-1", 31 * _HOUR, {"linux-boot": "boots"}),
    RequestSpec("lab", "waiting", "queued-1", 12 * _MINUTE, {"linux-boot": "queued"}),
    RequestSpec("lab", "waiting", "preparing-1", 15 * _MINUTE, {"linux-boot": "preparing"}),
    RequestSpec("lab", "waiting", "running-1", 300, {"linux-boot": "soaks"}, ends_in=6990),
    RequestSpec("lab", "waiting", "aborted-1", 40 * _MINUTE, {"linux-boot": "boots"}, aborted_after=90),
    RequestSpec("lab", "waiting", "unreachable-1", _HOUR, {"linux-boot": "no-agent"}),
    RequestSpec("boards", "matrix", "matrix-2", 3 * _HOUR, _BAD_BOARDS),
    RequestSpec("boards", "matrix", "matrix-1", 27 * _HOUR, _BOARDS),
)
