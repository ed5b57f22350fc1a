"""What went wrong, as our errors: one table for statuses, one for the exceptions of httpx.

Every text here may be shown: without tokens, control characters and queries, and short.
"""

import contextlib
import html
import json
import re
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from ci_mcp.auth.redact import redact
from ci_mcp.errors import (
    AuthError,
    BadAnswerError,
    CiError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    TimedOutError,
    UnreachableError,
    UsageError,
)
from ci_mcp.logs.text import clean_text

WORDS: Final = 300
"""Most characters of a service's own words in an error."""

_AGAIN: Final = "try again in a minute"
_BY_STATUS: Final[Mapping[int, tuple[type[CiError], str]]] = {
    400: (UsageError, "change what was asked"),
    401: (AuthError, 'the token is not taken: see "ci-mcp auth status"'),
    403: (PermissionDeniedError, "use a token that may do this"),
    404: (NotFoundError, "check the name or id, and whether this token may see it"),
    407: (UnreachableError, "the proxy wants a user and password: give them in HTTPS_PROXY"),
    408: (UnreachableError, _AGAIN),
    409: (UsageError, "it is not in a state that allows this"),
    410: (NotFoundError, "it is gone"),
    422: (UsageError, "change what was asked"),
    429: (RateLimitedError, "wait, and ask for less at once"),
}
_ODD: Final = (BadAnswerError, "is the host right?")

_BY_EXCEPTION: Final[Mapping[type[Exception], tuple[type[CiError], str, str]]] = {
    httpx.ConnectTimeout: (UnreachableError, "no connection to {host} within 5 s", "check the network and the host"),
    httpx.ReadTimeout: (TimedOutError, "{host} did not go on with its answer to {what} for 30 s", _AGAIN),
    httpx.WriteTimeout: (TimedOutError, "{host} did not take {what} for 30 s", _AGAIN),
    httpx.PoolTimeout: (TimedOutError, "too many calls to {host} at once", _AGAIN),
    httpx.TimeoutException: (TimedOutError, "{host} did not answer {what} in time", _AGAIN),
    httpx.ProxyError: (UnreachableError, "the proxy does not let us reach {host}", "check HTTPS_PROXY and NO_PROXY"),
    httpx.ConnectError: (UnreachableError, "no connection to {host}", "check the network and the host"),
    httpx.NetworkError: (UnreachableError, "the connection to {host} broke off in {what}", _AGAIN),
    httpx.UnsupportedProtocol: (
        BadAnswerError,
        "{host} sends us to an address that is not https",
        "is the host right?",
    ),
    httpx.LocalProtocolError: (UsageError, "{what} cannot be sent to {host}", "check the values given and the token"),
    httpx.RemoteProtocolError: (BadAnswerError, "{host} answered {what} with something that is not HTTP", _AGAIN),
    httpx.DecodingError: (BadAnswerError, "the answer of {host} to {what} is damaged", _AGAIN),
    httpx.TooManyRedirects: (BadAnswerError, "{host} sends {what} in circles", "is the host right?"),
    httpx.HTTPError: (BadAnswerError, "{host} did not answer {what} as it should", _AGAIN),
    httpx.InvalidURL: (BadAnswerError, "{host} sends {what} to an address that is none", "is the host right?"),
    httpx.CookieConflict: (BadAnswerError, "the cookies of {host} contradict each other", _AGAIN),
    httpx.StreamError: (BadAnswerError, "the answer of {host} to {what} cannot be read", _AGAIN),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked of whom, as an error may show it.

    Attributes:
        host: who was asked.
        what: method and path, without its query.
        login: the provider to log in to, where no token was sent; empty where one was.
    """

    host: str
    what: str
    login: str = ""


def refusal(asked: Asked, status: int, body: str, *, retry_after: float | None = None) -> CiError:
    """The error for a status that is no success.

    Args:
        asked: what was asked of whom.
        status: the HTTP status.
        body: what the service said, capped by the caller.
        retry_after: how long it wants us to wait, where it told.
    """
    kind, step = _BY_STATUS.get(status, (UnreachableError, _AGAIN) if 500 <= status < 600 else _ODD)  # noqa: PLR2004 - every 5xx
    said = words(body)
    if kind is AuthError and asked.login:
        step = f'no token was sent: run "ci-mcp auth login {asked.login}"'
    message = f"{asked.host} answered {status} to {asked.what}" + (f" ({said})" if said else "")
    shown = redact(body)
    if kind is RateLimitedError:
        if retry_after is not None:
            step = f"wait {max(1, round(retry_after))} s, and ask for less at once"
        return RateLimitedError(message, step, status=status, body=shown, retry_after=retry_after)
    if retry_after is not None:
        step = f"try again in {max(1, round(retry_after))} s"
    return kind(message, step, status=status, body=shown)


def broken(asked: Asked, error: Exception) -> CiError:
    """The error for an exception of httpx."""
    causes = list(_causes(error))
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return _tls(asked, causes)
    if isinstance(error, httpx.ConnectError) and any(isinstance(cause, socket.gaierror) for cause in causes):
        return UnreachableError(f"there is no host {asked.host}", "check its name and the network")
    if isinstance(error, httpx.RemoteProtocolError) and cut_off(error):
        return UnreachableError(f"{asked.host} cut the connection in {asked.what}", _AGAIN)
    for kind in type(error).__mro__:
        if kind in _BY_EXCEPTION:
            made, message, step = _BY_EXCEPTION[kind]
            return made(message.format(host=asked.host, what=asked.what), step)
    return BadAnswerError(f"{asked.host} did not answer {asked.what} as it should", _AGAIN)


def cut_off(error: httpx.RemoteProtocolError) -> bool:
    """Whether the other side went away, as against speaking something that is not HTTP."""
    return any(sign in str(error) for sign in ("disconnected", "closed connection", "without sending", "incomplete"))


def _tls(asked: Asked, causes: list[BaseException]) -> CiError:
    reason = next((c.verify_message for c in causes if isinstance(c, ssl.SSLCertVerificationError)), "")
    if not reason:
        return UnreachableError(
            f"no TLS connection to {asked.host}", "does it speak https at that port, without a proxy in between?"
        )
    return UnreachableError(
        f"the TLS certificate of {asked.host} is not trusted ({plain(reason)[:100]})",
        "add your company's CA to the system's store, or name it in SSL_CERT_FILE",
    )


def _causes(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def words(body: str) -> str:
    """What the service says in an error's body, whatever its shape: one line, safe to show, cut to `WORDS`."""
    text = body[: 64 * 1024].strip().removeprefix("\ufeff")
    if text[:1] in {"{", "[", '"'}:
        with contextlib.suppress(ValueError, RecursionError):
            text = _said(json.loads(text)) or text
    elif text.startswith("<"):
        text = _title(text)
    text = plain(redact(text[:8192]))
    return text if len(text) <= WORDS else f"{text[: WORDS - 1]}…"


def plain(text: str) -> str:
    """The text on one line, without control and invisible characters."""
    return " ".join(" ".join(clean_text(line) for line in text.splitlines()).split())


def _said(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "; ".join(filter(None, (_said(item) for item in value[:5])))
    if not isinstance(value, dict):
        return ""
    # In the order of how much it tells; "errors" adds to a message such as "Validation Failed".
    first = next((said for key in _TELLING if (said := _said(value.get(key)))), "")
    more = _said(value["errors"]) if isinstance(value.get("errors"), list) else ""
    if not first and not more:
        return " ".join(str(value[key]) for key in ("field", "code") if isinstance(value.get(key), str))
    return ": ".join(dict.fromkeys(filter(None, (first, more))))


_TELLING: Final = ("detail", "message", "error_description", "error", "title", "reason", "msg", "description")
_TITLE: Final = re.compile(r"<(title|h1)\b[^>]{0,200}>([^<]{1,1000})", re.IGNORECASE)


def _title(text: str) -> str:
    found = _TITLE.search(text)
    return html.unescape(found[2]).strip() if found else "a web page, not an API's answer"
