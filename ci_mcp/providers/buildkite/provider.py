"""Buildkite as a service: where it is and where its token may be."""

from typing import Final

from ci_mcp.auth.service import Service
from ci_mcp.core.provider import Provider

SCOPES: Final = (
    "read_builds",
    "read_pipelines",
    "read_user",
    "read_organizations",
    "read_build_logs",
    "read_artifacts",
    "read_clusters",
    "read_suites",
)
"""What a token needs to read everything that explains a failure."""

_MAKE: Final = "https://buildkite.com/user/api-access-tokens/new?"

provider: Final = Provider(
    "buildkite",
    Service(
        name="buildkite",
        title="Buildkite",
        token_env=("BUILDKITE_API_TOKEN",),
        host_env=("BUILDKITE_BASE_URL",),
        default_host="api.buildkite.com",
        web_hosts=("buildkite.com", "api.buildkite.com"),
        web_host="buildkite.com",
        hosts_setting="base_url",
        token_page=_MAKE + "&".join(f"scopes[]={scope}" for scope in SCOPES),
        page_note="the link chooses what reading and explaining needs; add write_builds to start, rerun and cancel",
        cli_file="~/.config/bk.yaml",
        ci_files=(".buildkite",),
    ),
)
