"""Pipelines, schedules, agents, clusters, queues and step uploads."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ci_mcp.sandbox.buildkite import tokens, world
from ci_mcp.sandbox.buildkite.model import make_id

Get = Callable[..., Any]
ORG = "/organizations/acme"
SHOP = f"{ORG}/pipelines/shop"
NEW = {"name": "New Thing", "cluster_id": world.CLUSTER_ID, "repository": "git@x:new.git", "configuration": "steps: []"}
QUEUES = f"{ORG}/clusters/{world.CLUSTER_ID}/queues"


def slugs(found: list[dict[str, Any]]) -> list[str]:
    """The slugs of pipelines."""
    return [item["slug"] for item in found]


def test_pipelines_by_part_of_name_and_repository(get: Get) -> None:
    """Case does not count, and the hidden one is never there."""
    assert ["billing", "shop", "shop-deploy", "storefront", "warehouse"] == slugs(get("pipelines"))
    assert ["shop", "shop-deploy"] == slugs(get("pipelines", name="SHOP"))
    assert ["billing"] == slugs(get("pipelines", repository="gitlab.com"))


def test_pages_of_pipelines_say_which_is_the_last(client: httpx.Client) -> None:
    """And a page holds a hundred at most."""
    answer = client.get(f"{ORG}/pipelines", params={"per_page": 2, "page": 2})
    links = answer.headers["link"]
    assert ["shop-deploy", "storefront"] == slugs(answer.json())
    assert all(f'rel="{word}"' in links for word in ("next", "last", "prev", "first"))
    assert "link" not in client.get(f"{ORG}/pipelines", params={"per_page": 1000}).headers


def test_the_webhooks_url_is_for_writers_only(client: httpx.Client, make_client: Callable[..., httpx.Client]) -> None:
    """It can trigger builds."""
    assert client.get(SHOP).json()["provider"]["webhook_url"].startswith("https://webhook.buildkite.com/")
    assert make_client(tokens.scoped_token(*tokens.READ)).get(SHOP).json()["provider"]["webhook_url"] is None


def test_plugins_come_in_two_shapes(get: Get) -> None:
    """A list, or a mapping."""
    shapes = [type(get(f"pipelines/{slug}")["steps"][0]["plugins"]) for slug in ("shop", "shop-deploy")]
    assert [list, dict] == shapes


def test_a_pipeline_is_made_renamed_and_moves(client: httpx.Client) -> None:
    """A new name without a slug moves its URLs, and its builds with them."""
    made = client.post(f"{ORG}/pipelines", json=NEW | {"tags": ["t"], "visibility": "public"})
    assert (201, "new-thing", ["t"], "public") == (
        made.status_code, made.json()["slug"], made.json()["tags"], made.json()["visibility"],
    )  # fmt: skip
    assert (
        201 == client.post(f"{ORG}/pipelines/new-thing/builds", json={"commit": "HEAD", "branch": "main"}).status_code
    )
    changed = client.patch(
        f"{ORG}/pipelines/new-thing", json={"description": "d", "cluster_id": world.SECOND_CLUSTER_ID}
    )
    assert ("new-thing", "d") == (changed.json()["slug"], changed.json()["description"])
    renamed = client.patch(f"{ORG}/pipelines/new-thing", json={"name": "Newer"})
    assert ("newer", "Newer") == (renamed.json()["slug"], renamed.json()["name"])
    assert 404 == client.get(f"{ORG}/pipelines/new-thing").status_code
    assert 1 == len(client.get(f"{ORG}/pipelines/newer/builds").json())
    kept = client.patch(f"{ORG}/pipelines/newer", json={"name": "Newest", "slug": "newer"})
    assert ("newer", "Newest") == (kept.json()["slug"], kept.json()["name"])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"configuration": ""}, "configuration"),
        ({"name": ""}, "name"),
        ({"name": "Shop"}, "slug"),
        ({"configuration": "steps: ["}, "configuration"),
        ({"cluster_id": "none"}, "cluster_id"),
    ],
)
def test_a_pipeline_that_lacks_something_is_422(client: httpx.Client, change: dict[str, str], field: str) -> None:
    """The field is named."""
    answer = client.post(f"{ORG}/pipelines", json=NEW | change)
    assert (422, [field]) == (answer.status_code, [error["field"] for error in answer.json()["errors"]])


@pytest.mark.parametrize("sent", [{"steps": []}, {"configuration": ""}, {"name": "Billing"}])
def test_a_change_that_cannot_be_is_422(client: httpx.Client, sent: dict[str, Any]) -> None:
    """Steps without YAML, blank YAML, another's slug."""
    assert 422 == client.patch(SHOP, json=sent).status_code


def test_schedules(client: httpx.Client, get: Get) -> None:
    """One that runs, one that failed; they can be made and changed."""
    found = {item["label"]: item for item in get("pipelines/shop/schedules")}
    assert (True, False) == (found["Nightly"]["enabled"], found["Weekly"]["enabled"])
    assert ("The default branch was not found", None) == (
        found["Weekly"]["failed_message"], found["Weekly"]["next_build_at"],
    )  # fmt: skip
    assert found["Nightly"] == get(f"pipelines/shop/schedules/{found['Nightly']['id']}")
    assert [] == get("pipelines/billing/schedules")
    made = client.post(f"{SHOP}/schedules", json={"cronline": "@daily", "label": "D"})
    assert (201, True) == (made.status_code, made.json()["enabled"])
    for method in ("PUT", "PATCH"):
        changed = client.request(method, f"{SHOP}/schedules/{made.json()['id']}", json={"message": method})
        assert (200, method) == (changed.status_code, changed.json()["message"])
    assert 422 == client.post(f"{SHOP}/schedules", json={}).status_code
    assert 404 == client.get(f"{ORG}/pipelines/billing/schedules/{found['Nightly']['id']}").status_code


def test_lists_of_agents_know_only_those_that_are_there(get: Get) -> None:
    """One that was lost is found by its id."""
    found = {item["name"]: item for item in get("agents")}
    assert {"connected", "stopping"} == {item["connection_state"] for item in found.values()}
    assert "lost-1" not in found
    assert "lost" == get(f"agents/{make_id('agent', 'lost-1')}")["connection_state"]
    assert get(f"agents/{make_id('agent', 'gone-1')}")["disconnected_at"]
    assert found["deploy-1"]["paused"]
    assert "running" == found["default-1"]["job"]["state"]
    assert ["mac-1"] == [item["name"] for item in get("agents", name="mac")]
    assert [] == get("agents", version="1.0")
    assert [] == get("agents", hostname="nowhere")


@pytest.mark.parametrize(
    "path", ["agents/none", "clusters/none", f"clusters/{world.SECOND_CLUSTER_ID}/queues/{make_id('queue', 'mac')}"]
)
def test_what_is_not_there_is_not_found(client: httpx.Client, path: str) -> None:
    """Of agents, clusters and queues."""
    assert 404 == client.get(f"{ORG}/{path}").status_code


def test_a_queue_is_paused_and_resumed(client: httpx.Client, get: Get) -> None:
    """With a note; twice is 422."""
    path = f"{QUEUES}/{make_id('queue', 'deploy')}"
    paused = client.post(f"{path}/pause_dispatch", json={"dispatch_paused_note": "Disk"})
    assert (200, True, "Disk", "Ada Lane") == (
        paused.status_code, paused.json()["dispatch_paused"], paused.json()["dispatch_paused_note"],
        paused.json()["dispatch_paused_by"]["name"],
    )  # fmt: skip
    assert 422 == client.post(f"{path}/pause_dispatch", json={}).status_code
    assert client.post(f"{path}/resume_dispatch").json()["dispatch_paused"] is False
    assert 422 == client.post(f"{path}/resume_dispatch").status_code
    assert get(path)["dispatch_paused_at"] is None


def test_clusters_and_queues_are_made_and_changed(client: httpx.Client, get: Get) -> None:
    """By PUT as documented and by PATCH as clients send it."""
    assert ["Hosted", "Lab"] == [item["name"] for item in get("clusters")][:2]
    made = client.post(f"{ORG}/clusters", json={"name": "Spare"})
    assert (201, None) == (made.status_code, made.json()["default_queue_id"])
    path = f"{ORG}/clusters/{made.json()['id']}"
    assert [] == get(f"{path}/queues")
    queue = client.post(f"{path}/queues", json={"key": "k", "description": "d"}).json()
    assert queue == get(f"{path}/queues/{queue['id']}")
    for method in ("PUT", "PATCH"):
        cluster = client.request(method, path, json={"default_queue_id": queue["id"], "description": method}).json()
        assert (queue["id"], method) == (cluster["default_queue_id"], cluster["description"])
        changed = client.request(method, f"{path}/queues/{queue['id']}", json={"description": method}).json()
        assert method == changed["description"]
    assert cluster == get(path)


@pytest.mark.parametrize(
    ("method", "path", "sent"),
    [
        ("POST", f"{ORG}/clusters", {}),
        ("PUT", f"{ORG}/clusters/{world.CLUSTER_ID}", {"default_queue_id": "none"}),
        ("POST", QUEUES, {}),
        ("POST", QUEUES, {"key": "default"}),
        ("PUT", f"{QUEUES}/{make_id('queue', 'gpu')}", {"retry_agent_affinity": "any"}),
    ],
)
def test_settings_that_cannot_be_are_422(client: httpx.Client, method: str, path: str, sent: dict[str, str]) -> None:
    """With the field."""
    answer = client.request(method, path, json=sent)
    assert (422, 1) == (answer.status_code, len(answer.json()["errors"]))


def test_step_uploads_are_kept_for_a_month(client: httpx.Client, get: Get) -> None:
    """With the YAML of one; older ones are gone."""
    path = f"builds/{world.SHOP_MAIN_BUILD}/step-uploads"
    (item,) = get(path)["items"]
    assert ("applied", 5) == (item["state"], item["created_jobs_count"])
    assert get(f"{path}/{item['uuid']}")["definition_yaml"].startswith("steps:")
    assert [] == get(path, **{"filter[source_job_id]": "none"})["items"]
    assert 404 == client.get(f"{SHOP}/{path}/none").status_code
    old = world.number_of("shop", "search-39")
    assert 410 == client.get(f"{SHOP}/builds/{old}/step-uploads").status_code
