"""Pipelines that are started, the old way and the new."""

from typing import Any

import httpx
import pytest

from ci_mcp.sandbox.circleci import world

OLD = f"/api/v2/project/{world.SHOP}/pipeline"
NEW = f"{OLD}/run"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (OLD, {"branch": "release"}),
        (OLD, {"tag": "v1.4.0"}),
        (OLD, {}),
        (NEW, {"config": {"branch": "release"}, "checkout": {"branch": "release"}}),
        (NEW, {"definition_id": world.DEFINITION, "config": {"tag": "v1.4.0"}, "checkout": {"tag": "v1.4.0"}}),
        (NEW, {}),
    ],
)
def test_a_pipeline_is_started(fresh: httpx.Client, path: str, body: dict[str, Any]) -> None:
    """Made at once, under the next number, of the ref that was asked for."""
    newest = fresh.get(OLD).json()["items"][0]["number"]
    answer = fresh.post(path, json=body)
    pipeline = fresh.get(f"/api/v2/pipeline/{answer.json()['id']}").json()
    wished = body.get("config", body)
    assert (201, "pending") == (answer.status_code, answer.json()["state"])
    assert newest < answer.json()["number"] == pipeline["number"]
    assert wished.get("tag", wished.get("branch", "main")) == pipeline["vcs"].get("tag", pipeline["vcs"].get("branch"))
    assert "api" == pipeline["trigger"]["type"]


def test_what_is_started_runs_for_seconds(fresh: httpx.Client, wait_for: Any) -> None:
    """It ends as the newest of its branch did."""
    made = fresh.post(OLD, json={"branch": "release"}).json()

    def status() -> str:
        workflows = fresh.get(f"/api/v2/pipeline/{made['id']}/workflow").json()["items"]
        return workflows[0]["status"] if workflows else "pending"

    assert "running" == wait_for(status, "running", "success")
    assert "success" == wait_for(status, "success", "failed")


def test_a_commit_that_says_so_is_not_built(fresh: httpx.Client) -> None:
    """A 200 that started nothing."""
    answer = fresh.post(NEW, json={"config": {"branch": "docs"}, "checkout": {"branch": "docs"}})
    assert (200, {"message": "Ignoring pipeline due to CI skip in the commit"}) == (answer.status_code, answer.json())
    assert "Explain discounts" != fresh.get(OLD).json()["items"][0]["vcs"]["commit"]["subject"]


@pytest.mark.parametrize(
    ("path", "body", "status", "word"),
    [
        (OLD, {"branch": "release", "tag": "v1.4.0"}, 400, "exclusive"),
        (NEW, {"config": {"branch": "release", "tag": "v1.4.0"}}, 400, "exclusive"),
        (OLD, {"branch": "release", "parameters": {"DEBUG": "1"}}, 400, "Unexpected argument"),
        (OLD, {"branch": "release", "parameters": {"full": "yes"}}, 400, "expected type: boolean"),
        (OLD, {"branch": "release", "parameters": {"workers": True}}, 400, "expected type: integer"),
        (OLD, {"branch": "release", "parameters": {"target": "x" * 513}}, 400, "longer than 512"),
        (OLD, {"branch": "nowhere"}, 400, "Branch not found"),
        (OLD, {"tag": "v0"}, 400, "Tag not found"),
        (NEW, {"branch": "release"}, 400, "Unexpected request body"),
        (NEW, {"definition_id": world.SHOP_PROJECT}, 404, "definition not found"),
        (NEW.replace("gh/acme/shop", "gh%2Facme%2Fshop"), {}, 404, "Not found"),
        (OLD.replace(world.SHOP, world.BILLING), {"branch": "main"}, 400, "pipeline/run"),
    ],
)
def test_a_wrong_request_starts_nothing(
    client: httpx.Client, path: str, body: dict[str, Any], status: int, word: str
) -> None:
    """And says why."""
    answer = client.post(path, json=body)
    assert status == answer.status_code
    assert word in answer.json()["message"]


@pytest.mark.parametrize("body", [b"{", b"[1]"])
def test_a_body_that_is_no_object_is_refused(client: httpx.Client, body: bytes) -> None:
    """Whatever is asked for."""
    assert 400 == client.post(OLD, content=body).status_code


def test_a_body_that_no_handler_can_read_is_an_internal_error(client: httpx.Client) -> None:
    """A 500 with a message, and the service goes on."""
    answer = client.post(OLD, json={"parameters": ["full"]})
    assert (500, {"message": "Internal server error"}) == (answer.status_code, answer.json())


def test_definitions_say_which_provider_has_the_configuration(client: httpx.Client) -> None:
    """And a project of the GitHub App is started by its own."""
    billing = client.get(f"/api/v2/project/{world.BILLING}").json()["id"]
    found = client.get(f"/api/v2/projects/{billing}/pipeline-definitions").json()["items"][0]
    assert "github_app" == found["config_source"]["provider"]
    answer = client.post(f"/api/v2/project/{world.BILLING}/pipeline/run", json={"definition_id": found["id"]})
    assert 201 == answer.status_code
    assert 404 == client.get(f"/api/v2/projects/{world.DEFINITION}/pipeline-definitions").status_code


def test_a_configuration_that_failed_fails_again(fresh: httpx.Client) -> None:
    """A new pipeline of a branch without a good configuration has its errors too."""
    made = fresh.post(OLD, json={"branch": "ci-setup"}).json()
    assert "errored" == fresh.get(f"/api/v2/pipeline/{made['id']}").json()["state"]
