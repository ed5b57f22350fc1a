"""The guided start: ``ci-mcp setup`` on a terminal, without any option."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ci_mcp.agents.base import Machine, agents
from ci_mcp.agents.plan import configured
from ci_mcp.errors import CiError, UsageError

if TYPE_CHECKING:
    from ci_mcp.auth.service import Service
    from ci_mcp.cli.surroundings import Surroundings


@dataclass(frozen=True, slots=True)
class Welcome:
    """What a person answered: the agents that they named where none was found, and whether agents may only read."""

    names: tuple[str, ...]
    read_only: bool


def welcome(ctx: click.Context, root: Path | None) -> Welcome:
    """Say what was found, ask for the agent and the tokens that are missing, and whether agents may only read.

    Raises:
        UsageError: no agent was found, and none was named.
    """
    from ci_mcp.cli.surroundings import look_round

    machine = Machine.here()
    found = look_round(ctx.obj, root, ask=False)
    _say(
        "This folder", [f"checkout {root}: set up for it" if root else "no git checkout: set up for all your projects"]
    )
    present = [agent for agent in agents().values() if agent.present(machine, root)]
    _say("Agents found", [agent.title for agent in present])
    names = () if present else _agent()
    if root:
        _say("CI files in it", [found.services[name].title for name in found.built])
    _say("CI services configured", [found.services[name].title for name in found.configured])
    for name in _missing(found):
        _log_in(ctx, found.services[name])
    # Who answered no once is not to lose that by pressing return.
    refused = any("--read-only" in configured(agent, machine, root) for agent in present)
    question = "May agents also change things (rerun, cancel, approve)?"
    allowed = click.confirm(question, default=not refused, err=True)
    return Welcome(names, read_only=not allowed)


def _agent() -> tuple[str, ...]:
    """The agent that a person names; asked before any token is, for without one nothing is to be done."""
    said = _choose("Which agent do you use?", list(agents()))
    if not said:
        raise UsageError("no coding agent was found here", f"name one with --agent: {', '.join(agents())}")
    return (said,)


def _say(what: str, names: list[str]) -> None:
    click.echo(f"{what}: {', '.join(names) or 'none'}", err=True)


def _missing(found: "Surroundings") -> list[str]:
    """The services whose token is to be asked for: those that build the checkout, else those that a person names."""
    if found.built or found.configured:
        return [name for name in found.built if name not in found.configured]
    said = _choose("Which CI do you use?", list(found.services))
    return [said] if said else []


def _choose(question: str, names: list[str]) -> str:
    """One of the names, or nothing."""
    said: str = click.prompt(
        f"{question} ({', '.join(names)}; return for none)",
        default="",
        show_default=False,
        show_choices=False,
        type=click.Choice([*names, ""]),
        err=True,
    )
    return said


def _log_in(ctx: click.Context, service: "Service") -> None:
    """Ask for a token until it works or the person gives up; it is checked with its service before it is kept."""
    from ci_mcp.auth.credentials import keyring_state, variables
    from ci_mcp.auth.endpoints import variable
    from ci_mcp.cli.auth import login

    state = keyring_state()
    if state.problem:  # a token that cannot be kept is not asked for
        names = variables(service, service.default_host)
        click.echo(f"{service.title}: {state.problem}: set {names} in your shell's profile", err=True)
        return
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
