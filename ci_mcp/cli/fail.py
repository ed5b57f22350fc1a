"""An error as output: one line on stderr, and an object on stdout where JSON was asked for."""

import json

import click

from ci_mcp.errors import CiError


def report(error: CiError, *, as_json: bool) -> int:
    """Say what happened and what to do; gives the exit code."""
    click.echo(f"ci-mcp: {error}", err=True)
    if as_json:
        said = {"kind": error.kind, "message": error.message, "next": error.next_step}
        click.echo(json.dumps({"error": said}, ensure_ascii=False))
    return error.exit_code
