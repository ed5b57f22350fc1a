"""The root of the command line: its options, its commands, and the one place that turns errors into output."""

import sys
from collections.abc import Sequence

import click

from ci_mcp import __version__
from ci_mcp.cli.cache import cache
from ci_mcp.cli.completion import completion
from ci_mcp.cli.context import Options
from ci_mcp.cli.demo import demo
from ci_mcp.cli.excerpt import excerpt
from ci_mcp.cli.explain import explain, status
from ci_mcp.cli.fail import report
from ci_mcp.cli.provider import provider_group
from ci_mcp.cli.serve import serve
from ci_mcp.cli.tools import tools
from ci_mcp.errors import CiError, UsageError

INTERRUPTED = 130

EXAMPLES = """
\b
Examples:
  ci-mcp explain                                    why the checkout's newest run failed
  ci-mcp explain https://acme.semaphoreci.com/workflows/…   why that one did
  ci-mcp semaphore jobs logs --job ID --tail 50     a tool as a command
  ci-mcp excerpt build.log                          the telling lines of any log
  claude mcp add ci -- ci-mcp serve                 give it to an agent
"""


class Root(click.Group):
    """The commands, and a group for each provider that the catalog holds."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command, then every provider."""
        from ci_mcp.core.catalog import load

        return [*super().list_commands(ctx), *load().services]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command, else the group of the provider of that name."""
        from ci_mcp.core.catalog import load

        found = super().get_command(ctx, cmd_name)
        if found is None and cmd_name in load().services:
            found = provider_group(cmd_name)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands, and apart from them the providers."""
        own = set(super().list_commands(ctx))
        for title, mine in (("Commands", True), ("Providers: every tool as a command, PROVIDER NOUN VERB", False)):
            names = [name for name in self.list_commands(ctx) if (name in own) == mine]
            found = [(name, command) for name in names if (command := self.get_command(ctx, name))]
            with formatter.section(title):
                formatter.write_dl([(name, command.get_short_help_str(limit=80)) for name, command in found])


@click.group(cls=Root, epilog=EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--demo", is_flag=True, help="Use the built-in sandbox: no account, no network.")
@click.option("--quiet", is_flag=True, help="No progress and no hints.")
@click.option("--debug", is_flag=True, help="Log what is asked of the services, on stderr.")
@click.version_option(__version__, prog_name="ci-mcp", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context, demo: bool, quiet: bool, debug: bool) -> None:
    """Why did the build fail? One command line and one MCP server for every CI."""
    ctx.obj = Options(demo=demo, quiet=quiet, debug=debug)


for command in (serve, explain, status, excerpt, tools, cache, completion, demo):
    cli.add_command(command)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and give its exit code; what went wrong is said here and nowhere else."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--format=json" in given or any(
        pair == ("--format", "json") for pair in zip(given, given[1:], strict=False)
    )
    try:
        code = cli.main(given, prog_name="ci-mcp", standalone_mode=False)
    except CiError as error:
        return report(error, as_json=as_json)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return UsageError.exit_code
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "ci-mcp"
        return report(UsageError(_first_small(error.format_message()), f'see "{where} --help"'), as_json=as_json)
    except click.ClickException as error:
        return report(UsageError(error.format_message()), as_json=as_json)
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone: there is nobody to tell
        return 0
    return code if isinstance(code, int) else 0


def _first_small(message: str) -> str:
    return message[:1].lower() + message[1:].rstrip(".")
