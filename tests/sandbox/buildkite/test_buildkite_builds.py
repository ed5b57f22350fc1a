"""Builds: lists, one of them, and what changes them."""

import datetime as dt
import re
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ci_mcp.sandbox.buildkite import world

Get = Callable[..., Any]
SHOP = "/organizations/acme/pipelines/shop"
BARE = {"exclude_jobs": "true", "exclude_pipeline": "true"}


def numbers(found: list[dict[str, Any]]) -> list[int]:
    """The numbers of builds."""
    return [item["number"] for item in found]


def test_builds_are_listed_newest_first_in_pages(client: httpx.Client) -> None:
    """The Link header leads from page to page, and says no last one."""
    seen: list[int] = []
    url = f"{SHOP}/builds?exclude_jobs=true&exclude_pipeline=true&per_page=40"
    while url:
        answer = client.get(url)
        seen += numbers(answer.json())
        assert 'rel="last"' not in answer.headers.get("link", "")
        found = re.search(r'<([^>]*)>; rel="next"', answer.headers.get("link", ""))
        url = found[1] if found else ""
    assert len(seen) == len(set(seen)) > 70
    assert {world.SHOP_MAIN_BUILD, world.SHOP_FAILS_SOON_BUILD, world.SHOP_MATRIX_BUILD} <= set(seen)
    assert seen.index(world.SHOP_MAIN_BUILD) < seen.index(world.SHOP_RELEASE_BUILD)


def test_numbers_have_gaps(get: Get) -> None:
    """As those of real pipelines."""
    found = sorted(numbers(get("builds", per_page=100, **BARE)))
    assert found[-1] - found[0] > len(found)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"branch": "release"}, [world.SHOP_RELEASE_BUILD]),
        ({"branch": "rel*", "state": "passed"}, [world.SHOP_RELEASE_BUILD]),
        ({"branch[]": ["load", "big"]}, [world.SHOP_PROMISING_BUILD, world.SHOP_BIG_BUILD]),
        ({"state": "blocked"}, [world.SHOP_BLOCKED_BUILD]),
        ({"state[]": ["failing", "skipped"]}, [world.SHOP_PROMISING_BUILD, world.SHOP_SKIPPED_BUILD]),
        ({"state": "not_run"}, [world.SHOP_NOT_RUN_BUILD]),
        ({"state": "finished", "branch": "candidate"}, [world.SHOP_BLOCKED_BUILD]),
        ({"meta_data[release-channel]": "beta"}, [world.SHOP_MAIN_BUILD]),
        ({"meta_data[release-channel]": "alpha"}, []),
        ({"branch": "main", "creator": world.USERS["scheduler"]["id"]}, [world.number_of("shop", "nightly-1")]),
        ({"branch": "mai"}, []),
    ],
)
def test_filters(get: Get, query: dict[str, Any], expected: list[int]) -> None:
    """Each by the newest builds that it leaves."""
    found = numbers(get("builds", **query, **BARE))
    assert expected == found[: len(expected)]
    assert bool(expected) == bool(found)


def test_a_commit_is_found_in_full_only(get: Get) -> None:
    """Not by its beginning."""
    commit = get(f"builds/{world.SHOP_MAIN_BUILD}", **BARE)["commit"]
    assert [world.SHOP_MAIN_BUILD] == numbers(get("builds", commit=commit, **BARE))
    assert [] == get("builds", commit=commit[:12], **BARE)


def test_times_narrow_a_list(get: Get) -> None:
    """From is inclusive, to is not."""
    created = get(f"builds/{world.SHOP_MAIN_BUILD}", **BARE)["created_at"]
    later = (dt.datetime.fromisoformat(created) + dt.timedelta(seconds=1)).isoformat()
    assert world.SHOP_MAIN_BUILD in numbers(get("builds", created_from=created, **BARE))
    assert [world.SHOP_MAIN_BUILD] == numbers(get("builds", created_from=created, created_to=later, **BARE))
    assert world.SHOP_MAIN_BUILD not in numbers(get("builds", created_to=created, **BARE))
    assert world.SHOP_RELEASE_BUILD not in numbers(get("builds", finished_from=created, **BARE))


@pytest.mark.parametrize(
    "query", [{"state": "nonsense"}, {"created_from": "yesterday"}, {"page": 51, "per_page": 100}, {"page": 500}]
)
def test_what_cannot_be_listed_is_400(client: httpx.Client, query: dict[str, Any]) -> None:
    """Unknown states, no times, and pages too deep."""
    answer = client.get(f"{SHOP}/builds", params=query)
    assert 400 == answer.status_code
    assert answer.json()["message"]


def test_the_organization_has_the_builds_of_all_pipelines(get: Get) -> None:
    """But not of those that may not be seen."""
    found = get("/builds", per_page=100)
    same = get("/organizations/acme/builds", per_page=100, **BARE)
    assert [item["id"] for item in found] == [item["id"] for item in same]
    slugs = {item["pipeline"]["slug"] for item in found}
    assert {"shop", "storefront", "billing"} <= slugs
    assert "vault" not in slugs
    assert "jobs" in found[0]
    assert not {"jobs", "pipeline"} & same[0].keys()


@pytest.mark.parametrize(
    "path", [f"{SHOP}/builds/1", f"{SHOP}/builds/x", "/organizations/acme/pipelines/none/builds/1"]
)
def test_what_is_not_there_is_not_found(client: httpx.Client, path: str) -> None:
    """With a message."""
    assert 404 == client.get(path).status_code


def test_a_hidden_pipeline_is_not_found(client: httpx.Client) -> None:
    """Nor are its builds and jobs."""
    paths = ("pipelines/vault", f"pipelines/vault/builds/{world.HIDDEN_BUILD}", f"jobs/{world.HIDDEN_JOB}")
    assert [404] * 3 == [client.get(f"/organizations/acme/{path}").status_code for path in paths]


def test_the_newest_build_of_main_failed(get: Get) -> None:
    """With its counts, its test runs, and the formats of times that surprise."""
    found = get(f"builds/{world.SHOP_MAIN_BUILD}", include_test_engine="true")
    assert ("failed", False, "main") == (found["state"], found["blocked"], found["branch"])
    assert {"passed": 2, "failed": 1, "waiting_failed": 3} == found["job_state_counts"]["states"]
    assert ["shop-pytest"] == [run["suite"]["slug"] for run in found["test_engine"]["runs"]]
    assert f"https://buildkite.com/acme/shop/builds/{world.SHOP_MAIN_BUILD}" == found["web_url"]
    assert found["created_at"].endswith("Z")
    assert found["pipeline"]["created_at"].endswith(" UTC")
    assert found["pipeline"]["provider"]["webhook_url"] is None


def test_a_blocked_build_keeps_its_old_state(get: Get) -> None:
    """It says passed, and blocked beside it."""
    found = get(f"builds/{world.SHOP_BLOCKED_BUILD}", **BARE)
    assert ("passed", True) == (found["state"], found["blocked"])


def test_a_promised_failure_makes_a_build_failing(get: Get) -> None:
    """While its jobs run on; the job is found among the failed and says that it runs."""
    number = world.SHOP_PROMISING_BUILD
    found = get(f"builds/{number}", **BARE)
    assert ("failing", None) == (found["state"], found["finished_at"])
    assert found["failing_at"]
    (job,) = get(f"builds/{number}/jobs", **{"state[]": "failed"})["items"]
    assert (world.SHOP_PROMISING_JOB, "running", 1) == (job["id"], job["state"], job["promised_exit_status"])
    running = get(f"builds/{number}/jobs", **{"state[]": "running"})["items"]
    assert [":elephant: Load test"] == [item["name"] for item in running]


def test_a_retry_that_passes_does_not_take_back_failing_at(get: Get) -> None:
    """The build passed, and once it was failing."""
    found = get(f"builds/{world.SHOP_RETRIED_BUILD}", **BARE)
    assert "passed" == found["state"]
    assert found["failing_at"]


def test_authors_are_objects_texts_or_nothing(get: Get) -> None:
    """And pull requests are objects, empty, or nothing."""
    found = {item["number"]: item for item in get("builds", per_page=100, **BARE)}
    assert "ada@acme.example" == found[world.SHOP_MAIN_BUILD]["author"]["email"]
    assert "Ben Ode <ben@acme.example>" == found[world.SHOP_PROBLEMS_BUILD]["author"]
    assert "42" == found[world.SHOP_PULL_REQUEST_BUILD]["pull_request"]["id"]
    assert {} == found[world.SHOP_RELEASE_BUILD]["pull_request"]
    assert found[world.SHOP_MAIN_BUILD]["pull_request"] is None


def test_retried_jobs_are_left_out_unless_asked_for(get: Get) -> None:
    """Of a build; the counts follow."""
    path = f"builds/{world.SHOP_RETRIED_BUILD}"
    without, with_them = get(path), get(path, include_retried_jobs="true")
    assert 2 == len(with_them["jobs"]) - len(without["jobs"])
    assert 2 == with_them["job_state_counts"]["total"] - without["job_state_counts"]["total"]
    failed = get(path, include_retried_jobs="true", **{"job_states[]": "failed"})["jobs"]
    assert {True} == {job["retried"] for job in failed}


def test_where_a_build_came_from(get: Get) -> None:
    """Rebuilt from another, or triggered by a job of another."""
    rebuilt = get(f"builds/{world.number_of('shop', 'rebuilt-1')}", **BARE)
    assert world.number_of("shop", "nightly-1") == rebuilt["rebuilt_from"]["number"]
    triggered = get(f"/organizations/acme/pipelines/shop-deploy/builds/{world.SHOP_TRIGGERED_BUILD}", **BARE)
    assert world.SHOP_TRIGGERS_BUILD == triggered["triggered_from"]["build_number"]


@pytest.mark.parametrize(
    ("number", "state"), [(world.SHOP_SKIPPED_BUILD, "skipped"), (world.SHOP_NOT_RUN_BUILD, "not_run")]
)
def test_builds_without_jobs(get: Get, number: int, state: str) -> None:
    """They ended and never started."""
    found = get(f"builds/{number}")
    assert (state, [], None) == (found["state"], found["jobs"], found["started_at"])
    assert found["finished_at"]


def test_a_build_is_started_and_fails_within_seconds(client: httpx.Client, get: Get) -> None:
    """Like the newest build of its branch, with what was sent."""
    sent = {
        "commit": "HEAD", "branch": "main", "message": "Once more", "env": {"A": "1"}, "meta_data": {"why": "test"},
        "pull_request_id": 7, "pull_request_labels": ["x"], "author": {"name": "N", "email": "n@acme.example"},
    }  # fmt: skip
    answer = client.post(f"{SHOP}/builds", json=sent)
    new = answer.json()
    assert (201, "api", "Once more") == (answer.status_code, new["source"], new["message"])
    assert ({"A": "1"}, {"why": "test"}, "7") == (new["env"], new["meta_data"], new["pull_request"]["id"])
    seen = {new["state"]}
    until = time.monotonic() + 15
    while not {"failed", "passed"} & seen and time.monotonic() < until:
        seen.add(get(f"builds/{new['number']}", **BARE)["state"])
        time.sleep(0.05)
    assert {"creating", "running", "failed"} <= seen


@pytest.mark.parametrize(
    ("sent", "fields"),
    [
        ({}, ["commit", "branch"]),
        ({"commit": "HEAD"}, ["branch"]),
        ({"commit": "HEAD", "branch": "main", "env": {"A": 1}}, ["env"]),
    ],
)
def test_a_build_that_lacks_something_is_422(client: httpx.Client, sent: dict[str, Any], fields: list[str]) -> None:
    """Each field with its code."""
    answer = client.post(f"{SHOP}/builds", json=sent)
    assert (422, "Validation Failed") == (answer.status_code, answer.json()["message"])
    assert fields == [error["field"] for error in answer.json()["errors"]]


@pytest.mark.parametrize(
    ("content", "kind"),
    [(b"a=1", "application/x-www-form-urlencoded"), (b"{", "application/json"), (b"[]", "application/json")],
)
def test_a_body_must_be_a_json_object(client: httpx.Client, content: bytes, kind: str) -> None:
    """And say so."""
    assert 400 == client.post(f"{SHOP}/builds", content=content, headers={"Content-Type": kind}).status_code


def test_a_request_that_cannot_be_read_is_500(make_client: Callable[..., httpx.Client]) -> None:
    """In JSON too."""
    answer = make_client().post(f"{SHOP}/builds", json={"commit": 5, "branch": "main"})
    assert (500, {"message": "Internal Server Error"}) == (answer.status_code, answer.json())


def test_a_running_build_is_canceled_and_an_ended_one_is_not(client: httpx.Client, get: Get) -> None:
    """422 for what has ended; jobs of a canceled build are not retried."""
    number = client.post(f"{SHOP}/builds", json={"commit": "HEAD", "branch": "release"}).json()["number"]
    while "running" != get(f"builds/{number}", **BARE)["state"]:
        time.sleep(0.02)
    assert "canceling" == client.put(f"{SHOP}/builds/{number}/cancel").json()["state"]
    again = client.put(f"{SHOP}/builds/{world.SHOP_MAIN_BUILD}/cancel")
    assert (422, "Build can't be canceled because it's already finished.") == (
        again.status_code,
        again.json()["message"],
    )
    (job, *_) = get(f"builds/{world.SHOP_CANCELED_BUILD}/jobs", **{"state[]": "canceled"})["items"]
    refused = client.put(f"{SHOP}/builds/{world.SHOP_CANCELED_BUILD}/jobs/{job['id']}/retry")
    assert 422 == refused.status_code


def test_a_rebuild_is_a_new_build_of_the_same_commit(client: httpx.Client, get: Get) -> None:
    """And one that never ran cannot be rebuilt."""
    old = get(f"builds/{world.SHOP_MAIN_BUILD}", **BARE)
    answer = client.put(f"{SHOP}/builds/{world.SHOP_MAIN_BUILD}/rebuild")
    assert (200, old["commit"], old["id"]) == (
        answer.status_code, answer.json()["commit"], answer.json()["rebuilt_from"]["id"],
    )  # fmt: skip
    assert 422 == client.put(f"{SHOP}/builds/{world.SHOP_SKIPPED_BUILD}/rebuild").status_code


def test_failed_jobs_are_retried_together(client: httpx.Client) -> None:
    """By state where it is asked for; 202, and nothing to retry is 400."""
    path = f"{SHOP}/builds/{world.SHOP_PROBLEMS_BUILD}/retry_failed_jobs"
    soft = client.put(path, json={"states": "soft_failed"})
    assert (202, 2) == (soft.status_code, soft.json()["retried_jobs_count"])
    rest = client.put(path)
    assert (202, 5) == (rest.status_code, rest.json()["retried_jobs_count"])
    assert 400 == client.put(path, json={"states": "passed"}).status_code
    assert 400 == client.put(f"{SHOP}/builds/{world.SHOP_RELEASE_BUILD}/retry_failed_jobs").status_code
