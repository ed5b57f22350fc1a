"""Buildbot as a service: every server has its own host, and most are open to read."""

from typing import Final

from ci_mcp.auth.service import Service
from ci_mcp.core.provider import Provider

provider: Final = Provider(
    "buildbot",
    Service(
        name="buildbot",
        title="Buildbot",
        user_env=("BUILDBOT_USER",),
        password_env=("BUILDBOT_PASSWORD",),
        basic=True,
        host_env=("BUILDBOT_URL",),
        hosts_setting="url",
        settings_env=("url=BUILDBOT_URL",),
        open=True,
    ),
)
