"""PocketCI as a service: it has no host of its own, and may be open."""

from typing import Final

from ci_mcp.auth.service import Service
from ci_mcp.core.provider import Provider

provider: Final = Provider(
    "pocketci",
    Service(
        name="pocketci",
        title="PocketCI",
        token_env=("POCKETCI_TOKEN", "CI_AUTH_TOKEN"),
        basic=True,
        host_env=("POCKETCI_URL", "CI_SERVER_URL"),
        hosts_setting="url",
        token_page="https://{host}/auth/login",  # noqa: S106 - a page, not a password
        page_note="ci-mcp auth login does it in your browser; where the server has passwords instead, user:password",
        cli_file="~/.pocketci/auth.config",
        cli_env=("CI_AUTH_CONFIG",),
        mcp_token_env=("POCKETCI_MCP_TOKEN",),
        open=True,
    ),
)
