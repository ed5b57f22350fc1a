"""Semaphore as a service: where it is and where its token may be."""

from typing import Final

from ci_mcp.auth.service import Service
from ci_mcp.core.provider import Provider

provider: Final = Provider(
    "semaphore",
    Service(
        name="semaphore",
        title="Semaphore",
        token_env=("SEMAPHORE_API_TOKEN",),
        host_env=("SEMAPHORE_HOST",),
        web_hosts=("*.semaphoreci.com",),
        hosts_setting="hosts",
        token_page="https://me.semaphoreci.com/account",  # noqa: S106 - the page where one is made
        page_note="your personal token, or that of a service account that is a member of the projects",
        cli_file="~/.sem.yaml",
        mcp_env=("SEMAPHORE_MCP_URL",),
        mcp_url="https://mcp.semaphoreci.com",
        ci_files=(".semaphore",),
    ),
)
