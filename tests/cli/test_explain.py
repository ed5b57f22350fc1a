"""``explain``, ``status`` and ``excerpt`` in this process."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ci_mcp.cli.fail import report
from ci_mcp.sandbox.semaphore import world as ids

Run = Callable[..., Any]


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("semaphore", 1),
        ("semaphore:shop@release", 0),
        ("semaphore:shop@spike", 1),
        (f"semaphore:#{ids.SHOP_STUCK_WORKFLOW}", 1),
    ],
)
def test_the_exit_code_says_whether_a_run_failed(target: str, code: int, ci_mcp: Run) -> None:
    """Failed and canceled count, passed does not; for ``status`` as for ``explain``."""
    for command in ("explain", "status"):
        ran = ci_mcp("--demo", command, target)
        assert (code, "") == (ran.code, ran.err)


def test_an_explanation_as_json_has_its_documented_shape(ci_mcp: Run) -> None:
    """The README names these fields."""
    (run,) = json.loads(ci_mcp("--demo", "explain", "semaphore", "--format", "json").out)["runs"]
    (failure,) = run["failures"]
    assert {"status", "provider", "id", "project", "failures", "green"} <= set(run)
    assert {"job", "step", "exit_code", "tests", "excerpt"} <= set(failure)
    assert {"total", "places", "steps", "blocks"} <= set(failure["excerpt"])
    assert {"number", "text", "telling", "kind"} <= set(failure["excerpt"]["blocks"][0][0])


def test_without_compare_nothing_is_said_of_green(ci_mcp: Run) -> None:
    """It saves a request."""
    assert "green" not in ci_mcp("--demo", "explain", "semaphore", "--no-compare").out


def test_a_baseline_takes_away_what_was_there_when_it_was_green(ci_mcp: Run, tmp_path: Path) -> None:
    """An error line that the green log has too is no cause."""
    green, red = tmp_path / "green.log", tmp_path / "red.log"
    green.write_text("step one\nERROR: cache server not reachable, going on\nok\n" * 20)
    red.write_text(
        "step one\nERROR: cache server not reachable, going on\nok\n" * 20 + "cart.c:3:1: error: expected ';'\n"
    )
    with_baseline = ci_mcp("excerpt", str(red), "--baseline", str(green), "--tokens", "60").out
    assert "expected ';'" in with_baseline
    assert "cache server" not in with_baseline


def test_an_excerpt_hides_secrets(ci_mcp: Run, tmp_path: Path) -> None:
    """A log is hostile text, on this machine too."""
    log = tmp_path / "build.log"
    log.write_text("error: push to https://me:s3cr3t-pass@git.example/x failed\n")
    assert "s3cr3t" not in ci_mcp("excerpt", str(log)).out


def test_a_fault_of_our_own_asks_for_a_report(capsys: pytest.CaptureFixture[str]) -> None:
    """One line, no traceback."""
    assert 6 == report(ZeroDivisionError("x"), as_json=False)
    assert "ci-mcp: a fault of ci-mcp itself (ZeroDivisionError): run it again with --debug" in capsys.readouterr().err
