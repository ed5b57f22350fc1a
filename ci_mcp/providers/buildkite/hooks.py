"""The rest of what triage asks: who the token is, what a URL or a checkout names, the vendor's own file."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import yaml

from ci_mcp.core import repository
from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Checkout, Identity, Place
from ci_mcp.core.together import together
from ci_mcp.errors import NotFoundError
from ci_mcp.net.pages import walk
from ci_mcp.providers.buildkite import ids, read, wire
from ci_mcp.providers.buildkite.ids import Named
from ci_mcp.providers.buildkite.jobs import build_of
from ci_mcp.providers.buildkite.wire import Json, text

_REMOTES: Final = 3  # repositories of a checkout that are looked for
_HOST: Final = "api.buildkite.com"


async def token(api: Api) -> tuple[Json, int | None]:
    """The token in use, and how many requests its person has left this minute; works without any scope.

    Route: GET /v2/access-token.
    """
    reply = await api.get(f"{read.BASE}/access-token")
    left = [reply.headers.get(name, "") for name in ("ratelimit-remaining", "ratelimit-user-remaining")]
    numbers = [int(value) for value in left if value.isdecimal()]
    return wire.record(reply.json(), "token"), min(numbers, default=None)


async def identity(api: Api) -> Identity:
    """Whose the token is, its scopes, and the requests left.

    Route: GET /v2/access-token.
    """
    found, remaining = await token(api)
    user = wire.part(found, "user")
    return Identity(
        name=text(user, "name") or text(user, "email") or "accepted",
        scopes=tuple(sorted(wire.texts(found.get("scopes")))),
        remaining=remaining,
        note=f'the token "{described}"' if (described := text(found, "description")) else "",
        expires=wire.when(found.get("expires_at")),
    )


async def locate(api: Api, url: str) -> Place | None:
    """What a web or API URL names; only a job named by its organization alone costs a request.

    Raises: NotFoundError: that job cannot be found.
    """
    named = ids.read_url(url)
    if named is None:
        return None
    if named.job and not named.number:
        named = _with_job(build_of(await read.job(api, named), named), named.job)
        if not named.number:
            raise NotFoundError(f"job {named.job} does not say its build", "paste the web URL of the build")
    return Place(host=api.host, project=named.project, branch=named.branch, run=named.build, job=named.job)


def _with_job(build: Named, job: str) -> Named:
    return Named(organization=build.organization, pipeline=build.pipeline, number=build.number, job=job)


async def discover(api: Api, checkout: Checkout) -> list[Place]:
    """The pipelines that build a checkout: those of its remotes' repositories.

    Where none is, and the checkout has a ``.buildkite`` folder, those of repositories with the same
    name: a fork's remote is not the one that Buildkite builds.
    Route: GET /v2/organizations, GET /v2/organizations/{org}/pipelines?repository=NAME.
    """
    remotes = {normal for remote in checkout.remotes if (normal := repository.normal(remote))}
    names = sorted({name for remote in checkout.remotes if (name := repository.name(remote))})[:_REMOTES]
    if not names:
        return []
    organization = await read.organization(api)
    lists = await together([partial(_building, api, organization, name) for name in names])
    known = {text(raw, "slug"): raw for pipelines in lists for raw in pipelines if not raw.get("archived_at")}
    found = [slug for slug, raw in known.items() if repository.normal(text(raw, "repository")) in remotes]
    if not found and (Path(checkout.root) / ".buildkite").is_dir():
        found = [slug for slug, raw in known.items() if repository.name(text(raw, "repository")) in names]
    return [Place(host=api.host, project=f"{organization}/{slug}") for slug in found if slug]


async def _building(api: Api, organization: str, name: str) -> list[Json]:
    path = f"{read.BASE}/organizations/{organization}/pipelines"
    of = f"pipelines of {organization}"
    fetch = read.numbered(api, path, {"repository": name}, dict, limit=read.MOST, of=of, scope="read_pipelines")
    return [raw async for raw in walk(fetch, max_pages=3)]


def tokens(file: str) -> Mapping[str, str]:
    """Host → token, from the text of ``bk.yaml``: that of the selected organization, since a host has one here."""
    try:
        body = yaml.safe_load(file)
    except yaml.YAMLError:
        return {}
    organizations: Any = body.get("organizations") if isinstance(body, dict) else None
    if not isinstance(organizations, dict):
        return {}
    for name in sorted(organizations, key=lambda name: name != body.get("selected_org")):
        entry = organizations[name]
        token = entry.get("api_token") if isinstance(entry, dict) else None
        if isinstance(token, str) and token:
            return {_HOST: token}
    return {}
