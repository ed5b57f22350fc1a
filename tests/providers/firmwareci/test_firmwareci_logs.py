"""Per-step logs as one text, whatever their shape."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_mcp.logs.clean import Log
from ci_mcp.providers.firmwareci import read
from ci_mcp.providers.firmwareci.logs import parts, rendered

STEPS = [
    {"name": "flash", "status": "succeeded", "logs": ["one", "two"]},
    {"step_name": "boot", "exitCode": 3, "stdout": "out\n", "stderr": "err"},
]
TEXT = (
    "##[group]flash\none\ntwo\n##[endgroup]\n"
    "##[group]boot\nout\nerr\n##[error]Process completed with exit code 3.\n##[endgroup]\n"
)


@pytest.mark.parametrize(
    "body",
    [
        STEPS,
        {"steps": STEPS},
        {"job_id": "1", "logs": STEPS},
        {"data": {"steps": STEPS, "total": 2}},
    ],
)
def test_steps_become_groups_wherever_they_stand(body: Any) -> None:
    """Alone, under a name, in an envelope."""
    assert TEXT == "".join(rendered(body))


def test_stages_name_their_steps() -> None:
    """So that two steps of one name are told apart; what the job says at its end is kept."""
    body = {
        "pre_stage": {"steps": [{"name": "flash", "output": "x"}]},
        "stages": [{"name": "linux", "steps": [{"name": "login", "status": "failed", "error": "no prompt"}]}],
        "error": "stage linux failed",
    }
    said = "".join(rendered(body))
    assert "##[group]flash\nx\n##[endgroup]\n" in said
    assert "##[group]linux / login\nerror: no prompt\n##[error]Step failed.\n##[endgroup]\n" in said
    assert said.endswith("error: stage linux failed\n")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("line one\nline two", "line one\nline two\n"),
        ("", ""),
        (None, ""),
        (7, "7\n"),
        (["a", "b\n"], "a\nb\n"),
        ({"flash": "ok", "boot": ["a", "b"]}, "##[group]flash\nok\n##[endgroup]\n##[group]boot\na\nb\n##[endgroup]\n"),
        ([{"timestamp": "10:00", "message": "hi"}, {"msg": "ho"}], "10:00 hi\nho\n"),
        ({"entries": [{"time": "1", "line": "x"}]}, "1 x\n"),
        ({"steps": [{"name": "a", "entries": [{"msg": "x"}], "status": "ok"}]}, "##[group]a\nx\n##[endgroup]\n"),
        ({"steps": None, "count": 0}, ""),
    ],
)
def test_other_shapes_are_text_too(body: Any, text: str) -> None:
    """Text alone, lines, lines with times, names with texts."""
    assert text == "".join(rendered(body))


def test_steps_are_found_by_line() -> None:
    """Each from its first line to its last."""
    with Log.of_bytes(TEXT.encode()) as log:
        assert [("flash", 1, 4), ("boot", 5, 9)] == [(one.name, one.start, one.end) for one in parts(log)]
    with Log.of_bytes(b"") as log:
        assert [] == parts(log)


ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inside: (
        st.lists(inside, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "steps", "logs", "output", "error", "exit_code", "x", "stages", "id"]),
            inside,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=60)
@given(body=ANY)
def test_nothing_that_a_server_gives_breaks_the_reading(body: Any) -> None:
    """Whatever it is, a text comes out of it, and records are records."""
    assert all(isinstance(text, str) for text in rendered(body))
    assert all(isinstance(row, dict) for row in read.rows(body, "jobs"))
    assert isinstance(read.record(body, "job"), dict)
    read.has_more(body)
    found = read.Fields(read.record(body, "job"))
    found.text("name"), found.when("x"), found.seconds("x"), found.part("id"), found.rest()


@given(
    word=st.sampled_from(["password", "token", "key", "secret", "credentials"]), joint=st.sampled_from(["_", "-", ""])
)
def test_a_secret_is_known_by_its_key(word: str, joint: str) -> None:
    """In any spelling; a word that only begins alike is none."""
    assert read.is_secret(f"bmc{joint or '_'}{word}")
    assert read.is_secret(f"bmc{word.title()}")
    assert not read.is_secret(f"{word}board")


def test_a_value_too_deep_is_cut() -> None:
    """A record cannot exhaust the stack."""
    deep: Any = "x"
    for _ in range(100):
        deep = {"a": deep}
    assert "…" in str(read.hidden(deep))
    assert "".join(rendered([[[[[[[[[["x"]]]]]]]]]])).strip()
