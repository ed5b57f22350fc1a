"""What ``ci-mcp doctor`` finds out: each configured service asked, and the machine looked at."""

import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ci_mcp.errors import CiError, RateLimitedError, TimedOutError

if TYPE_CHECKING:
    from ci_mcp.agents.base import Machine
    from ci_mcp.core.provider import Api
    from ci_mcp.core.services import Services
    from ci_mcp.core.shapes import Identity
    from ci_mcp.logs.store import Info
    from ci_mcp.net.heard import Heard

PATIENCE: Final = 15.0
"""Seconds for one host, its retries and a keyring that hangs included."""
SKEW: Final = 60.0
"""Seconds that a clock may be off before it is worth a word."""
SOON: Final = 14
"""Days before its end from which on a token's end is worth a word."""

_PROXIES: Final = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")
# Other programs find a company's certificates there; we do not look at them.
_OTHERS: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO", "AWS_CA_BUNDLE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One provider at one host.

    Attributes:
        provider: its name.
        host: which of its hosts; empty where none is known.
        ok: whether it works; a service that wants fewer requests does.
        source: where the token comes from; empty where there is none.
        name: whose it is.
        scopes: what it may do; ``None`` where the service does not tell.
        excluded: scope that it lacks → the tools that need it.
        audience: what the token is for, where it says so.
        expires: when it ends, where that is known.
        seconds: how long the service took to answer.
        remaining: requests left.
        skew: the service's clock minus ours, in seconds.
        proxy: the variable and address of the proxy that stands between, as far as the environment tells.
        note: what its person should know.
        warnings: what is odd and still works.
        kind: the kind of error, as in `ci_mcp.errors`; empty where there is none.
        problem: what does not work.
        next: what to do about it.
    """

    provider: str
    host: str = ""
    ok: bool = False
    source: str = ""
    name: str = ""
    scopes: Sequence[str] | None = None
    excluded: Mapping[str, Sequence[str]] = field(default_factory=dict)
    audience: str = ""
    expires: datetime | None = None
    seconds: float | None = None
    remaining: int | None = None
    skew: float | None = None
    proxy: str = ""
    note: str = ""
    warnings: Sequence[str] = ()
    kind: str = ""
    problem: str = ""
    next: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing about this machine: what, how it was found, and where it is amiss the problem and what to do.

    ``numbers`` are for programs.
    """

    what: str
    found: str
    problem: str = ""
    next: str = ""
    numbers: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Report:
    """All that was found out."""

    services: Sequence[Checked]
    machine: Sequence[Fact]

    @property
    def ok(self) -> bool:
        """Whether something is configured, and all of it works."""
        return bool(self.services) and all(one.ok for one in self.services)

    def as_json(self) -> dict[str, Any]:
        """The same for programs; every key is always there."""
        from ci_mcp.core.answer import plain

        return {
            "ok": self.ok,
            "providers": [{key: plain(value) for key, value in asdict(one).items()} for one in self.services],
            "machine": [
                {"what": one.what, "found": one.found, "problem": one.problem, "next": one.next, **one.numbers}
                for one in self.machine
            ],
        }


async def check_services(services: "Services", *, patience: float = PATIENCE) -> list[Checked]:
    """Ask every configured provider at each of its hosts who we are, all side by side.

    Args:
        services: the configured ones.
        patience: seconds for each.
    """
    from ci_mcp.core.together import together

    calls = []
    for name in services.configured():
        try:
            hosts = [endpoint.host for endpoint in services.endpoints(name)]
        except CiError:  # a host is written wrongly: the call below says so for this provider alone
            hosts = []
        calls += [partial(_check, services, name, host, patience) for host in hosts or [""]]
    return await together(calls)


async def _check(services: "Services", name: str, host: str, patience: float) -> Checked:
    import anyio
    import anyio.to_thread

    source, api = "", None
    try:
        with anyio.fail_after(patience):
            api = services.api(name, host)
            source = await anyio.to_thread.run_sync(services.source, name, host, abandon_on_cancel=True)
            hook = services.provider(name).hooks.identity
            found = await hook(api) if hook else None
    except TimeoutError:
        error: CiError = TimedOutError(f"no answer within {patience:g} s", "check the network and the host")
    except CiError as problem:
        error = problem
    else:
        return _works(services, name, api, source, found)
    step = "check the network and the host" if isinstance(error, TimedOutError) else error.next_step
    return Checked(
        provider=name,
        host=host,
        ok=isinstance(error, RateLimitedError),
        source=source,
        proxy=proxy_to(host, services.world.env),
        **told_by(api.heard if api else None),
        kind=error.kind,
        problem=error.message,
        next=step,
    )


def _works(services: "Services", name: str, api: "Api", source: str, found: "Identity | None") -> Checked:
    from ci_mcp.core.provider import excluded

    heard = told_by(api.heard) | {"proxy": proxy_to(api.host, services.world.env)}
    if found is None:
        return Checked(provider=name, host=api.host, ok=True, source=source, **heard, name="not checked: no call tells")
    if found.remaining is not None:
        heard["remaining"] = found.remaining
    missing = excluded(services.provider(name).hooks.needs, found.scopes)
    return Checked(
        provider=name,
        host=api.host,
        ok=True,
        source=source,
        name=found.name,
        scopes=found.scopes,
        excluded={scope: [f"{name}_{tool}" for tool in tools] for scope, tools in missing.items()},
        audience=found.audience,
        expires=found.expires,
        note=found.note,
        **heard | {"warnings": (*heard.get("warnings", ()), *ending(found.expires, datetime.now(UTC)))},
    )


def told_by(heard: "Heard | None") -> dict[str, Any]:
    """What the service's answer told beside its body, as fields of `Checked`."""
    if heard is None:
        return {}
    skew = heard.skew or 0.0
    behind = "behind" if skew > 0 else "ahead of"
    warning = f"this machine's clock is {abs(skew):.0f} s {behind} the service's: set it"
    return {
        "seconds": heard.seconds,
        "remaining": heard.remaining,
        "skew": heard.skew,
        "warnings": (warning,) if abs(skew) > SKEW else (),
    }


def ending(expires: datetime | None, now: datetime) -> tuple[str, ...]:
    """A warning where a token ends soon, or has ended."""
    days = (expires - now).days if expires is not None else SOON
    if days >= SOON:
        return ()
    return (f"the token ends in {days} days: make a new one" if days >= 0 else "the token has ended: make a new one",)


async def check_machine(services: "Services") -> list[Fact]:
    """Look at what the services are reached with, and by whom: keyring, proxies, certificates, cache, agents.

    In the demo nothing of the person's own is looked at.
    """
    import anyio.to_thread

    env = services.world.env
    facts = [_program(), *_proxies(env), *_certificates(env), cache_fact(services.store.info())]
    if services.world.given is not None:
        return facts
    from ci_mcp.agents.base import Machine
    from ci_mcp.triage import checkout

    keyring = await anyio.to_thread.run_sync(_keyring)
    here = await checkout.read()
    roots = [None, Path(here.root)] if here else [None]
    return [*facts, keyring, *(fact for root in roots for fact in agent_facts(Machine.here(), root))]


def _program() -> Fact:
    from ci_mcp import __version__

    python = ".".join(map(str, sys.version_info[:3]))
    numbers = {"version": __version__, "python": python, "program": sys.argv[0]}
    return Fact("ci-mcp", f"{__version__}, Python {python}, {sys.platform}", numbers=numbers)


def _keyring() -> Fact:
    from ci_mcp.auth.credentials import keyring_state

    state = keyring_state()
    return Fact("keyring", state.backend or "none", state.problem, state.next_step)


def agent_facts(machine: "Machine", root: Path | None) -> Iterable[Fact]:
    """The coding agents that start us, and whether what they start is there.

    Args:
        machine: where.
        root: the checkout whose configuration is looked at; ``None`` for the user's own.
    """
    from ci_mcp.agents.base import agents
    from ci_mcp.agents.plan import configured

    for agent in agents().values():
        words = configured(agent, machine, root)
        if not words:
            continue
        there = machine.which(words[0]) is not None
        scope = "project" if root else "user"
        again = f'run "ci-mcp setup --agent {agent.name} --scope {scope}" again'
        yield Fact(
            "agent",
            f"{agent.title} starts {' '.join(words)} ({agent.file(machine, root)})",
            "" if there else f"{words[0]} is not there",
            "" if there else again,
            {"agent": agent.name, "scope": scope, "command": words, "there": there},
        )


def _proxies(env: Mapping[str, str]) -> Iterable[Fact]:
    for name in _PROXIES:
        used = next((one for one in (name.lower(), name) if env.get(one)), "")
        if used:
            yield Fact("proxy", f"{used}={without_userinfo(env[used])}", numbers={"variable": used})


def proxy_to(host: str, env: Mapping[str, str]) -> str:
    """The proxy that calls to a host take, as ``VARIABLE=address``; empty for none and for this machine."""
    from ci_mcp.auth.endpoints import loopback

    bare = host.rpartition(":")[0] or host
    names = [name.strip() for name in (env.get("no_proxy") or env.get("NO_PROXY") or "").split(",")]
    exempt = [name.lstrip(".*") for name in names]
    if not bare or loopback(bare) or "*" in names:
        return ""
    if any(name and (bare == name or bare.endswith(f".{name}")) for name in exempt):
        return ""
    known = (one for name in ("HTTPS_PROXY", "ALL_PROXY") for one in (name.lower(), name))
    return next((f"{name}={without_userinfo(env[name])}" for name in known if env.get(name)), "")


def without_userinfo(address: str) -> str:
    """A proxy's address without its user and password."""
    before, sign, rest = address.rpartition("@")
    scheme, slashes, _ = before.rpartition("://")
    return f"{scheme}{slashes}{rest}" if sign else address


def _certificates(env: Mapping[str, str]) -> Iterable[Fact]:
    file, folder = env.get("SSL_CERT_FILE", ""), env.get("SSL_CERT_DIR", "")
    if file:
        problem = "" if Path(file).is_file() else "SSL_CERT_FILE names no file"
        yield Fact("certificates", f"SSL_CERT_FILE={file}", problem, problem and "correct or unset it")
    if folder:
        problem = "" if Path(folder).is_dir() else "SSL_CERT_DIR names no folder"
        yield Fact("certificates", f"SSL_CERT_DIR={folder}", problem, problem and "correct or unset it")
    if not file and not folder:
        yield Fact("certificates", "the system's store")
    for name in _OTHERS:
        if not file and env.get(name):
            step = "if a certificate is not trusted, name the same file in SSL_CERT_FILE"
            yield Fact("certificates", f"{name}={env[name]} is not read: {step}")


def cache_fact(held: "Info") -> Fact:
    """The cache: where it is, how much it holds, and whether it can be written."""
    problem = _unwritable(held.folder)
    numbers = {"folder": str(held.folder), "logs": held.files, "bytes": held.bytes, "writable": not problem}
    found = f"{held.folder}: {held.files} logs, {held.bytes / 1e6:.1f} MB"
    step = problem and "make the folder writable, or move it with CI_MCP_HOME; logs are fetched anew until then"
    return Fact("cache", found, problem, step, numbers)


def _unwritable(folder: Path) -> str:
    """Why a folder, or the first one above it that is there, cannot be written; empty where it can."""
    there = next((one for one in (folder, *folder.parents) if one.exists()), folder)
    try:
        with tempfile.TemporaryFile(dir=there):
            return ""
    except OSError as error:
        return f"{there} cannot be written ({error.strerror})"
