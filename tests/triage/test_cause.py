"""Whether the machine or the code is to blame: only where somebody says so clearly."""

import pytest

from ci_mcp.core.shapes import Failure, Job, TestCase
from ci_mcp.logs.clean import Log
from ci_mcp.logs.excerpt import excerpt
from ci_mcp.status import Status
from ci_mcp.triage.cause import Blame, Cause, cause

JOB = Job(status=Status.FAILED, name="unit", id="u")


def blamed(text: str, **more: object) -> Cause | None:
    """What a log blames."""
    return cause(Failure(job=JOB, **more), excerpt(Log.of_bytes(text.encode()), fill=False))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "what", "line"),
    [
        ("compiling\nld: final link failed: No space left on device\n", "the disk is full", 2),
        ("one\ntwo\nThe runner has received a shutdown signal.\n", "the machine was lost", 3),
        ("No output has been received in the last 10m0s, this potentially indicates a stalled build\n", "a time limit was reached, unless the code hangs", 1),
        ("command timed out: 1200 seconds without output running [b'make'], attempting to kill\nprocess killed by signal 9\n", "a time limit was reached, unless the code hangs", 1),
        ("ERROR: toomanyrequests: You have reached your pull rate limit.\n", "a quota is used up", 1),
        ("curl: (6) Could not resolve host: example.com\n", "the network", 1),
    ],
)  # fmt: skip
def test_clear_words_of_a_log_blame_the_machine(text: str, what: str, line: int) -> None:
    """With the line that says so."""
    assert Cause(Blame.INFRASTRUCTURE, "log", what, line) == blamed(text)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (
            "=== FAILURES ===\nE       AssertionError: assert 1 == 2\ntests/test_a.py:7: AssertionError\n",
            "a test fails",
        ),
        ("scale.c:14:29: error: no member named tara\n", "it does not compile"),
    ],
)
def test_a_test_or_compiler_blames_the_code(text: str, what: str) -> None:
    """By the kind of its lines."""
    found = blamed(text)
    assert found
    assert (Blame.CODE, "log", what) == (found.blame, found.source, found.what)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[ERROR] /src/Cart.java:[12,5] cannot find symbol\n[INFO] shop ............ FAILURE [ 4 s]\n[INFO] BUILD FAILURE\n", "it does not compile"),
        ("Cart.cs(12,5): error CS0103: no such name\n\nBuild FAILED.\n", "it does not compile"),
        ('Traceback (most recent call last):\n  File "a.py", line 3, in f\n    g()\nTypeError: no\n', None),
        ("ERROR: failed to upload: report.xml\n", None),
    ],
)  # fmt: skip
def test_a_build_that_failed_is_no_failing_test(text: str, what: str | None) -> None:
    """FAILED is said of builds, too, and an exception is neither a test nor a compiler."""
    found = blamed(text)
    assert what == (found and found.what)


@pytest.mark.parametrize(
    "text",
    [
        "  23. https://example.com Failed to open TCP connection (getaddrinfo: Name or service not known)\nexit status 1\n",
        "* link https://example.com: connection timed out\n404 https://example.com/gone\n",
        "the build of shop FAILED\n",
    ],
)
def test_one_item_of_a_list_and_a_failed_build_blame_nobody(text: str) -> None:
    """A tool that looked at many links found more than the network, and a build fails for many reasons."""
    assert blamed(text) is None


def test_a_report_of_failing_tests_needs_no_log() -> None:
    """What it says is certain."""
    failure = Failure(job=JOB, tests=(TestCase(status=Status.FAILED, name="t"),))
    assert Cause(Blame.CODE, "report", "a test fails") == cause(failure, None)


def test_the_vendor_is_believed_first() -> None:
    """Whatever the log says."""
    assert Cause(Blame.INFRASTRUCTURE, "vendor") == blamed("E   assert 1 == 2\n", infrastructure=True)


def test_a_full_disk_is_believed_beside_failing_tests() -> None:
    """No test fills a disk by being wrong."""
    found = blamed("E       AssertionError: assert 1 == 2\nOSError: [Errno 28] No space left on device\n")
    assert found
    assert "the disk is full" == found.what


def test_a_test_that_cannot_connect_blames_nobody() -> None:
    """It may be the network, and it may be what is tested."""
    text = "=== FAILURES ===\nE       ConnectionRefusedError: [Errno 111] Connection refused\ncurl: (7) Failed to connect: Connection refused\n"
    assert blamed(text) is None


def test_a_log_that_says_nothing_blames_nobody() -> None:
    """Nor does a failure without a log."""
    assert blamed("all is well\n") is None
    assert cause(Failure(job=JOB), None) is None
