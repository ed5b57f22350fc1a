"""Buildkite's JSON in its odd shapes, and the words made of it."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_mcp.errors import BadAnswerError
from ci_mcp.providers.buildkite import engine, markup, reasons, wire
from ci_mcp.providers.buildkite.annotations import told
from ci_mcp.providers.buildkite.records import Annotation
from ci_mcp.status import Status

Make = Callable[..., Any]


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2025-03-01T10:00:00.123Z", datetime(2025, 3, 1, 10, 0, 0, 123_000, tzinfo=UTC)),
        ("2025-03-01 10:00:00 UTC", datetime(2025, 3, 1, 10, tzinfo=UTC)),
        ("2025-03-01T12:00:00+02:00", datetime(2025, 3, 1, 10, tzinfo=UTC)),
        ("", None),
        (None, None),
        ("yesterday", None),
        (1_740_823_200, None),
    ],
)
def test_times_are_read_in_both_formats(text: Any, time: datetime | None) -> None:
    """RFC 3339, and the one with UTC behind it."""
    assert time == wire.when(text)


@pytest.mark.parametrize(
    ("facts", "status", "word"),
    [
        ({"state": "passed"}, Status.PASSED, ""),
        ({"state": "passed", "blocked": True}, Status.BLOCKED, "blocked, passed until there"),
        ({"state": "blocked", "blocked": True}, Status.BLOCKED, ""),
        ({"state": "failing", "blocked": True}, Status.FAILING, ""),
        ({"state": "canceled", "blocked": True}, Status.CANCELED, ""),
        ({"state": "creating"}, Status.QUEUED, "creating"),
        ({"state": "not_run"}, Status.SKIPPED, "not_run"),
        ({"state": "marvellous"}, Status.UNKNOWN, "marvellous"),
        ({}, Status.UNKNOWN, ""),
    ],
)
def test_a_builds_state_is_read_with_its_block(facts: dict[str, Any], status: Status, word: str) -> None:
    """A blocked build keeps the state that it had before."""
    assert (status, word) == (wire.build_status(facts), wire.build_word(facts))


@pytest.mark.parametrize(
    ("facts", "status", "word"),
    [
        ({"state": "failed"}, Status.FAILED, ""),
        ({"state": "failed", "soft_failed": True}, Status.FAILED, "soft failed"),
        ({"state": "running", "promised_exit_status": 1}, Status.FAILING, "will fail"),
        ({"state": "running", "promised_exit_status": 0}, Status.RUNNING, ""),
        ({"state": "finished", "type": "waiter", "exit_status": 1}, Status.PASSED, ""),
        ({"state": "finished", "type": "script", "exit_status": 1}, Status.FAILED, ""),
        ({"state": "finished", "type": "script", "exit_status": 0}, Status.PASSED, ""),
        ({"state": "expired"}, Status.FAILED, "expired"),
        ({"state": "platform_limited"}, Status.QUEUED, "platform_limited"),
        ({"state": "unheard_of"}, Status.UNKNOWN, "unheard_of"),
    ],
)
def test_a_jobs_state_is_read_with_what_it_promised(facts: dict[str, Any], status: Status, word: str) -> None:
    """A state that nobody has heard of is kept as it is."""
    assert (status, word) == (wire.job_status(facts), wire.job_word(facts))


def test_states_of_counts_are_told_alike() -> None:
    """As those of single jobs."""
    states = {"finished": Status.PASSED, "broken": Status.SKIPPED, "odd": Status.UNKNOWN}
    assert states == {state: wire.state_status(state) for state in states}


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        ({"name": ":hammer: Build"}, ":hammer: Build"),
        ({"name": None, "label": "Deploy?"}, "Deploy?"),
        ({"name": None, "command": "make\ntest"}, "make"),
        ({"name": "", "step_key": "key"}, "key"),
        ({"type": "waiter"}, "wait"),
        ({"type": "manual"}, "block"),
        ({}, "job"),
        ({"name": "shard", "parallel_group_index": 0, "parallel_group_total": 4}, "shard (1/4)"),
        ({"name": "a\x1b[31mb\u202e"}, "ab<U+202E>"),
    ],
)
def test_a_job_has_a_name_whatever_is_missing(facts: dict[str, Any], name: str) -> None:
    """Its name, its label, what it runs, its key, its kind."""
    assert name == wire.job_name(facts)


@pytest.mark.parametrize(
    ("facts", "person"),
    [
        ({"author": {"name": "Ada"}, "creator": {"name": "Ben"}}, "Ada"),
        ({"author": "ada@example.com"}, "ada"),
        ({"author": "Ada Lane <ada@example.com>"}, "Ada Lane"),
        ({"author": "<ada@example.com>"}, "ada"),
        ({"author": None, "creator": {"name": "Ben"}}, "Ben"),
        ({"author": {}, "creator": None}, ""),
    ],
)
def test_an_author_is_a_text_or_an_object(facts: dict[str, Any], person: str) -> None:
    """Without an address."""
    assert person == wire.person(facts)


def test_what_is_no_record_is_a_bad_answer() -> None:
    """A web page, a list in place of an object."""
    with pytest.raises(BadAnswerError, match="not a build"):
        wire.record([], "build")
    with pytest.raises(BadAnswerError, match="not a list of jobs"):
        wire.records({}, "jobs")


ENDED = {"state": "failed", "finished_at": "2025-03-01T10:00:00Z"}


@pytest.mark.parametrize(
    ("facts", "reason", "infrastructure"),
    [
        ({**ENDED, "exit_status": 1}, "", False),
        ({**ENDED, "exit_status": -1}, "its agent was lost, or killed with it", True),
        ({**ENDED, "exit_status": -1, "signal_reason": "agent_stop"}, "its agent was stopped while it ran", True),
        ({**ENDED, "signal_reason": "agent_refused"}, "its agent refused to run it", True),
        ({**ENDED, "signal_reason": "stack_error"}, "no machine could be started for it", True),
        ({**ENDED, "signal_reason": "signature_rejected"}, "the signature of its step was rejected", False),
        ({**ENDED, "signal_reason": "sun_spots"}, "sun spots", False),
        ({**ENDED, "exit_status": 137, "signal": "SIGKILL"}, "another process or the system ended it with SIGKILL: often out of memory", False),
        ({**ENDED, "exit_status": 143, "signal": "SIGTERM"}, "another process or the system ended it with SIGTERM", False),
        ({**ENDED, "exit_status": -1, "soft_failed": True}, "soft failure (exit status -1): the build does not count it", False),
        ({"state": "failed", "soft_failed": True, "exit_status": 0}, "soft failure: the build does not count it", False),
        ({"state": "expired"}, "it expired: no agent took it in time", True),
        ({"state": "expired", "agent_query_rules": ["queue=mac", "xcode=16"]}, "it expired: no agent took it in time (it wants queue=mac, xcode=16)", True),
        ({"state": "timed_out", "exit_status": -1, "finished_at": "2025-03-01T10:00:00Z"}, "it ran longer than its time limit", False),
        ({"state": "canceled", "exit_status": -1, "finished_at": "2025-03-01T10:00:00Z"}, "it was canceled", False),
        ({"state": "broken"}, "it never ran", False),
        ({"state": "broken", "broken_reason": "branch_filter"}, "it never ran: its branches do not match", False),
        ({"state": "broken", "broken_reason": "moon_phase"}, "it never ran: moon phase", False),
        ({"state": "blocked_failed"}, "it never ran: a step before its block failed", False),
        ({"state": "running", "exit_status": 0}, "", False),
        ({"state": "running", "promised_exit_status": 3}, "it still runs, and has said that it will end with exit status 3", False),
        ({"state": "passed", "signal_reason": "agent_stop"}, "", True),
    ],
)  # fmt: skip
def test_what_no_log_says_is_said_in_words(facts: dict[str, Any], reason: str, infrastructure: bool) -> None:
    """And whether the machine is to blame, not the code."""
    assert (reason, infrastructure) == (reasons.why(facts), reasons.infrastructure(facts))


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>Two <b>tests</b>   failed</p>", "Two tests failed"),
        ("<ul><li>one</li><li>two</li></ul>", "- one\n- two"),
        ("<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>", "a | b\n1 | 2"),
        ("<pre><code>def f():\n    return 1\n</code></pre>", "def f():\n    return 1"),
        ("<p>in &lt;module&gt; said &quot;no&quot;</p>", 'in <module> said "no"'),
        ("<h1>Title</h1>text<br>more", "Title\ntext\nmore"),
        ("<script>alert(1)</script><style>p{}</style>seen", "seen"),
        ('<img alt=":rocket:" src="artifact://x.png"> <a href="artifact://a">log</a>', ":rocket: log"),
        ("<p>#x1B[31mred#x1B[0m \x1b[1mbold\x1b[0m\u202eevil</p>", "red bold<U+202E>evil"),
        ("<p>open", "open"),
        ("a<!-- <b>x</b> -->b<!DOCTYPE html>c<!-- open", "abc<!-- open"),
        ("1 < 2 & 3 > 2 &amp;lt;", "1 < 2 & 3 > 2 &lt;"),
        ("<td>first</td><td>second</td><img src=x>", "first | second"),
        ("", ""),
        ("<div><div>\n\n<p>deep</p></div></div>", "deep"),
    ],
)
def test_an_annotation_is_text(html: str, text: str) -> None:
    """A line for each block; nothing escaped, nothing believed."""
    assert text == markup.plain(html)


def test_a_long_annotation_is_cut() -> None:
    """And says so."""
    assert markup.plain("x" * (markup.LONGEST + 5)).endswith("[5 characters cut]")


@pytest.mark.parametrize(
    "part", ["<", "<!", "<!--", "</", "<?", '<a b="', '<img alt="', "<img alt ", "&#x", "<td>", "\n "]
)
def test_a_large_hostile_annotation_is_read_to_its_end(part: str) -> None:
    """The standard library's parser takes minutes for some of these."""
    assert markup.plain(part * ((markup.LONGEST - 20) // len(part)) + "<p>the end").endswith("the end")


@given(st.text(st.sampled_from("<>/&;\"'= !-abptdlri\n#"), max_size=300))
def test_no_html_breaks_the_reading(html: str) -> None:
    """Whatever is open, closed or neither."""
    assert "\r" not in markup.plain(html)


def test_annotations_in_an_explanation_are_bounded() -> None:
    """The first ones, the beginning of each; how many more there are, and where."""
    many = [Annotation(style="error", context=f"c{n}", id=str(n), text="word " * 300) for n in range(9)]
    text = told(many)
    assert 1_800 >= len(text)
    assert "[error: c0]" in text
    assert "more: buildkite_annotations_list" in text
    assert "" == told([])
    assert "[note]\nhm" in told([Annotation(context="", id="1", text="hm")])


def test_a_failed_execution_says_what_it_expected() -> None:
    """Its reason, the details and the backtrace; the place from either."""
    execution = {
        "failure_reason": "1 == 2",
        "location": "tests/a.py:3",
        "failure_expanded": [{"expanded": ["expected 2"], "backtrace": ["tests/a.py:3"]}, None],
    }
    case = engine.case({"name": "test_a", "scope": "A"}, execution)
    assert ("test_a", "A", "tests/a.py", 3, "1 == 2") == (case.name, case.suite, case.file, case.line, case.message)
    assert "expected 2\ntests/a.py:3" == case.details
    assert ("tests/a.py", "") == engine.place("tests/a.py")
