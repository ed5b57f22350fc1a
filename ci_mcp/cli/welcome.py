"""The guided start: ``ci-mcp setup`` on a terminal, without any option."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ci_mcp.agents.base import Machine, agents
from ci_mcp.errors import CiError

if TYPE_CHECKING:
    from ci_mcp.auth.service import Service
    from ci_mcp.cli.surroundings import Surroundings


def welcome(ctx: click.Context, root: Path | None) -> bool:
    """Say what was found, ask for the tokens that are missing, and whether agents may only read.

    Returns:
        Whether agents may only read.
    """
    from ci_mcp.cli.surroundings import look_round

    machine = Machine.here()
    found = look_round(ctx.obj, root, ask=False)
    present = [agent.title for agent in agents().values() if agent.present(machine, root)]
    _say("Agents found", present)
    if root:
        _say(f"CI files in {root}", [found.services[name].title for name in found.built])
    _say("CI services configured", [found.services[name].title for name in found.configured])
    for name in _missing(found):
        _log_in(ctx, found.services[name])
    return not click.confirm("May agents also change things (rerun, cancel, approve)?", default=True, err=True)


def _say(what: str, names: list[str]) -> None:
    click.echo(f"{what}: {', '.join(names) or 'none'}", err=True)


def _missing(found: "Surroundings") -> list[str]:
    """The services whose token is to be asked for: those that build the checkout, else those that a person names."""
    if found.built or found.configured:
        return [name for name in found.built if name not in found.configured]
    known = click.Choice([*found.services, ""])
    said = click.prompt(
        f"Which CI do you use? ({', '.join(found.services)}; return for none)",
        default="",
        show_default=False,
        show_choices=False,
        type=known,
        err=True,
    )
    return [said] if said else []


def _log_in(ctx: click.Context, service: "Service") -> None:
    """Ask for a token until it works or the person gives up; it is checked with its service before it is kept."""
    from ci_mcp.auth.endpoints import variable
    from ci_mcp.cli.auth import login

    while click.confirm(f"Log in to {service.title} now?", default=True, err=True):
        host = None
        if not service.default_host and not variable(service.host_env, os.environ)[1]:
            host = click.prompt(f"{service.title} host (such as {_example(service)})", err=True)
        try:
            ctx.invoke(login, provider=service.name, host=host, token_stdin=False)
        except CiError as error:
            click.echo(f"ci-mcp: {error}", err=True)
        else:
            return


def _example(service: "Service") -> str:
    pattern = next(iter(service.web_hosts), "ci.example.com")
    return pattern.replace("*", "acme")
