"""The smaller commands: tools, auth, cache, completion, progress, debug."""

import io
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ci_mcp.cli.progress import progress
from ci_mcp.core.catalog import TRIAGE, load
from ci_mcp.sandbox.serve import Service, service_names, start

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """Semaphore's sandbox."""
    with start(["semaphore"]) as services:
        yield services["semaphore"]


def test_tools_lists_what_serve_offers(ci_mcp: Run) -> None:
    """With the same options; in a pipe a line each."""
    served = {TRIAGE, *service_names()}
    core = [name for name, spec in load().tools.items() if spec.core and spec.provider in served]
    assert core == [line.split("\t")[0] for line in ci_mcp("--demo", "tools").out.splitlines()]
    everything = ci_mcp("--demo", "tools", "--toolset", "all", "--read-only").out
    assert "semaphore_projects_list\tread\t" in everything
    assert "\twrite\t" not in everything


def test_tools_as_json_is_what_the_model_sees_with_its_cost(ci_mcp: Run) -> None:
    """The estimate is characters / 4 of the compact form."""
    seen = json.loads(ci_mcp("--demo", "tools", "--json").out)
    assert {"name", "description", "inputSchema"} == set(seen["tools"][0])
    assert seen["tokens"] == -(-len(json.dumps(seen["tools"], ensure_ascii=False, separators=(",", ":"))) // 4)


def test_tools_is_a_table_on_a_terminal(ci_mcp: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a mark at those that write; a narrow one cuts no name."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "140")
    out = ci_mcp("--demo", "tools").out
    assert "what it gives" in out
    assert "writes" in out
    monkeypatch.setenv("COLUMNS", "44")
    assert "\nbuildbot_builders_describe " in ci_mcp("--demo", "tools").out


def test_serve_options_are_the_settings_where_not_given(ci_mcp: Run, home: Path) -> None:
    """The file says read-only: so does the list of tools."""
    folder = home / "ci-mcp" / "config"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text('toolset = "all"\nread_only = true\n')
    os.environ["SEMAPHORE_API_TOKEN"], os.environ["SEMAPHORE_HOST"] = "t", "acme.semaphoreci.com"
    out = ci_mcp("tools").out
    assert "semaphore_projects_list" in out
    assert "\twrite\t" not in out


def login(ci_mcp: Run, service: Service, monkeypatch: pytest.MonkeyPatch, token: str) -> Any:
    """Log in with a token on standard input."""
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{token}\n"))
    return ci_mcp("auth", "login", "semaphore", "--host", service.url, "--token-stdin")


def test_a_login_is_checked_kept_used_and_forgotten(
    ci_mcp: Run, service: Service, memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the token on stdin to a command that needs no environment, and back."""
    ran = login(ci_mcp, service, monkeypatch, service.token)
    host = service.url.removeprefix("http://")
    assert (0, "") == (ran.code, ran.err)
    assert f"logged in to Semaphore at {host} (" in ran.out
    assert service.token in memory.kept.values()
    (row,) = json.loads(ci_mcp("auth", "status").out)["items"]
    assert ("semaphore", host, "keyring", "accepted") == (row["provider"], row["host"], row["source"], row["who"])
    assert 0 == ci_mcp("semaphore", "projects", "list").code
    assert f"logged out of Semaphore at {host}\n" == ci_mcp("auth", "logout", "semaphore", "--host", service.url).out
    assert (
        f"there was no token for {host} in the keyring\n"
        == ci_mcp("auth", "logout", "semaphore", "--host", service.url).out
    )
    assert 3 == ci_mcp("semaphore", "projects", "list").code
    assert service.token not in ran.out


def test_a_token_of_the_environment_that_hides_the_new_one_is_told(
    ci_mcp: Run, service: Service, memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the person would wonder whose token is used."""
    monkeypatch.setenv("SEMAPHORE_HOST", service.url)
    monkeypatch.setenv("SEMAPHORE_API_TOKEN", "another-token")
    ran = login(ci_mcp, service, monkeypatch, service.token)
    assert 0 == ran.code
    assert "the environment variable SEMAPHORE_API_TOKEN goes before it" in ran.err
    monkeypatch.setenv("SEMAPHORE_API_TOKEN", "two words")
    assert "holds a space" in login(ci_mcp, service, monkeypatch, service.token).err
    assert memory.kept


@pytest.mark.parametrize("words", [("semaphore", "projects", "list"), ("explain", "semaphore:shop")])
def test_a_token_that_is_missing_is_not_called_refused(
    words: tuple[str, ...], ci_mcp: Run, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has none is told how to log in."""
    monkeypatch.setenv("SEMAPHORE_HOST", service.url)
    ran = ci_mcp(*words)
    host = service.url.removeprefix("http://")
    assert 3 == ran.code
    assert f'no token for semaphore at {host}: run "ci-mcp auth login semaphore --host {host}", or set' in ran.err


@pytest.mark.parametrize(
    ("token", "code", "said"),
    [
        ("wrong", 3, "the token is not taken"),
        ("", 2, "the token is empty"),
        (
            "two words",
            3,
            "token (standard input) holds a space, a line break or an odd character: copy it again, alone",
        ),
    ],
)
def test_a_token_that_the_service_does_not_take_is_not_kept(  # noqa: PLR0913, PLR0917 - fixtures
    token: str,
    code: int,
    said: str,
    ci_mcp: Run,
    service: Service,
    memory: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is checked before it is stored."""
    ran = login(ci_mcp, service, monkeypatch, token)
    assert code == ran.code
    assert said in ran.err
    assert {} == memory.kept


def test_a_byte_order_mark_before_a_token_is_left_out(
    ci_mcp: Run, service: Service, memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PowerShell puts one into what it pipes."""
    assert 0 == login(ci_mcp, service, monkeypatch, f"\ufeff{service.token}").code
    assert [service.token] == list(memory.kept.values())


def test_a_keyring_that_forgets_is_noticed(ci_mcp: Run, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """The null backend keeps nothing: that is said before anything is asked, with the variables to set instead."""
    before = service.requests.total()
    ran = login(ci_mcp, service, monkeypatch, service.token)
    assert 3 == ran.code
    assert "this machine has no keyring: set SEMAPHORE_API_TOKEN and SEMAPHORE_HOST=127.0.0.1:" in ran.err
    assert service.requests.total() == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("auth", "login", "nosuch"), "there is no provider nosuch"),
        (("auth", "login", "semaphore"), "Semaphore has a host for each organization: name yours with --host"),
        (("auth", "login", "semaphore", "--host", "a.example"), "there is no terminal to ask for the token on"),
        (("auth", "logout", "semaphore", "--host", "http://a.example"), "would send the token in clear text"),
        (("--demo", "auth", "login", "semaphore"), "the demo keeps no token: leave out --demo"),
        (("--demo", "auth", "logout", "semaphore"), "the demo keeps no token: leave out --demo"),
        (("--demo", "cache", "clear"), "the demo's cache ends with it: leave out --demo for your own"),
        (("serve", "--provider", "nope"), "there is no provider nope: the providers are "),
    ],
)
def test_what_cannot_be_is_told(
    words: tuple[str, ...], said: str, ci_mcp: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each with what to do instead."""
    monkeypatch.setattr("sys.stdin", io.StringIO())
    ran = ci_mcp(*words)
    assert 2 == ran.code
    assert said in ran.err


def test_a_terminal_is_asked_for_the_token(
    ci_mcp: Run, service: Service, memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hidden, and with the page where one is made."""
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.termui.hidden_prompt_func", lambda _: service.token)
    ran = ci_mcp("auth", "login", "semaphore", "--host", service.url)
    assert 0 == ran.code
    assert "A token is made at https://" in ran.err
    assert memory.kept


def test_the_status_of_a_broken_token_is_its_error(
    ci_mcp: Run, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One bad host does not hide the others."""
    for name, value in service.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SEMAPHORE_API_TOKEN", "wrong")
    assert "the token is not taken" in ci_mcp("auth", "status").out


def test_the_cache_is_counted_and_cleared(ci_mcp: Run, home: Path) -> None:
    """Logs alone; what else is in the folder stays."""
    logs = home / "ci-mcp" / "cache" / "logs"
    logs.mkdir(parents=True)
    (logs / ("a" * 64 + ".log")).write_bytes(b"x" * 2_500_000)
    assert f"{logs}: 1 logs, 2.5 MB\n" == ci_mcp("cache", "info").out
    assert "deleted 1 logs\n" == ci_mcp("cache", "clear").out
    assert "0 logs" in ci_mcp("cache", "info").out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_is_the_committed_one(shell: str, ci_mcp: Run, pytestconfig: pytest.Config) -> None:
    """After a change: python -m ci_mcp.cli.generate."""
    committed = (pytestconfig.rootpath / "completions" / f"ci-mcp.{shell}").read_text(encoding="utf-8")
    assert committed == ci_mcp("completion", shell).out


def test_debug_names_each_request_and_quiet_is_quiet(ci_mcp: Run) -> None:
    """On stderr; never a token."""
    loud = ci_mcp("--debug", "--demo", "semaphore", "projects", "list")
    assert "GET /api/v1alpha/projects: 200" in loud.err
    assert "demo-semaphore-token" not in loud.err
    assert "" == ci_mcp("--quiet", "--demo", "semaphore", "projects", "list").err


def test_with_debug_a_fault_of_our_own_shows_its_traceback(ci_mcp: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without, it is one line that asks for it."""
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    ran = ci_mcp("--demo", "explain", "semaphore:shop@nosuch\udc80")
    assert ran.code in {2, 4, 6}
    assert "Traceback" not in ran.err


def test_a_sign_of_life_is_shown_on_a_terminal_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the second second on, on stderr, and not with --quiet."""
    monkeypatch.setattr("ci_mcp.cli.progress.PATIENCE", 0.01)
    with progress(quiet=False):
        time.sleep(0.1)
    assert "" == capsys.readouterr().err
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with progress(quiet=True):
        time.sleep(0.1)
    assert "" == capsys.readouterr().err
    with progress(quiet=False):
        time.sleep(0.3)
    assert "asking the CI" in capsys.readouterr().err
    monkeypatch.setattr("ci_mcp.cli.progress.PATIENCE", 60)
    with progress(quiet=False):
        pass
    assert "" == capsys.readouterr().err
