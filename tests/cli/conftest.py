"""The command line run in this process."""

from collections.abc import Callable
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
def ci_mcp(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Run ``ci-mcp`` with these words."""

    def call(*words: str) -> Ran:
        capsys.readouterr()
        code = run(list(words))
        said = capsys.readouterr()
        return Ran(code, said.out, said.err)

    return call
