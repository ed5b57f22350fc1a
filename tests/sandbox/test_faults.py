"""Every fault that can be planted, seen from a client."""

import time
from collections.abc import Callable

import httpx
import pytest

from ci_mcp.sandbox.faults import FAULTS, fault_id, fault_token
from ci_mcp.sandbox.semaphore import world
from ci_mcp.sandbox.serve import Service

PLAIN = {name: fault for name, fault in FAULTS.items() if not fault.trick}


@pytest.mark.parametrize("name", PLAIN)
def test_a_token_provokes_a_plain_answer(make_client: Callable[..., httpx.Client], name: str) -> None:
    """Status, body and type are those of the fault, whatever is asked for."""
    answer = make_client(fault_token(name)).get("/projects")
    fault = PLAIN[name]
    assert (fault.status, fault.body) == (answer.status_code, answer.text)
    assert fault.content_type == answer.headers.get("content-type", "")
    assert dict(fault.headers).items() <= answer.headers.items()


@pytest.mark.parametrize("name", PLAIN)
def test_an_id_provokes_a_plain_answer(client: httpx.Client, name: str) -> None:
    """In a path and in a query, with the good token."""
    in_path = client.get(f"/logs/{fault_id(name)}")
    in_query = client.get("/pipelines", params={"project_id": fault_id(name)})
    assert [PLAIN[name].body] * 2 == [in_path.text, in_query.text]
    assert [PLAIN[name].status] * 2 == [in_path.status_code, in_query.status_code]


def test_rate_limits_come_with_and_without_a_time(make_client: Callable[..., httpx.Client]) -> None:
    """``Retry-After`` is there, or it is not."""
    told = make_client(fault_token("429")).get("/projects")
    bare = make_client(fault_token("429-bare")).get("/projects")
    assert ["7", None] == [told.headers.get("retry-after"), bare.headers.get("retry-after")]


def test_a_broken_body_is_no_json(make_client: Callable[..., httpx.Client]) -> None:
    """It says that it is JSON and ends too early."""
    answer = make_client(fault_token("broken-json")).get("/projects")
    assert "application/json" == answer.headers["content-type"]
    with pytest.raises(ValueError, match="Unterminated"):
        answer.json()


def test_a_connection_is_cut_before_the_answer(make_client: Callable[..., httpx.Client]) -> None:
    """The client sees no status at all."""
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        make_client(fault_token("cut")).get("/projects")


def test_a_connection_is_cut_inside_the_body(client: httpx.Client) -> None:
    """The status comes, the body does not come whole; here provoked by an id."""
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
        client.get(f"/logs/{fault_id('cut-body')}")


def test_a_stall_never_answers(service: Service) -> None:
    """Only the client's own patience ends it, and the next request is served."""
    headers = {"Authorization": f"Token {fault_token('stall')}"}
    begin = time.monotonic()
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(f"{service.url}/api/v1alpha/projects", headers=headers, timeout=0.3)
    assert time.monotonic() - begin >= 0.3
    good = {"Authorization": f"Token {service.token}"}
    assert 200 == httpx.get(f"{service.url}/api/v1alpha/projects", headers=good).status_code


@pytest.mark.parametrize("name", ["429-soon", "503", "502"])
def test_a_fault_can_strike_once(make_client: Callable[..., httpx.Client], name: str) -> None:
    """The first request to each path fails, and the token is good afterwards."""
    client = make_client(fault_token(name, once=True, tag="here"))
    statuses = [client.get("/projects").status_code for _ in range(3)]
    assert [FAULTS[name].status, 200, 200] == statuses
    assert FAULTS[name].status == client.get(f"/pipelines/{world.SHOP_MAIN_PIPELINE}").status_code


def test_a_cut_can_strike_once(make_client: Callable[..., httpx.Client]) -> None:
    """A client that tries again gets its answer."""
    client = make_client(fault_token("cut", once=True))
    with pytest.raises(httpx.RemoteProtocolError):
        client.get("/projects")
    assert 200 == client.get("/projects").status_code


def test_tags_keep_tokens_apart(make_client: Callable[..., httpx.Client]) -> None:
    """Two tests can each have their own first request."""
    first, second = (make_client(fault_token("503", once=True, tag=tag)) for tag in ("one", "two"))
    assert [503, 503] == [first.get("/projects").status_code, second.get("/projects").status_code]


def test_an_unknown_fault_is_a_mistake_of_the_test(make_client: Callable[..., httpx.Client]) -> None:
    """There is no token for it, and a token made by hand is just a bad one."""
    for make in (fault_id, fault_token):
        with pytest.raises(KeyError):
            make("418")
    assert 401 == make_client("demo-fault-418").get("/projects").status_code
