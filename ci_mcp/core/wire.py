"""JSON of a vendor, read without trusting it: what is absent, null or of another type is told from what is there."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from ci_mcp.errors import BadAnswerError
from ci_mcp.logs.text import clean_text

Json = Mapping[str, Any]

_TITLE = 200  # characters of a commit message's first line
_DIGITS: Final = 30  # Python reads no number of thousands of them, and no service means one
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s|µs|us|ns)")
_UNITS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "µs": 1e-6, "us": 1e-6, "ns": 1e-9}


def record(value: Any, what: str) -> Json:
    """A JSON object; raises `BadAnswerError` where the service gave something else."""
    if not isinstance(value, dict):
        raise BadAnswerError(f"the service answered something that is not a {what}", "try again later")
    return value


def records(value: Any, what: str) -> list[Json]:
    """A JSON array of objects; raises `BadAnswerError` where the service gave something else."""
    if not isinstance(value, list):
        raise BadAnswerError(f"the service answered something that is not a list of {what}", "try again later")
    return [record(item, what) for item in value]


def parts(value: Any) -> list[Json]:
    """The objects of an array that may be null, absent or hold something else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def part(raw: Json, *keys: str) -> Json:
    """An object inside an object, or deeper; empty where it is absent or null."""
    value: Any = raw
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, dict) else {}


def text(raw: Json, key: str) -> str:
    """A text field; empty where it is absent or something else."""
    value = raw.get(key)
    return value if isinstance(value, str) else ""


def whole(raw: Json, key: str) -> int | None:
    """A whole number, which some services give as text; ``None`` where there is none."""
    value = raw.get(key)
    if isinstance(value, str) and value.isdecimal() and len(value) < _DIGITS:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def when(value: Any) -> datetime | None:
    """A time in ISO 8601, or as ``2025-01-02 03:04:05 UTC``, in UTC; ``None`` where it is unset, as year 1 is."""
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value.strip().removesuffix(" UTC"))
        time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return time if time.year > 1 else None


def seconds_between(start: datetime | None, end: datetime | None) -> float | None:
    """How long something took, in seconds; ``None`` where an end is not known."""
    return (end - start).total_seconds() if start and end and end >= start else None


def go_seconds(value: Any) -> float | None:
    """Seconds of a duration as Go writes it: ``12.157951ms``, ``1m3.004s``; ``None`` where it is none."""
    found = _DURATION.findall(value) if isinstance(value, str) else []
    if not found or "".join(number + unit for number, unit in found) != value:
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in found)


def first_line(message: Any) -> str:
    """The first line of a commit message, at most 200 characters."""
    lines = message.strip().splitlines() if isinstance(message, str) else []
    return clean_text(lines[0])[:_TITLE] if lines else ""
