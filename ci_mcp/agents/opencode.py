"""OpenCode. Its server gets all of the environment."""

from pathlib import PurePath
from typing import Any

from ci_mcp.agents.base import Agent, Entry, Machine
from ci_mcp.agents.forms import json_form


def _fields(entry: Entry) -> dict[str, Any]:
    return {"type": "local", "command": [entry.command, *entry.args], "enabled": True}


def _file(machine: Machine, folder: PurePath) -> PurePath:
    """It reads both names: the one that is there is edited."""
    commented = folder / "opencode.jsonc"
    plain = folder / "opencode.json"
    return commented if machine.exists(commented) and not machine.exists(plain) else plain


agent = Agent(
    name="opencode",
    title="OpenCode",
    form=json_form("mcp", _fields),
    user_file=lambda machine: _file(machine, machine.folder("XDG_CONFIG_HOME", ".config") / "opencode"),
    project_file=_file,
    programs=("opencode",),
    signs=lambda machine: (machine.folder("XDG_CONFIG_HOME", ".config") / "opencode",),
    project_signs=("opencode.json", "opencode.jsonc", ".opencode"),
    guide="AGENTS.md",
    steps={
        "project": "it reads the file at once",
        "user": "it reads the file at once",
    },
)
