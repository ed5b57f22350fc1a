"""From what a person typed or pasted, or from the checkout they stand in, to places that a CI knows."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from functools import partial
from urllib.parse import urlsplit, urlunsplit

from ci_mcp.auth.credentials import variables
from ci_mcp.auth.endpoints import Endpoint
from ci_mcp.auth.service import Service
from ci_mcp.core import repository
from ci_mcp.core.provider import Api
from ci_mcp.core.services import Services
from ci_mcp.core.shapes import Checkout, Place
from ci_mcp.core.together import answers, settled
from ci_mcp.errors import AuthError, CiError, NotFoundError, UsageError
from ci_mcp.triage import checkout

_OUTSIDE = (
    r"\s<>\"'`|\\(){}\[\]\u00ab\u00bb\u2018-\u201f\u2026\u200b-\u200f\u2060\ufeff"  # what people paste around a URL
)
_URL = re.compile(rf"https?://(?:\[[0-9a-f:.]+\])?[^{_OUTSIDE}]+", re.IGNORECASE)
_BARE = re.compile(rf"(?:[\w-]+\.)+[a-z]{{2,}}(?::\d+)?/[^{_OUTSIDE}]+", re.IGNORECASE | re.ASCII)
_NAMED = re.compile(r"(?P<provider>[A-Za-z]*)(?::(?!//)(?P<project>[^@#]*))?(?:@(?P<branch>[^#]+))?(?:#(?P<run>.+))?")
_END = ".,;:!?*_"
_PORTS = {"https": 443, "http": 80}
_HOW = 'give a CI web URL or "PROVIDER:PROJECT@BRANCH", or run it inside a git checkout'
_MOST = 6  # places that are asked about at once
_SHOWN = 8  # places, remotes that are named


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


@dataclass(frozen=True, slots=True)
class Found:
    """The places that a text names, and in words what could not be asked for them."""

    targets: list[Target]
    problems: tuple[str, ...] = ()


async def find(services: Services, text: str) -> Found:
    """The places that ``text`` names: one for a URL or a name, one a provider and project for a checkout.

    Raises: `UsageError` for what cannot be understood, `NotFoundError` for an unknown host or project,
    `AuthError` where no provider is configured.
    """
    text = text.strip()
    urls = [found.rstrip(_END) for found in _URL.findall(text)]
    if not urls and _BARE.fullmatch(text):
        urls = [f"https://{text.rstrip(_END)}"]
    if urls:
        return Found([await _from_urls(services, urls)])
    named = _NAMED.fullmatch(text)
    if named is None or (named["project"] is not None and not named["provider"]):
        raise UsageError(f"cannot tell what {text[:80]!r} is", _HOW)
    if named["provider"]:
        return await _from_name(services, named)
    found = _few(_from_home(services, services.configured()) or await _from_checkout(services, services.configured()))
    return _at(services, found, named["branch"] or "", named["run"] or "")


async def _from_urls(services: Services, urls: Sequence[str]) -> Target:
    """The place of the first URL that is a configured CI's; people paste more than the one that counts."""
    for url in urls:
        served = [(name, *found) for name in services.configured() if (found := _served(services, name, url))]
        # Several services may share a host: the one at this very port is asked first, then whoever knows such a path.
        served.sort(key=lambda one: one[1].host.lower() != _netloc(url))
        for name, endpoint, own in served:
            target = await _from_url(services, name, endpoint, own)
            if target:
                return target
        if served:
            title = services.service(served[0][0]).title
            raise NotFoundError(f"this {title} URL names no project, run or job", "paste the page of a run or a job")
    raise _unknown_host(services, _host(urls[0]))


def _served(services: Services, name: str, url: str) -> tuple[Endpoint, str] | None:
    """The endpoint of a provider that a URL belongs to, and the URL as its host is configured there."""
    service, endpoints = services.service(name), services.endpoints(name)
    bare = _host(url)
    for host in (_netloc(url), bare, bare.removeprefix("www.")):
        exact = [one for one in endpoints if one.host.lower() == host]
        for one in exact or [one for one in endpoints if service.serves(one.host, host)]:
            own = one.host.lower().partition(":")[0] == host.partition(":")[0]
            return one, urlunsplit(urlsplit(url)._replace(netloc=one.host if own else host))
    return None


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


def _netloc(url: str) -> str:
    """The host in lower case, with its port where that is not the usual one."""
    try:
        split = urlsplit(url)
        port = split.port
    except ValueError:
        return ""
    return _host(url) + (f":{port}" if port and port != _PORTS[split.scheme.lower()] else "")


async def _from_url(services: Services, name: str, endpoint: Endpoint, url: str) -> Target | None:
    hook = services.provider(name).hooks.locate
    place = await hook(services.api(name, endpoint.host), url) if hook else None
    return Target(name, place) if place else None


def _unknown_host(services: Services, host: str) -> CiError:
    for name, service in services.catalog.services.items():
        if any(fnmatch(host, pattern) for pattern in service.web_hosts):
            services.asked_only(name)
            wanted = service.behind(host)
            return NotFoundError(
                f"{host} is a {service.title} host that is not configured",
                f'run "ci-mcp auth login {name} --host https://{wanted}"'
                + (f", or set {service.host_env[0]}={wanted} and {service.token_env[0]}" if service.host_env else ""),
            )
    return NotFoundError(
        f"no configured CI is at {host}",
        f'give the page of the CI itself, or "PROVIDER:PROJECT@BRANCH"; '
        f"if a CI is there: ci-mcp auth login PROVIDER --host {host}",
    )


def _from_home(services: Services, names: Sequence[str]) -> Found | None:
    home = services.world.home
    targets = [Target(name, home[name]) for name in names if name in home]
    return Found(targets) if targets else None


async def _from_name(services: Services, named: re.Match[str]) -> Found:
    provider, project = named["provider"].lower(), named["project"] or ""
    _known(services, provider)
    branch, run = named["branch"] or "", named["run"] or ""
    if branch:
        _refuse_branch(services, provider, branch)
    home = services.world.home.get(provider)
    if home and project in {"", home.project} and not run:
        return Found([Target(provider, replace(home, branch=branch or home.branch))])
    if project or run:
        place = Place(host=services.api(provider).host, project=project, branch=branch)
        return Found([_with_run(services, Target(provider, place), run)])
    return _at(services, _few(await _from_checkout(services, [provider])), branch, "")


def _known(services: Services, provider: str) -> None:
    if provider not in services.catalog.services:
        known = ", ".join(services.catalog.services)
        raise UsageError(f"there is no provider {provider}", f"the providers are {known}; {_HOW}")
    services.asked_only(provider)


def _refuse_branch(services: Services, provider: str, branch: str) -> None:
    if not services.provider(provider).hooks.branches:
        title = services.service(provider).title
        raise UsageError(f"{title} knows no branches", f'give "{provider}:PROJECT", without "@{branch}"')


def _at(services: Services, found: Found, branch: str, run: str) -> Found:
    """The same places, of another branch or at a run; those that know no branches are left out then."""
    targets = found.targets
    if run:
        if len(targets) > 1:
            raise UsageError(
                f"which run #{run} is meant? {_names(targets)} build this", f'give "PROVIDER:PROJECT#{run}"'
            )
        return replace(found, targets=[_with_run(services, target, run) for target in targets])
    if not branch:
        return found
    able = [target for target in targets if services.provider(target.provider).hooks.branches]
    if not able and targets:
        _refuse_branch(services, targets[0].provider, branch)
    return replace(found, targets=[replace(one, place=replace(one.place, branch=branch), here=None) for one in able])


def _with_run(services: Services, target: Target, run: str) -> Target:
    """At one run; its number counts within the project where the vendor counts so."""
    if not run:
        return target
    numbered = target.place.project and services.provider(target.provider).hooks.numbered
    named = f"{target.place.project}#{run}" if numbered else run
    return Target(target.provider, replace(target.place, run=named))


def _few(found: Found) -> Found:
    """At most a handful of places, none of one provider's while another's first is left out; the others are named."""
    if len(found.targets) <= _MOST:
        return found
    before: Counter[str] = Counter()
    ranks = []
    for target in found.targets:
        ranks.append(before[target.provider])
        before[target.provider] += 1
    first = sorted(range(len(ranks)), key=ranks.__getitem__)
    kept, rest = ([found.targets[at] for at in sorted(some)] for some in (first[:_MOST], first[_MOST:]))
    return Found(kept, (*found.problems, f"left out: {_names(rest)}; name one to ask about it"))


def _names(targets: Sequence[Target]) -> str:
    named = [f"{target.provider}:{target.place.project}" for target in targets]
    more = f" and {len(named) - _SHOWN} more" if len(named) > _SHOWN else ""
    return ", ".join(named[:_SHOWN]) + more


async def _from_checkout(services: Services, names: list[str]) -> Found:
    if not names:
        raise _nothing_configured(services)
    here = await checkout.read()
    if here is None:
        raise UsageError("this folder is not in a git checkout", _HOW)
    found, errors = answers(await settled([partial(_discover, services, name, here) for name in names]))
    targets = [target for one in found for target in one.targets]
    problems = (*(problem for one in found for problem in one.problems), *(str(error) for error in errors))
    if not targets:
        asked = ", ".join(services.service(name).title for name in names)
        raise NotFoundError(f"no project of {asked} builds this checkout ({_remotes(here)})", _how(problems))
    return Found(targets, problems)


def _remotes(here: Checkout) -> str:
    known = [normal for remote in here.remotes if (normal := repository.normal(remote))]
    return f"remotes: {', '.join(known[:_SHOWN])}" if known else "it has no remote that a CI could know"


def _how(problems: Sequence[str]) -> str:
    return "; ".join([_HOW, *(f"not asked: {problem}" for problem in problems)])


async def _discover(services: Services, name: str, here: Checkout) -> Found:
    hook = services.provider(name).hooks.discover
    if hook is None:
        return Found([])
    hosts = [endpoint.host for endpoint in services.endpoints(name)] or [""]  # "" raises what is missing

    async def ask(host: str) -> list[Place]:
        return await hook(services.api(name, host), here)

    found, errors = answers(await settled([partial(ask, host) for host in hosts]))
    places = [place for one in found for place in one]
    problems = tuple(str(error) for error in errors)
    if not services.provider(name).hooks.branches:
        title = services.service(name).title
        note = f"{title} knows no branches: this is the newest run of the project, whichever commit it built"
        return Found([Target(name, place, notes=(note,)) for place in places], problems)
    targets = [Target(name, replace(place, branch=place.branch or here.branch), here) for place in places]
    return Found(targets, problems)


def _nothing_configured(services: Services) -> CiError:
    ways = " or ".join(filter(None, map(_way, services.catalog.services.values())))
    how = f'run "ci-mcp auth login PROVIDER", or set {ways}'
    return AuthError("no CI is configured", f"{how}; or try it without an account: ci-mcp --demo explain")


def _way(service: Service) -> str:
    """What configures a service: its token and, where there is no usual one, its host; an open one needs that alone."""
    return service.host_env[0] if service.open and service.host_env else variables(service)
