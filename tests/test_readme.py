"""The README tells the truth: its commands, its transcript, its exit codes."""

import re
from pathlib import Path

import pytest

from ci_mcp import errors
from ci_mcp.cli import generate

TIMES = re.compile(r"\d+ (?:s|min|h|d)\b(?: \d+ (?:s|min|h)\b)?")


@pytest.fixture
def readme(pytestconfig: pytest.Config) -> str:
    """The README of the checkout."""
    return (pytestconfig.rootpath / "README.md").read_text(encoding="utf-8")


def test_it_opens_with_the_two_commands(readme: str) -> None:
    """Word for word what CI runs."""
    commands = re.findall(r"^python3 -m venv .*$", readme, re.MULTILINE)
    assert [
        "python3 -m venv .venv && .venv/bin/pip install -q . && .venv/bin/ci-mcp demo",
        "python3 -m venv .venv && .venv/bin/pip install -q '.[test]' && .venv/bin/pytest",
    ] == commands


def test_its_transcript_is_what_the_program_says(readme: str) -> None:
    """After a change: python -m ci_mcp.cli.generate. Only times may differ."""
    made = generate.between(readme, generate.TRANSCRIPT, generate.transcript())
    assert TIMES.sub("N", made) == TIMES.sub("N", readme)


def test_what_is_not_marked_cannot_be_made() -> None:
    """A README that lost its marks is noticed."""
    with pytest.raises(ValueError, match="there is no <!-- tools"):
        generate.between("", generate.TOOLS, "x")


def test_its_exit_codes_are_those_of_the_errors(readme: str) -> None:
    """Every code that an error has stands in the table."""
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", readme, re.MULTILINE)}
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.CiError)]
    assert {kind.exit_code for kind in kinds} | {0, 1, 130} == codes


def test_its_troubleshooting_is_keyed_by_what_the_program_says(readme: str) -> None:
    """Word for word, but for what stands for a name."""
    rows = readme.partition("| message | what to do |")[2].partition("\n\n")[0].splitlines()[2:]
    messages = [said for row in rows for said in re.findall(r"`([^`]+)`", row.split("|")[1])]
    source = "\n".join(
        path.read_text(encoding="utf-8") for path in Path(errors.__file__).parent.rglob("*.py") if path.is_file()
    )
    assert len(messages) > 12
    for message in messages:
        for part in re.split(r"…|semaphore\b", message):
            assert part.strip(" :") in source
