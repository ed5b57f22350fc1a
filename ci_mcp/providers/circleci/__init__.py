"""CircleCI, cloud and server, over its REST API v2, with v3 and v1.1 for the outputs of steps."""

# Imported for their tools, in the order that lists show them.
from ci_mcp.providers.circleci import projects, pipelines, starting, jobs, workflows, tests  # noqa: F401 isort:skip
from ci_mcp.providers.circleci import artifacts, insights, configs  # noqa: F401 isort:skip

from ci_mcp.core.provider import Hooks
from ci_mcp.net.pages import Onward
from ci_mcp.providers.circleci import again, alike, failures, hooks, listing, logs, runs
from ci_mcp.providers.circleci.provider import provider

__all__ = ["provider"]

provider.hooks = Hooks(
    identity=hooks.identity,
    locate=hooks.locate,
    discover=hooks.discover,
    runs=listing.runs,
    run=runs.run,
    whole=runs.whole,
    statuses=listing.statuses,
    poll=runs.poll,
    failures=failures.failures,
    log=logs.log,
    few_logs=alike.few_logs,
    rerun=again.rerun,
    flaky=hooks.flaky,
    tokens=hooks.tokens,
    pages=(Onward("page-token", field="next_page_token"),),
    numbered=True,
)
