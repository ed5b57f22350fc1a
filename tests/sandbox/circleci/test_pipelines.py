"""Pipelines of API v2: lists, descriptions, configurations."""

import httpx
import pytest
import yaml

from ci_mcp.sandbox.circleci import world

SHOP = f"/api/v2/project/{world.SHOP}/pipeline"


def test_the_newest_of_main_failed(client: httpx.Client) -> None:
    """As every demo world has it; the pipeline itself says no more than that it was created."""
    newest = client.get(SHOP, params={"branch": "main"}).json()["items"][0]
    assert (world.SHOP_MAIN_PIPELINE, "created") == (newest["id"], newest["state"])
    workflows = client.get(f"/api/v2/pipeline/{newest['id']}/workflow").json()["items"]
    assert ["failed"] == [workflow["status"] for workflow in workflows]


def test_the_newest_of_release_passed(client: httpx.Client) -> None:
    """As every demo world has it."""
    newest = client.get(SHOP, params={"branch": "release"}).json()["items"][0]
    assert world.SHOP_RELEASE_PIPELINE == newest["id"]
    assert "success" == client.get(f"/api/v2/workflow/{world.SHOP_RELEASE_WORKFLOW}").json()["status"]


def test_pages_follow_each_other(client: httpx.Client) -> None:
    """Twenty to a page, newest first, none twice; the last has no token."""
    first = client.get(SHOP).json()
    second = client.get(SHOP, params={"page-token": first["next_page_token"]}).json()
    created = [item["created_at"] for item in first["items"] + second["items"]]
    assert 20 == len(first["items"])
    assert sorted(created, reverse=True) == created
    assert len(created) == len({item["id"] for item in first["items"] + second["items"]})
    assert second["next_page_token"] is None


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{SHOP}?page-token=nonsense", 400),
        ("/api/v2/project/gh/acme/nothing/pipeline", 404),
        ("/api/v2/project/gh/acme/vault/pipeline", 404),
        ("/api/v2/pipeline/3f0c2a2e-0000-4000-8000-000000000000", 404),
        (f"/api/v2/pipeline/{world.HIDDEN_PIPELINE}", 404),
        (f"{SHOP}/99999", 404),
        ("/api/v2/pipeline?org-slug=gh/nobody", 404),
        ("/api/v2/nonsense", 404),
    ],
)
def test_what_is_not_there_is_said(client: httpx.Client, path: str, status: int) -> None:
    """A message, whether it does not exist or is not for this token."""
    answer = client.get(path)
    assert status == answer.status_code
    assert answer.json()["message"]


def test_a_pipeline_is_found_by_its_number_and_by_encoded_slugs(client: httpx.Client) -> None:
    """Slashes of a slug may be encoded, and the version control system spelled out."""
    number = client.get(f"/api/v2/pipeline/{world.SHOP_MAIN_PIPELINE}").json()["number"]
    found = [
        client.get(f"/api/v2/project/{slug}/pipeline/{number}").json()["id"]
        for slug in ("gh/acme/shop", "gh%2Facme%2Fshop", "github/acme/shop")
    ]
    assert [world.SHOP_MAIN_PIPELINE] * 3 == found


def test_my_pipelines_are_mine(client: httpx.Client) -> None:
    """By project and over the organization."""
    mine = client.get(f"{SHOP}/mine").json()["items"]
    over_all = client.get("/api/v2/pipeline", params={"org-slug": "gh/acme", "mine": "true"}).json()["items"]
    assert {"ada"} == {item["trigger"]["actor"]["login"] for item in mine + over_all}


def test_only_followed_projects_are_listed_without_a_project(client: httpx.Client) -> None:
    """A project that is not followed is there all the same, when it is asked for."""
    slugs, token = set(), ""
    while token is not None:
        page = client.get("/api/v2/pipeline", params={"page-token": token} if token else {}).json()
        slugs |= {item["project_slug"] for item in page["items"]}
        token = page["next_page_token"]
    assert {world.SHOP, "gh/acme/storefront", world.BILLING, "bb/acme/warehouse"} == slugs
    assert client.get("/api/v2/project/gh/acme/archive/pipeline").json()["items"]


def test_a_tag_has_no_branch_and_a_pull_request_says_its_number(client: httpx.Client) -> None:
    """What git says of a pipeline."""
    tag = client.get(f"/api/v2/pipeline/{world.SHOP_TAG_PIPELINE}").json()["vcs"]
    pull = client.get(SHOP, params={"branch": "pull/42"}).json()["items"][0]["vcs"]
    assert ("v1.4.0", False) == (tag["tag"], "branch" in tag)
    assert ("42", "https://github.com/acme/shop/pull/42") == (pull["review_id"], pull["review_url"])


def test_a_pipeline_of_the_github_app_has_no_vcs(client: httpx.Client) -> None:
    """Its branch and commit are among the parameters of its trigger, by either name of its project."""
    by_slug = client.get(f"/api/v2/project/{world.BILLING}/pipeline").json()["items"][0]
    by_uuid = client.get(f"/api/v2/project/{world.BILLING_UUIDS}/pipeline").json()["items"][0]
    assert by_slug == by_uuid
    assert "vcs" not in by_slug
    assert "main" == by_slug["trigger_parameters"]["git"]["branch"]


def test_a_configuration_that_does_not_compile_has_no_workflow(client: httpx.Client) -> None:
    """Its errors say why."""
    pipeline = client.get(f"/api/v2/pipeline/{world.SHOP_MALFORMED_PIPELINE}").json()
    workflows = client.get(f"/api/v2/pipeline/{world.SHOP_MALFORMED_PIPELINE}/workflow").json()
    assert ("errored", "config", []) == (pipeline["state"], pipeline["errors"][0]["type"], workflows["items"])
    assert "Cannot find a definition for command" in pipeline["errors"][0]["message"]


def test_a_setup_workflow_makes_the_others(client: httpx.Client) -> None:
    """Dynamic configuration: the setup comes first, and both configurations can be read."""
    workflows = client.get(f"/api/v2/pipeline/{world.SHOP_DYNAMIC_PIPELINE}/workflow").json()["items"]
    config = client.get(f"/api/v2/pipeline/{world.SHOP_DYNAMIC_PIPELINE}/config").json()
    assert [("web", None, "failed"), ("api", None, "success"), ("setup", "setup", "success")] == [
        (workflow["name"], workflow["tag"], workflow["status"]) for workflow in workflows
    ]
    assert workflows[2]["stopped_at"] < workflows[1]["created_at"]
    assert yaml.safe_load(config["source"])["setup"] is True
    assert {"web", "api"} == set(yaml.safe_load(config["setup-config"])["workflows"])


def test_a_plain_configuration_says_what_requires_what(client: httpx.Client) -> None:
    """With the approval that it waits for."""
    config = yaml.safe_load(client.get(f"/api/v2/pipeline/{world.SHOP_HOLD_PIPELINE}/config").json()["source"])
    assert [
        "test",
        {"hold": {"type": "approval", "requires": ["test"]}},
        {"ship": {"requires": ["hold"]}},
    ] == config["workflows"]["deploy"]["jobs"]


def test_values_hold_what_the_pipeline_was_given(fresh: httpx.Client) -> None:
    """With its parameters."""
    made = fresh.post(SHOP, json={"branch": "release", "parameters": {"workers": 3}}).json()
    values = fresh.get(f"/api/v2/pipeline/{made['id']}/values").json()
    assert ("release", 3) == (values["pipeline.git.branch"], values["pipeline.parameters.workers"])
