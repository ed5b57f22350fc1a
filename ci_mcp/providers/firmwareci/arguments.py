"""Which argument of the vendor's tool takes what: its names are not published, so its live schema tells."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import yaml

from ci_mcp.core.upstream import Tool
from ci_mcp.core.wire import parts
from ci_mcp.errors import UsageError

# What an argument is for, and the names it may have, the documented or likeliest first.
_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "name": ("name", "name_contains", "name_filter", "query", "search", "filter"),
    "project": ("project_id", "project"),
    "workflow": ("workflow_id", "workflow"),
    "status": ("status", "statuses", "state", "states"),
    "page": ("page", "page_number", "page_index"),
    "limit": ("limit", "page_size", "per_page", "size"),
    "text": ("definition", "document", "content", "yaml", "test", "test_definition", "text", "source", "body", "data"),
    "kind": ("kind", "type", "document_kind", "document_type"),
    "schema": ("name", "schema", "schema_name", "id"),
    "request": ("job_request_id", "request_id", "job_request", "request"),
    "path": ("path", "example_path", "example", "name", "file", "id"),
} | {f"{kind} id": ("id", f"{kind}_id", kind, f"{kind}_ulid", "ulid") for kind in ("job", "workflow", "dut")}

# Without these a call means nothing; the others only narrow it down.
_NEEDED: Final = frozenset({"text", "kind", "schema", "path", "job id", "workflow id", "dut id"})


def plain(name: str) -> str:
    """A name without what spellings differ in: ``projectId`` and ``project_id`` are the same."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def named(tool: Tool, role: str, taken: Iterable[str] = ()) -> str:
    """The tool's argument for a role; empty where it has none.

    Args:
        tool: as the server lists it.
        role: a key of the table above.
        taken: arguments that have another role.
    """
    taken = set(taken)
    free = {plain(name): name for name in tool.parameters if name not in taken}
    for likely in _NAMES[role]:
        if plain(likely) in free:
            return free[plain(likely)]
    if not tool.parameters:
        return "" if role == "request" else _NAMES[role][0]  # that one no document names
    if role not in _NEEDED:
        return ""
    texts = [name for name in free.values() if _types(tool, name) & {"string", "object"}]
    return next((name for name in tool.required if name in texts), texts[0] if texts else "")


def arguments(tool: Tool, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call, by the names and in the types that the tool wants.

    Args:
        tool: as the server lists it.
        wanted: by role; what only narrows a list is left out where the tool cannot take it.

    Raises:
        UsageError: a text has to be sent as an object, and is none.
    """
    found: dict[str, Any] = {}
    # What has a likely name goes first, so that a guess by position does not take it away.
    order = sorted(wanted, key=lambda role: not {plain(n) for n in tool.parameters} & {plain(n) for n in _NAMES[role]})
    for role in order:
        name = named(tool, role, found)
        if name:
            found[name] = _typed(wanted[role], _types(tool, name))
    return found


def _types(tool: Tool, name: str) -> set[str]:
    """The JSON types that an argument may have; a text where the schema does not say."""
    schema = tool.parameters.get(name)
    found: set[str] = set()
    if isinstance(schema, dict):
        for one in (schema, *parts(schema.get("anyOf")), *parts(schema.get("oneOf"))):
            kinds = one.get("type")
            found |= {kind for kind in (kinds if isinstance(kinds, list) else [kinds]) if isinstance(kind, str)}
    return found - {"null"} or {"string"}


def _typed(value: Any, types: set[str]) -> Any:
    if isinstance(value, (list, tuple)):
        return list(value) if "array" in types else ",".join(value)
    if isinstance(value, int):
        return str(value) if "string" in types else value
    if "string" in types or "object" not in types:
        return value
    try:
        body = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise UsageError("that is no YAML", f"correct it: {' '.join(str(error).split())[:200]}") from None
    if not isinstance(body, dict):
        raise UsageError("that is no document", "give a YAML mapping")
    return body
