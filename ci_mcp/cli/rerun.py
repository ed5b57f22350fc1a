"""``ci-mcp rerun``."""

import click

from ci_mcp.cli.complete import target_argument
from ci_mcp.cli.context import Options, run_tool
from ci_mcp.cli.output import FORMATS, show


@click.command(epilog="\b\nExamples:\n  ci-mcp rerun\n  ci-mcp rerun --all semaphore:shop@main && ci-mcp wait")
@target_argument
@click.option("--failed", "which", flag_value="failed", default="failed", help="Its failed jobs only (default).")
@click.option("--all", "which", flag_value="all", help="All of it.")
@click.option("--format", "format_", type=click.Choice(FORMATS), help="Text, or JSON with a stable shape.")
@click.pass_obj
def rerun(options: Options, target: str, which: str, format_: str | None) -> None:
    """Run it again: its failed jobs, or all of it.

    TARGET is as for explain, and must mean one run.
    """
    show(run_tool(options, "ci_rerun", {"target": target, "which": which}), format_)
