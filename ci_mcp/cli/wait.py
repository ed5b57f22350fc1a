"""``ci-mcp wait``."""

from typing import Any

import click

from ci_mcp.cli.complete import target_argument
from ci_mcp.cli.context import Options, run_tool
from ci_mcp.cli.output import FORMATS, show


@click.command(
    epilog="\b\nExamples:\n  git push && ci-mcp wait\n  ci-mcp wait --timeout 600 --fail-fast\n"
    "  ci-mcp wait buildkite:acme/web@main\n\n"
    "Exit code: 0 it did not fail, 1 it failed or was canceled, 7 it has not ended, 130 interrupted."
)
@target_argument
@click.option(
    "--timeout",
    type=click.IntRange(0, 86_400),
    default=3600,
    show_default=True,
    metavar="SECONDS",
    help="How long at most; 0 is one look.",
)
@click.option("--fail-fast", is_flag=True, help="Return as soon as a failure is certain.")
@click.option("--format", "format_", type=click.Choice(FORMATS), help="Text, or JSON with a stable shape.")
@click.pass_obj
def wait(options: Options, target: str, timeout: int, fail_fast: bool, format_: str | None) -> int:
    """Wait until the run ends, and say how; of a failure, why.

    TARGET is as for explain. Without one it is the run of the checkout's HEAD, which may begin
    up to a minute after it was pushed.
    """
    arguments = {"target": target, "timeout": timeout, "fail_fast": fail_fast}
    answer = run_tool(options, "ci_wait", arguments)
    show(answer, format_)
    return exit_code(answer.data)


def exit_code(data: dict[str, Any]) -> int:
    """1 where a run that was waited for failed, else 7 where one goes on, else 0."""
    from ci_mcp.errors import TimedOutError

    return 1 if data["failed"] else TimedOutError.exit_code if data["waiting"] else 0
