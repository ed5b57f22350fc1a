"""What the shell is offered at a tab: values that need no call to a service."""

import os
from collections.abc import Sequence
from typing import Any

import click
from click.shell_completion import BashComplete, CompletionItem, FishComplete, add_completion_class, split_arg_string

_GIT_SECONDS = 2.0
_MOST_BRANCHES = 200
_BREAKS = frozenset(":@=")


def providers(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:  # noqa: ARG001 - click's signature
    """The providers' names."""
    from ci_mcp.core.catalog import load

    services = load().services.items()
    return [CompletionItem(name, help=service.title) for name, service in services if name.startswith(incomplete)]


def hosts(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:  # noqa: ARG001 - click's signature
    """The configured hosts of the provider that stands on the command line."""
    from ci_mcp.auth.endpoints import endpoints
    from ci_mcp.config import Config
    from ci_mcp.core.catalog import load
    from ci_mcp.errors import CiError

    # Before an option's value is there, click leaves the arguments where they are.
    service = load().services.get(ctx.params.get("provider") or next(iter(ctx.args), ""))
    try:
        known = endpoints(service, Config.load(os.environ), os.environ) if service else ()
    except CiError:
        return []
    return [CompletionItem(one.host) for one in known if one.host.startswith(incomplete)]


def branches(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:  # noqa: ARG001 - click's signature
    """The branches of the git checkout in this folder, those with the newest commits first."""
    return [CompletionItem(name) for name in _branches() if name.startswith(incomplete)]


def targets(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Providers; behind ``PROVIDER:PROJECT@`` the branches of the checkout."""
    before, sign, begun = incomplete.rpartition("@")
    if sign and ":" in before and "//" not in before:
        return [CompletionItem(f"{before}@{name}") for name in _branches() if name.startswith(begun)]
    return providers(ctx, param, incomplete)


def _branches() -> list[str]:
    import shutil
    import subprocess

    from ci_mcp.core.children import environment

    git = shutil.which("git")
    if git is None:
        return []
    words = [git, "for-each-ref", "--sort=-committerdate", f"--count={_MOST_BRANCHES}", "--format=%(refname)"]
    try:
        done = subprocess.run(  # noqa: S603 - git, with words of ours
            [*words, "refs/heads", "refs/remotes"],
            capture_output=True,
            timeout=_GIT_SECONDS,
            check=False,
            text=True,
            env=environment(),
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return []
    # refs/heads/NAME, refs/remotes/REMOTE/NAME
    parts = [line.split("/", 3 if line.startswith("refs/remotes/") else 2) for line in done.stdout.splitlines()]
    return [name for name in dict.fromkeys(part[-1] for part in parts) if name != "HEAD"]


provider_argument = click.argument("provider", shell_complete=providers)
target_argument = click.argument("target", default="", shell_complete=targets)


@add_completion_class
class Bash(BashComplete):
    """Bash hands over ``a:b@c`` and ``--a=b`` in pieces, and wants only the last piece back."""

    _begun = ""  # the pieces of the current word that stay where they are

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the current one, and the current one, each whole."""
        words = split_arg_string(os.environ["COMP_WORDS"])
        number = int(os.environ["COMP_CWORD"])
        whole = joined(words[1 : number + 1])
        if number >= len(words):
            return whole, ""
        last = words[number]
        self._begun = whole[-1] if set(last) <= _BREAKS else whole[-1].removesuffix(last)
        return whole[:-1], whole[-1]

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """A value without the pieces that stay."""
        return f"{item.type},{str(item.value).removeprefix(self._begun)}"


@add_completion_class
class Fish(FishComplete):
    """Fish hands over an empty word as an empty variable, and shows of a line what stands before its second comma."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the current one, and the current one."""
        os.environ.setdefault("COMP_CWORD", "")  # a variable that is empty went at the start (`ci_mcp.environment`)
        return super().get_completion_args()

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """A value with what it means."""
        said = item.help.replace(",", ";") if item.help else None
        return super().format_completion(CompletionItem(item.value, item.type, said))


def joined(pieces: Sequence[str]) -> list[str]:
    """The words that bash took apart at its ``:``, ``@`` and ``=``."""
    words: list[str] = []
    goes_on = False
    for piece in pieces:
        is_break = set(piece) <= _BREAKS
        if words and (is_break or goes_on):
            words[-1] += piece
        else:
            words.append(piece)
        goes_on = is_break
    return words
