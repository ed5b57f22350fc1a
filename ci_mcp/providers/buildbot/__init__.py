"""Buildbot, over its REST API and the JSON-RPC calls beside it."""

from ci_mcp.core.provider import Hooks
from ci_mcp.providers.buildbot import hooks
from ci_mcp.providers.buildbot.provider import provider

# Imported for their tools, in the order that lists show them.
from ci_mcp.providers.buildbot import builders, builds, logs  # noqa: F401 isort:skip

__all__ = ["provider"]

provider.hooks = Hooks(
    identity=hooks.identity,
    locate=hooks.locate,
    discover=hooks.discover,
    runs=hooks.runs,
    run=hooks.run,
    failures=hooks.failures,
    log=logs.log,
    rerun=hooks.rerun,
    numbered=True,
)
