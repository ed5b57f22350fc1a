"""What is called for: force, rebuild, stop, cancel; and who may."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ci_mcp.sandbox.buildbot import world
from ci_mcp.sandbox.buildbot.model import CANCELLED, FAILURE, SUCCESS

Get = Callable[..., Any]
Call = Callable[..., Any]
Clients = Callable[..., httpx.Client]
_SHOP = world.SHOP_BUILDER


def _ended(get: Get, request: int) -> dict[str, Any]:
    """The build of a request once it has ended."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        builds = get(f"/buildrequests/{request}/builds?property=branch&property=reason")
        if builds and builds[-1]["complete"]:
            return dict(builds[-1])
        time.sleep(0.1)
    raise AssertionError("it did not end")


def test_a_forced_build_runs_and_ends(get: Get, call: Call) -> None:
    """As the newest build of its branch did, within seconds."""
    number, requests = call("/forceschedulers/force", "force", builderid=_SHOP, branch="main", reason="try it")
    build = _ended(get, requests[str(_SHOP)])
    assert (FAILURE, "main") == (build["results"], build["properties"]["branch"][0])
    assert "try it" in get(f"/buildsets/{number}")["reason"]


def test_a_rebuild_tells_of_what(get: Get, call: Call) -> None:
    """It builds the same revision."""
    number, requests = call(f"/builds/{world.SHOP_RELEASE_BUILD}", "rebuild")
    before = get(f"/builds/{world.SHOP_RELEASE_BUILD}?property=revision")["properties"]
    again = _ended(get, requests[str(_SHOP)])
    assert world.SHOP_RELEASE_BUILD == get(f"/buildsets/{number}")["rebuilt_buildid"]
    assert SUCCESS == again["results"]
    assert before == get(f"/builds/{again['buildid']}?property=revision")["properties"]


def test_a_running_build_is_stopped(get: Get, call: Call) -> None:
    """It ends soon, with a log that says why; what cannot be stopped is answered alike."""
    assert call(f"/builds/{world.SLOW_BUILD}", "stop", reason="too slow") is None
    until = time.monotonic() + 60
    while not (build := get(f"/builds/{world.SLOW_BUILD}"))["complete"] and time.monotonic() < until:
        time.sleep(0.1)
    assert CANCELLED == build["results"]
    assert build["state_string"].startswith("cancelled (too slow)")
    assert {"stdio", "cancelled"} == {log["slug"] for log in get(f"/builds/{world.SLOW_BUILD}/steps/slow/logs")}
    assert call("/builds/9999", "stop") is None


def test_by_its_builders_name_a_build_is_rebuilt_but_not_stopped(call: Call, make_client: Clients) -> None:
    """The server trips over its own path there."""
    path = f"/builders/shop/builds/{world.SHOP_MAIN_NUMBER}"
    body = {"jsonrpc": "2.0", "id": 1, "method": "stop", "params": {}}
    assert 500 == make_client().post(f"/api/v2{path}", json=body).status_code
    assert [str(_SHOP)] == list(call(path, "rebuild")[1])


def test_a_waiting_request_is_cancelled(get: Get, call: Call) -> None:
    """Nothing takes it, and then it is over; without a worker a forced build waits."""
    builder = get("/builders/waiting")["builderid"]
    _, requests = call("/forceschedulers/force", "force", builderid=builder)
    request = requests[str(builder)]
    assert not get(f"/buildrequests/{request}")["claimed"]
    call(f"/buildrequests/{request}", "cancel")
    assert CANCELLED == get(f"/buildrequests/{request}")["results"]


def test_a_running_request_is_cancelled(get: Get, call: Call) -> None:
    """Its build is stopped."""
    _, requests = call("/forceschedulers/force", "force", builderid=_SHOP, branch="main")
    call(f"/buildrequests/{requests[str(_SHOP)]}", "cancel")
    assert CANCELLED == get(f"/buildrequests/{requests[str(_SHOP)]}")["results"]


def test_without_a_builder_all_are_forced(call: Call) -> None:
    """A form's every builder, which here is one."""
    given = {"reason": "r", "options_version": "1.0", "options_jobs": "3", "options_dry_run": "true"}
    _, requests = call("/forceschedulers/release-form", "force", **given, Main_branch="release")
    assert [str(_SHOP)] == list(requests)


def test_a_builder_is_named_by_id_or_name(call: Call, make_client: Clients) -> None:
    """An unknown one is a fault of the server's."""
    assert [str(_SHOP)] == list(call("/forceschedulers/force", "force", builderid="shop")[1])
    body = {"jsonrpc": "2.0", "id": 1, "method": "force", "params": {"builderid": 9999}}
    assert 500 == make_client().post("/api/v2/forceschedulers/force", json=body).status_code


def test_workers_and_schedulers_are_changed(get: Get, call: Call) -> None:
    """A worker is paused with a reason and may be told to go; a scheduler is switched off and on."""
    call("/workers/worker-1", "pause", reason="a new disk")
    assert (True, "a new disk") == tuple(get("/workers/worker-1")[name] for name in ("paused", "pause_reason"))
    call("/workers/worker-1", "unpause")
    call("/workers/worker-2", "graceful")
    assert get("/workers/worker-2")["graceful"]
    call("/schedulers/1", "enable", enabled=False)
    assert not get("/forceschedulers/force")["enabled"]
    call("/schedulers/1", "enable", enabled=True)
    assert get("/schedulers/1")["enabled"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("[]", "JSONRPC root object must be an object"),
        ('{"jsonrpc": 2}', "'jsonrpc' must be a string"),
        ('{"jsonrpc": "2.0", "method": "x", "id": 1}', "missing key 'params'"),
    ],
)
def test_bodies_that_are_no_calls(make_client: Clients, body: str, said: str) -> None:
    """They are refused without an id."""
    headers = {"Content-Type": "application/json"}
    answer = make_client().post(f"/api/v2/builds/{world.SHOP_MAIN_BUILD}", content=body, headers=headers)
    assert (400, said) == (answer.status_code, answer.json()["error"]["message"])
    assert "id" not in answer.json()


def _rebuild(client: httpx.Client) -> int:
    body = {"jsonrpc": "2.0", "id": 1, "method": "rebuild", "params": {}}
    return client.post(f"/api/v2/builds/{world.SHOP_MAIN_GREEN_BUILD}", json=body).status_code


@pytest.mark.parametrize(
    ("origin", "user", "reads", "calls"),
    [
        ("api", "", 200, 200),
        ("closed", "", 200, 403),
        ("closed", world.OTHER_USER, 200, 403),
        ("closed", world.USER, 200, 200),
        ("private", "", 403, 403),
        ("private", world.USER, 200, 200),
    ],
)
def test_who_may_do_what(make_client: Clients, origin: str, user: str, reads: int, calls: int) -> None:
    """Open servers let all in; others want a login, which is a cookie."""
    client = make_client(origin, user=user)
    assert (reads, calls) == (client.get("/api/v2/builders").status_code, _rebuild(client))


def test_a_login_page_wants_basic_credentials(make_client: Clients) -> None:
    """The last of its two cookies is the one that counts; Basic credentials alone are nothing to the API."""
    client = make_client("closed")
    assert 401 == client.get("/auth/login").status_code
    assert 401 == client.get("/auth/login", auth=(world.USER, "wrong")).status_code
    answer = client.get("/auth/login", auth=(world.USER, world.PASSWORD))
    assert 2 == len(answer.headers.get_list("set-cookie"))
    plain = make_client("closed", auth=(world.USER, world.PASSWORD))
    assert 403 == _rebuild(plain)
    assert {"username": "ada", "email": "ada"} == client.get("/config").json()["user"]


def test_a_proxy_wants_basic_credentials_with_each_request(make_client: Clients) -> None:
    """It asks for them before Buildbot sees anything."""
    refused = make_client("proxied").get("/api/v2/builders")
    assert (401, 'Basic realm="Buildbot"') == (refused.status_code, refused.headers["www-authenticate"])
    assert 401 == make_client("proxied", headers={"Authorization": "Basic !"}).get("/").status_code
    client = make_client("proxied", auth=(world.USER, world.PASSWORD))
    assert (200, 200) == (client.get("/api/v2/builders").status_code, _rebuild(client))


def test_pages_beside_the_api(make_client: Clients) -> None:
    """The front page, where the API is, and what the server is."""
    client = make_client()
    assert "Buildbot" in client.get("/").text
    assert client.get("/api").json()["api_versions"]["v2"].endswith("/api/v2")
    assert ["Buildbot", "4.3.0"] in client.get("/config").json()["versions"]
