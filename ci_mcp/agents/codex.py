"""Codex, its command line and its extensions for editors, which read the same file.

It hands on next to nothing of the environment but what is named in ``env_vars``.
"""

from typing import Any

from ci_mcp.agents.base import Agent, Entry
from ci_mcp.agents.forms import stdio, toml_form

STARTUP_SECONDS = 30
TOOL_SECONDS = 300  # an agent may wait for a run


def _fields(entry: Entry) -> dict[str, Any]:
    return {
        **stdio(entry),
        "env_vars": list(entry.names),
        "startup_timeout_sec": STARTUP_SECONDS,
        "tool_timeout_sec": TOOL_SECONDS,
    }


agent = Agent(
    name="codex",
    title="Codex",
    form=toml_form("mcp_servers", _fields),
    user_file=lambda machine: machine.folder("CODEX_HOME", ".codex") / "config.toml",
    project_file=lambda _, root: root / ".codex" / "config.toml",
    programs=("codex",),
    signs=lambda machine: (machine.folder("CODEX_HOME", ".codex"),),
    project_signs=(".codex",),
    guide="AGENTS.md",
    steps={
        "project": "it reads .codex/config.toml only in a trusted project: start codex here and trust it",
        "user": "start it anew",
    },
)
