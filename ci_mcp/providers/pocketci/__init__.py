"""PocketCI, over its REST API, and over its MCP endpoint for what that lacks."""

from ci_mcp.core.provider import Hooks
from ci_mcp.net.pages import Onward
from ci_mcp.providers.pocketci import hooks, logs, places
from ci_mcp.providers.pocketci.provider import provider

# Imported for their tools, in the order that lists show them.
from ci_mcp.providers.pocketci import pipelines, runs, tasks, search  # noqa: F401 isort:skip

__all__ = ["provider"]

provider.hooks = Hooks(
    identity=places.identity,
    locate=places.locate,
    discover=places.discover,
    runs=hooks.runs,
    run=hooks.run,
    failures=hooks.failures,
    log=logs.log,
    rerun=runs.rerun,
    reruns_all="PocketCI resumes the run, or starts a new one: tasks that passed run again, too",
    tokens=places.tokens,
    login=places.login,
    branches=False,
    pages=(Onward("page", field="has_next", counted=True),),
)
