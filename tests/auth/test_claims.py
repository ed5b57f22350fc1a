"""What a credential says of itself."""

import base64
import json
from typing import Any

import pytest

from ci_mcp.auth.claims import claims
from ci_mcp.auth.credentials import Credential


def jwt(payload: Any) -> str:
    """A token with this payload, signed by nobody."""
    text = payload if isinstance(payload, str) else json.dumps(payload)
    return f"e30.{base64.urlsafe_b64encode(text.encode()).decode().rstrip('=')}.c2ln"


def test_a_jwt_is_read_without_being_verified() -> None:
    """Its audience, its end, whose it is; that it is genuine is its service's to tell."""
    payload = {"aud": ["api"], "exp": 1_800_000_000, "email": "dev@example.com"}
    assert payload == claims(Credential(jwt(payload), "a test"))


def test_a_basic_credential_says_its_user_and_never_its_password() -> None:
    """A password may hold a colon."""
    assert {"user": "admin"} == claims(Credential("admin:pass:word", "a test", "Basic"))


@pytest.mark.parametrize(
    "token", ["opaque", "a.b.c", "a.%%.c", jwt("["), jwt([1]), jwt('"text"'), "", "..", f"a.{'A' * 20_000}.c"]
)
def test_any_other_token_says_nothing(token: str) -> None:
    """Whatever it looks like."""
    assert {} == claims(Credential(token, "a test"))
