"""Who may come in, and what is said to the others."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ci_mcp.sandbox.circleci import world
from ci_mcp.sandbox.faults import fault_token
from ci_mcp.sandbox.serve import Service

MakeClient = Callable[..., httpx.Client]


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/api/v2/me", {"Authorization": f"Bearer {world.TOKEN}"}, 200),
        ("/api/v2/me", {"Circle-Token": world.TOKEN}, 200),
        ("/api/v1.1/me", {"Circle-Token": world.TOKEN}, 200),
        ("/api/v1.1/me", {"Circle-Token": world.PROJECT_TOKEN}, 200),
        ("/api/v3/users?filter[user_id]=me", {"Authorization": f"Bearer {world.TOKEN}"}, 200),
        ("/api/v3/users?filter[user_id]=me", {"Circle-Token": world.TOKEN}, 401),
        ("/api/v2/me", {"Circle-Token": world.PROJECT_TOKEN}, 401),
        ("/api/v2/me", {"Authorization": "Bearer nobody"}, 401),
        ("/api/v2/me", {"Authorization": f"Token {world.TOKEN}"}, 401),
        ("/api/v2/me", {}, 401),
    ],
)
def test_a_token_is_taken_or_not(make_client: MakeClient, path: str, headers: dict[str, str], status: int) -> None:
    """Bearer everywhere, the older header in the older versions; a project's own token in the oldest only."""
    assert status == make_client("").get(path, headers=headers).status_code


def test_a_bad_token_is_told_in_the_words_of_its_version(make_client: MakeClient) -> None:
    """A message, or an error with a title."""
    stranger = make_client("nobody")
    assert {"message": "Invalid token provided."} == stranger.get("/api/v2/me").json()
    assert "Invalid token provided." == stranger.get("/api/v3/runs").json()["error"]["detail"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (f"/api/v2/project/{world.SHOP}/pipeline", {"branch": "main"}),
        (f"/api/v2/workflow/{world.SHOP_MAIN_WORKFLOW}/rerun", {}),
        (f"/api/v3/workflows/{world.SHOP_MAIN_WORKFLOW}/cancel", {}),
    ],
)
def test_a_reader_may_start_nothing(make_client: MakeClient, path: str, body: dict[str, Any]) -> None:
    """A 403; looking, and searching, is fine."""
    reader = make_client(world.READER_TOKEN)
    assert 403 == reader.post(path, json=body).status_code
    assert "Permission denied." in reader.post(path, json=body).text
    assert 200 == reader.get("/api/v2/me").status_code
    assert "Invalid scope" in reader.post("/api/v3/runs/search", json={}).text


def test_anybody_may_compile(make_client: MakeClient) -> None:
    """Without a token."""
    body = {"config_yaml": "version: 2.1"}
    assert 200 == make_client("").post("/api/v2/compile-config-with-defaults", json=body).status_code


@pytest.mark.parametrize(
    ("fault", "headers"),
    [
        ("429", {"retry-after"}),
        ("429-ratelimit", {"ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"}),
        ("429-x-ratelimit", {"x-ratelimit-limit", "x-ratelimit-limit-minute", "x-ratelimit-remaining"}),
        ("429-both", {"retry-after", "ratelimit-reset", "x-ratelimit-limit-hour"}),
        ("429-bare", set()),
    ],
)
def test_a_rate_limit_comes_with_any_family_of_headers(service: Service, fault: str, headers: set[str]) -> None:
    """Or with none."""
    token = fault_token(fault)
    answer = httpx.get(f"{service.url}/api/v2/me", headers={"Authorization": f"Bearer {token}"})
    assert 429 == answer.status_code
    assert headers <= set(answer.headers)


def test_a_fault_that_strikes_once_leaves_a_good_token(service: Service) -> None:
    """For retries."""
    headers = {"Authorization": f"Bearer {fault_token('503', once=True, tag='circleci')}"}
    found = [httpx.get(f"{service.url}/api/v2/me", headers=headers).status_code for _ in range(2)]
    assert [503, 200] == found
