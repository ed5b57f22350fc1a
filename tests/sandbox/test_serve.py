"""Starting, serving and stopping the sandbox."""

import importlib
import socket
import threading
from contextlib import suppress

import httpx
import pytest

from ci_mcp.sandbox.faults import fault_token
from ci_mcp.sandbox.semaphore import world
from ci_mcp.sandbox.serve import Service, service_names, start


def test_services_are_found_by_their_presence() -> None:
    """Every package in the folder is a service, and Semaphore is one of them."""
    assert "semaphore" in service_names()


@pytest.mark.parametrize("name", service_names())
def test_a_service_says_what_a_client_needs(name: str) -> None:
    """URL, token, vendor host and the environment that points at it."""
    module = importlib.import_module(f"ci_mcp.sandbox.{name}")
    with start([name]) as services:
        assert [name] == list(services)
        assert services[name].url.startswith("http://127.0.0.1:")
        assert any(value.startswith(services[name].url) for value in services[name].env.values())
        assert services[name].token in {*services[name].env.values(), ""}  # nothing: it is open
        assert services[name].host
        assert module.ORIGINS


def test_all_services_run_by_default() -> None:
    """Without names, every service is there, each at its own port."""
    with start() as services:
        assert service_names() == list(services)
        assert len(services) == len({service.url for service in services.values()})


def test_the_first_port_can_be_chosen() -> None:
    """The services' ports begin where they are told to; a neighbour that takes one meanwhile is not our mistake."""
    for _ in range(20):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        with suppress(OSError), start(["semaphore"], first_port=port) as services:
            break
    assert f"http://127.0.0.1:{port}" == services["semaphore"].url


def test_a_port_that_is_taken_is_an_error() -> None:
    """Two programs cannot have one port; nothing is left running."""
    with start(["semaphore"]) as services:
        port = httpx.URL(services["semaphore"].url).port
        before = threading.active_count()
        with pytest.raises(OSError, match=r"in use|permitted"), start(["semaphore"], first_port=port or 0):
            pass
        assert before == threading.active_count()


def test_nothing_listens_after_the_end() -> None:
    """When the block ends, thread and ports are gone."""
    before = set(threading.enumerate())  # of other tests' sandboxes
    with start(["semaphore"]) as services:
        port = httpx.URL(services["semaphore"].url).port
    assert "ci-mcp-sandbox" not in {thread.name for thread in set(threading.enumerate()) - before}
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port))


def test_a_stalled_request_ends_with_the_sandbox() -> None:
    """A client that waits for an answer that never comes is hung up on when the sandbox stops."""
    outcome = []

    def wait(service: Service) -> None:
        try:
            outcome.append(httpx.get(f"{service.url}/api/v1alpha/projects", headers=stalled, timeout=30))
        except httpx.TransportError as error:
            outcome.append(error)

    stalled = {"Authorization": f"Token {fault_token('stall')}"}
    with start(["semaphore"]) as services:
        service = services["semaphore"]
        client = threading.Thread(target=wait, args=[service])
        client.start()
        while not service.requests:
            pass
    client.join(10)
    assert [httpx.RemoteProtocolError] == [type(one) for one in outcome]


def test_requests_are_counted_by_route(service: Service, client: httpx.Client) -> None:
    """The template stands for all its ids."""
    service.requests.clear()
    client.get(f"/pipelines/{world.SHOP_MAIN_PIPELINE}")
    client.get(f"/pipelines/{world.SHOP_MALFORMED_PIPELINE}")
    client.post("/plumber-workflows", json={})
    client.get("/nonsense")
    expected = {
        "GET /api/v1alpha/pipelines/{pipeline_id}": 2,
        "POST /api/v1alpha/plumber-workflows": 1,
        "GET /api/v1alpha/nonsense": 1,
    }
    assert expected == dict(service.requests)


def test_two_sandboxes_have_worlds_of_their_own() -> None:
    """What is started in one is not seen in the other, and the ids are the same in both."""
    path = f"/api/v1alpha/plumber-workflows/{world.SHOP_RELEASE_WORKFLOW}"
    with start(["semaphore"]) as one, start(["semaphore"]) as two:
        headers = {"Authorization": f"Token {world.TOKEN}"}
        first, second = one["semaphore"].url, two["semaphore"].url
        answer = httpx.post(f"{first}{path}/reschedule?request_token=x", headers=headers)
        new = f"/api/v1alpha/plumber-workflows/{answer.json()['wf_id']}"
        assert [200, 200, 200, 404] == [
            httpx.get(url, headers=headers).status_code
            for url in (first + path, second + path, first + new, second + new)
        ]
