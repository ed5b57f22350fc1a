"""Buildkite Pipelines and Test Engine, over its REST API v2."""

from ci_mcp.core.provider import Hooks
from ci_mcp.net.pages import Onward
from ci_mcp.providers.buildkite import hooks, logs, runs
from ci_mcp.providers.buildkite.provider import provider

# Imported for their tools, in the order that lists show them.
from ci_mcp.providers.buildkite import pipelines, builds, jobs, tests, artifacts, annotations, agents, tokens  # noqa: F401 isort:skip

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
    flaky=runs.flaky,
    tokens=hooks.tokens,
    numbered=True,
    needs=tokens.NEEDS,
    pages=(Onward("page", header="link"), Onward("after", field="links.next")),
)
