"""The command line run in this process."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from ci_mcp.cli.app import run


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str


@pytest.fixture
def ci_mcp(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., Ran]]:
    """Run ``ci-mcp`` with these words; what it set of logging is undone."""

    def call(*words: str) -> Ran:
        capsys.readouterr()
        code = run(list(words))
        said = capsys.readouterr()
        return Ran(code, said.out, said.err)

    yield call
    logging.getLogger("ci_mcp").setLevel(logging.NOTSET)
