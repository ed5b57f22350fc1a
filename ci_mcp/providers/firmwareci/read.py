"""What the vendor's tools give, read leniently: the names of its fields are not published.

A field is looked for under several names, in any spelling; what is not known is handed on, but for secrets.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from ci_mcp.core import wire
from ci_mcp.net.upstream import Result
from ci_mcp.providers.firmwareci.arguments import plain

Json = Mapping[str, Any]

HIDDEN: Final = "[redacted]"
_SECRET: Final = frozenset(
    {
        *("password", "passwd", "pwd", "passphrase", "pass", "token", "tokens", "secret", "secrets", "key", "keys"),
        *("apikey", "privatekey", "sshkey", "credential", "credentials", "auth", "authorization"),
    }
)
_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_LINE: Final = re.compile(r"(?m)^([ \t]*-?[ \t]*[\"']?([\w.-]{1,80})[\"']?[ \t]*[:=][ \t]*)(\S.*)$")
_PAIR: Final = re.compile(r"(?m)^[ \t*-]*([A-Za-z][\w -]{0,30}?)[ \t*]*:[ \t*]*(\S.*?)[ \t*]*$")
_WRAPPERS: Final = ("data", "result", "record", "item")
_LISTS: Final = ("items", "data", "result", "results", "records", "list")
_AROUND: Final = ("pagination", "paging", "page_info", "meta")
_DEPTH: Final = 12


def data(result: Result) -> Any:
    """The structured content, else the JSON values in the text, else the text itself."""
    found = result.data
    # What is no object has to be wrapped in one to be structured content.
    if isinstance(found, dict) and set(found) == {"result"}:
        found = found["result"]
    if not isinstance(found, str) or found[:1] not in {"{", "["}:
        return found
    # A list may come as one JSON text for each of its records; one text alone is what it holds.
    decoder, values, at = json.JSONDecoder(), [], 0
    try:
        while at < len(found):
            value, at = decoder.raw_decode(found, at)
            values.append(value)
            at += len(found[at:]) - len(found[at:].lstrip())
    except (ValueError, RecursionError):
        return found
    return values if len(values) > 1 else values[0]


def rows(body: Any, what: str) -> list[Json]:
    """The records of a list; names alone become records, text that is no JSON becomes one with its ``text``.

    Args:
        body: what `data` gave.
        what: what they are, as the list may be called: ``jobs``.
    """
    found = _list(body, what)
    if isinstance(found, str):
        return [{"text": found}] if found.strip() else []
    return [one if isinstance(one, dict) else {"name": str(one)} for one in found if one is not None]


def _list(body: Any, what: str) -> list[Any] | str:
    if isinstance(body, (list, str)):
        return body
    if not isinstance(body, dict):
        return []
    by = {plain(key): value for key, value in body.items()}
    for name in (what, *_LISTS):
        if plain(name) in by:
            value = by[plain(name)]
            return _list(value, what) if isinstance(value, (dict, list)) else []
    lists = [value for value in body.values() if isinstance(value, list)]
    return lists[0] if len(lists) == 1 else []


def has_more(body: Any) -> bool | None:
    """Whether the list goes on; ``None`` where it does not say."""
    if not isinstance(body, dict):
        return None
    inside = [body[name] for name in (*_AROUND, *_WRAPPERS) if isinstance(body.get(name), dict)]
    for one in (body, *inside):
        by = {plain(key): value for key, value in one.items()}
        if by.get("hasmore") is not None:
            return str(by["hasmore"]).strip().lower() in {"true", "1", "yes"}
    return None


def record(body: Any, what: str) -> Json:
    """One record, taken out of what it is wrapped in.

    Text that is no JSON becomes one with its ``text``, and with the ``Name: value`` lines in it.
    """
    if isinstance(body, list) and len(body) == 1:
        body = body[0]
    if isinstance(body, dict):
        for name in (what, *_WRAPPERS):
            if isinstance(body.get(name), dict) and "id" not in body:
                return record(body[name], what)
        return body
    text = body if isinstance(body, str) else json.dumps(body)
    return {"_".join(key.lower().split()): value for key, value in _PAIR.findall(text)} | {"text": text}


def hidden(value: Any, depth: int = 0, *, attributes: bool = False) -> Any:
    """The value with everything redacted whose key looks like that of a secret.

    A ``key`` alone is one among a device's attributes; elsewhere it is the name of an input or setting.
    """
    if depth > _DEPTH:
        return "…"
    if isinstance(value, dict):
        label = next((value[name] for name in ("key", "name") if isinstance(value.get(name), str)), "")
        pair = bool(label) and "value" in value
        return {
            key: HIDDEN
            if inner not in (None, "", [], {})
            and (is_secret(label) if pair and key == "value" else is_secret(key) and (attributes or key != "key"))
            and not (pair and key == "key")
            else hidden(inner, depth + 1, attributes=plain(key) == "attributes")
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [hidden(inner, depth + 1) for inner in value]
    return value


def hidden_text(text: str) -> str:
    """A text of ``key: value`` lines with the values redacted whose key looks like that of a secret."""
    return _LINE.sub(lambda line: f"{line[1]}{HIDDEN}" if is_secret(line[2]) else line[0], text)


def is_secret(key: str) -> bool:
    """Whether a key looks like that of a secret: ``bmc_password``, ``sshKey``."""
    return bool(_SECRET & {word.lower() for word in _WORDS.findall(key)})


@dataclass(slots=True)
class Fields:
    """One record: its fields by any of several names, and what is left of it."""

    raw: Json
    _by: dict[str, str] = field(init=False)
    _used: set[str] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        """Hide its secrets; note how its fields are spelled."""
        self.raw = hidden(dict(self.raw))
        self._by = {plain(key): key for key in self.raw}

    def value(self, *names: str) -> Any:
        """The first of these fields that says something; ``None`` where none does."""
        for name in names:
            key = self._by.get(plain(name), "")
            if self.raw.get(key) not in (None, "", [], {}):
                if not isinstance(self.raw[key], (dict, list)):
                    self._used.add(key)
                return self.raw[key]
        return None

    def text(self, *names: str) -> str:
        """The first of these fields that has a text, or is a thing with a name or id."""
        for name in names:
            found = self.value(name)
            if isinstance(found, dict):
                found = Fields(found).value("name", "title", "id")
            if isinstance(found, (str, int)) and not isinstance(found, bool):
                return str(found).strip()
        return ""

    def part(self, *names: str) -> "Fields":
        """A record inside this one; an empty one where there is none."""
        found = next((v for name in names if isinstance(v := self.value(name), dict)), {})
        return Fields(found)

    def when(self, *names: str) -> datetime | None:
        """A time, as text or in seconds or milliseconds since 1970."""
        for name in names:
            found = self.value(name)
            if isinstance(found, (int, float)) and not isinstance(found, bool):
                found = found / 1000 if found > 1e11 else found  # noqa: PLR2004 - no run is of the year 5000
                return datetime.fromtimestamp(found, UTC) if 0 < found < 1e11 else None  # noqa: PLR2004 - the same
            if time := wire.when(found):
                return time
        return None

    def seconds(self, *names: str) -> float | None:
        """A duration: a number of seconds (or nanoseconds, where it is huge), or as Go writes it."""
        found = self.value(*names)
        if isinstance(found, (int, float)) and not isinstance(found, bool):
            return found / 1e9 if found > 1e7 else float(found)  # noqa: PLR2004 - no job takes four months
        return wire.go_seconds(found)

    def rest(self, *, short: bool = False) -> dict[str, Any]:
        """The fields that nobody asked for, without empty ones; ``short`` leaves out what is not one plain value."""
        return {
            key: value
            for key, value in self.raw.items()
            if key not in self._used
            and value not in (None, "", [], {})
            and not (isinstance(value, str) and value.startswith("0001-01-01T"))
            and not (short and isinstance(value, (dict, list)))
        }
