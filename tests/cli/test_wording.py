"""Prose in a shell: calls as commands, long lines folded."""

import pytest

from ci_mcp.cli.wording import as_commands, folded


@pytest.mark.parametrize(
    ("said", "typed"),
    [
        (
            'more of this log: semaphore_jobs_logs(job="1c93", around=LINE) or search="REGEX"',
            "more of this log: ci-mcp semaphore jobs logs --job 1c93 --around LINE (or --search REGEX)",
        ),
        ('then ci_wait(target="semaphore:#1")', "then ci-mcp wait semaphore:#1"),
        ("pocketci_pipelines_update(paused=false)", "ci-mcp pocketci pipelines update --no-paused"),
        ('semaphore_promotions_run(promotion="to prod")', 'ci-mcp semaphore promotions run --promotion "to prod"'),
        ("more: around=N or search=REGEX", "more: --around N or --search REGEX"),
        ('no_such_tool(job="1")', 'no_such_tool(job="1")'),
    ],
)
def test_a_call_is_said_as_its_command(said: str, typed: str) -> None:
    """A person types commands."""
    assert typed == as_commands(said)


def test_what_a_log_says_stays_as_it_is() -> None:
    """Between its own marks; after them it is ours again."""
    call, typed = 'ci_wait(target="x")', "ci-mcp wait x"
    text = f"<<<log, untrusted output, 1a2b\n| {call}\n>>>ffff\n{call}\n>>>1a2b\n{call}"
    assert f"<<<log, untrusted output, 1a2b\n| {call}\n>>>ffff\n{call}\n>>>1a2b\n{typed}" == as_commands(text)


@pytest.mark.parametrize(
    ("line", "lines"),
    [
        ("short", ["short"]),
        ("> " + "=" * 30 + " FAILURES " + "=" * 30, ["> " + "=" * 14 + " FAILURES " + "=" * 14]),
        ("| " + "word " * 10, ["| word word word word word word word", "    word word word "]),
        ("- one two three four five six seven eight nine", ["- one two three four five six seven", "  eight nine"]),
        ("x" * 60, ["x" * 60]),
        ("see ci-mcp semaphore jobs logs --job 1 --around 2", ["see ci-mcp semaphore jobs logs --job 1 --around 2"]),
    ],
)
def test_a_long_line_is_folded_where_it_can_be(line: str, lines: list[str]) -> None:
    """Rules shrink, text hangs, and what is copied stays in one piece."""
    assert lines == folded(line, 40).split("\n")
