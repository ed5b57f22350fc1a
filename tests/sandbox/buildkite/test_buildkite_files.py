"""Artifacts with the storage that keeps them, and annotations."""

import hashlib
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ci_mcp.sandbox.buildkite import world
from ci_mcp.sandbox.buildkite.artifacts import sign

Get = Callable[..., Any]
SHOP = "/organizations/acme/pipelines/shop"
JOB = f"/organizations/acme/jobs/{world.SHOP_MAIN_FAILED_JOB}"
ANNOTATIONS = f"{SHOP}/builds/{world.SHOP_RELEASE_BUILD}/annotations"


def artifacts(get: Get, about: str = f"jobs/{world.SHOP_MAIN_FAILED_JOB}", **query: str) -> dict[str, dict[str, Any]]:
    """The artifacts of a job or a build by their path."""
    return {item["path"]: item for item in get(f"{about}/artifacts", per_page=100, **query)}


def load(client: httpx.Client, item: dict[str, Any]) -> httpx.Response:
    """What the storage has of an artifact."""
    answer = client.get(item["download_url"])
    assert (302, answer.headers["location"]) == (answer.status_code, answer.json()["url"])
    return httpx.get(answer.headers["location"])


def test_a_job_leaves_text_xml_binary_and_sums(client: httpx.Client, get: Get) -> None:
    """Each with its size and its checksum, and what the sums say is true."""
    found = artifacts(get)
    contents = {path: load(client, item).content for path, item in found.items()}
    for path, item in found.items():
        assert len(contents[path]) == item["file_size"]
        assert hashlib.sha1(contents[path], usedforsecurity=False).hexdigest() == item["sha1sum"]
    assert contents["reports/junit.xml"].startswith(b"<?xml")
    assert b"\0" in contents["out/shop.tar.gz"]
    for line in contents["out/SHA256SUMS"].decode().splitlines():
        digest, path = line.split()
        assert hashlib.sha256(contents[path]).hexdigest() == digest


def test_artifacts_of_a_build_by_path_and_state(get: Get) -> None:
    """Globs reach over slashes."""
    build = f"builds/{world.SHOP_PROBLEMS_BUILD}"
    assert {"reports/junit.xml"} == artifacts(get, build, path="*junit*.xml").keys()
    assert {"out/old.txt"} == artifacts(get, build, state="expired").keys()
    assert {"out/half.txt"} == artifacts(get, build, state="error").keys()
    assert {} == artifacts(get, build, state="new")


def test_an_unknown_state_is_422(client: httpx.Client) -> None:
    """And no list."""
    assert 422 == client.get(f"{JOB}/artifacts", params={"state": "nice"}).status_code


def test_one_artifact(client: httpx.Client, get: Get) -> None:
    """By its id; one of another job is not found."""
    item = artifacts(get)["reports/junit.xml"]
    assert item == client.get(item["url"]).json()
    assert ("reports", "junit.xml", "application/xml") == tuple(
        item[key] for key in ("dirname", "filename", "mime_type")
    )
    other = f"/organizations/acme/jobs/{world.SHOP_MAIN_PASSED_JOB}/artifacts/{item['id']}"
    assert 404 == client.get(other).status_code


def test_hostile_artifacts(client: httpx.Client, get: Get) -> None:
    """One whose bytes are not those of its checksum, one with a path that leads outside, one that is gone."""
    found = artifacts(get, f"builds/{world.SHOP_PROBLEMS_BUILD}")
    torn = found["out/torn.txt"]
    content = load(client, torn).content
    assert hashlib.sha1(content, usedforsecurity=False).hexdigest() != torn["sha1sum"]
    assert b"written outside\n" == load(client, found["out/../../outside.txt"]).content
    assert 404 == client.get(found["out/old.txt"]["download_url"]).status_code


def test_the_storage_refuses_credentials(client: httpx.Client, get: Get) -> None:
    """It is another host, and wants its own signature alone."""
    url = httpx.URL(client.get(artifacts(get)["out/summary.txt"]["download_url"]).headers["location"])
    assert url.host != client.base_url.host
    assert 400 == client.get(url).status_code
    unsigned = url.copy_set_param("X-Amz-Signature", "no")
    assert (403, True) == (httpx.get(unsigned).status_code, "SignatureDoesNotMatch" in httpx.get(unsigned).text)
    assert 403 == httpx.get(url.copy_set_param("X-Amz-Date", "1")).status_code
    late = url.copy_merge_params({"X-Amz-Date": "1", "X-Amz-Signature": sign(url.path, "1")})
    assert (403, True) == (httpx.get(late).status_code, "Request has expired" in httpx.get(late).text)
    assert 404 == httpx.get(url.copy_with(path="/nothing")).status_code


def test_a_running_job_has_no_artifacts_yet(get: Get) -> None:
    """Nor has one that never ran."""
    assert {} == artifacts(get, f"jobs/{world.SHOP_PROMISING_JOB}")
    assert {} == artifacts(get, f"jobs/{world.SHOP_STUCK_JOB}")


def test_annotations_are_html_of_the_build_alone(get: Get) -> None:
    """Those of jobs are asked for."""
    path = f"builds/{world.SHOP_PROBLEMS_BUILD}/annotations"
    found = get(path)
    assert {("junit-unit", "error"), ("coverage", "info")} == {(item["context"], item["style"]) for item in found}
    assert "<details>" in found[0]["body_html"]
    assert "assert cart.total() == 1800" in found[0]["body_html"]
    (lint,) = get(path, scope="job")
    assert ("lint", world.job_id("shop", "problems-1", "lint")) == (lint["context"], lint["job_id"])
    assert [lint] == get(f"jobs/{lint['job_id']}/annotations")
    assert 3 == len(get(path, scope="all"))
    assert not any("body_html" in item for item in get(path, omit_body="true"))


def test_an_annotation_is_made_replaced_appended_to_and_deleted(client: httpx.Client, get: Get) -> None:
    """The context says which it is; what is sent is not HTML."""
    made = client.post(ANNOTATIONS, json={"body": "1 < 2\n\nyes", "style": "info", "context": "c", "priority": 9})
    assert (201, "<p>1 &lt; 2</p>\n<p>yes</p>\n") == (made.status_code, made.json()["body_html"])
    again = client.post(ANNOTATIONS, json={"body": "new", "context": "c"}).json()
    assert (made.json()["id"], "<p>new</p>\n", "info") == (again["id"], again["body_html"], again["style"])
    more = client.post(ANNOTATIONS, json={"body": "more", "context": "c", "append": True}).json()
    assert "<p>new</p>\n<p>more</p>\n" == more["body_html"]
    assert more == get(f"builds/{world.SHOP_RELEASE_BUILD}/annotations")[0]  # the highest priority comes first
    assert 204 == client.delete(f"{ANNOTATIONS}/{more['id']}").status_code
    assert 404 == client.delete(f"{ANNOTATIONS}/{more['id']}").status_code


def test_a_job_is_annotated(client: httpx.Client) -> None:
    """In its own scope."""
    answer = client.post(f"{JOB}/annotations", json={"body": "slow"})
    assert (201, "job", "default") == (answer.status_code, answer.json()["scope"], answer.json()["context"])


@pytest.mark.parametrize(
    ("sent", "field"),
    [({}, "body"), ({"body": "x", "style": "loud"}, "style"), ({"body": "x", "priority": 11}, "priority")],
)
def test_an_annotation_that_lacks_something_is_422(client: httpx.Client, sent: dict[str, Any], field: str) -> None:
    """The field is named."""
    answer = client.post(ANNOTATIONS, json=sent)
    assert (422, [field]) == (answer.status_code, [error["field"] for error in answer.json()["errors"]])


def test_an_unknown_scope_is_400(client: httpx.Client) -> None:
    """It is build, job or all."""
    answer = client.get(ANNOTATIONS, params={"scope": "none"})
    assert (400, "Invalid scope: none") == (answer.status_code, answer.json()["message"])
