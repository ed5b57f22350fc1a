"""An error as output: one line on stderr, and an object on stdout where JSON was asked for."""

import errno
import json
from typing import Final

import click

from ci_mcp.errors import CiError, UsageError

# What a system says where the answer goes, or a file, and there is no room for it.
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG})


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
        return UsageError(_small(error.format_message()), _before(error) or f'see "{command} --help"')
    if isinstance(error, click.ClickException):
        return UsageError(_small(error.format_message()))
    if isinstance(error, OSError) and error.errno in _FULL:
        return CiError(f"cannot write: {error.strerror}", "make room there, or write elsewhere")
    return CiError(
        f"a fault of ci-mcp itself ({type(error).__name__})", "run it again with --debug and report what it says"
    )


def _before(error: click.UsageError) -> str:
    """What to do about an option that stands behind the command and belongs before it; empty for any other error."""
    if not isinstance(error, click.exceptions.NoSuchOption) or error.ctx is None or error.ctx.parent is None:
        return ""
    known = {name for option in error.ctx.find_root().command.params for name in option.opts}
    if error.option_name not in known:
        return ""
    path = error.ctx.command_path.partition(" ")[2]
    return f'it stands before the command: "ci-mcp {error.option_name} {path}"'


def _small(message: str) -> str:
    line = " ".join(message.split())  # click lists choices on lines of their own
    return line[:1].lower() + line[1:].rstrip(".")
