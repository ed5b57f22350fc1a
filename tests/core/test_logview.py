"""One way to read a log, and nothing of a private key in any part of it."""

from typing import Any

import pytest

from ci_mcp.core.logview import view
from ci_mcp.logs.clean import Log

pytestmark = pytest.mark.anyio
INSIDE = [f"{number:02}" + "MIIEpAIBAAKCAQEA7bq5Zz" for number in range(50)]
HASHES = ["c2hhMjU2IG9mIHRoZSBpbWFnZSBsYXllcg" + "a" * number for number in range(5)]
KEY = ["-----BEGIN RSA " + "PRIVATE KEY-----", *INSIDE, "-----END RSA " + "PRIVATE KEY-----"]
LOG = "\n".join(["one", *KEY, "two", *HASHES, "three", *KEY[:20]]).encode()


@pytest.mark.parametrize(
    ("part", "telling"),
    [
        ({"around": 40}, "40| [redacted: private key]"),
        ({"start": 30}, "54| two"),
        ({"start": 30, "tail": 3}, "32| [redacted: private key]"),
        ({"tail": 5}, "80| [redacted: private key]"),
        ({"search": "^07"}, "9> [redacted: private key]"),
        ({"search": "^[01]7"}, "69> [redacted: private key]"),
        ({"start": 1}, "1| one"),
    ],
)
async def test_no_part_of_a_log_shows_a_part_of_a_private_key(part: dict[str, Any], telling: str) -> None:
    """Wherever it begins or ends: the key's own beginning may stand above it."""
    answer = await view(Log.of_bytes(LOG), title="log", **part)
    assert telling in answer.text
    assert [] == [line for line in INSIDE if line in answer.text]


@pytest.mark.parametrize(
    ("part", "numbers"),
    [
        ({}, [4, 5, 6, 7]),
        ({"tail": 2}, [6, 7]),
        ({"start": 1, "tail": 2}, [4, 5]),
        ({"start": 6}, [6, 7]),
        ({"start": 8}, []),
        ({"search": "[1-9]$", "tail": 2}, [4, 5, 6, 7]),
        ({"search": "^line (3|7)"}, [4, 5, 6, 7]),
        ({"around": 2}, list(range(1, 11))),
    ],
)
async def test_a_part_of_a_log_is_read_like_a_whole_one(part: dict[str, Any], numbers: list[int]) -> None:
    """Its lines keep their numbers; a line that is named by its number is shown wherever it stands."""
    log = Log.of_bytes("\n".join(f"line {number}" for number in range(1, 11)).encode())
    answer = await view(log, title="log", within=(4, 7), **part)
    assert numbers == [line["number"] for line in answer.data["lines"]]


@pytest.mark.parametrize("part", [{"start": 55}, {"around": 57}, {"search": "^c2hh"}])
async def test_what_only_looks_like_a_key_is_shown(part: dict[str, Any]) -> None:
    """Lines of base64 that no key's beginning stands above."""
    answer = await view(Log.of_bytes(LOG), title="log", **part)
    assert [] == [line for line in HASHES if line not in answer.text]
