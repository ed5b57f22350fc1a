"""Every route that the vendor publishes and the sandbox has, answered as published."""

from collections.abc import Callable
from typing import Any

import httpx
import jsonschema
import pytest

from ci_mcp.sandbox.circleci import world
from ci_mcp.sandbox.faults import fault_token

PLACES = {
    "project-slug": world.SHOP,
    "pipeline-id": world.SHOP_MAIN_PIPELINE,
    "pipeline-number": "834",
    "provider": "gh",
    "organization": "acme",
    "project": "shop",
    "project_id": world.SHOP_PROJECT,
    "job-id": world.SHOP_RUNNING_JOB,
    "id": world.SHOP_HOLD_WORKFLOW,
    "approval_request_id": world.SHOP_HOLD_JOB,
    "vcs-type": "github",
    "username": "acme",
}
NOT_HERE = {
    "delete /project/{project-slug}",
    "post /projects/{project_id}/pipeline-definitions",
    "post /project/{vcs-type}/{username}/{project}/{build_num}/cancel",
}


def _number(client: httpx.Client, job_id: str) -> str:
    return str(client.get(f"/api/v2/jobs/{job_id}").json()["job_number"])


def test_every_published_route_answers_as_published(fresh: httpx.Client, facts: dict[str, Any]) -> None:
    """Reads first, then what changes something: each answer is a success that its schema accepts."""
    numbers = {
        "job-number": _number(fresh, world.SHOP_MAIN_FAILED_JOB),
        "build_num": _number(fresh, world.SHOP_SPLIT_JOB),
    }
    asked = [
        (method, version, path, operation)
        for version, paths in facts.items()
        for path, methods in paths.items()
        for method, operation in methods.items()
        if f"{method} {path}" not in NOT_HERE
    ]
    # What ends a running job must not be first to touch it, and what is cancelled cannot be approved any more.
    asked.sort(key=lambda one: (one[0] != "get", "cancel" in one[2]))
    for method, version, template, operation in asked:
        places = PLACES | numbers
        if template.endswith("/job/{job-number}/cancel"):
            places["job-number"] = _number(fresh, world.SHOP_RUNNING_JOB)
        elif template == "/jobs/{job-id}/cancel":
            new = fresh.post(f"/api/v2/workflow/{world.SHOP_RELEASE_WORKFLOW}/rerun", json={}).json()["workflow_id"]
            places["job-id"] = fresh.get(f"/api/v2/workflow/{new}/job").json()["items"][0]["id"]
        path = template
        for name, value in places.items():
            path = path.replace("{" + name + "}", value)
        body = {} if method == "post" and "body" in operation else None
        answer = fresh.request(method, f"/api/{version}{path}", json=body)
        assert answer.is_success, (method, path, answer.text)


def test_every_pipeline_workflow_and_job_is_as_published(client: httpx.Client) -> None:
    """All there is in the project, whatever became of it."""
    seen = set()
    token: str | None = ""
    while token is not None:
        page = client.get("/api/v2/project/gh/acme/shop/pipeline", params={"page-token": token} if token else {}).json()
        for pipeline in page["items"]:
            for workflow in client.get(f"/api/v2/pipeline/{pipeline['id']}/workflow").json()["items"]:
                for job in client.get(f"/api/v2/workflow/{workflow['id']}/job").json()["items"][:3]:
                    seen.add(job["status"])
                    if "job_number" in job:
                        client.get(f"/api/v2/project/gh/acme/shop/job/{job['job_number']}")
                        client.get(f"/api/v1.1/project/github/acme/shop/{job['job_number']}")
        token = page["next_page_token"]
    expected = {
        "success", "failed", "timedout", "infrastructure_fail", "unauthorized", "not_run", "canceled", "on_hold",
        "blocked", "running",
    }  # fmt: skip
    assert expected <= seen


def test_an_answer_that_is_not_as_published_is_noticed(make_client: Callable[..., httpx.Client]) -> None:
    """The check itself checks: a planted answer of another shape fails."""
    with pytest.raises(jsonschema.ValidationError, match="is not of type"):
        make_client(fault_token("404")).get("/api/v2/me")
