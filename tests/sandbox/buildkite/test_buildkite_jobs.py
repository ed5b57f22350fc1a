"""Jobs: their states, their pages, and what retries and unblocks them."""

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ci_mcp.sandbox.buildkite import world

Get = Callable[..., Any]
SHOP = "/organizations/acme/pipelines/shop"


def jobs(get: Get, number: int, **query: Any) -> dict[str, dict[str, Any]]:
    """The jobs of a build by the key of their step, without those that were retried."""
    found = get(f"builds/{number}/jobs", include_retried_jobs="false", per_page=100, **query)["items"]
    return {job.get("step_key") or job["type"]: job for job in found}


def test_cursors_lead_through_all_jobs_and_back(client: httpx.Client, get: Get) -> None:
    """Two hundred jobs in pages; neither end belongs to the page."""
    seen, page = [], get(f"builds/{world.SHOP_MATRIX_BUILD}/jobs", per_page=90)
    assert "prev" not in page["links"]
    seen += page["items"]
    while "next" in page["links"]:
        page = client.get(page["links"]["next"]).json()
        seen += page["items"]
    assert 200 == len({job["id"] for job in seen}) == len(seen)
    before = client.get(page["links"]["prev"]).json()["items"]
    assert [job["id"] for job in seen[90:180]] == [job["id"] for job in before]
    assert seen[:90] == client.get(page["links"]["first"]).json()["items"]


def test_twelve_of_two_hundred_failed_and_five_of_them_alike(get: Get) -> None:
    """Eight different failures."""
    found = get(f"builds/{world.SHOP_MATRIX_BUILD}/jobs", per_page=100, **{"state[]": "failed"})
    assert 12 == len(found["items"])
    assert {"cart": 5} | dict.fromkeys((f"part-{number}" for number in (3, 29, 57, 83, 111, 137, 166)), 1) == Counter(
        job["step_key"] for job in found["items"]
    )
    assert [(n, 5) for n in range(5)] == [
        (job["parallel_group_index"], job["parallel_group_total"])
        for job in found["items"]
        if job["step_key"] == "cart"
    ]
    assert {"python": "3.14", "part": "1"} == found["items"][0]["matrix"]


@pytest.mark.parametrize("query", [{"after": "x"}, {"after": "x", "before": "y"}, {"state[]": "finished"}])
def test_bad_cursors_and_states_are_400(client: httpx.Client, query: dict[str, str]) -> None:
    """``finished`` is a state of builds only."""
    assert 400 == client.get(f"{SHOP}/builds/{world.SHOP_MAIN_BUILD}/jobs", params=query).status_code


def test_a_list_of_no_jobs_has_no_links_but_itself(get: Get) -> None:
    """An empty page."""
    page = get(f"builds/{world.SHOP_MAIN_BUILD}/jobs", step_key="none")
    assert ([], {"self"}) == (page["items"], set(page["links"]))


def test_jobs_are_found_by_step_and_group(get: Get) -> None:
    """Though a job does not say here what its group is."""
    path = f"builds/{world.SHOP_MAIN_BUILD}/jobs"
    assert 2 == len(get(path, step_key="orders")["items"])
    found = get(path, group_key="checks")["items"]
    assert ["lint", "unit"] == [job["step_key"] for job in found]
    assert {None} == {job["group_key"] for job in found}
    assert "checks" == get(f"builds/{world.SHOP_MAIN_BUILD}")["jobs"][1]["group_key"]


def test_lists_of_jobs_have_retried_ones_unless_told_not_to(get: Get) -> None:
    """The opposite of builds."""
    path = f"builds/{world.SHOP_RETRIED_BUILD}/jobs"
    assert 2 == len(get(path)["items"]) - len(get(path, include_retried_jobs="false")["items"])


def test_a_retried_job_and_its_retry_know_each_other(get: Get) -> None:
    """By hand, with who did it; or by itself."""
    first, second = get(f"jobs/{world.SHOP_RETRIED_JOB}"), get(f"jobs/{world.SHOP_RETRY_JOB}")
    assert ("failed", True, second["id"]) == (first["state"], first["retried"], first["retried_in_job_id"])
    assert ("manual", "Ben Ode") == (first["retry_type"], first["retried_by"]["name"])
    assert {"job_id": first["id"], "retry_type": "manual"} == second["retry_source"]
    assert ("passed", False, 1) == (second["state"], second["retried"], second["retries_count"])
    automatic = get(f"jobs/{world.job_id('shop', 'retried-1', 'orders')}")
    assert ("automatic", None) == (automatic["retry_type"], automatic["retried_by"])


def test_every_way_not_to_pass(get: Get) -> None:
    """Soft failures, what never ran and why, what was lost and what was killed."""
    found = jobs(get, world.SHOP_PROBLEMS_BUILD)
    assert {
        "upload": "passed", "lint": "failed", "types": "failed", "unit": "failed", "slow": "timed_out",
        "index": "failed", "spot": "failed", "mac": "expired", "docs": "broken", "windows": "skipped",
        "waiter": "waiting_failed", "orders": "waiting_failed", "ask": "blocked_failed", "release": "blocked_failed",
    } == {key: job["state"] for key, job in found.items()}  # fmt: skip
    assert {"lint", "types"} == {key for key, job in found.items() if job.get("soft_failed")}
    assert (-1, "agent_stop") == (found["spot"]["exit_status"], found["spot"]["signal_reason"])
    assert (137, "SIGKILL", None) == tuple(found["index"][key] for key in ("exit_status", "signal", "signal_reason"))
    assert "conditional_not_met" == found["docs"]["broken_reason"]
    assert found["mac"]["expired_at"]
    assert found["mac"]["started_at"] is None


def test_waits_blocks_and_triggers_are_jobs_of_their_own_shape(get: Get) -> None:
    """None of them has a log."""
    found = jobs(get, world.SHOP_TRIGGERS_BUILD)
    assert {"id", "graphql_id", "type", "state", "web_url", "step"} == found["waiter"].keys()
    assert ("trigger", "failed", False) == tuple(found["deploy"][key] for key in ("type", "state", "async"))
    assert world.SHOP_TRIGGERED_BUILD == found["deploy"]["triggered_build"]["number"]
    block = get(f"jobs/{world.SHOP_BLOCKED_JOB}")
    assert ("manual", "blocked", True) == (block["type"], block["state"], block["unblockable"])
    assert ["release-name", "channel"] == [item["key"] for item in block["fields"]]


def test_a_stuck_job_says_which_queue_it_waits_for(get: Get) -> None:
    """One has no agent, the other is paused."""
    found = jobs(get, world.SHOP_STUCK_BUILD)
    assert ("scheduled", ["queue=gpu"], None) == tuple(
        found["train"][key] for key in ("state", "agent_query_rules", "agent")
    )
    queues = {item["id"]: item for item in get(f"clusters/{world.CLUSTER_ID}/queues")}
    assert queues[found["mac"]["cluster_queue_id"]]["dispatch_paused"]
    assert world.PAUSED_NOTE == queues[found["mac"]["cluster_queue_id"]]["dispatch_paused_note"]
    assert not queues[found["train"]["cluster_queue_id"]]["dispatch_paused"]
    assert [] == get("agents", cluster_queue_id=found["train"]["cluster_queue_id"])


def test_a_job_runs_before_it_has_failed(get: Get) -> None:
    """An exit status of nought says nothing before the end."""
    job = get(f"jobs/{world.SHOP_PROMISING_JOB}")
    assert ("running", 0, None) == (job["state"], job["exit_status"], job["finished_at"])
    assert "default" == job["agent"]["queue"]


def test_a_job_is_retried_once(client: httpx.Client, get: Get) -> None:
    """The answer is the new job, whose build's URL is that of the page."""
    path = f"/organizations/acme/jobs/{world.SHOP_MAIN_FAILED_JOB}"
    answer = client.put(f"{path}/retry")
    assert (200, False) == (answer.status_code, world.SHOP_MAIN_FAILED_JOB == answer.json()["id"])
    assert answer.json()["build_url"].startswith("https://buildkite.com/")
    assert "running" == get(f"builds/{world.SHOP_MAIN_BUILD}")["state"]
    assert answer.json()["id"] == client.get(path).json()["retried_in_job_id"]
    again = client.put(f"{path}/retry")
    assert (400, "This job has already been retried") == (again.status_code, again.json()["message"])
    assert 400 == client.put(f"/organizations/acme/jobs/{world.SHOP_MAIN_PASSED_JOB}/retry").status_code


def test_unblocking_lets_a_build_go_on(client: httpx.Client, get: Get) -> None:
    """With all the fields; they become its metadata."""
    path = f"{SHOP}/builds/{world.SHOP_BLOCKED_BUILD}/jobs/{world.SHOP_BLOCKED_JOB}/unblock"
    fields = {"release-name": "Owl", "channel": "beta"}
    missing = client.put(path, json={"fields": {"channel": "beta"}})
    assert (422, "fields.release-name") == (missing.status_code, missing.json()["errors"][0]["field"])
    assert 422 == client.put(path, json={"fields": fields, "unblocker": "nobody"}).status_code
    done = client.put(path, json={"fields": fields})
    assert (200, "unblocked", "Ada Lane") == (
        done.status_code, done.json()["state"], done.json()["unblocked_by"]["name"],
    )  # fmt: skip
    assert 400 == client.put(path, json={"fields": fields}).status_code
    until = time.monotonic() + 15
    while get(f"builds/{world.SHOP_BLOCKED_BUILD}")["state"] == "running" and time.monotonic() < until:
        time.sleep(0.05)
    build = get(f"builds/{world.SHOP_BLOCKED_BUILD}")
    assert ("passed", False, fields) == (build["state"], build["blocked"], build["meta_data"])
    assert {"unblocked": 1, "passed": 8} == build["job_state_counts"]["states"]


def test_only_block_steps_are_unblocked(client: httpx.Client) -> None:
    """And only those that are reached."""
    assert 400 == client.put(f"/organizations/acme/jobs/{world.SHOP_MAIN_PASSED_JOB}/unblock", json={}).status_code
    failed = world.job_id("shop", "problems-1", "ask")
    assert 400 == client.put(f"/organizations/acme/jobs/{failed}/unblock", json={}).status_code


def test_a_block_step_of_a_canceled_build_stays_closed(client: httpx.Client, get: Get) -> None:
    """422."""
    number = client.post(f"{SHOP}/builds", json={"commit": "HEAD", "branch": "candidate"}).json()["number"]
    client.put(f"{SHOP}/builds/{number}/cancel")
    block = jobs(get, number)["ask"]
    answer = client.put(f"{SHOP}/builds/{number}/jobs/{block['id']}/unblock", json={})
    assert (422, "canceled") == (answer.status_code, block["state"])


def test_a_job_is_given_another_priority(client: httpx.Client) -> None:
    """A number."""
    path = f"/organizations/acme/jobs/{world.SHOP_STUCK_JOB}/reprioritize"
    assert {"number": 5} == client.put(path, json={"priority": 5}).json()["priority"]
    assert 422 == client.put(path, json={"priority": "high"}).status_code


def test_a_job_of_another_build_is_not_found(client: httpx.Client) -> None:
    """Within a build; within the organization it is."""
    path = f"builds/{world.SHOP_RELEASE_BUILD}/jobs/{world.SHOP_MAIN_FAILED_JOB}"
    assert 404 == client.get(f"{SHOP}/{path}").status_code
    assert 404 == client.get("/organizations/acme/jobs/none").status_code
