"""Promotions over loopback: what was triggered, and triggering."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import yaml

from ci_mcp.sandbox.semaphore import world

BLOCKED, PROMOTED = world.SHOP_BLOCKED_PIPELINE, world.SHOP_PROMOTED_PIPELINE
FAILED = world.SHOP_FAIL_FAST_PIPELINE


@pytest.fixture
def triggered(client: httpx.Client) -> Callable[..., httpx.Response]:
    """The triggers of a pipeline's promotions."""
    return lambda pipeline, **query: client.get("/promotions", params={"pipeline_id": pipeline, **query})


@pytest.fixture
def trigger(client: httpx.Client) -> Callable[..., tuple[int, Any]]:
    """Trigger a promotion; status and what was said."""

    def post(pipeline: str, name: str, **body: Any) -> tuple[int, Any]:
        answer = client.post("/promotions", json={"pipeline_id": pipeline, "name": name, **body})
        return answer.status_code, answer.json()

    return post


def test_triggers_come_newest_first_ten_a_page(triggered: Callable[..., httpx.Response]) -> None:
    """The headers say how many there are; the eldest was triggered by a rule."""
    first, second = triggered(PROMOTED), triggered(PROMOTED, page=2)
    assert (10, 2, "12", "10") == (
        len(first.json()),
        len(second.json()),
        first.headers["total"],
        first.headers["per-page"],
    )
    times = [item["triggered_at"]["seconds"] for item in first.json() + second.json()]
    assert sorted(times, reverse=True) == times
    assert ("Pipeline Done request", "passed") == (second.json()[-1]["triggered_by"], second.json()[-1]["status"])


def test_a_trigger_has_exactly_these_fields(triggered: Callable[..., httpx.Response]) -> None:
    """As the service says them; nothing about what could be triggered."""
    keys = {"name", "triggered_at", "triggered_by", "override", "status", "scheduled_at", "scheduled_pipeline_id"}
    assert keys == set(triggered(BLOCKED).json()[0])
    assert {"Staging"} == {item["name"] for item in triggered(BLOCKED).json()}


def test_the_status_is_that_of_triggering_not_of_the_pipeline(
    client: httpx.Client, triggered: Callable[..., httpx.Response]
) -> None:
    """A trigger passed whose pipeline failed; another failed and has no pipeline."""
    production = triggered(PROMOTED, name="Production").json()[-1]
    assert ("passed", world.SHOP_PROMOTED_FAILED_PIPELINE) == (
        production["status"],
        production["scheduled_pipeline_id"],
    )
    pipeline = client.get(f"/pipelines/{production['scheduled_pipeline_id']}").json()["pipeline"]
    assert ("failed", PROMOTED, 1) == (
        pipeline["result"],
        pipeline["promotion_of"],
        pipeline["triggerer"]["ppl_triggered_by"],
    )
    in_vain = [item for item in triggered(PROMOTED).json() if item["status"] == "failed"]
    assert {""} == {item["scheduled_pipeline_id"] for item in in_vain}


@pytest.mark.parametrize("key", ["page", "page_size"])
def test_a_page_must_be_a_number(triggered: Callable[..., httpx.Response], key: str) -> None:
    """Unlike everywhere else."""
    answer = triggered(PROMOTED, **{key: "many"})
    assert (400, f"Invalid value of '{key}' param: \"many\" - needs to be integer.") == (
        answer.status_code,
        answer.json(),
    )


@pytest.mark.parametrize("pipeline", ["", "none-such", world.HIDDEN_PIPELINE])
def test_promotions_of_a_pipeline_out_of_sight_are_not_found(client: httpx.Client, pipeline: str) -> None:
    """Plain text, for both calls."""
    body = {"pipeline_id": pipeline, "name": "Staging"}
    answers = [client.get("/promotions", params=body), client.post("/promotions", json=body)]
    assert [(404, "Not Found")] * 2 == [(answer.status_code, answer.text) for answer in answers]


def test_a_pipeline_without_promotions_is_a_mistake(
    triggered: Callable[..., httpx.Response], trigger: Callable[..., tuple[int, Any]]
) -> None:
    """400, not an empty list."""
    answer = triggered(world.SHOP_MAIN_PIPELINE)
    assert (400, "Switch with id  not found.") == (answer.status_code, answer.json())
    assert (400, "Switch with id  not found.") == trigger(world.SHOP_MAIN_PIPELINE, "Staging")


def test_what_could_be_triggered_stands_in_the_yaml_alone(client: httpx.Client) -> None:
    """An artifact of the workflow, with each promotion's rule and parameters."""
    query = {"scope": "workflows", "scope_id": world.SHOP_BLOCKED_WORKFLOW, "path": ".semaphore/semaphore.yml"}
    url = client.get("/artifacts/signed_url", params=query).json()["items"][0]["url"]
    staging, production = yaml.safe_load(httpx.get(url).text)["promotions"]
    assert ("Staging", {"when": "result = 'passed'"}) == (staging["name"], staging["auto_promote"])
    assert ("Production", "production.yml") == (production["name"], production["pipeline_file"])
    assert ["ROLLOUT", "REASON", "NOTIFY"] == [one["name"] for one in production["parameters"]["env_vars"]]


@pytest.mark.parametrize(
    ("pipeline", "body", "said"),
    [
        (PROMOTED, {"name": "Moon"}, "Target for switch: "),
        (FAILED, {"name": "Staging"}, "Triggering target when pipeline is not passed requires override confirmation."),
        (FAILED, {"name": "Staging", "override": "yes"}, "Invalid value of 'override' param: \"yes\" - needs to be"),
        (FAILED, {"name": "Staging", "override": 1}, "Invalid value of 'override' param: 1 - needs to be boolean."),
        (FAILED, {"name": "Preview", "override": True}, "failed: deployment target is cordoned (error ID: "),
    ],
)
def test_a_trigger_may_be_refused(
    trigger: Callable[..., tuple[int, Any]], pipeline: str, body: dict[str, Any], said: str
) -> None:
    """400 with a JSON string that says why."""
    status, message = trigger(pipeline, **body)
    assert 400 == status
    assert said in message


@pytest.mark.parametrize("body", [{"ROLLOUT": "20%"}, {"ROLLOUT": "10%", "UNKNOWN": "1"}, {}, {"ROLLOUT": ""}], ids=str)
def test_a_parameter_that_the_yaml_does_not_allow_is_an_internal_error(
    trigger: Callable[..., tuple[int, Any]], body: dict[str, str]
) -> None:
    """One that is unknown, not among the options, or missing: nobody says which."""
    assert (500, "Internal error") == trigger(PROMOTED, "Production", **body)


def test_nested_parameters_break_the_service(client: httpx.Client) -> None:
    """Every other key is a parameter, and its value a text."""
    body = {"pipeline_id": PROMOTED, "name": "Production", "parameters": {"ROLLOUT": "10%"}}
    answer = client.post("/promotions", json=body)
    assert (500, "Internal error") == (answer.status_code, answer.text)


def test_a_failed_pipeline_can_be_promoted_on_purpose(
    trigger: Callable[..., tuple[int, Any]], triggered: Callable[..., httpx.Response]
) -> None:
    """With ``override``, as a boolean or as its word; it says so afterwards."""
    said = [trigger(FAILED, "Staging", override=value, request_token=str(value)) for value in (True, "true")]
    assert [(200, "Promotion successfully triggered.")] * 2 == said
    assert [True, True] == [item["override"] for item in triggered(FAILED).json()]


def test_the_pipeline_of_a_promotion_comes_later(
    client: httpx.Client, trigger: Callable[..., tuple[int, Any]], triggered: Callable[..., httpx.Response]
) -> None:
    """First it is being processed; the same token triggers once, the parameters are there with their defaults."""
    before = int(triggered(PROMOTED).headers["total"])
    for _ in range(2):
        answer = trigger(PROMOTED, "Production", ROLLOUT="50%", request_token="once")
        assert (200, "Promotion successfully triggered.") == answer
    assert before + 1 == int(triggered(PROMOTED).headers["total"])
    newest = triggered(PROMOTED).json()[0]
    assert ("Production", "processing", "") == (newest["name"], newest["status"], newest["scheduled_pipeline_id"])
    end = time.monotonic() + 10
    while not newest["scheduled_pipeline_id"]:
        assert time.monotonic() < end
        time.sleep(0.05)
        newest = triggered(PROMOTED).json()[0]
    pipeline = client.get(f"/pipelines/{newest['scheduled_pipeline_id']}").json()["pipeline"]
    assert (world.SHOP_PROMOTED_WORKFLOW, ".semaphore/production.yml") == (
        pipeline["wf_id"],
        f"{pipeline['working_directory']}/{pipeline['yaml_file_name']}",
    )
    assert [{"name": "ROLLOUT", "value": "50%"}, {"name": "NOTIFY", "value": "#shop"}] == pipeline["env_vars"]


def test_without_a_token_every_trigger_counts(
    trigger: Callable[..., tuple[int, Any]], triggered: Callable[..., httpx.Response]
) -> None:
    """The service makes one up: a retry deploys twice."""
    before = int(triggered(PROMOTED, name="Staging").headers["total"])
    for _ in range(2):
        trigger(PROMOTED, "Staging")
    assert before + 2 == int(triggered(PROMOTED, name="Staging").headers["total"])
