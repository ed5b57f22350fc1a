"""Claude Desktop. It knows no projects and fills in no variables: the keyring has the tokens."""

from ci_mcp.agents.base import Agent
from ci_mcp.agents.forms import json_form, stdio

agent = Agent(
    name="claude-desktop",
    title="Claude Desktop",
    form=json_form("mcpServers", stdio),
    user_file=lambda machine: machine.settings() / "Claude" / "claude_desktop_config.json",
    signs=lambda machine: (machine.settings() / "Claude",),
    steps={"user": 'quit it and start it again; tokens must be in the keyring ("ci-mcp auth login PROVIDER")'},
)
