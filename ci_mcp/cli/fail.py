"""An error as output: one line on stderr, and an object on stdout where JSON was asked for."""

import json

import click

from ci_mcp.errors import CiError, UsageError


def report(error: Exception, *, as_json: bool) -> int:
    """Say what happened and what to do; gives the exit code."""
    from ci_mcp.cli.wording import as_commands
    from ci_mcp.core.answer import safe

    told = _told(error)
    click.echo(f"ci-mcp: {as_commands(safe(str(told)))}", err=True)
    if as_json:
        said = {"kind": told.kind, "message": safe(told.message), "next": safe(told.next_step)}
        click.echo(json.dumps({"error": said}, ensure_ascii=False))
    return told.exit_code


def _told(error: Exception) -> CiError:
    if isinstance(error, CiError):
        return error
    if isinstance(error, click.exceptions.NoSuchCommand) and isinstance(error.ctx, click.Context):
        # Commands that are loaded late are unknown to click's own search for a near one.
        known = error.ctx.command.list_commands(error.ctx) if isinstance(error.ctx.command, click.Group) else []
        error = click.exceptions.NoSuchCommand(error.command_name, possibilities=known, ctx=error.ctx)
    if isinstance(error, click.UsageError):
        command = error.ctx.command_path if error.ctx else "ci-mcp"
        return UsageError(_small(error.format_message()), f'see "{command} --help"')
    if isinstance(error, click.ClickException):
        return UsageError(_small(error.format_message()))
    return CiError(
        f"a fault of ci-mcp itself ({type(error).__name__})", "run it again with --debug and report what it says"
    )


def _small(message: str) -> str:
    return message[:1].lower() + message[1:].rstrip(".")
