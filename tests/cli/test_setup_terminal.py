"""``ci-mcp setup`` on a terminal: the guided start, on a real one."""

import contextlib
import os
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ci_mcp.sandbox.serve import Service, start

pty = pytest.importorskip("pty", reason="Windows has no pseudo-terminals of this kind")

PATIENCE = 30.0  # seconds until a word that does not come is missed

KEYRING = """
import json
import os
import pathlib

from keyring.backend import KeyringBackend

FILE = pathlib.Path(os.environ["HOME"]) / "keyring.json"


class Keyring(KeyringBackend):
    priority = 1

    def _all(self):
        return json.loads(FILE.read_text()) if FILE.exists() else {}

    def get_password(self, service, user):
        return self._all().get(user)

    def set_password(self, service, user, password):
        FILE.write_text(json.dumps(self._all() | {user: password}))
"""


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, words: tuple[str, ...], folder: Path) -> None:
        self.seen = ""
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ci_mcp", *words],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=folder,
            start_new_session=True,
        )
        os.close(slave)

    def read(self, until: str) -> str:
        """All that came since the last call, up to this word."""
        end = time.monotonic() + PATIENCE
        while until not in self.seen:
            ready, _, _ = select.select([self.master], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"no {until!r} in {self.seen!r}"
            try:
                more = os.read(self.master, 4096).decode("utf-8", "replace")
            except OSError:  # how Linux says that the other side has gone
                more = ""
            assert more, f"no {until!r} in {self.seen!r}"
            self.seen += more
        found, _, self.seen = self.seen.partition(until)
        return re.sub(r"\x1b\[[0-9;]*m", "", found + until).replace("\r\n", "\n")

    def type(self, text: str) -> None:
        """Type a line."""
        os.write(self.master, text.encode() + b"\n")

    def end(self) -> int:
        """Read the rest, and wait for the exit code."""
        with contextlib.suppress(OSError):
            while more := os.read(self.master, 4096):
                self.seen += more.decode("utf-8", "replace")
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        """End it whatever happened."""
        self.process.kill()
        self.process.wait()
        os.close(self.master)


@pytest.fixture
def terminal(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Terminal]]:
    """Starts ``ci-mcp`` on a terminal, with a keyring in a file and a narrow path."""
    (home / "backend").mkdir()
    (home / "backend" / "kept.py").write_text(KEYRING, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(home / "backend"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "kept.Keyring")
    monkeypatch.setenv("TERM", "xterm")
    _narrow_path(home, monkeypatch)
    opened: list[Terminal] = []

    def run(*words: str, folder: Path) -> Terminal:
        opened.append(Terminal(words, folder))
        return opened[-1]

    yield run
    for one in opened:
        one.close()


def _narrow_path(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path with git and no agent, whatever this machine has."""
    (home / "bin").mkdir()
    if git := shutil.which("git"):
        (home / "bin" / "git").symlink_to(git)
    monkeypatch.setenv("PATH", str(home / "bin"))


@pytest.fixture
def checkout(home: Path) -> Path:
    """A git checkout that CircleCI builds, and in which Codex is used."""
    root = home / "web"
    (root / ".circleci").mkdir(parents=True)
    (root / ".codex").mkdir()
    subprocess.run(["git", "init", "-q", str(root)], check=True)  # noqa: S607 - whichever git there is
    return root


@pytest.fixture(scope="module")
def circleci() -> Iterator[Service]:
    """The sandbox's CircleCI."""
    with start(["circleci"]) as services:
        yield services["circleci"]


def test_the_guided_start_asks_for_what_is_missing(
    terminal: Callable[..., Terminal],
    checkout: Path,
    home: Path,
    circleci: Service,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Agents and CI files found, a token checked before it is kept, a diff, a question, the next step."""
    monkeypatch.setenv("CIRCLECI_BASE_URL", circleci.url)
    shown = terminal("setup", folder=checkout)
    said = shown.read("Log in to CircleCI now? [Y/n]: ")
    assert re.search(r"^Agents found: .*Codex", said, re.MULTILINE)
    assert f"This folder: checkout {checkout}: set up for it\n" in said
    assert "CI files in it: CircleCI\nCI services configured: none\n" in said
    shown.type("")
    assert "A token is made at https://app.circleci.com/settings/user/tokens" in shown.read("CircleCI token: ")
    shown.type("not-the-token")
    assert "not-the-token" not in shown.read("Log in to CircleCI now? [Y/n]: ")
    assert not (home / "keyring.json").exists()
    shown.type("y")
    shown.read("CircleCI token: ")
    shown.type(circleci.token)
    said = shown.read("May agents also change things (rerun, cancel, approve)? [Y/n]: ")
    assert "logged in to CircleCI at 127.0.0.1:" in said
    assert circleci.token not in said
    assert circleci.token in (home / "keyring.json").read_text(encoding="utf-8")
    shown.type("n")
    said = shown.read("Do it? [Y/n]: ")
    assert '+args = ["serve", "--read-only"]\n' in said
    assert not (checkout / ".codex" / "config.toml").exists()
    shown.type("y")
    assert 0 == shown.end()
    assert "Codex: it reads .codex/config.toml only in a trusted project: start codex here and trust it" in shown.seen
    assert circleci.token not in (checkout / ".codex" / "config.toml").read_text(encoding="utf-8")
    assert "- CircleCI" in (checkout / "AGENTS.md").read_text(encoding="utf-8")


def test_a_service_with_a_host_for_each_organization_is_asked_where_it_is(
    terminal: Callable[..., Terminal], home: Path
) -> None:
    """Where nothing is configured and no CI file is found, the person names the service; giving up is no error."""
    (home / ".codex").mkdir()
    shown = terminal("setup", folder=home)
    said = shown.read("return for none): ")
    assert "This folder: no git checkout: set up for all your projects\n" in said
    assert "CI files in" not in said
    shown.type("semaphore")
    shown.read("Log in to Semaphore now? [Y/n]: ")
    shown.type("")
    shown.read("Semaphore host (such as acme.semaphoreci.com): ")
    shown.type("http://no.example.com")
    said = shown.read("Log in to Semaphore now? [Y/n]: ")
    assert "ci-mcp: http://no.example.com would send the token in clear text: " in said
    shown.type("n")
    shown.read("May agents also change things (rerun, cancel, approve)? [Y/n]: ")
    shown.type("")
    shown.read("Do it? [Y/n]: ")
    shown.type("n")
    assert 0 == shown.end()
    assert not (home / ".codex" / "config.toml").exists()


def test_a_question_can_be_interrupted(terminal: Callable[..., Terminal], checkout: Path) -> None:
    """Nothing is written, and the exit code says so."""
    shown = terminal("setup", "--agent", "codex", folder=checkout)
    said = shown.read("Do it? [Y/n]: ")
    assert "+[mcp_servers.ci]" in said
    os.write(shown.master, b"\x04")
    assert 130 == shown.end()
    assert not (checkout / ".codex" / "config.toml").exists()


def test_no_ci_at_all_is_no_obstacle(terminal: Callable[..., Terminal], home: Path) -> None:
    """The token can come later; every service's variables are named."""
    (home / ".codex").mkdir()
    shown = terminal("setup", folder=home)
    shown.read("return for none): ")
    shown.type("")
    shown.read("[Y/n]: ")
    shown.type("")
    shown.read("Do it? [Y/n]: ")
    shown.type("")
    assert 0 == shown.end()
    assert '"SEMAPHORE_API_TOKEN"' in (home / ".codex" / "config.toml").read_text(encoding="utf-8")


def test_without_an_agent_no_token_is_asked_for(terminal: Callable[..., Terminal], home: Path) -> None:
    """A person names the agent that was not found, or is told how to later."""
    shown = terminal("setup", folder=home)
    said = shown.read("return for none): ")
    assert "Which agent do you use? (claude, " in said
    shown.type("")
    assert 2 == shown.end()
    assert "ci-mcp: no coding agent was found here: name one with --agent: claude, " in shown.seen


def test_the_agent_that_a_person_names_is_set_up(
    terminal: Callable[..., Terminal], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where there is no keyring: then a token is not asked for, but its variable named."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    shown = terminal("setup", folder=home)
    shown.read("return for none): ")
    shown.type("codex")
    shown.read("Which CI do you use? ")
    shown.type("circleci")
    said = shown.read("[Y/n]: ")
    assert "CircleCI: this machine has no keyring: set CIRCLECI_TOKEN in your shell's profile\n" in said
    assert "Log in" not in said
    shown.type("")
    shown.read("Do it? [Y/n]: ")
    shown.type("")
    assert 0 == shown.end()
    assert (home / ".codex" / "config.toml").exists()


@pytest.mark.parametrize("name", ["buildbot", "pocketci"])
def test_a_server_that_asks_for_no_token_is_used_without_one(
    name: str, terminal: Callable[..., Terminal], home: Path
) -> None:
    """Its address is noted, so that `serve` knows it; nothing goes into the keyring."""
    with start([name]) as services:
        url = services[name].url
        shown = terminal("auth", "login", name, "--host", url, folder=home)
        assert " user:password (return where it asks for none): " in shown.read("none): ")
        shown.type("")
        assert 0 == shown.end()
        assert f" at {url.removeprefix('http://')} is used without a token (" in shown.seen
        assert not (home / "keyring.json").exists()
        shown = terminal("auth", "status", "--format", "json", folder=home)
        assert 0 == shown.end()
    assert [name] == re.findall(r'"provider": "(\w+)"', shown.seen)
    shown = terminal("auth", "logout", name, folder=home)
    assert 0 == shown.end()
    assert shown.seen.startswith("logged out of ")


def test_a_password_without_its_user_is_asked_for_again(terminal: Callable[..., Terminal], home: Path) -> None:
    """Nothing is sent."""
    shown = terminal("auth", "login", "buildbot", "--host", "http://127.0.0.1:9", folder=home)
    shown.read("none): ")
    shown.type("secret-words")
    assert 2 == shown.end()
    assert "ci-mcp: Buildbot knows users and passwords: give both on one line, as user:password" in shown.seen


def test_the_demos_signs_of_life_do_not_stand_in_its_answers(terminal: Callable[..., Terminal], home: Path) -> None:
    """A spinner is gone before the answer that it waited for is shown."""
    shown = terminal("demo", folder=home)
    assert 0 == shown.end()
    assert "── Give it to your agent ──" in shown.seen
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.seen)
    assert [] == re.findall(r"asking the CI[^\r\n].*", plain)
