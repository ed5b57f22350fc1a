"""What the query of a read asks for: filters, fields, order and a page.

The API takes ``field=value`` and ``field__op=value``, which given twice mean any of the values, ``order=``,
``field=``, ``property=``, ``limit=`` and ``offset=``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ci_mcp.sandbox.buildbot.answers import Refused
from ci_mcp.sandbox.buildbot.records import FIELDS, Json

_YES = {"on", "true", "yes", "1"}
_NO = {"off", "false", "no", "0"}
# Of these the database makes the page, and so their total counts the page alone.
_PAGED_BELOW = {"builds", "buildrequests", "buildsets", "changes"}
_OPERATORS: dict[str, Callable[[Any, list[Any]], bool]] = {
    "eq": lambda value, given: value in given,
    "ne": lambda value, given: value not in given,
    "lt": lambda value, given: value is not None and value < given[0],
    "le": lambda value, given: value is not None and value <= given[0],
    "gt": lambda value, given: value is not None and value > given[0],
    "ge": lambda value, given: value is not None and value >= given[0],
    "contains": lambda value, given: any(_within(one, value) for one in given),
    "in": lambda value, given: value in given,
    "notin": lambda value, given: value not in given,
}


def _within(part: Any, value: Any) -> bool:
    if isinstance(part, int):
        return value is not None and str(part) in str(value)
    return part in value


@dataclass(slots=True)
class Query:
    """What is asked for, read and checked."""

    filters: list[tuple[str, str, list[Any]]] = field(default_factory=list)
    fields: list[str] = field(default_factory=list)
    properties: list[str] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    limit: int | None = None
    offset: int | None = None


def read_query(pairs: Sequence[tuple[str, str]], plural: str, *, collection: bool) -> Query:
    """Read the query of a request for things of that name.

    Raises:
        Refused: it asks for what there is not.
    """
    known, query = FIELDS[plural], Query()
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    for name, given in values.items():
        if name in {"limit", "offset"}:
            setattr(query, name, _number(name, given[-1]))
        elif name == "field":
            query.fields = [_known(one, known) for one in given]
        elif name == "order":
            query.order = [one if _known(one.removeprefix("-"), known) else "" for one in given]
        elif name == "property":
            query.properties = given
        else:
            query.filters.append(_filter(name, given, known, collection=collection))
    if query.fields and any(one not in query.fields for one, _, _ in query.filters):
        raise Refused(400, "cannot filter on un-selected fields")
    if query.fields and any(one.removeprefix("-") not in query.fields for one in query.order):
        raise Refused(400, "cannot order on un-selected fields")
    return query


def _number(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise Refused(400, f"invalid {name}") from None


def _known(name: str, fields: dict[str, type]) -> str:
    if name not in fields:
        raise Refused(400, f"no such field '{name}'")
    return name


def _filter(name: str, given: list[str], fields: dict[str, type], *, collection: bool) -> tuple[str, str, list[Any]]:
    bare, _, operator = name.partition("__")
    if bare not in fields or not collection:
        raise Refused(400, f"unrecognized query parameter '{name}'")
    return bare, operator or "eq", [_value(name, one, fields[bare]) for one in given]


def _value(name: str, text: str, kind: type) -> Any:
    low = text.lower()
    if kind is bool and low in _YES | _NO:
        return low in _YES
    if kind in {str, list}:
        return text
    if kind is int and text.removeprefix("-").isdecimal():
        return int(text)
    raise Refused(400, f"invalid filter value for {name}")


def apply(query: Query, rows: list[Json], plural: str) -> tuple[list[Json], int]:
    """The rows that were asked for, and the total that the answer tells.

    Raises:
        Refused: a filter trips over what has no value.
    """
    for name, operator, given in query.filters:
        keeps = _OPERATORS.get(operator)
        try:
            rows = [row for row in rows if keeps is None or keeps(row[name], given)]
        except TypeError as error:
            raise Refused(500, repr(error)) from None
    for name in reversed(query.order):
        bare = name.removeprefix("-")
        rows.sort(key=lambda row: (row[bare] is not None, row[bare]), reverse=name.startswith("-"))
    total = len(rows)
    rows = rows[query.offset or 0 :]
    if query.limit is not None and query.limit >= 0:
        rows = rows[: query.limit]
    return [shaped(row, query, plural) for row in rows], len(rows) if plural in _PAGED_BELOW else total


def shaped(row: Json, query: Query, plural: str) -> Json:
    """A row with the properties and fields that were asked for."""
    if plural in {"builds", "buildrequests"}:
        known, wanted = row["properties"], query.properties
        found = known if "*" in wanted else {name: known[name] for name in wanted if name in known}
        row = row | {"properties": found if wanted or plural == "builds" else None}
    return {name: row[name] for name in query.fields} if query.fields else row
