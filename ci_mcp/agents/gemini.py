"""Gemini CLI. It keeps back what looks like a secret unless it is declared."""

from typing import Any

from ci_mcp.agents.base import Agent, Entry
from ci_mcp.agents.forms import json_form, stdio, variables


def _fields(entry: Entry) -> dict[str, Any]:
    return {**stdio(entry), "env": variables(entry, "${}")}


agent = Agent(
    name="gemini",
    title="Gemini CLI",
    form=json_form("mcpServers", _fields),
    user_file=lambda machine: machine.folder("GEMINI_CLI_HOME") / ".gemini" / "settings.json",
    project_file=lambda _, root: root / ".gemini" / "settings.json",
    programs=("gemini",),
    signs=lambda machine: (machine.folder("GEMINI_CLI_HOME") / ".gemini",),
    project_signs=(".gemini", "GEMINI.md"),
    guide="GEMINI.md",
    steps={
        "project": "it wants the folder trusted: start gemini here and trust it",
        "user": "it starts no server in a folder that is not trusted: start gemini in your project and trust it",
    },
)
