"""The README tells the truth: its commands, its transcript and picture, its settings, its exit codes."""

import html
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from ci_mcp import errors
from ci_mcp.cli import generate
from ci_mcp.cli.app import cli
from ci_mcp.cli.picture import picture
from ci_mcp.config import Config
from ci_mcp.core.catalog import load

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


@pytest.fixture(scope="module")
def said() -> str:
    """What the program says where the README shows it."""
    return generate.transcript()


def test_its_transcript_is_what_the_program_says(readme: str, said: str) -> None:
    """After a change: python -m ci_mcp.cli.generate. Only times may differ."""
    made = generate.between(readme, generate.TRANSCRIPT, generate.fenced(said))
    assert TIMES.sub("N", made) == TIMES.sub("N", readme)


def shown(svg: str) -> str:
    """The text of a picture."""
    found = re.findall(r"<text[^>]*>(.*?)</text>", svg, re.DOTALL)
    return TIMES.sub("N", html.unescape(" ".join(found)).replace("\xa0", " "))


def test_its_picture_is_what_the_program_says(readme: str, said: str, pytestconfig: pytest.Config) -> None:
    """The same words in the same places, drawn without asking another host for anything."""
    svg = (pytestconfig.rootpath / generate.PICTURE).read_text(encoding="utf-8")
    assert f"]({generate.PICTURE})" in readme
    assert shown(picture(said.split("\n"), generate.PICTURE_WIDTH)) == shown(svg)
    assert "AssertionError: assert 1790 == 1800" in shown(svg)
    assert {"http://www.w3.org/2000/svg"} == {
        found for found in re.findall(r'https?://[^"\s<)]+', svg) if "w3" in found
    }
    assert "url(http" not in svg
    assert 'url("http' not in svg


def commands(readme: str) -> list[list[str]]:
    """Every fenced ``ci-mcp`` command as words, up to where a shell does more with it."""
    fences = re.findall(r"^```\w*\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    found = re.findall(r"(?:^|(?:&&|\|\||\||\$|--) )(ci-mcp [^|>&#\n]+)", "\n".join(fences), re.MULTILINE)
    return [shlex.split(command)[1:] for command in found]


def test_its_commands_can_be_typed(readme: str) -> None:
    """Every command and option in it exists; nothing is run."""
    known = commands(readme)
    assert len(known) > 10
    for words in known:
        command: click.Command = cli
        rest, parent = words, None
        while isinstance(command, click.Group):
            parent = command.make_context("ci-mcp", list(rest), parent=parent)
            _, found, rest = command.resolve_command(parent, [*parent._protected_args, *parent.args])  # noqa: SLF001 - click has no other name for them
            assert found is not None, words
            command = found
        with command.make_context("ci-mcp", list(rest), parent=parent):
            pass


def test_its_commands_that_need_no_account_run(readme: str) -> None:
    """Those of the demo, and those that ask no CI."""
    harmless = [words for words in commands(readme) if words[0] in {"--demo", "completion"} and "serve" not in words]
    assert len(harmless) > 3
    for words in harmless:
        done = subprocess.run([sys.executable, "-m", "ci_mcp", *words], capture_output=True, text=True, check=False)
        assert done.returncode == (1 if "explain" in words else 0), done.stderr
        assert done.stdout


def test_its_tools_exist(readme: str) -> None:
    """Those that answer the example questions."""
    rows = readme.partition("| you ask your agent |")[2].partition("\n\n")[0].splitlines()[2:]
    named = [name for row in rows for name in re.findall(r"`([a-z_]+)`", row.split("|")[2])]
    assert len(rows) == 6
    assert set(named) <= set(load().tools)
    assert len(named) >= len(rows)


def test_its_settings_are_understood(readme: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every key of the example."""
    (example,) = re.findall(r"^```toml\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    monkeypatch.setenv("CI_MCP_HOME", str(home))
    folder = Config.load({"CI_MCP_HOME": str(home)}).config_dir
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.toml").write_text(example, encoding="utf-8")
    found = Config.load({"CI_MCP_HOME": str(home)})
    assert found.sections["firmwareci"]["org"] == "acme"
    assert found.cache_max_days == 30


def test_what_it_says_tools_cost_is_counted(readme: str) -> None:
    """After a change: python -m ci_mcp.cli.generate."""
    assert readme == generate.between(readme, generate.COST, generate.cost(load()))


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
