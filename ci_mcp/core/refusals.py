"""Messages that cannot be read, and the requests in them: their client waits for an answer.

The SDK passes such a message over in silence.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

_MOST = 100  # requests of one message that are answered


def waiting(error: Exception) -> list[str | int]:
    """The ids of the requests in a message of which the SDK's reader made this error; empty where none can be told."""
    for value in _inputs(error):
        messages = value if isinstance(value, list) else [value]
        ids = [one.get("id") for one in messages if isinstance(one, dict) and "method" in one]
        found = [one for one in ids if isinstance(one, (str, int)) and not isinstance(one, bool)]
        if found:
            return found[:_MOST]
    return []


def reason(error: Exception) -> str:
    """Why it cannot be read, without what it holds."""
    (first, *_) = _problems(error) or [{}]
    return f"this message cannot be read ({first.get('msg', type(error).__name__)}): send one JSON-RPC request a line"


def _problems(error: Exception) -> list[dict[str, Any]]:
    errors = getattr(error, "errors", None)
    return list(errors(include_url=False, include_context=False)) if callable(errors) else []


def _inputs(error: Exception) -> Iterator[Any]:
    for problem in _problems(error):
        value = problem["input"]
        if isinstance(value, str):
            # Python's own reader takes what the SDK's does not: half of a surrogate pair, a number of any length.
            with suppress(ValueError, RecursionError):
                value = json.loads(value.removeprefix("\ufeff"))
        yield value
