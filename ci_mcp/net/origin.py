"""Where a request may go: the service's own origin with the credential, others only where allowed and without it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final
from urllib.parse import urljoin

import httpx

from ci_mcp.auth.endpoints import loopback
from ci_mcp.errors import BadAnswerError, UsageError
from ci_mcp.net.paths import check

_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*")
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port of a service.

    Two addresses with the same origin are the same server, as browsers see it.
    """

    scheme: str
    host: str
    port: int | None

    @classmethod
    def of(cls, url: httpx.URL) -> "Origin":
        """The origin of an address."""
        return cls(url.scheme, url.host.rstrip("."), url.port or _PORTS.get(url.scheme))


@dataclass(frozen=True, slots=True)
class Target:
    """One address to ask.

    Attributes:
        url: without user, password and fragment.
        own: whether it is the service itself, so that the credential may go there.
    """

    url: httpx.URL
    own: bool


class Border:
    """Decides for one service which addresses may be asked."""

    def __init__(self, base_url: str, trusted: Sequence[str] = ()) -> None:
        """Take the service's root, and patterns (``fnmatch``) of further hosts that may have the credential."""
        self._base = base_url
        self._trusted = trusted
        self._origin = Origin.of(httpx.URL(base_url))
        self.local = loopback(self._origin.host)

    def start(self, path: str, *, foreign: bool) -> Target:
        """The address for a path of the service, or for an absolute URL.

        Raises:
            UsageError: the path leaves its place, or the URL is not the service's and ``foreign`` is not set.
        """
        if not path.lower().startswith(("https://", "http://")):
            own = _parsed(self._base + check(path))
            if own is None:
                raise UsageError("a name or id is far too long", "give it as the service writes it")
            return Target(own, own=True)
        url = _parsed(path)
        if url is None or not self._spoken(url):
            raise UsageError("that URL cannot be asked", "it has to begin with https://")
        if Origin.of(url) == self._origin:
            check(url.raw_path.decode("ascii").partition("?")[0])
            return Target(url, own=True)
        if url.scheme == "https" and any(fnmatchcase(url.host, pattern) for pattern in self._trusted):
            return Target(url, own=True)
        if not foreign:
            raise UsageError(f"{url.host} is not the host that is configured", f"use a URL of {self._origin.host}")
        return Target(url, own=False)

    def onward(self, here: Target, location: str, *, foreign: bool) -> Target:
        """The address that a redirect names. Who was sent away once is a stranger: no credential goes back.

        Raises:
            BadAnswerError: it leads where we do not go.
        """
        url = _parsed(urljoin(str(here.url), location))
        if url is None or not self._spoken(url):
            raise BadAnswerError(f"{here.url.host} sends us to an address that is not https", "is the host right?")
        same = Origin.of(url) == self._origin
        if not same and not foreign:
            raise BadAnswerError(
                f"{here.url.host} sends us on to {url.host}, where we do not go", "are the host and the token right?"
            )
        return Target(url, own=here.own and same)

    def _spoken(self, url: httpx.URL) -> bool:
        """https; http only for the service that is configured so, and from this machine to this machine."""
        if url.scheme == "https":
            # A service elsewhere does not get to point us at what runs here.
            return self.local or not loopback(url.host)
        return url.scheme == "http" and (Origin.of(url) == self._origin or (self.local and loopback(url.host)))


def _parsed(text: str) -> httpx.URL | None:
    try:
        url = httpx.URL(text).copy_with(username=None, password=None, fragment=None)
    except (httpx.InvalidURL, ValueError, TypeError):
        return None
    return url if _NAME.fullmatch(url.raw_host.decode("ascii", "replace")) else None
