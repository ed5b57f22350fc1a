"""VS Code with Copilot."""

from pathlib import PurePath
from typing import Any

from ci_mcp.agents.base import Agent, Entry, Machine
from ci_mcp.agents.forms import json_form, typed_stdio, variables

_EDITIONS = ("Code", "Code - Insiders")


def _fields(entry: Entry) -> dict[str, Any]:
    return {**typed_stdio(entry), "env": variables(entry, "${env:{}}")}


def _profiles(machine: Machine) -> list[PurePath]:
    return [machine.settings() / edition / "User" for edition in _EDITIONS]


def _user_file(machine: Machine) -> PurePath:
    folders = _profiles(machine)
    return next((folder for folder in folders if machine.exists(folder)), folders[0]) / "mcp.json"


agent = Agent(
    name="vscode",
    title="VS Code (Copilot)",
    form=json_form("servers", _fields),
    user_file=_user_file,
    project_file=lambda _, root: root / ".vscode" / "mcp.json",
    programs=("code", "code-insiders"),
    signs=_profiles,
    project_signs=(".vscode", ".github/copilot-instructions.md"),
    guide=".github/copilot-instructions.md",
    steps={
        "project": "trust the folder; the tools are there in Agent mode only",
        "user": "the tools are there in Agent mode only",
    },
)
