"""The end of stdin waits for the answers that are nearly there."""

import json
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from ci_mcp.core import last_answers
from ci_mcp.core.last_answers import Answers, Questions, Unanswered

pytestmark = pytest.mark.anyio


def message(**fields: Any) -> Any:
    """A message as the SDK's streams carry it."""
    return SimpleNamespace(message=SimpleNamespace(**fields))


ASKED = message(method="tools/call", id=1, params={})
ANSWERED = message(id=1, result={})
CANCELED = message(method="notifications/cancelled", params={"requestId": 1})
NOTED = message(method="notifications/initialized", params=None)
BROKEN = ValueError("no JSON")


async def ends_after(*came: Any, answer: Any = None) -> bool:
    """Whether the end comes before its grace is over, where all this came and then ``answer`` goes."""
    unanswered = Unanswered()
    come, source = anyio.create_memory_object_stream[Any](9)
    sink, gone = anyio.create_memory_object_stream[Any](1)
    for one in came:
        come.send_nowait(one)
    come.close()
    async with (
        gone,
        Questions(source, unanswered) as questions,
        Answers(sink, unanswered) as answers,
        anyio.create_task_group() as group,
    ):
        if answer:
            group.start_soon(answers.send, answer)
        with anyio.move_on_after(last_answers.GRACE_SECONDS / 2) as late:
            assert list(came) == [one async for one in questions]
    return not late.cancelled_caught


@pytest.mark.parametrize(
    ("came", "answer", "ends"),
    [
        ([], None, True),
        ([NOTED, BROKEN], None, True),
        ([ASKED, CANCELED], None, True),
        ([ASKED], ANSWERED, True),
        ([ASKED], None, False),
        ([ASKED], message(id=2, result={}), False),
        ([ASKED], message(method="ping", id=1), False),
        ([ASKED], NOTED, False),
    ],
)
async def test_the_end_waits_for_answers_to_what_was_asked(
    monkeypatch: pytest.MonkeyPatch, came: list[Any], answer: Any, ends: bool
) -> None:
    """And for nothing else."""
    monkeypatch.setattr(last_answers, "GRACE_SECONDS", 3.0 if ends else 0.4)
    assert ends == await ends_after(*came, answer=answer)


async def test_the_end_waits_no_longer_than_its_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that takes long is canceled as if nobody waited."""
    monkeypatch.setattr(last_answers, "GRACE_SECONDS", 0.01)
    come, source = anyio.create_memory_object_stream[Any](1)
    come.send_nowait(ASKED)
    come.close()
    async with Questions(source, Unanswered()) as questions:
        assert [ASKED] == [one async for one in questions]


def test_a_script_may_pipe_its_questions_in() -> None:
    """And gets the answers, although its stdin has ended before."""
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    asked = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
    ]
    text = "".join(json.dumps(one) + "\n" for one in asked)
    done = subprocess.run(
        [sys.executable, "-m", "ci_mcp", "serve"], input=text, capture_output=True, text=True, check=True
    )
    assert [1, 2] == [json.loads(line)["id"] for line in done.stdout.splitlines()]


async def test_what_cannot_be_read_is_refused_before_the_next_message() -> None:
    """And handed on as it came."""
    refused: list[Exception] = []

    async def refuse(error: Exception) -> None:
        refused.append(error)

    come, source = anyio.create_memory_object_stream[Any](3)
    for one in (BROKEN, NOTED):
        come.send_nowait(one)
    come.close()
    async with Questions(source, Unanswered(), refuse) as questions:
        assert [BROKEN, NOTED] == [one async for one in questions]
    assert [BROKEN] == refused
