"""What a tool gave, in the one form it is handed on: records as compact JSON, prose as text.

All that leaves passes here, so here secrets are redacted and characters that mislead are made visible.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from ci_mcp.auth.redact import redact, redact_keys
from ci_mcp.core.shapes import Page, Prose
from ci_mcp.logs.text import clean_text


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that fits its budget.

    Attributes:
        text: what a model reads; for records the same compact JSON as ``data``.
        data: the answer as JSON values, for ``--format json``.
        structured: true for records, which a client is also given as ``structuredContent``.
    """

    text: str
    data: dict[str, Any]
    structured: bool


def plain(value: Any) -> Any:
    """Any value as JSON values: times as RFC 3339 UTC, tuples as lists.

    Of a record what is ``None`` or empty is left out, of a mapping only what is ``None``.
    """
    if isinstance(value, Page):
        items = [plain(item) for item in value.items]
        page = {"items": items, "next": value.next, "omitted": value.omitted}
        return page | ({"note": value.note} if value.note else {})
    if is_dataclass(value) and not isinstance(value, type):
        shown = (field for field in fields(value) if field.metadata.get("shown", True))
        pairs = ((field.name, getattr(value, field.name)) for field in shown)
        return {name: plain(item) for name, item in pairs if not _nothing(item)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in _lines(value)]
    return _scalar(value)


def _lines(items: Sequence[Any]) -> Sequence[Any]:
    """The items; where they are the lines of a log, without what is a secret only in several lines together."""
    if not (items and all(isinstance(item, Mapping) and isinstance(item.get("text"), str) for item in items)):
        return items
    shown = redact_keys([item["text"] for item in items])
    return [{**item, "text": text} for item, text in zip(items, shown, strict=True)]


def _scalar(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str):
        return safe(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, float):
        tenths = round(value, 1)
        return int(tenths) if tenths.is_integer() else tenths
    return value


def _nothing(value: Any) -> bool:
    return value is None or (not isinstance(value, (bool, int, float, Enum)) and not value)


def safe(text: str) -> str:
    """A text without secrets, escape sequences, and characters that do not show or that reorder others."""
    return redact("\n".join(clean_text(line) for line in text.split("\n")))


def compact(data: Any) -> str:
    """JSON in as few characters as it takes."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def tokens(text: str) -> int:
    """How many tokens a text costs: an estimate, characters / 4."""
    return -(-len(text) // 4)


def render(value: Any) -> Answer:
    """A tool's result as an answer, whatever its size; `ci_mcp.core.budget.fit` makes it small first."""
    if isinstance(value, Prose):
        text = safe(value.text)
        return Answer(text, plain(value.data) or {"text": text}, structured=False)
    data = plain(value)
    return Answer(compact(data), data, structured=True)
