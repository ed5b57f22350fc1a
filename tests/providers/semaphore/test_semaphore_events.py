import json
from collections.abc import AsyncIterator, Iterable
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_mcp.errors import BadAnswerError
from ci_mcp.providers.semaphore import events

pytestmark = pytest.mark.anyio


async def _in(pieces: Iterable[Any]) -> AsyncIterator[Any]:
    for piece in pieces:
        yield piece


async def _decode(*chunks: bytes) -> list[dict[str, Any]]:
    return [event async for event in events.decode(_in(chunks))]


async def _text(*said: dict[str, Any]) -> str:
    return b"".join([piece async for piece in events.as_text(_in(said))]).decode()


_EVENT = st.dictionaries(st.sampled_from(["event", "output", "x"]), st.text() | st.integers() | st.none(), max_size=3)


@settings(max_examples=60)
@given(st.lists(_EVENT, max_size=6), st.lists(st.integers(1, 40), max_size=30), st.booleans(), st.booleans())
def test_events_are_the_same_however_their_bytes_are_cut(
    said: list[dict[str, Any]], cuts: list[int], spaced: bool, escaped: bool
) -> None:
    """Chunks end anywhere: in an event, in a character, in an escape."""
    text = json.dumps({"events": said, "next": None}, ensure_ascii=escaped, indent=1 if spaced else None)
    data = text.encode("utf-8", "replace")
    chunks, at = [], 0
    for cut in cuts:
        chunks.append(data[at : at + cut])
        at += cut
    expected = json.loads(data)["events"]
    assert expected == anyio.run(lambda: _decode(*chunks, data[at:]))


async def test_the_spelling_of_both_services_is_read() -> None:
    """The hosted one writes blanks before its list, the self-hosted one a ``next`` behind it."""
    assert [{"event": "a"}] == await _decode(b'{ "events": [{"event": "a"}] }')
    assert [{"event": "a"}] == await _decode(b'{"events":[{"event":"a"},null,3],"next": 1}')
    assert [] == await _decode(b'{ "events": [] }')


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b'{"events": [{"event": "cmd_outp', b'{"events": [{]}', b'"soon"', b"x" * 2000]
)
async def test_what_is_no_log_or_ends_too_early_is_an_error(body: bytes) -> None:
    """A log that lost its end must not pass for a whole one."""
    with pytest.raises(BadAnswerError, match="log"):
        await _decode(body)


async def test_each_command_is_a_group_and_a_failed_one_says_its_code() -> None:
    """GitHub's notation, which the log engine knows."""
    text = await _text(
        {"event": "job_started"},
        {"event": "cmd_started", "directive": "checkout"},
        {"event": "cmd_output", "output": "Cloning\n"},
        {"event": "cmd_finished", "directive": "checkout", "exit_code": 0},
        {"event": "cmd_started", "directive": "make test"},
        {"event": "cmd_output", "output": "one\ntw"},
        {"event": "cmd_output", "output": "o"},
        {"event": "cmd_finished", "directive": "make test", "exit_code": 2},
        {"event": "job_finished", "result": "failed"},
    )
    assert text == (
        "##[group]checkout\nCloning\n##[endgroup]\n"
        "##[group]make test\none\ntwo\n##[error]Process completed with exit code 2.\n##[endgroup]\n"
        "Job failed.\n"
    )


async def test_a_command_that_never_finished_is_closed() -> None:
    """It was running, or was killed, when the next one or the job's end came."""
    text = await _text(
        {"event": "cmd_started", "directive": "sleep 9"},
        {"event": "cmd_output", "output": "zz"},
        {"event": "cmd_started", "directive": "true"},
        {"event": "job_finished", "result": "stopped"},
    )
    assert text == "##[group]sleep 9\nzz\n##[endgroup]\n##[group]true\n##[endgroup]\nJob stopped.\n"


async def test_a_command_of_several_lines_names_the_group_by_its_first() -> None:
    """The rest of the command is kept below."""
    assert "##[group]if true\nthen\nfi\n" == await _text({"event": "cmd_started", "directive": "if true\nthen\nfi\n"})


async def test_odd_events_are_passed_over() -> None:
    """Unknown names, missing fields and values of another type do no harm."""
    text = await _text(
        {},
        {"event": "heartbeat"},
        {"event": "cmd_output"},
        {"event": "cmd_output", "output": None},
        {"event": "cmd_output", "output": "before any command\n"},
        {"event": "cmd_finished", "exit_code": "1"},
        {"event": "cmd_started"},
        {"event": "cmd_finished"},
        {"event": "job_finished"},
    )
    assert text == "before any command\n##[group]command\n##[endgroup]\n"


async def test_a_lone_surrogate_does_not_break_a_log() -> None:
    """Broken JSON can hold half a character."""
    assert "?\n" == await _text({"event": "cmd_output", "output": "\ud83d\n"})
