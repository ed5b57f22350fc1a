"""Our own tokens, by whichever route they came: never in anything that leaves, is kept, or is seen by others."""

import base64
import io
import json
import logging
import os
import secrets
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
import keyring
import pytest
from keyring.backend import KeyringBackend

from ci_mcp.auth import redact
from ci_mcp.auth.credentials import KEYRING_SERVICE
from ci_mcp.auth.endpoints import NOTES
from ci_mcp.cli.app import cli, run
from ci_mcp.core.catalog import load
from ci_mcp.sandbox.serve import Service

SERVICES = load().services
POSIX = pytest.mark.skipif(os.name != "posix", reason="a shell script stands in for a program")


def canary() -> str:
    """A token of no known shape, with characters that are written otherwise in URLs."""
    return f"canary/{secrets.token_hex(12)}+x"


def forms(token: str) -> set[str]:
    """How a token can stand in a text."""
    return {token, quote(token, safe=""), base64.b64encode(token.encode()).decode()}


@dataclass(slots=True)
class Echo:
    """A service that says of every request what it was sent, in body, headers and address.

    Attributes:
        status: what it answers with.
        heard: the Authorization headers that came, decoded.
    """

    status: int = 200
    url: str = ""
    heard: list[str] = field(default_factory=list)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Say it all back."""
        proof = handler.headers.get("Authorization", "")
        kind, _, value = proof.partition(" ")
        plain = base64.b64decode(value).decode() if kind == "Basic" else value
        self.heard.append(plain)
        words = f"planted: you sent {proof} which is {plain} or {quote(plain, safe='')}"
        said = {"message": words, "error": words, "id": words, "name": words, "items": [{"name": words, "id": "1"}]}
        body = json.dumps(said).encode()
        self._send(handler, self.status, body, plain)

    @staticmethod
    def _send(handler: BaseHTTPRequestHandler, status: int, body: bytes, plain: str) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        handler.send_header("X-Request-Id", quote(plain))
        if status in {302, 307}:
            handler.send_header("Location", f"gopher://127.0.0.1/?token={quote(plain)}")
        handler.end_headers()
        handler.wfile.write(body)


@pytest.fixture
def echo() -> Iterator[Echo]:
    """One on loopback."""
    made = Echo()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            made.answer(self)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            made.answer(self)

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: Any) -> None:
            """A client that hangs up is no fault, and to print it fails once the test's stderr is closed."""

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        made.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield made
        server.shutdown()
        thread.join()


class Ring(KeyringBackend):
    """A keyring that remembers, for one test."""

    priority = 0  # type: ignore[assignment]  # never chosen by itself

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        """What was kept."""
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keep it."""
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        """Forget it."""
        del self.kept[service, username]


@pytest.fixture
def ring() -> Iterator[Ring]:
    """In the place of the null one."""
    before, made = keyring.get_keyring(), Ring()
    keyring.set_keyring(made)
    yield made
    keyring.set_keyring(before)


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No token of another test is known, and what a command set of logging is undone."""
    monkeypatch.setattr(redact, "_known", set())
    yield
    logging.getLogger("ci_mcp").setLevel(logging.NOTSET)


Set = Callable[[str, str, Echo, Ring, pytest.MonkeyPatch], None]


def by_variable(variable: str) -> Set:
    """The token in an environment variable, with its user beside it where it is a password."""

    def put(name: str, token: str, echo: Echo, _: Ring, env: pytest.MonkeyPatch) -> None:
        service = SERVICES[name]
        env.setenv(variable, token)
        if variable in service.password_env:
            env.setenv(service.user_env[0], "user")
        env.setenv(_where(name), echo.url)

    return put


def by_url(name: str, token: str, echo: Echo, _: Ring, env: pytest.MonkeyPatch) -> None:
    """User and password in the URL."""
    env.setenv(_where(name), echo.url.replace("://", f"://user:{quote(token, safe='')}@"))


def by_keyring(name: str, token: str, echo: Echo, ring: Ring, env: pytest.MonkeyPatch) -> None:
    """The token in the keyring."""
    env.setenv(_where(name), echo.url)
    ring.kept[KEYRING_SERVICE, f"{name}@{echo.url.partition('://')[2]}"] = token


def by_file(name: str, token: str, echo: Echo, _: Ring, env: pytest.MonkeyPatch) -> None:
    """The token in the file of the vendor's own command line."""
    env.setenv(_where(name), echo.url)
    file = Path(SERVICES[name].cli_file).expanduser()
    file.parent.mkdir(parents=True, exist_ok=True)
    said = {
        "semaphore": f"contexts:\n  x:\n    host: {echo.url}\n    auth:\n      token: {token}\n",
        "circleci": f"host: {echo.url}\ntoken: {token}\n",
    }[name]
    file.write_text(said)


def _where(name: str) -> str:
    service = SERVICES[name]
    return (service.host_env or service.mcp_env)[0]


ROUTES: dict[str, tuple[str, Set]] = {
    variable: (name, by_variable(variable))
    for name, service in SERVICES.items()
    for variable in (*service.token_env, *service.password_env, *service.mcp_token_env)
}
ROUTES |= {f"URL of {name}": (name, by_url) for name in ("pocketci", "buildbot") if name in SERVICES}
ROUTES |= {f"keyring for {name}": (name, by_keyring) for name in SERVICES}
ROUTES |= {f"file of {name}": (name, by_file) for name in ("semaphore", "circleci") if SERVICES[name].cli_file}


def simple(name: str) -> list[str]:
    """A tool of a provider that reads and needs no argument, as a command."""
    tools = [one.name for one in load().of(name) if one.read_only and not one.input_schema.get("required")]
    provider, *words = tools[0].split("_")
    return [provider, *words]


def files_below(*folders: Path) -> dict[Path, str]:
    """Every file with its text."""
    found = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return {path: path.read_bytes().decode("utf-8", "replace") for path in found}


@pytest.mark.parametrize("route", ROUTES)
def test_a_token_shows_nowhere(  # noqa: PLR0913, PLR0917 - fixtures
    route: str,
    echo: Echo,
    ring: Ring,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    tally: Any,
) -> None:
    """The service throws it back at us in every way: no output, log line, error, debug line or file of ours has it."""
    name, put = ROUTES[route]
    token = canary()
    put(name, token, echo, ring, monkeypatch)
    commands = [["auth", "status"], ["explain", f"{name}:shop"], simple(name), ["doctor", "--json"]]
    if not SERVICES[name].mcp_only:
        commands += [["api", name, "/planted"], ["api", name, f"/planted?token={quote(token, safe='')}"]]
    said = ""
    for status in (200, 401, 400, 302):
        echo.status = status
        for words in commands:
            run(["--debug", *words])
            out, err = capfd.readouterr()
            said += out + err
    own = SERVICES[name].cli_file
    kept = files_below(home)
    if own:
        kept.pop(Path(own).expanduser(), None)
    tally("secrets and tokens planted", len(echo.heard))
    tally("secrets and tokens leaked", sum(form in text for form in forms(token) for text in (said, *kept.values())))
    assert [] == [form for form in forms(token) if form in said]
    assert [] == [path for path, text in kept.items() for form in forms(token) if form in text]
    # Of a refused token for PocketCI's /mcp all words are ours: what the server throws back is not shown at all.
    assert route == "POCKETCI_MCP_TOKEN" or "[redacted: token]" in said
    assert [one for one in echo.heard if token in one], "it was never sent"


@pytest.mark.parametrize("name", ["semaphore", "buildkite", "circleci", "firmwareci"])
def test_a_token_from_standard_input_is_in_the_keyring_alone(  # noqa: PLR0913, PLR0917 - fixtures
    name: str,
    sandbox: dict[str, Service],
    ring: Ring,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Not in the notes, the settings, the output, nor in what later calls say."""
    service = sandbox[name]
    url = service.env[_where(name)]
    monkeypatch.setattr(sys, "stdin", io.StringIO(service.token + "\n"))
    assert 0 == run(["--debug", "auth", "login", name, "--host", url, "--token-stdin"])
    assert [service.token] == list(ring.kept.values())
    run(["--debug", "auth", "status"])
    run(["--debug", "doctor", "--json"])
    out, err = capfd.readouterr()
    assert "logged in" in out
    assert service.token not in out + err
    kept = files_below(home)
    assert NOTES in {path.name for path in kept}
    assert [] == [path for path, text in kept.items() if service.token in text]


DUMP = """#!/bin/sh
{ env; echo "$0 $*"; cat /proc/$$/cmdline; } >> "$HOME/seen.txt"
exit 1
"""


@POSIX
def test_no_program_that_we_start_sees_a_token(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither git nor an agent's own program, in its environment or its words; nor is one in a file that setup writes."""
    tokens = {}
    for service in SERVICES.values():
        for variable in (*service.token_env, *service.password_env, *service.mcp_token_env):
            tokens[variable] = canary()
            monkeypatch.setenv(variable, tokens[variable])
    monkeypatch.setenv("POCKETCI_URL", f"http://user:{tokens['POCKETCI_TOKEN'].replace('/', '-')}@127.0.0.1:9")
    programs = tmp_path / "programs"
    programs.mkdir()
    for program in ("git", "claude"):
        (programs / program).write_text(DUMP)
        (programs / program).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    (home / ".git").mkdir()
    run(["explain"])
    monkeypatch.setenv("_CI_MCP_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "ci-mcp explain semaphore:shop@")
    monkeypatch.setenv("COMP_CWORD", "2")
    with suppress(SystemExit):
        run([])
    monkeypatch.delenv("_CI_MCP_COMPLETE")
    agents = [
        word for name in ("claude", "codex", "cursor", "gemini", "opencode", "vscode") for word in ("--agent", name)
    ]
    run(["setup", "--yes", "--scope", "user", *agents])
    run(["setup", "--yes", "--scope", "project", *agents])
    run(["setup", "--print"])
    out, err = capfd.readouterr()
    kept = files_below(home)
    seen = kept[home / "seen.txt"]
    assert "/git " in seen
    assert "/claude mcp add" in seen
    assert len(kept) > 6
    assert "SEMAPHORE_API_TOKEN" in out + "".join(kept.values())  # by its name alone
    for path, text in {**kept, Path("stdout"): out, Path("stderr"): err}.items():
        assert [] == [name for name, token in tokens.items() if token[7:30] in text], path


def test_no_command_takes_a_token_as_a_word() -> None:
    """It would stand in the list of processes for everybody on the machine."""

    def options(command: click.Command, context: click.Context) -> Iterator[click.Parameter]:
        yield from command.params
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                inner = command.get_command(context, name)
                assert inner is not None
                yield from options(inner, context)

    known = list(options(cli, click.Context(cli)))
    assert len(known) > 100
    secret = ("token", "password", "secret", "key")
    named = [one for one in known if one.name and any(word in one.name.split("_") for word in secret)]
    assert ["token_stdin"] == [one.name for one in named]
