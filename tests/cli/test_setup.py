"""``ci-mcp setup``: what it shows, asks, writes and takes out again."""

import json
import os
import stat
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ci_mcp.agents.base import ALWAYS, Machine, agents
from ci_mcp.cli.setup import setup
from ci_mcp.cli.surroundings import program
from ci_mcp.sandbox.serve import Service, start

CLAUDE = {"type": "stdio", "command": "ci-mcp", "args": ["serve"]}
posix = pytest.mark.skipif(os.name != "posix", reason="a script stands for an agent's program")


@pytest.fixture(autouse=True)
def path(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path that has git and ci-mcp, and no agent."""
    found = home / "bin"
    found.mkdir()
    for folder in os.environ["PATH"].split(os.pathsep):
        if (git := Path(folder) / "git").exists():
            (found / "git").symlink_to(git)
            break
    _script(found / "ci-mcp", "")
    monkeypatch.setenv("PATH", str(found))
    monkeypatch.setattr(sys, "argv", ["ci-mcp"])
    return found


def _script(path: Path, body: str) -> None:
    path.write_text(f"#!{sys.executable}\n{body}", encoding="utf-8")
    path.chmod(0o755)


@pytest.fixture
def checkout(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git checkout with CircleCI's file in it, in which the command is run."""
    root = home / "web"
    (root / ".circleci").mkdir(parents=True)
    (root / ".circleci" / "config.yml").write_text("version: 2.1\n", encoding="utf-8")
    subprocess.run(["git", "init", "-q", str(root)], check=True)  # noqa: S607 - the path has one git
    monkeypatch.chdir(root)
    return root


@pytest.fixture(scope="module")
def semaphore() -> Iterator[Service]:
    """The sandbox's Semaphore."""
    with start(["semaphore"]) as services:
        yield services["semaphore"]


def test_without_a_terminal_it_asks_nothing(ci_mcp: Callable[..., Any], checkout: Path) -> None:
    """It says how to go on, and has written nothing."""
    ran = ci_mcp("setup", "--agent", "claude")
    assert 2 == ran.code
    assert "ci-mcp: there is no terminal to ask on: give --yes, or --dry-run to see what would change\n" == ran.err
    assert not (checkout / ".mcp.json").exists()


def test_a_dry_run_shows_a_diff_and_writes_nothing(ci_mcp: Callable[..., Any], checkout: Path) -> None:
    """What stands around ours is shown without its secrets."""
    (checkout / ".mcp.json").write_text(
        '{\n  "mcpServers": {\n    "gh": {"env": {"GITHUB_TOKEN": "ghp_0123456789abcdefghijABCDEFGHIJ012345"}}\n  }\n}\n',
        encoding="utf-8",
    )
    ran = ci_mcp("setup", "--agent", "claude", "--dry-run")
    assert 0 == ran.code
    assert f"--- {checkout}/.mcp.json\n+++ {checkout}/.mcp.json\n@@ -1,4 +1,9 @@\n" in ran.out.replace(os.sep, "/")
    assert '+    "ci": {\n+      "type": "stdio",\n' in ran.out
    assert "[redacted: secret]" in ran.out
    assert "ghp_" not in ran.out
    assert "--- nothing\n+++ " in ran.out
    assert "ci-mcp" not in (checkout / ".mcp.json").read_text(encoding="utf-8")
    assert not (checkout / "CLAUDE.md").exists()


def test_inside_a_checkout_it_is_the_projects(ci_mcp: Callable[..., Any], checkout: Path) -> None:
    """By the program's plain name, for the file is shared; also from a folder below."""
    (checkout / "src").mkdir()
    os.chdir(checkout / "src")
    ran = ci_mcp("setup", "--agent", "claude", "--yes")
    assert 0 == ran.code
    assert {"mcpServers": {"ci": CLAUDE}} == json.loads((checkout / ".mcp.json").read_bytes())
    assert "- CircleCI\n" in (checkout / "CLAUDE.md").read_text(encoding="utf-8")
    assert f"wrote {checkout / '.mcp.json'}\n" in ran.out
    assert ran.out.endswith(
        "Claude Code: it asks to approve the project's .mcp.json at its next start in this folder: approve it\n"
        'Then ask it: "why did the build fail?" (ci-mcp doctor checks that it can be answered)\n'
    )


def test_outside_of_one_it_is_the_users(ci_mcp: Callable[..., Any], home: Path, path: Path) -> None:
    """By the path of the program that runs, so that it starts wherever the agent does."""
    ran = ci_mcp("setup", "--agent", "codex", "--agent", "claude-desktop", "--yes", "--read-only")
    assert 0 == ran.code
    found = tomllib.loads((home / ".codex" / "config.toml").read_text(encoding="utf-8"))["mcp_servers"]["ci"]
    assert str(path / "ci-mcp") == found["command"]
    assert ["serve", "--read-only"] == found["args"]
    assert (30, 300) == (found["startup_timeout_sec"], found["tool_timeout_sec"])
    assert {"CIRCLECI_TOKEN", "SEMAPHORE_API_TOKEN", "BUILDKITE_API_TOKEN", *ALWAYS} <= set(found["env_vars"])
    assert not (home / "AGENTS.md").exists()


def test_variables_are_those_of_the_services_in_use(
    ci_mcp: Callable[..., Any], checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A configured one, and one whose files are here; the value is written nowhere."""
    monkeypatch.setenv("BUILDKITE_API_TOKEN", "bkua_secret")
    monkeypatch.setenv("BUILDKITE_BASE_URL", "http://127.0.0.1:9")
    ci_mcp("setup", "--agent", "gemini", "--yes")
    env = json.loads((checkout / ".gemini" / "settings.json").read_bytes())["mcpServers"]["ci"]["env"]
    assert {"$BUILDKITE_API_TOKEN", "$CIRCLECI_TOKEN", "$SSL_CERT_FILE"} <= set(env.values())
    assert "SEMAPHORE_API_TOKEN" not in env
    assert not any("bkua_secret" in file.read_text(encoding="utf-8") for file in checkout.rglob("*.json"))


def test_the_guide_names_the_projects_that_the_services_know(
    ci_mcp: Callable[..., Any], checkout: Path, semaphore: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by the checkout's remote; a service that does not answer later takes nothing away."""
    for name, value in semaphore.env.items():
        monkeypatch.setenv(name, value)
    remote = "git@github.com:acme/shop.git"
    subprocess.run(["git", "remote", "add", "origin", remote], check=True, cwd=checkout)  # noqa: S607 - the path has one git
    ci_mcp("setup", "--agent", "opencode", "--yes")
    guide = (checkout / "AGENTS.md").read_text(encoding="utf-8")
    assert "- Semaphore: `semaphore:shop`\n- CircleCI\n" in guide
    monkeypatch.setenv("SEMAPHORE_HOST", "http://127.0.0.1:9")
    assert "Everything is set up already.\n" == ci_mcp("setup", "--agent", "opencode", "--yes").out
    assert guide == (checkout / "AGENTS.md").read_text(encoding="utf-8")


def test_agents_in_use_are_found(ci_mcp: Callable[..., Any], checkout: Path, home: Path, path: Path) -> None:
    """By their folders and programs; Claude Desktop has no project, so its own file is written."""
    (checkout / ".cursor").mkdir()
    (home / ".codex").mkdir()
    _script(path / "opencode", "")
    desktop = Machine.here().settings() / "Claude"
    Path(desktop).mkdir(parents=True)
    assert 0 == ci_mcp("setup", "--yes").code
    assert (checkout / ".cursor" / "mcp.json").exists()
    assert (checkout / ".codex" / "config.toml").exists()
    assert (checkout / "opencode.json").exists()
    assert Path(desktop, "claude_desktop_config.json").exists()
    assert not (checkout / ".mcp.json").exists()


def test_where_no_agent_is_found_it_says_which_there_are(ci_mcp: Callable[..., Any]) -> None:
    """To be named."""
    ran = ci_mcp("setup", "--yes")
    assert 2 == ran.code
    assert ran.err.startswith("ci-mcp: no coding agent was found here: name one with --agent: claude, claude-desktop, ")


def test_twice_is_once_and_removing_leaves_nothing(ci_mcp: Callable[..., Any], checkout: Path) -> None:
    """What was there has its first bytes, all else is gone, and there is nothing more to take out."""
    first = b'// mine\r\n{\r\n\t"servers": {\r\n\t\t"a": {},\r\n\t},\r\n}'
    (checkout / ".vscode").mkdir()
    (checkout / ".vscode" / "mcp.json").write_bytes(first)
    words = [
        word for name in ("claude", "codex", "cursor", "gemini", "opencode", "vscode") for word in ("--agent", name)
    ]
    assert 0 == ci_mcp("setup", *words, "--yes").code
    again = ci_mcp("setup", *words, "--yes")
    assert (0, "Everything is set up already.\n") == (again.code, again.out)
    removed = ci_mcp("setup", "--remove", "--yes")
    assert 0 == removed.code
    assert "it asks to approve" not in removed.out
    assert [".circleci", ".git", ".vscode"] == sorted(one.name for one in checkout.iterdir())
    assert first == (checkout / ".vscode" / "mcp.json").read_bytes()
    assert ["mcp.json"] == [one.name for one in (checkout / ".vscode").iterdir()]
    assert "There is nothing of ours to take out.\n" == ci_mcp("setup", "--remove", "--yes").out


def test_a_broken_file_is_left_alone_and_said(ci_mcp: Callable[..., Any], checkout: Path) -> None:
    """With what to add by hand; the others are written."""
    (checkout / ".mcp.json").write_bytes(b"{")
    ran = ci_mcp("setup", "--agent", "claude", "--agent", "cursor", "--yes")
    assert 2 == ran.code
    assert b"{" == (checkout / ".mcp.json").read_bytes()
    assert (checkout / ".cursor" / "mcp.json").exists()
    assert 'left alone: it is not JSON in line 1: correct it; or add by hand in its "mcpServers": "ci": {' in ran.err
    assert "Everything" not in ci_mcp("setup", "--agent", "claude", "--yes").out


def test_a_file_that_cannot_be_written_is_left_and_said(
    ci_mcp: Callable[..., Any], checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are written, and no step is promised for it."""
    replaced = os.replace

    def refuse(old: Any, new: Any) -> None:
        if str(new).endswith(".mcp.json"):
            raise OSError(28, "No space left on device")
        replaced(old, new)

    monkeypatch.setattr(os, "replace", refuse)
    ran = ci_mcp("setup", "--agent", "claude", "--yes")
    assert 2 == ran.code
    assert f"ci-mcp: cannot write {checkout / '.mcp.json'}: No space left on device: it is as it was\n" == ran.err
    assert "approve" not in ran.out
    assert (checkout / "CLAUDE.md").exists()


def test_any_other_client_is_told_what_to_start(ci_mcp: Callable[..., Any], checkout: Path, path: Path) -> None:
    """Command, arguments and the names of variables, for a script to read; nothing is written."""
    said = json.loads(ci_mcp("setup", "--print", "--read-only").out)
    assert str(path / "ci-mcp") == said["command"]
    assert ["serve", "--read-only"] == said["args"]
    assert {"CIRCLECI_TOKEN", *ALWAYS} <= set(said["variables"])
    assert "ci-mcp" == json.loads(ci_mcp("setup", "--print", "--scope", "project").out)["command"]
    assert [".circleci", ".git"] == sorted(one.name for one in checkout.iterdir())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("setup", "--agent", "claude-desktop", "--scope", "project", "--yes"),
            "Claude Desktop knows no projects: leave",
        ),
        (("--demo", "setup", "--yes"), "setup writes real files, the demo does not: claude mcp add ci-demo -- "),
        (("setup", "--agent", "emacs"), "'emacs' is not one of claude, claude-desktop, codex, "),
    ],
)
def test_what_makes_no_sense_is_refused(ci_mcp: Callable[..., Any], words: tuple[str, ...], said: str) -> None:
    """With the way out."""
    ran = ci_mcp(*words)
    assert 2 == ran.code
    assert said in ran.err


def test_its_help_and_its_completion_name_every_agent(ci_mcp: Callable[..., Any]) -> None:
    """Without importing any for the help."""
    said = " ".join(ci_mcp("setup", "--help").out.split())
    assert f"Of {', '.join(agents())} (repeatable)." in said
    option = next(one for one in setup.params if one.name == "names")
    with setup.make_context("setup", ["--yes"]) as ctx:
        assert ["claude", "claude-desktop"] == [one.value for one in option.shell_complete(ctx, "cl")]


def test_a_project_can_be_any_folder(ci_mcp: Callable[..., Any], home: Path) -> None:
    """Where it is asked for outside of a checkout."""
    assert 0 == ci_mcp("setup", "--agent", "claude", "--agent", "codex", "--scope", "project", "--yes").code
    assert (home / ".mcp.json").exists()


STAND_IN = """
import json, pathlib, sys
log = pathlib.Path(sys.argv[0]).with_name("calls")
with log.open("a") as file:
    print(*sys.argv[1:], "|", "closed" if sys.stdin.read() == "" else "open", file=file)
config = pathlib.Path.home() / ".claude.json"
servers = json.loads(config.read_text())["mcpServers"] if config.exists() else {}
if sys.argv[2] == "add":
    command, *args = sys.argv[sys.argv.index("--") + 1 :]
    servers["ci"] = {"type": "stdio", "command": command, "args": args, "env": {}}
else:
    del servers["ci"]
config.write_text(json.dumps({"mcpServers": servers}))
"""


@posix
def test_a_users_claude_code_is_told_by_its_own_program(ci_mcp: Callable[..., Any], home: Path, path: Path) -> None:
    """Added, left as it is, brought up to date, removed; it can ask nothing, for its input is closed."""
    _script(path / "claude", STAND_IN)
    words = ("setup", "--agent", "claude", "--scope", "user", "--yes")
    ran = ci_mcp(*words)
    add = f"mcp add --scope user ci -- {path / 'ci-mcp'} serve"
    assert 0 == ran.code
    assert ran.out.startswith(f"$ claude {add}\nran claude {add}\nClaude Code: start it anew\nThen ask it: ")
    assert "Everything is set up already.\n" == ci_mcp(*words).out
    assert 0 == ci_mcp(*words, "--read-only").code
    assert 0 == ci_mcp(*words, "--remove").code
    assert {"mcpServers": {}} == json.loads((home / ".claude.json").read_bytes())
    remove = "mcp remove --scope user ci"
    assert [add, remove, f"{add} --read-only", remove] == [
        line.removesuffix(" | closed") for line in (path / "calls").read_text(encoding="utf-8").splitlines()
    ]


@posix
@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("import sys\nsys.exit(3)", "refuses (exit code 3): run it yourself: claude mcp add --scope user ci -- "),
        ("", "changed nothing: run it yourself: claude mcp add --scope user ci -- "),
    ],
)
def test_a_program_that_does_not_do_it_is_said(ci_mcp: Callable[..., Any], path: Path, body: str, said: str) -> None:
    """With what to run by hand."""
    _script(path / "claude", body)
    ran = ci_mcp("setup", "--agent", "claude", "--yes")
    assert 2 == ran.code
    assert said in ran.err


@posix
def test_a_program_that_cannot_be_started_or_hangs_is_said(
    ci_mcp: Callable[..., Any], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not waited for for ever."""
    (path / "claude").write_bytes(b"\x7fno program")
    (path / "claude").chmod(0o755)
    assert "cannot be started: run it yourself: claude mcp add" in ci_mcp("setup", "--agent", "claude", "--yes").err
    _script(path / "claude", "import time\ntime.sleep(60)")
    monkeypatch.setattr("ci_mcp.agents.calls.PATIENCE", 0.2)
    assert "does not end: run it yourself: claude mcp add" in ci_mcp("setup", "--agent", "claude", "--yes").err


def machine(**programs: str) -> Machine:
    """A machine where these names lead to these programs."""
    return Machine(system="linux", home=Path("/h"), env={}, exists=lambda _: False, which=programs.get)


@posix
def test_the_running_program_is_written_by_its_path(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However it was started: by name, through Python, by uvx or pipx run, frozen."""
    here = machine(**{"ci-mcp": "/opt/bin/ci-mcp"})
    assert ("/opt/bin/ci-mcp", ()) == program(here)
    monkeypatch.setattr(sys, "argv", ["/x/ci_mcp/__main__.py"])
    monkeypatch.setattr(sys, "executable", str(path / "python"))
    assert (str(path / "ci-mcp"), ()) == program(here)
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert ("/opt/bin/ci-mcp", ()) == program(here)
    assert ("/nowhere/python", ("-m", "ci_mcp")) == program(machine())
    monkeypatch.setattr(sys, "argv", ["ci-mcp"])
    once = "/h/.cache/uv/archive-v0/abc/bin/ci-mcp"
    assert ("/h/.local/bin/uvx", ("ci-mcp",)) == program(machine(**{"ci-mcp": once, "uvx": "/h/.local/bin/uvx"}))
    once = "/h/.cache/pipx/e08261257c607fa/bin/ci-mcp"
    assert ("/h/pipx", ("run", "ci-mcp")) == program(machine(**{"ci-mcp": once, "pipx": "/h/pipx"}))
    kept = "/h/.local/share/pipx/venvs/ci-mcp/bin/ci-mcp"
    assert (kept, ()) == program(machine(**{"ci-mcp": kept, "pipx": "/h/pipx"}))
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", "/opt/ci-mcp/ci-mcp")
    assert ("/opt/ci-mcp/ci-mcp", ()) == program(here)


@posix
def test_a_users_file_keeps_its_permissions(ci_mcp: Callable[..., Any], home: Path) -> None:
    """It may hold the secrets of others."""
    (home / ".codex").mkdir()
    config = home / ".codex" / "config.toml"
    config.write_bytes(b'model = "o5"\n')
    config.chmod(0o600)
    assert 0 == ci_mcp("setup", "--agent", "codex", "--yes").code
    assert [0o600, 0o600] == [stat.S_IMODE(one.stat().st_mode) for one in (home / ".codex").iterdir()]
