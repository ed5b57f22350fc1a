"""The git checkout in a folder, read with the git that made it; the network is left alone."""

import os
import re
from collections.abc import Sequence

import anyio
import anyio.to_thread

from ci_mcp.core.shapes import Checkout
from ci_mcp.triage.git import git

_MOST = 1_000  # commits that are looked through for one that is not pushed
# As forges name them, as `git fetch` with a refspec for all of them keeps them, and as a CI's own checkout does.
_PULL = re.compile(r"refs/(?:remotes/)?(?:[^/]+/)??(?:pull|pr)/\d+(?:/head|/merge)?")


async def read(folder: str | None = None) -> Checkout | None:
    """The checkout that ``folder`` (the current one) is in; ``None`` outside of one, or without git."""
    return await anyio.to_thread.run_sync(_read, folder or os.getcwd())  # noqa: PTH109 - a text for git, not a path to work with


def _read(folder: str) -> Checkout | None:
    root = git(folder, "rev-parse", "--show-toplevel")
    if not root:
        return None
    local = git(folder, "symbolic-ref", "--quiet", "--short", "HEAD")
    commit = git(folder, "rev-parse", "--verify", "--quiet", "HEAD")
    remote, ref = _upstream(folder, local) if local else ("", "")
    refs = (
        []
        if local
        else git(folder, "for-each-ref", "--points-at=HEAD", "--format=%(refname)", "refs/remotes", "refs/pull").split()
    )
    pull = any(_PULL.fullmatch(name) for name in (ref, *refs))
    return Checkout(
        root=root,
        remotes=_remotes(folder, remote),
        branch=_branch(folder, local, ref) if local else _only_branch(refs),
        commit=commit,
        local=local,
        pushed=_pushed(folder, commit, pull=pull),
        merged="" if local or not pull else git(folder, "rev-parse", "--verify", "--quiet", "HEAD^2"),
    )


def _remotes(folder: str, first: str) -> tuple[str, ...]:
    """The URLs of all remotes: that of the branch's own first, then ``origin`` and ``upstream``."""
    order = {name: number for number, name in enumerate((first, "origin", "upstream"))}
    lines = [words for line in git(folder, "remote", "--verbose").splitlines() if len(words := line.split()) > 1]
    lines.sort(key=lambda words: order.get(words[0], len(order)))
    return tuple(dict.fromkeys(_without_password(words[1]) for words in lines))


def _without_password(remote: str) -> str:
    return re.sub(r"^(\w+://)[^/@]*@", r"\1", remote)


def _upstream(folder: str, local: str) -> tuple[str, str]:
    """The remote and the ref there that a branch follows; both empty where it follows none."""
    # As configured: git itself names no ref that no remote-tracking branch stands for, such as a pull request's.
    remote = git(folder, "config", "--get", f"branch.{local}.remote")
    return (remote, git(folder, "config", "--get", f"branch.{local}.merge")) if remote not in {"", "."} else ("", "")


def _branch(folder: str, local: str, ref: str) -> str:
    """The branch as the remote calls it: by its own name where one has that, else by that of what it follows."""
    there = ref.removeprefix("refs/heads/") if ref.startswith("refs/heads/") else ""
    if not there or there == local:
        return local
    return local if git(folder, "for-each-ref", "--format=%(refname)", f"refs/remotes/*/{local}") else there


def _only_branch(refs: Sequence[str]) -> str:
    """The branch that a detached HEAD is the tip of, where it is that of one alone."""
    names = {ref.split("/", 3)[3] for ref in refs if ref.count("/") > 2 and not _PULL.fullmatch(ref)} - {"HEAD"}  # noqa: PLR2004 - refs/remotes/NAME/BRANCH
    return names.pop() if len(names) == 1 else ""


def _pushed(folder: str, commit: str, *, pull: bool) -> bool | None:
    """Whether a remote-tracking branch holds HEAD; ``None`` where that cannot be told, as of a pull request's ref."""
    if not commit:
        return None
    ahead = git(folder, "rev-list", "--count", f"--max-count={_MOST}", "HEAD", "--not", "--remotes")
    if ahead == "0":
        return True
    fetched = git(folder, "rev-parse", "--verify", "--quiet", "FETCH_HEAD") == commit
    return None if not ahead or pull or fetched else False
