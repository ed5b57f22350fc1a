"""The server host: the same organization without what only the cloud has."""

import httpx
import pytest

from ci_mcp.sandbox.circleci import world

SHOP = f"/api/v2/project/{world.SHOP}"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"/api/v3/jobs/{world.SHOP_MAIN_FAILED_JOB}"),
        ("POST", "/api/v3/runs/search"),
        ("POST", "/api/v3/configs/compile"),
        ("GET", f"/api/v2/projects/{world.SHOP_PROJECT}/pipeline-definitions"),
        ("POST", f"{SHOP}/pipeline/run"),
    ],
)
def test_what_only_the_cloud_has_is_not_found(server: httpx.Client, method: str, path: str) -> None:
    """Not even an error of API v3."""
    answer = server.request(method, path, json={} if method == "POST" else None)
    assert (404, {"message": "Not found"}) == (answer.status_code, answer.json())


def test_pipelines_jobs_and_web_pages(server: httpx.Client) -> None:
    """As on the cloud; the web pages are its own."""
    newest = server.get(f"{SHOP}/pipeline", params={"branch": "main"}).json()["items"][0]
    number = server.get(f"/api/v2/jobs/{world.SHOP_MAIN_FAILED_JOB}").json()["job_number"]
    job = server.get(f"{SHOP}/job/{number}").json()
    assert world.SHOP_MAIN_PIPELINE == newest["id"]
    assert job["web_url"].startswith("https://circleci.example.com/pipelines/github/acme/shop/")


def test_output_is_on_the_server_itself(server: httpx.Client) -> None:
    """It wants the token, and has what the cloud's storage has."""
    number = server.get(f"/api/v2/jobs/{world.SHOP_MAIN_FAILED_JOB}").json()["job_number"]
    steps = server.get(f"/api/v1.1/project/github/acme/shop/{number}").json()["steps"]
    action = next(action for step in steps for action in step["actions"] if action["failed"])
    assert httpx.URL(action["output_url"]).port == server.base_url.port
    assert 401 == httpx.get(action["output_url"]).status_code
    text = "".join(chunk["message"] for chunk in server.get(action["output_url"]).json())
    assert "assert 1790 == 1800" in text
    assert 404 == server.get(action["output_url"] + "9").status_code
    assert 404 == server.get(f"/api/v1.1/output/{world.ME}/0/105").status_code


def test_an_approval_has_no_id_of_its_own(fresh: httpx.Client, server: httpx.Client) -> None:
    """The job's own id approves it."""
    path = f"/api/v2/workflow/{world.SHOP_HOLD_WORKFLOW}"
    held = next(job for job in server.get(f"{path}/job").json()["items"] if job["type"] == "approval")
    assert "approval_request_id" not in held
    assert 202 == fresh.post(f"{path}/approve/{held['id']}").status_code


def test_a_pipeline_is_started_the_old_way(server: httpx.Client) -> None:
    """As releases of the server do."""
    assert 201 == server.post(f"{SHOP}/pipeline", json={"branch": "release"}).status_code


def test_a_configuration_is_compiled(server: httpx.Client) -> None:
    """By API v2."""
    body = {"config_yaml": "version: 2.1\njobs: {}"}
    assert server.post("/api/v2/compile-config-with-defaults", json=body).json()["valid"] is False
