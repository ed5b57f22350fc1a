"""Which step a line stands in, in every notation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_mcp.logs.clean import Log
from ci_mcp.logs.groups import LABEL_LIMIT


def groups(raw: bytes) -> list[str]:
    """The label of each line."""
    return [line.group for line in Log.of_bytes(raw).lines()]


@pytest.mark.parametrize(
    ("labels", "raw"),
    [
        (["", ""], b"a\nb\n"),
        (["", "Run make", "Run make", "Run make"], b"x\n##[group]Run make\n##[endgroup]\noutput\n"),
        (
            ["Run make", "Run make", "Deps", "Deps", "Run make"],
            b"##[group]Run make\n##[endgroup]\n::group::Deps\n::endgroup::\nback in the step\n",
        ),
        (["make", "make", "make", "make"], b"##[group]make\nout\n##[endgroup]\n##[error]Process completed with exit code 2.\n"),
        (["one", "one", "two"], b"2024-05-01T10:00:00.1234567Z ##[group]one\nout\n##[group]two\n"),
        (["Setup", "Setup", "Test", "Test"], b"~~~ Setup\nout\n--- \x1b[32mTest\x1b[0m\nout\n"),
        (["~", "~", "~", "~"], b"~~~ ~\n--- a/cart.py\n+++ b/cart.py\n--- cart.py\n"),
        (["", "Test", "Test"], b"\x1b_bk;t=1700000000000\x07x\n\x1b_bk;t=1700000000000\x07+++ Test\nout\n"),
        (["", "", ""], b"--- a heading\n+++ b\nnot Buildkite\n"),
        (["install", "install", ""], b"travis_fold:start:install\r\x1b[0K$ make\ntravis_fold:end:install\r\x1b[0K\nafter\n"),
        (
            ["The header", "The header", ""],
            b"section_start:17:build[collapsed=true]\r\x1b[0KThe header\nsection_end:18:build\r\x1b[0K\nafter\n",
        ),
        (["build", "build", ""], b"section_start:17:build\r\x1b[0K\nsection_end:18:build\nafter\n"),
        (["", ""], b"say ##[group]x\nout\n"),
    ],
)  # fmt: skip
def test_each_notation_labels_its_lines(labels: list[str], raw: bytes) -> None:
    """A label holds from its marker to its end; elsewhere the same words are text."""
    assert labels == groups(raw)


def test_a_label_is_cleaned_and_bounded() -> None:
    """A label is text of a log: controls go, and it has a longest size."""
    (label,) = groups(b"##[group]\x1b[31m" + b"x\x00" * 500 + b"\n")
    assert "x" * LABEL_LIMIT == label


@given(
    st.lists(st.sampled_from([b"##[group]a\n", b"##[endgroup]\n", b"::group::Run b\n", b"travis_fold:end:x\n", b"t\n"]))
)
def test_markers_in_any_order_do_no_harm(parts: list[bytes]) -> None:
    """Ends without a beginning and beginnings without an end leave every line with some label."""
    raw = b"".join(parts)
    assert raw.count(b"\n") == len(groups(raw))


def test_a_flood_of_groups_is_bounded() -> None:
    """A log of nothing but groups is not remembered without end: the last labels stay as they were."""
    raw = b"".join(b"##[group]%d\n" % number for number in range(25_000))
    assert 20_000 > len(Log.of_bytes(raw).groups().changes()) - 1
