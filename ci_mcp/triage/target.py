"""From what a person typed or pasted, or from the checkout they stand in, to places that a CI knows."""

import re
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from functools import partial
from urllib.parse import urlsplit

from ci_mcp.core.provider import Api
from ci_mcp.core.services import Services
from ci_mcp.core.shapes import Checkout, Place
from ci_mcp.core.together import answers, settled
from ci_mcp.errors import AuthError, CiError, NotFoundError, UsageError
from ci_mcp.triage import checkout

_URL = re.compile(r"https?://[^\s<>\"'`\])}]+")
_NAMED = re.compile(r"(?P<provider>[a-z]+)(?::(?P<project>[^@#]*))?(?:@(?P<branch>[^#]+))?(?:#(?P<run>.+))?")
_HOW = 'give a CI web URL or "PROVIDER:PROJECT@BRANCH", or run it inside a git checkout'


@dataclass(frozen=True, slots=True)
class Target:
    """A place of one provider, ready to be asked about.

    ``here`` is the checkout through which the place was found: the run of its HEAD is preferred. ``notes`` say
    what the reader must know of how it was found.
    """

    provider: str
    place: Place
    here: Checkout | None = None
    notes: tuple[str, ...] = ()

    def api(self, services: Services) -> Api:
        """The Api that serves this place."""
        return services.api(self.provider, self.place.host)


async def find(services: Services, text: str) -> list[Target]:
    """The places that ``text`` names: one for a URL or a name, one a provider and project for a checkout.

    Raises: `UsageError` for what cannot be understood, `NotFoundError` for an unknown host or project,
    `AuthError` where no provider is configured.
    """
    text = text.strip()
    url = _URL.search(text)
    if url:
        return [await _from_url(services, url.group().rstrip(".,;:!?*_"))]
    if not text:
        return await _from_home(services) or await _from_checkout(services, services.configured())
    named = _NAMED.fullmatch(text)
    if named is None:
        raise UsageError(f"cannot tell what {text[:80]!r} is", _HOW)
    return await _from_name(services, named)


async def _from_url(services: Services, url: str) -> Target:
    host = (urlsplit(url).hostname or "").lower()
    for name in services.configured():
        service = services.service(name)
        endpoint = next((one for one in services.endpoints(name) if service.serves(one.host, host)), None)
        if endpoint is not None:
            api = services.api(name, endpoint.host)
            hook = services.provider(name).hooks.locate
            place = await hook(api, url) if hook else None
            if place is None:
                raise NotFoundError(
                    f"this {service.title} URL names no project, run or job", "paste the page of a run or a job"
                )
            return Target(name, place)
    raise _unknown_host(services, host)


def _unknown_host(services: Services, host: str) -> CiError:
    for name, service in services.catalog.services.items():
        if any(fnmatch(host, pattern) for pattern in service.web_hosts):
            wanted = service.behind(host)
            return NotFoundError(
                f"{host} is a {service.title} host that is not configured",
                f'run "ci-mcp auth login {name} --host https://{wanted}"'
                + (f", or set {service.host_env[0]}={wanted} and {service.token_env[0]}" if service.host_env else ""),
            )
    return NotFoundError(f"no configured CI is at {host}", "configure its provider and host; see the README")


async def _from_home(services: Services) -> list[Target]:
    home = services.world.home
    return [Target(name, home[name]) for name in services.configured() if name in home]


async def _from_name(services: Services, named: re.Match[str]) -> list[Target]:
    provider, project = named["provider"], named["project"] or ""
    services.service(provider)
    branch, run = named["branch"] or "", named["run"] or ""
    if branch and not services.provider(provider).hooks.branches:
        title = services.service(provider).title
        raise UsageError(f"{title} knows no branches", f'give "{provider}:PROJECT", without "@{branch}"')
    home = services.world.home.get(provider)
    if home and project in {"", home.project} and not run:
        return [Target(provider, replace(home, branch=branch or home.branch))]
    api = services.api(provider)
    if project and run and services.provider(provider).hooks.numbered:
        run = f"{project}#{run}"
    if project or run:
        return [Target(provider, Place(host=api.host, project=project, branch=branch, run=run))]
    found = await _from_checkout(services, [provider])
    return [replace(one, place=replace(one.place, branch=branch), here=None) if branch else one for one in found]


async def _from_checkout(services: Services, names: list[str]) -> list[Target]:
    if not names:
        raise _nothing_configured(services)
    here = await checkout.read()
    if here is None:
        raise UsageError("this folder is not in a git checkout", _HOW)
    asked_all = await settled([partial(_discover, services, name, here) for name in names])
    found = [target for targets in answers(asked_all)[0] for target in targets]
    if not found:
        asked = ", ".join(services.service(name).title for name in names)
        raise NotFoundError(f"no project of {asked} builds this checkout", _HOW)
    return found


async def _discover(services: Services, name: str, here: Checkout) -> list[Target]:
    hook = services.provider(name).hooks.discover
    if hook is None:
        return []
    hosts = [endpoint.host for endpoint in services.endpoints(name)] or [""]  # "" raises what is missing

    async def ask(host: str) -> list[Place]:
        return await hook(services.api(name, host), here)

    asked_all = await settled([partial(ask, host) for host in hosts])
    places = [place for found in answers(asked_all)[0] for place in found]
    if not services.provider(name).hooks.branches:
        title = services.service(name).title
        note = f"{title} knows no branches: this is the newest run of the project, whichever commit it built"
        return [Target(name, place, notes=(note,)) for place in places]
    return [Target(name, replace(place, branch=place.branch or here.branch), here) for place in places]


def _nothing_configured(services: Services) -> CiError:
    ways = " or ".join(service.token_env[0] for service in services.catalog.services.values() if service.token_env)
    return AuthError("no CI is configured", f"set {ways}; or try it without an account: ci-mcp --demo explain")
