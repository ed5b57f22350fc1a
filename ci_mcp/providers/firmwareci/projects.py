"""Projects: listed, and found by what a person writes for one."""

import difflib
from typing import Annotated, Final

from pydantic import Field

from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Cursor, Limit, Page
from ci_mcp.errors import NotFoundError
from ci_mcp.providers.firmwareci import ids, wire
from ci_mcp.providers.firmwareci.ask import Filter, converted, listed
from ci_mcp.providers.firmwareci.known import recent
from ci_mcp.providers.firmwareci.provider import provider
from ci_mcp.providers.firmwareci.read import Fields, Json
from ci_mcp.providers.firmwareci.records import Project

Name = Annotated[str, Field(max_length=200, description="Part of the name")]
ProjectName = Annotated[str, Field(max_length=300, description="Project name or id")]

MANY: Final = 50  # records of a page where all are looked through
_PAGES: Final = 10


@provider.read(core=True)
async def projects_list(api: Api, name: Name = "", limit: Limit = 20, cursor: Cursor = "") -> Page[Project]:
    """Projects of the token's organization with their ids and repositories.

    From: fwci_list_projects.
    """
    found = await listed(api, "fwci_list_projects", "projects", {"name": by_name(name)}, limit=limit, cursor=cursor)
    return converted(found, wire.project)


def by_name(name: str) -> Filter:
    """Records whose name has a part, in any case."""
    wanted = name.strip().lower()
    return Filter(name.strip(), lambda raw: wanted in _label(raw))


def _label(raw: Json) -> str:
    found = Fields(raw)
    return found.text("test", "test_name", *wire.NAME).lower()


def by_id(role: str, identity: str) -> Filter:
    """Records that belong to a thing; those that do not say count."""

    def keeps(raw: Json) -> bool:
        found = Fields(raw)
        said = found.text(f"{role}_id") or found.part(role).text("id") or found.part("workflow").text(f"{role}_id")
        return said in {"", identity}

    return Filter(identity, keeps)


async def everyone(api: Api, *, anew: bool = False) -> list[Project]:
    """Every project, as told within the last minutes unless ``anew``; at most 500."""

    async def fetch() -> list[Project]:
        found = await listed(api, "fwci_list_projects", "projects", {}, limit=MANY * _PAGES, size=MANY)
        return [wire.project(raw, short=False) for raw in found.items]

    return await recent(api, "projects", fetch, anew=anew)


async def find(api: Api, text: str) -> Project:
    """The project that a text names, by id, name or web URL.

    Raises:
        NotFoundError: there is none.
        UsageError: the text cannot name one.
    """
    identity, name = ids.of_thing(text, "project")
    for anew in (False, True):
        for one in await everyone(api, anew=anew):
            if (identity and one.id == identity) or (name and one.name.lower() == name.lower()):
                return one
        if identity:
            return Project(name=identity, id=identity)
    names = [one.name for one in await everyone(api)]
    near = difflib.get_close_matches(name, names, n=3)
    raise NotFoundError(
        f"FirmwareCI has no project {name[:80]!r}",
        f"did you mean {' or '.join(near)}?" if near else 'see "ci-mcp firmwareci projects list"',
    )


async def project_id(api: Api, text: str) -> str:
    """The id of the project that a text names; empty for an empty text. Raises what `find` raises."""
    if not text.strip():
        return ""
    identity, _ = ids.of_thing(text, "project")
    return identity or (await find(api, text)).id
