"""The root of the command line: its options, its commands, and the one place that turns errors into output."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from itertools import pairwise

import click
from click.shell_completion import CompletionItem

from ci_mcp import __version__
from ci_mcp.cli.context import Options
from ci_mcp.errors import CiError, UsageError

INTERRUPTED = 130

# Each command's module is imported when it is used: what `--help` says of them stands here, held equal by a test.
COMMANDS = {
    "serve": ("serve", "Serve MCP on stdin and stdout."),
    "explain": ("explain", "Why did it fail: jobs, lines, tests, what changed since green."),
    "status": ("status", "Show the newest runs for this checkout, branch or project."),
    "wait": ("wait", "Wait until the run ends, and say how; of a failure, why."),
    "rerun": ("rerun", "Run it again: its failed jobs, or all of it."),
    "excerpt": ("excerpt", "Show the lines of a log that explain its failure."),
    "tools": ("tools", "List the tools that `serve` offers with the same options."),
    "setup": ("setup", "Give it to your coding agents: their configuration, and how to ask."),
    "auth": ("auth", "Log in, log out, and see where each token comes from."),
    "doctor": ("doctor", "Check each CI, and what stands between it and this machine."),
    "api": ("api", "Call a service's own API with our token; for scripts."),
    "cache": ("cache", "The logs kept on disk: how many, how large, and away with them."),
    "completion": ("completion", "Print the completion script for a shell."),
    "demo": ("demo", "Look around without an account: real failures, in a sandbox on this machine."),
    "sandbox": ("sandbox", "Run the demo's CI services until interrupted, for any client."),
}

EXAMPLES = """
\b
Examples:
  ci-mcp explain                         why the checkout's newest run failed
  ci-mcp explain https://acme.semaphoreci.com/workflows/…
  ci-mcp semaphore jobs logs --job ID --tail 50
  ci-mcp excerpt build.log               the telling lines of any log
  claude mcp add ci -- ci-mcp serve      give it to an agent
"""


class Root(click.Group):
    """The commands, and a group for each provider that the catalog holds."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Every command, then every provider."""
        from ci_mcp.core.catalog import load

        return [*COMMANDS, *load().services]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """A command, else the group of the provider of that name."""
        if cmd_name in COMMANDS:
            command: click.Command = getattr(import_module(f"ci_mcp.cli.{COMMANDS[cmd_name][0]}"), cmd_name)
            return command
        from ci_mcp.core.catalog import load

        if cmd_name not in load().services:
            return None
        from ci_mcp.cli.provider import provider_group

        return provider_group(cmd_name)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands and providers that begin so, without importing any of them, and the options."""
        from ci_mcp.core.catalog import load

        names = {name: text for name, (_, text) in COMMANDS.items()}
        names |= {name: service.title for name, service in load().services.items()}
        found = [CompletionItem(name, help=text) for name, text in names.items() if name.startswith(incomplete)]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """List the commands, and apart from them the providers, without importing any of them."""
        from ci_mcp.core.catalog import load

        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])
        services = [(name, f"{service.title}: PROVIDER NOUN VERB") for name, service in load().services.items()]
        if services:
            with formatter.section("Every tool as a command"):
                formatter.write_dl(services)


@click.group(cls=Root, epilog=EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--demo", is_flag=True, help="Use the built-in sandbox: no account, no network.")
@click.option("--quiet", is_flag=True, help="No progress and no hints.")
@click.option("--debug", is_flag=True, help="Log what is asked of the services, on stderr.")
@click.version_option(__version__, prog_name="ci-mcp", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context, demo: bool, quiet: bool, debug: bool) -> None:
    """Why did the build fail? One command line and one MCP server for every CI."""
    ctx.obj = Options(demo=demo, quiet=quiet, debug=debug)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and give its exit code; what went wrong is said here and nowhere else."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if "_CI_MCP_COMPLETE" in os.environ:
        import_module("ci_mcp.cli.complete")  # it teaches click how bash takes words apart
    as_json = "--format=json" in given or ("--format", "json") in pairwise(given)
    try:
        code = cli.main(given, prog_name="ci-mcp", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        code = UsageError.exit_code
    except (click.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone: there is nobody to tell
        code = 0
    except Exception as error:
        if "--debug" in given and not isinstance(error, (CiError, click.ClickException)):
            raise
        from ci_mcp.cli.fail import report

        code = report(error, as_json=as_json)
    return code if isinstance(code, int) else 0
