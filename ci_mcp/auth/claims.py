"""What a credential says of itself, read without verifying it: that is its service's part."""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, Final

from ci_mcp.auth.credentials import Credential

_PARTS: Final = 3  # header, payload, signature
_MOST: Final = 16_384  # characters of a payload that is read


def claims(credential: Credential) -> Mapping[str, Any]:
    """The payload of a JWT, the user of a Basic credential as ``user``; empty for any other token."""
    if credential.scheme == "Basic":
        return {"user": credential.token.partition(":")[0]}
    parts = credential.token.split(".")
    if len(parts) != _PARTS or len(parts[1]) > _MOST:
        return {}
    try:
        found = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
