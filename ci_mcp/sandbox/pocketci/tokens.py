"""Who may come in: the server's three ways to ask, and the tokens of the third."""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any, Final

from ci_mcp.sandbox.faults import survives

OPEN: Final = "open"
BASIC: Final = "basic"
OAUTH: Final = "oauth"
USER: Final = "admin"
PASSWORD: Final = "demo-pocketci-password"  # noqa: S105 - made up
EMAIL: Final = "dev@example.com"
SCOPE: Final = "ci:read"
LIFETIME: Final = 30 * 86_400
ANY: Final = "any"  # of the tokens that fail once and are good on both sides afterwards
_SECRET: Final = b"demo-pocketci-session-secret-of-the-sandbox"


@dataclass(frozen=True, slots=True)
class Claims:
    """What a good token says: for which side of the server it is, and what it may do there."""

    audience: str
    scopes: tuple[str, ...]
    email: str = EMAIL


def make_token(audience: str, now: float, *, lifetime: float = LIFETIME, scopes: tuple[str, ...] = ()) -> str:
    """A token as the server signs it.

    Args:
        audience: ``api`` or ``mcp``; empty for one as older servers gave them.
        now: the moment, in seconds since 1970.
        lifetime: how many seconds it is good for; negative for one that has expired.
        scopes: what it may do; the MCP side wants ``ci:read``.
    """
    claims: dict[str, Any] = {"iss": "pocketci", "sub": "1"}
    claims |= {"aud": [audience]} if audience else {}
    claims |= {"exp": int(now + lifetime), "iat": int(now)}
    claims |= {"email": EMAIL, "name": "Dev", "nick_name": "dev", "provider": "github"}
    claims |= {"scopes": list(scopes)} if scopes else {}
    parts = [_encoded(json.dumps(one).encode()) for one in ({"alg": "HS256", "typ": "JWT"}, claims)]
    signed = ".".join(parts)
    return f"{signed}.{_signature(signed)}"


def claims_of(token: str, now: float) -> Claims | None:
    """What a token says; None for one that is not good, or no longer."""
    if survives(token):
        return Claims(ANY, (SCOPE,))
    signed, _, signature = token.rpartition(".")
    try:
        header, body = (json.loads(_decoded(part)) for part in signed.split("."))
    except ValueError:
        return None
    if header.get("alg") != "HS256" or not hmac.compare_digest(signature, _signature(signed)) or body["exp"] <= now:
        return None
    return Claims("".join(body.get("aud", [])), tuple(body.get("scopes", ())), body["email"])


def _signature(signed: str) -> str:
    return _encoded(hmac.digest(_SECRET, signed.encode(), hashlib.sha256))


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
