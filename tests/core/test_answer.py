"""Everything that leaves has one form, and nothing in it that must not be seen."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

import pytest

from ci_mcp.core.answer import plain, render, tokens
from ci_mcp.core.shapes import Job, Page, Prose
from ci_mcp.status import Status

TOKEN = "bkua_0123456789abcdefghijklmnopqrstuvwxyz01"  # a made-up token in a vendor's shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """A record with a field of every kind."""

    name: str
    when: datetime | None = None
    seconds: float = 0.0
    good: bool = False
    parts: tuple[str, ...] = ()
    more: dict[str, str] | None = None


def test_a_record_leaves_out_what_says_nothing() -> None:
    """Nulls and empty fields cost tokens and tell nothing; zero and false tell something."""
    assert {"name": "n", "seconds": 0, "good": False} == plain(Thing(name="n", more={}))


def test_times_are_rfc_3339_in_utc_and_whole_seconds_have_no_fraction() -> None:
    """Whatever zone a time came in."""
    when = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2)))
    found = plain(Thing(name="n", when=when, seconds=12.34))
    assert ("2026-01-02T01:04:05Z", 12.3) == (found["when"], found["seconds"])
    assert "2026-01-02T03:04:05Z" == plain(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))


def test_a_status_is_its_word() -> None:
    """An enum is shown as its value."""
    assert {"status": "passed", "name": "n", "id": "i"} == plain(Job(status=Status.PASSED, name="n", id="i"))


@pytest.mark.parametrize(
    "value",
    [Prose(f"line\ntoken {TOKEN}", {"a": [TOKEN]}), Page([Thing(name=TOKEN)]), Thing(name="n", more={"k": TOKEN})],
)
def test_a_secret_leaves_in_no_form(value: object) -> None:
    """Not in the text, not in the data, however deep."""
    answer = render(value)
    assert "bkua_" not in answer.text + str(answer.data)
    assert "[redacted: Buildkite token]" in answer.text


def test_characters_that_mislead_are_made_visible() -> None:
    """A branch named with an override or an escape sequence reads as what it is."""
    assert {"name": "a<U+202E>b c", "seconds": 0, "good": False} == plain(Thing(name="a\u202eb\x1b[31m c"))
    assert "one\ntwo\ttabbed" == render(Prose("one\ntwo\ttabbed\x00")).text


def test_prose_without_data_has_its_text_as_data() -> None:
    """So --format json always has something to show."""
    assert {"text": "said"} == render(Prose("said")).data


def test_tokens_are_a_quarter_of_the_characters_rounded_up() -> None:
    """The estimate that every budget uses."""
    assert [0, 1, 1, 2] == [tokens(""), tokens("a"), tokens("abcd"), tokens("abcde")]


def test_a_private_key_is_hidden_in_lines_that_stand_for_themselves() -> None:
    """As a log's lines do in data: each line of the key, and no other."""
    word = "PRIVATE " + "KEY"
    texts = ["a", f"-----BEGIN {word}-----", "TUlJRW93SUJBQUtDQVFFQXg3Ums=", f"-----END {word}-----", "b"]
    lines = [{"number": number, "text": text} for number, text in enumerate(texts)]
    hidden = "[redacted: private key]"
    assert ["a", hidden, hidden, hidden, "b"] == [line["text"] for line in plain(lines)]
    assert [{"text": "a"}, {"text": "b"}] == plain([{"text": "a"}, {"text": "b"}])
