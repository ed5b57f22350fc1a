"""Exit codes in words."""

import pytest

from ci_mcp.triage.codes import meaning


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (0, ""),
        (1, ""),
        (2, ""),
        (124, "timed out"),
        (126, "not executable"),
        (127, "command not found"),
        (130, "interrupted"),
        (134, "aborted"),
        (137, "killed, often out of memory"),
        (139, "segmentation fault"),
        (143, "terminated"),
        (-9, "killed, often out of memory"),
        (-1, "no code of its own: often its machine was lost"),
        (255, ""),
        (3221225477, "access violation"),
        (-1073741819, "access violation"),
        (-1073741510, "interrupted"),
    ],
)
def test_a_code_is_told_where_its_meaning_is_settled(code: int, said: str) -> None:
    """Shells, signals, Python's negative signals, Windows signed and unsigned."""
    assert said == meaning(code)
