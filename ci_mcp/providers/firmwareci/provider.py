"""FirmwareCI as a service: where its MCP server is and where its token may be."""

from typing import Final

from ci_mcp.auth.service import Service
from ci_mcp.core.provider import Provider

WEB: Final = "app.firmware-ci.com"

provider: Final = Provider(
    "firmwareci",
    Service(
        name="firmwareci",
        title="FirmwareCI",
        token_env=("FWCI_TOKEN",),
        host_env=("FIRMWARECI_MCP_URL",),
        default_host="api.firmware-ci.com",
        web_hosts=("*.firmware-ci.com",),
        web_host=WEB,
        hosts_setting="mcp_url",
        token_page=f"https://{WEB}/",
        ci_files=(".firmwareci",),
        page_note="a user or organization token, in the settings under tokens; each is for one organization",
        settings_env=("org=FIRMWARECI_ORG",),
        mcp_only=True,
        at_once=2,  # the rate limit is the organization's, not the token's
    ),
)
