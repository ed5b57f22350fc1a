"""``ci-mcp setup``: our server into the configuration of coding agents, and out of it again."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from ci_mcp.cli.context import Options
from ci_mcp.errors import UsageError

if TYPE_CHECKING:
    from ci_mcp.agents.base import Agent, Entry, Machine
    from ci_mcp.agents.plan import Plan, Task
    from ci_mcp.cli.surroundings import Surroundings

EXAMPLES = """
\b
Examples:
  ci-mcp setup                              look for agents, show what would change, ask
  ci-mcp setup --agent codex --scope user   for one agent, in all of your projects
  ci-mcp setup --dry-run                    only show
  ci-mcp setup --remove                     take out what it put in
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the options ask for."""

    names: tuple[str, ...] = ()
    scope: str | None = None
    read_only: bool = False
    print_: bool = False
    dry_run: bool = False
    remove: bool = False
    yes: bool = False


class AgentName(click.ParamType[str]):
    """The name of an agent; none of their modules is imported before one is given."""

    name = "agent"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name, if there is such an agent."""
        from ci_mcp.agents.base import agents

        if value not in agents():
            self.fail(f"{value!r} is not one of {', '.join(agents())}", param, ctx)
        return value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002 - click's signature
        """The agents whose names begin so."""
        from ci_mcp.agents.base import agents

        return [CompletionItem(name, help=one.title) for name, one in agents().items() if name.startswith(incomplete)]


# Held equal to the agents' modules by a test.
_AGENTS = "claude, claude-desktop, codex, cursor, gemini, opencode, vscode"


@click.command(epilog=EXAMPLES)
@click.option("--agent", "names", multiple=True, type=AgentName(), metavar="NAME", help=f"Of {_AGENTS} (repeatable).")
@click.option("--scope", type=click.Choice(["project", "user"]), help="Default: project inside a checkout, else user.")
@click.option("--read-only", is_flag=True, help="Offer agents no tool that changes something.")
@click.option("--print", "print_", is_flag=True, help="Command, arguments and variables for any other client.")
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--remove", is_flag=True, help="Take out what it put in.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def setup(ctx: click.Context, /, **given: Any) -> int:
    """Give it to your coding agents: their configuration, and how to ask."""
    import anyio

    from ci_mcp.cli.surroundings import look_round
    from ci_mcp.triage import checkout

    wanted = Wanted(**given)
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    _check(ctx.obj, wanted, terminal=terminal)
    here = anyio.run(checkout.read)
    root = Path(here.root) if here else None
    if terminal and wanted == Wanted():
        from ci_mcp.cli.welcome import welcome

        said = welcome(ctx, root)
        wanted = Wanted(names=said.names, read_only=said.read_only)
    found = look_round(ctx.obj, root, ask=not (wanted.print_ or wanted.remove))
    if wanted.print_:
        _print(wanted, found)
        return 0
    return _run(wanted, found, root)


def _check(options: Options, wanted: Wanted, *, terminal: bool) -> None:
    from ci_mcp.agents.base import agents

    if options.demo:
        raise UsageError("setup writes real files, the demo does not", "claude mcp add ci-demo -- ci-mcp --demo serve")
    if wanted.scope == "project":
        for name in wanted.names:
            if agents()[name].project_file is None:
                raise UsageError(f"{agents()[name].title} knows no projects", "leave --scope project away")
    if not (terminal or wanted.yes or wanted.dry_run or wanted.print_):
        raise UsageError("there is no terminal to ask on", "give --yes, or --dry-run to see what would change")


def _print(wanted: Wanted, found: "Surroundings") -> None:
    entry = _entry(wanted, found, None if wanted.scope != "project" else Path())
    said = {"command": entry.command, "args": list(entry.args), "variables": list(entry.names)}
    click.echo(json.dumps(said, ensure_ascii=False, indent=2))


def _entry(wanted: Wanted, found: "Surroundings", root: Path | None) -> "Entry":
    from ci_mcp.agents.base import Entry, Machine
    from ci_mcp.cli.surroundings import program

    # A project's file is shared with people who have the program elsewhere.
    command, args = program(Machine.here()) if root is None else ("ci-mcp", ())
    options = ("--read-only",) if wanted.read_only else ()
    return Entry(command=command, args=(*args, "serve", *options), names=found.variables)


def _run(wanted: Wanted, found: "Surroundings", root: Path | None) -> int:
    from ci_mcp.agents.plan import plan
    from ci_mcp.cli import changes

    tasks = _tasks(wanted, found, root)
    plans = [(task, plan(task)) for task in tasks]
    changes.show(made for _, made in plans)
    left: list[UsageError] = [error for _, made in plans for error in made.left]
    if not any(made.changes or made.calls for _, made in plans):
        changes.nothing(left, remove=wanted.remove)
    elif not wanted.dry_run and (wanted.yes or click.confirm("Do it?", default=True, err=True)):
        left += _do(plans)
    for error in left:
        click.echo(f"ci-mcp: {error}", err=True)
    return UsageError.exit_code if left else 0


def _do(plans: "list[tuple[Task, Plan]]") -> list[UsageError]:
    from ci_mcp.agents.plan import configured
    from ci_mcp.cli import changes

    left: list[UsageError] = []
    for task, made in plans:
        left += changes.do(made, task.machine)
    for task, made in plans:
        if task.entry:
            done = [agent for agent in made.changed if configured(agent, task.machine, task.root)]
            changes.steps(done, "user" if task.root is None else "project")
    if any(task.entry and made.changed for task, made in plans):
        changes.ask()
    return left


def _tasks(wanted: Wanted, found: "Surroundings", root: Path | None) -> "list[Task]":
    """One task for the project, one for the user: what knows no projects is always the user's."""
    from ci_mcp.agents.base import Machine, agents
    from ci_mcp.agents.plan import Task

    machine = Machine.here()
    project = (root or Path.cwd()) if wanted.scope == "project" or (wanted.scope is None and root) else None
    chosen = [agents()[name] for name in dict.fromkeys(wanted.names)] or _in_use(machine, project, wanted)
    tasks = []
    for where, of in (
        (project, [agent for agent in chosen if project and agent.project_file]),
        (None, [agent for agent in chosen if not (project and agent.project_file)]),
    ):
        if of:
            entry = None if wanted.remove else _entry(wanted, found, where)
            section, known = found.guide()
            tasks.append(Task(agents=of, machine=machine, root=where, entry=entry, section=section, found=known))
    return tasks


def _in_use(machine: "Machine", project: Path | None, wanted: Wanted) -> "list[Agent]":
    from ci_mcp.agents.base import agents

    known = [agent for agent in agents().values() if agent.project_file or wanted.scope != "project"]
    # What was put in is taken out wherever it is, also from an agent that is no longer in use.
    found = known if wanted.remove else [agent for agent in known if agent.present(machine, project)]
    if not found:
        raise UsageError("no coding agent was found here", f"name one with --agent: {', '.join(agents())}")
    return found
