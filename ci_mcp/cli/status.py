"""``ci-mcp status``."""

import sys
from typing import TYPE_CHECKING, Any

import click

from ci_mcp.cli.complete import target_argument
from ci_mcp.cli.context import Options, run_tool
from ci_mcp.cli.output import FORMATS, show

if TYPE_CHECKING:
    from ci_mcp.core.answer import Answer

_TIMES = ("age", "duration", "usual")
# What a person reads first; a run's page says more than its id, which a narrow terminal has no room for.
_ORDER = ("status", "provider", "project", "branch", *_TIMES, "running", "word", "title", "commit", "url")


@click.command(
    epilog="\b\nExamples:\n  ci-mcp status\n  ci-mcp status semaphore:shop@main\n\n"
    "Exit code: 0 nothing failed, 1 a run failed or was canceled, 3 no token, 4 not found."
)
@target_argument
@click.option("--format", "format_", type=click.Choice(FORMATS), help="Text, or JSON with a stable shape.")
@click.pass_obj
def status(options: Options, target: str, format_: str | None) -> int:
    """Show the newest runs for this checkout, branch or project."""
    from ci_mcp.status import Status

    answer = run_tool(options, "ci_status", {"target": target})
    as_table = format_ == "text" or (format_ is None and sys.stdout.isatty())
    show(for_a_person(answer) if as_table else answer, format_)
    return int(any(Status(run["status"]).bad for run in answer.data["items"]))


def for_a_person(answer: "Answer") -> "Answer":
    """The rows with their times in words: what a person reads of a table."""
    from dataclasses import replace

    rows = [_row(row) for row in answer.data["items"]]
    return replace(answer, data=answer.data | {"items": rows})


def _row(row: dict[str, Any]) -> dict[str, Any]:
    from ci_mcp.triage import words

    times = {key: words.duration(row[key]) for key in _TIMES if key in row}
    return {key: times.get(key, row[key]) for key in _ORDER if key in row}
