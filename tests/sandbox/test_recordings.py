"""The recorded logs: real, clean of the machine they were made on, small."""

from importlib.resources import files

import pytest

from ci_mcp.sandbox.recordings import exit_codes, recording
from ci_mcp.sandbox.semaphore.history import RUNS

NAMES = sorted(exit_codes())


def test_every_kind_of_tool_failed_once() -> None:
    """Tests, compilers, linters, a missing command, a killed process."""
    failed = {name for name, code in exit_codes().items() if code}
    assert {
        "shop-pytest-failed",
        "storefront-node-failed",
        "storefront-tsc-failed",
        "billing-maven-failed",
        "billing-go-failed",
        "warehouse-gcc-failed",
        "warehouse-cxx-failed",
        "warehouse-cargo-build-failed",
        "warehouse-cargo-test-failed",
        "warehouse-deploy-failed",
        "warehouse-index-killed",
        "shop-ruff-failed",
    } <= failed
    assert (127, 137) == (exit_codes()["warehouse-deploy-failed"], exit_codes()["warehouse-index-killed"])


@pytest.mark.parametrize("name", NAMES)
def test_a_recording_agrees_with_the_index(name: str) -> None:
    """Its last command ended as the index says, the others before it well."""
    steps = recording(name).steps
    assert exit_codes()[name] == steps[-1].exit_code
    assert {0} == {step.exit_code for step in steps[:-1]}
    assert "checkout" == steps[0].command


@pytest.mark.parametrize("name", NAMES)
def test_a_recording_says_nothing_of_its_machine(name: str) -> None:
    """No home folder of root, no folders of a build machine."""
    log = recording(name)
    text = log.report + "".join(step.output for step in (*log.steps, *log.epilogue))
    assert [] == [trace for trace in ("/root", "/work", "/opt/", "/tmp/", "localhost") if trace in text]  # noqa: S108 - looked for


def test_every_run_of_the_world_has_its_log() -> None:
    """And every recording is used by some run."""
    jobs = [job for run in RUNS for block in run.blocks for job in block.jobs]
    used = {name for job in jobs for name in (job.recording, job.again) if name}
    assert set(NAMES) == used


def test_the_recordings_are_small() -> None:
    """They travel in the package."""
    folder = files("ci_mcp.sandbox") / "logs"
    assert sum(len(file.read_bytes()) for file in folder.iterdir()) < 200_000
