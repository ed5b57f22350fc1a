"""Logs of jobs that really ran, kept as steps: every service of the sandbox makes its own log format from them.

``logs/logs.json`` says of each what ran, how it ended and which tool it was; ``scripts/record_logs`` made them.
"""

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Step:
    """One command of a recorded job; ``output`` is what its terminal showed, ``seconds`` how long it took."""

    command: str
    exit_code: int
    seconds: float
    output: str


@dataclass(frozen=True, slots=True)
class Recording:
    """A recorded job.

    Attributes:
        commit: the commit that was checked out, in full.
        subject: that commit's subject.
        steps: the commands up to the first that failed.
        epilogue: the commands that ran afterwards.
        report: the JUnit XML that the job left behind, empty for none.
    """

    commit: str
    subject: str
    steps: tuple[Step, ...]
    epilogue: tuple[Step, ...]
    report: str


@cache
def exit_codes() -> Mapping[str, int]:
    """The exit code of every recording by its name, without reading the logs."""
    index = json.loads((files(__package__) / "logs" / "logs.json").read_text("utf-8"))
    return {name: entry["exit_code"] for name, entry in index.items()}


def commands(name: str) -> list[str]:
    """The commands of a recorded job; of one that was never recorded, the least that a job has."""
    return [step.command for step in recording(name).steps] if name else ["checkout"]


@cache
def recording(name: str) -> Recording:
    """The recording of that name, unpacked at its first use."""
    raw = json.loads(gzip.decompress((files(__package__) / "logs" / f"{name}.json.gz").read_bytes()))
    steps = tuple(Step(**step) for step in raw["steps"])
    ran = len(steps) - raw["epilogue"]
    return Recording(raw["commit"], raw["subject"], steps[:ran], steps[ran:], raw["report"])
