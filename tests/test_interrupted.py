"""A wait that a person ends: one exit code, no traceback, nothing left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ci_mcp.sandbox.semaphore import world
from ci_mcp.sandbox.serve import start

PROGRAM = str(Path(sys.executable).with_name("ci-mcp"))
PATIENCE = 30.0
pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals")


def interrupt(words: list[str], env: dict[str, str], ready: Callable[[], bool]) -> tuple[int | None, str, str]:
    """Start ``ci-mcp``, interrupt it once it is where it should be, and give its exit code and what it said."""
    with subprocess.Popen(
        [PROGRAM, *words], env=os.environ | env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            end = time.monotonic() + PATIENCE
            while not ready() and process.poll() is None and time.monotonic() < end:
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            said, errors = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
    return process.returncode, said, errors.strip()  # a line break after the terminal's ^C


def test_an_interrupted_wait_exits_130_and_asks_no_more() -> None:
    """While it sleeps between two looks."""
    with start(["semaphore"]) as services:
        service = services["semaphore"]
        ended = interrupt(
            ["wait", f"semaphore:#{world.SHOP_PASSES_SOON_WORKFLOW}"],
            {"SEMAPHORE_HOST": service.url, "SEMAPHORE_API_TOKEN": service.token},
            lambda: service.requests.total() > 0,
        )
        assert (130, "", "") == ended
        assert service.requests.total() <= 8  # one look, not yet the next


def test_an_interrupted_demo_takes_its_folder_with_it(tmp_path: Path) -> None:
    """The sandbox ends with the command."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    words = ["--demo", "wait", "semaphore:shop@passes-soon"]
    ended = interrupt(words, {"TMPDIR": str(folder)}, lambda: any(folder.iterdir()))
    assert (130, "", "") == ended
    assert [] == list(folder.iterdir())
