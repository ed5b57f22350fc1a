"""Every tool, against the sandbox and against what a real server answered."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from ci_mcp.core.shapes import Checkout, RunQuery
from ci_mcp.errors import (
    BadAnswerError,
    CiError,
    NotFoundError,
    RateLimitedError,
    UnreachableError,
    UnsupportedError,
    UsageError,
)
from ci_mcp.net.api import HttpApi
from ci_mcp.providers.pocketci import hooks, places, runs
from ci_mcp.sandbox.pocketci.history import GITHUB_SECRET, SECRET_VALUE
from ci_mcp.status import Status

pytestmark = pytest.mark.anyio

Tool = Callable[..., Awaitable[Any]]
Call = Callable[..., Awaitable[Any]]
Fake = Callable[..., HttpApi]
SHOP = "f8f7a15116f6db984a4508b9f9c36c84"
FAILED = "Yf2X5LwFYnjCzryzZhFQ0"
STOPPED = "bH6pwlQ3RRVBpYSXK9MxQ"
GATE = "f729996d-c8cf-4eec-b005-2c645c46af04"
CONFLICT, QUEUE_FULL, BAD_GATEWAY = 409, 429, 502


def sent(asked: list[httpx.Request], method: str = "POST") -> list[tuple[str, Any]]:
    """What was sent beside the MCP endpoint: path and body."""
    return [
        (request.url.path, json.loads(request.content))
        for request in asked
        if request.method == method and request.url.path != "/mcp"
    ]


async def test_pipelines_are_listed_without_their_sources(tool: Tool) -> None:
    """The server sends every source along."""
    answer = await tool("pipelines_list", limit=3)
    assert ["shop", "shop-release", "shop-fails-soon"] == [item["name"] for item in answer.data["items"]]
    assert "jobs:" not in answer.text
    following = await tool("pipelines_list", limit=3, cursor=answer.data["next"])
    assert "shop-passes-soon" == following.data["items"][0]["name"]


async def test_pipelines_are_found_by_name_and_content(fake: Fake, recorded: Any, call: Call) -> None:
    """With the driver, which the API itself does not tell."""
    api = fake(recorded, {"search_pipelines": _recorded(recorded, "search_pipelines")})
    page = await call(api, "pipelines_search", query="shop")
    assert [("shop", "native", "yaml")] == [(one.name, one.driver, one.source) for one in page.items]


def _recorded(recorded: Any, name: str) -> httpx.Response:
    found: httpx.Response = next(answer for key, answer in recorded.answers.items() if key.startswith(name))
    return found


async def test_a_pipeline_tells_its_jobs_and_its_source_on_request(fake: Fake, recorded: Any, call: Call) -> None:
    """A name costs a look through the list."""
    api = fake(recorded)
    found = await call(api, "pipelines_describe", pipeline=SHOP)
    assert (("lint", "test"), "", f"https://pocketci.example.com/pipelines/{SHOP}/") == (
        found.jobs,
        found.content,
        found.url,
    )
    whole = await call(api, "pipelines_describe", pipeline="shop", source=True)
    assert whole.content.startswith("jobs:\n  - name: lint")
    assert len(whole.content) == whole.characters


async def test_a_name_is_looked_for_on_every_page(fake: Fake, call: Call) -> None:
    """And one that is not there is answered with those like it."""

    def page(request: httpx.Request) -> Any:
        number = int(request.url.params["page"])
        items = [{"id": f"{number:032x}", "name": f"web-{number}", "content": "", "content_type": "yaml"}]
        return {"items": items if number != 2 else [], "has_next": number < 3}

    asked: list[httpx.Request] = []
    api = fake(None, {"GET /api/pipelines": page, f"GET /api/pipelines/{3:032x}/schedules": []}, asked)
    assert [] == list((await call(api, "schedules_list", pipeline="web-3")).items)
    assert ["1", "2", "3"] == [request.url.params["page"] for request in asked[:3]]
    assert [] == list((await call(api, "schedules_list", pipeline="web-3")).items)
    assert 5 == len(asked)  # it is remembered
    with pytest.raises(NotFoundError, match="did you mean web-1, web-3"):
        await call(api, "schedules_list", pipeline="web")


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        ({}, {"mode": "manual"}),
        ({"arguments": ["--branch", "main"]}, {"mode": "args", "args": ["--branch", "main"]}),
        ({"jobs": ["lint"]}, {"mode": "manual", "jobs": ["lint"]}),
        ({"jobs": ["lint"], "arguments": ["a"]}, {"mode": "args", "args": ["a"], "jobs": ["lint"]}),
    ],
)
async def test_a_run_is_started_with_a_body_that_is_json(
    arguments: dict[str, Any], body: dict[str, Any], fake: Fake, recorded: Any, call: Call
) -> None:
    """The server would start a run whatever it is sent, and has to be told the length."""
    asked: list[httpx.Request] = []
    path = f"/api/pipelines/{SHOP}/trigger"
    answer = {"run_id": FAILED, "status": "queued"}
    found = await call(fake(recorded, {f"POST {path}": answer}, asked), "pipelines_run", pipeline=SHOP, **arguments)
    assert (FAILED, Status.QUEUED) == (found.id, found.status)
    assert [(path, body)] == sent(asked)
    assert asked[-1].headers["content-length"].isdecimal()


async def test_a_job_that_is_not_there_starts_nothing(fake: Fake, recorded: Any, call: Call) -> None:
    """The server would start a run that fails at once."""
    asked: list[httpx.Request] = []
    with pytest.raises(UsageError, match="has no job 'nojob': its jobs are lint, test"):
        await call(fake(recorded, None, asked), "pipelines_run", pipeline=SHOP, jobs=["lint", "nojob"])
    assert [] == sent(asked)


async def test_jobs_of_a_source_that_cannot_be_read_are_those_of_a_newest_run(fake: Fake, call: Call) -> None:
    """TypeScript says its jobs only while it runs; a run of some jobs does not show the others."""
    rows = [{"id": 1, "path": "/pipeline/abcdef/jobs/build", "payload": {"status": "success"}}]

    def search(request: httpx.Request) -> Any:
        arguments = json.loads(request.content)["params"]["arguments"]
        if "pipeline_id" in arguments:
            some = {"id": "ghijkl", "status": "success", "trigger_input": {"jobs": ["lint"]}}
            broken = {"id": "mnopqr", "status": "failed"}
            return said({"items": [some, broken, {"id": "abcdef", "status": "success"}], "has_next": False})
        return said(rows)

    def said(found: Any) -> httpx.Response:
        result = {"content": [{"type": "text", "text": json.dumps(found)}]}
        return httpx.Response(200, json={"jsonrpc": "2.0", "id": 1, "result": result})

    pipeline = {"id": SHOP, "name": "ts", "content": "const pipeline", "content_type": "ts"}
    answers = {
        f"GET /api/pipelines/{SHOP}": pipeline,
        "search_tasks": search,
        f"POST /api/pipelines/{SHOP}/trigger": {"run_id": FAILED, "status": "failed"},
    }
    api = fake(None, answers)
    found = await call(api, "pipelines_run", pipeline=SHOP, jobs=["build"])
    assert "ended it at once" in found.note
    with pytest.raises(UsageError, match="its jobs are build"):
        await call(api, "pipelines_run", pipeline=SHOP, jobs=["test"])


async def test_a_paused_pipeline_is_not_started(writing: Tool) -> None:
    """Paused, refused, unpaused, started."""
    assert "pipeline paused" == (await writing("pipelines_update", pipeline="shop", paused=True)).data["note"]
    with pytest.raises(UsageError, match="pipeline shop is paused") as caught:
        await writing("pipelines_run", pipeline="shop")
    assert caught.value.next_step.endswith('pocketci_pipelines_update(pipeline="shop", paused=false)')
    assert "pipeline unpaused" == (await writing("pipelines_update", pipeline="shop", paused=False)).data["note"]
    started = await writing("pipelines_run", pipeline="shop", jobs=["lint"])
    assert started.data["id"] == (await writing("runs_list", pipeline="shop", limit=1)).data["items"][0]["id"]


async def test_a_full_queue_is_a_rate_limit_and_is_not_tried_again(fake: Fake, recorded: Any, call: Call) -> None:
    """A second try might start a second run."""
    asked: list[httpx.Request] = []
    full = httpx.Response(QUEUE_FULL, json={"error": "execution queue is full", "max_queue_size": 4})
    api = fake(recorded, {f"POST /api/pipelines/{SHOP}/trigger": full}, asked)
    with pytest.raises(RateLimitedError, match="execution queue is full"):
        await call(api, "pipelines_run", pipeline=SHOP)
    assert 1 == len(sent(asked))


async def test_a_start_that_names_no_run_is_an_error(fake: Fake, recorded: Any, call: Call) -> None:
    """An empty id would name every run."""
    with pytest.raises(BadAnswerError, match="did not say what it started"):
        await call(fake(recorded, {f"POST /api/pipelines/{SHOP}/trigger": {}}), "pipelines_run", pipeline=SHOP)


async def test_schedules_tell_when_they_start_it_next(fake: Fake, recorded: Any, call: Call) -> None:
    """As they were recorded."""
    page = await call(fake(recorded), "schedules_list", pipeline="9805a853dff11ed36bebee67c34ac688")
    assert [("test", True, "cron 0 2 * * *", "test")] == [(x.name, x.enabled, x.when, x.job) for x in page.items]


async def test_runs_are_listed_newest_first(fake: Fake, recorded: Any, call: Call) -> None:
    """With their message, and how they came to be."""
    page = await call(fake(recorded), "runs_list", pipeline=SHOP)
    assert ["passed", "failed", "failed", "failed"] == [one.status.value for one in page.items]
    assert "manual: lint" == page.items[0].title
    assert 'target job "nojob" not found in pipeline' == page.items[1].reason


async def test_runs_of_one_status_are_not_those_that_only_mention_it(fake: Fake, recorded: Any, call: Call) -> None:
    """The server's search finds the word in messages, too."""
    raws = [{"id": "abcdef", "status": "success"}, {"id": "ghijkl", "status": "failed", "error_message": "success"}]
    api = fake(recorded, {"search_tasks": {"items": raws, "has_next": False}})
    page = await call(api, "runs_list", pipeline=SHOP, status="success")
    assert ["abcdef"] == [one.id for one in page.items]


async def test_runs_of_an_unknown_pipeline_are_not_found(fake: Fake, recorded: Any, call: Call) -> None:
    """The server gives an empty list for any id."""
    for name, arguments in (("runs_list", {}), ("runs_search", {"query": "x"})):
        with pytest.raises(NotFoundError):
            await call(fake(recorded), name, pipeline="0" * 32, **arguments)
    with pytest.raises(NotFoundError):
        await hooks.runs(fake(recorded), RunQuery(project="0" * 32))


async def test_runs_are_found_by_their_words(tool: Tool, demo: Any) -> None:
    """Their error, their trigger, who started them."""
    page = await tool("runs_search", pipeline="shop", query="webhook pytest")
    assert demo.SHOP_RUN == page.data["items"][0]["id"]


async def test_a_success_of_typescript_is_listed_as_what_it_is(tool: Tool, demo: Any) -> None:
    """Its tasks are looked at, as its own status cannot be believed."""
    item = (await tool("runs_list", pipeline="compile-ts")).data["items"][0]
    assert (demo.TYPESCRIPT_RUN, "failed", "success") == (item["id"], item["status"], item["word"])
    waiting = (await tool("runs_list", pipeline="deploy")).data["items"][0]
    assert (demo.GATED_RUN, "blocked") == (waiting["id"], waiting["status"])


async def test_more_successes_of_typescript_than_are_looked_at_stay_unknown(fake: Fake) -> None:
    """No list costs more than a few requests."""
    raws = [{"id": f"abcdef{number}", "status": "success", "pipeline_id": SHOP} for number in range(13)]
    asked: list[httpx.Request] = []
    answers = {
        f"GET /api/pipelines/{SHOP}": {"id": SHOP, "name": "ts", "content_type": "ts"},
        "search_tasks": None,
    }
    found = await hooks.truthful(fake(None, answers, asked), SHOP, raws)
    assert ["passed"] * 10 + ["unknown"] * 3 == [one.status.value for one in found]
    assert 11 == len(asked)
    broken = {**answers, "search_tasks": httpx.Response(500, text="no")}
    assert Status.UNKNOWN is (await hooks.truthful(fake(None, broken), SHOP, raws[:1]))[0].status


async def test_a_run_is_described_with_what_started_it(tool: Tool, demo: Any) -> None:
    """Jobs counted, what failed named, arguments and webhook."""
    found = (await tool("runs_describe", run=demo.SHOP_RUN)).data
    assert ("failed", "shop") == (found["status"], found["pipeline"])
    assert {"failed": 1, "passed": 1, "skipped": 1} == found["jobs"]
    assert [f"{demo.SHOP_RUN}/{demo.SHOP_FAILED_TASK}"] == found["failed"]


async def test_a_webhook_s_secrets_are_not_shown(tool: Tool, demo: Any) -> None:
    """Header values are kept back but for harmless ones; its URL and body are redacted."""
    answer = await tool("runs_describe", run=demo.SECRET_RUN)
    assert SECRET_VALUE not in answer.text
    assert GITHUB_SECRET not in answer.text
    webhook = answer.data["webhook"]
    assert ["Authorization: [redacted]", "Content-Type: application/json", "X-Api-Key: [redacted]"] == webhook[
        "headers"
    ][:3]
    assert "refs/heads/main" in webhook["body"]
    assert "[redacted: secret]" in webhook["body"]


async def test_secrets_in_a_task_s_log_are_not_shown(tool: Tool, demo: Any) -> None:
    """The server keeps the logs of YAML tasks as they came."""
    task = f"{demo.SECRET_RUN}/jobs/ship/0/tasks/upload"
    for answer in (
        await tool("tasks_logs", task=task),
        await tool("tasks_search", run=demo.SECRET_RUN, query="TOKEN"),
        await tool("ci_explain", target=f"https://pocketci.example.com/runs/{demo.SECRET_RUN}/tasks"),
    ):
        assert "[redacted: GitHub token]" in answer.text
        assert GITHUB_SECRET not in answer.text
        assert GITHUB_SECRET not in json.dumps(answer.data)


async def test_tasks_are_a_tree_with_exit_codes_of_what_failed(fake: Fake, recorded: Any, call: Call) -> None:
    """By path; only the failed task's log is read, and kept."""
    asked: list[httpx.Request] = []
    page = await call(fake(recorded, None, asked), "tasks_list", run=FAILED)
    assert [
        ("lint", "passed", None),
        ("lint > ruff", "passed", None),
        ("test", "failed", None),
        ("test > pytest", "failed", 1),
    ] == [(one.name, one.status.value, one.exit_code) for one in page.items]
    assert 1 == sum(request.url.path.endswith("/tasks") for request in asked)


@pytest.mark.parametrize(
    ("status", "names"),
    [
        ("problem", ["test", "test > unit"]),
        ("skipped", ["deploy"]),
        ("passed", []),
        ("running", []),
        ("", ["deploy", "test", "test > unit"]),
    ],
)
async def test_tasks_are_filtered_by_how_they_stand(
    status: str, names: list[str], fake: Fake, recorded: Any, call: Call
) -> None:
    """A pending job of a run that has ended was skipped."""
    page = await call(fake(recorded), "tasks_list", run="w2autCGMCa6WI5kY-Qay1", status=status)
    assert names == [one.name for one in page.items]
    assert [] == list((await call(fake(recorded), "tasks_list", run=FAILED, job="none", status=status)).items)


async def test_steps_are_in_the_order_of_their_numbers(fake: Fake, recorded: Any, call: Call) -> None:
    """The tenth comes after the second, not after the first."""
    found = [{"id": 1, "path": f"/pipeline/{FAILED}/jobs/test/{at}/tasks/t{at}", "payload": {}} for at in (10, 2, 1)]
    page = await call(fake(recorded, {"search_tasks": found}), "tasks_list", run=FAILED, limit=2)
    assert ["test > t1", "test > t2"] == [one.name for one in page.items]
    assert page.next


async def test_a_task_is_described_with_all_that_is_kept_of_it(tool: Tool, demo: Any) -> None:
    """An agent's usage and audit log; of a log its size."""
    answer = await tool("tasks_list", run=demo.AGENT_RUN)
    agent = next(item for item in answer.data["items"] if item.get("kind") == "run")
    found = (await tool("tasks_describe", task=agent["id"])).data
    assert {"usage", "audit_log", "stdout"} <= set(found["payload"])
    whole = (await tool("tasks_describe", task=f"{demo.SHOP_RUN}/{demo.SHOP_FAILED_TASK}")).data
    assert 1 == whole["exit_code"]
    assert whole["log_characters"]["stdout"]
    assert "payload" not in whole or "logs" not in whole["payload"]


async def test_a_job_is_described_with_what_it_waits_for(fake: Fake, recorded: Any, call: Call) -> None:
    """Which jobs block it."""
    found = await call(fake(recorded), "tasks_describe", task="w2autCGMCa6WI5kY-Qay1/jobs/deploy")
    assert [{"job": "test", "lastStatus": "never-run"}] == found.payload["blockedBy"]
    assert ("job", Status.SKIPPED, "pending") == (found.kind, found.status, found.word)


@pytest.mark.parametrize(
    ("stream", "shown", "hidden"),
    [("both", ["KeyError: x", "bad"], []), ("stderr", ["KeyError: x"], ["bad"]), ("stdout", ["bad"], ["KeyError"])],
)
async def test_a_log_is_read_whole_or_one_stream_of_it(  # noqa: PLR0913, PLR0917 - the columns of the table
    stream: str, shown: list[str], hidden: list[str], fake: Fake, recorded: Any, call: Call
) -> None:
    """Each is kept for itself."""
    task = "pOF7GA7c76h1mDnj0bkH3/jobs/test/0/in_parallel/1/tasks/shard-2"
    api = fake(recorded)
    await call(api, "tasks_logs", task=task)
    text = (await call(api, "tasks_logs", task=task, stream=stream)).text
    assert "test > shard-2" in text
    assert [] == [word for word in shown if word not in text]
    assert [] == [word for word in hidden if word in text]


async def test_a_log_of_typescript_says_that_its_order_is_lost(fake: Fake, recorded: Any, call: Call) -> None:
    """The server joins each stream for itself."""
    text = (await call(fake(recorded), "tasks_logs", task="V4AcofH2_Ot-6ny-vxIS_/tasks/0-compile")).text
    assert "their order is lost" in text


async def test_a_task_that_began_again_is_read_again(fake: Fake, recorded: Any, call: Call) -> None:
    """A run that is resumed keeps its id and its paths: a kept log would be the old one's."""
    task = f"{FAILED}/jobs/test/0/tasks/pytest"
    api = fake(recorded)
    assert "1 failed" in (await call(api, "tasks_logs", task=task)).text
    row = next(row for row in recorded.rows[FAILED] if row["path"].endswith("pytest"))
    row["payload"] |= {"started_at": "2026-11-21T05:00:00Z", "logs": [{"type": "stdout", "content": "anew\n"}]}
    recorded.answers.pop(f"GET /api/runs/{FAILED}/tasks?path=jobs/test/0/tasks/pytest", None)
    recorded.answers = {key: one for key, one in recorded.answers.items() if "search_tasks" not in key}
    assert "anew" in (await call(api, "tasks_logs", task=task)).text


async def test_a_task_that_is_not_there_is_told(fake: Fake, recorded: Any, call: Call) -> None:
    """With the command that lists those that are."""
    for name in ("tasks_logs", "tasks_describe"):
        with pytest.raises(NotFoundError, match="tasks list"):
            await call(fake(recorded), name, task=f"{FAILED}/jobs/none")


async def test_words_are_found_with_the_lines_they_stand_in(fake: Fake, recorded: Any, call: Call) -> None:
    """The server finds the row; only its log is read."""
    asked: list[httpx.Request] = []
    found = await call(fake(recorded, None, asked), "tasks_search", query="AssertionError", run=FAILED)
    assert f"failed  test > pytest  {FAILED}/jobs/test/0/tasks/pytest" in found.text
    assert "> tests/test_cart.py:10: AssertionError" in found.text
    assert [{"task": f"{FAILED}/jobs/test/0/tasks/pytest", "status": "failed", "matches": 1}] == [
        {key: one[key] for key in ("task", "status", "matches")} for one in found.data["tasks"]
    ]
    assert 1 == sum(request.url.path.endswith("/tasks") for request in asked)


async def test_words_far_from_each_other_are_found_one_by_one(fake: Fake, recorded: Any, call: Call) -> None:
    """The server finds a log that has all of them somewhere."""
    rows = [{"id": 1, "path": recorded.rows[FAILED][3]["path"], "payload": {"status": "failure"}}]
    api = fake(recorded, {"search_tasks": rows})
    text = (await call(api, "tasks_search", query="session test_item_12", run=FAILED)).text
    assert "test session starts" in text
    assert "test_item_12 PASSED" in text
    assert "no line of its log" in (await call(api, "tasks_search", query="success", run=FAILED)).text


async def test_nothing_found_is_said(fake: Fake, recorded: Any, call: Call) -> None:
    """The server answers null."""
    text = (await call(fake(recorded), "tasks_search", query="error NOT warn", run=FAILED)).text
    assert f"0 tasks with 'error NOT warn' in run {FAILED}" == text


async def test_words_are_found_over_a_pipeline_s_newest_runs(tool: Tool, demo: Any) -> None:
    """In as many runs as asked for."""
    text = (await tool("tasks_search", query="AssertionError", pipeline="shop", runs=4)).text
    assert "in 4 runs" in text
    assert f"{demo.SHOP_RUN}/{demo.SHOP_FAILED_TASK}" in text
    with pytest.raises(NotFoundError):
        await tool("tasks_search", query="x", pipeline="0" * 32)


@pytest.mark.parametrize(
    "arguments", [{"query": "x"}, {"query": "x", "run": FAILED, "pipeline": "shop"}, {"query": " ", "run": FAILED}]
)
async def test_a_search_wants_words_and_one_place(arguments: dict[str, str], fake: Fake, call: Call) -> None:
    """An empty query finds nothing at the server, and no place everything."""
    with pytest.raises(UsageError, match="give query, and run or pipeline"):
        await call(fake(), "tasks_search", **arguments)


async def test_a_log_that_cannot_be_read_is_told_beside_the_others(fake: Fake, recorded: Any, call: Call) -> None:
    """One failure does not take the rest away."""
    broken = httpx.Response(404, json={"error": "task not found"})
    api = fake(recorded, {f"GET /api/runs/{FAILED}/tasks": broken})
    text = (await call(api, "tasks_search", query="AssertionError", run=FAILED)).text
    assert f"this PocketCI has no task {FAILED}" in text


async def test_a_failed_run_is_resumed(fake: Fake, recorded: Any, call: Call) -> None:
    """Under its own id."""
    asked: list[httpx.Request] = []
    answers = {f"POST /api/runs/{FAILED}/resume": {"run_id": FAILED, "status": "resuming"}}
    found = await call(fake(recorded, answers, asked), "runs_rerun", run=FAILED)
    assert (FAILED, Status.QUEUED) == (found.id, found.status)
    assert found.note.startswith("resumed under the same id")
    assert [f"/api/runs/{FAILED}/resume"] == [path for path, _ in sent(asked)]


def stopped(**more: Any) -> dict[str, Any]:
    """A run that was stopped, with what a test says of it."""
    known = {"id": STOPPED, "pipeline_id": SHOP, "status": "failed", "error_message": "Run stopped by user"}
    return {**known, "trigger_type": "manual", "trigger_input": {}, **more}


async def test_a_stopped_run_is_started_anew(fake: Fake, call: Call) -> None:
    """Resuming it would fail at once, which is said."""
    asked: list[httpx.Request] = []
    answers = {
        f"GET /api/runs/{STOPPED}/status": stopped(trigger_input={"args": ["--fast"], "jobs": ["lint"]}),
        f"POST /api/pipelines/{SHOP}/trigger": {"run_id": FAILED, "status": "queued"},
    }
    api = fake(None, answers, asked)
    found = await call(api, "runs_rerun", run=STOPPED)
    assert FAILED == found.id
    assert "resuming a stopped run fails at once" in found.note
    assert "a new run with the old inputs" in found.note
    body = {"mode": "args", "args": ["--fast"], "jobs": ["lint"]}
    assert [(f"/api/pipelines/{SHOP}/trigger", body)] == sent(asked)
    with pytest.raises(UsageError, match="resuming a stopped run fails at once"):
        await call(api, "runs_rerun", run=STOPPED, how="resume")


async def test_a_run_of_a_webhook_is_started_with_its_body(fake: Fake, call: Call) -> None:
    """As far as the server takes it; what another run gave it cannot be given again."""
    asked: list[httpx.Request] = []
    webhook = {"provider": "github", "method": "POST", "headers": {"X-A": "b"}, "body": "{}", "url": "/x"}
    raw = stopped(error_message="no", status="success", trigger_input={"webhook": webhook, "upstream_run_ids": ["x"]})
    answers = {
        f"GET /api/runs/{STOPPED}/status": raw,
        f"POST /api/pipelines/{SHOP}/trigger": {"run_id": FAILED, "status": "queued"},
    }
    found = await call(fake(None, answers, asked), "runs_rerun", run=STOPPED)
    assert "without the runs before it" in found.note
    given = {"method": "POST", "headers": {"X-A": "b"}, "body": "{}"}
    assert [{"mode": "webhook", "webhook": given}] == [body for _, body in sent(asked)]


async def test_a_server_that_does_not_resume_starts_a_new_run(fake: Fake, recorded: Any, call: Call) -> None:
    """Unless resuming was asked for."""
    off = httpx.Response(403, json={"error": "resume feature is not enabled"})
    answers = {
        f"POST /api/runs/{FAILED}/resume": off,
        f"POST /api/pipelines/{SHOP}/trigger": {"run_id": STOPPED, "status": "queued"},
    }
    api = fake(recorded, answers)
    found = await call(api, "runs_rerun", run=FAILED)
    assert "the feature resume of this server is off, so a new run" in found.note
    with pytest.raises(UnsupportedError, match="--allowed-features"):
        await call(api, "runs_rerun", run=FAILED, how="resume")


async def test_triage_starts_a_run_again(fake: Fake, recorded: Any) -> None:
    """What failed, by resuming; all of it, as a new run."""
    answers = {
        f"POST /api/runs/{FAILED}/resume": {"run_id": FAILED, "status": "resuming"},
        f"POST /api/pipelines/{SHOP}/trigger": {"run_id": STOPPED, "status": "queued"},
    }
    api = fake(recorded, answers)
    assert FAILED == await runs.rerun(api, FAILED, True)
    assert STOPPED == await runs.rerun(api, FAILED, False)


async def test_a_running_run_is_started_a_second_time_and_says_so(fake: Fake, call: Call) -> None:
    """It cannot be resumed."""
    answers = {
        f"GET /api/runs/{STOPPED}/status": stopped(status="running"),
        f"POST /api/pipelines/{SHOP}/trigger": {"run_id": FAILED, "status": "queued"},
    }
    assert "beside the one that still runs" in (await call(fake(None, answers), "runs_rerun", run=STOPPED)).note


async def test_a_run_is_stopped(writing: Tool, demo: Any) -> None:
    """Told to stop; one that has ended cannot be."""
    found = (await writing("runs_cancel", run=demo.RUNNING_RUN)).data
    assert ("running", "it was told to stop, and ends a little later") == (found["status"], found["note"])
    with pytest.raises(UsageError, match="run is not currently in flight") as caught:
        await writing("runs_cancel", run=demo.SHOP_RUN)
    assert f"run {demo.SHOP_RUN}: run is not currently in flight" == caught.value.message
    assert f'see how it ended: pocketci_runs_describe(run="{demo.SHOP_RUN}")' == caught.value.next_step


async def test_a_queued_run_is_stopped_at_once(fake: Fake, call: Call) -> None:
    """The server says stopped, not stopping."""
    answers = {f"POST /api/runs/{STOPPED}/stop": {"run_id": STOPPED, "status": "stopped"}}
    found = await call(fake(None, answers), "runs_cancel", run=STOPPED)
    assert Status.CANCELED is found.status


async def test_a_gate_is_found_and_approved(writing: Tool, demo: Any) -> None:
    """Its run then goes on; it cannot be decided twice."""
    gate = (await writing("gates_list", run=demo.GATED_RUN)).data["items"][0]
    assert ("blocked", "ship", "Deploy to production?") == (gate["status"], gate["name"], gate["message"])
    assert "passed" == (await writing("gates_approve", gate=gate["id"])).data["status"]
    with pytest.raises(UsageError, match="gate is already approved"):
        await writing("gates_approve", gate=gate["id"], reject=True)
    with pytest.raises(NotFoundError, match="has no gate"):  # the server answers 500
        await writing("gates_approve", gate=gate["id"][:-1] + ("0" if gate["id"][-1] != "0" else "1"))


async def test_a_broken_server_is_not_taken_for_a_missing_gate(fake: Fake, call: Call) -> None:
    """Only what the server says to an id that no gate has is put into words."""
    answers = {f"POST /api/gates/{GATE}/approve": httpx.Response(BAD_GATEWAY, json={"error": "bad gateway"})}
    with pytest.raises(UnreachableError):
        await call(fake(None, answers), "gates_approve", gate=GATE)


async def test_a_task_without_output_says_why(tool: Tool, demo: Any) -> None:
    """One line with its name alone would look like a log that was cut."""
    said = (await tool("tasks_logs", task=f"{demo.SHOP_RUN}/jobs/publish")).text
    assert "it never ran" in said.splitlines()[0]
    said = (await tool("tasks_logs", task=f"{demo.SHOP_RUN}/jobs/test/0/get/source")).text
    assert "it wrote nothing" in said.splitlines()[0]


async def test_a_gate_is_rejected(writing: Tool, demo: Any) -> None:
    """Its run fails."""
    gate = (await writing("gates_list", run=demo.GATED_RUN)).data["items"][0]["id"]
    found = (await writing("gates_approve", gate=gate, reject=True)).data
    assert ("failed", "rejected") == (found["status"], found["word"])


async def test_gates_that_are_off_are_something_this_server_cannot_do(fake: Fake, call: Call) -> None:
    """They are, unless somebody asked for them."""
    off = httpx.Response(403, json={"error": "gates feature is not enabled"})
    with pytest.raises(UnsupportedError, match="gates among its --allowed-features"):
        await call(fake(None, {f"GET /api/runs/{FAILED}/gates": off}), "gates_list", run=FAILED)
    with pytest.raises(UsageError, match="no id of a gate"):
        await call(fake(), "gates_approve", gate="ship")


@pytest.mark.parametrize("run", ["", "*", "x"])
@pytest.mark.parametrize("name", ["runs_describe", "runs_rerun", "runs_cancel", "tasks_list", "gates_list"])
async def test_no_call_is_made_for_what_is_no_run(name: str, run: str, fake: Fake, call: Call) -> None:
    """An empty id or a star would be answered for every run."""
    asked: list[httpx.Request] = []
    with pytest.raises(UsageError):
        await call(fake(None, None, asked), name, run=run)
    assert [] == asked


@pytest.mark.parametrize(
    ("remotes", "names"),
    [
        (("git@github.com:acme/shop.git",), ["shop"]),
        (("https://github.com/acme/Web_Site",), ["web-site"]),
        (("https://github.com/acme/api",), ["api-main", "api-release", "api-x"]),
        (("https://github.com/acme/none",), []),
        ((), []),
    ],
)
async def test_a_checkout_is_known_by_the_name_of_its_repository(
    remotes: tuple[str, ...], names: list[str], fake: Fake
) -> None:
    """The very name, else those that begin with it: a pipeline does not know its repository."""
    known = ["shop", "shop-release", "web-site", "api-main", "api-release", "api-x", "api-y"]
    items = [{"id": f"{at:032x}", "name": name, "content": ""} for at, name in enumerate(known)]
    api = fake(None, {"GET /api/pipelines": {"items": items, "has_next": False}})
    found = await places.discover(api, Checkout(root="/", remotes=remotes))
    assert names == [place.project for place in found]


async def test_a_url_is_located_without_a_request(fake: Fake) -> None:
    """A run, a pipeline, or nothing."""
    api = fake()
    base = "https://pocketci.example.com"
    run = await places.locate(api, f"{base}/runs/{FAILED}/graph")
    pipeline = await places.locate(api, f"{base}/pipelines/{SHOP}/")
    assert (FAILED, SHOP) == (run and run.run, pipeline and pipeline.project)
    assert await places.locate(api, f"{base}/docs/") is None


async def test_runs_of_a_branch_or_commit_are_none(fake: Fake) -> None:
    """PocketCI knows neither."""
    assert [] == await hooks.runs(fake(), RunQuery(project="shop", branch="main"))
    assert [] == await hooks.runs(fake(), RunQuery(project="shop", commit="c" * 40))


@pytest.mark.parametrize(
    ("status", "ids"),
    [
        (Status.PASSED, ["K_e6YjhJ0wO9NaBvGYn_6"]),
        (Status.CANCELED, []),
        (None, ["K_e6YjhJ0wO9NaBvGYn_6", "JavWFnZlxvH9hQmMKn97E"]),
    ],
)
async def test_runs_are_asked_for_by_status(status: Status | None, ids: list[str], fake: Fake, recorded: Any) -> None:
    """By the server's word for it, and checked."""
    listed = next(one for key, one in recorded.answers.items() if '"query": ""' in key and SHOP in key)
    found = await hooks.runs(fake(recorded, {"search_tasks": listed}), RunQuery(project=SHOP, status=status, limit=20))
    assert ids == [one.id for one in found][:2]


@pytest.mark.parametrize("answer", [{"items": 3}, [], "text"])
async def test_nonsense_is_an_error_of_ours(answer: Any, fake: Fake, recorded: Any, call: Call) -> None:
    """Whatever a server answers, it is one line with a next step."""
    api = fake(recorded, {f"GET /api/pipelines/{SHOP}": answer, "GET /api/runs/abcdef/status": answer})
    for name, arguments in (("runs_describe", {"run": "abcdef"}), ("pipelines_describe", {"pipeline": SHOP})):
        try:
            await call(api, name, **arguments)
        except CiError as error:
            assert isinstance(error, BadAnswerError)  # noqa: PT017 - an empty record is no error


@pytest.mark.parametrize("content", ["jobs: [", "jobs: 3", "- a", "a: !!python/object:os.system x", "x" * 300_001])
async def test_a_source_that_cannot_be_read_has_no_jobs_to_tell(content: str, fake: Fake, call: Call) -> None:
    """The server takes broken YAML."""
    raw = {"id": SHOP, "name": "shop", "content": content, "content_type": "yaml"}
    found = await call(fake(None, {f"GET /api/pipelines/{SHOP}": raw}), "pipelines_describe", pipeline=SHOP)
    assert () == found.jobs


async def test_a_pasted_url_is_explained_in_one_call(tool: Tool, demo: Any) -> None:
    """Down to the line."""
    text = (await tool("ci_explain", target=f"see https://pocketci.example.com/runs/{demo.DASH_RUN}/graph")).text
    assert f"run {demo.DASH_RUN}" in text
    assert f'pocketci_tasks_logs(task="{demo.DASH_RUN}/jobs/orders/0/tasks/pytest"' in text
