"""Logging in where the service has a login of its own."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from ci_mcp.sandbox.serve import start

TOKEN = "the-token-that-was-approved"


class Server(BaseHTTPRequestHandler):
    """A PocketCI whose person has approved before they were asked."""

    def do_GET(self) -> None:
        """The poll, and what the token opens."""
        if self.path.startswith("/auth/cli/poll?code=c0de"):
            self._say(200, {"status": "approved", "token": TOKEN})
        elif self.headers.get("authorization") == f"Bearer {TOKEN}":
            self._say(200, {"features": ["resume"]})
        else:
            self._say(401, {"error": "authentication required"})

    def do_POST(self) -> None:
        """The beginning; everything else is shut."""
        self.rfile.read(int(self.headers.get("content-length", 0)))
        begun = {"code": "c0de", "login_url": "https://ci.example.com/auth/cli/approve?code=c0de"}
        self._say(*((200, begun) if self.path == "/auth/cli/begin" else (401, {"error": "invalid token"})))

    def log_message(self, *_: Any) -> None:
        """Nothing."""

    def _say(self, status: int, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def url() -> Iterator[str]:
    """Where that server is."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_service_s_own_login_is_run(ci_mcp: Callable[..., Any], url: str, memory: Any) -> None:
    """What the person has to do goes to stderr, the token into the keyring, and neither shows it."""
    ran = ci_mcp("auth", "login", "pocketci", "--host", url)
    assert "Open this page and approve: https://ci.example.com/auth/cli/approve?code=c0de\n" == ran.err
    assert 0 == ran.code
    assert ran.out.startswith(f"logged in to PocketCI at {url.removeprefix('http://')} (accepted, features: resume")
    assert [TOKEN] == list(memory.kept.values())
    assert TOKEN not in ran.out + ran.err


def test_a_token_on_standard_input_goes_before_it(
    ci_mcp: Callable[..., Any], url: str, memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page is not opened; a token that is not taken is not kept."""
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO("another-token\n"))
    ran = ci_mcp("auth", "login", "pocketci", "--host", url, "--token-stdin")
    assert 3 == ran.code
    assert "Open this page" not in ran.err
    assert {} == memory.kept


def test_without_a_terminal_a_server_that_has_no_login_says_what_to_set(
    ci_mcp: Callable[..., Any], memory: Any
) -> None:
    """It may be open: then its address is all that is needed."""
    with start(["pocketci"]) as services:
        ran = ci_mcp("auth", "login", "pocketci", "--host", services["pocketci"].url)
    assert (2, {}) == (ran.code, memory.kept)
    assert "it is open, or takes user and password: set POCKETCI_URL, or pipe USER:PASSWORD into " in ran.err
