"""``ci-mcp demo``: a guided look at what there is, against the sandbox; it never asks and needs no account."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from ci_mcp.cli.context import Options, run_async
from ci_mcp.cli.output import heading, prose, show

if TYPE_CHECKING:
    from ci_mcp.core.answer import Answer
    from ci_mcp.core.services import Services


@dataclass(frozen=True, slots=True)
class Stop:
    """One stop of the tour: what is asked, as a person types it and as a tool is called."""

    title: str
    command: str
    tool: str
    arguments: dict[str, Any]


@click.command(epilog="\b\nExample:\n  ci-mcp demo")
@click.pass_obj
def demo(options: Options) -> None:
    """Look around without an account: real failures, in a sandbox on this machine."""
    prose(
        "A look at ci-mcp against its sandbox: a CI service on this machine, with real failures in it.\n"
        "Type any of these commands yourself; without --demo they ask your own CI."
    )
    run_async(replace(options, demo=True), _tour)
    heading("Give it to your agent", "claude mcp add ci -- ci-mcp serve")
    prose('Then ask: "why did the build fail?"')


async def _tour(services: "Services") -> None:
    await _visit(services, Stop("What runs?", "status semaphore:shop", "ci_status", {"target": "semaphore:shop"}))
    why = Stop("Why did it fail?", "explain semaphore", "ci_explain", {"target": "semaphore", "tokens": 1_500})
    explained = await _visit(services, why)
    run = explained.data["runs"][0]
    job = run["failures"][0]["job"]["id"]
    for stop in (
        Stop("Which tests?", f"semaphore tests list --job {job}", "semaphore_tests_list", {"job": job, "limit": 5}),
        Stop(
            "Search its log",
            f"semaphore jobs logs --job {job} --search assert --tail 4",
            "semaphore_jobs_logs",
            {"job": job, "search": "assert", "tail": 4},
        ),
        Stop("Run its failed jobs again", "rerun semaphore", "ci_rerun", {"target": "semaphore"}),
        Stop(
            "Wait for another branch",
            "wait semaphore:shop@fails-soon --timeout 0",
            "ci_wait",
            {"target": "semaphore:shop@fails-soon", "timeout": 0},
        ),
        Stop("And a green one?", "explain semaphore:shop@release", "ci_explain", {"target": "semaphore:shop@release"}),
    ):
        await _visit(services, stop)


async def _visit(services: "Services", stop: Stop) -> "Answer":
    from ci_mcp.core.call import call

    heading(stop.title, f"ci-mcp --demo {stop.command}")
    answer = await call(services, stop.tool, stop.arguments)
    show(answer, "text")
    return answer
