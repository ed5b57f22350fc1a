"""What the shell is offered at a tab, asked as the shells ask it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from ci_mcp.cli.complete import joined
from ci_mcp.core.catalog import load

Offers = Callable[..., list[str]]


@pytest.fixture
def checkout(home: Path) -> Path:
    """A git checkout with branches of its own and of a remote."""
    folder = home / "checkout"
    folder.mkdir()
    git = ["git", "-C", str(folder), "-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    for words in (
        ["init", "--quiet", "--initial-branch=main"],
        ["commit", "--quiet", "--allow-empty", "--message=one"],
        ["branch", "feature/receipts"],
        ["update-ref", "refs/remotes/origin/release", "HEAD"],
        ["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main"],
    ):
        subprocess.run([*git, *words], check=True)
    os.chdir(folder)
    return folder


@pytest.fixture
def offers(monkeypatch: pytest.MonkeyPatch) -> Offers:
    """What the program offers a shell for these words, of which the last is the current one."""

    def ask(*words: str, program: str = "bash") -> list[str]:
        monkeypatch.setenv("_CI_MCP_COMPLETE", f"{program}_complete")
        monkeypatch.setenv("COMP_WORDS", "\n".join(["ci-mcp", *words]))
        monkeypatch.setenv("COMP_CWORD", words[-1] if program == "fish" else str(len(words)))
        done = subprocess.run([sys.executable, "-m", "ci_mcp"], capture_output=True, text=True, check=False)
        assert "" == done.stderr
        return [line.partition(",")[2] for line in done.stdout.splitlines() if line]

    return ask


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("do",), ["doctor"]),
        (("api", ""), list(load().services)),
        (("api", "buildk"), ["buildkite"]),
        (("auth", "lo"), ["login", "logout"]),
        (("auth", "login", "sem"), ["semaphore"]),
        (("serve", "--provider", "circ"), ["circleci"]),
        (("semaphore", "jobs", "lo"), ["logs"]),
        (("semaphore", "jobs", "logs", "--sea"), ["--search"]),
        (("api", "buildkite", "/v2/x", "--method", "P"), ["POST", "PUT", "PATCH"]),
    ],
)
def test_names_that_need_no_call_are_offered(words: Sequence[str], found: list[str], offers: Offers) -> None:
    """Commands, providers, options, choices."""
    assert found == offers(*words)


def test_fish_is_offered_all_commands_with_what_they_do(offers: Offers) -> None:
    """Also before a letter is typed; it shows what stands before a comma, so what they do has none."""
    said = dict(line.split("\t") for line in offers("", program="fish"))
    assert "Why did it fail: jobs; lines; tests; what changed since green." == said["explain"]
    assert {"doctor"} == {line.partition("\t")[0] for line in offers("do", program="fish")}


@pytest.mark.usefixtures("checkout")
def test_branches_of_the_checkout_are_offered(offers: Offers) -> None:
    """Local ones and the remotes', the name of neither's HEAD."""
    words = ("buildkite", "builds", "list", "--branch")
    assert {"main", "feature/receipts", "release"} == set(offers(*words, ""))
    assert ["feature/receipts"] == offers(*words, "fe")
    assert ["feature/receipts"] == offers(*words, "=", "fe")


@pytest.mark.usefixtures("checkout")
@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("explain", "sem"), ["semaphore"]),
        (("explain", "semaphore", ":", "shop", "@", "ma"), ["main"]),
        (("explain", "semaphore", ":", "a/shop", "@"), ["feature/receipts", "main", "release"]),
        (("explain", "semaphore:shop@ma"), ["semaphore:shop@main"]),
        (("explain", "shop@ma"), []),
        (("explain", "https", ":", "//ada", "@", "ma"), []),
    ],
)
def test_a_targets_branch_is_offered(words: Sequence[str], found: list[str], offers: Offers) -> None:
    """Bash takes the word apart and wants the last piece; where it does not, all of it."""
    assert found == sorted(offers(*words))


def test_outside_of_a_checkout_there_are_no_branches(offers: Offers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor without git."""
    assert [] == offers("semaphore", "tests", "flaky", "--branch", "")
    monkeypatch.setenv("PATH", "/nowhere")
    assert [] == offers("semaphore", "tests", "flaky", "--branch", "")


def test_hosts_that_are_configured_are_offered(offers: Offers, home: Path) -> None:
    """Of the provider that stands before; settings that are wrong are not the shell's business."""
    folder = home / "ci-mcp" / "config"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text('[semaphore]\nhosts = ["acme.semaphoreci.com", "b.example"]\n')
    assert ["acme.semaphoreci.com"] == offers("auth", "login", "semaphore", "--host", "ac")
    assert [] == offers("auth", "login", "nosuch", "--host", "")
    (folder / "config.toml").write_text("what = 1\n")
    assert [] == offers("auth", "login", "semaphore", "--host", "")


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
@pytest.mark.usefixtures("checkout")
def test_a_real_bash_completes_a_target(pytestconfig: pytest.Config) -> None:
    """With the committed script: the words as bash makes them, what it would insert."""
    script = pytestconfig.rootpath / "completions" / "ci-mcp.bash"
    program = (
        f"source {script}\n"
        "COMP_WORDS=(ci-mcp explain semaphore : shop @ fe) COMP_CWORD=6\n"
        f"_ci_mcp_completion '{Path(sys.executable).parent / 'ci-mcp'}'\n"
        'echo "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(["bash", "--norc", "-c", program], capture_output=True, text=True, check=True)  # noqa: S607 - the bash of this machine
    assert "feature/receipts\n" == done.stdout


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        ([], []),
        (["a", "b"], ["a", "b"]),
        (["a", ":", "b", "@", "c", "d"], ["a:b@c", "d"]),
        (["--a", "=", "b"], ["--a=b"]),
        ([":", "b"], [":b"]),
        (["a", ":"], ["a:"]),
    ],
)
def test_what_bash_took_apart_is_put_together(pieces: list[str], words: list[str]) -> None:
    """At its own breaks alone."""
    assert words == joined(pieces)
