"""Force schedulers: the fields that the server names, and what a person gives for them, checked before it is sent."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ci_mcp.core.provider import Api
from ci_mcp.errors import UnsupportedError, UsageError
from ci_mcp.net.paths import quote
from ci_mcp.providers.buildbot import ask, wire
from ci_mcp.providers.buildbot.records import Form, FormField
from ci_mcp.providers.buildbot.wire import Json, text

_DEPTH: Final = 8
_SILENT: Final = frozenset({"fixed", "nested", "inherit"})  # kinds that take nothing from a person
_TRUTH: Final[Mapping[str, bool]] = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


async def of_builder(api: Api, number: str) -> list[Json]:
    """The force schedulers of a builder.

    Route: GET /api/v2/builders/{builder}/forceschedulers.
    """
    return await ask.get(api, f"/builders/{quote(number)}/forceschedulers", "force schedulers", {"limit": 50})


def leaves(raw: Json) -> list[Json]:
    """The fields of a scheduler that have a name to be given by: they may lie in groups inside of groups."""
    return [one for one in _inside(raw.get("all_fields"), 0) if text(one, "fullName")]


def _inside(fields: Any, depth: int) -> Iterator[Json]:
    for one in wire.parts(fields) if depth < _DEPTH else ():
        if isinstance(one.get("fields"), list):
            yield from _inside(one["fields"], depth + 1)
        else:
            yield one


def form(raw: Json) -> Form:
    """A scheduler as it is shown; fields that take nothing are left out."""
    shown = [one for one in leaves(raw) if text(one, "type") not in _SILENT]
    return Form(
        scheduler=text(raw, "name"),
        enabled=raw.get("enabled") is not False,
        fields=tuple(
            FormField(
                name=text(one, "fullName"),
                type=text(one, "type") + ("s" if one.get("multiple") is True else ""),
                label=wire.line(one.get("label")),
                required=one.get("required") is True,
                choices=_choices(one)[:50],
                default=wire.line(_shown(one.get("default")))[:100],
            )
            for one in shown
        ),
    )


def _choices(one: Json) -> tuple[str, ...]:
    found = one.get("choices")
    return tuple(str(choice) for choice in found) if isinstance(found, list) else ()


def _shown(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)


def chosen(schedulers: Sequence[Json], named: str, builder: str) -> Json:
    """The scheduler that is meant: the one of that name, or the only one.

    Raises: UnsupportedError: the builder has none. UsageError: it has several, or none of that name.
    """
    enabled = [raw for raw in schedulers if raw.get("enabled") is not False]
    names = ", ".join(text(raw, "name") for raw in enabled)
    if not enabled:
        raise UnsupportedError(
            f"builder {builder!r} has no force scheduler that is switched on: nothing starts it by hand",
            "rerun a build of it, or ask the master's admin",
        )
    found = [raw for raw in enabled if text(raw, "name") == named] if named else enabled
    if len(found) != 1:
        said = f"builder {builder!r} has no force scheduler {named[:80]!r}" if named else "which force scheduler?"
        raise UsageError(said, f"give one of {names}")
    return found[0]


def filled(raw: Json, given: Mapping[str, str]) -> dict[str, Any]:
    """What to send for the fields that a person gave, each in its type.

    Raises: UsageError: there is no such field, one that is needed is missing, or a value is not of its type.
    """
    fields = {text(one, "fullName"): one for one in leaves(raw) if text(one, "type") not in _SILENT}
    strange = [name for name in given if name not in fields]
    if strange:
        raise UsageError(
            f"scheduler {text(raw, 'name')!r} has no field {', '.join(strange)[:200]}", f"it has {', '.join(fields)}"
        )
    missing = [
        name
        for name, one in fields.items()
        if one.get("required") is True and not given.get(name, _shown(one.get("default")))
    ]
    if missing:
        raise UsageError(f"scheduler {text(raw, 'name')!r} needs {', '.join(missing)}", "give them as NAME=VALUE")
    return {name: _typed(fields[name], name, value) for name, value in given.items()}


def _typed(one: Json, name: str, value: str) -> Any:
    match text(one, "type"):
        case "int":
            try:
                return int(value)
            except ValueError:
                raise UsageError(f"{name} is a whole number, not {value[:60]!r}", "correct it") from None
        case "bool":
            if value.lower() not in _TRUTH:
                raise UsageError(f"{name} is true or false, not {value[:60]!r}", "correct it")
            return _TRUTH[value.lower()]
        case "list":
            return _listed(one, name, value)
        case _:
            return value


def _listed(one: Json, name: str, value: str) -> Any:
    several = one.get("multiple") is True
    picked = [part for part in value.split(",") if part] if several else [value]
    choices = _choices(one)
    strange = [part for part in picked if part not in choices] if one.get("strict") is not False else []
    if strange:
        raise UsageError(f"{name} cannot be {', '.join(strange)[:200]}", f"it is one of {', '.join(choices)[:500]}")
    return picked if several else value


def pairs(given: Sequence[str]) -> dict[str, str]:
    """Fields given as ``NAME=VALUE``; raises `UsageError` where one is not."""
    found: dict[str, str] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"{one[:60]!r} is not NAME=VALUE", "give each field as NAME=VALUE")
        found[name.strip()] = value
    return found
