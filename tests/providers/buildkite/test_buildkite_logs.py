"""Logs: ends, parts, and Buildkite's raw format."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_mcp.errors import BadAnswerError, NotFoundError, PermissionDeniedError, UsageError
from ci_mcp.logs.clean import Log
from ci_mcp.logs.excerpt import excerpt
from ci_mcp.logs.search import search
from ci_mcp.providers.buildkite import logs

Make = Callable[..., Any]
pytestmark = pytest.mark.anyio

JOB = "0190a6d2-0000-4000-8000-000000000001"
PATH = f"GET /organizations/acme/jobs/{JOB}"
STAMP = "\x1b_bk;t=1745322209921\x07"


def raw(*lines: str, end: str = "\r\r\n") -> bytes:
    """Lines as Buildkite's agent writes them."""
    return "".join(f"{STAMP}{line}{end}" for line in lines).encode()


async def whole(chunks: Any) -> bytes:
    """All bytes of a stream."""
    return b"".join([chunk async for chunk in chunks])


@pytest.fixture
def api(fake: Make, job: Make, ranged: Make) -> Make:
    """Make an Api with one job and its log."""
    return lambda data, sent=None, asked=None, **facts: fake(
        {PATH: job(**facts), f"{PATH}/log": ranged(data, sent)}, asked
    )


async def test_the_end_of_a_long_log_costs_little(api: Make, call: Make) -> None:
    """A log of 50 MB: at most 300 KB go over the wire, and the view says what it is a part of."""
    data = raw(*(f"line {number}" for number in range(1000))) * 1700 + raw("the last line")
    sent: list[int] = []
    answer = await call(api(data, sent), "jobs_logs", job=f"acme/{JOB}", tail=3)
    assert 300_000 >= sum(sent)
    assert len(data) > 50_000_000
    shown = answer.text.splitlines()
    assert "the last line" in shown[-3]
    assert f"of {len(data):,} bytes of this log are left out, and lines are counted from there" in shown[0]


async def test_a_short_log_comes_whole_in_one_request(api: Make, call: Make) -> None:
    """No HEAD first, no second request, and line numbers are the log's own."""
    asked: list[httpx.Request] = []
    answer = await call(api(raw("~~~ Preparing", "one", "two"), asked=asked), "jobs_logs", job=f"acme/{JOB}")
    assert ["GET", "GET"] == [request.method for request in asked]
    assert "left out" not in answer.text
    assert ["1| ~~~ Preparing", "2| one", "3| two"] == answer.text.splitlines()[3:6]


async def test_a_long_log_is_searched_from_its_first_line(api: Make, call: Make) -> None:
    """An explanation reads the last 16 MB; a search, and reading from a line on, read everything."""
    data = raw("needle at the start", *("x" * 1000 for _ in range(18_000)), "the end")
    opened = api(data)
    with await logs.view_of(opened, f"acme/{JOB}", finished=True, whole=False, ending=False) as part:
        assert logs.left_out(part).startswith("the first ")
    found = await call(opened, "jobs_logs", job=f"acme/{JOB}", search="needle")
    assert "1 matching line of 18,002" in found.text
    assert "needle at the start" in (await call(opened, "jobs_logs", job=f"acme/{JOB}", start=1, tail=1)).text
    assert "lines are counted from there" in (await call(opened, "jobs_logs", job=f"acme/{JOB}", around=5)).text


async def test_what_was_read_to_explain_answers_the_end_too(api: Make, call: Make) -> None:
    """The whole log is there: nothing is asked for again."""
    asked: list[httpx.Request] = []
    opened = api(raw("one"), asked=asked)
    (await logs.view_of(opened, f"acme/{JOB}", finished=True, whole=True, ending=False)).close()
    before = len(asked)
    assert "1| one" in (await call(opened, "jobs_logs", job=f"acme/{JOB}")).text
    assert 1 == len(asked) - before  # the job itself


async def test_an_empty_log_is_no_error(api: Make, call: Make) -> None:
    """416 is how Buildkite says empty."""
    assert "0 lines" in (await call(api(b""), "jobs_logs", job=f"acme/{JOB}")).text


async def test_a_range_that_does_not_get_through_is_left_out(fake: Make, job: Make) -> None:
    """A proxy that strips Accept makes it a 400: the whole log does as well."""

    def answer(request: httpx.Request) -> httpx.Response:
        if "range" in request.headers:
            return httpx.Response(400, json={"message": "bad range"})
        return httpx.Response(200, content=b"one\n")

    opened = fake({PATH: job(), f"{PATH}/log": answer})
    assert b"one\n" == await whole(logs.end(opened, f"acme/{JOB}", 100))


@pytest.mark.parametrize(("status", "error"), [(422, UsageError), (418, BadAnswerError)])
async def test_another_refusal_of_a_range_is_told(status: int, error: type[Exception], fake: Make) -> None:
    """Only an empty log and a stripped header are known for harmless."""
    opened = fake({f"{PATH}/log": httpx.Response(status, json={"message": "no"})})
    with pytest.raises(error, match="no"):
        await whole(logs.end(opened, f"acme/{JOB}", 100))


async def test_a_part_without_a_line_end_is_all_left_out(api: Make) -> None:
    """One line of megabytes: no line begins in its end."""
    assert b"" == await whole(logs.end(api(b"x" * 1000), f"acme/{JOB}", 100))


async def test_a_part_begins_with_a_whole_line(api: Make) -> None:
    """A suffix may begin inside a line, a character or an escape sequence: that line goes, and is counted."""
    data = raw("ünïcode first", "second")
    for size in range(1, len(data)):
        text = await whole(logs.end(api(data), f"acme/{JOB}", size))
        lines = [line.text for line in Log.of_bytes(text).lines()]
        assert [line for line in lines if not line.startswith("[ci-mcp] ")] in (["second"], [])
    assert data == await whole(logs.end(api(data), f"acme/{JOB}", len(data)))


@pytest.mark.parametrize(
    ("facts", "error", "said"),
    [
        ({"type": "waiter"}, UsageError, "has no log: it is a waiter step"),
        ({"type": "trigger", "triggered_build": {"web_url": "https://buildkite.com/acme/deploy/builds/7"}}, UsageError, "it triggers build acme/deploy/7"),
        ({"state": "broken", "started_at": None, "broken_reason": "dependency_failed"}, NotFoundError, "it never ran: a step that it depends on failed"),
        ({"state": "canceled", "started_at": None}, NotFoundError, "it was canceled"),
    ],
)  # fmt: skip
async def test_a_job_without_a_log_says_why(
    facts: dict[str, Any], error: type[Exception], said: str, api: Make, call: Make
) -> None:
    """In place of a bare 404."""
    with pytest.raises(error, match=".") as caught:
        await call(api(b"", **facts), "jobs_logs", job=f"acme/{JOB}")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [
        (404, NotFoundError, f"no log of job {JOB} at Buildkite"),
        (403, PermissionDeniedError, "takes the scope read_build_logs"),
    ],
)
async def test_a_refused_log_says_what_is_missing(  # noqa: PLR0913, PLR0917 - the columns of the table
    status: int, error: type[Exception], said: str, fake: Make, job: Make, call: Make
) -> None:
    """The scope by its name, the status too."""
    refused = httpx.Response(status, json={"message": "Forbidden: no scope"})
    with pytest.raises(error, match=".") as caught:
        await call(fake({PATH: job(), f"{PATH}/log": refused}), "jobs_logs", job=f"acme/{JOB}")
    assert said in str(caught.value)


# Below: what Buildkite's own server gets wrong, with logs in its raw format.


def test_a_title_is_text_like_any_other() -> None:
    """A line of 0.8 MB that begins with a group's mark is cut, and the log read on."""
    log = Log.of_bytes(raw("--- " + "x" * 800_000, "E   assert 1 == 2"))
    assert 2 == log.total
    assert 200 >= max(len(label) for _, label in log.groups().changes())
    assert "assert 1 == 2" in excerpt(log).text()


def test_text_after_a_marker_in_the_line_stays() -> None:
    """And of a redrawn line the last frame, with its indentation."""
    line = f"{STAMP}10 %\x1b[K{STAMP}\r50 %\x1b[K{STAMP}\r\x1b[K  indented: 100 %\x1b[KError: gone\r\r\n"
    assert ["  indented: 100 %Error: gone"] == [one.text for one in Log.of_bytes(line.encode()).lines()]


def test_nothing_in_a_log_is_taken_for_html() -> None:
    """Tags and quotes are what they are."""
    said = 'File "a.py", line 3, in <module> & "b"'
    assert [said] == [one.text for one in Log.of_bytes(raw(said)).lines()]


def test_a_search_sees_text_without_colours() -> None:
    """And every match is counted, overlapping context or not."""
    log = Log.of_bytes(raw(*("\x1b[31mer\x1b[0mror" for _ in range(9)), "fine"))
    view = search(log, "^error$", context=3, limit=50)
    assert (9, 9) == (view.matches, len(view.matched))


@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\r\n\x1b\x07", exclude_categories=["C", "Z"]), min_size=1, max_size=30),
        min_size=1,
        max_size=20,
    ),
    st.sampled_from(["\r\n", "\r\r\n", "\n"]),
    st.integers(0, 3),
)  # fmt: skip
def test_every_line_of_a_raw_log_is_kept(texts: list[str], end: str, marks: int) -> None:
    """Whatever its line ends, and however many markers stand in it."""
    lines = [f"{STAMP * marks}{text[:3]}{STAMP}{text[3:]}" for text in texts]
    found = Log.of_bytes("".join(line + end for line in lines).encode())
    plain = Log.of_bytes("".join(text + "\n" for text in texts).encode())
    assert [line.text for line in plain.lines()] == [line.text for line in found.lines()]


@given(st.binary(max_size=400), st.integers(1, 400))
def test_no_bytes_break_the_reading_of_a_part(data: bytes, size: int) -> None:
    """Cut anywhere, hostile or not."""
    log = Log.of_bytes(STAMP.encode() + data[-size:])
    assert log.total == len(list(log.lines()))
