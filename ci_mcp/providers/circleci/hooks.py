"""The rest of what triage asks: who the token is, what a URL or a checkout names, the vendor's own file."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

import yaml

from ci_mcp.core import repository
from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Checkout, Identity, Place, TestCase
from ci_mcp.core.together import together
from ci_mcp.errors import CiError, NotFoundError
from ci_mcp.providers.circleci import ids, read, steps, tests, wire
from ci_mcp.providers.circleci.ids import Named
from ci_mcp.providers.circleci.provider import CLOUD
from ci_mcp.providers.circleci.wire import Json, text
from ci_mcp.status import Status

_INFO: Final = Path(".circleci") / "info.yml"
_INFO_MOST: Final = 1 << 16
_REMOTES: Final = 3
_HOSTS: Final = {"github.com": "gh", "bitbucket.org": "bb", "ssh.github.com": "gh", "altssh.bitbucket.org": "bb"}
_RIGHTS: Final = (
    "a personal token made on the web may do all that this user may, for a year at most; project tokens, and tokens "
    "made before June 2023, are refused by parts of the API; for shared use make a machine account with its own token"
)
_LEFT: Final = ("x-ratelimit-remaining", "ratelimit-remaining")


async def identity(api: Api) -> Identity:
    """Whose token it is.

    Route: GET /api/v2/me.
    """
    with read.explained(api, "user", "me"):
        reply = await api.get(f"{read.V2}/me")
    found = wire.record(reply.json(), "user")
    left = [int(value) for name in _LEFT if (value := reply.headers.get(name, "")).isdecimal()]
    login, name = text(found, "login"), text(found, "name")
    called = f"{login} ({name})" if name and name != login else login
    return Identity(name=called or text(found, "id"), remaining=min(left, default=None), note=_RIGHTS)


async def locate(api: Api, url: str) -> Place | None:
    """What a web URL of CircleCI names; most cost no request, a job's page without its workflow one.

    Raises: NotFoundError: the job cannot be found.
    """
    named = ids.read_url(url)
    if named is None:
        return None
    there = ids.there(api, named)
    if named.job or named.job_id:
        return await _of_job(there, named)
    return Place(host=there.host, project=named.project, branch=named.branch, run=_run(named))


def _run(named: Named) -> str:
    if named.number:
        return f"{named.project}/{named.number}" + (f"/workflows/{named.workflow}" if named.workflow else "")
    return f"{ids.WORKFLOW}{named.workflow}" if named.workflow else named.pipeline


async def _of_job(api: Api, named: Named) -> Place:
    job = f"{named.project}/{named.job}" if named.job else ""
    run = _run(named)
    if not job:
        found = await read.job_in(api, named)
        job = f"{found.project}/{found.job}" if found.job else named.job_id
        return Place(host=api.host, project=found.project, run=run or f"{ids.WORKFLOW}{found.workflow}", job=job)
    if not run:
        workflow = steps.workflow_of(await read.job(api, named.project, named.job))
        if not ids.is_uuid(workflow):
            raise NotFoundError(
                f"job {job} belongs to no workflow", f'read its log: "ci-mcp circleci jobs logs --job {job}"'
            )
        run = f"{ids.WORKFLOW}{workflow}"
    return Place(host=api.host, project=named.project, run=run, job=job)


async def discover(api: Api, checkout: Checkout) -> list[Place]:
    """The projects that build a checkout: what its ``.circleci/info.yml`` says, else those of its remotes.

    A remote's slug is tried first; where there is no such project, the followed ones are compared by the owner
    and name of their repositories, for a project of the GitHub App has another slug; at last by their names alone,
    where only one has it: a fork is built by the project of the repository that it was made from.
    Route: GET /api/v2/project/{slug}, beside it GET /api/v2/project/{slug}/pipeline for what is asked next;
    GET /api/v1.1/projects.
    """
    if linked := _linked(Path(checkout.root)):
        return [Place(host=api.host, project=linked)]
    places = dict.fromkeys(normal for remote in checkout.remotes if (normal := repository.normal(remote)))
    builds_here = (Path(checkout.root) / ".circleci").is_dir()
    found = await _by_slugs(api, list(places)[:_REMOTES], checkout.branch if builds_here else None)
    if not found and builds_here:
        followed = await read.followed(api)
        found = [text(raw, "slug") for raw in followed if _same(raw, set(places))] or _of_name(followed, places)
    return [Place(host=api.host, project=slug) for slug in dict.fromkeys(found)]


def _linked(root: Path) -> str:
    """The slug in a checkout's info file; ids rather than names where it has them, for those outlive a rename."""
    try:
        with (root / _INFO).open("rb") as file:
            body = yaml.safe_load(file.read(_INFO_MOST))
    except (OSError, yaml.YAMLError, ValueError):
        return ""
    about = body if isinstance(body, dict) else {}
    project, organization = wire.part(about, "project"), wire.part(about, "organization")
    slug = ids.slug(text(project, "slug"))
    if slug.startswith("circleci/") and ids.is_uuid(text(project, "id")) and ids.is_uuid(text(organization, "id")):
        return f"circleci/{text(organization, 'id')}/{text(project, 'id')}"
    return slug


async def _by_slugs(api: Api, places: list[str], branch: str | None) -> list[str]:
    """The slugs of repositories that have a project; of the first one the pipelines of a branch are read beside."""
    slugs = [slug for place in places if (slug := _slug(api, place))]
    calls = [partial(_existing, api, slug) for slug in slugs]

    async def beside(slug: str) -> str:
        with suppress(CiError):
            path = f"{read.V2}/project/{ids.path(slug)}/pipeline"
            found, _ = await read.page(api, path, "pipelines", {"branch": branch}, "")
            read.hand_on(api, slug, branch or "", found)
        return ""

    looking = [partial(beside, slug) for slug in slugs[:1] if branch is not None]
    return [slug for slug in await together([*calls, *looking]) if slug]


def _slug(api: Api, place: str) -> str:
    host, _, rest = place.partition("/")
    vcs = _HOSTS.get(host, "" if api.host == CLOUD else "gh")  # a server builds from a GitHub of its own, too
    return ids.slug(f"{vcs}/{rest}")


async def _existing(api: Api, slug: str) -> str:
    try:
        return ids.slug(text(await read.project(api, slug), "slug")) or slug
    except NotFoundError:
        return ""


def _of_name(followed: Sequence[Json], places: Iterable[str]) -> list[str]:
    """The only followed project whose repository is called like one of these: they may be forks of it."""
    names = {place.rpartition("/")[2].lower() for place in places}
    found = [text(raw, "slug") for raw in followed if text(raw, "reponame").lower() in names]
    return found if len(found) == 1 else []


def _same(raw: Json, places: set[str]) -> bool:
    if repository.normal(text(raw, "vcs_url")) in places:
        return True
    owned = f"/{text(raw, 'organization_name')}/{text(raw, 'reponame')}".lower()
    return bool(text(raw, "organization_name")) and any(place.endswith(owned) for place in places)


async def flaky(api: Api, project: str) -> list[TestCase]:
    """The tests that CircleCI calls flaky."""
    there, named = await read.slug(api, project)
    return [
        TestCase(
            status=Status.UNKNOWN,
            name=one.name,
            suite=one.suite,
            file=one.file,
            message=f"passed and failed on the same commit {one.times} times in the last two weeks",
        )
        for one in await tests.flaky_tests(there, named)
    ]


def tokens(file: str) -> Mapping[str, str]:
    """Host → token, from the text of ``~/.circleci/cli.yml``."""
    try:
        body: Any = yaml.safe_load(file)
    except yaml.YAMLError:
        return {}
    if not isinstance(body, dict):
        return {}
    host, token = text(body, "host") or CLOUD, text(body, "token")
    return {host: token} if token else {}
