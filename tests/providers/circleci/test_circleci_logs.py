"""A job's log by each of the three routes."""

from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest

from ci_mcp.errors import BadAnswerError, CiError, PermissionDeniedError, UnreachableError, UsageError
from ci_mcp.net.api import HttpApi
from ci_mcp.providers.circleci import logs, outputs
from ci_mcp.providers.circleci.ids import Named

pytestmark = pytest.mark.anyio

JOB = "8e50c384-0083-43d0-bc8f-93f0db589d6b"
NAMED = Named(project="gh/acme/web", number="123", job="123", job_id=JOB)
OLD = "GET /v1.1/project/github/acme/web/123"
OUT, ERR = f"GET /v3/jobs/{JOB}/stdout", f"GET /v3/jobs/{JOB}/stderr"
SERVER = "ci.example.com"
STORED = "https://storage.example.com/out"
Fake = Callable[..., HttpApi]


def step(name: str = "test", num: int = 103, **more: Any) -> dict[str, Any]:
    """A failed step of v3."""
    return {"name": name, "num": num, "phase": "ended", "outcome": "failed", "exit_code": 1} | more


def job(*nodes: list[dict[str, Any]], outcome: str = "failed") -> dict[str, Any]:
    """A job of v3."""
    runs = [{"steps": node} for node in nodes]
    return {
        f"GET /v3/jobs/{JOB}": {
            "data": {"attributes": {"phase": "ended", "outcome": outcome, "parallel_executions": runs}}
        }
    }


def old(*actions: Mapping[str, Any]) -> dict[str, Any]:
    """A failed job of v1.1."""
    steps = [
        {
            "name": "test",
            "actions": [
                {"index": 0, "step": 103, "status": "failed", "exit_code": 1, "has_output": True} | dict(action)
            ],
        }
        for action in actions
    ]
    return {OLD: {"outcome": "failed", "steps": steps}}


async def text(api: HttpApi, step: str = "") -> str:
    """The whole log."""
    return b"".join([piece async for piece in logs.text_of(api, NAMED, step)]).decode()


async def test_a_step_is_a_group_with_its_exit_code(fake: Fake) -> None:
    """Standard output first; a last line without its end gets one."""
    api = fake(job([step()]) | {OUT: b"one\r\ntwo", ERR: b"oops\n"})
    assert (
        "##[group]test\none\r\ntwo\noops\n##[error]Process completed with exit code 1.\n##[endgroup]\n"
    ) == await text(api)


@pytest.mark.parametrize(
    ("word", "said"),
    [("timedout", "it ran out of time"), ("infrastructure_fail", "machine or network failed"), ("canceled", "it was stopped")],
)  # fmt: skip
async def test_what_ended_a_step_from_outside_is_said(fake: Fake, word: str, said: str) -> None:
    """There is no exit code to say it."""
    api = fake(job([step(outcome=word, exit_code=None)], outcome=word) | {OUT: b"x\n"})
    found = await text(api)
    assert said in found.splitlines()[-2]
    assert found.splitlines()[-2].startswith("##[error]")


async def test_what_is_known_to_be_empty_is_not_asked_for(fake: Fake) -> None:
    """Neither stream here; a 204, a 404 and a 416 are empty, too."""
    asked: list[httpx.Request] = []
    api = fake(job([step(stdout_bytes=0, stderr_bytes=0)]), asked)
    assert "##[group]test\n##[error]Process completed with exit code 1.\n##[endgroup]\n" == await text(api)
    assert 1 == len(asked)
    for status in (204, 404, 416):
        api = fake(job([step()]) | {OUT: httpx.Response(status), ERR: httpx.Response(status)})
        assert 3 == len((await text(api)).splitlines())


async def test_steps_and_nodes_are_asked_for_as_they_are_numbered(fake: Fake) -> None:
    """The numbers are sparse, the node is the place in the list."""
    asked: list[httpx.Request] = []
    api = fake(
        job([step(num=0, outcome="succeeded", exit_code=0)], [step(num=107, stderr_bytes=0)]) | {OUT: b"x\n"}, asked
    )
    await text(api)
    assert [("1", "107")] == [
        (one.url.params["filter[execution]"], one.url.params["filter[step_num]"]) for one in asked[1:]
    ]


async def test_nodes_that_fail_alike_are_told_once(fake: Fake) -> None:
    """Numbers, colours and spaces do not count; error output is asked of the first one."""
    asked: list[httpx.Request] = []
    outputs_ = {
        "0": b"took 3 s\nassert 1 == 2\n",
        "1": b"took 41 s\n\x1b[31massert 1 == 2\x1b[0m\n",
        "2": b"took 5 s\nassert 1 == 2\n",
    }
    answers = job([step()], [step()], [step()], [step()]) | {
        OUT: lambda request: httpx.Response(200, content=outputs_[request.url.params["filter[execution]"]]),
        ERR: httpx.Response(204),
    }
    found = await text(fake(answers, asked))
    assert 1 == found.count("##[group]")
    assert (
        "[parallel run 0; it failed alike on parallel runs 1, 2; the same step failed with the same exit code on parallel run 3, not read here]"
    ) == found.splitlines()[1]
    assert (3, 1) == (sum("stdout" in one.url.path for one in asked), sum("stderr" in one.url.path for one in asked))


async def test_nodes_that_fail_differently_are_told_each(fake: Fake) -> None:
    """Their error output, too, where the first one has some."""
    answers = job([step()], [step()]) | {
        OUT: lambda request: httpx.Response(
            200, content=b"assert " + (b"a" if request.url.params["filter[execution]"] == "0" else b"b")
        ),
        ERR: lambda request: httpx.Response(200, content=b"err of " + request.url.params["filter[execution]"].encode()),
    }
    found = await text(fake(answers))
    assert ["[parallel run 0]", "[parallel run 1]"] == [
        line for line in found.splitlines() if line.startswith("[parallel")
    ]
    assert "err of 1" in found


async def test_a_step_can_be_named(fake: Fake) -> None:
    """By its name, its number, a part of its name; all of them too."""
    answers = job([step("checkout", 101, outcome="succeeded", exit_code=0), step("npm test", 103)]) | {
        OUT: lambda request: httpx.Response(200, content=request.url.params["filter[step_num]"].encode())
    }
    api = fake(answers)
    for named in ("checkout", "101", "CHECK"):
        assert ["##[group]checkout", "101", "##[endgroup]"] == (await text(api, named)).splitlines()
    assert 2 == (await text(api, "all")).count("##[group]")
    with pytest.raises(UsageError, match=r"no step 'deploy': its steps are checkout, npm test"):
        await text(api, "deploy")


async def test_of_a_very_large_output_the_middle_is_left_out(fake: Fake) -> None:
    """Its first megabyte and its last eight, by range, with a word between; a server that sends all of it is no harm."""
    size = outputs.MOST + 4096
    data = bytes(range(97, 107)) * (size // 10 + 1)
    data = data[:size]
    ranges: list[str] = []

    def ranged(request: httpx.Request) -> httpx.Response:
        asked = request.headers.get("range", "")
        ranges.append(asked)
        offset = int(asked.removeprefix("bytes=").removesuffix("-") or 0)
        return httpx.Response(206 if offset else 200, content=data[offset:])

    found = await text(fake(job([step(stdout_bytes=size, stderr_bytes=0)]) | {OUT: ranged}))
    assert ["", f"bytes={size - outputs.TAIL}-"] == ranges
    left = size - outputs.HEAD - outputs.TAIL
    before, _, after = found.partition(f"\n##[warning]{left:,} bytes of {size:,} are left out here\n")
    assert before == "##[group]test\n" + data[: outputs.HEAD].decode()
    assert after.startswith(data[size - outputs.TAIL :].decode())


@pytest.mark.parametrize(
    ("status", "length", "offset", "whole"),
    [(200, "100", 40, True), (200, "60", 40, False), (206, "100", 40, False), (200, "100", 0, False), (200, "", 40, False)],
)  # fmt: skip
def test_a_range_that_is_not_honoured_is_noticed(status: int, length: str, offset: int, whole: bool) -> None:
    """The length says that it is the whole, of which 40 bytes were skipped already."""
    assert whole is outputs.came_whole(status, length, offset, 100)


async def test_an_unfinished_stream_of_an_ended_job_is_asked_for_the_rest(
    fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From where it broke off, a few times."""
    monkeypatch.setattr(outputs, "_PAUSE", 0.0)
    pieces = [(b"one\n", "false"), (b"two\n", "false"), (b"three\n", "true")]
    ranges: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        ranges.append(request.headers.get("range", ""))
        data, terminal = pieces.pop(0)
        return httpx.Response(200, content=data, headers={"X-Terminal": terminal})

    found = await text(fake(job([step(stderr_bytes=0)]) | {OUT: answer}))
    assert "one\ntwo\nthree" in found
    assert ["", "bytes=4-", "bytes=8-"] == ranges


async def test_an_output_that_cannot_be_had_does_not_hide_the_others(fake: Fake) -> None:
    """Its place is kept; where none can be had, that is the error."""
    answers = job([step("a", 1), step("b", 2)]) | {
        OUT: lambda request: httpx.Response(
            403 if request.url.params["filter[step_num]"] == "1" else 200, content=b"seen\n"
        )
    }
    found = await text(fake(answers))
    assert "its output cannot be had" in found
    assert "seen" in found
    with pytest.raises(PermissionDeniedError):
        await text(fake(job([step("a", 1)]) | {OUT: httpx.Response(403), ERR: httpx.Response(403)}))


async def test_the_old_route_reads_messages_in_the_order_of_their_times(fake: Fake) -> None:
    """They are pieces of a text, of either stream; the storage gets no credential, which the transport here checks."""
    messages = [
        {"type": "err", "time": "2026-01-10T19:47:02Z", "message": "exit 1\r\n"},
        {"type": "out", "time": "2026-01-10T19:47:00Z", "message": "FAIL src/a"},
        {"type": "out", "time": "2026-01-10T19:47:01Z", "message": ".test.js\r\n", "truncated": True},
    ]
    asked: list[httpx.Request] = []
    api = fake(old({"output_url": f"{STORED}?X-Amz-Signature=abc"}) | {f"GET {STORED}": messages}, asked, host=SERVER)
    found = await text(api)
    assert "##[group]test\nFAIL src/a.test.js\r\nexit 1\r\n\n##[warning]CircleCI has cut this output\n" in found
    assert "storage.example.com" == asked[-1].url.host


@pytest.mark.parametrize("body", [b"null", b'""', b"", b"[1, {}]"])
async def test_an_empty_output_of_the_old_route_is_empty(fake: Fake, body: bytes) -> None:
    """It comes in several spellings."""
    api = fake(old({"output_url": STORED}) | {f"GET {STORED}": body}, host=SERVER)
    assert ["##[group]test", "##[error]Process completed with exit code 1.", "##[endgroup]"] == (
        await text(api)
    ).splitlines()


async def test_an_output_of_the_hosts_own_gets_the_credential(fake: Fake) -> None:
    """As a server says it."""
    path = "/api/v1.1/output/abc/0/103"
    asked: list[httpx.Request] = []
    answers = old({"output_url": f"https://{SERVER}{path}"}) | {"GET /v1.1/output/abc/0/103": [{"message": "own\n"}]}
    assert "own" in await text(fake(answers, asked, host=SERVER))
    assert "Bearer tok-0123456789" == asked[-1].headers["authorization"]


@pytest.mark.parametrize("body", [b"<html>", b'{"a"'])
async def test_an_output_that_is_no_json_is_told(fake: Fake, body: bytes) -> None:
    """It is the only one, so it is the error."""
    with pytest.raises(BadAnswerError, match="not the JSON it should be"):
        await text(fake(old({"output_url": STORED}) | {f"GET {STORED}": body}, host=SERVER))


async def test_the_undocumented_route_is_the_last_and_only_where_allowed(fake: Fake) -> None:
    """Off unless the settings say otherwise."""
    private = {
        "GET /private/output/raw/gh/acme/web/123/output/0/103": b"raw out\n",
        "GET /private/output/raw/gh/acme/web/123/error/0/103": httpx.Response(204),
    }
    gone = old({"output_url": STORED}) | {f"GET {STORED}": httpx.Response(500)} | private
    with pytest.raises(UnreachableError):
        await text(fake(gone, host=SERVER))
    assert "raw out" in await text(fake(gone, host=SERVER, settings={"private_output": True}))
    nowhere = old({}) | private
    with pytest.raises(CiError, match="names no place"):
        await text(fake(nowhere, host=SERVER, settings={"private_output": False}))
    assert "raw out" in await text(fake(nowhere, host=SERVER, settings={"private_output": True}))


async def test_a_job_without_steps_has_an_empty_log(fake: Fake) -> None:
    """What CircleCI says of it is with the job."""
    assert "" == await text(fake(job()))


async def test_the_hook_takes_what_runs_call_their_logs(fake: Fake) -> None:
    """The project and number, or the id."""
    answers = job([step()]) | {OUT: b"x\n", ERR: httpx.Response(204)}
    pieces = [piece async for piece in logs.log(fake(answers), JOB)]
    assert b"##[group]test\n" == pieces[0]
