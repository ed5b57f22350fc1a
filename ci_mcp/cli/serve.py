"""``ci-mcp serve``."""

from collections.abc import Callable
from typing import Any

import click

from ci_mcp.cli.complete import providers as complete
from ci_mcp.cli.context import Options, services


def offer_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that choose which tools are offered, for ``serve`` and ``tools``."""
    for option in (
        click.option("--toolset", type=click.Choice(["core", "all"]), help="Core tools only (default), or all."),
        click.option(
            "--provider", "providers", multiple=True, shell_complete=complete, help="Only this provider (repeatable)."
        ),
        click.option("--read-only", is_flag=True, default=None, help="Leave out every tool that changes something."),
    ):
        command = option(command)
    return command


@click.command(epilog="\b\nExamples:\n  claude mcp add ci -- ci-mcp serve\n  ci-mcp --demo serve --toolset all")
@offer_options
@click.pass_obj
def serve(options: Options, read_only: bool | None, providers: tuple[str, ...], toolset: str | None) -> None:
    """Serve MCP on stdin and stdout."""
    import anyio

    async def main() -> None:
        # The SDK is the slowest import there is: it comes first only here.
        from ci_mcp import server
        from ci_mcp.core.offer import Offer

        async with services(options, providers) as opened:
            config = opened.world.config
            offer = Offer(toolset or config.toolset, config.read_only if read_only is None else read_only)
            opened.configured()  # a provider that there is not is told here, before anybody is served
            await server.serve(opened, offer)

    anyio.run(main)
