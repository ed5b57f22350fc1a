"""``ci-mcp excerpt``: the telling lines of any log, no CI needed."""

import shutil
import sys
import tempfile
from contextlib import ExitStack
from typing import TYPE_CHECKING, BinaryIO, cast

import click

from ci_mcp.cli.output import FORMATS, prose, show

if TYPE_CHECKING:
    from ci_mcp.logs.clean import Log

_IN_MEMORY = 8 << 20  # bytes of standard input kept in memory; more goes to a temporary file


@click.command(
    epilog="\b\nExamples:\n  ci-mcp excerpt build.log\n  make 2>&1 | ci-mcp excerpt -\n"
    "  ci-mcp excerpt red.log --baseline green.log --tokens 500"
)
@click.argument("file", default="-", type=click.Path(allow_dash=True))
@click.option(
    "--tokens",
    type=click.IntRange(50, 10_000),
    help="Fill so many (default: at most 1500, fewer where the cause is clear).",
)
@click.option(
    "--baseline", metavar="GREEN_LOG", help="The same job's last green log: what stands there too weighs little."
)
@click.option("--format", "format_", type=click.Choice(FORMATS), help="Text, or JSON with each line's number and kind.")
def excerpt(file: str, tokens: int | None, baseline: str | None, format_: str | None) -> None:
    """Show the lines of a log that explain its failure.

    FILE is a log, or - for standard input.
    """
    from ci_mcp.auth.redact import redact
    from ci_mcp.logs.excerpt import excerpt as find

    with ExitStack() as logs:
        green = logs.enter_context(_open(baseline)) if baseline else None
        found = find(logs.enter_context(_open(file)), tokens, green)
    if format_ != "json":
        prose(redact(found.text()))
        return
    # Answers bring pydantic, which takes as long to load as a hundred megabytes of log to read.
    from ci_mcp.core.answer import render
    from ci_mcp.core.shapes import Prose

    show(render(Prose(found.text(), found.records())), format_)


def _open(path: str) -> "Log":
    from ci_mcp.logs.clean import Log

    if path != "-":
        return Log.of_file(path)
    spool = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - the log reads it until the process ends
    shutil.copyfileobj(sys.stdin.buffer, spool)
    return Log(cast("BinaryIO", spool))
