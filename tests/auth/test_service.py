"""What is known of a service before any of its code runs."""

import pytest

from ci_mcp.auth.service import Service

PLAIN = Service(name="a", title="A", token_env=())
PREFIXED = Service(name="b", title="B", token_env=(), web_prefix="app.")


@pytest.mark.parametrize(
    ("service", "host", "web", "serves"),
    [
        (PLAIN, "ci.example.com", "ci.example.com", True),
        (PLAIN, "CI.example.com:8443", "ci.example.com", True),
        (PLAIN, "ci.example.com", "app.ci.example.com", False),
        (PREFIXED, "ci.example.com", "ci.example.com", True),
        (PREFIXED, "ci.example.com:8443", "app.ci.example.com", True),
        (PREFIXED, "ci.example.com", "app.evil.example.com", False),
    ],
)
def test_a_page_belongs_to_the_host_that_serves_it(service: Service, host: str, web: str, serves: bool) -> None:
    """Its web application may have a name of its own before the API's."""
    assert serves is service.serves(host, web)


def test_what_to_configure_is_the_apis_host() -> None:
    """Not the web application's."""
    assert "ci.example.com" == PREFIXED.behind("app.ci.example.com")
    assert "app.example.com" == PLAIN.behind("app.example.com")
