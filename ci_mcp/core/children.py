"""What the programs that we start are given of our environment: everything but tokens for CIs."""

import os
from collections.abc import Mapping

from ci_mcp.core.catalog import load


def environment(env: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for git or an agent's own program: neither has a use for a CI's token.

    Args:
        env: ours; this process's by default.
    """
    env = os.environ if env is None else env
    services = load().services.values()
    secret = {name for one in services for name in (*one.token_env, *one.password_env, *one.mcp_token_env)}
    hosts = {name for one in services for name in (*one.host_env, *one.mcp_env)}
    return {name: value for name, value in env.items() if name not in secret and not (name in hosts and "@" in value)}
