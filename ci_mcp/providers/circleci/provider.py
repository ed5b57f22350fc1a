"""CircleCI as a service: where it is and where its token may be."""

from typing import Final

from ci_mcp.auth.service import Service
from ci_mcp.core.provider import Provider

CLOUD: Final = "circleci.com"

provider: Final = Provider(
    "circleci",
    Service(
        name="circleci",
        title="CircleCI",
        token_env=("CIRCLECI_TOKEN", "CIRCLE_TOKEN", "CIRCLE_CLI_TOKEN"),
        host_env=("CIRCLECI_BASE_URL", "CIRCLE_HOST"),
        default_host=CLOUD,
        web_hosts=("circleci.com", "*.circleci.com"),
        web_prefix="app.",
        credential_hosts=("*.circle-artifacts.com",),
        hosts_setting="base_url",
        token_page="https://app.circleci.com/settings/user/tokens",  # noqa: S106 - the page where one is made
        page_note="a personal token; parts of the API refuse project tokens and those made before June 2023",
        cli_file="~/.circleci/cli.yml",
        ci_files=(".circleci",),
    ),
)
