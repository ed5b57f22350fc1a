"""The server's three ways to ask who it is, and how one signs in at the third."""

import base64
import hashlib
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ci_mcp.sandbox.pocketci import tokens, world

MCP = {"Accept": "application/json, text/event-stream"}
PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
REDIRECT = "http://127.0.0.1:5555/cb"
VERIFIER = "a-verifier-of-at-least-43-characters-as-the-rfc-wants"


def challenge() -> str:
    """What is told of the verifier beforehand."""
    return base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


def sides(server: Any, token: str) -> tuple[int, int]:
    """What the API and the MCP endpoint answer to a token."""
    headers = {"Authorization": f"Bearer {token}"}
    api = server.client.get("/api/pipelines", headers=headers).status_code
    return api, server.client.post("/mcp", json=PING, headers=MCP | headers).status_code


def test_each_door_asks_in_its_own_way(make_client: Callable[..., Any]) -> None:
    """The same world behind all three, and its health for everybody."""
    for origin, status in (("api", 200), ("basic", 401), ("oauth", 401)):
        client = make_client(origin, "")
        assert [status, 200] == [client.get(path).status_code for path in ("/api/pipelines", "/health")]
    basic = make_client("basic", "", auth=(tokens.USER, tokens.PASSWORD))
    assert "failed" == basic.get(f"/api/runs/{world.SHOP_RUN}/status").json()["status"]


def test_each_token_is_good_on_one_side(make_server: Callable[..., Any]) -> None:
    """Older ones without an audience at the API alone, and none for ever."""
    server = make_server("oauth")
    now = server.clock.unix(0)
    assert (200, 401) == sides(server, tokens.make_token("api", now))
    assert (200, 401) == sides(server, tokens.make_token("", now))
    assert (401, 200) == sides(server, tokens.make_token("mcp", now, scopes=("ci:read",)))
    assert (401, 403) == sides(server, tokens.make_token("mcp", now))
    server.clock.wait(tokens.LIFETIME + 1)
    assert (401, 401) == sides(server, tokens.make_token("api", now))


@pytest.mark.parametrize("token", ["x", "a.b.c", "bm8.bm8.x", tokens.make_token("api", 0).rpartition(".")[0] + ".x"])
def test_what_is_no_token_is_refused(make_server: Callable[..., Any], token: str) -> None:
    """On both sides."""
    assert (401, 401) == sides(make_server("oauth"), token)


def test_the_device_flow_ends_in_a_token_of_the_api(make_server: Callable[..., Any]) -> None:
    """Which is given once."""
    server = make_server("oauth")
    begun = server.client.post("/auth/cli/begin").json()
    poll = f"/auth/cli/poll?code={begun['code']}"
    assert 202 == server.client.get(poll).status_code
    page = urlsplit(begun["login_url"])
    assert f'value="{begun["code"]}"' in server.client.get(f"{page.path}?{page.query}").text
    assert "Approved" in server.client.post(page.path, data={"code": begun["code"]}).text
    token = server.client.get(poll).json()["token"]
    assert (200, 401) == sides(server, token)
    assert 404 == server.client.get(poll).status_code
    assert 400 == server.client.get("/auth/cli/approve?code=x").status_code


def test_a_code_is_good_for_ten_minutes(make_server: Callable[..., Any]) -> None:
    """Then it is gone."""
    server = make_server("oauth")
    code = server.client.post("/auth/cli/begin").json()["code"]
    server.clock.wait(601)
    gone = server.client.get(f"/auth/cli/poll?code={code}")
    assert (410, {"error": "code expired"}) == (gone.status_code, gone.json())


def grant(server: Any, **changes: str) -> Any:
    """Register a client and let it in; where its browser is sent."""
    client = server.client.post("/oauth/register", json={"redirect_uris": [REDIRECT]}).json()["client_id"]
    query = {"response_type": "code", "client_id": client, "redirect_uri": REDIRECT, "state": "s",
             "code_challenge": challenge(), "code_challenge_method": "S256"} | changes  # fmt: skip
    return server.client.get("/oauth/authorize", params=query)


def test_a_client_gets_a_token_of_the_mcp_endpoint(make_server: Callable[..., Any]) -> None:
    """With PKCE, by a code that is good once."""
    server = make_server("oauth")
    back = parse_qs(urlsplit(grant(server).headers["location"]).query)
    assert ["s"] == back["state"]
    sent = {"grant_type": "authorization_code", "code": back["code"][0], "code_verifier": VERIFIER,
            "redirect_uri": REDIRECT}  # fmt: skip
    said = server.client.post("/oauth/token", data=sent).json()
    assert ("Bearer", 2_592_000, "ci:read") == (said["token_type"], said["expires_in"], said["scope"])
    assert (401, 200) == sides(server, said["access_token"])
    assert "invalid_grant" == server.client.post("/oauth/token", data=sent).json()["error"]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"client_id": "x"}, "invalid_client"),
        ({"redirect_uri": "http://elsewhere.example"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
    ],
)
def test_who_asks_wrongly_is_not_let_in(make_server: Callable[..., Any], changes: dict[str, str], error: str) -> None:
    """The browser stays."""
    server = make_server("oauth")
    assert error == grant(server, **changes).json()["error"]
    assert "invalid_client_metadata" == server.client.post("/oauth/register", json={}).json()["error"]


@pytest.mark.parametrize(
    ("changes", "error", "late"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type", 0),
        ({"code_verifier": ""}, "invalid_request", 0),
        ({"code_verifier": "another"}, "invalid_grant", 0),
        ({"redirect_uri": "http://elsewhere.example"}, "invalid_grant", 0),
        ({}, "invalid_grant", 601),
    ],
)
def test_a_code_alone_is_not_enough(
    make_server: Callable[..., Any], changes: dict[str, str], error: str, late: float
) -> None:
    """The verifier, the address and the time have to fit."""
    server = make_server("oauth")
    code = parse_qs(urlsplit(grant(server).headers["location"]).query)["code"][0]
    server.clock.wait(late)
    sent = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER, "redirect_uri": REDIRECT}
    assert error == server.client.post("/oauth/token", data=sent | changes).json()["error"]


def test_a_browser_is_sent_to_sign_in_and_back(make_server: Callable[..., Any]) -> None:
    """What asks for JSON is told so instead."""
    server = make_server("oauth")
    assert "/auth/login" == server.client.get("/pipelines/").headers["location"]
    assert 401 == server.client.get("/pipelines/", headers={"Accept": "application/json"}).status_code
    server.client.get("/auth/login")
    assert 200 == server.client.get("/pipelines/").status_code
    run = server.client.post(f"/api/pipelines/{world.SHOP}/trigger").json()
    assert "github:dev@example.com" == run["triggered_by"]


@pytest.mark.parametrize(
    ("mode", "expression", "status"),
    [
        ("open", 'Email == "dev@example.com"', 403),
        ("oauth", 'Email == "dev@example.com"', 200),
        ("oauth", 'Email endsWith "@other.io"', 403),
        ("oauth", "true", 403),
    ],
)
def test_an_expression_keeps_a_pipeline_to_some(
    make_server: Callable[..., Any], mode: str, expression: str, status: int
) -> None:
    """Its runs and its gates too; it is counted in lists all the same."""
    server = make_server(mode)
    server.world.pipelines[world.GATED].settings["rbac_expression"] = expression
    headers = {"Authorization": "Bearer " + tokens.make_token("api", server.clock.unix(0))}
    for path in (f"/api/pipelines/{world.GATED}", f"/api/runs/{world.GATED_RUN}/gates"):
        assert status == server.client.get(path, headers=headers).status_code
    page = server.client.get("/api/pipelines?per_page=100", headers=headers).json()
    assert (status == 200) == (page["total_items"] == len(page["items"]))
