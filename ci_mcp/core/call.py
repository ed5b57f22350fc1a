"""The one way from a tool's name and raw arguments to an answer that fits; resources are read in the same way."""

from collections.abc import Awaitable
from typing import Any

import anyio

from ci_mcp.core import catalog
from ci_mcp.core.answer import Answer
from ci_mcp.core.budget import DEFAULT_TOKENS, fit
from ci_mcp.core.schema import check
from ci_mcp.core.services import Services
from ci_mcp.core.together import first
from ci_mcp.errors import NotFoundError, TimedOutError

DEADLINE = 45.0  # seconds for one call; hosts of agents cut calls at 60
_AFTER = 15.0  # seconds to answer in, for a tool that was told how long to wait


async def call(services: Services, name: str, arguments: dict[str, Any], *, deadline: float = 0.0) -> Answer:
    """Call a tool and fit its answer into its budget: the tool's own ``tokens``, or the default.

    It has ``deadline`` seconds; without one `DEADLINE`, or a longer ``timeout`` of its own and some to answer in.

    Raises: the errors of `ci_mcp.errors`; `TimedOutError` where that time did not suffice.
    """
    spec = services.catalog.tools.get(name)
    if spec is None:
        raise NotFoundError(f"there is no tool {name[:80]}", 'see the tools with "ci-mcp tools"')
    tool = catalog.find(spec.provider).tools[name]
    checked = check(tool, {key: value for key, value in arguments.items() if key != "force" or not spec.starts})
    deadline = deadline or max(DEADLINE, checked.get("timeout", 0) + _AFTER)
    value = await in_time(name, tool.function(subject(services, spec.provider), **checked), deadline)
    return fit(value, checked.get("tokens", DEFAULT_TOKENS))


def subject(services: Services, provider: str) -> Any:
    """What a provider's functions take first: its Api, or, for those of triage, the services."""
    return services if provider == catalog.TRIAGE else services.api(provider)


async def in_time(name: str, work: Awaitable[Any], deadline: float = DEADLINE) -> Any:
    """What ``work`` gives; raises `TimedOutError` where that takes longer than ``deadline`` seconds."""
    try:
        with anyio.fail_after(deadline):
            return await work
    except TimeoutError:
        raise TimedOutError(
            f"{name} did not end within {deadline:g} seconds", "try again, or ask for less (a smaller limit, one job)"
        ) from None
    except BaseExceptionGroup as group:
        raise first(group) from None  # calls made side by side fail together: one error is enough to tell
