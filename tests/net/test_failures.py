import socket
import ssl
from collections.abc import Iterator

import httpx
import pytest

from ci_mcp.auth.redact import register
from ci_mcp.errors import BadAnswerError, CiError, RateLimitedError, TimedOutError, UnreachableError, UsageError
from ci_mcp.net.failures import WORDS, Asked, broken, refusal, words

ASKED = Asked("ci.example.com", "GET /jobs")


def _kinds(kind: type[Exception]) -> Iterator[type[Exception]]:
    for lower in kind.__subclasses__():
        if lower.__module__.startswith("httpx"):
            yield lower
            yield from _kinds(lower)


EXCEPTIONS = sorted(
    {
        httpx.InvalidURL,
        httpx.CookieConflict,
        httpx.StreamError,
        httpx.HTTPError,
        *_kinds(httpx.HTTPError),
        *_kinds(httpx.StreamError),
    },
    key=lambda kind: kind.__name__,
)


def _make(kind: type[Exception]) -> Exception:
    made = kind.__new__(kind)
    Exception.__init__(made, "https://ci.example.com/?sig=secret-0123456789")
    return made


def test_the_walk_sees_all_of_httpx() -> None:
    """Every exception that httpx shows to its users is walked below."""
    shown = {
        value
        for name in httpx.__all__
        if isinstance(value := getattr(httpx, name), type) and issubclass(value, Exception)
    }
    assert shown <= set(EXCEPTIONS)
    assert len(EXCEPTIONS) >= 27


@pytest.mark.parametrize("kind", EXCEPTIONS)
def test_every_exception_of_httpx_is_one_of_ours(kind: type[Exception]) -> None:
    """With the host, a next step, and nothing of its own text, which may hold a whole URL."""
    error = broken(ASKED, _make(kind))
    assert type(error) in {BadAnswerError, TimedOutError, UnreachableError, UsageError}
    assert "ci.example.com" in error.message
    assert error.next_step
    assert "secret" not in str(error)


@pytest.mark.parametrize("status", [*range(300, 600), 999])
def test_every_status_is_one_of_ours(status: int) -> None:
    """Each with a next step, none a bare `CiError`."""
    error = refusal(ASKED, status, "")
    assert f"ci.example.com answered {status} to GET /jobs" == error.message
    assert error.next_step
    assert type(error) is not CiError
    assert status == error.status


def test_what_is_no_exception_of_httpx_is_a_bad_answer() -> None:
    """The table has an end."""
    assert isinstance(broken(ASKED, RuntimeError("what")), BadAnswerError)


def test_a_certificate_that_is_not_trusted_is_named_as_such() -> None:
    """With its reason and what to do, unlike a connection that is not TLS at all."""
    untrusted = ssl.SSLCertVerificationError(1, "certificate verify failed")
    untrusted.verify_message = "self-signed certificate in certificate chain"
    error = httpx.ConnectError("x")
    error.__cause__ = untrusted
    assert "not trusted (self-signed certificate in certificate chain)" in broken(ASKED, error).message
    assert "SSL_CERT_FILE" in broken(ASKED, error).next_step
    error.__cause__ = ssl.SSLError(1, "wrong version number")
    assert "no TLS connection to ci.example.com" == broken(ASKED, error).message


def test_a_name_that_does_not_resolve_is_named_as_such() -> None:
    """It is a typing error more often than an outage."""
    error = httpx.ConnectError("x")
    error.__context__ = socket.gaierror(socket.EAI_NONAME, "unknown")
    assert "there is no host ci.example.com" == broken(ASKED, error).message


def test_a_proxy_is_named_as_such() -> None:
    """The variable to look at is named."""
    assert "HTTPS_PROXY" in broken(ASKED, httpx.ProxyError("407")).next_step
    assert "HTTPS_PROXY" in refusal(ASKED, 407, "").next_step


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Server disconnected without sending a response.", UnreachableError),
        ("peer closed connection without sending complete message body (incomplete chunked read)", UnreachableError),
        ("illegal status line: bytearray(b'SSH-2.0')", BadAnswerError),
    ],
)
def test_a_cut_connection_is_told_from_one_that_speaks_nonsense(text: str, kind: type[Exception]) -> None:
    """Httpx has one exception for both."""
    assert isinstance(broken(ASKED, httpx.RemoteProtocolError(text)), kind)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("", ""),
        ("Not Found", "Not Found"),
        ('"Only pipelines which are done"', "Only pipelines which are done"),
        ('{"message": "Project not found"}', "Project not found"),
        ('{"error": "access denied"}', "access denied"),
        ('{"error": "invalid_token", "error_description": "expired"}', "expired"),
        ('{"error": {"id": "0196", "title": "Missing Filter", "detail": "filter is required"}}', "filter is required"),
        ('{"code": 5, "message": "Job not found", "details": []}', "Job not found"),
        ('{"errors": [{"message": "one"}, {"message": "two"}, 3]}', "one; two"),
        ('{"errors": ["one", "two"]}', "one; two"),
        (
            '{"message": "Validation Failed", "errors": [{"field": "branch", "code": "missing"}]}',
            "Validation Failed: branch missing",
        ),
        ('{"message": "same", "errors": ["same"]}', "same"),
        ('{"status": 7}', '{"status": 7}'),
        ('{"message": broken', '{"message": broken'),
        ('\ufeff{"message": "marked"}', "marked"),
        ("<html><head><title>502 Bad\n Gateway &amp; more</title>", "502 Bad Gateway & more"),
        ("<!DOCTYPE html><body><h1 class='x'>Blocked</h1>", "Blocked"),
        ("<html><body>hi", "a web page, not an API's answer"),
        ("two\r\nlines\x1b[31m red\x00 \u202eabc", "two lines red <U+202E>abc"),
        ("x" * 1000, "x" * (WORDS - 1) + "…"),
        ("[" * 5000, "[" * (WORDS - 1) + "…"),
    ],
)
def test_what_the_service_says_is_found_in_any_shape(body: str, said: str) -> None:
    """One line, short, without what must not be shown."""
    assert said == words(body)


def test_a_token_said_back_is_not_repeated() -> None:
    """In the message as in the body that providers read."""
    register("very-secret-token")
    error = refusal(ASKED, 400, '{"message": "bad very-secret-token"}')
    assert "ci.example.com answered 400 to GET /jobs (bad [redacted: token])" == error.message
    assert "very-secret-token" not in error.body


def test_a_rate_limit_says_how_long() -> None:
    """Where the service told; a busy service may tell, too."""
    error = refusal(ASKED, 429, "", retry_after=6.6)
    assert isinstance(error, RateLimitedError)
    assert 6.6 == error.retry_after
    assert "wait 7 s" in error.next_step
    assert "wait, and ask for less at once" == refusal(ASKED, 429, "").next_step
    assert "try again in 5 s" == refusal(ASKED, 503, "", retry_after=5).next_step


def test_a_refused_token_is_told_from_none_at_all() -> None:
    """The first wants looking at, the second a login."""
    assert "auth status" in refusal(ASKED, 401, "").next_step
    asked = Asked("ci.example.com", "GET /jobs", login="pocketci")
    assert 'no token was sent: run "ci-mcp auth login pocketci"' == refusal(asked, 401, "").next_step
