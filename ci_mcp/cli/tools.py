"""``ci-mcp tools``: what an agent is offered."""

import json
import sys

import click

from ci_mcp.cli.context import Options, services
from ci_mcp.cli.serve import offer_options
from ci_mcp.core.catalog import ToolSpec


@click.command(epilog="\b\nExamples:\n  ci-mcp tools --toolset all\n  ci-mcp --demo tools --json")
@offer_options
@click.option("--json", "as_json", is_flag=True, help="Exactly what the model sees, with its tokens.")
@click.pass_obj
def tools(
    options: Options, read_only: bool | None, providers: tuple[str, ...], toolset: str | None, as_json: bool
) -> None:
    """List the tools that `serve` offers with the same options."""
    import anyio

    async def offered() -> dict[str, ToolSpec]:
        from ci_mcp.core.offer import Offer

        async with services(options, providers) as opened:
            config = opened.world.config
            offer = Offer(toolset or config.toolset, config.read_only if read_only is None else read_only)
            return offer.tools(opened.catalog, opened.configured())

    found = anyio.run(offered)
    if as_json:
        click.echo(json.dumps(as_seen(found), ensure_ascii=False, indent=2))
    elif sys.stdout.isatty():
        _table(found)
    else:
        for spec in found.values():
            click.echo(f"{spec.name}\t{'read' if spec.read_only else 'write'}\t{spec.description}")


def as_seen(found: dict[str, ToolSpec]) -> dict[str, object]:
    """The tools as a model reads them, and an estimate of what that costs: characters / 4."""
    seen = [{"name": s.name, "description": s.description, "inputSchema": s.input_schema} for s in found.values()]
    text = json.dumps(seen, ensure_ascii=False, separators=(",", ":"))
    return {"tokens": -(-len(text) // 4), "tools": seen}


def _table(found: dict[str, ToolSpec]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("tool", no_wrap=True)  # a name is copied: it is all there
    table.add_column("")
    table.add_column("what it gives", overflow="fold")
    for spec in found.values():
        table.add_row(spec.name, "" if spec.read_only else "[yellow]writes[/]", spec.description)
    Console().print(table)
