"""Which lines belong to a line of evidence."""

import pytest

from ci_mcp.logs.blocks import own
from ci_mcp.logs.clean import Log
from ci_mcp.logs.evidence import read_evidence

TRACEBACK = (
    'Traceback (most recent call last):\n  File "a.py", line 1, in f\n    x()\nValueError: no\nwith more words\n'
)


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (5, TRACEBACK + "\nnot its own\n"),
        (3, 'Traceback (most recent call last):\n  File "a.py", line 1\n    x()\n\nValueError: no\n'),
        (4, "java.lang.Error: a message\nof two lines\n\tat a.B.c(B.java:1)\n\tat a.B.d(B.java:2)\nnext\n"),
        (1, "java.lang.Error: a message\nno frames follow\nnor here\n"),
        (2, "java.lang.Error: a message\n\tat a.B.c(B.java:1)\n\n\nnext\n"),
        (3, "a.c:1:2: error: no\n  1 | x\n    | ^\nnext\n"),
        (4, "a.c:1:2: error: no\n  1 | x\n\n    | ^\n\n\nnext\n"),
        (3, "error[E0425]: no\n --> a.rs:1:2\n  |\n\nnext\n"),
        (5, "  1) cart adds up:\n\n     Error: no\n\n     at x\n\n\n\n\nnext\n"),
        (2, "  1) cart adds up:\n     Error: no\n  2) cart sums up:\n     Error: no\n"),
        (2, "  1) cart adds up:\n     Error: no\n==========\nnext\n"),
        (1, "error: no\n##[error]Process completed with exit code 1.\nPost job cleanup.\n"),
        (1, "make: *** [all] Error 2\n  deeper\n"),
        (1, "##[error]Process completed with exit code 1.\n  deeper\n"),
    ],
)
def test_a_block_is_whole_and_no_more(length: int, text: str) -> None:
    """From the seed's line to the last that belongs to it."""
    evidence = read_evidence(list(Log.of_bytes(text.encode()).lines()))
    assert range(length) == own(evidence, 0)


def test_a_line_without_evidence_owns_itself() -> None:
    """Nothing grows from a line that no table knows."""
    evidence = read_evidence(list(Log.of_bytes(b"plain\n  deeper\n").lines()))
    assert range(1) == own(evidence, 0)
