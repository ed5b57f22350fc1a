"""Cursor."""

from typing import Any

from ci_mcp.agents.base import Agent, Entry
from ci_mcp.agents.forms import json_form, stdio, variables


def _fields(entry: Entry) -> dict[str, Any]:
    return {**stdio(entry), "env": variables(entry, "${env:{}}")}


agent = Agent(
    name="cursor",
    title="Cursor",
    form=json_form("mcpServers", _fields),
    user_file=lambda machine: machine.home / ".cursor" / "mcp.json",
    project_file=lambda _, root: root / ".cursor" / "mcp.json",
    programs=("cursor", "cursor-agent"),
    signs=lambda machine: (machine.home / ".cursor",),
    project_signs=(".cursor",),
    guide=".cursor/rules/ci-mcp.mdc",
    guide_head="---\ndescription: How to ask about CI runs, failed builds and their logs\nalwaysApply: true\n---\n\n",
    steps={
        "project": 'it reads the file at once; see that "ci" is switched on in its settings, under MCP',
        "user": 'it reads the file at once; see that "ci" is switched on in its settings, under MCP',
    },
)
