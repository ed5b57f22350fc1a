"""``ci-mcp sandbox``: the demo's CI services alone, for any client."""

import json
import shlex
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import click

from ci_mcp.cli.context import Options
from ci_mcp.errors import UsageError

if TYPE_CHECKING:
    from ci_mcp.sandbox.serve import Service

_LAST_PORT = 65_400  # the other services' ports follow the first
_LOOK_SECONDS = 0.2


@click.command(
    epilog="\b\nExamples:\n  ci-mcp sandbox --port 8700\n  ci-mcp sandbox --format env > where &"
    '\n  env $(head -1 where) ci-mcp status semaphore:shop\n  ci-mcp sandbox --format json | jq -r ".semaphore.url"'
)
@click.option(
    "--format", "wanted", type=click.Choice(["text", "json", "env"]), default="text", help="What the first line is."
)
@click.option("--port", type=click.IntRange(1, _LAST_PORT), help="The first of the ports (default: free ones).")
@click.pass_obj
def sandbox(options: Options, wanted: str, port: int | None) -> None:
    """Run the demo's CI services until interrupted, for any client."""
    from ci_mcp.sandbox.serve import start

    with _terminated() as stopped, ExitStack() as stack:
        try:
            served = stack.enter_context(start(first_port=port or 0))
        except OSError as error:
            raise UsageError(
                f"cannot listen at the ports from {port} on: {error.strerror}",
                "choose others with --port, or leave it out for free ones",
            ) from error
        click.echo(where(served, wanted))
        sys.stdout.flush()
        if sys.stderr.isatty() and not options.quiet:
            click.echo("Runs until interrupted (Ctrl-C).", err=True)
        # With a time limit, so that Ctrl-C is seen on Windows too.
        while not stopped.wait(_LOOK_SECONDS):
            pass


def where(served: "Mapping[str, Service]", wanted: str) -> str:
    """The line that says where each service is, and what to set for its clients: text, json or env."""
    if wanted == "json":
        return json.dumps({one.name: {"url": one.url, "token": one.token, "env": one.env} for one in served.values()})
    settings = {one.name: " ".join(f"{k}={shlex.quote(v)}" for k, v in one.env.items()) for one in served.values()}
    if wanted == "env":
        return " ".join(settings.values())
    return "; ".join(f"{one.name} at {one.url} with {settings[one.name]}" for one in served.values())


@contextmanager
def _terminated() -> Iterator[threading.Event]:
    """An event that SIGTERM sets, in the place of ending the process at once."""
    stopped = threading.Event()
    before = signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    try:
        yield stopped
    finally:
        signal.signal(signal.SIGTERM, before)
