"""The git checkout in a folder, read with the git that made it."""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence

import anyio
import anyio.to_thread

from ci_mcp.core.shapes import Checkout

PATIENCE = 5.0  # seconds for one git command


async def read(folder: str | None = None) -> Checkout | None:
    """The checkout that ``folder`` (the current one) is in; ``None`` outside of one, or without git."""
    return await anyio.to_thread.run_sync(_read, folder or os.getcwd())  # noqa: PTH109 - a text for git, not a path to work with


def _read(folder: str) -> Checkout | None:
    root = _git(folder, "rev-parse", "--show-toplevel")
    if not root:
        return None
    remotes = _git(folder, "remote", "--verbose").splitlines()
    return Checkout(
        root=root,
        remotes=tuple(dict.fromkeys(_without_password(line.split()[1]) for line in remotes if len(line.split()) > 1)),
        branch=_git(folder, "symbolic-ref", "--quiet", "--short", "HEAD"),
        commit=_git(folder, "rev-parse", "--verify", "--quiet", "HEAD"),
    )


def _without_password(remote: str) -> str:
    return re.sub(r"^(\w+://)[^/@]*@", r"\1", remote)


def _git(folder: str, *words: str) -> str:
    """What git says on one line or several; empty where it refuses."""
    program = shutil.which("git")
    if program is None:
        return ""
    command: Sequence[str] = (program, "-C", folder, *words)
    try:
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False, stdin=subprocess.DEVNULL)  # noqa: S603 - git, with words of ours
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace").strip() if done.returncode == 0 else ""
