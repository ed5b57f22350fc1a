"""Prompts: texts that a person hands to an agent, made when they are asked for."""

from collections.abc import Mapping

from ci_mcp.core import catalog
from ci_mcp.core.answer import safe
from ci_mcp.core.catalog import TRIAGE, PromptSpec
from ci_mcp.core.schema import check
from ci_mcp.core.services import Services
from ci_mcp.errors import NotFoundError


def offered(services: Services) -> list[PromptSpec]:
    """Those of triage, and of every configured provider."""
    served = {TRIAGE, *services.configured()}
    return [spec for spec in services.catalog.prompts.values() if spec.provider in served]


async def text(services: Services, name: str, arguments: Mapping[str, str]) -> str:
    """The prompt for these arguments; empty ones were not given.

    Raises:
        NotFoundError: there is none of that name, or its provider is not configured.
        UsageError: the arguments are not its own.
    """
    spec = next((one for one in offered(services) if one.name == name), None)
    if spec is None:
        known = ", ".join(one.name for one in offered(services))
        raise NotFoundError(f"there is no prompt {safe(name)[:80]}", f"the prompts are {known}")
    prompt = catalog.find(spec.provider).prompts[name]
    checked = check(prompt, {key: value for key, value in arguments.items() if value.strip()})
    return safe(await prompt.function(services, **checked))
