"""A parameter that is a whole document: as text, from a file, from standard input."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
VALIDATE = ("--demo", "semaphore", "pipelines", "validate")
GOOD = """\
version: v1.0
name: Größe
agent: {machine: {type: f1-standard-2, os_image: ubuntu2204}}
blocks: [{name: a, task: {jobs: [{name: b, commands: [ls]}]}}]
"""


@pytest.mark.parametrize("how", ["text", "file", "stdin"])
def test_a_document_comes_from_anywhere(how: str, ci_mcp: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file may begin with a byte order mark; what is valid exits 0."""
    (tmp_path / "good.yml").write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(GOOD.encode())))
    words = {"text": ("--yaml", GOOD), "file": ("--file", str(tmp_path / "good.yml")), "stdin": ("--file", "-")}[how]
    ran = ci_mcp(*VALIDATE, *words)
    assert (0, True) == (ran.code, json.loads(ran.out)["valid"])


def test_what_is_not_valid_exits_1(ci_mcp: Run) -> None:
    """So that a script can ask."""
    ran = ci_mcp(*VALIDATE, "--yaml", "blocks: [")
    assert (1, False, "") == (ran.code, json.loads(ran.out)["valid"], ran.err)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "give either --yaml or --file"),
        (("--yaml", "a: 1", "--file", "-"), "give either --yaml or --file"),
        (("--file", "nowhere.yml"), "No such file"),
        (("--file", "latin.yml"), "no text in UTF-8"),
    ],
)
def test_a_document_that_is_not_there_is_a_usage_error(
    words: tuple[str, ...], said: str, ci_mcp: Run, home: Path
) -> None:
    """Nothing is sent then."""
    (home / "latin.yml").write_bytes(b"name: Gr\xf6\xdfe")
    ran = ci_mcp(*VALIDATE, *words)
    assert 2 == ran.code
    assert said in ran.err


def test_a_document_that_may_be_left_out_is_not_asked_for(ci_mcp: Run) -> None:
    """A description is changed without the YAML; the example of the help asks for no file then."""
    update = ("--demo", "buildkite", "pipelines", "update")
    ran = ci_mcp(*update, "--pipeline", "shop", "--description", "All there is to buy")
    assert (0, "All there is to buy") == (ran.code, json.loads(ran.out)["description"]), ran.err
    assert "--pipeline PIPELINE\n" in ci_mcp(*update, "--help").out
