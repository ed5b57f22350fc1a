"""Projects."""

from collections.abc import Iterable
from functools import partial
from typing import Annotated, Final

from pydantic import Field

from ci_mcp.core import repository
from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Cursor, Limit, Page
from ci_mcp.core.together import together
from ci_mcp.core.wire import text
from ci_mcp.net.pages import collect
from ci_mcp.providers.semaphore import ids, read, wire
from ci_mcp.providers.semaphore.provider import provider
from ci_mcp.providers.semaphore.records import Project, ProjectDetails, Task
from ci_mcp.providers.semaphore.wire import Json

ProjectName = Annotated[str, Field(min_length=1, max_length=300, description="Project name, id or web URL")]
OrganizationName = Annotated[
    str, Field(max_length=100, description="Organization handle; default: the first configured")
]
_DESCRIPTION: Final = 300  # characters of a description in a list


@provider.read()
async def projects_list(
    api: Api, organization: OrganizationName = "", limit: Limit = 20, cursor: Cursor = ""
) -> Page[Project]:
    """Projects of an organization: names, ids and repositories.

    Route: GET /projects?page=N.
    Raises: NotFoundError: the organization is not configured.
    """
    there = _there(api, organization)

    async def fetch(page: str) -> tuple[list[Project], str | None]:
        projects, more = await read.projects_page(there, page)
        return [_short(there, api, found) for found in projects], more

    return await collect(fetch, cursor=cursor, limit=limit)


@provider.read(core=True)
async def projects_search(
    api: Api,
    search: Annotated[str, Field(min_length=1, max_length=300, description="Words, or a repository URL")],
    limit: Limit = 20,
    cursor: Cursor = "",
) -> Page[Project]:
    """Projects whose name, repository URL or description has all the words given, in every configured organization.

    Route: GET /projects?page=N, matched here.
    """
    found = await together([partial(_matching, api, host, search) for host in api.hosts])
    everything = [project for projects in found for project in projects]

    async def fetch(_page: str) -> tuple[list[Project], str | None]:
        return everything, None

    return await collect(fetch, cursor=cursor, limit=limit)


async def _matching(api: Api, host: str, search: str) -> list[Project]:
    there = api.at(host)
    found = [p for p in await read.all_projects(there) if _matches(p, search)]
    found.sort(key=lambda p: text(read.metadata(p), "name").lower() != search.lower())
    return [_short(there, api, p) for p in found]


@provider.read()
async def projects_describe(api: Api, project: ProjectName) -> ProjectDetails:
    """One project: repository, pipeline file, what starts its workflows, scheduled tasks.

    Route: GET /projects/:name; an id is looked for in GET /projects.
    Raises: NotFoundError: there is no such project, or none that the token may see.
    """
    there, named = ids.project(api, project)
    return _details(there, await read.project(there, named))


def _there(api: Api, organization: str) -> Api:
    return ids.organization(api, organization) if organization else api


def _matches(found: Json, wanted: str) -> bool:
    name, about = read.metadata(found), repository_of(found)
    url = text(about, "url")
    same = repository.normal(wanted)
    if same and same == repository.normal(url):
        return True
    owner = f"{text(about, 'owner')}/{text(about, 'name')}"
    texts = (text(name, "name"), text(name, "description"), url, owner, repository.normal(url), text(name, "id"))
    searched = "\n".join(texts).lower()
    return all(part in searched for part in wanted.lower().split())


def repository_of(found: Json) -> Json:
    """The part of a project that says where its code is."""
    value = read.spec(found).get("repository")
    return value if isinstance(value, dict) else {}


def _short(api: Api, home: Api, found: Json) -> Project:
    name = read.metadata(found)
    return Project(
        name=text(name, "name"),
        id=text(name, "id"),
        repository=text(repository_of(found), "url"),
        description=text(name, "description")[:_DESCRIPTION],
        visibility=text(read.spec(found), "visibility"),
        url=read.elsewhere(api, home, f"projects/{text(name, 'name')}"),
    )


def _details(api: Api, found: Json) -> ProjectDetails:
    name, spec, about = read.metadata(found), read.spec(found), repository_of(found)
    allowed = about.get("whitelist")
    whitelist = allowed if isinstance(allowed, dict) else {}
    return ProjectDetails(
        name=text(name, "name"),
        id=text(name, "id"),
        organization_id=text(name, "org_id"),
        owner_id=text(name, "owner_id"),
        description=text(name, "description"),
        repository=text(about, "url"),
        integration=text(about, "integration_type"),
        pipeline_file=text(about, "pipeline_file"),
        run_on=_texts(about.get("run_on")),
        branches=_texts(whitelist.get("branches")),
        tags=_texts(whitelist.get("tags")),
        visibility=text(spec, "visibility"),
        tasks=tuple(_task(task) for task in wire.parts(spec.get("tasks"))),
        url=read.web(api, f"projects/{text(name, 'name')}"),
    )


def _task(raw: Json) -> Task:
    return Task(
        status=wire.word(raw.get("status")),
        name=text(raw, "name"),
        id=text(raw, "id"),
        branch=text(raw, "branch"),
        at=text(raw, "at"),
        pipeline_file=text(raw, "pipeline_file"),
    )


def _texts(values: object) -> tuple[str, ...]:
    return tuple(str(value) for value in values) if isinstance(values, Iterable) and not isinstance(values, str) else ()
