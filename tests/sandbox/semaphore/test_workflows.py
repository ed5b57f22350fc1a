"""Projects and workflows over loopback."""

import json
from typing import Any

import httpx
import pytest

from ci_mcp.sandbox.semaphore import world


def test_projects_are_one_page_of_four(client: httpx.Client) -> None:
    """The hidden one is not among them; JSON comes without a type."""
    answer = client.get("/projects")
    assert ["shop", "storefront", "billing", "warehouse"] == [item["metadata"]["name"] for item in answer.json()]
    assert ("1", "false") == (answer.headers["x-page"], answer.headers["x-has-more"])
    assert "content-type" not in answer.headers
    assert [] == client.get("/projects?page=2").json()
    assert 400 == client.get("/projects?page=101").status_code


def test_repositories_are_at_several_hosts(client: httpx.Client) -> None:
    """Git and https, GitHub, GitLab and Bitbucket."""
    urls = [item["spec"]["repository"]["url"] for item in client.get("/projects").json()]
    assert "git@github.com:acme/shop.git" == urls[0]
    assert "https://github.com/acme/storefront.git" == urls[1]
    owners = {item["spec"]["repository"]["owner"] for item in client.get("/projects").json()}
    assert {"acme"} == owners


def test_a_project_is_found_by_name_only(client: httpx.Client) -> None:
    """An id is not found, the hidden project refused; both as ``{message}``."""
    assert world.SHOP_PROJECT == client.get("/projects/shop").json()["metadata"]["id"]
    by_id = client.get(f"/projects/{world.SHOP_PROJECT}")
    hidden = client.get("/projects/vault")
    assert (404, {"message": "Not found"}) == (by_id.status_code, by_id.json())
    assert (401, {"message": "Unauthorized"}) == (hidden.status_code, hidden.json())


def test_workflows_come_newest_first_in_pages(client: httpx.Client) -> None:
    """Thirty by default; the headers say how many there are."""
    first = client.get("/plumber-workflows", params={"project_id": world.SHOP_PROJECT})
    second = client.get("/plumber-workflows", params={"project_id": world.SHOP_PROJECT, "page": 2})
    times = [item["created_at"]["seconds"] for item in first.json() + second.json()]
    assert sorted(times, reverse=True) == times
    assert 30 == len(first.json())
    assert str(len(times)) == first.headers["total"]
    headers = (second.headers["per-page"], second.headers["total-pages"], second.headers["page-number"])
    assert ("30", "2", "2") == headers
    assert "content-type" not in first.headers


def test_links_lead_nowhere(client: httpx.Client) -> None:
    """They name a host inside the cluster, over http."""
    answer = client.get("/plumber-workflows", params={"project_id": world.SHOP_PROJECT, "page_size": 5, "page": 2})
    assert {"next", "prev", "first", "last"} == set(answer.links)
    assert {"pipelines-api.semaphore.invalid"} == {httpx.URL(link["url"]).host for link in answer.links.values()}
    assert "3" == httpx.URL(answer.links["next"]["url"]).params["page"]


@pytest.mark.parametrize("page_size", ["0", "-1", "many"])
def test_a_page_size_that_is_none_is_thirty(client: httpx.Client, page_size: str) -> None:
    """The server takes its default."""
    query = {"project_id": world.SHOP_PROJECT, "page_size": page_size}
    assert "30" == client.get("/plumber-workflows", params=query).headers["per-page"]


@pytest.mark.parametrize(
    ("query", "branches"),
    [
        ({"branch_name": "release"}, {"release"}),
        ({"label": "42"}, {"pull-request-42"}),
        ({"label": "v1.4.0"}, {"refs/tags/v1.4.0"}),
        ({"label": "main"}, {"main"}),
        ({"requester_id": world.USERS["scheduler"]}, {"main"}),
        ({"branch_name": "none-such"}, set()),
    ],
)
def test_workflows_can_be_filtered(client: httpx.Client, query: dict[str, Any], branches: set[str]) -> None:
    """By branch, by label (branch, tag or pull request) and by who caused them."""
    found = client.get("/plumber-workflows", params={"project_id": world.SHOP_PROJECT, **query}).json()
    assert branches == {item["branch_name"] for item in found}


def test_workflows_can_be_filtered_by_time(client: httpx.Client) -> None:
    """Seconds since 1970; what is no number is an internal error."""
    newest = client.get("/plumber-workflows", params={"project_id": world.SHOP_PROJECT, "branch_name": "main"}).json()[
        0
    ]
    at = newest["created_at"]["seconds"]
    query = {"project_id": world.SHOP_PROJECT, "branch_name": "main"}
    after = client.get("/plumber-workflows", params={**query, "created_after": at - 10}).json()
    before = client.get("/plumber-workflows", params={**query, "created_before": at}).json()
    assert [newest["wf_id"]] == [item["wf_id"] for item in after]
    assert newest["wf_id"] not in {item["wf_id"] for item in before}
    assert 500 == client.get("/plumber-workflows", params={**query, "created_after": "noon"}).status_code


def test_after_an_internal_error_the_connection_is_still_good(client: httpx.Client) -> None:
    """A client that keeps its connection is not hung up on."""
    query = {"project_id": world.SHOP_PROJECT, "created_after": "noon"}
    assert [500] * 30 == [client.get("/plumber-workflows", params=query).status_code for _ in range(30)]


@pytest.mark.parametrize("query", [{}, {"project_id": "none-such"}, {"project_id": world.PROJECTS["vault"].id}])
def test_a_list_of_nothing_visible_is_not_found(client: httpx.Client, query: dict[str, Any]) -> None:
    """No project, an unknown one and a hidden one look the same: plain text."""
    for path in ("/plumber-workflows", "/pipelines"):
        answer = client.get(path, params=query)
        assert (404, "Not Found") == (answer.status_code, answer.text)


def test_a_workflow_is_described_with_words(client: httpx.Client) -> None:
    """The trigger is a number in lists and a word in the description; neither says how it ended."""
    query = {"project_id": world.SHOP_PROJECT, "page_size": 100}
    listed = {item["wf_id"]: item for item in client.get("/plumber-workflows", params=query).json()}
    item = listed[world.SHOP_NIGHTLY_WORKFLOW]
    described = client.get(f"/plumber-workflows/{world.SHOP_NIGHTLY_WORKFLOW}").json()["workflow"]
    assert (1, "SCHEDULE") == (item["triggered_by"], described["triggered_by"])
    assert item | {"triggered_by": "SCHEDULE"} == described
    assert not {"state", "result"} & set(described)


@pytest.mark.parametrize("wf_id", [world.HIDDEN_WORKFLOW, "00000000-0000-0000-0000-000000000000"])
def test_a_workflow_out_of_sight_is_not_found(client: httpx.Client, wf_id: str) -> None:
    """Hidden and unknown look the same."""
    answer = client.get(f"/plumber-workflows/{wf_id}")
    assert (404, "Not Found") == (answer.status_code, answer.text)


def test_a_rerun_is_the_same_for_the_same_token(client: httpx.Client) -> None:
    """It is a new workflow of the same commit that has just begun."""
    path = f"/plumber-workflows/{world.SHOP_MAIN_WORKFLOW}/reschedule"
    first, again, other = (client.post(path, params={"request_token": token}) for token in ("a", "a", "b"))
    assert first.json() == again.json()
    assert first.json() != other.json()
    new = client.get(f"/plumber-workflows/{first.json()['wf_id']}").json()["workflow"]
    assert (world.SHOP_MAIN_WORKFLOW, "API") == (new["rerun_of"], new["triggered_by"])
    pipeline = client.get(f"/pipelines/{first.json()['ppl_id']}").json()["pipeline"]
    assert pipeline["state"] in {"initializing", "pending", "queuing", "running"}
    assert not {"result", "result_reason"} & set(pipeline)


def test_a_rerun_needs_a_token(client: httpx.Client) -> None:
    """Its refusal is a JSON string."""
    answer = client.post(f"/plumber-workflows/{world.SHOP_MAIN_WORKFLOW}/reschedule")
    assert (400, "Missing required post parameter request_token.") == (answer.status_code, answer.json())


@pytest.mark.parametrize(
    ("reference", "branch"),
    [
        ("main", "main"),
        ("refs/heads/release", "release"),
        ("refs/tags/v1.4.0", "refs/tags/v1.4.0"),
        ("refs/pull/42", "pull-request-42"),
    ],
)
def test_a_run_takes_every_kind_of_reference(client: httpx.Client, reference: str, branch: str) -> None:
    """A bare name is a branch; nothing makes two runs one."""
    body = {"project_id": world.SHOP_PROJECT, "reference": reference, "parameters": {"LEVEL": "3"}}
    one = client.post("/plumber-workflows", json=body).json()
    two = client.post("/plumber-workflows", data={key: body[key] for key in ("project_id", "reference")}).json()
    assert one["workflow_id"] != two["workflow_id"]
    pipeline = client.get(f"/pipelines/{one['pipeline_id']}").json()["pipeline"]
    assert (branch, [{"name": "LEVEL", "value": "3"}]) == (pipeline["branch_name"], pipeline["env_vars"])


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ({"project_id": world.SHOP_PROJECT}, 400, '"Missing required post parameter reference."'),
        ({"project_id": world.SHOP_PROJECT, "reference": "none"}, 400, '"Reference not found on git repository."'),
        (
            {"project_id": world.SHOP_PROJECT, "reference": "refs/odd/x"},
            400,
            '"Reference not found on git repository."',
        ),
        ({"project_id": world.SHOP_PROJECT, "reference": "main", "parameters": {"N": 3}}, 500, "Internal error"),
        ({"reference": "main"}, 404, "Not Found"),
    ],
)
def test_a_run_that_is_refused(client: httpx.Client, body: Any, status: int, text: str) -> None:
    """Each refusal in its own shape."""
    answer = client.post("/plumber-workflows", json=body)
    assert (status, text) == (answer.status_code, answer.text)


@pytest.mark.parametrize("body", [b"{", json.dumps(["list"]).encode()])
def test_a_body_that_cannot_be_read(client: httpx.Client, body: Any) -> None:
    """Plain text for what is no JSON; a list holds no parameters."""
    answer = client.post("/plumber-workflows", content=body, headers={"Content-Type": "application/json"})
    assert (400, "Malformed request: ") == (answer.status_code, answer.text[:19]) or 404 == answer.status_code


def test_stopping_a_workflow(client: httpx.Client) -> None:
    """The answer is a JSON string that counts; a second time there is nothing left to stop."""
    body = {"project_id": world.SHOP_PROJECT, "reference": "main"}
    run = client.post("/plumber-workflows", json=body).json()
    path = f"/plumber-workflows/{run['workflow_id']}/terminate"
    assert "Termination started for 1 pipelines." == client.post(path).json()
    pipeline = client.get(f"/pipelines/{run['pipeline_id']}").json()["pipeline"]
    assert ("stopping", "stop") == (pipeline["state"], pipeline["terminate_request"])
    done = client.post(f"/plumber-workflows/{world.SHOP_MAIN_WORKFLOW}/terminate")
    assert "Termination started for 0 pipelines." == done.json()
