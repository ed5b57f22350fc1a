"""Who Semaphore lets in."""

from collections.abc import Callable

import httpx
import pytest

from ci_mcp.sandbox.serve import Service


@pytest.mark.parametrize("scheme", ["Token", "Bearer"])
def test_both_words_are_good(service: Service, scheme: str) -> None:
    """The token may be a Token or a Bearer."""
    headers = {"Authorization": f"{scheme} {service.token}"}
    assert 200 == httpx.get(f"{service.url}/api/v1alpha/projects", headers=headers).status_code


@pytest.mark.parametrize("scheme", ["token ", "bearer ", "TOKEN ", "Basic ", "", "Token  "])
def test_any_other_word_is_refused_in_plain_text(service: Service, scheme: str) -> None:
    """The word is case-sensitive and one space follows it."""
    headers = {"Authorization": f"{scheme}{service.token}"}
    answer = httpx.get(f"{service.url}/api/v1alpha/projects", headers=headers)
    assert (401, "Unauthorized") == (answer.status_code, answer.text)


def test_no_token_and_a_bad_token_are_refused(service: Service, make_client: Callable[..., httpx.Client]) -> None:
    """Both in plain text."""
    bad = make_client("bad").get("/projects")
    none = httpx.get(f"{service.url}/api/v1alpha/projects")
    assert [(401, "Unauthorized")] * 2 == [(one.status_code, one.text) for one in (bad, none)]


def test_a_request_that_claims_to_be_somebody_is_not_found(client: httpx.Client) -> None:
    """``X-Semaphore-…`` headers belong to the service."""
    answer = client.get("/projects", headers={"X-Semaphore-User-Id": "me"})
    assert (404, "Not Found") == (answer.status_code, answer.text)


@pytest.mark.parametrize(("method", "path"), [("GET", "/workflows"), ("GET", "/nonsense"), ("DELETE", "/projects")])
def test_what_is_not_routed_is_oops(client: httpx.Client, method: str, path: str) -> None:
    """Unknown paths and methods."""
    answer = client.request(method, path)
    assert (404, "oops") == (answer.status_code, answer.text)
