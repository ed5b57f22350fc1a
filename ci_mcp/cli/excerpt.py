"""``ci-mcp excerpt``: the telling lines of any log, no CI needed."""

import sys
from typing import TYPE_CHECKING

import click

from ci_mcp.cli.output import FORMATS, excerpted
from ci_mcp.errors import UsageError

if TYPE_CHECKING:
    from ci_mcp.logs.clean import Log


@click.command(
    epilog="\b\nExamples:\n  ci-mcp excerpt build.log\n  make 2>&1 | ci-mcp excerpt -\n"
    "  ci-mcp excerpt red.log --baseline green.log --tokens 500"
)
@click.argument("file", default="-")
@click.option("--tokens", type=click.IntRange(50, 10_000), default=1_500, show_default=True, help="Most to say.")
@click.option("--baseline", metavar="GREEN_LOG", help="The same job's last green log: what stands there too weighs little.")
@click.option("--format", "format_", type=click.Choice(FORMATS), help="Text, or JSON with each line's number and kind.")
def excerpt(file: str, tokens: int, baseline: str | None, format_: str | None) -> None:
    """Show the lines of a log that explain its failure.

    FILE is a log, or - for standard input.
    """
    from ci_mcp.logs.excerpt import excerpt as find

    found = find(_open(file), tokens, _open(baseline) if baseline else None)
    excerpted(found, format_)


def _open(path: str) -> "Log":
    from ci_mcp.logs.clean import Log

    try:
        return Log.of_stream(sys.stdin.buffer) if path == "-" else Log.of_file(path)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}", "name a log file, or - for standard input") from None
