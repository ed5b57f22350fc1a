"""The changes of ``setup`` shown as a diff, and made."""

from collections.abc import Iterable, Sequence
from difflib import unified_diff
from typing import TYPE_CHECKING

import click

from ci_mcp.cli.output import styled

if TYPE_CHECKING:
    from ci_mcp.agents.base import Agent, Machine
    from ci_mcp.agents.files import Change
    from ci_mcp.agents.plan import Plan
    from ci_mcp.errors import UsageError

_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def show(plans: "Iterable[Plan]") -> None:
    """Print what would change: a diff for each file, and the programs that would be run."""
    from ci_mcp.agents.calls import shown

    for made in plans:
        for change in made.changes:
            for line in _diff(change):
                styled(line, "bold" if line.startswith(("---", "+++")) else _STYLES.get(line[:1], ""))
        for call in made.calls:
            styled(f"$ {shown(call)}", "bold")


def _diff(change: "Change") -> list[str]:
    """A diff without secrets: what stands around ours may be anything."""
    from ci_mcp.core.answer import safe

    before, after = (
        safe((text or b"").decode("utf-8", "replace").replace("\r\n", "\n")).splitlines()
        for text in (change.before, change.after)
    )
    old, new = ("nothing" if text is None else str(change.path) for text in (change.before, change.after))
    return list(unified_diff(before, after, old, new, lineterm="", n=2))


def do(made: "Plan", machine: "Machine") -> "list[UsageError]":
    """Make the changes and say each; gives what could not be made."""
    from ci_mcp.agents.calls import run, shown
    from ci_mcp.agents.files import LeftAloneError, write

    left: list[UsageError] = []
    for change in made.changes:
        try:
            backup = write(change)
        except LeftAloneError as error:
            left.append(error)
            continue
        done = "removed" if change.after is None else "wrote"
        click.echo(f"{done} {change.path}" + (f" (as it was: {backup})" if backup else ""))
    for call in made.calls:
        try:
            run(call, machine)
        except LeftAloneError as error:
            left.append(error)
            break
        click.echo(f"ran {shown(call)}")
    return left


def steps(changed: "Sequence[Agent]", scope: str) -> None:
    """Say the one step that each agent still asks for."""
    for agent in changed:
        styled(f"{agent.title}: {agent.steps[scope]}")


def ask() -> None:
    """Say what to do next."""
    styled('Then ask it: "why did the build fail?" (ci-mcp doctor checks that it can be answered)')


def nothing(left: "Sequence[UsageError]", *, remove: bool) -> None:
    """Say that there is nothing to do."""
    if not left:
        click.echo("There is nothing of ours to take out." if remove else "Everything is set up already.")
