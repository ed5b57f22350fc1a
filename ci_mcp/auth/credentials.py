"""The token for one host, and where it came from.

Order: given explicitly → environment → keyring → the vendor's own command line's file.
An environment token belongs to one host (`home`); every other host has its token in the keyring.
"""

import base64
import contextlib
import logging
import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar, cast

from ci_mcp.auth.endpoints import (
    Endpoint,
    Tokens,
    address,
    cli_tokens,
    endpoints,
    environment_address,
    user,
    variable,
)
from ci_mcp.auth.redact import register
from ci_mcp.auth.service import Service
from ci_mcp.config import Config
from ci_mcp.errors import AuthError, UsageError

T = TypeVar("T")

KEYRING_SERVICE: Final = "ci-mcp"
NO_KEYRING: Final = "this machine has no keyring"
KEYRING_SECONDS: Final = 5.0
"""How long a keyring may think (it may be asking a person) before it counts as absent."""

_log = logging.getLogger(__name__)
_hung: Final[
    list[threading.Thread]
] = []  # the call that the keyring has not answered; while it is there, no other waits


@dataclass(frozen=True, slots=True)
class Credential:
    """What proves who we are to one host.

    Attributes:
        token: the token, or ``user:password`` where the scheme is Basic.
        source: where it came from, in words.
        scheme: ``Bearer`` or ``Basic``.
    """

    token: str = field(repr=False)
    source: str
    scheme: str = "Bearer"


def header(credential: Credential) -> str:
    """The value of the ``Authorization`` header."""
    if credential.scheme == "Basic":
        return f"Basic {base64.b64encode(credential.token.encode()).decode()}"
    return f"{credential.scheme} {credential.token}"


def made(service: Service, credential: Credential) -> Credential:
    """The credential with the scheme that its service takes: Basic for ``user:password`` where it knows that.

    It is known to `ci_mcp.auth.redact` from then on.

    Raises:
        AuthError: it cannot be sent: it holds a space, a line break or an odd character.
    """
    token = credential.token
    if service.basic and ":" in token:
        credential = replace(credential, scheme="Basic")
    if credential.scheme != "Basic" and not (token.isascii() and token.isprintable() and " " not in token):
        raise AuthError(
            f"the {service.name} token ({credential.source}) holds a space, a line break or an odd character",
            "copy it again, alone",
        )
    register(token)
    if credential.scheme == "Basic":
        register(token.partition(":")[2])
        register(header(credential).partition(" ")[2])
    return credential


def resolve(  # noqa: PLR0913 - one argument a place where a token may be
    service: Service,
    endpoint: Endpoint,
    config: Config,
    env: Mapping[str, str],
    tokens: Tokens | None = None,
    *,
    explicit: str = "",
) -> Credential | None:
    """Find the token for one host; it is known to `ci_mcp.auth.redact` from then on.

    Blocks for up to 5 s where the keyring does: call it in a thread.

    Args:
        service: whose token.
        endpoint: the host it is for.
        config: the settings.
        env: the environment.
        tokens: reads the vendor's own command line's file.
        explicit: a token that was given for this very call.

    Returns:
        ``None`` where there is none; see `missing` for what to say then.

    Raises:
        AuthError: there is one, and it cannot be sent: it holds a space, a line break or an odd character.
    """
    found = (
        (Credential(explicit.strip(), "given") if explicit else None)
        or _from_environment(service, endpoint, config, env)
        or _from_keyring(endpoint)
        or _from_cli(service, endpoint, config, env, tokens)
    )
    return made(service, found) if found else None


def mcp_token(service: Service, endpoint: Endpoint, config: Config, env: Mapping[str, str]) -> Credential | None:
    """The token that is for a service's MCP server alone; ``None`` where the environment has none for this host.

    Raises:
        AuthError: there is one, and it cannot be sent.
    """
    name, token = variable(service.mcp_token_env, env)
    if not token or home(service, config, env) != endpoint.host:
        return None
    return made(service, Credential(token, f"environment variable {name}"))


def home(service: Service, config: Config, env: Mapping[str, str]) -> str:
    """The host that a token of the environment belongs to: the environment's, else the vendor's own, else the only one.

    Empty where several hosts are configured and nothing says which of them is meant.
    """
    if (named := environment_address(service, config, env)) is not None:
        return named.host
    hosts = [endpoint.host for endpoint in endpoints(service, config, env)]
    if service.default_host in hosts:
        return service.default_host
    return hosts[0] if len(hosts) == 1 else ""


def _from_environment(
    service: Service, endpoint: Endpoint, config: Config, env: Mapping[str, str]
) -> Credential | None:
    name, token = variable(service.token_env, env)
    named = environment_address(service, config, env)
    if token and home(service, config, env) == endpoint.host:
        return Credential(token, f"environment variable {name}")
    names, pair = user(service, env)
    if pair and home(service, config, env) == endpoint.host:
        return Credential(pair, f"environment variables {names}", "Basic")
    if named is not None and named.userinfo and named.host == endpoint.host:
        return Credential(named.userinfo, f"environment variable {variable(service.host_env, env)[0]}", "Basic")
    return None


def _from_keyring(endpoint: Endpoint) -> Credential | None:
    def read() -> str | None:
        import keyring

        return keyring.get_password(KEYRING_SERVICE, _user(endpoint))

    try:
        token = _bounded(read)
    except TimeoutError:
        _log.warning("the keyring does not answer: unlock it, or set the token in the environment")
        return None
    except Exception as error:  # noqa: BLE001 - backends raise whatever they like; none at all is an error too
        _log.debug("keyring: %s", type(error).__name__)
        return None
    return Credential(token.strip(), "keyring") if token and token.strip() else None


def _from_cli(
    service: Service, endpoint: Endpoint, config: Config, env: Mapping[str, str], tokens: Tokens | None
) -> Credential | None:
    for host, token in cli_tokens(service, env, tokens).items():
        with contextlib.suppress(UsageError):  # a host that we cannot read is not the one we look for
            if token.strip() and address(host, config.allow_http).host == endpoint.host:
                return Credential(token.strip(), service.cli_file)
    return None


def variables(service: Service, host: str = "") -> str:
    """The environment variables to set for a host, in words, such as ``X_TOKEN and X_HOST=ci.example.com``."""
    names = [*service.login_env]
    host = host or service.default_host
    if names and service.host_env and host != (service.default_host or None):
        names.append(service.host_env[0] + (f"={host}" if host else ""))
    return " and ".join(names)


def missing(service: Service, host: str = "") -> AuthError:
    """The error for a service without a token: how to log in, which variable to set, where tokens are made.

    A service that may be open needs none: of it the server is missing.

    Args:
        service: whose token is missing.
        host: where; empty for the vendor's own.
    """
    other = host not in {"", service.default_host}
    host = host or service.default_host
    place = f" --host {host or 'HOST'}" if other or not host else ""
    login = f'run "ci-mcp auth login {service.name}{place}"'
    if service.open and not host:
        return AuthError(
            f"no server for {service.name}", f"set {service.host_env[0]}; where it asks who you are, {login}"
        )
    steps = login
    if names := variables(service, host):
        steps += f", or set {names}"
    if service.token_page and (host or "{host}" not in service.token_page):
        steps += f"; a token is made at {service.token_page.replace('{host}', host)}"
    return AuthError(f"no token for {service.name}" + (f" at {host}" if other else ""), steps)


def store(endpoint: Endpoint, token: str) -> None:
    """Keep a token in the keyring, and read it back before believing it.

    Raises:
        AuthError: there is no keyring, it does not answer, or it did not keep the token.
    """

    def write() -> str | None:
        import keyring

        keyring.set_password(KEYRING_SERVICE, _user(endpoint), token)
        return keyring.get_password(KEYRING_SERVICE, _user(endpoint))

    register(token)
    try:
        kept = _bounded(write)
    except Exception as error:
        raise AuthError(*_trouble(error)) from error
    if kept != token:
        raise AuthError("the keyring took the token and did not keep it", _INSTEAD)


def forget(endpoint: Endpoint) -> bool:
    """Take a token out of the keyring; false where there was none.

    Raises:
        AuthError: the keyring does not answer, or the token is still there.
    """

    def delete() -> tuple[bool, bool]:
        import keyring

        if keyring.get_password(KEYRING_SERVICE, _user(endpoint)) is None:
            return False, True
        keyring.delete_password(KEYRING_SERVICE, _user(endpoint))
        return True, keyring.get_password(KEYRING_SERVICE, _user(endpoint)) is None

    try:
        was, gone = _bounded(delete)
    except Exception as error:
        message, _ = _trouble(error)
        if message == NO_KEYRING:
            return False
        raise AuthError(message, "unlock it and try again, or remove the token there by hand") from error
    if not gone:
        raise AuthError("the keyring still has the token", "remove it there by hand")
    return was


@dataclass(frozen=True, slots=True)
class KeyringState:
    """The keyring as it answers now.

    Attributes:
        backend: its name; empty where it cannot be told.
        problem: why it is of no use; empty where it works.
        next_step: what to do then.
    """

    backend: str
    problem: str = ""
    next_step: str = ""


def keyring_state() -> KeyringState:
    """Ask the keyring for something that it does not have; blocks for up to 5 s."""

    def look() -> tuple[str, str]:
        import keyring

        backend = keyring.get_keyring()
        kind = type(backend).__module__.removeprefix("keyring.backends.")
        if kind in {"null", "fail"}:  # one that keeps nothing, and the stand-in for none
            return "", NO_KEYRING
        keyring.get_password(KEYRING_SERVICE, "doctor")
        return str(getattr(backend, "name", kind)), ""

    try:
        backend, problem = _bounded(look)
    except Exception as error:  # noqa: BLE001 - backends raise whatever they like
        return KeyringState("", *_trouble(error))
    return KeyringState(backend, problem, problem and _INSTEAD)


_INSTEAD: Final = "set the token in the environment instead"


def _trouble(error: Exception) -> tuple[str, str]:
    """What is wrong with the keyring, and what to do."""
    kind = type(error).__name__
    if isinstance(error, TimeoutError):
        return "the keyring does not answer", f"unlock it, or {_INSTEAD}"
    if kind == "KeyringLocked":
        return "the keyring is locked", f"unlock it, or {_INSTEAD}"
    if kind == "NoKeyringError":
        return NO_KEYRING, _INSTEAD
    return f"the keyring does not work ({kind})", _INSTEAD


def _user(endpoint: Endpoint) -> str:
    return f"{endpoint.provider}@{endpoint.host}"


def _bounded(call: Callable[[], T]) -> T:
    """Run a call that may hang (a keyring asks a person) in a thread that is left behind if it does."""
    if any(one.is_alive() for one in _hung):
        raise TimeoutError  # it hangs still: each host would wait as long as the first, for nothing
    answers: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            answers.put((call(), None))
        except BaseException as error:  # noqa: BLE001 - handed to the caller, who raises it
            answers.put((None, error))

    thread = threading.Thread(target=run, name="keyring", daemon=True)
    thread.start()
    try:
        answer, error = answers.get(timeout=KEYRING_SECONDS)
    except queue.Empty:
        _hung[:] = [thread]
        raise TimeoutError from None
    if error is not None:
        raise error
    return cast("T", answer)
