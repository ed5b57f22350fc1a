"""The rest of what triage asks: whether the token works, what a URL or a checkout names."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from ci_mcp.core import repository
from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Checkout, Identity, Place
from ci_mcp.errors import NotFoundError, UnsupportedError
from ci_mcp.providers.firmwareci import ids, jobs, projects, wire
from ci_mcp.providers.firmwareci.ask import Filter, listed
from ci_mcp.providers.firmwareci.read import Fields, Json
from ci_mcp.providers.firmwareci.records import Project

_LOOKED: Final = 100  # newest jobs among which those of a request are looked for
_DEPTH: Final = 4


async def identity(api: Api) -> Identity:
    """The cheapest authorised read: no call tells whose a token is.

    From: fwci_list_projects.
    """
    page = await listed(api, "fwci_list_projects", "projects", {}, limit=1)
    seen = "its organization has projects" if page.items else "its organization has no project that it may see"
    return Identity(
        name="accepted",
        remaining=api.heard.remaining if api.heard else None,
        note=f"{seen}; FirmwareCI does not say whose token it is",
    )


async def locate(api: Api, url: str) -> Place | None:
    """What a web URL names: a job; a job request is looked for among the newest jobs.

    Raises:
        NotFoundError: no newest job is of that request.
        UnsupportedError: it is a page that no call reads.
    """
    named = ids.read_url(url)
    if named is None:
        return None
    if named.kind == "jobs":
        return Place(host=api.host, run=ids.job(url), job=ids.job(url))
    if named.kind == "job-requests":
        return await _of_request(api, named.id)
    if named.kind == "projects":
        return Place(host=api.host, project=(await projects.find(api, named.id)).name)
    raise UnsupportedError(
        f"a FirmwareCI page of {named.kind[:40]} names no run", "paste the page of a job, or name firmwareci:PROJECT"
    )


async def _of_request(api: Api, request: str) -> Place:
    wanted = request.lower()
    one_of = Filter(wanted, lambda raw: wire.job(api, raw).request.lower() == wanted)
    page = await listed(api, jobs.LIST, "jobs", {"request": one_of}, limit=_LOOKED, size=50, max_pages=2)
    found = sorted((wire.job(api, raw) for raw in page.items), key=lambda job: not job.status.bad)
    if not found:
        raise NotFoundError(
            f"none of the newest {_LOOKED} jobs is of job request {request[:40]}: its own record cannot be read",
            'paste the page of one of its jobs, or find it with "ci-mcp firmwareci jobs list --statuses failed"',
        )
    return Place(host=api.host, project=found[0].project, run=found[0].id, job=found[0].id)


async def discover(api: Api, checkout: Checkout) -> list[Place]:
    """The projects of a checkout with a ``.firmwareci`` folder: those whose repository or name is its remote's.

    From: fwci_list_projects.
    """
    if not (Path(checkout.root) / ".firmwareci").is_dir():
        return []
    remotes = {normal for remote in checkout.remotes if (normal := repository.normal(remote))}
    everyone = await projects.everyone(api)
    found = [one for one in everyone if _links(one) & remotes]
    if not found:
        names = {part for remote in remotes for part in (remote.rpartition("/")[2], remote.partition("/")[2])}
        names = names or {Path(checkout.root).name.lower()}
        found = [one for one in everyone if one.name.lower() in names or _repositories(one) & names]
    return [Place(host=api.host, project=one.name or one.id) for one in found]


def _links(project: Project) -> set[str]:
    texts = {project.repository, *_texts(project.more, 0)}
    return {normal for text in texts if (normal := repository.normal(text))}


def _repositories(project: Project) -> set[str]:
    """``owner/name`` of a project whose repository is told in parts."""
    about = Fields(project.more)
    vcs = next(
        (v for key in ("vcs", "workflow_vcs", "repository", "repo") if isinstance(v := about.value(key), dict)), {}
    )
    found: Json = vcs or project.more
    owner, name = Fields(found).text("org", "owner", "organization"), Fields(found).text("repo", "repository", "name")
    name = name or project.repository
    return {f"{owner}/{name}".lower()} if owner and name else set()


def _texts(value: Any, depth: int) -> Iterator[str]:
    if depth > _DEPTH:
        return
    if isinstance(value, str):
        yield value if "://" in value or "@" in value else f"https://{value}"
    elif isinstance(value, (dict, list)):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one, depth + 1)
