"""A request that cannot be read is told from noise: somebody waits for its answer."""

import pytest
from mcp_types import jsonrpc_message_adapter
from pydantic import ValidationError

from ci_mcp.core.refusals import reason, waiting

LONG = "1" * 5_000


def spoilt(line: str) -> Exception:
    """What the SDK's reader makes of a line that it cannot read."""
    with pytest.raises(ValidationError) as caught:
        jsonrpc_message_adapter.validate_json(line, by_name=False)
    return caught.value


@pytest.mark.parametrize(
    ("line", "ids"),
    [
        ('{"jsonrpc": "2.0", "id": 9, "method": "ping", "params": []}', [9]),
        ('{"jsonrpc": "2.0", "id": "a", "method": 7}', ["a"]),
        ('{"id": 7, "method": "ping"}', [7]),
        ('{"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "\\ud83d"}}', [3]),
        ('\ufeff{"jsonrpc": "2.0", "id": 4, "method": "ping"}', [4]),
        ('[{"jsonrpc": "2.0", "id": 1, "method": "a"}, {"jsonrpc": "2.0", "id": 2, "method": "b"}, 5]', [1, 2]),
        ('{"jsonrpc": "2.0", "id": true, "method": 7}', []),
        ('{"jsonrpc": "2.0", "id": 5, "answer": {}}', []),
        (f'{{"jsonrpc": "2.0", "id": 5, "method": "a", "params": {{"n": {LONG}}}}}', []),
        ("hello", []),
        ("[" * 100_000, []),
        ("[]", []),
    ],
)
def test_the_requests_in_a_message_that_cannot_be_read_are_known(line: str, ids: list[str | int]) -> None:
    """By the ids that their answers are to have; noise and answers have none."""
    assert ids == waiting(spoilt(line))


def test_why_it_cannot_be_read_is_told_without_what_it_holds() -> None:
    """Its text may hold a token."""
    said = reason(spoilt('{"jsonrpc": "2.0", "id": 3, "method": "s3cret\\ud83d"}'))
    assert said.startswith("this message cannot be read (Invalid JSON: ")
    assert "s3cret" not in said
    assert "this message cannot be read (ValueError): send one JSON-RPC request a line" == reason(ValueError("s3cret"))
    assert [] == waiting(ValueError("x"))
