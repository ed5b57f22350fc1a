"""An agent's own program run to change its configuration: without a terminal, and not for ever."""

import shlex
import subprocess
from pathlib import PurePath

from ci_mcp.agents.base import Machine
from ci_mcp.agents.files import LeftAloneError
from ci_mcp.agents.plan import Call, configured
from ci_mcp.core.children import environment

PATIENCE = 60.0  # seconds


def shown(call: Call) -> str:
    """A call as a person types it."""
    return shlex.join([PurePath(call.program).name, *call.words])


def run(call: Call, machine: Machine) -> None:
    """Run a call and see that it did what it says.

    Raises:
        LeftAloneError: it did not.
    """
    by_hand = f"run it yourself: {shown(call)}"
    try:
        done = subprocess.run(  # noqa: S603 - an agent's program, with words of ours
            [call.program, *call.words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
            env=environment(),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        why = "does not end" if isinstance(error, subprocess.TimeoutExpired) else "cannot be started"
        raise LeftAloneError(f"{call.program} {why}", by_hand) from error
    if done.returncode:
        raise LeftAloneError(f"{call.program} refuses (exit code {done.returncode})", by_hand)
    adds = call.agent.through is not None and call.words != call.agent.through.remove
    if adds != bool(configured(call.agent, machine, None)):
        raise LeftAloneError(f"{call.program} changed nothing", by_hand)
