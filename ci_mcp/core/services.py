"""The services of this process: which are configured, and an open Api for each that is used."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import anyio

from ci_mcp.auth.endpoints import Endpoint, configured, endpoints
from ci_mcp.auth.service import Service
from ci_mcp.config import Config
from ci_mcp.core import catalog
from ci_mcp.errors import AuthError, NotFoundError, UsageError

if TYPE_CHECKING:  # a server says what it offers before it needs any of these
    from ci_mcp.auth.credentials import Credential
    from ci_mcp.core.provider import Api, Provider
    from ci_mcp.core.shapes import Place
    from ci_mcp.logs.store import Store
    from ci_mcp.net.api import HttpApi

AT_ONCE = 8  # requests to one service, over all of its hosts


@dataclass(frozen=True, slots=True)
class World:
    """What a process is given to work with.

    Attributes:
        config: the settings.
        env: the environment variables that count.
        given: endpoints and tokens that replace all others, as the demo gives them; ``None`` otherwise.
        home: the place meant where a target names only a provider, by provider; the demo's projects.
        only: the providers wanted; empty means every configured one.
    """

    config: Config
    env: Mapping[str, str]
    given: Mapping[str, tuple[Endpoint, str]] | None = None
    home: "Mapping[str, Place]" = field(default_factory=dict)
    only: Sequence[str] = ()


class Services:
    """The configured services; an ``async with`` block closes every connection at its end."""

    def __init__(
        self, world: World, store: "Store", known: catalog.Catalog | None = None, *, transport: Any = None
    ) -> None:
        """Open nothing yet; ``transport`` carries the requests in tests."""
        self.world = world
        self._transport = transport
        self.store = store
        self.catalog = known or catalog.load()
        self.rest: Callable[[], None] = store.close
        """Ends what was made for this process besides connections; a process that cannot wait for its end calls it."""
        self._open: dict[tuple[str, str], HttpApi] = {}
        self._slots: dict[str, anyio.Semaphore] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Nothing is opened before it is used."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close every connection."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection; the next call opens a new one."""
        self._open.clear()
        await self._stack.aclose()

    def configured(self) -> list[str]:
        """The providers that have a token or a server, by name; no call and no keyring needed."""
        for name in self.world.only:
            self.service(name)
        wanted = self.world.only or self.catalog.services
        return [name for name in wanted if self._is_configured(self.service(name))]

    def _is_configured(self, service: Service) -> bool:
        if self.world.given is not None:
            return service.name in self.world.given
        return configured(service, self.world.config, self.world.env)

    def service(self, name: str) -> Service:
        """The facts of a provider; raises `UsageError` where there is none of that name."""
        service = self.catalog.services.get(name)
        if service is None:
            raise UsageError(f"there is no provider {name}", f"the providers are {', '.join(self.catalog.services)}")
        return service

    def asked_only(self, name: str) -> None:
        """Raise `UsageError` where a provider is left out by choice, however it is configured."""
        only = self.world.only
        if only and name not in only:
            raise UsageError(
                f"{name} is left out here: only {', '.join(only)} may be asked",
                f'"--provider {name}", or "providers" in config.toml, adds it',
            )

    def provider(self, name: str) -> "Provider":
        """The provider's code, imported now if it was not."""
        return catalog.find(name)

    def endpoints(self, name: str) -> tuple[Endpoint, ...]:
        """Where the provider's requests go, the default first; empty where nothing is configured."""
        if self.world.given is not None:
            return (self.world.given[name][0],) if name in self.world.given else ()
        return endpoints(self.service(name), self.world.config, self.world.env, tokens=self._tokens(name))

    def api(self, name: str, host: str = "") -> "Api":
        """The provider's Api at ``host``, or at its default one.

        Raises: `AuthError` where there is no token, `NotFoundError` where the host is not configured.
        """
        places = self.endpoints(name)
        if not places:
            raise self._without_host(self.service(name))
        chosen = next((place for place in places if not host or place.host == host), None)
        if chosen is None:
            known = ", ".join(place.host for place in places)
            raise NotFoundError(
                f"{host} is not a configured {self.service(name).title} host",
                f'configured: {known}; add it with "ci-mcp auth login {name} --host https://{host}"',
            )
        key = (name, chosen.host)
        if key not in self._open:
            self._open[key] = self._connect(name, chosen, tuple(place.host for place in places))
        return self._open[key]

    def _without_host(self, service: Service) -> AuthError:
        from ci_mcp.auth.credentials import missing  # noqa: PLC0415 - the first call needs it, start-up does not

        if self._is_configured(service) and service.host_env:
            variable = service.host_env[0]
            return AuthError(
                f"there is a token for {service.name}, and no host that it is for", f"set {variable} to your own host"
            )
        return missing(service)

    def _connect(self, name: str, endpoint: Endpoint, hosts: tuple[str, ...]) -> "HttpApi":
        from ci_mcp.net.api import HttpApi  # noqa: PLC0415 - httpx is imported by the first call, not at start-up

        service = self.service(name)
        api = HttpApi(
            endpoint,
            partial(self._credential, name, endpoint),
            self.store,
            hosts=hosts,
            sibling=partial(self.api, name),
            slots=self._slots.setdefault(name, anyio.Semaphore(service.at_once or AT_ONCE)),
            settings=self._settings(service),
            trusted=service.credential_hosts,
            transport=self._transport,
            mcp_credential=partial(self._mcp_credential, name, endpoint) if service.mcp_token_env else None,
        )
        self._stack.push_async_callback(api.aclose)
        return api

    def _settings(self, service: Service) -> Mapping[str, Any]:
        pairs = (pair.partition("=") for pair in service.settings_env)
        given = {key: self.world.env.get(variable, "").strip() for key, _, variable in pairs}
        return {**self.world.config.sections.get(service.name, {}), **{k: v for k, v in given.items() if v}}

    def _credential(self, name: str, endpoint: Endpoint) -> "Credential | None":
        from ci_mcp.auth.credentials import Credential, made, missing, resolve  # noqa: PLC0415 - the first call needs it, start-up does not

        service = self.service(name)
        if self.world.given is not None:
            token = self.world.given[name][1]
            return made(service, Credential(token, source="the sandbox")) if token else None
        found = resolve(service, endpoint, self.world.config, self.world.env, tokens=self._tokens(name))
        if found is None and not service.open:
            raise missing(service, endpoint.host)
        return found

    def _mcp_credential(self, name: str, endpoint: Endpoint) -> "Credential | None":
        from ci_mcp.auth.credentials import mcp_token  # noqa: PLC0415 - the first call needs it, start-up does not

        own = mcp_token(self.service(name), endpoint, self.world.config, self.world.env)
        return own or self._credential(name, endpoint)

    def source(self, name: str, host: str) -> str:
        """Where the token for a host comes from, in words; empty where there is none."""
        endpoint = next(place for place in self.endpoints(name) if place.host == host)
        found = self._credential(name, endpoint)
        return found.source if found else ""

    def _tokens(self, name: str) -> Callable[[str], Mapping[str, str]] | None:
        # A provider's code is imported for its command line's file only where there may be such a file.
        return self.provider(name).hooks.tokens if self.service(name).cli_file else None
