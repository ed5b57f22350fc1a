"""Which hosts of a service are configured: from the environment, the settings, and the notes of ``auth login``.

Nothing here opens the keyring or the network: it is what start-up may know.
"""

import contextlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from ci_mcp.auth.service import Service
from ci_mcp.config import Config
from ci_mcp.errors import UsageError

Tokens = Callable[[str], Mapping[str, str]]
"""The text of a vendor's own command line's file → host → token (a provider's hook)."""

NOTES: Final = "hosts.json"
CLI_FILE_MAX: Final = 1 << 20

# Inside a GitLab job these are GitLab's own, and no business of another service.
_GITLABS_OWN: Final = frozenset({"CI_SERVER_URL", "CI_AUTH_TOKEN"})
_API_PATH: Final = re.compile(r"(?:/api)?/v\d+(?:\.\d+)?(?:alpha|beta)?\d*/*$|/mcp/*$")
_HOST: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|[0-9a-f:.]*:[0-9a-f:.]*")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One service at one host.

    Attributes:
        provider: the provider's name.
        host: what stands in the service's web URLs, with its port where that is not the usual one.
        base_url: the service's root, without a slash at its end and without user or password.
        mcp_url: the root of the vendor's hosted MCP server that takes the same token; empty where none is known.
    """

    provider: str
    host: str
    base_url: str
    mcp_url: str = ""


@dataclass(frozen=True, slots=True)
class Address:
    """A host or base URL as a person writes it, taken apart.

    Attributes:
        host: host, with its port where that is not the usual one.
        base_url: the service's root.
        userinfo: ``user:password`` of the URL, decoded; empty where it has none.
    """

    host: str
    base_url: str
    userinfo: str = field(default="", repr=False)


def loopback(host: str) -> bool:
    """Whether a host (without port) is this machine."""
    host = host.lower().strip("[]")
    if host in {"localhost", "::1"} or host.endswith(".localhost"):
        return True
    parts = host.split(".")
    return len(parts) == 4 and parts[0] == "127" and all(part.isdecimal() and len(part) < 4 for part in parts)  # noqa: PLR2004 - an IPv4 address


def address(value: str, allow_http: tuple[str, ...] = ()) -> Address:
    """Take a host or base URL apart; one that ends in its API's path is understood.

    Without a scheme it is https, and http for this machine.

    Raises:
        UsageError: it is no host and no URL, or http to a host that is not allowed to.
    """
    text = value.strip()
    try:
        url = urlsplit(text if "://" in text else f"//{text}")
        host, port = (url.hostname or "").rstrip("."), url.port
    except ValueError:
        host, port, url = "", None, urlsplit("")
    if not _HOST.fullmatch(host) or not text.isprintable() or " " in text or "\\" in text:
        shown = text.rpartition("@")[2][:80] if text.isprintable() else "that"
        raise UsageError(f"{shown!r} is not a host or URL", "write it as ci.example.com or https://ci.example.com")
    scheme = url.scheme or ("http" if loopback(host) else "https")
    usual = {"http": 80, "https": 443}.get(scheme)
    if usual is None:
        raise UsageError(f"{scheme}:// is not a web address", "use https://")
    bare = f"[{host}]" if ":" in host else host
    netloc = bare if port in (None, usual) else f"{bare}:{port}"
    if scheme == "http" and not loopback(host) and not {host, netloc, bare} & {name.lower() for name in allow_http}:
        raise UsageError(
            f"http://{netloc} would send the token in clear text",
            f'use https, or put allow_http = ["{netloc}"] above the first section of config.toml',
        )
    path = _API_PATH.sub("", url.path.rstrip("/")).rstrip("/")
    userinfo = unquote(url.netloc.rpartition("@")[0])
    return Address(netloc, f"{scheme}://{netloc}{path}", userinfo)


def service_address(service: Service, value: str, allow_http: tuple[str, ...] = ()) -> Address:
    """As `address` does; the host of the vendor's own web pages is taken for that of its API.

    Raises:
        UsageError: it is no host and no URL, or http to a host that is not allowed to.
    """
    found = address(value, allow_http)
    vendors = found.host != service.default_host == service.behind(found.host)
    return address(service.default_host) if vendors else found


def variable(names: tuple[str, ...], env: Mapping[str, str]) -> tuple[str, str]:
    """The first of these environment variables that is set: its name and value, both empty where none is."""
    for name in names:
        value = env.get(name, "").strip()
        if value and not (name in _GITLABS_OWN and env.get("GITLAB_CI")):
            return name, value
    return "", ""


def user(service: Service, env: Mapping[str, str]) -> tuple[str, str]:
    """The environment's user and password: the variables' names in words, ``user:password``; both empty without."""
    (user_name, who), (password_name, password) = variable(service.user_env, env), variable(service.password_env, env)
    return (f"{user_name} and {password_name}", f"{who}:{password}") if who and password else ("", "")


def environment_address(service: Service, config: Config, env: Mapping[str, str]) -> Address | None:
    """The host that the environment names, ``None`` where it names none."""
    name, value = variable(service.host_env, env)
    return _named(service, value, config, name) if value else None


def endpoints(
    service: Service, config: Config, env: Mapping[str, str], tokens: Tokens | None = None
) -> tuple[Endpoint, ...]:
    """Every configured host of a service, the default one first; empty where none is known.

    Args:
        service: whose hosts.
        config: the settings; its data folder has the notes.
        env: the environment.
        tokens: reads the vendor's own command line's file; without it that file is not opened.

    Raises:
        UsageError: a host is written wrongly.
    """
    found: dict[str, Endpoint] = {}
    for address_ in _addresses(service, config, env, tokens):
        mcp_url = _mcp_url(service, address_, config, env)
        found.setdefault(address_.host, Endpoint(service.name, address_.host, address_.base_url, mcp_url))
    return tuple(found.values())


def _mcp_url(service: Service, place: Address, config: Config, env: Mapping[str, str]) -> str:
    name, value = variable(service.mcp_env, env)
    if value:
        return _named(service, value, config, name).base_url
    if variable(service.mcp_token_env, env)[1]:
        return place.base_url
    # A token goes nowhere that its person did not name, but to the vendor itself.
    return service.mcp_url if any(fnmatch(place.host, pattern) for pattern in service.web_hosts) else ""


def _addresses(service: Service, config: Config, env: Mapping[str, str], tokens: Tokens | None) -> Iterator[Address]:
    named = False
    if (from_env := environment_address(service, config, env)) is not None:
        named = True
        yield from_env
    for value in config.hosts(service.name, service.hosts_setting):
        named = True
        yield _named(service, value, config, f"{service.name}.{service.hosts_setting} in config.toml")
    # A token of the environment without a host is for the vendor's own.
    if service.default_host and not named and variable(service.token_env, env)[1]:
        named = True
        yield address(service.default_host)
    for value in read_notes(config).get(service.name, ()):
        named = True
        yield _named(service, value, config, NOTES)
    for value in cli_tokens(service, env, tokens):
        with contextlib.suppress(UsageError):  # another program's file: what we cannot use is not ours to mend
            yield address(value, config.allow_http)
            named = True
    if service.default_host and not named:
        yield address(service.default_host)


def _named(service: Service, value: str, config: Config, where: str) -> Address:
    try:
        return service_address(service, value, config.allow_http)
    except UsageError as error:
        raise UsageError(f"{where}: {error.message}", error.next_step) from error


def configured(service: Service, config: Config, env: Mapping[str, str]) -> bool:
    """Whether a service has a token, or a URL where it may be open; reads no keyring and no network."""
    if variable(service.token_env, env)[1] or user(service, env)[1] or service.name in read_notes(config):
        return True
    if service.cli_file and cli_path(service, env).is_file():
        return True
    _, value = variable(service.host_env, env)
    if service.open:
        return bool(value or config.hosts(service.name, service.hosts_setting))
    return "@" in value


def cli_path(service: Service, env: Mapping[str, str]) -> Path:
    """Where the vendor's own command line keeps its tokens."""
    if named := variable(service.cli_env, env)[1]:
        return Path(named).expanduser()
    home = env.get("HOME") or env.get("USERPROFILE")
    if home and service.cli_file.startswith("~/"):
        return Path(home) / service.cli_file[2:]
    return Path(service.cli_file).expanduser()


def cli_tokens(service: Service, env: Mapping[str, str], tokens: Tokens | None) -> Mapping[str, str]:
    """Host → token, as the vendor's own command line has them; empty where there is nothing to be read."""
    if tokens is None or not service.cli_file:
        return {}
    try:
        with cli_path(service, env).open("rb") as file:
            text = file.read(CLI_FILE_MAX).decode("utf-8", "replace")
        return dict(tokens(text))
    except Exception:  # noqa: BLE001 - another program's file in whatever state it is
        return {}


def read_notes(config: Config) -> Mapping[str, tuple[str, ...]]:
    """Provider → the hosts (or base URLs) that ``auth login`` noted, in the order of logging in."""
    try:
        notes = json.loads((config.data_dir / NOTES).read_bytes())
    except (OSError, ValueError):
        return {}
    found: dict[str, tuple[str, ...]] = {}
    for note in notes if isinstance(notes, list) else ():
        match note:
            case {"provider": str(provider), "host": str(host)}:
                found[provider] = (*found.get(provider, ()), host)
            case _:
                pass
    return found


def add_note(config: Config, endpoint: Endpoint) -> None:
    """Note that this host has a token in the keyring (never the token), or is used without one.

    Raises:
        UsageError: the data folder cannot be written.
    """
    notes = dict(read_notes(config))
    noted = notes.get(endpoint.provider, ())
    if (value := _note_of(endpoint)) not in noted:
        _write_notes(config, notes | {endpoint.provider: (*noted, value)})


def remove_note(config: Config, endpoint: Endpoint) -> bool:
    """Forget that this host has a token, or asks for none; false where that was not noted.

    Raises:
        UsageError: the data folder cannot be written.
    """
    notes = dict(read_notes(config))
    if (value := _note_of(endpoint)) not in notes.get(endpoint.provider, ()):
        return False
    _write_notes(config, notes | {endpoint.provider: tuple(v for v in notes[endpoint.provider] if v != value)})
    return True


def _note_of(endpoint: Endpoint) -> str:
    return endpoint.host if endpoint.base_url == f"https://{endpoint.host}" else endpoint.base_url


def _write_notes(config: Config, notes: Mapping[str, tuple[str, ...]]) -> None:
    rows = [{"provider": provider, "host": host} for provider, hosts in notes.items() for host in hosts]
    path = config.data_dir / NOTES
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{NOTES}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(rows, file, indent=1)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}", "make that folder writable") from error
