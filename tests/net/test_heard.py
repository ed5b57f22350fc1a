"""What an answer tells beside its body."""

import pytest

from ci_mcp.net.heard import Heard, hear

NOON = 1_767_268_800.0  # 2026-01-01 12:00:00 UTC


@pytest.mark.parametrize(
    ("headers", "skew", "remaining"),
    [
        ({}, None, None),
        ({"date": "Thu, 01 Jan 2026 12:00:00 GMT"}, 0.7, None),
        ({"Date": "Thu, 01 Jan 2026 12:10:00 GMT", "X-RateLimit-Remaining": "7"}, 600.7, 7),
        (
            {"date": "Thu, 01 Jan 2026 11:00:00 GMT", "RateLimit-Remaining": "80", "ratelimit-user-remaining": "9"},
            -3599.3,
            9,
        ),
        ({"date": "noon", "ratelimit-remaining": "many"}, None, None),
        ({"date": "Thu, 01 Jan 99999 12:00:00 GMT", "ratelimit-remaining": "²"}, None, None),
    ],
)
def test_the_clock_and_the_requests_left_are_read_from_headers(
    headers: dict[str, str], skew: float | None, remaining: int | None
) -> None:
    """The smallest budget counts; the service's second began half a second ago, half the answer's time before it came."""
    found = hear(headers, 0.4, NOON)
    assert Heard(0.4, None if skew is None else pytest.approx(skew), remaining) == found
