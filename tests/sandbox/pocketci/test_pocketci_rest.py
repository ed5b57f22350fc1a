"""Routes of pipelines, runs, gates and schedules, and the pages of people."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from ci_mcp.sandbox.faults import fault_id, fault_token
from ci_mcp.sandbox.pocketci import world
from ci_mcp.sandbox.pocketci.sources import group, job, pipeline, task

ONE = pipeline(job("test", task("unit", "echo ok")))
SLOW = pipeline(job("test", task("unit", "echo begun; sleep 60")))
SHOP = f"/api/pipelines/{world.SHOP}"


def test_the_environment_points_at_the_open_door(service: Any, client: Any) -> None:
    """The token is taken for what it is worth there: nothing."""
    assert {"POCKETCI_URL": service.url, "POCKETCI_TOKEN": service.token} == service.env
    assert "pocketci.example.com" == service.host
    assert "OK" == client.get("/health").text


@pytest.mark.parametrize(("name", "status"), [("429", 429), ("500", 500), ("502", 502)])
def test_faults_strike_by_token_and_by_id(make_client: Callable[..., Any], name: str, status: int) -> None:
    """As in every service of the sandbox."""
    assert status == make_client(token=fault_token(name)).get("/api/pipelines").status_code
    assert status == make_client().get(f"/api/runs/{fault_id(name)}/status").status_code


def test_a_fault_of_once_is_a_good_token_afterwards(make_client: Callable[..., Any]) -> None:
    """At each door of the server."""
    for origin in ("api", "oauth"):
        client = make_client(origin, fault_token("503", once=True, tag=origin))
        assert [503, 200] == [client.get("/api/pipelines").status_code for _ in range(2)]


def test_lists_come_in_pages(server: Any) -> None:
    """Nonsense is the first page of twenty."""
    first = server.json("/api/pipelines", per_page=3)
    assert (3, 1, 3, True) == (len(first["items"]), first["page"], first["per_page"], first["has_next"])
    last = server.json("/api/pipelines", per_page=3, page=first["total_pages"])
    assert not last["has_next"]
    odd = server.json("/api/pipelines", per_page=0, page="x")
    assert (1, 20) == (odd["page"], odd["per_page"])
    rows = server.json(f"/api/runs/{world.MATRIX_RUN}/tasks", page=2, per_page=100)
    assert (100, 202, 3) == (len(rows["items"]), rows["total_items"], rows["total_pages"])


def test_a_pipeline_goes_with_its_runs(server: Any) -> None:
    """204, and then nothing of it is found."""
    assert 204 == server.client.delete(SHOP).status_code
    assert [404, 404] == [server.client.get(path).status_code for path in (SHOP, f"/api/runs/{world.SHOP_RUN}/status")]


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        ({}, "content is required"),
        ({"content": "x", "concurrency_mode": "no"}, 'unknown concurrency_mode "no"'),
        ({"content": "x", "concurrency_mode": "group"}, "requires a non-empty concurrency_group_template"),
    ],
)
def test_what_a_pipeline_may_not_be_is_refused(empty: Any, sent: Any, error: str) -> None:
    """Of its source nothing is looked at."""
    answer = empty.client.put("/api/pipelines/x", json=sent)
    assert (400, True) == (answer.status_code, error in answer.json()["error"])
    junk = empty.client.put("/api/pipelines/x", content=b"{")
    assert (400, "invalid request body") == (junk.status_code, junk.json()["error"])
    assert 200 == empty.client.put("/api/pipelines/x", json={"content": "jobs: ["}).status_code


def test_a_source_that_is_none_fails_its_run(empty: Any) -> None:
    """Not before; without jobs there is nothing to fail."""
    for name, content, status, error in (
        ("text", "hello", "failed", "string was used where mapping is expected"),
        ("tab", "jobs:\n\t- x", "failed", "could not parse YAML pipeline"),
        ("none", "foo: bar", "success", ""),
    ):
        run = empty.start(name, content)
        empty.clock.wait(1)
        got, message = empty.status(run)
        assert (status, True) == (got, error in message)


def test_a_body_without_a_length_is_not_read(server: Any) -> None:
    """A chunked one starts a run without input."""
    answer = server.client.post(f"{SHOP}/trigger", content=iter([b'{"jobs": ["lint"]}']))
    assert (202, {}) == (answer.status_code, answer.json()["trigger_input"])


def test_a_body_over_ten_megabytes_is_refused(server: Any) -> None:
    """On every route, before who asks."""
    for path in ("/mcp", f"{SHOP}/trigger"):
        answer = server.client.post(path, content=b" " * (10 * 1024 * 1024 + 1))
        assert (413, {"message": "Request Entity Too Large"}) == (answer.status_code, answer.json())


def test_jobs_are_chosen_by_name(server: Any) -> None:
    """The others are skipped; one behind a job that did not pass is not run."""
    run = server.client.post(f"{SHOP}/trigger", json={"jobs": ["lint"]}).json()["run_id"]
    server.clock.wait(60)
    tasks = server.tasks(run)
    assert ["success", "skipped", "skipped"] == [
        tasks[f"jobs/{name}"]["status"] for name in ("lint", "test", "publish")
    ]
    alone = server.client.post(f"{SHOP}/trigger", json={"jobs": ["publish"]}).json()["run_id"]
    server.clock.wait(60)
    assert "skipped" == server.tasks(alone)["jobs/publish"]["status"]


def test_a_webhook_starts_a_run_with_all_that_it_sent(server: Any) -> None:
    """By the server's own address, or as if."""
    sent = server.client.post(
        f"/api/webhooks/{world.SHOP}?a=b", content=b"{}", headers={"X-GitHub-Event": "push", "X-Token": "t"}
    )
    said = server.json(f"/api/runs/{sent.json()['run_id']}/status")
    hook = said["trigger_input"]["webhook"]
    assert ("github:push", "webhook", "push") == (said["triggered_by"], said["trigger_type"], hook["eventType"])
    assert ("t", {"a": "b"}) == (hook["headers"]["X-Token"], hook["query"])
    as_if = server.client.post(f"{SHOP}/trigger", json={"mode": "webhook", "webhook": {"body": "{}"}}).json()
    assert ("manual", "POST") == (as_if["triggered_by"], as_if["trigger_input"]["webhook"]["method"])
    server.client.post(f"{SHOP}/pause")
    assert 409 == server.client.post(f"/api/webhooks/{world.SHOP}").status_code
    assert 404 == server.client.post("/api/webhooks/none").status_code


def test_what_is_not_enabled_is_forbidden(make_server: Callable[..., Any]) -> None:
    """Gates, resuming, webhooks."""
    server = make_server(demo=False, features=("secrets",))
    run = server.start("one", ONE)
    named = server.world.named("one").id
    for path, sent, word in (
        (f"/api/runs/{run}/resume", None, "resume"),
        ("/api/gates/x/approve", None, "gates"),
        (f"/api/pipelines/{named}/trigger", {"mode": "webhook"}, "webhooks"),
        (f"/api/webhooks/{named}", None, "webhooks"),
    ):
        answer = server.client.post(path, json=sent)
        assert (403, f"{word} feature is not enabled") == (answer.status_code, answer.json()["error"])
    assert 403 == server.client.get(f"/api/runs/{run}/gates").status_code
    assert ["secrets"] == server.json("/api/features")["features"]


@pytest.mark.parametrize(
    ("word", "status", "error"),
    [("approve", "success", ""), ("reject", "failed", 'job "ship": gate: gate "ship": rejected by unknown')],
)
def test_a_gate_lets_a_run_go_on_or_ends_it(server: Any, word: str, status: str, error: str) -> None:
    """Until then the run reads running, with no task that runs."""
    assert "running" == server.status(world.GATED_RUN)[0]
    assert not any(one["status"] == "running" for one in server.tasks(world.GATED_RUN).values())
    gate = server.json(f"/api/runs/{world.GATED_RUN}/gates")[0]
    said = server.client.post(f"/api/gates/{gate['id']}/{word}").json()
    assert (f"{word}d" if word == "approve" else "rejected") == said["status"]
    server.clock.wait(5)
    got, message = server.status(world.GATED_RUN)
    assert (status, True) == (got, message.endswith(error))
    assert 409 == server.client.post(f"/api/gates/{gate['id']}/approve").status_code


def test_an_unknown_gate_is_an_internal_error(server: Any) -> None:
    """So the real server answers."""
    assert 500 == server.client.post("/api/gates/nope/reject").status_code


def test_a_serial_pipeline_waits_for_its_gate(server: Any) -> None:
    """For ever, until the run before it is stopped; then it waits at a gate of its own."""
    path = f"/api/pipelines/{world.GATED}/trigger"
    second = server.client.post(path).json()["run_id"]
    server.clock.wait(30)
    assert "queued" == server.status(second)[0]
    assert "started_at" not in server.json(f"/api/runs/{second}/status")
    assert "stopping" == server.client.post(f"/api/runs/{world.GATED_RUN}/stop").json()["status"]
    server.clock.wait(5)
    assert "running" == server.status(second)[0]
    assert 1 == len(server.json(f"/api/runs/{second}/gates"))


def test_a_resume_keeps_what_passed(empty: Any) -> None:
    """The task that failed runs again; until it has, the old end and error are told."""
    run = empty.start("two", pipeline(job("test", task("one", "echo ok"), task("two", "sleep 3; exit 1"))))
    empty.clock.wait(10)
    before = empty.tasks(run)
    assert 200 == empty.client.post(f"/api/runs/{run}/resume").status_code
    empty.clock.wait(1)
    said = empty.json(f"/api/runs/{run}/status")
    assert ("running", True, True) == (said["status"], "completed_at" in said, "error_message" in said)
    empty.clock.wait(10)
    after = empty.tasks(run)
    assert before["jobs/test/0/tasks/one"] == after["jobs/test/0/tasks/one"]
    assert before["jobs/test/1/tasks/two"]["started_at"] != after["jobs/test/1/tasks/two"]["started_at"]
    assert "failed" == empty.status(run)[0]


def test_a_stopped_run_that_is_resumed_fails_again(empty: Any) -> None:
    """At once, with the same words; what passed stays."""
    run = empty.start("slow", SLOW)
    empty.clock.wait(5)
    empty.client.post(f"/api/runs/{run}/stop")
    empty.clock.wait(1)
    assert "resuming" == empty.client.post(f"/api/runs/{run}/resume").json()["status"]
    empty.clock.wait(1)
    assert ("failed", "Run stopped by user") == empty.status(run)
    assert "aborted" == empty.tasks(run)["jobs/test/0/tasks/unit"]["status"]


def test_more_than_the_server_takes_is_refused(make_server: Callable[..., Any]) -> None:
    """To start and to resume; a run that waits begins when another has ended."""
    server = make_server(demo=False, limits=world.Limits(1, 1))
    failed = server.start("bad", pipeline(job("test", task("unit", "exit 1"))))
    server.clock.wait(5)
    server.start("slow", SLOW)
    waits = server.start("one", ONE)
    answers = [
        server.client.post(path)
        for path in (f"/api/pipelines/{server.world.named('one').id}/trigger", f"/api/runs/{failed}/resume")
    ]
    full = {"error": "execution queue is full", "in_flight": 1, "max_in_flight": 1, "max_queue_size": 1}
    assert [(429, full)] * 2 == [(one.status_code, one.json()) for one in answers]
    assert "retry-after" not in answers[0].headers
    server.clock.wait(61)
    assert "success" == server.status(waits)[0]


def test_a_run_by_name_tells_its_output_as_it_comes(server: Any) -> None:
    """Its arguments may come as a form, as the vendor's own client sends them."""
    form = b'--x\r\nContent-Disposition: form-data; name="args"\r\n\r\n["a", "b"]\r\n--x--\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = server.client.post("/api/pipelines/optional-checks/run", content=form, headers=headers)
    assert '"code":1,"event":"exit"' in answer.text
    run = re.findall(r'"run_id":"([^"]+)"', answer.text)[0]
    assert {"args": ["a", "b"]} == server.json(f"/api/runs/{run}/status")["trigger_input"]
    assert 404 == server.client.post("/api/pipelines/none/run").status_code
    server.client.post(f"{SHOP}/pause")
    assert 409 == server.client.post("/api/pipelines/shop/run").status_code
    busy = server.client.post("/api/pipelines/deploy/run")
    assert (500, True) == (busy.status_code, "rejected: concurrency group busy" in busy.json()["error"])


def test_a_job_may_be_said_to_have_passed(server: Any) -> None:
    """By a run that never ran."""
    run = server.client.post(f"{SHOP}/jobs/test/seed-passed").json()["run_id"]
    said = server.json(f"/api/runs/{run}/status")
    assert ("success", "seed", "unknown") == (said["status"], said["trigger_type"], said["triggered_by"])
    assert "started_at" not in said


def test_schedules_are_listed_and_switched(server: Any) -> None:
    """One that is off has no next run."""
    path = f"/api/pipelines/{world.pipeline_id('nightly')}/schedules"
    first = server.json(path)[0]
    assert ("cron", "0 2 * * *", True) == (first["schedule_type"], first["schedule_expr"], "last_run_at" in first)
    switch = f"/api/schedules/{first['id']}/enabled"
    assert {"status": "ok"} == server.client.put(switch, json={"enabled": False}).json()
    assert "next_run_at" not in server.json(path)[0]
    assert [400, 404, 404] == [
        server.client.put(switch).status_code,
        server.client.put("/api/schedules/none/enabled", json={}).status_code,
        server.client.get("/api/pipelines/none/schedules").status_code,
    ]


def test_steps_nest(empty: Any) -> None:
    """Groups in a row, a step's own hook, and what comes behind a failure."""
    inner = "{task: tidy, config: {run: {args: [-c, echo tidied]}}}"
    done = group("do", [task("a1", "echo a"), task("b1", "exit 4"), task("c1", "echo c")])
    run = empty.start("nest", pipeline(job("one", task("x", "exit 1", on_failure=inner), done, "- put: image\n",
                                            group("try", [task("t", "exit 1"), task("u", "true")]))))  # fmt: skip
    empty.clock.wait(5)
    assert {
        "jobs/one": "failure", "jobs/one/0/tasks/x": "failure", "jobs/one/0/on_failure/tasks/tidy": "success",
        "jobs/one/1/do": "failure", "jobs/one/1/do/0/tasks/a1": "success", "jobs/one/1/do/1/tasks/b1": "failure",
        "jobs/one/2/put/image": "skipped", "jobs/one/3/try": "skipped",
    } == {path: one["status"] for path, one in empty.tasks(run).items()}  # fmt: skip
    good = empty.start("good", pipeline(job("one", group("do", [task("a1", "echo a")]), "- put: image\n"),
                                        job("two", task("b", "echo b"), more="depends_on: [one]\n")))  # fmt: skip
    empty.clock.wait(5)
    assert {"success"} == {one["status"] for one in empty.tasks(good).values()}
    assert [] == empty.tasks(good)["jobs/two"]["dependsOn"]


def test_people_s_pages_are_where_links_lead(server: Any) -> None:
    """The rows of runs by pages; an unknown run has a page all the same."""
    page = server.client.get(f"/pipelines/{world.SHOP}/runs-search/", params={"q": "", "page": 2, "per_page": 5}).text
    assert 5 == page.count("data-run-id=")
    assert "Page 2 of 8" in re.sub(r"\s+", " ", page)
    assert "No runs match" in server.client.get(f"/pipelines/{world.SHOP}/runs-search", params={"q": "zzz"}).text
    for path in ("/pipelines/", f"/pipelines/{world.SHOP}/", f"/runs/{world.SHOP_RUN}/tasks", "/runs/none/graph"):
        assert "text/html; charset=UTF-8" == server.client.get(path).headers["content-type"]
    assert 404 == server.client.get("/pipelines/none/").status_code
    assert "/pipelines/" == server.client.get("/").headers["location"]


def test_a_shared_run_has_an_address_for_everybody(server: Any) -> None:
    """Nobody else's."""
    path = server.client.post(f"/api/runs/{world.SHOP_RUN}/share").json()["share_path"]
    assert 200 == server.client.get(path).status_code
    assert (404, {"message": "not found"}) == ((none := server.client.get("/share/x/tasks")).status_code, none.json())
    assert 404 == server.client.post("/api/runs/none/share").status_code


def test_a_method_that_a_route_has_not_says_which_it_has(server: Any) -> None:
    """405; HEAD is none of them."""
    for method in ("POST", "HEAD"):
        answer = server.client.request(method, "/api/features")
        assert (405, "OPTIONS, GET") == (answer.status_code, answer.headers["allow"])
    assert {"message": "Not Found"} == server.client.get("/api/nothing").json()


def test_what_a_handler_cannot_read_is_an_internal_error(server: Any) -> None:
    """As JSON."""
    sent = {"mode": "webhook", "webhook": "text"}
    assert {"error": "internal server error"} == server.client.post(f"{SHOP}/trigger", json=sent).json()
