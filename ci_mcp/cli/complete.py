"""What the shell is offered at a tab: values that need no call to a service."""

import click
from click.shell_completion import CompletionItem

_GIT_SECONDS = 2.0


def providers(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001 - click's signature
    """The providers' names."""
    from ci_mcp.core.catalog import load

    services = load().services.items()
    return [CompletionItem(name, help=service.title) for name, service in services if name.startswith(incomplete)]


provider_argument = click.argument("provider", shell_complete=providers)
