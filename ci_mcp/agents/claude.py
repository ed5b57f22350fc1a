"""Claude Code. Its server gets all of the environment."""

from ci_mcp.agents.base import KEY, Agent, Entry, Through
from ci_mcp.agents.forms import json_form, typed_stdio


def _add(entry: Entry) -> tuple[str, ...]:
    return ("mcp", "add", "--scope", "user", KEY, "--", entry.command, *entry.args)


agent = Agent(
    name="claude",
    title="Claude Code",
    form=json_form("mcpServers", typed_stdio),
    user_file=lambda machine: machine.folder("CLAUDE_CONFIG_DIR") / ".claude.json",
    project_file=lambda _, root: root / ".mcp.json",
    programs=("claude",),
    signs=lambda machine: (machine.folder("CLAUDE_CONFIG_DIR", ".claude"), machine.home / ".claude.json"),
    project_signs=(".mcp.json", ".claude", "CLAUDE.md"),
    guide="CLAUDE.md",
    steps={
        "project": "it asks to approve the project's .mcp.json at its next start in this folder: approve it",
        "user": "start it anew",
    },
    through=Through(program="claude", add=_add, remove=("mcp", "remove", "--scope", "user", KEY)),
)
