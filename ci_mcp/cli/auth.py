"""``ci-mcp auth``: tokens into the keyring and out of it, and where each configured one comes from."""

import os
import sys
from typing import TYPE_CHECKING

import click

from ci_mcp.cli.complete import hosts, provider_argument
from ci_mcp.cli.context import Options, log_to_stderr, run_async
from ci_mcp.cli.output import FORMATS, show
from ci_mcp.errors import AuthError, UnsupportedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ci_mcp.auth.endpoints import Endpoint
    from ci_mcp.auth.service import Service
    from ci_mcp.cli.checks import Checked
    from ci_mcp.config import Config
    from ci_mcp.core.provider import Login
    from ci_mcp.core.services import Services

_host = click.option("--host", shell_complete=hosts, help="Host or URL, where it is not the vendor's own.")


@click.group(epilog="\b\nExample:\n  ci-mcp auth login semaphore --host acme.semaphoreci.com")
def auth() -> None:
    """Log in, log out, and see where each token comes from."""


@auth.command(
    epilog="\b\nExample:\n  pass show semaphore | ci-mcp auth login semaphore --host acme.semaphoreci.com --token-stdin"
)
@provider_argument
@_host
@click.option("--token-stdin", is_flag=True, help="Read the token from standard input.")
@click.pass_obj
def login(options: Options, provider: str, host: str | None, token_stdin: bool) -> None:
    """Check a token with its service and keep it in the keyring.

    Of a server that asks for none only its address is kept.
    """
    from ci_mcp.auth.credentials import store
    from ci_mcp.auth.endpoints import add_note
    from ci_mcp.core.catalog import find

    service, config, endpoint = _endpoint(options, provider, host)
    flow = None if token_stdin else find(service.name).hooks.login
    if not (token_stdin or flow or sys.stdin.isatty()):
        raise UsageError("there is no terminal to ask for the token on", "pipe it in with --token-stdin")
    _need_keyring(service, endpoint)
    token = _flow(flow, service, config, endpoint) if flow else _token(service, endpoint, token_stdin=token_stdin)
    who = _verify(service, config, endpoint, token)
    if not token:
        add_note(config, endpoint)
        click.echo(f"{service.title} at {endpoint.host} is used without a token ({who})")
        return
    store(endpoint, token)
    add_note(config, endpoint)
    click.echo(f"logged in to {service.title} at {endpoint.host} ({who}); the token is in the keyring")
    _say_what_goes_before(options, service, config, endpoint)


def _need_keyring(service: "Service", endpoint: "Endpoint") -> None:
    """Raise `AuthError` before anybody types a token that cannot be kept."""
    from ci_mcp.auth.credentials import keyring_state, variables

    state = keyring_state()
    if state.problem:
        locked = "unlock it, or " if "unlock" in state.next_step else ""
        instead = f"set {variables(service, endpoint.host)} in the environment instead"
        raise AuthError(state.problem, f"{locked}{instead}")


def _say_what_goes_before(options: Options, service: "Service", config: "Config", endpoint: "Endpoint") -> None:
    from ci_mcp.auth.credentials import resolve

    try:
        found = resolve(service, endpoint, config, os.environ)
    except AuthError as error:  # it cannot even be sent
        click.echo(f"ci-mcp: {error}", err=True)
        return
    if found is not None and found.source != "keyring" and not options.quiet:
        click.echo(f"the {found.source} goes before it: unset it to use the keyring's", err=True)


def _endpoint(options: Options, provider: str, host: str | None) -> "tuple[Service, Config, Endpoint]":
    from ci_mcp.auth.endpoints import Endpoint, endpoints, service_address
    from ci_mcp.config import Config
    from ci_mcp.core.catalog import load

    log_to_stderr(options)
    if options.demo:
        raise UsageError("the demo keeps no token", "leave out --demo")
    service = load().services.get(provider)
    if service is None:
        raise UsageError(f"there is no provider {provider}", f"the providers are {', '.join(load().services)}")
    config = Config.load(os.environ)
    if host:
        found = service_address(service, host, config.allow_http)
        return service, config, Endpoint(provider, found.host, found.base_url)
    known = endpoints(service, config, os.environ)
    if not known:
        raise UsageError(f"{service.title} has a host for each organization", "name yours with --host")
    return service, config, known[0]


def _token(service: "Service", endpoint: "Endpoint", *, token_stdin: bool) -> str:
    """The token as it was given; empty where the server may ask for none and the person says that it does not."""
    from ci_mcp.auth.credentials import Credential, made

    token = _read() if token_stdin else _typed(service, endpoint)
    if not token and service.open and not token_stdin:
        return ""
    if not token:
        raise UsageError("the token is empty", "give the token itself on one line")
    if not service.token_env and ":" not in token:
        raise UsageError(f"{service.title} knows users and passwords", "give both on one line, as user:password")
    made(service, Credential(token, "standard input" if token_stdin else "as it was typed"))  # if it can be sent at all
    return token


def _read() -> str:
    return sys.stdin.readline().removeprefix("\ufeff").strip()  # PowerShell pipes begin with that mark


def _typed(service: "Service", endpoint: "Endpoint") -> str:
    what = "user:password" if service.basic else "token"
    if service.token_page and not service.basic:
        note = f"\n({service.page_note})" if service.page_note else ""
        click.echo(f"A token is made at {service.token_page.format(host=endpoint.host)}{note}", err=True)
    question = f"{service.title} {what}" + (" (return where it asks for none)" if service.open else "")
    default = "" if service.open else None
    said: str = click.prompt(question, default=default, show_default=False, hide_input=True, err=True)
    return said.strip()


def _flow(flow: "Login", service: "Service", config: "Config", endpoint: "Endpoint") -> str:
    """The token that a service's own login gives; what the person has to do there goes to stderr.

    A server that has no such login may ask for user and password, or for nothing: the person is asked.
    """

    async def ask(services: "Services") -> str:
        return await flow(services.api(service.name), lambda said: click.echo(said, err=True))

    try:
        return _asked(ask, service, config, endpoint, "")
    except UnsupportedError:
        if not sys.stdin.isatty():
            raise
        return _token(service, endpoint, token_stdin=False)


def _verify(service: "Service", config: "Config", endpoint: "Endpoint", token: str) -> str:
    async def ask(services: "Services") -> str:
        identity = services.provider(service.name).hooks.identity
        if identity is None:
            return "not checked: its API has no call for that"
        found = await identity(services.api(service.name))
        return ", ".join(part for part in (found.name, found.note) if part)

    return _asked(ask, service, config, endpoint, token)


def _asked(
    ask: "Callable[[Services], Awaitable[str]]", service: "Service", config: "Config", endpoint: "Endpoint", token: str
) -> str:
    """What one host answers to this token, or to nobody where that is empty."""
    import anyio

    from ci_mcp.core.services import Services, World
    from ci_mcp.logs.store import Store

    world = World(config, os.environ, given={service.name: (endpoint, token)})

    async def opened() -> str:
        async with Services(world, Store(config.cache_dir / "logs")) as services:
            return await ask(services)

    return anyio.run(opened)


@auth.command(epilog="\b\nExample:\n  ci-mcp auth logout semaphore --host acme.semaphoreci.com")
@provider_argument
@_host
@click.pass_obj
def logout(options: Options, provider: str, host: str | None) -> None:
    """Take a token out of the keyring."""
    from ci_mcp.auth.credentials import forget
    from ci_mcp.auth.endpoints import remove_note

    service, config, endpoint = _endpoint(options, provider, host)
    was = forget(endpoint)
    was = remove_note(config, endpoint) or was
    nothing = f"there was no token for {endpoint.host} in the keyring"
    click.echo(f"logged out of {service.title} at {endpoint.host}" if was else nothing)


@auth.command(epilog="\b\nExample:\n  ci-mcp auth status")
@click.option("--format", "format_", type=click.Choice(FORMATS), help="Table, or JSON with a stable shape.")
@click.pass_obj
def status(options: Options, format_: str | None) -> None:
    """Show each configured host: where its token comes from, and whose it is; never the token."""
    from ci_mcp.cli.checks import check_services
    from ci_mcp.core.answer import render
    from ci_mcp.core.shapes import Page

    found = run_async(options, check_services)
    if not found:
        raise AuthError("no CI is configured", 'run "ci-mcp auth login PROVIDER", or set its token in the environment')
    show(render(Page([_row(one) for one in found])), format_)


def _row(one: "Checked") -> dict[str, str | None]:
    said = {
        "provider": one.provider,
        "host": one.host,
        "source": one.source,
        "who": one.name,
        "note": one.note,
        "problem": f"{one.problem}: {one.next}" if one.problem else "",
    }
    return {key: value or None for key, value in said.items()}
