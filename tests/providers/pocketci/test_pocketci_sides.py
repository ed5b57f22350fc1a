"""The two sides of a server and the tokens that open them: open, Basic, and OAuth with one token or both."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from ci_mcp.auth.credentials import Credential
from ci_mcp.auth.redact import redact
from ci_mcp.core.call import call
from ci_mcp.core.services import Services
from ci_mcp.errors import AuthError, PermissionDeniedError, TimedOutError, UnsupportedError
from ci_mcp.net.api import HttpApi
from ci_mcp.providers.pocketci import places
from ci_mcp.sandbox.pocketci.tokens import PASSWORD, USER
from ci_mcp.sandbox.serve import Service

pytestmark = pytest.mark.anyio

P = "8adfc0542ede54106291c3c8d196f2b6"


async def identity(opened: Services) -> Any:
    """Who the token of these services is."""
    return await places.identity(opened.api("pocketci"))


async def test_an_open_server_is_asked_without_a_token(fake: Callable[..., HttpApi], recorded: Any) -> None:
    """There is nothing to prove; the address alone configures it."""
    asked: list[httpx.Request] = []
    found = await places.identity(fake(recorded, {"GET /api/features": {"features": ["gates"]}}, asked))
    assert ("accepted", "features: gates") == (found.name, found.note)
    assert not any("authorization" in request.headers for request in asked)


async def test_user_and_password_of_the_address_open_both_sides(
    services: Callable[..., Services], service: Service, demo: Any
) -> None:
    """Basic, from POCKETCI_URL; the password is shown nowhere."""
    url = service.urls["basic"].replace("://", f"://{USER}:{PASSWORD}@")
    async with services(POCKETCI_URL=url) as opened:
        assert USER == (await identity(opened)).name
        answer = await call(opened, "pocketci_runs_list", {"pipeline": "shop"})
        assert demo.SHOP_RUN == answer.data["items"][0]["id"]
        said = await call(opened, "pocketci_tasks_search", {"query": "AssertionError", "run": demo.SHOP_RUN})
        assert "test > pytest" in said.text
    assert "[redacted: token]" == redact(PASSWORD)


async def test_a_wrong_password_says_how_to_give_the_right_one(
    services: Callable[..., Services], service: Service
) -> None:
    """As exit 3, with the variable to set."""
    url = service.urls["basic"].replace("://", "://admin:wrong-password@")
    async with services(POCKETCI_URL=url) as opened:
        with pytest.raises(AuthError, match=r"no such user and password: .*POCKETCI_URL: USER:PASSWORD@") as caught:
            await call(opened, "pocketci_pipelines_list", {})
        assert str(caught.value) == redact(str(caught.value))  # what says where a password goes is none
    async with services(POCKETCI_URL=url) as opened:
        with pytest.raises(AuthError, match="takes no such user and password"):
            await identity(opened)


async def test_an_expired_token_of_mcp_says_that_it_has_ended(
    services: Callable[..., Services], side_token: Callable[..., str]
) -> None:
    """The server says of it only that it is invalid."""
    token = side_token("mcp", lifetime=-60)
    async with services("oauth", POCKETCI_MCP_TOKEN=token) as opened:
        with pytest.raises(AuthError, match=r"the token for .* ended on .*: set POCKETCI_MCP_TOKEN to a new one"):
            await identity(opened)


async def test_a_token_for_one_side_is_not_called_good_for_the_other(
    services: Callable[..., Services], side_token: Callable[..., str]
) -> None:
    """Where only /mcp can answer, and the token it got is the API's."""
    async with services("oauth", POCKETCI_MCP_TOKEN=side_token("api")) as opened:
        with pytest.raises(AuthError, match="the token is for api, not for /mcp"):
            await identity(opened)


async def test_a_server_that_wants_a_login_says_so(services: Callable[..., Services]) -> None:
    """Nothing was sent that it could refuse."""
    async with services("oauth") as opened:
        with pytest.raises(AuthError, match='wants a login: run "ci-mcp auth login pocketci"'):
            await call(opened, "pocketci_pipelines_list", {})


async def test_a_token_of_the_api_reads_everything_the_longer_way(
    services: Callable[..., Services], side_token: Callable[..., str], service: Service, demo: Any
) -> None:
    """Its audience tells that /mcp is shut to it, so that is never asked."""
    async with services("oauth", POCKETCI_TOKEN=side_token("api")) as opened:
        runs = await call(opened, "pocketci_runs_list", {"pipeline": "shop"})
        assert demo.SHOP_RUN == runs.data["items"][0]["id"]
        assert "failed" == runs.data["items"][0]["status"]
        assert "read from the web's list" in runs.data["note"]
        tasks = await call(opened, "pocketci_tasks_list", {"run": demo.SHOP_RUN, "status": "problem"})
        assert [1, None] == [item.get("exit_code") for item in reversed(tasks.data["items"])]
        said = await call(opened, "pocketci_tasks_search", {"query": "assert 1790", "run": demo.SHOP_RUN})
        assert "read one by one" in said.text
        assert "assert 1790 == 1800" in said.text
        pipelines = await call(opened, "pocketci_pipelines_search", {"query": "shop release"})
        assert "shop-release" in [item["name"] for item in pipelines.data["items"]]
        assert "searched here" in pipelines.data["note"]
        explained = await call(opened, "ci_explain", {"target": "pocketci:shop"})
        assert "assert 1790 == 1800" in explained.text
        who = await identity(opened)
    assert 0 == service.requests["POST /mcp"]
    assert ("dev@example.com", "api") == (who.name, who.audience)
    assert who.expires > datetime.now(UTC)
    assert "POCKETCI_MCP_TOKEN" in who.note


async def test_each_side_gets_the_token_that_is_for_it(
    services: Callable[..., Services], side_token: Callable[..., str], service: Service, demo: Any
) -> None:
    """With both, nothing takes the longer way; neither token is shown."""
    tokens = {"POCKETCI_TOKEN": side_token("api"), "POCKETCI_MCP_TOKEN": side_token("mcp")}
    async with services("oauth", **tokens) as opened:
        runs = await call(opened, "pocketci_runs_list", {"pipeline": "shop"})
        assert demo.SHOP_RUN == runs.data["items"][0]["id"]
        assert "note" not in runs.data
        who = await identity(opened)
    assert service.requests["POST /mcp"]
    assert "/mcp token for mcp, ends 20" in who.note
    assert ["[redacted: token]"] * 2 == [redact(token) for token in tokens.values()]


async def test_a_token_of_mcp_alone_reads_what_that_side_has(
    services: Callable[..., Services], side_token: Callable[..., str], demo: Any
) -> None:
    """Lists, runs and logs; nothing can be started."""
    async with services("oauth", POCKETCI_MCP_TOKEN=side_token("mcp")) as opened:
        found = await call(opened, "pocketci_pipelines_describe", {"pipeline": "shop"})
        assert "test" in found.data["jobs"]
    async with services("oauth", POCKETCI_MCP_TOKEN=side_token("mcp")) as opened:
        assert "the API is shut to it" in (await identity(opened)).note
        runs = await call(opened, "pocketci_runs_list", {"pipeline": "shop"})
        assert demo.SHOP_RUN == runs.data["items"][0]["id"]
        explained = await call(opened, "ci_explain", {"target": "pocketci:shop"})
        assert "assert 1790 == 1800" in explained.text
        with pytest.raises(AuthError, match="wants a login"):
            await call(opened, "pocketci_runs_rerun", {"run": demo.SHOP_RUN})


async def test_a_refusal_says_why_the_second_time_too(
    services: Callable[..., Services], side_token: Callable[..., str], demo: Any
) -> None:
    """What is shut is not asked again, and what was wrong with the token is still told."""
    async with services("oauth", POCKETCI_TOKEN=side_token("api", lifetime=-60)) as opened:
        for _ in range(2):
            with pytest.raises(AuthError, match="ended on"):
                await call(opened, "pocketci_runs_describe", {"run": demo.SHOP_RUN})
    async with services("basic") as opened:
        for name in ("pocketci_pipelines_list", "pocketci_pipelines_list"):
            with pytest.raises(AuthError, match="wants"):
                await call(opened, name, {})


async def test_a_token_of_mcp_in_the_api_s_place_is_told(
    fake: Callable[..., HttpApi], recorded_oauth: Any, token: Callable[..., str]
) -> None:
    """The server's own words would be that it is invalid."""
    refused = httpx.Response(401, json={"error": "invalid or expired token"})
    answers = {"GET /api/features": refused, f"POST /api/pipelines/{P}/pause": refused}
    api = fake(recorded_oauth, answers, credential=Credential(token(aud=["mcp"]), "a test"))
    found = await places.identity(api)
    assert "mcp" == found.audience
    with pytest.raises(AuthError, match=r"the token is for mcp, not for the API of pocketci\.example\.com"):
        await places.side.post(api, f"/api/pipelines/{P}/pause", "pipeline")


async def test_a_token_that_has_ended_is_told_by_its_date(
    services: Callable[..., Services], side_token: Callable[..., str]
) -> None:
    """The server says invalid or expired: the token itself says which."""
    async with services("oauth", POCKETCI_TOKEN=side_token("api", lifetime=-60)) as opened:
        with pytest.raises(AuthError, match=r"ended on \d{4}-\d\d-\d\d at"):
            await call(opened, "pocketci_pipelines_list", {})


async def test_a_token_that_does_not_say_its_side_is_tried_once(
    fake: Callable[..., HttpApi], token: Callable[..., str]
) -> None:
    """Older servers gave such; what /mcp refuses once it is not asked again."""
    asked: list[httpx.Request] = []
    answers = {
        "/mcp": httpx.Response(401, text="invalid token\n"),
        "GET /api/runs/abcdef/tasks": [],
        "GET /api/runs/abcdef/status": {"id": "abcdef", "pipeline_id": P, "status": "failed", "error_message": "no"},
    }
    api = fake(None, answers, asked, credential=Credential(token(), "a test"))
    for _ in range(2):
        await places.read.rows_of(api, "abcdef")
    assert 1 == sum(request.url.path == "/mcp" for request in asked)


async def test_a_guard_in_front_of_mcp_is_no_error(fake: Callable[..., HttpApi]) -> None:
    """A proxy that keeps the host's name makes the server refuse /mcp with 403."""
    answers = {"/mcp": httpx.Response(403, text='Forbidden: invalid Host header "ci.example.com"\n')}
    api = fake(None, answers | {"GET /api/runs/abcdef/tasks": []})
    assert [] == await places.read.rows_of(api, "abcdef")


async def test_a_page_that_asks_to_sign_in_is_no_list_of_runs(fake: Callable[..., HttpApi], recorded: Any) -> None:
    """The web redirects where the API would refuse."""
    answers = {
        "/mcp": httpx.Response(401, text="no bearer token\n"),
        f"GET /pipelines/{P}/runs-search/": httpx.Response(302, headers={"location": "/auth/login"}),
        "GET /auth/login": httpx.Response(200, text="<h1>Sign in</h1>"),
    }
    with pytest.raises(AuthError, match="wants a login"):
        await places.read.runs(fake(recorded, answers), P)("")


async def test_the_web_s_rows_are_read_as_recorded(
    fake: Callable[..., HttpApi], recorded_oauth: Any, token: Callable[..., str]
) -> None:
    """Id, status, trigger, who and when."""
    key = next(key for key in recorded_oauth.answers if "runs-search" in key)
    page = recorded_oauth.answers[key]
    api = fake(None, {f"GET /pipelines/{P}/runs-search/": page}, credential=Credential(token(aud=["api"]), "a test"))
    found, following = await places.read.runs(api, P)("")
    assert following is None
    assert [
        {
            "id": "HnvXG8p2tqiW1AZxg-Mad",
            "pipeline_id": P,
            "status": "failed",
            "started_at": "2026-11-21T04:46:11Z",
            "created_at": "2026-11-21T04:46:11Z",
            "elapsed": "0s",
            "trigger_type": "manual",
            "triggered_by": "github:dev@example.com",
        }
    ] == found


async def test_the_web_s_list_goes_on(fake: Callable[..., HttpApi], token: Callable[..., str]) -> None:
    """Its pages are counted in words."""
    page = '<div id="runs-section"></div><p>Page\n 2 of\n 3</p>'
    answers = {f"GET /pipelines/{P}/runs-search/": httpx.Response(200, text=page)}
    api = fake(None, answers, credential=Credential(token(aud=["api"]), "a test"))
    assert ([], "3") == await places.read.runs(api, P)("2")


async def test_what_rules_hide_is_a_missing_permission(fake: Callable[..., HttpApi]) -> None:
    """A pipeline's own rules may shut its author out."""
    refused = httpx.Response(403, json={"error": "access denied to this pipeline"})
    with pytest.raises(PermissionDeniedError, match="may not see or change pipeline"):
        await places.read.pipeline(fake(None, {f"GET /api/pipelines/{P}": refused}), P)


async def test_variables_of_gitlab_are_its_own(services: Callable[..., Services], service: Service) -> None:
    """Inside a GitLab job they name another server."""
    gitlab = {"CI_SERVER_URL": "https://gitlab.example.com", "CI_AUTH_TOKEN": "glcbt-of-gitlab", "GITLAB_CI": "true"}
    async with services(POCKETCI_URL="", **gitlab) as opened:
        assert [] == opened.configured()
    async with services(POCKETCI_URL="", CI_SERVER_URL=service.url) as opened:
        assert ["pocketci"] == opened.configured()


async def test_the_command_line_s_own_file_is_read(
    services: Callable[..., Services], side_token: Callable[..., str], service: Service, tmp_path: Path
) -> None:
    """What `pocketci login` wrote; another path of it may be given."""
    file = tmp_path / "elsewhere.config"
    url = service.urls["oauth"]
    file.write_text(f'{{"servers": {{"{url}": {{"token": "{side_token("api")}"}}}}}}', encoding="utf-8")
    async with services("oauth", CI_AUTH_CONFIG=str(file)) as opened:
        assert "dev@example.com" == (await identity(opened)).name
        host = opened.api("pocketci").host
        assert "~/.pocketci/auth.config" == opened.source("pocketci", host)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"servers": []}', '{"servers": {"a": 1, "b": {"token": 3}}}'])
def test_a_file_in_another_shape_holds_no_tokens(text: str) -> None:
    """It is another program's."""
    assert {} == places.tokens(text)


async def test_logging_in_gives_the_token_that_was_approved(
    services: Callable[..., Services], service: Service
) -> None:
    """A person opens the page that is told, and says yes."""

    def approve(said: str) -> None:
        page = said.rpartition(" ")[2]
        assert page.startswith(service.urls["oauth"])
        httpx.post(page).raise_for_status()

    async with services("oauth") as opened:
        token = await places.login(opened.api("pocketci"), approve)
    async with services("oauth", POCKETCI_TOKEN=token) as opened:
        assert "api" == (await identity(opened)).audience


async def test_logging_in_waits_for_the_person(
    fake: Callable[..., HttpApi], recorded_oauth: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pending, until it is approved."""
    monkeypatch.setattr(places, "POLL", 0.05)
    polls = iter([httpx.Response(202, json={"status": "pending"}), {"status": "approved", "token": "the-token"}])
    api = fake(recorded_oauth, {"GET /auth/cli/poll": lambda _: next(polls)})
    begun = time.monotonic()
    assert "the-token" == await places.login(api, lambda _: None)
    assert places.POLL <= time.monotonic() - begun


async def test_a_login_that_nobody_approves_ends(fake: Callable[..., HttpApi], recorded_oauth: Any) -> None:
    """The server forgets its code after ten minutes."""
    gone = httpx.Response(410, json={"error": "code expired"})
    with pytest.raises(TimedOutError, match="not approved in time"):
        await places.login(fake(recorded_oauth, {"GET /auth/cli/poll": gone}), lambda _: None)


async def test_a_server_without_a_login_says_what_to_do(services: Callable[..., Services]) -> None:
    """It is open, or takes user and password."""
    async with services() as opened:
        with pytest.raises(UnsupportedError, match="--token-stdin"):
            await places.login(opened.api("pocketci"), lambda _: None)
