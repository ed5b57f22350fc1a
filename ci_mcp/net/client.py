"""The HTTP client of one service: its timeouts, its certificates, its proxies, no cookies."""

import logging
import os
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final

import httpx

from ci_mcp import __version__
from ci_mcp.errors import UnreachableError
from ci_mcp.net import body, tls

CONNECT: Final = 5.0
READ: Final = 30.0

_HERE: Final = ("localhost", "*.localhost", "127.0.0.1", "[::1]")

# Both write whole addresses, signatures in them included, as soon as somebody listens.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


def make_client(*, local: bool, connections: int, transport: httpx.AsyncBaseTransport | None) -> httpx.AsyncClient:
    """A client that keeps its connections and nothing else.

    Args:
        local: the service runs on this machine, so no proxy is asked.
        connections: most at once.
        transport: stands in for the network, in tests.

    Raises:
        UnreachableError: the proxies or certificates that the environment names cannot be used.
    """
    try:
        return httpx.AsyncClient(
            verify=tls.context(os.environ),
            timeout=httpx.Timeout(READ, connect=CONNECT),
            limits=httpx.Limits(max_connections=connections, keepalive_expiry=15.0),
            headers={
                "User-Agent": f"ci-mcp/{__version__}",
                "Accept": "application/json, */*;q=0.5",
                "Accept-Encoding": body.ACCEPTED,
            },
            # A jar that takes nothing: no session of one call follows us into the next.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            follow_redirects=False,
            trust_env=not local,
            mounts={f"all://{name}": None for name in _HERE},
            transport=transport,
        )
    except (ValueError, ImportError, httpx.InvalidURL) as error:
        raise UnreachableError(
            "the proxy that the environment names cannot be used",
            "correct HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY (a SOCKS proxy is not supported)",
        ) from error
