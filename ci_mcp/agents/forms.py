"""The two kinds of configuration files that agents have: JSON with comments, and TOML."""

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ci_mcp.agents import jsonc, toml
from ci_mcp.agents.base import KEY, Entry, Form


def json_form(root: str, fields: Callable[[Entry], dict[str, Any]]) -> Form:
    """A JSON file with our server in its object ``root``."""
    return Form(
        read=partial(jsonc.read, root=root, key=KEY),
        put=lambda text, value: jsonc.put(text, root, KEY, value),
        take=partial(jsonc.take, root=root, key=KEY),
        fields=fields,
        snippet=lambda value: f"in its {json.dumps(root)}: {json.dumps(KEY)}: {json.dumps(value, ensure_ascii=False)}",
    )


def toml_form(root: str, fields: Callable[[Entry], dict[str, Any]]) -> Form:
    """A TOML file with our server in its table ``root``."""

    def snippet(value: Mapping[str, Any]) -> str:
        return toml.put(None, root, KEY, value).rstrip()

    return Form(
        read=partial(toml.read, root=root, key=KEY),
        put=lambda text, value: toml.put(text, root, KEY, value),
        take=partial(toml.take, root=root, key=KEY),
        fields=fields,
        snippet=snippet,
    )


def stdio(entry: Entry) -> dict[str, Any]:
    """The entry as most agents write it."""
    return {"command": entry.command, "args": list(entry.args)}


def typed_stdio(entry: Entry) -> dict[str, Any]:
    """The entry as agents write it that want its kind named."""
    return {"type": "stdio", **stdio(entry)}


def variables(entry: Entry, notation: str) -> dict[str, str]:
    """The variables to hand on, each with its own value in an agent's notation, ``{}`` being the name."""
    return {name: notation.replace("{}", name) for name in entry.names}
