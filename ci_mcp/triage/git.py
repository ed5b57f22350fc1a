"""Questions to the git that made a checkout: words of ours only, no network, no long waits."""

import shutil
import subprocess
from typing import Final

from ci_mcp.core.children import environment

PATIENCE: Final = 5.0
"""Seconds for one git command."""
# A partial clone would ask its server for what is missing.
_QUIET: Final = {"GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}


def git(folder: str, *words: str, patience: float = PATIENCE) -> str:
    """What git says, as text; empty where it refuses, takes too long or is not there.

    Blocks: call it in a thread.
    """
    program = shutil.which("git")
    if program is None:
        return ""
    try:
        done = subprocess.run(  # noqa: S603 - git, with words of ours
            (program, "-C", folder, "-c", "core.fsmonitor=false", *words),
            capture_output=True,
            timeout=patience,
            check=False,
            stdin=subprocess.DEVNULL,
            env={**environment(), **_QUIET},
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace").strip("\n") if done.returncode == 0 else ""
