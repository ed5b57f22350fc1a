import socket
import ssl

import anyio
import anyio.lowlevel
import httpx
import pytest

from ci_mcp.net import retry

NOW = 1_780_000_000.0


@pytest.mark.parametrize(
    ("headers", "body", "wait"),
    [
        ({}, "", None),
        ({"retry-after": "7"}, "", 7),
        ({"retry-after": "1.5"}, "", 1.5),
        ({"retry-after": "Thu, 28 May 2026 20:26:50 GMT"}, "", 10),
        ({"retry-after": "Thu, 28 May 2026 20:26:30 GMT"}, "", 0),
        ({"retry-after": "soon"}, "", None),
        ({"retry-after": "-1"}, "", None),
        ({"retry-after": "nan"}, "", None),
        ({"retry-after": "inf"}, "", None),
        ({"retry-after": "7", "ratelimit-reset": "30"}, "", 7),
        ({"ratelimit-reset": "30"}, "", 30),
        ({"x-ratelimit-reset": str(NOW + 12)}, "", 12),
        ({"x-ratelimit-reset": str(int((NOW + 12) * 1000))}, "", 12),
        ({"x-ratelimit-reset": str(NOW - 12)}, "", 0),
        ({"x-ratelimit-reset": "later"}, "", None),
        # CircleCI has budgets by period: the one used up counts, else the nearest reset
        ({"x-ratelimit-reset-second": "1", "x-ratelimit-reset-day": "80000"}, "", 1),
        (
            {"x-ratelimit-reset-second": "1", "x-ratelimit-reset-minute": "40", "x-ratelimit-remaining-minute": "0"},
            "",
            40,
        ),
        # Buildkite has one of the organization and one of the user, and its body says which
        ({"ratelimit-reset": "50", "ratelimit-user-reset": "9", "ratelimit-user-remaining": "0"}, "", 9),
        (
            {
                "ratelimit-scope": "rest",
                "ratelimit-reset": "50",
                "ratelimit-user-scope": "rest_user",
                "ratelimit-user-reset": "9",
            },
            '{"scope": "rest", "reset": 3}',
            50,
        ),
        ({}, '{"scope": "rest", "reset": 3}', 3),
        ({}, '{"reset": null}', None),
        ({}, "[]", None),
        ({}, "slow down", None),
    ],
)
def test_the_wait_that_a_service_asks_for_is_found(headers: dict[str, str], body: str, wait: float | None) -> None:
    """As seconds or as a moment, in whichever header or in the body."""
    assert wait == retry.told(headers, body, NOW)


def test_a_wait_is_kept_with_a_jitter_on_top() -> None:
    """Never shorter than told; without being told it grows with each attempt."""
    assert all(10 <= retry.pause(0, 10) <= 11.1 for _ in range(50))
    assert retry.pause(0, None) < retry.pause(1, None) < retry.pause(2, None) < 2


def _caused_by(cause: BaseException | None) -> httpx.HTTPError:
    error = httpx.ConnectError("x")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "worth"),
    [
        (httpx.ConnectTimeout("x"), True),
        (httpx.ReadError("x"), True),
        (httpx.RemoteProtocolError("Server disconnected without sending a response."), True),
        (httpx.RemoteProtocolError("illegal status line"), False),
        (httpx.ReadTimeout("x"), False),
        (httpx.ProxyError("x"), False),
        (_caused_by(None), True),
        (_caused_by(OSError(111, "refused")), True),
        (_caused_by(socket.gaierror(socket.EAI_AGAIN, "later")), True),
        (_caused_by(socket.gaierror(socket.EAI_NONAME, "unknown")), False),
        (_caused_by(ssl.SSLCertVerificationError(1, "untrusted")), False),
    ],
)
def test_only_what_may_pass_by_itself_is_worth_another_try(error: httpx.HTTPError, *, worth: bool) -> None:
    """A wrong name or certificate stays wrong, and a stall has already cost 30 s."""
    assert worth is retry.worth(error)


@pytest.mark.parametrize(("status", "again"), [(429, True), (502, True), (503, True), (504, True), (500, False)])
def test_only_passing_statuses_are_asked_again(status: int, *, again: bool) -> None:
    """An internal error is likely to be the same again."""
    assert again is retry.again(status)


@pytest.mark.anyio
async def test_a_wait_fits_before_the_deadline_or_not_at_all() -> None:
    """Without a deadline a minute is the most."""
    assert retry.fits(59)
    assert not retry.fits(61)
    with anyio.CancelScope(deadline=anyio.current_time() + 2):
        assert retry.fits(1)
        assert not retry.fits(3)
        await anyio.lowlevel.checkpoint()
