"""The root of the command line: what it lists, how it fails, what it imports."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from ci_mcp import __version__
from ci_mcp.cli.app import COMMANDS, cli
from ci_mcp.cli.provider import provider_group
from ci_mcp.core.catalog import load

Run = Callable[..., Any]
HEAVY = {"mcp", "mcp_types", "httpx", "keyring", "rich", "pydantic", "importlib.metadata"}


def test_the_version_is_one_line(ci_mcp: Run) -> None:
    """For scripts that look."""
    assert f"ci-mcp {__version__}\n" == ci_mcp("--version").out


@pytest.mark.parametrize("name", COMMANDS)
def test_help_says_of_each_command_what_the_command_says_of_itself(name: str) -> None:
    """The list is kept apart so that help imports no command; it must not drift."""
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert COMMANDS[name][1] == command.get_short_help_str(limit=200)


def commands(command: click.Command, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], click.Command]]:
    """Every command below this one, with the words that lead to it."""
    found = [(path, command)]
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            found += commands(below, (*path, name))
    return found


@pytest.mark.parametrize("path", [path for path, _ in commands(cli)], ids=" ".join)
def test_every_level_has_help_and_an_example(path: tuple[str, ...], ci_mcp: Run) -> None:
    """``--help`` works everywhere, and shows how a command is typed."""
    ran = ci_mcp(*path, "--help")
    assert 0 == ran.code
    assert "Example" in ran.out
    if path:
        assert f"ci-mcp {' '.join(path)}"[:20] in ran.out


def test_every_tool_is_a_command() -> None:
    """Nothing an agent can do is missing from the shell, and the ``ci_`` tools are commands of their own."""
    paths = {path for path, command in commands(cli) if not isinstance(command, click.Group)}
    for spec in load().tools.values():
        words = (spec.provider, *spec.words)
        assert words in paths or (spec.name.removeprefix("ci_"),) in paths or spec.name == "ci_echo"


@pytest.mark.parametrize("name", [spec.name for spec in load().tools.values() if spec.provider in load().services])
def test_the_example_of_a_tools_help_can_be_typed(name: str) -> None:
    """Its words are those that the command takes."""
    spec = load().tools[name]
    noun, verb = spec.words
    command = provider_group(spec.provider).commands[noun].commands[verb]  # type: ignore[attr-defined]  # a group
    words = str(command.epilog).split()
    assert ["ci-mcp", spec.provider, noun, verb] == words[2:6]
    command.make_context(verb, ["-" if word == "FILE" else word for word in words[6:]])


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("exlain",), 2, "ci-mcp: no such command 'exlain'. Did you mean 'explain'?: see \"ci-mcp --help\"\n"),
        (("explain", "--tokens", "1"), 2, "is not in the range 200<=x<=10000"),
        (
            ("completion",),
            2,
            "missing argument '{bash|zsh|fish}'. Choose from: bash, zsh, fish: see \"ci-mcp completion --help\"\n",
        ),
        (("explain", "--demo"), 2, '--demo\': it stands before the command: "ci-mcp --demo explain"\n'),
        (
            ("semaphore", "jobs", "list", "--quiet"),
            2,
            ': it stands before the command: "ci-mcp --quiet semaphore jobs list"',
        ),
        (("--demo", "explain", "not a target!"), 2, "cannot tell what 'not a target!' is"),
        (("--demo", "explain", "nosuch:x"), 2, "there is no provider nosuch: the providers are "),
        (("explain",), 3, "ci-mcp: no CI is configured: "),
        (("auth", "status"), 3, "ci-mcp: no CI is configured: "),
        (("excerpt", "nowhere.log"), 2, "ci-mcp: cannot read nowhere.log: No such file or directory: "),
    ],
)
def test_an_error_is_one_line_with_what_to_do_and_its_exit_code(
    words: tuple[str, ...], code: int, said: str, ci_mcp: Run
) -> None:
    """On stderr, nothing on stdout, no traceback."""
    ran = ci_mcp(*words)
    assert code == ran.code
    assert said in ran.err
    assert 1 == len(ran.err.splitlines())
    assert "" == ran.out


def test_with_json_an_error_is_also_an_object_on_stdout(ci_mcp: Run) -> None:
    """A script that reads JSON gets JSON when it fails, too."""
    ran = ci_mcp("explain", "--format", "json")
    error = json.loads(ran.out)["error"]
    assert (3, "auth", "no CI is configured") == (ran.code, error["kind"], error["message"])


def test_without_arguments_it_shows_its_help_and_exits_2(ci_mcp: Run) -> None:
    """Nothing was asked, so nothing worked."""
    ran = ci_mcp()
    assert (2, "") == (ran.code, ran.out)
    assert "Usage: ci-mcp" in ran.err


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["semaphore", "jobs", "logs", "--help"]])
def test_version_and_help_import_nothing_heavy(words: list[str]) -> None:
    """Start-up is what a person feels at every command."""
    program = f"import sys\nfrom ci_mcp.cli.app import run\nrun({words!r})\nprint(sorted(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert set() == HEAVY & set(eval(done.stderr))  # noqa: S307 - the list that the line above printed


@pytest.mark.parametrize(("words", "count"), [("ci-mcp ", "1"), ("ci-mcp semaphore jobs ", "3")])
def test_completion_imports_nothing_heavy(words: str, count: str) -> None:
    """The shell waits for it at every tab."""
    program = "import sys\nfrom ci_mcp.cli.app import run\nrun([])\nprint(sorted(sys.modules), file=sys.stderr)"
    env = {"_CI_MCP_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": count}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, env=env)
    assert "plain," in done.stdout
    assert set() == HEAVY & set(eval(done.stderr or "[]"))  # noqa: S307 - the list that the line above printed


@pytest.mark.skipif(sys.platform == "win32", reason="its shell has no such words")
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("--version >&-", 0, ""),
        ("tools >&-", 0, ""),
        ("explain 2>&-", 3, ""),
        ("serve <&-", 0, ""),
        ("setup <&-", 2, "ci-mcp: there is no terminal to ask on: "),
        ("auth login circleci --token-stdin <&-", 3, "ci-mcp: this machine has no keyring: "),
        ("excerpt - <&-", 0, ""),
    ],
)
def test_a_stream_that_is_not_there_is_no_fault(words: str, code: int, said: str) -> None:
    """As under a service manager that hands over none."""
    shell = ["sh", "-c", f"{sys.executable} -m ci_mcp {words}"]
    done = subprocess.run(shell, capture_output=True, text=True, check=False)
    assert code == done.returncode
    assert done.stderr.startswith(said)
    assert "fault" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_an_answer_that_cannot_be_written_is_one_line() -> None:
    """A full disk is no fault of ours."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "ci_mcp", "tools"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    said = "ci-mcp: cannot write: No space left on device: make room there, or write elsewhere\n"
    assert (6, said) == (done.returncode, done.stderr)
