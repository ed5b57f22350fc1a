"""Resources: what a client may read by a URI, through the same seam as the tools."""

import re
from collections.abc import Mapping
from functools import cache
from urllib.parse import unquote

from ci_mcp.core import catalog
from ci_mcp.core.answer import Answer, safe
from ci_mcp.core.budget import fit
from ci_mcp.core.call import DEADLINE, in_time, subject
from ci_mcp.core.catalog import TRIAGE, ResourceSpec
from ci_mcp.core.schema import check
from ci_mcp.core.services import Services
from ci_mcp.errors import NotFoundError

_LONGEST = 2000  # characters of a URI


def offered(services: Services) -> list[ResourceSpec]:
    """The templates of triage, and of every configured provider."""
    served = services.configured()
    # Triage's own are about providers: without one there is nothing to read.
    return [spec for spec in services.catalog.resources.values() if spec.provider in {*served, TRIAGE} and served]


@cache
def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\+?\w+)\}", template)
    found = [
        re.escape(part) if not number % 2 else f"(?P<{part[1:]}>.+)" if part.startswith("+") else f"(?P<{part}>[^/?#]+)"
        for number, part in enumerate(parts)
    ]
    return re.compile("".join(found))


def variables(template: str, uri: str) -> Mapping[str, str] | None:
    """The variables of a URI that a template makes, decoded; ``None`` where it makes no such URI."""
    found = _pattern(template).fullmatch(uri)
    return {name: unquote(value) for name, value in found.groupdict().items()} if found else None


async def read(services: Services, uri: str, *, deadline: float = DEADLINE) -> Answer:
    """What is at a URI, cleaned, redacted and within the budget of a tool's answer.

    Raises: the errors of `ci_mcp.errors`; `NotFoundError` where no template makes such a URI.
    """
    for spec in offered(services):
        given = variables(spec.template, uri) if len(uri) <= _LONGEST else None
        if given is not None:
            one = catalog.find(spec.provider).resources[spec.template]
            work = one.function(subject(services, spec.provider), **check(one, dict(given)))
            return fit(await in_time(f"reading {spec.name}", work, deadline))
    known = ", ".join(spec.template for spec in offered(services)) or "none, as no CI is configured"
    raise NotFoundError(
        f"there is no resource {safe(uri)[:200]}", f"the templates are {known}; a slash in an id is written %2F"
    )
