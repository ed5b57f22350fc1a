"""``ci-mcp completion``: the completion script of a shell."""

import click

SHELLS = ("bash", "zsh", "fish")


def script(shell: str, root: click.Command) -> str:
    """The completion script for one of `SHELLS`, as click makes it."""
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    if found is None:  # click knows every shell of SHELLS
        raise ValueError(shell)
    return found(root, {}, "ci-mcp", "_CI_MCP_COMPLETE").source()


@click.command(epilog="\b\nExample:\n  ci-mcp completion zsh > ~/.zfunc/_ci-mcp")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script for a shell."""
    click.echo(script(shell, ctx.find_root().command))
