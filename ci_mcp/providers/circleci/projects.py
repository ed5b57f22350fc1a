"""Projects: followed ones listed and searched, one described."""

from typing import Annotated

from pydantic import Field

from ci_mcp.core import repository
from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Cursor, Limit, Page
from ci_mcp.providers.circleci import ids, read, wire
from ci_mcp.providers.circleci.provider import provider
from ci_mcp.providers.circleci.records import Project, ProjectDetails
from ci_mcp.providers.circleci.wire import Json, text

ProjectName = Annotated[str, Field(min_length=1, max_length=500, description="Slug (gh/owner/repo), name, or web URL")]
_NONE = "the token's owner follows no project: follow one at CircleCI, or name it by its slug (gh/OWNER/REPO)"


@provider.read()
async def projects_list(api: Api, limit: Limit = 20, cursor: Cursor = "") -> Page[Project]:
    """Projects that the token's owner follows: names, slugs and repositories.

    Route: GET /api/v1.1/projects: v2 has no such list.
    """
    found = [short(raw) for raw in await read.followed(api)]
    return await read.listed(found, cursor=cursor, limit=limit, note="" if found else _NONE)


@provider.read(core=True)
async def projects_search(
    api: Api,
    search: Annotated[str, Field(min_length=1, max_length=300, description="Words, or a repository URL")],
    limit: Limit = 20,
    cursor: Cursor = "",
) -> Page[Project]:
    """Followed projects whose name, owner or repository has all the words given.

    Route: GET /api/v1.1/projects, matched here.
    """
    found = await read.followed(api)
    chosen = [short(raw) for raw in found if _matches(raw, search)]
    chosen.sort(key=lambda one: one.name.lower() != search.strip().lower())
    note = _NONE if not found else "" if chosen else f"none of {len(found)} followed projects matches"
    return await read.listed(chosen, cursor=cursor, limit=limit, note=note)


def _matches(raw: Json, wanted: str) -> bool:
    url = text(raw, "vcs_url")
    same = repository.normal(wanted)
    if same and same == repository.normal(url):
        return True
    searched = f"{text(raw, 'slug')} {url} {text(raw, 'reponame')} {text(raw, 'username')}".lower()
    return all(word in searched for word in wanted.lower().split())


def short(raw: Json) -> Project:
    """A followed project as lists show it."""
    return Project(
        name=text(raw, "reponame") or text(raw, "slug").rpartition("/")[2],
        slug=text(raw, "slug"),
        id=text(raw, "id"),
        repository=text(raw, "vcs_url"),
        default_branch=text(raw, "default_branch"),
    )


@provider.read()
async def projects_describe(api: Api, project: ProjectName) -> ProjectDetails:
    """One project: its id, organization, repository and default branch.

    Route: GET /api/v2/project/{slug}.
    Raises: NotFoundError: there is no such project, or none that the token may see.
    """
    there, named = await read.slug(api, project)
    found = await read.project(there, named)
    about = wire.part(found, "vcs_info")
    known = ids.slug(text(found, "slug")) or named
    return ProjectDetails(
        name=text(found, "name"),
        slug=known,
        id=text(found, "id"),
        organization=text(found, "organization_name"),
        organization_slug=text(found, "organization_slug"),
        organization_id=text(found, "organization_id"),
        repository=text(about, "vcs_url"),
        provider=text(about, "provider"),
        default_branch=text(about, "default_branch"),
        url=read.web(there, f"pipelines/{known}"),
    )
