"""``ci-mcp explain``."""

from typing import TYPE_CHECKING

import click

from ci_mcp.cli.complete import target_argument
from ci_mcp.cli.context import Options, run_tool
from ci_mcp.cli.output import FORMATS, show

if TYPE_CHECKING:
    from ci_mcp.core.answer import Answer

_format = click.option("--format", "format_", type=click.Choice(FORMATS), help="Text, or JSON with a stable shape.")


@click.command(
    epilog="\b\nExamples:\n  ci-mcp explain\n  ci-mcp explain semaphore:shop@main\n"
    "  ci-mcp explain https://acme.semaphoreci.com/jobs/…\n\n"
    "Exit code: 0 nothing failed, 1 a run failed or was canceled, 3 no token, 4 not found."
)
@target_argument
@click.option("--tokens", type=click.IntRange(200, 10_000), default=4_000, show_default=True, help="Most to say.")
@click.option("--compare/--no-compare", default=True, help="Say what changed since the last green run.")
@_format
@click.pass_obj
def explain(options: Options, target: str, tokens: int, compare: bool, format_: str | None) -> int:
    """Why did it fail: jobs, lines, tests, what changed since green.

    TARGET is a pasted web URL, PROVIDER, PROVIDER:PROJECT, PROVIDER:PROJECT@BRANCH, PROVIDER:PROJECT#RUN, @BRANCH,
    #RUN, or nothing: then the git checkout in the current folder.
    """
    answer = run_tool(options, "ci_explain", {"target": target, "tokens": tokens, "compare": compare})
    show(answer, format_)
    return _exit_code(answer)


def _exit_code(answer: "Answer") -> int:
    from ci_mcp.status import Status

    runs = answer.data["runs"]
    return int(any(Status(run["status"]).bad for run in runs))
