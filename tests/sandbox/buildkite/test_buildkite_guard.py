"""Who Buildkite lets in, what a token may do, and how often it may ask."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ci_mcp.sandbox.buildkite import tokens, world
from ci_mcp.sandbox.faults import fault_token
from ci_mcp.sandbox.serve import Service

Make = Callable[..., httpx.Client]
SHOP = "/organizations/acme/pipelines/shop"


def test_the_root_and_meta_need_no_token(service: Service) -> None:
    """A ping, and where webhooks come from."""
    ping, meta = httpx.get(service.url), httpx.get(f"{service.url}/v2/meta")
    assert [200, 200] == [ping.status_code, meta.status_code]
    assert {"message", "timestamp"} == ping.json().keys()
    assert {"webhook_ips"} == meta.json().keys()


@pytest.mark.parametrize("header", ["", "Bearer wrong", "Basic {token}", "Token {token}", "{token}", "Bearer"])
def test_anything_but_a_good_bearer_token_is_refused(service: Service, header: str) -> None:
    """With 401 and a message that says what to do."""
    headers = {"Authorization": header.format(token=service.token)} if header else {}
    answer = httpx.get(f"{service.url}/v2/user", headers=headers)
    assert 401 == answer.status_code
    assert answer.json()["message"].startswith("Authentication required.")


def test_any_token_may_ask_what_it_may_do(make_client: Make) -> None:
    """With its scopes, and a time in the format that few fields have."""
    answer = make_client(tokens.scoped_token()).get("/access-token").json()
    assert [] == answer["scopes"]
    assert {"name": "Ada Lane", "email": "ada@acme.example"} == answer["user"]
    assert answer["created_at"].endswith(" UTC")
    assert "read_job_env" in make_client().get("/access-token").json()["scopes"]


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/user", "read_user"),
        ("GET", "/organizations", "read_organizations"),
        ("GET", "/organizations/acme/rate_limit", "read_accounts"),
        ("GET", "/organizations/acme/pipelines", "read_pipelines"),
        ("POST", "/organizations/acme/pipelines", "write_pipelines"),
        ("GET", f"{SHOP}/builds", "read_builds"),
        ("POST", f"{SHOP}/builds", "write_builds"),
        ("PUT", f"{SHOP}/builds/{world.SHOP_MAIN_BUILD}/retry_failed_jobs", "write_builds"),
        ("GET", f"/organizations/acme/jobs/{world.SHOP_MAIN_FAILED_JOB}", "read_builds"),
        ("GET", f"/organizations/acme/jobs/{world.SHOP_MAIN_FAILED_JOB}/log", "read_build_logs"),
        ("DELETE", f"/organizations/acme/jobs/{world.SHOP_MAIN_FAILED_JOB}/log", "write_build_logs"),
        ("GET", f"/organizations/acme/jobs/{world.SHOP_MAIN_FAILED_JOB}/env", "read_job_env"),
        ("GET", f"/organizations/acme/jobs/{world.SHOP_MAIN_FAILED_JOB}/artifacts", "read_artifacts"),
        ("GET", "/organizations/acme/agents", "read_agents"),
        ("GET", "/organizations/acme/clusters", "read_clusters"),
        ("POST", "/organizations/acme/clusters", "write_clusters"),
        ("GET", "/analytics/organizations/acme/suites", "read_suites"),
    ],
)
def test_a_scope_that_is_missing_is_named(make_client: Make, method: str, path: str, scope: str) -> None:
    """With every other scope the answer is 403."""
    others = [name for name in tokens.ALL if name != scope]
    answer = make_client(tokens.scoped_token(*others)).request(method, path)
    assert (403, {"message": f"Your access token doesn't have the {scope} scope"}) == (
        answer.status_code,
        answer.json(),
    )


def test_another_organization_is_not_found(client: httpx.Client) -> None:
    """Whether or not there is one."""
    answer = client.get("/organizations/other/pipelines")
    assert (404, "No organization found") == (answer.status_code, answer.json()["message"])


@pytest.mark.parametrize(("method", "path"), [("GET", "/nonsense"), ("DELETE", "/user"), ("POST", "/builds")])
def test_what_is_not_routed_is_not_found(client: httpx.Client, method: str, path: str) -> None:
    """Unknown paths and methods."""
    answer = client.request(method, path)
    assert (404, {"message": "Not Found"}) == (answer.status_code, answer.json())


def test_every_answer_says_what_is_left_in_both_buckets(client: httpx.Client) -> None:
    """Errors too."""
    first, second = client.get("/user"), client.get("/nonsense")
    for prefix, scope in (("RateLimit", "rest"), ("RateLimit-User", "rest_user")):
        assert scope == second.headers[f"{prefix}-Scope"]
        assert 1 == int(first.headers[f"{prefix}-Remaining"]) - int(second.headers[f"{prefix}-Remaining"])
        assert 0 < int(second.headers[f"{prefix}-Reset"]) <= 60
        assert f"{prefix}-Warning" not in second.headers


@pytest.mark.parametrize(
    ("token", "scope", "prefix"),
    [
        (tokens.USER_LIMITED_TOKEN, "rest_user", "RateLimit-User"),
        (tokens.ORGANIZATION_LIMITED_TOKEN, "rest", "RateLimit"),
    ],
)
def test_the_bucket_that_is_empty_is_named(make_client: Make, token: str, scope: str, prefix: str) -> None:
    """The sixth request of a minute is one too many; there is no Retry-After."""
    client = make_client(token)
    answers = [client.get("/user") for _ in range(6)]
    assert [200] * 5 + [429] == [answer.status_code for answer in answers]
    body = answers[-1].json()
    assert {"scope": scope, "limit": 5, "current": 6} == {key: body[key] for key in ("scope", "limit", "current")}
    assert body["reset"] == int(answers[-1].headers[f"{prefix}-Reset"])
    assert "0" == answers[-1].headers[f"{prefix}-Remaining"]
    assert f"{prefix}-Warning" in answers[-1].headers
    assert "retry-after" not in answers[-1].headers


def test_a_bucket_fills_again() -> None:
    """When its window is over."""
    bucket = tokens.Bucket(tokens.Limit(2, 2))
    assert [True, True, False] == [bucket.take(now) for now in (0.0, 0.5, 1.9)]
    assert 1 == bucket.reset(1.9)
    assert bucket.take(2.0)
    assert 1 == bucket.remaining()


def test_the_brief_limit_lets_a_client_go_on_soon(make_client: Make) -> None:
    """Two requests, then a reset of at most two seconds."""
    client = make_client(tokens.BRIEFLY_LIMITED_TOKEN)
    answers = [client.get("/user") for _ in range(3)]
    assert 429 == answers[-1].status_code
    assert answers[-1].json()["reset"] in {1, 2}


def test_the_organization_says_its_own_bucket(make_client: Make) -> None:
    """And nothing of the user's."""
    scopes = make_client(tokens.REAL_LIMITS_TOKEN).get("/organizations/acme/rate_limit").json()["scopes"]
    assert {"rest", "graphql"} == scopes.keys()
    assert (200, True) == (scopes["rest"]["limit"], scopes["rest"]["enforced"])


def test_faults_strike_here_too(make_client: Make) -> None:
    """A token that fails once is good afterwards."""
    client = make_client(fault_token("502", once=True, tag="guard"))
    assert [502, 200] == [client.get("/user").status_code for _ in range(2)]


def test_who_it_is_and_where(get: Callable[..., Any]) -> None:
    """The user and the organization."""
    assert "ada@acme.example" == get("/user")["email"]
    assert ["acme"] == [item["slug"] for item in get("/organizations")]
    assert "https://buildkite.com/acme" == get("/organizations/acme")["web_url"]
