"""The words of triage: times, durations, exit codes, as a person says them."""

from datetime import UTC, datetime
from typing import Final

from ci_mcp.triage.codes import meaning

_FEW: Final = 2  # nobody asks how many seconds came on top of three minutes when that was long ago


def exit_code(code: int) -> str:
    """An exit code, with what it means where that is settled: ``exit code 137 (killed, often out of memory)``."""
    said = meaning(code)
    return f"exit code {code} ({said})" if said else f"exit code {code}"


def duration(seconds: float, *, whole: int = 10) -> str:
    """Seconds as a person says them: ``42 s``, ``3 min 20 s``, ``12 min``, ``2 h 5 min``, ``3 d 4 h``.

    From ``whole`` of a unit upwards the smaller one is left away.
    """
    rest = round(seconds)
    for size, name, small_size, small in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if rest >= size:
            more = rest % size // small_size if rest // size < whole else 0
            return f"{rest // size} {name}" + (f" {more} {small}" if more else "")
    return f"{rest} s"


def age(when: datetime | None, now: datetime | None = None) -> float:
    """The seconds since a time; 0 for one to come, and for none."""
    return max(0.0, ((now or datetime.now(UTC)) - when).total_seconds()) if when else 0.0


def ago(when: datetime, now: datetime | None = None) -> str:
    """How long ago a time was: ``1 min 20 s ago``, ``3 min ago``."""
    return f"{duration(age(when, now), whole=_FEW)} ago"


def count(number: int, one: str, many: str = "") -> str:
    """A number with its noun: ``1 job``, ``3 jobs``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def line(text: str, most: int = 120) -> str:
    """A name that somebody else chose, on one line and not too long: no name can pass for lines of ours."""
    plain = " ".join(text.split())
    return plain if len(plain) <= most else f"{plain[: most - 1]}…"
