"""The force schedulers: forms whose fields the server tells and checks."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ci_mcp.sandbox.buildbot.history import BUILDERS
from ci_mcp.sandbox.buildbot.world import REPOSITORY, World

Json = dict[str, Any]
_ADDRESS = re.compile(r".+<.+@.+>")
_COMMON: Json = {
    "autopopulate": None, "hide": False, "maxsize": None, "multiple": False, "regex": None, "required": False,
    "tooltip": "",
}  # fmt: skip


def _field(kind: str, name: str, label: str = "", default: Any = "", **more: Any) -> Json:
    known = _COMMON | {"type": kind, "name": name, "fullName": name, "default": default}
    known |= {"label": label or name, "tablabel": label or name}
    if kind in {"text", "int", "username", "textarea"}:
        known["size"] = 10
    return known | more


def _group(name: str, label: str, columns: int, *fields: Json) -> Json:
    inner = [field | {"fullName": f"{name}_{field['name']}"} if name else field for field in fields]
    return _COMMON | {
        "type": "nested", "name": name, "fullName": name or None, "label": label, "tablabel": label, "default": "",
        "columns": columns, "layout": "vertical", "fields": inner,
    }  # fmt: skip


def _who(label: str, reason: str, *, required: bool) -> Json:
    return _group(
        "", "", 1, _field("username", "username", "Your name:", need_email=True, size=30),
        _field("text", "reason", label, reason, required=required, size=20),
        _field("int", "priority", "priority", 0),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Form:
    """A force scheduler."""

    name: str
    label: str
    button: str
    builders: tuple[str, ...]
    groups: tuple[Json, ...]

    def record(self, world: World) -> Json:
        """It as the API gives it."""
        return {
            "all_fields": list(self.groups), "builder_names": list(self.builders), "button_name": self.button,
            "enabled": self.name not in world.disabled, "label": self.label, "name": self.name,
        }  # fmt: skip

    def leaves(self) -> Iterator[Json]:
        """Its fields, out of their groups."""
        for group in self.groups:
            yield from group["fields"]

    def check(self, given: Mapping[str, Any]) -> tuple[Json, dict[str, str]]:
        """The values of its fields, and what is wrong with which."""
        values, wrong = {}, {}
        for field in self.leaves():
            name = field["fullName"]
            try:
                values[name] = _value(field, given.get(name, _absent(field)))
            except ValueError as error:
                wrong[name] = str(error)
        return values, wrong


def _absent(field: Json) -> Any:
    """What a field has that was not sent: the defaults are for web pages alone."""
    if field["type"] in {"fixed", "list"}:
        return field["default"]
    return {"bool": False, "int": 0}.get(field["type"], "")


def _value(field: Json, value: Any) -> Any:
    kind, label = field["type"], field["label"]
    if kind == "fixed":
        return field["default"]
    if field["required"] and not value:
        raise ValueError(f"'{label}' needs to be specified")
    if kind == "int":
        return int(value)
    if kind == "bool":
        return value is True or str(value).lower() in {"true", "on", "1"}
    if kind == "list":
        chosen = value if isinstance(value, list) else [value]
        for one in chosen:
            if one not in field["choices"]:
                raise ValueError(f"'{one}' does not belong to list of available choices '{field['choices']}'")
        return value
    text = str(value)
    if kind == "username" and text and not _ADDRESS.fullmatch(text):
        raise ValueError(f"{field['name']}: please fill in email address in the form 'User <email@email.com>'")
    if field["regex"] and not re.match(field["regex"], text):
        raise ValueError(f"{label}:'{text}' does not match pattern '{field['regex']}'")
    return text


_ALL = tuple(name for name, workers, *_ in BUILDERS if workers)
_SOURCE = _group(
    "", "", 2, _field("text", "branch", "Branch:"), _field("text", "project", "Project:"),
    _field("text", "repository", "Repository:"), _field("text", "revision", "Revision:"),
)  # fmt: skip
_FIXED = _group(
    "Main", "Main", 1, _field("list", "branch", "branch", "main", choices=["main", "release"], strict=True),
    _field("fixed", "project", default="shop", hide=True),
    _field("fixed", "repository", default=REPOSITORY, hide=True),
    _field("fixed", "revision", hide=True),
)  # fmt: skip
_OPTIONS = _group(
    "options", "Options", 2, _field("text", "version", "Version", "1.0", required=True, regex=r"^\d+\.\d+$"),
    _field("bool", "dry_run", "Dry", default=False), _field("int", "jobs", "Jobs", 2),
    _field("list", "target", default="staging", choices=["staging", "production"], strict=True),
    _field("list", "parts", default=["a"], choices=["a", "b", "c"], multiple=True, strict=True),
    _field("textarea", "notes", "Notes", cols=60, rows=4),
)  # fmt: skip
FORMS = {
    form.name: form
    for form in (
        Form("force", "force", "force", _ALL, (_who("reason", "force build", required=False), _SOURCE)),
        Form("release-form", "Release", "Release it", ("shop",), (_who("why", "", required=True), _FIXED, _OPTIONS)),
    )
}
SCHEDULERS = tuple(enumerate((*FORMS, "branches", "inner", "nightly"), 1))
