"""Tasks over loopback."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ci_mcp.sandbox.semaphore import tasks, world

Run = Callable[..., tuple[int, Any]]


@pytest.fixture
def run(client: httpx.Client) -> Run:
    """Run a task; status and what was said."""

    def post(task: str, **body: Any) -> tuple[int, Any]:
        answer = client.post(f"/tasks/{task}/run_now", json=body)
        return answer.status_code, answer.json()

    return post


def test_tasks_of_a_project_are_a_paged_array(client: httpx.Client) -> None:
    """A branch is named only where the reference is one; times are texts."""
    answer = client.get("/tasks", params={"project_id": world.SHOP_PROJECT})
    assert "5" == answer.headers["total"]
    by_name = {task["name"]: task for task in answer.json()}
    assert ("0 3 * * *", True, "main") == tuple(by_name["Nightly"][key] for key in ("at", "recurring", "branch"))
    assert "branch" not in by_name["Verify 1.4.0"]
    assert (True, world.USERS["ben"]) == tuple(by_name["Prune images"][key] for key in ("paused", "pause_toggled_by"))
    assert by_name["Nightly"]["updated_at"].endswith("Z")
    assert r"^\d+\.\d+\.\d+$" == by_name["Release"]["parameters"][0]["regex_pattern"]
    assert 404 == client.get("/tasks", params={"project_id": world.PROJECTS["vault"].id}).status_code


def test_a_task_says_what_it_ran_and_what_it_could_not(client: httpx.Client) -> None:
    """The newest led to a workflow; one was refused with its reason."""
    answer = client.get(f"/tasks/{tasks.NIGHTLY}").json()
    assert "Nightly" == answer["schedule"]["name"]
    assert [
        ("passed", world.SHOP_NIGHTLY_WORKFLOW, ""),
        ("failed", "", "Limit of queuing pipelines reached"),
    ] == [
        (one["scheduling_status"], one["scheduled_workflow_id"], one["error_description"]) for one in answer["triggers"]
    ]


@pytest.mark.parametrize("path", ["", "/run_now"])
@pytest.mark.parametrize(
    ("task", "status", "said"),
    [
        ("nightly", 400, '"schedule identifier should be a UUID"'),
        (world.SHOP_PROJECT, 400, f"\"Periodic with id: '{world.SHOP_PROJECT}' not found.\""),
        (tasks.HIDDEN, 404, "Not Found"),
    ],
)
def test_a_task_that_is_not_there_is_a_mistake(
    client: httpx.Client, path: str, task: str, status: int, said: str
) -> None:
    """400 as a JSON string; only what may not be seen is not found, in plain text."""
    answer = client.request("POST" if path else "GET", f"/tasks/{task}{path}")
    assert (status, said) == (answer.status_code, answer.text)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"reference": "main"}, "Reference must contain 'type' and 'name' fields"),
        ({"reference": {"type": "BRANCH"}}, "Reference must contain 'type' and 'name' fields"),
        ({"reference": {"type": "PULL", "name": "1"}}, "Reference type must be 'BRANCH' or 'TAG'"),
        ({"reference": {"type": "TAG", "name": " "}}, "Reference name cannot be empty"),
        ({"reference": {"type": "TAG", "name": "v9"}}, "Tag 'v9' does not exist in the repository"),
        ({"branch": "nowhere"}, "Branch 'nowhere' does not exist in the repository"),
    ],
)
def test_a_reference_must_be_a_type_and_a_name(run: Run, body: dict[str, Any], said: str) -> None:
    """Whatever the documentation says; and it must be there."""
    assert (400, said) == run(tasks.NIGHTLY, **body)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({}, "Parameter 'VERSION' is required."),
        ({"VERSION": " "}, "Parameter 'VERSION' is required."),
        ({"VERSION": "one"}, "Parameter 'VERSION' value does not match required format."),
    ],
)
def test_parameters_are_checked(run: Run, parameters: dict[str, str], said: str) -> None:
    """Those that are required, and their form."""
    assert (400, said) == run(tasks.RELEASE, parameters=parameters)


@pytest.mark.parametrize("parameters", [{"VERSION": 1}, ["VERSION"]])
def test_parameters_that_are_no_texts_break_the_service(client: httpx.Client, parameters: Any) -> None:
    """500 in plain text."""
    answer = client.post(f"/tasks/{tasks.RELEASE}/run_now", json={"parameters": parameters})
    assert (500, "Internal error") == (answer.status_code, answer.text)


def test_a_full_queue_is_a_mistake_of_the_user(run: Run) -> None:
    """400, not 429."""
    assert (400, "Limit of queuing pipelines reached") == run(tasks.FULL)


def test_a_task_runs_a_workflow_each_time(client: httpx.Client, run: Run) -> None:
    """Its file, its parameters with their defaults, at its reference; never the same twice."""
    given = {"VERSION": "1.5.0", "UNKNOWN": "passed over"}
    ids = [run(tasks.RELEASE, parameters=given)[1]["workflow_id"] for _ in range(2)]
    assert 2 == len(set(ids))
    workflow = client.get(f"/plumber-workflows/{ids[0]}").json()["workflow"]
    pipeline = client.get(f"/pipelines/{workflow['initial_ppl_id']}").json()["pipeline"]
    assert ("MANUAL_RUN", "main") == (workflow["triggered_by"], workflow["branch_name"])
    assert {"VERSION": "1.5.0", "CHANNEL": "stable"} == {one["name"]: one["value"] for one in pipeline["env_vars"]}
    newest = client.get(f"/tasks/{tasks.RELEASE}").json()["triggers"][0]
    assert (ids[1], world.ME) == (newest["scheduled_workflow_id"], newest["run_now_requester_id"])
    assert [{"name": "VERSION", "value": "1.5.0"}, {"name": "CHANNEL", "value": "stable"}] == newest["parameter_values"]


@pytest.mark.parametrize(
    ("task", "body", "branch"),
    [
        (tasks.NIGHTLY, {}, "main"),
        (tasks.NIGHTLY, {"branch": "release"}, "release"),
        (tasks.NIGHTLY, {"reference": {"type": "BRANCH", "name": "release"}}, "release"),
        (tasks.OF_A_TAG, {}, "refs/tags/v1.4.0"),
        (tasks.NIGHTLY, {"reference": {"type": "TAG", "name": "v1.4.0"}}, "refs/tags/v1.4.0"),
    ],
)
def test_a_task_runs_where_it_is_told_to(
    client: httpx.Client, run: Run, task: str, body: dict[str, Any], branch: str
) -> None:
    """Its own reference, an old-fashioned branch, a branch or a tag."""
    status, answer = run(task, **body)
    assert 200 == status
    workflow = client.get(f"/plumber-workflows/{answer['workflow_id']}").json()["workflow"]
    assert branch == workflow["branch_name"]
    if task == tasks.NIGHTLY:
        pipeline = client.get(f"/pipelines/{workflow['initial_ppl_id']}").json()["pipeline"]
        assert "nightly.yml" == pipeline["yaml_file_name"]
