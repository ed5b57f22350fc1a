"""Pipelines over loopback."""

import re
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ci_mcp.sandbox.semaphore import world

NEVER = "1970-01-01 00:00:00.000000Z"


@pytest.fixture
def described(client: httpx.Client) -> Callable[[str], Any]:
    """Describes a pipeline with its blocks."""
    return lambda pipeline_id: client.get(f"/pipelines/{pipeline_id}", params={"detailed": "true"}).json()


def test_lists_and_descriptions_spell_differently(client: httpx.Client, described: Callable[[str], Any]) -> None:
    """Capitals and seconds in the one, lower case and text in the other, the same keys in both."""
    listed = client.get("/pipelines", params={"wf_id": world.SHOP_MAIN_WORKFLOW}).json()[0]
    pipeline = described(world.SHOP_MAIN_PIPELINE)["pipeline"]
    assert ("DONE", "FAILED", "TEST") == (listed["state"], listed["result"], listed["result_reason"])
    assert ("done", "failed", "test") == (pipeline["state"], pipeline["result"], pipeline["result_reason"])
    assert {"seconds", "nanos"} == set(listed["created_at"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}Z", pipeline["created_at"])
    assert (NEVER, {"seconds": 0, "nanos": 0}) == (pipeline["stopping_at"], listed["stopping_at"])
    assert set(listed) == set(pipeline)


@pytest.mark.parametrize(
    ("query", "blocks"), [("", 0), ("?detailed=1", 0), ("?detailed=True", 0), ("?detailed=true", 3)]
)
def test_blocks_come_only_where_detailed_is_true(client: httpx.Client, query: dict[str, Any], blocks: int) -> None:
    """Exactly that word counts."""
    answer = client.get(f"/pipelines/{world.SHOP_MAIN_PIPELINE}{query}")
    assert blocks == len(answer.json()["blocks"])
    assert "content-type" not in answer.headers


def test_the_newest_run_of_main_failed(described: Callable[[str], Any]) -> None:
    """One job failed, what follows was canceled and has no jobs."""
    lint, tests, integration = described(world.SHOP_MAIN_PIPELINE)["blocks"]
    assert ("passed", "failed", "canceled") == (lint["result"], tests["result"], integration["result"])
    assert {"name": "pytest", "index": 0, "job_id": world.SHOP_MAIN_FAILED_JOB} | {
        "status": "FINISHED",
        "result": "FAILED",
    } == tests["jobs"][0]
    assert [] == integration["jobs"]


def test_a_passed_pipeline_has_a_reason_too(described: Callable[[str], Any]) -> None:
    """It means nothing there."""
    pipeline = described(world.SHOP_MAIN_GREEN_PIPELINE)["pipeline"]
    assert ("passed", "test") == (pipeline["result"], pipeline["result_reason"])


def test_several_jobs_can_fail_alike(described: Callable[[str], Any]) -> None:
    """The nightly run: the linter, and two parallel jobs."""
    blocks = described(world.SHOP_NIGHTLY_PIPELINE)["blocks"]
    failed = [job["name"] for block in blocks for job in block["jobs"] if job["result"] == "FAILED"]
    assert ["ruff", "orders - 1/2", "orders - 2/2"] == failed


def test_a_pipeline_can_have_two_hundred_jobs(described: Callable[[str], Any]) -> None:
    """Twelve of them failed."""
    jobs = [job for block in described(world.SHOP_MATRIX_PIPELINE)["blocks"] for job in block["jobs"]]
    assert (200, 12) == (len(jobs), sum(job["result"] == "FAILED" for job in jobs))


def test_a_malformed_pipeline_says_why(described: Callable[[str], Any]) -> None:
    """No blocks, never running, the YAML's error."""
    answer = described(world.SHOP_MALFORMED_PIPELINE)
    pipeline = answer["pipeline"]
    assert ("failed", "malformed", NEVER) == (pipeline["result"], pipeline["result_reason"], pipeline["running_at"])
    assert "Type mismatch" in pipeline["error_description"]
    assert [] == answer["blocks"]


def test_a_stuck_pipeline_failed_without_running_a_job(described: Callable[[str], Any]) -> None:
    """Its reason says so."""
    answer = described(world.SHOP_STUCK_PIPELINE)
    assert ("failed", "stuck") == (answer["pipeline"]["result"], answer["pipeline"]["result_reason"])
    assert world.SHOP_STUCK_JOB == answer["blocks"][0]["jobs"][0]["job_id"]


def test_a_stopped_pipeline_names_who_stopped_it(described: Callable[[str], Any]) -> None:
    """Blocks that ran are stopped, those that did not are canceled, those that were done stay."""
    answer = described(world.SHOP_STOPPED_PIPELINE)
    pipeline = answer["pipeline"]
    assert ("stopped", "user", world.ME) == (pipeline["result"], pipeline["result_reason"], pipeline["terminated_by"])
    assert ["passed", "stopped", "canceled"] == [block["result"] for block in answer["blocks"]]
    assert "STOPPED" == answer["blocks"][1]["jobs"][0]["result"]
    assert NEVER != pipeline["stopping_at"]


def test_a_skipped_block_passed(described: Callable[[str], Any]) -> None:
    """Only its reason says that it was skipped."""
    block = described(world.SHOP_SKIPPED_PIPELINE)["blocks"][2]
    assert ("done", "passed", "skipped", []) == (block["state"], block["result"], block["result_reason"], block["jobs"])


def test_a_partial_rebuild_is_a_second_pipeline_of_its_workflow(
    client: httpx.Client, described: Callable[[str], Any]
) -> None:
    """Each names the other; the list has the newer first."""
    listed = client.get("/pipelines", params={"wf_id": world.SHOP_REBUILT_WORKFLOW}).json()
    assert [world.SHOP_REBUILT_PIPELINE, world.SHOP_REBUILT_FAILED_PIPELINE] == [item["ppl_id"] for item in listed]
    assert [world.SHOP_REBUILT_FAILED_PIPELINE, ""] == [item["partial_rerun_of"] for item in listed]
    assert ["", world.SHOP_REBUILT_PIPELINE] == [item["partially_rerun_by"] for item in listed]
    assert ["PASSED", "FAILED"] == [item["result"] for item in listed]
    assert 3 == described(world.SHOP_REBUILT_PIPELINE)["pipeline"]["triggerer"]["ppl_triggered_by"]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"branch_name": "release"}, 3),
        ({"yml_file_path": ".semaphore/nightly.yml"}, 1),
        ({"label": "42"}, 2),
        ({"done_before": 1}, 0),
        ({"done_after": 1, "branch_name": "release"}, 3),
        ({"created_before": 1}, 0),
    ],
)
def test_pipelines_can_be_filtered(client: httpx.Client, query: dict[str, Any], count: int) -> None:
    """By branch, YAML file, label and time."""
    assert count == len(client.get("/pipelines", params={"project_id": world.SHOP_PROJECT, **query}).json())


@pytest.mark.parametrize("pipeline_id", [world.HIDDEN_PIPELINE, "none-such"])
def test_a_pipeline_out_of_sight_is_not_found(client: httpx.Client, pipeline_id: str) -> None:
    """Plain text, for each call."""
    calls = [("GET", ""), ("PATCH", ""), ("GET", "/describe_topology"), ("POST", "/partial_rebuild")]
    answers = [client.request(method, f"/pipelines/{pipeline_id}{path}") for method, path in calls]
    assert {(404, "Not Found")} == {(answer.status_code, answer.text) for answer in answers}


def test_the_topology_is_a_bare_array(client: httpx.Client) -> None:
    """Blocks by name, with their jobs and what they wait for."""
    last = client.get(f"/pipelines/{world.SHOP_MAIN_PIPELINE}/describe_topology").json()[-1]
    expected = {"name": "Integration", "jobs": ["orders - 1/2", "orders - 2/2"], "dependencies": ["Lint", "Unit tests"]}
    assert expected == last


@pytest.mark.parametrize("body", [{}, {"terminate_request": "true"}, {"terminate_request": False}])
def test_a_stop_must_say_true(client: httpx.Client, body: Any) -> None:
    """The boolean, nothing like it."""
    answer = client.patch(f"/pipelines/{world.SHOP_MAIN_PIPELINE}", json=body)
    assert (400, "Value of 'terminate_request' field must be boolean value 'true'.") == (
        answer.status_code,
        answer.json(),
    )


def test_a_partial_rebuild_is_the_same_for_the_same_token(
    client: httpx.Client, described: Callable[[str], Any]
) -> None:
    """The token may stand in the query or in the body."""
    path = f"/pipelines/{world.SHOP_MAIN_PIPELINE}/partial_rebuild"
    first = client.post(path, params={"request_token": "t"}).json()
    again = client.post(path, json={"request_token": "t"}).json()
    assert first == again
    assert world.SHOP_MAIN_PIPELINE == described(first["pipeline_id"])["pipeline"]["partial_rerun_of"]


def test_what_cannot_be_rebuilt(client: httpx.Client) -> None:
    """No token, a pipeline that passed, one that is not done: JSON strings."""
    run = client.post("/plumber-workflows", json={"project_id": world.SHOP_PROJECT, "reference": "main"}).json()
    answers = [
        client.post(f"/pipelines/{pipeline_id}/partial_rebuild", params=query)
        for pipeline_id, query in (
            (world.SHOP_MAIN_PIPELINE, {}),
            (world.SHOP_MAIN_GREEN_PIPELINE, {"request_token": "t"}),
            (run["pipeline_id"], {"request_token": "t"}),
        )
    ]
    assert [
        (400, "Missing required post parameter request_token."),
        (400, "Pipelines which passed can not be partial rebuilt."),
        (400, "Only pipelines which are in done state can be partial rebuilt."),
    ] == [(answer.status_code, answer.json()) for answer in answers]


@pytest.mark.parametrize(
    ("definition", "status", "words"),
    [
        ("version: v1.0\nagent: {}\nblocks: []\n", 200, "YAML definition is valid."),
        ("version: v1.0\nblocks: []\n", 400, "agent"),
        ("a: b: c", 400, "mapping"),
        ("just text", 400, "version"),
        ("", 400, "yaml_definition"),
    ],
)
def test_yaml_is_validated(client: httpx.Client, definition: str, status: int, words: str) -> None:
    """As JSON and as a form; what is wrong is a JSON string."""
    answers = [
        client.post("/yaml", json={"yaml_definition": definition}),
        client.post("/yaml", data={"yaml_definition": definition}),
    ]
    assert [status] * 2 == [answer.status_code for answer in answers]
    assert all(words in answer.text for answer in answers)


SOON = (world.SHOP_FAILS_SOON_PIPELINE, world.SHOP_PASSES_SOON_PIPELINE)


def test_two_runs_end_while_somebody_watches(described: Callable[[str], Any]) -> None:
    """One fails and one passes a few seconds after the start, in real time."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        found = [described(pipeline_id)["pipeline"] for pipeline_id in SOON]
        if all(pipeline["state"] == "done" for pipeline in found):
            break
        assert {pipeline["state"] for pipeline in found} <= {"running", "done"}
        time.sleep(0.1)
    assert ["failed", "passed"] == [pipeline["result"] for pipeline in found]
