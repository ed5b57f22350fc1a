"""What a server writes, and what a person writes for it."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_mcp.cli.app import run
from ci_mcp.errors import BadAnswerError, NotFoundError, UsageError
from ci_mcp.net.api import HttpApi
from ci_mcp.providers.pocketci import ids, wire
from ci_mcp.providers.pocketci.chunks import Piece, Splitter, split
from ci_mcp.providers.pocketci.ids import TaskId
from ci_mcp.providers.pocketci.rows import Row, rows

RUN = "Yf2X5LwFYnjCzryzZhFQ0"
PIPELINE = "f8f7a15116f6db984a4508b9f9c36c84"


@pytest.mark.parametrize(
    ("said", "who"),
    [
        ("github:dev@example.com", "dev@example.com"),
        ("basic:admin", "admin"),
        ("schedule:nightly", "schedule:nightly"),
        ("", ""),
    ],
)
def test_an_actor_is_named_without_the_way_they_came_in(said: str, who: str) -> None:
    """What started a run that no person started stays as it is."""
    assert who == wire.actor({"triggered_by": said})


@pytest.mark.parametrize(
    ("path", "job", "kind", "title"),
    [
        ("jobs/test", "test", "job", "test"),
        ("jobs/tasks", "tasks", "job", "tasks"),
        ("jobs/test/0/in_parallel", "test", "group", "test > in_parallel"),
        ("jobs/test/0/in_parallel/1/tasks/shard-2", "test", "tasks", "test > shard-2"),
        ("jobs/tasks/0/get/src", "tasks", "get", "tasks > src"),
        ("jobs/test/0/attempt/2/tasks/flaky", "test", "tasks", "test > flaky (attempt 2)"),
        ("jobs/test/job/on_failure/tasks/tell", "test", "tasks", "test > tell (on_failure)"),
        ("jobs/test/0/across/0_v_3.11/tasks/py-3.11", "test", "tasks", "test > py-3.11"),
        ("jobs/review/0/run", "review", "run", "review > run"),
        ("tasks/0-compile", "", "tasks", "compile"),
        ("jobs/test/0/tasks/a/b", "test", "tasks", "test > a/b"),
    ],
)
def test_a_path_says_what_a_row_is(path: str, job: str, kind: str, title: str) -> None:
    """Its job, its kind, and the name that its author gave it."""
    one = Row(path, "success")
    assert (job, kind, title) == (one.job, one.kind, one.title)


def test_rows_of_another_run_are_left_out() -> None:
    """The server's search takes `_` in a run id for any character."""
    found = rows([{"path": "/pipeline/a_bcdef/jobs/x"}, {"path": "/pipeline/axbcdef/jobs/y"}, {"path": 3}], "a_bcdef")
    assert ["jobs/x"] == [one.path for one in found]


@pytest.mark.parametrize("name", [RUN, "-bcwDwAi44mAhHxdYmMqs", "_-JF8Ob_VArpVk3jxVbwV"])
def test_a_run_is_named_by_id_or_url(name: str, fake: Callable[..., HttpApi]) -> None:
    """Ids may begin with a dash or an underscore."""
    api = fake()
    base = "https://pocketci.example.com"
    urls = (f"{base}/runs/{name}/tasks", f"{base}/runs/{name}/graph?x=1", f"{base}/api/runs/{name}/status")
    assert {name} == {ids.run(api, given) for given in (name, f" {name} ", *urls)}


@pytest.mark.parametrize(
    "name", ["", " ", "*", "short", "a" * 65, "with space1", "../../etc", "a/b/c/d/e/f", "%2e%2e%2f"]
)
def test_what_is_no_run_never_reaches_the_server(name: str, fake: Callable[..., HttpApi]) -> None:
    """An empty id, or a star, would name the tasks of every run."""
    with pytest.raises(UsageError, match="names no run"):
        ids.run(fake(), name)


def test_a_url_of_another_host_is_not_this_server_s(fake: Callable[..., HttpApi]) -> None:
    """A URL selects; it never sends a request elsewhere."""
    with pytest.raises(NotFoundError, match=r"ci\.other\.example"):
        ids.run(fake(), f"https://ci.other.example/runs/{RUN}/tasks")
    with pytest.raises(NotFoundError):
        ids.pipeline(fake(), "https://[/pipelines/x")


@pytest.mark.parametrize(
    ("url", "named"),
    [
        (f"https://x/pipelines/{PIPELINE}/", (PIPELINE, "")),
        (f"https://x/ci/pipelines/{PIPELINE}/runs-search/?q=", (PIPELINE, "")),
        (f"https://x/runs/{RUN}/tasks", ("", RUN)),
        (f"https://x/share/{RUN}.1797828359.aadd/tasks", ("", RUN)),
        ("https://x/pipelines/shop/", ("", "")),
        ("https://x/runs/*/tasks", ("", "")),
        ("https://x/", ("", "")),
        ("https://[", ("", "")),
    ],
)
def test_a_url_names_a_pipeline_or_a_run(url: str, named: tuple[str, str]) -> None:
    """Of the web, of the API, and of a page that was shared."""
    assert named == ids.read_url(url)


@pytest.mark.parametrize("given", [f"{RUN}/jobs/test/0/tasks/unit", f"/pipeline/{RUN}/jobs/test/0/tasks/unit"])
def test_a_task_is_named_as_shown_or_as_the_server_writes_it(given: str) -> None:
    """The run is part of its name."""
    assert TaskId(RUN, "jobs/test/0/tasks/unit") == ids.task(given)
    assert f"{RUN}/jobs/test/0/tasks/unit" == str(ids.task(given))


@pytest.mark.parametrize("given", ["", RUN, "*/jobs/test", f"{RUN}/../other", f"{RUN}/a\nb", "/pipeline//jobs/x"])
def test_what_is_no_task_is_refused(given: str) -> None:
    """Nothing of another run can be named."""
    with pytest.raises(UsageError, match="names no task"):
        ids.task(given)


@settings(max_examples=50)
@given(st.text(max_size=80))
def test_no_text_makes_a_run_of_anything_else(text: str) -> None:
    """Whatever is taken is an id of the server's alphabet."""
    assert ids.is_run(text) == (
        6 <= len(text) <= 64 and all(one.isascii() and (one.isalnum() or one in "-_") for one in text)
    )


PIECES = st.lists(st.tuples(st.sampled_from(["stdout", "stderr"]), st.text(max_size=40)), max_size=12)


@settings(max_examples=60)
@given(st.lists(PIECES, min_size=1, max_size=3), st.integers(min_value=1, max_value=50), st.booleans())
def test_a_body_is_taken_apart_wherever_it_is_cut(found: list[list[tuple[str, str]]], size: int, spaced: bool) -> None:
    """The same pieces in the same order, and the rest as it was, without the logs."""
    body = [
        {"path": f"/pipeline/{RUN}/{number}", "payload": {"code": 1, "logs": _logs(one), "text": '"logs":[', "z": None}}
        for number, one in enumerate(found)
    ]
    data = json.dumps(body, ensure_ascii=False, separators=None if spaced else (",", ":")).encode()
    splitter = Splitter()
    pieces = [piece for at in range(0, len(data), size) for piece in splitter.feed(data[at : at + size])]
    pieces += splitter.feed(b"", final=True)
    assert [Piece(*one) for run in found for one in run] == pieces
    for one in body:
        one["payload"]["logs"] = []  # type: ignore[index] - made so above
    assert body == splitter.rest()


def _logs(found: list[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"content": text, "type": stream} for stream, text in found]


@pytest.mark.parametrize("data", [b"<html>", b'[{"path":', b'{"logs":[{"content": 3}, "x", {"content":"y"'])
def test_what_is_no_list_of_tasks_is_an_error(data: bytes) -> None:
    """Cut off, or a web page."""
    splitter = Splitter()
    list(splitter.feed(data))
    list(splitter.feed(b"", final=True))
    with pytest.raises(BadAnswerError, match="not a list of tasks"):
        splitter.rest()


def test_a_list_of_tasks_without_end_is_given_up() -> None:
    """What is kept of a body is bounded."""
    splitter = Splitter()
    feeds = (list(splitter.feed(b"x" * (1 << 20))) for _ in range(40))
    with pytest.raises(BadAnswerError, match="too many tasks"):
        list(feeds)


@pytest.mark.anyio
async def test_a_long_piece_is_read_as_one() -> None:
    """A task of TypeScript has all its output in one."""
    text = "line\n" * 100_000
    data = json.dumps([{"payload": {"logs": [{"content": text, "type": "stdout"}]}}]).encode()

    async def body() -> AsyncIterator[bytes]:
        for at in range(0, len(data), 1 << 14):
            yield data[at : at + (1 << 14)]

    assert [Piece("stdout", text)] == [piece async for piece in split(body(), Splitter())]


def test_a_run_that_begins_with_a_dash_is_a_value_on_the_command_line(
    demo: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Written as one word with its option."""
    assert 0 == run(["--demo", "pocketci", "runs", "describe", f"--run={demo.DASH_RUN}"])
    assert demo.DASH_RUN == json.loads(capsys.readouterr().out)["id"]
    task = f"--task={demo.DASH_RUN}/jobs/orders/0/tasks/pytest"
    assert 0 == run(["--demo", "pocketci", "tasks", "logs", task, "--tail", "3"])
    assert "exit code 1" in capsys.readouterr().out
