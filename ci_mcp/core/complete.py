"""Completion: values that an argument of a prompt or resource may have."""

from collections.abc import Mapping, Sequence
from typing import Final

import anyio

from ci_mcp.core import catalog, prompts, resources
from ci_mcp.core.answer import safe
from ci_mcp.core.call import subject
from ci_mcp.core.services import Services
from ci_mcp.core.together import first
from ci_mcp.errors import CiError

MOST: Final = 100
"""Values that the protocol lets an answer hold."""
PATIENCE: Final = 4.0
"""Seconds: whoever types does not wait longer."""


async def values(  # noqa: PLR0913 - what a completion is made of
    services: Services, of: str, argument: str, typed: str, known: Mapping[str, str], *, patience: float | None = None
) -> Sequence[str]:
    """Values that begin with what was typed, the likeliest first; none where they cannot be had in time.

    Args:
        services: the services.
        of: a prompt's name, or a resource's template.
        argument: which of its arguments.
        typed: what is there so far.
        known: the other arguments.
        patience: seconds that it may take; `PATIENCE` by default.
    """
    specs = {one.name: one for one in prompts.offered(services)}
    provider = specs[of].provider if of in specs else ""
    provider = provider or next((one.provider for one in resources.offered(services) if one.template == of), "")
    if not provider:
        return []
    told = specs[of].arguments if of in specs else []
    found: Sequence[str] = next((one["values"] for one in told if one["name"] == argument and "values" in one), [])
    if not found and argument == "provider":
        found = services.configured()
    if not found:
        found = await _asked(services, provider, of, argument, known, PATIENCE if patience is None else patience)
    kept = dict.fromkeys(safe(one) for one in found if one.lower().startswith(typed.lower()))
    return list(kept)[:MOST]


async def _asked(  # noqa: PLR0913, PLR0917 - what a completion is made of
    services: Services, provider: str, of: str, argument: str, known: Mapping[str, str], patience: float
) -> Sequence[str]:
    complete = catalog.find(provider).complete
    if complete is None:
        return []
    with anyio.move_on_after(patience):
        try:
            return await complete(subject(services, provider), of, argument, known)
        except BaseExceptionGroup as group:
            if not isinstance(first(group), CiError):
                raise
        except CiError:
            pass  # a person who types is not told of errors
    return []
