"""What every command needs: the global options, and a way to run a tool against the right services."""

import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from ci_mcp.core.answer import Answer
    from ci_mcp.core.services import Services

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Options:
    """The options that stand before the command."""

    demo: bool = False
    quiet: bool = False
    debug: bool = False


def log_to_stderr(options: Options) -> None:
    """Warnings, and with ``--debug`` every request, go to stderr: stdout is for answers."""
    import logging

    level = logging.DEBUG if options.debug else logging.ERROR if options.quiet else logging.WARNING
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(name)s: %(message)s", force=True)
    logging.getLogger("ci_mcp").setLevel(level)


@asynccontextmanager
async def services(options: Options, only: tuple[str, ...] = ()) -> "AsyncIterator[Services]":
    """The services a command works with: the configured ones, or with ``--demo`` the sandbox's."""
    from contextlib import ExitStack

    from ci_mcp.config import Config
    from ci_mcp.core.services import Services, World
    from ci_mcp.logs.store import Store

    log_to_stderr(options)
    with ExitStack() as stack:
        if options.demo:
            from ci_mcp.cli.sandboxed import demo_world

            world, store = stack.enter_context(demo_world(only))
        else:
            config = Config.load(os.environ)
            world = World(config, os.environ, only=only or config.providers)
            store = Store(config.cache_dir / "logs", max_mb=config.cache_max_mb, max_days=config.cache_max_days)
        stack.callback(store.close)
        async with Services(world, store) as opened:
            opened.rest = stack.close
            yield opened


def run_async(options: Options, work: "Callable[[Services], Awaitable[T]]", only: tuple[str, ...] = ()) -> T:
    """Run ``work`` with the services, saying on a terminal that it is under way, and how far, when it takes a while."""
    import anyio

    from ci_mcp.cli.progress import progress
    from ci_mcp.core.progress import reported_to

    async def main() -> T:
        async with services(options, only) as opened:
            return await work(opened)

    with progress(quiet=options.quiet) as spinner, reported_to(spinner.report):
        return anyio.run(main)


def run_tool(options: Options, name: str, arguments: dict[str, object], only: tuple[str, ...] = ()) -> "Answer":
    """Call a tool by name, as a client of the server would."""

    async def work(opened: "Services") -> "Answer":
        from ci_mcp.core.call import call

        return await call(opened, name, arguments)

    return run_async(options, work, only)
