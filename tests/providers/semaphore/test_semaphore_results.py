import gzip
import json
from typing import Any

import pytest

from ci_mcp.errors import BadAnswerError
from ci_mcp.providers.semaphore import results
from ci_mcp.status import Status

BODY = "def test_total():\n>   assert 1 == 2\nE   AssertionError\n\ntests/test_cart.py:29: AssertionError"


def _test(name: str, state: str, job: str = "j-1", **facts: Any) -> dict[str, Any]:
    return {"name": name, "state": state, "duration": 1_500_000_000, "semaphoreEnv": {"jobId": job}} | facts


def _report(*tests: dict[str, Any], **summary: int) -> dict[str, Any]:
    return {"testResults": [{"suites": [{"name": "cart", "tests": list(tests)}], "summary": summary}]}


@pytest.mark.parametrize("pack", [gzip.compress, bytes], ids=["packed", "plain"])
def test_a_report_is_read_packed_or_not(pack: Any) -> None:
    """The name says .json either way: the first bytes tell."""
    failure = {"message": "assert 1 == 2", "type": "AssertionError", "body": BODY}
    report = _report(_test("test_total", "failed", failure=failure), _test("test_add", "passed"), total=2)
    found = results.read(pack(json.dumps(report).encode()))
    bad = found.tests[0].case
    assert (Status.FAILED, "test_total", "cart") == (bad.status, bad.name, bad.suite)
    assert ("tests/test_cart.py", 29, "assert 1 == 2", 1.5) == (bad.file, bad.line, bad.message, bad.duration)
    assert Status.PASSED is found.tests[1].case.status
    assert (2, 1, {"j-1": 2}) == (found.total, found.failed, found.totals)


def test_a_short_report_keeps_its_totals() -> None:
    """It names failing tests only, and counts all."""
    found = results.read(
        json.dumps(_report(_test("a", "error", error={"message": "boom"}), total=90, failed=1)).encode()
    )
    assert (90, 1, {"j-1": 90}) == (found.total, found.failed, found.totals)
    assert "boom" == found.tests[0].case.message


@pytest.mark.parametrize(
    ("state", "expected"),
    [("skipped", Status.SKIPPED), ("disabled", Status.SKIPPED), ("PASSED", Status.PASSED), ("odd", Status.UNKNOWN)],
)
def test_states_of_tests_are_ours(state: str, expected: Status) -> None:
    """One vocabulary, whatever the report says."""
    assert expected is results.read(json.dumps(_report(_test("a", state))).encode()).tests[0].case.status


def test_colours_and_hostile_characters_are_taken_out() -> None:
    """Test tools write escapes as text into XML; names may hold anything."""
    failure = {"message": "#x1B[31mred#x1B[0m", "type": "", "body": "\x1b[1mbold\u202e"}
    report = _report(_test("a\x07", "failed", failure=failure, classname="k\u202e"))
    case = results.read(json.dumps(report).encode()).tests[0].case
    assert "red" == case.message
    assert "\x1b" not in case.details
    assert "\u202e" not in case.details + case.suite
    assert "\x07" not in case.name


def test_what_is_missing_or_odd_in_a_report_does_no_harm() -> None:
    """Null lists, a summary that is none, no environment."""
    odd = {"testResults": [None, {"suites": None, "summary": 3}, {"suites": [{"tests": None}, {"tests": [{}]}]}]}
    found = results.read(json.dumps(odd).encode())
    assert (1, 0, {}) == (found.total, found.failed, found.totals)


@pytest.mark.parametrize(
    "data", [b"", b"<xml/>", b"[]", b"{}", b'{"testResults": 3}', b"\x1f\x8bnonsense", b"[" * 99_999]
)
def test_what_is_no_report_is_an_error(data: bytes) -> None:
    """Damaged, of another kind, or nested without end."""
    with pytest.raises(BadAnswerError, match="test report"):
        results.read(data)


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few kilobytes that stand for gigabytes stay what they are."""
    monkeypatch.setattr(results, "MOST_BYTES", 1000)
    with pytest.raises(BadAnswerError, match="too large"):
        results.unpacked(gzip.compress(b" " * 100_000))
