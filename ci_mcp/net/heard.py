"""What an answer tells beside its body: how long it took, the service's clock, the requests left.

Imports no HTTP library, so any module may use it.
"""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final

_REMAINING: Final = re.compile(r"(?:x-)?ratelimit(?:-user)?-remaining")


@dataclass(frozen=True, slots=True)
class Heard:
    """What the latest answer of a service told.

    Attributes:
        seconds: from the request to the answer's headers, a new connection included.
        skew: the service's clock minus ours in seconds, to about a second; ``None`` where it does not tell the time.
        remaining: the requests left, the smallest of its budgets; ``None`` where it does not tell.
    """

    seconds: float
    skew: float | None = None
    remaining: int | None = None


def hear(headers: Mapping[str, str], seconds: float, now: float | None = None) -> Heard:
    """Read an answer's headers.

    Args:
        headers: their names in any case.
        seconds: how long the answer took.
        now: our time when it came, as seconds since 1970; the present by default.
    """
    now = time.time() if now is None else now
    left = [int(v) for k, v in headers.items() if _REMAINING.fullmatch(k.lower()) and v.isascii() and v.isdecimal()]
    date = next((value for name, value in headers.items() if name.lower() == "date"), "")
    return Heard(seconds, _skew(date, now - seconds / 2), min(left, default=None))


def _skew(date: str, now: float) -> float | None:
    try:
        # The header has no fractions: its second began half a second ago on average.
        return parsedate_to_datetime(date).timestamp() + 0.5 - now
    except (ValueError, TypeError, OverflowError):
        return None
