"""A pipeline's YAML, checked by Semaphore before it is pushed."""

import json
from dataclasses import dataclass
from typing import Final

from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Yaml
from ci_mcp.core.wire import text
from ci_mcp.errors import UsageError
from ci_mcp.providers.semaphore import ids, read, wire
from ci_mcp.providers.semaphore.projects import OrganizationName
from ci_mcp.providers.semaphore.provider import provider

_SAID: Final = 4000  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """Whether a definition is valid, and what Semaphore says of it."""

    valid: bool
    message: str = ""


@provider.read()
async def pipelines_validate(api: Api, yaml: Yaml, organization: OrganizationName = "") -> Validation:
    """Whether a pipeline's YAML is valid, and what is wrong with it; nothing is run or kept.

    The text is sent to Semaphore: its own checks are those that count.
    Route: POST /yaml.
    Raises: UsageError: the text is empty.
    """
    if not yaml.strip():
        raise UsageError("there is no YAML to validate", "give the text of a pipeline's definition")
    there = ids.organization(api, organization) if organization else api
    try:
        with read.explained(there, "organization", there.host.partition(".")[0]):
            reply = await there.send("POST", f"{read.BASE}/yaml", json={"yaml_definition": yaml}, idempotent=True)
    except UsageError as error:
        return Validation(valid=False, message=_said(error.body))
    return Validation(valid=True, message=text(wire.record(reply.json(), "validation"), "message"))


def _said(body: str) -> str:
    """What the service said: a JSON string, or plain text."""
    try:
        said = json.loads(body)
    except ValueError:
        said = body
    return (said if isinstance(said, str) else body).strip()[:_SAID]
