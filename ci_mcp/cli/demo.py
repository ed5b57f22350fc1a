"""``ci-mcp demo``: a guided look at what there is, against the sandbox; it never asks and needs no account."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import click

from ci_mcp.cli.context import Options, run_async
from ci_mcp.cli.output import heading, prose, show
from ci_mcp.cli.progress import progress

if TYPE_CHECKING:
    from ci_mcp.core.answer import Answer
    from ci_mcp.core.services import Services


_WIDTH: Final = 120  # of the tour in a pipe, for people read it there too


@dataclass(frozen=True, slots=True)
class Stop:
    """One stop of the tour: what is asked, as a person types it and as a tool is called."""

    title: str
    command: str
    tool: str
    arguments: dict[str, Any]


_STATUS = Stop("What runs, over every CI?", "status", "ci_status", {})
_WHY = Stop("Why did it fail?", "explain semaphore --tokens 900", "ci_explain", {"target": "semaphore", "tokens": 900})
_LATER = (
    Stop(
        "Another CI, the same question: firmware on a real board",
        "explain firmwareci --tokens 500",
        "ci_explain",
        {"target": "firmwareci", "tokens": 500},
    ),
    Stop("Run its failed jobs again", "rerun semaphore", "ci_rerun", {"target": "semaphore"}),
    Stop(
        "Wait until a run ends",
        "wait semaphore:shop@passes-soon --timeout 12",
        "ci_wait",
        {"target": "semaphore:shop@passes-soon", "timeout": 12},
    ),
)


@click.command(epilog="\b\nExample:\n  ci-mcp demo")
@click.pass_obj
def demo(options: Options) -> None:
    """Look around without an account: real failures, in a sandbox on this machine."""
    prose(
        "A look at ci-mcp against its sandbox: CI services on this machine, with real failures in them.\n"
        "Type any of these commands yourself; without --demo they ask your own CI."
    )
    # What is shown between the calls must not meet a sign of life: each call has its own.
    run_async(replace(options, demo=True, quiet=True), partial(_tour, quiet=options.quiet))
    _setup()
    heading("Give it to your agent", "claude mcp add ci -- ci-mcp serve")
    prose('Then ask: "why did the build fail?"')


async def _tour(services: "Services", *, quiet: bool) -> None:
    await _visit(services, _STATUS, quiet=quiet)
    explained = await _visit(services, _WHY, quiet=quiet)
    job = explained.data["runs"][0]["failures"][0]["job"]["id"]
    for stop in (*_of_job(job), *_LATER):
        await _visit(services, stop, quiet=quiet)
    await _doctor(services, quiet=quiet)


def _of_job(job: str) -> Sequence[Stop]:
    """What there is of one job, by its id."""
    return (
        Stop("Which tests?", f"semaphore tests list --job {job}", "semaphore_tests_list", {"job": job, "limit": 5}),
        Stop(
            "Search its log",
            f"semaphore jobs logs --job {job} --search assert --tail 4",
            "semaphore_jobs_logs",
            {"job": job, "search": "assert", "tail": 4},
        ),
    )


async def _visit(services: "Services", stop: Stop, *, quiet: bool) -> "Answer":
    from ci_mcp.cli.status import for_a_person
    from ci_mcp.core.call import call
    from ci_mcp.core.progress import reported_to

    heading(stop.title, f"ci-mcp --demo {stop.command}")
    with progress(quiet=quiet) as spinner, reported_to(spinner.report):
        answer = await call(services, stop.tool, stop.arguments)
    show(for_a_person(answer) if stop is _STATUS else answer, "text", _WIDTH)
    return answer


async def _doctor(services: "Services", *, quiet: bool) -> None:
    from ci_mcp.cli.checks import Report, check_services
    from ci_mcp.cli.doctor import plain_lines

    heading("Does each CI work, and what may the token do?", "ci-mcp --demo doctor")
    with progress(quiet=quiet):
        found = await check_services(services)
    prose("\n".join(plain_lines(Report(found, []))))


def _setup() -> None:
    """What setup would write into a project, shown and not written."""
    from pathlib import Path

    from ci_mcp.agents.base import Entry, Machine, agents
    from ci_mcp.agents.guide import section
    from ci_mcp.agents.plan import Task, plan
    from ci_mcp.cli import changes

    heading("What would setup write into your project?", "ci-mcp setup --agent claude --dry-run")
    known = [("semaphore", "Semaphore", "shop")]
    task = Task(
        agents=[agents()["claude"]],
        machine=Machine.here(),
        root=Path("ci-mcp-demo-project"),  # it is not there, so nothing is read
        entry=Entry(command="ci-mcp"),
        section=section(known),
        found=True,
    )
    changes.show([plan(task)])
