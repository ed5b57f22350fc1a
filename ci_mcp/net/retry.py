"""When to ask again, and after how long: as the service says, else backing off.

Only what does no harm twice is asked again, and never so late that the caller's time has run out.
"""

import json
import math
import random
import re
import socket
import ssl
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final

import anyio
import httpx

from ci_mcp.net.failures import cut_off

TRIES: Final = 4
LONGEST: Final = 60.0
"""A service that wants us to wait longer is not waited for, even where the caller has all the time."""

_STATUSES: Final = frozenset({429, 502, 503, 504})
_EPOCH: Final = 1e9  # a number this large is a moment, not a duration
_MILLISECONDS: Final = 1e12
_RESET: Final = re.compile(r"(x-)?ratelimit(?:-(user))?-reset(-[a-z]+)?")


def worth(error: httpx.HTTPError) -> bool:
    """Whether the same request may find a better connection in a moment."""
    if isinstance(error, httpx.ConnectTimeout):
        return True
    if isinstance(error, httpx.RemoteProtocolError):
        return cut_off(error)
    if not isinstance(error, httpx.NetworkError):
        return False
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return False
        if isinstance(cause, socket.gaierror):
            return cause.errno == socket.EAI_AGAIN
        cause = cause.__cause__ or cause.__context__
    return True


def again(status: int) -> bool:
    """Whether a status may pass by itself."""
    return status in _STATUSES


def told(headers: Mapping[str, str], body: str = "", now: float | None = None) -> float | None:
    """For how many seconds the service wants us to wait; ``None`` where it does not say.

    Args:
        headers: the answer's, with names in lower case.
        body: what it said: Buildkite names there the budget that is used up.
        now: the time as seconds since 1970, for moments; the present by default.
    """
    now = time.time() if now is None else now
    if (wait := _retry_after(headers.get("retry-after", ""), now)) is not None:
        return wait
    resets = _resets(headers, now)
    scope, reset = _in_body(body)
    for name, value in headers.items():
        if scope and value == scope and (named := name.lower().replace("-scope", "-reset")) in resets:
            return resets[named]
    # A used-up budget counts, the longest of several; where none is marked as used up, the nearest reset.
    used = [wait for name, wait in resets.items() if headers.get(name.replace("reset", "remaining"), "").strip() == "0"]
    return max(used) if used else min(resets.values(), default=reset)


def pause(attempt: int, wait: float | None) -> float:
    """How long to wait after the given attempt (the first is 0), with a jitter that parts those who wait together."""
    if wait is not None:
        return wait + random.uniform(0, min(1.0, 0.1 * wait + 0.1))  # noqa: S311 - jitter, no secret
    return float(0.25 * 2**attempt * random.uniform(0.75, 1.25))  # noqa: S311 - the same


def fits(wait: float) -> bool:
    """Whether there is time to wait and to ask again before the deadline of the enclosing cancel scope."""
    return wait <= LONGEST and anyio.current_time() + wait < anyio.current_effective_deadline()


def _retry_after(value: str, now: float) -> float | None:
    if (seconds := _number(value)) is not None:
        return seconds
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return None


def _resets(headers: Mapping[str, str], now: float) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, value in headers.items():
        if _RESET.fullmatch(name.lower()) and (number := _number(value)) is not None:
            if number >= _MILLISECONDS:
                number /= 1000
            found[name.lower()] = max(0.0, number - now) if number >= _EPOCH else number
    return found


def _in_body(body: str) -> tuple[str, float | None]:
    """Which budget is used up, and for how long, where the body tells."""
    try:
        said = json.loads(body)
        return str(said.get("scope") or ""), _number(str(said.get("reset")))
    except (ValueError, AttributeError, RecursionError):
        return "", None


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if number >= 0 and math.isfinite(number) else None
