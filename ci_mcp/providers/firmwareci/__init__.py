"""FirmwareCI, over its hosted MCP server: it offers nothing else to programs, and only reads."""

from ci_mcp.core.provider import Hooks
from ci_mcp.providers.firmwareci.provider import provider

# Imported for their tools, in the order that lists show them.
from ci_mcp.providers.firmwareci import projects, workflows, jobs, validate, schemas  # noqa: F401 isort:skip
from ci_mcp.providers.firmwareci import prompts  # noqa: F401 isort:skip
from ci_mcp.providers.firmwareci import hooks, logs, resources, runs  # isort:skip

__all__ = ["provider"]

provider.hooks = Hooks(
    identity=hooks.identity,
    locate=hooks.locate,
    discover=hooks.discover,
    runs=runs.runs,
    run=runs.run,
    failures=runs.failures,
    log=logs.log,
    rerun=runs.rerun,
    branches=False,
)
provider.complete = resources.complete
