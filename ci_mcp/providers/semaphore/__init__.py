"""Semaphore, over its REST API v1alpha."""

from ci_mcp.core.provider import Hooks
from ci_mcp.net.pages import Onward
from ci_mcp.providers.semaphore.provider import provider

# Imported for their tools, in the order that lists show them.
from ci_mcp.providers.semaphore import organizations, projects, workflows, pipelines, jobs, tests  # noqa: F401 isort:skip
from ci_mcp.providers.semaphore import validate, artifacts, promotions, tasks, health  # noqa: F401 isort:skip
from ci_mcp.providers.semaphore import hooks, logs, runs  # isort:skip

__all__ = ["provider"]

provider.hooks = Hooks(
    identity=hooks.identity,
    locate=hooks.locate,
    discover=hooks.discover,
    runs=runs.runs,
    run=runs.run,
    poll=runs.poll,
    failures=runs.failures,
    log=logs.log,
    rerun=runs.rerun,
    flaky=health.flaky,
    tokens=hooks.tokens,
    pages=(
        Onward("page", header="link"),
        Onward("page", header="x-has-more", counted=True),
        Onward("page_token", header="next-page-token"),
        Onward("page_token", field="next_page_token"),
    ),
)
