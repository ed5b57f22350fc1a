"""API v3, as CircleCI's own command line reads it."""

import datetime as dt
from typing import Any

import httpx
import pytest

from ci_mcp.sandbox.circleci import world


def search(client: httpx.Client, expression: str = "", **page: Any) -> httpx.Response:
    """A search of the shop's runs."""
    now = dt.datetime.now(dt.UTC)
    scope = {
        "project_ids": [world.SHOP_PROJECT],
        "from": (now - dt.timedelta(days=90)).isoformat(),
        "to": now.isoformat(),
    }
    return client.post("/api/v3/runs/search", json={"scope": scope, "filter": expression, "page": page})


def test_me_and_my_organization(client: httpx.Client) -> None:
    """Lists of one; nobody else is found."""
    me = client.get("/api/v3/users", params={"filter[user_id]": "me"}).json()["data"]
    org = client.get("/api/v3/orgs", params={"filter[slug]": "gh/acme"}).json()["data"]
    assert [world.ME] == [one["id"] for one in me]
    assert [world.ORGANIZATION] == [one["id"] for one in org]
    assert [] == client.get("/api/v3/users", params={"filter[user_id]": world.ORGANIZATION}).json()["data"]
    assert [] == client.get("/api/v3/orgs", params={"filter[slug]": "gh/nobody"}).json()["data"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"filter[slug]": world.SHOP}, ["shop"]),
        ({"filter[slug]": "gh/acme/nothing"}, []),
        ({"filter[slug]": "gh/acme/vault"}, []),
        ({"filter[org_id]": world.NATIVE_ORGANIZATION}, ["billing"]),
        ({"filter[org_id]": world.ORGANIZATION, "filter[name]": "archive"}, ["archive"]),
    ],
)
def test_projects_are_found(client: httpx.Client, query: dict[str, str], expected: list[str]) -> None:
    """What is not found is an empty list."""
    found = client.get("/api/v3/projects", params=query).json()["data"]
    assert expected == [one["attributes"]["name"] for one in found]


def test_a_project_and_its_definitions(client: httpx.Client) -> None:
    """By id."""
    found = client.get(f"/api/v3/projects/{world.SHOP_PROJECT}").json()["data"]
    made = client.get("/api/v3/pipelines", params={"filter[project_id]": world.SHOP_PROJECT}).json()["data"]
    assert ("shop", world.DEFINITION) == (found["attributes"]["name"], made[0]["id"])
    assert 404 == client.get(f"/api/v3/projects/{world.ME}").status_code


@pytest.mark.parametrize("path", ["users", "orgs", "projects", "pipelines", "workflows", "jobs", "runs"])
def test_a_filter_must_be_given(client: httpx.Client, path: str) -> None:
    """The error says which."""
    answer = client.get(f"/api/v3/{path}")
    assert (400, "Missing Required Filter") == (answer.status_code, answer.json()["error"]["title"])


@pytest.mark.parametrize(
    ("expression", "first", "outcome"),
    [
        ('pipeline.git.branch == "main"', world.SHOP_MAIN_PIPELINE, "failed"),
        ('pipeline.git.branch == "main" and pipeline.status == "success"', world.SHOP_MAIN_GREEN_PIPELINE, "succeeded"),
        ('pipeline.status == "unauthorized"', world.SHOP_UNAUTHORIZED_PIPELINE, "unauthorized"),
        ('pipeline.status == "error"', world.SHOP_MALFORMED_PIPELINE, "not_run"),
        ('pipeline.git.branch == "orders"', world.SHOP_RETRIED_PIPELINE, "succeeded"),
        ('pipeline.status == "failing"', world.SHOP_FAILING_PIPELINE, "failed"),
    ],
)
def test_runs_are_searched(client: httpx.Client, expression: str, first: str, outcome: str) -> None:
    """Newest first; a rerun that passed makes its run a green one."""
    found = search(client, expression).json()["data"][0]
    assert (first, outcome) == (found["id"], found["attributes"]["current_outcome"])
    assert "outcome" not in found["attributes"]


def test_pages_of_runs_follow_each_other(client: httpx.Client) -> None:
    """Up to twenty; the cursor of one is the start of the next."""
    first = search(client, limit=20).json()
    second = search(client, limit=20, cursor=first["page"]["next"]).json()
    ids = [run["id"] for run in first["data"] + second["data"]]
    assert 39 == len(ids) == len(set(ids))
    assert first["page"]["prev"] is None
    assert second["page"]["prev"]


@pytest.mark.parametrize(
    ("body", "title"),
    [
        ({"limit": 21}, "Invalid page size"),
        ({"cursor": "nonsense"}, "Invalid cursor"),
    ],
)
def test_a_wrong_page_is_refused(client: httpx.Client, body: dict[str, Any], title: str) -> None:
    """An error of API v3, which says where."""
    answer = search(client, **body)
    assert (400, title) == (answer.status_code, answer.json()["error"]["title"])
    assert answer.json()["error"]["source"]["pointer"].startswith("/page/")


def test_a_wrong_search_is_refused(client: httpx.Client) -> None:
    """A filter that cannot be read, and a scope without projects."""
    assert "Invalid filter" == search(client, "branch = main").json()["error"]["title"]
    scope = {"project_ids": [world.SHOP_PROJECT], "from": "yesterday", "to": "today"}
    for body in ({}, {"scope": scope}):
        assert "Invalid scope" == client.post("/api/v3/runs/search", json=body).json()["error"]["title"]


def test_my_runs_are_filtered_by_phase_and_outcome(client: httpx.Client) -> None:
    """Mine only."""
    query = {"filter[user_id]": "me", "filter[phase]": "ended", "filter[current_outcome]": "failed", "page[limit]": "3"}
    found = client.get("/api/v3/runs", params=query).json()["data"]
    assert {("ended", "failed")} == {
        (run["attributes"]["phase"], run["attributes"]["current_outcome"]) for run in found
    }
    assert 403 == client.get("/api/v3/runs", params={"filter[user_id]": world.ORGANIZATION}).status_code


def test_a_run_is_a_pipeline(client: httpx.Client) -> None:
    """By the same id, with its commit; one that never ran says its errors."""
    run = client.get(f"/api/v3/runs/{world.SHOP_MAIN_PIPELINE}").json()["data"]
    vcs = run["references"]["event"]["attributes"]["vcs"]
    broken = client.get(f"/api/v3/runs/{world.SHOP_MALFORMED_PIPELINE}").json()["data"]["attributes"]
    tagged = client.get(f"/api/v3/runs/{world.SHOP_TAG_PIPELINE}").json()["data"]
    assert ("main", "Round discounts per line") == (vcs["branch"], vcs["commit"]["subject"])
    assert ("config", "not_run") == (broken["errors"][0]["type"], broken["current_outcome"])
    assert "v1.4.0" == tagged["references"]["event"]["attributes"]["vcs"]["tag"]


def test_workflows_and_their_jobs(client: httpx.Client) -> None:
    """Down from a run."""
    workflow = client.get("/api/v3/workflows", params={"filter[run_id]": world.SHOP_MAIN_PIPELINE}).json()["data"][0]
    found = client.get("/api/v3/jobs", params={"filter[workflow_id]": workflow["id"]}).json()["data"]
    assert workflow == client.get(f"/api/v3/workflows/{workflow['id']}").json()["data"]
    assert ("ended", "failed") == (workflow["attributes"]["phase"], workflow["attributes"]["outcome"])
    assert [("lint", "succeeded"), ("test", "failed"), ("integration", "not_run")] == [
        (job["attributes"]["name"], job["attributes"]["outcome"]) for job in found
    ]
    assert {workflow["id"]} == {job["references"]["workflow"]["id"] for job in found}


def test_jobs_that_wait_have_their_own_words(client: httpx.Client) -> None:
    """Queued ones call themselves started, without a time; two hundred come in pages of twenty unless more are asked for."""
    queued = client.get("/api/v3/jobs", params={"filter[workflow_id]": world.SHOP_QUEUED_WORKFLOW}).json()["data"][0]
    held = client.get("/api/v3/jobs", params={"filter[workflow_id]": world.SHOP_HOLD_WORKFLOW}).json()["data"]
    many = client.get("/api/v3/jobs", params={"filter[workflow_id]": world.SHOP_WIDE_WORKFLOW}).json()
    all_of_them = {"filter[workflow_id]": world.SHOP_WIDE_WORKFLOW, "page[limit]": "250"}
    assert ("started", False) == (queued["attributes"]["phase"], "started_at" in queued["attributes"])
    assert ["ended", "queued", "created"] == [job["attributes"]["phase"] for job in held]
    assert (20, True) == (len(many["data"]), bool(many["page"]["next"]))
    assert 200 == len(client.get("/api/v3/jobs", params=all_of_them).json()["data"])


def test_a_job_of_v2_is_a_job_of_v3(client: httpx.Client) -> None:
    """By the same id; one that never ran has no executions."""
    job = client.get(f"/api/v3/jobs/{world.SHOP_SPLIT_JOB}").json()["data"]["attributes"]
    never = client.get(f"/api/v3/jobs/{world.SHOP_MAIN_BLOCKED_JOB}").json()["data"]["attributes"]
    number = client.get(f"/api/v2/jobs/{world.SHOP_SPLIT_JOB}").json()["job_number"]
    assert (4, number) == (len(job["parallel_executions"]), job["number"])
    assert "parallel_executions" not in never


def test_the_condensed_output_has_the_telling_lines(client: httpx.Client) -> None:
    """A few of them; all of it where none tells anything."""
    path = "/api/v3/jobs/{}/stdout/condensed"
    query = {"filter[execution]": "0", "filter[step_num]": "105"}
    text = client.get(path.format(world.SHOP_MAIN_FAILED_JOB), params=query).text
    plain = client.get(path.format(world.SHOP_MAIN_FAILED_JOB), params=query | {"filter[step_num]": "107"}).text
    assert "assert 1790 == 1800" in text
    assert "collected 29 items" not in text
    assert "Archiving" in plain


def test_tests_are_lines_of_json(client: httpx.Client) -> None:
    """A 404 where there are none."""
    answer = client.get(f"/api/v3/jobs/{world.SHOP_MAIN_FAILED_JOB}/tests")
    assert "application/x-ndjson" == answer.headers["content-type"]
    assert 29 == len(answer.text.splitlines())
    assert 404 == client.get(f"/api/v3/jobs/{world.SHOP_MAIN_PASSED_JOB}/tests").status_code


def test_artifacts_and_resource_usage(client: httpx.Client) -> None:
    """For each execution."""
    listed = client.get(f"/api/v3/jobs/{world.SHOP_SPLIT_JOB}/artifacts").json()["data"]
    usage = client.get(f"/api/v3/jobs/{world.SHOP_SPLIT_JOB}/resource-usage").json()["data"]["attributes"]
    assert {0, 1, 2, 3} == {one["attributes"]["execution"] for one in listed}
    assert [0, 1, 2, 3] == [one["execution"] for one in usage["parallel_executions"]]
    assert 404 == client.get(f"/api/v3/jobs/{world.SHOP_MAIN_BLOCKED_JOB}/resource-usage").status_code


@pytest.mark.parametrize(
    ("body", "kept"), [({"is_from_failed": True}, True), ({"from_failed": True}, False), ({}, False)]
)
def test_a_rerun_knows_one_field_only(fresh: httpx.Client, body: dict[str, Any], *, kept: bool) -> None:
    """That of API v2 is overlooked, and everything runs again."""
    answer = fresh.post(f"/api/v3/workflows/{world.SHOP_MAIN_WORKFLOW}/rerun", json=body)
    new = answer.json()["data"]["id"]
    jobs = fresh.get("/api/v3/jobs", params={"filter[workflow_id]": new}).json()["data"]
    assert (201, f"/api/v3/workflows/{new}") == (answer.status_code, answer.headers["location"])
    assert kept == (world.SHOP_MAIN_PASSED_JOB in {job["id"] for job in jobs})


def test_a_workflow_is_cancelled(fresh: httpx.Client) -> None:
    """Its status follows a moment later."""
    answer = fresh.post(f"/api/v3/workflows/{world.SHOP_RUNNING_WORKFLOW}/cancel")
    assert world.SHOP_RUNNING_WORKFLOW == answer.json()["data"]["id"]
    assert "canceled_by" in fresh.get(f"/api/v2/workflow/{world.SHOP_RUNNING_WORKFLOW}").json()


@pytest.mark.parametrize(
    "path",
    [
        f"runs/{world.HIDDEN_PIPELINE}",
        f"workflows?filter[run_id]={world.HIDDEN_PIPELINE}",
        f"workflows/{world.ME}",
        f"jobs?filter[workflow_id]={world.ME}",
        f"jobs/{world.ME}",
        "nonsense",
    ],
)
def test_what_is_not_there_is_an_error_of_v3(client: httpx.Client, path: str) -> None:
    """With a title and a detail."""
    answer = client.get(f"/api/v3/{path}")
    assert (404, "Not Found") == (answer.status_code, answer.json()["error"]["title"])
