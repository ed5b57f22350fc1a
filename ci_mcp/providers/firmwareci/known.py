"""What was asked for a moment ago: projects and workflows change rarely, and one question needs them several times."""

import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary

from ci_mcp.core.provider import Api

T = TypeVar("T")

SECONDS: Final = 120.0
"""For how long an answer is taken again: a server runs for days, and workflows are added meanwhile."""

_kept: WeakKeyDictionary[Api, dict[str, tuple[float, Any]]] = WeakKeyDictionary()


async def recent(api: Api, key: str, fetch: Callable[[], Awaitable[T]], *, anew: bool = False) -> T:
    """What ``fetch`` gave for this Api and key within the last two minutes, else what it gives now.

    Args:
        api: whom it is asked of.
        key: what is asked.
        fetch: asks.
        anew: whether it is asked in any case.
    """
    kept = _kept.setdefault(api, {})
    at, value = kept.get(key, (-SECONDS, None))
    if anew or time.monotonic() - at >= SECONDS:
        value = await fetch()
        kept[key] = (time.monotonic(), value)
    found: T = value
    return found
