"""``ci-mcp cache``: the logs kept on disk."""

import os
from typing import TYPE_CHECKING

import click

from ci_mcp.cli.context import Options
from ci_mcp.errors import UsageError

if TYPE_CHECKING:
    from ci_mcp.logs.store import Store


@click.group(epilog="\b\nExample:\n  ci-mcp cache info")
@click.pass_obj
def cache(options: Options) -> None:
    """The logs kept on disk: how many, how large, and away with them."""
    if options.demo:
        raise UsageError("the demo's cache ends with it", "leave out --demo for your own")


@cache.command(epilog="\b\nExample:\n  ci-mcp cache info")
def info() -> None:
    """Say where the cache is, and how much it holds."""
    store = _store()
    held = store.info()
    click.echo(f"{held.folder}: {held.files} logs, {held.bytes / 1e6:.1f} MB")


@cache.command(epilog="\b\nExample:\n  ci-mcp cache clear")
def clear() -> None:
    """Delete every kept log."""
    click.echo(f"deleted {_store().clear()} logs")


def _store() -> "Store":
    from ci_mcp.config import Config
    from ci_mcp.logs.store import Store

    config = Config.load(os.environ)
    return Store(config.cache_dir / "logs", max_mb=config.cache_max_mb, max_days=config.cache_max_days)
