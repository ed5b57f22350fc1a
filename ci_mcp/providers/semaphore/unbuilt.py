"""Why a project has no run of a branch: its settings may say that it builds none."""

from collections.abc import Sequence
from typing import Any, Final

import re2

from ci_mcp.core.provider import Api
from ci_mcp.providers.semaphore import read
from ci_mcp.providers.semaphore.projects import repository_of

_TAG: Final = "refs/tags/"
_PULL_REQUEST: Final = "pull-request-"
_SHOWN: Final = 5


async def why(api: Api, project: str, branch: str) -> str:
    """In words, why nothing is built for a branch, tag or pull request; empty where the settings allow it.

    Route: GET /projects/:name.
    """
    about = repository_of(await read.project(api, project))
    kind = "tags" if branch.startswith(_TAG) else "pull_requests" if branch.startswith(_PULL_REQUEST) else "branches"
    starts = _texts(about.get("run_on"))
    if isinstance(about.get("run_on"), list) and kind not in starts:
        by = f"only by {', '.join(starts)}" if starts else "by nothing that is pushed"
        return f"project {project} starts runs {by} (run_on), not by {kind}"
    allowed = about.get("whitelist")
    names = _texts(allowed.get(kind)) if isinstance(allowed, dict) else []
    if names and not any(_fits(name, branch.removeprefix(_TAG)) for name in names):
        shown = ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
        return f"project {project} builds only these {kind}: {shown}"
    return ""


def _texts(value: Any) -> Sequence[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _fits(name: str, branch: str) -> bool:
    """Whether a name of the list, which may be a pattern between slashes, means this branch."""
    if len(name) > 2 and name.startswith("/") and name.endswith("/"):  # noqa: PLR2004 - the two slashes
        try:
            return re2.search(name[1:-1], branch) is not None
        except re2.error:
            return True  # a pattern that is not read here says nothing
    return name == branch
