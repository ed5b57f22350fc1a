"""Self-hosted agents and deployment targets over loopback."""

import httpx
import pytest

from ci_mcp.sandbox.semaphore import world


def test_agent_types_say_how_many_are_connected(client: httpx.Client) -> None:
    """One of them has none."""
    types = client.get("/self_hosted_agent_types").json()["agent_types"]
    counts = {one["metadata"]["name"]: one["status"]["total_agent_count"] for one in types}
    assert {"s1-gpu": 0, "s1-warehouse": 2} == counts
    assert types[1] == client.get("/self_hosted_agent_types/s1-warehouse").json()
    assert 404 == client.get("/self_hosted_agent_types/s1-none").status_code


@pytest.mark.parametrize(("query", "count"), [({}, 2), ({"agent_type_name": "s1-gpu"}, 0)])
def test_agents_are_listed_by_type(client: httpx.Client, query: dict[str, str], count: int) -> None:
    """With a cursor that never leads anywhere."""
    answer = client.get("/agents", params=query).json()
    assert (count, "") == (len(answer["agents"]), answer["cursor"])
    assert {"waiting_for_job"} >= {one["status"]["state"] for one in answer["agents"]}


def test_deployment_targets_say_what_was_deployed_last(client: httpx.Client) -> None:
    """A cordoned one takes nothing; one project has any."""
    targets = client.get("/deployment_targets", params={"project_id": world.SHOP_PROJECT}).json()
    assert {"staging": True, "production": True, "preview": False} == {one["name"]: one["active"] for one in targets}
    assert world.SHOP_PROMOTED_PIPELINE == targets[1]["last_deployment"]["prev_pipeline_id"]
    assert targets[2]["last_deployment"] is None
    assert [] == client.get("/deployment_targets", params={"project_id": world.PROJECTS["billing"].id}).json()


def test_a_deployment_target_has_a_history(client: httpx.Client) -> None:
    """Newest first, with the parameters of each."""
    target = client.get("/deployment_targets", params={"project_id": world.SHOP_PROJECT}).json()[1]
    assert target == client.get(f"/deployment_targets/{target['id']}").json()
    history = client.get(f"/deployment_targets/{target['id']}/history").json()["deployments"]
    assert ["10%", "100%"] == [one["env_vars"][0]["value"] for one in history]
    assert world.SHOP_PROMOTED_FAILED_PIPELINE == history[1]["pipeline_id"]


@pytest.mark.parametrize("path", ["", "/history"])
def test_a_deployment_target_that_is_none_is_not_found(client: httpx.Client, path: str) -> None:
    """Plain text."""
    answer = client.get(f"/deployment_targets/none{path}")
    assert (404, "Not found") == (answer.status_code, answer.text)
