"""Errors name the next call as a command of the shell; here it becomes the tool, where a client has that."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from ci_mcp.core.catalog import ToolSpec

_OPTION: Final = r" --[a-z-]+[= ][^\s\"-][^\s\"]*"
_COMMAND: Final = re.compile(rf'"ci-mcp (?P<words>[a-z]+ [a-z]+ [a-z]+)(?P<options>(?:{_OPTION})*)"')
_GIVEN: Final = re.compile(r" --([a-z-]+)[= ]([^\s\"-][^\s\"]*)")


def as_calls(text: str, offered: Mapping[str, ToolSpec]) -> str:
    """The text with each command as the call that does the same; one whose tool is not offered stays a command."""

    def call(found: re.Match[str]) -> str:
        spec = offered.get(found["words"].replace(" ", "_"))
        if spec is None:
            return found[0]
        known = spec.input_schema["properties"]
        given = [(key.replace("-", "_"), value) for key, value in _GIVEN.findall(found["options"])]
        arguments = ", ".join(f"{name}={_literal(value, known[name])}" for name, value in given if name in known)
        return f"{spec.name}({arguments})" if arguments else spec.name

    return _COMMAND.sub(call, text)


def _literal(value: str, schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if kind in {"integer", "boolean"}:
        return value
    return json.dumps([value] if kind == "array" else value, ensure_ascii=False)
