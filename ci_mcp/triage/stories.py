"""The stories of several targets, side by side, in one budget."""

from collections.abc import Sequence
from functools import partial

from ci_mcp.core.services import Services
from ci_mcp.core.together import settled
from ci_mcp.errors import CiError
from ci_mcp.triage import explain
from ci_mcp.triage.gather import Story, gather
from ci_mcp.triage.target import Target


async def stories(
    services: Services, targets: Sequence[Target], tokens: int, *, compare: bool
) -> list[Story | CiError]:
    """Why the run of each target failed, or why that cannot be told, in the order of the targets."""
    share = tokens // max(1, len(targets))
    room = partial(explain.room, services, share)
    return await settled([partial(gather, services, one, room, compare=compare) for one in targets])
