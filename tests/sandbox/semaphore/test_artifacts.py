"""Artifacts and test reports over loopback."""

import gzip
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ci_mcp.sandbox.semaphore import world
from ci_mcp.sandbox.serve import Service

JOB = world.SHOP_MAIN_FAILED_JOB
WORKFLOW = world.SHOP_MAIN_WORKFLOW
PIPELINE = world.SHOP_MAIN_PIPELINE


@pytest.fixture
def names(client: httpx.Client) -> Callable[..., list[str]]:
    """The paths at one level of a scope."""

    def listed(scope: str, scope_id: str, path: str = "") -> list[str]:
        query = {"scope": scope, "scope_id": scope_id, "path": path}
        return [item["path"] for item in client.get("/artifacts", params=query).json()["artifacts"]]

    return listed


@pytest.fixture
def url_of(client: httpx.Client) -> Callable[[str, str, str], str]:
    """The signed URL of an object."""

    def signed(scope: str, scope_id: str, path: str) -> str:
        query = {"scope": scope, "scope_id": scope_id, "path": path}
        return client.get("/artifacts/signed_url", params=query).json()["items"][0]["url"]

    return signed


def test_artifacts_are_listed_one_level_at_a_time(client: httpx.Client, names: Callable[..., list[str]]) -> None:
    """Folders first, then what is in them, by paths from the scope's root."""
    assert ["agent", "coverage.txt", "debug", "logs", "screenshots", "test-results"] == names("jobs", JOB)
    assert ["agent/job_logs.txt.gz"] == names("jobs", JOB, "agent")
    files = client.get("/artifacts", params={"scope": "jobs", "scope_id": JOB, "path": "test-results"}).json()
    junit = next(item for item in files["artifacts"] if item["name"] == "junit.json")
    assert (False, True) == (junit["is_directory"], junit["size"] > 100)


def test_an_empty_root_is_empty_and_a_missing_path_is_not_found(
    client: httpx.Client, names: Callable[..., list[str]]
) -> None:
    """A job that never ran, a project without artifacts; a JSON string for the path."""
    assert [] == names("jobs", world.SHOP_STUCK_JOB)
    assert [] == names("projects", world.PROJECTS["storefront"].id)
    answer = client.get("/artifacts", params={"scope": "jobs", "scope_id": JOB, "path": "none"})
    assert (404, "Artifact path not found") == (answer.status_code, answer.json())


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"scope_id": JOB}, "scope must be present"),
        ({"scope": "job", "scope_id": JOB}, "scope must be one of: projects, workflows, jobs"),
        ({"scope": "jobs"}, "scope_id must be present"),
        ({"scope": "jobs", "scope_id": "7"}, "scope_id must be a valid UUID"),
        ({"scope": "jobs", "scope_id": JOB, "path": "/etc"}, "absolute paths are not allowed"),
        ({"scope": "jobs", "scope_id": JOB, "path": "a/%252e%252e/b"}, "path traversal is not allowed"),
        ({"scope": "jobs", "scope_id": JOB, "path": "a\\b"}, "invalid path"),
    ],
)
def test_parameters_are_checked_in_plain_text(client: httpx.Client, query: dict[str, Any], message: str) -> None:
    """Each mistake by its name, in both calls."""
    signed = {"path": "x", **query}
    answers = [client.get("/artifacts", params=query), client.get("/artifacts/signed_url", params=signed)]
    assert [(400, message)] * 2 == [(answer.status_code, answer.text) for answer in answers]


def test_a_signed_url_wants_a_path_and_a_known_method(client: httpx.Client) -> None:
    """Plain text, too."""
    query = {"scope": "jobs", "scope_id": JOB}
    pathless = client.get("/artifacts/signed_url", params=query)
    posting = client.get("/artifacts/signed_url", params={**query, "path": "x", "method": "POST"})
    assert ["path must be present", "method must be one of: GET, HEAD"] == [pathless.text, posting.text]


@pytest.mark.parametrize(
    ("scope", "unknown"),
    [("jobs", JOB[:-1] + "x"), ("workflows", WORKFLOW), ("projects", WORKFLOW), ("jobs", WORKFLOW)],
)
def test_a_scope_out_of_sight(client: httpx.Client, scope: str, unknown: str) -> None:
    """An id of something else is not found; one of a hidden project is 401 in plain text."""
    unknown = "00000000-0000-0000-0000-000000000000" if unknown == WORKFLOW else JOB
    hidden = {"jobs": world.HIDDEN_JOB, "workflows": world.HIDDEN_WORKFLOW, "projects": world.PROJECTS["vault"].id}
    if unknown != JOB:
        assert 404 == client.get("/artifacts", params={"scope": scope, "scope_id": unknown}).status_code
    answer = client.get("/artifacts", params={"scope": scope, "scope_id": hidden[scope]})
    assert (401, "Permission denied") == (answer.status_code, answer.text)


def test_the_feature_may_be_off(make_client: Callable[..., httpx.Client]) -> None:
    """403 in plain text, for both calls; the rest of the API works."""
    client = make_client(world.NO_ARTIFACTS_TOKEN)
    query = {"scope": "jobs", "scope_id": JOB, "path": "test-results/junit.json"}
    answers = [client.get(path, params=query) for path in ("/artifacts", "/artifacts/signed_url")]
    assert [403] * 2 == [answer.status_code for answer in answers]
    assert all("not enabled for your organization" in answer.text for answer in answers)
    assert 200 == client.get(f"/logs/{JOB}").status_code


def test_the_storage_refuses_a_second_credential(
    client: httpx.Client, service: Service, url_of: Callable[[str, str, str], str]
) -> None:
    """It is another origin, and whoever brings the API's token along gets nothing."""
    url = url_of("jobs", JOB, "test-results/junit.json")
    assert httpx.URL(service.url).port != httpx.URL(url).port
    assert (400, 200) == (client.get(url).status_code, httpx.get(url).status_code)
    assert 403 == httpx.get(url.partition("?")[0]).status_code


def test_a_signed_url_may_lead_to_nothing(url_of: Callable[[str, str, str], str]) -> None:
    """The storage says so, in XML."""
    answer = httpx.get(url_of("jobs", JOB, "none/such.txt"))
    assert (404, True) == (answer.status_code, "NoSuchKey" in answer.text)


def test_a_jobs_report_is_packed_whatever_its_name_says(url_of: Callable[[str, str, str], str]) -> None:
    """Nanoseconds as whole numbers, the failures with their text, who ran them."""
    raw = httpx.get(url_of("jobs", JOB, "test-results/junit.json")).content
    assert b"\x1f\x8b" == raw[:2]
    result = json.loads(gzip.decompress(raw))["testResults"][0]
    assert (29, 2, 27) == tuple(result["summary"][key] for key in ("total", "failed", "passed"))
    tests = [test for suite in result["suites"] for test in suite["tests"]]
    assert all(isinstance(test["duration"], int) for test in tests)
    failed = [test for test in tests if test["state"] == "failed"]
    assert "test_discount_is_taken_once_from_the_subtotal" == failed[0]["name"]
    assert "assert 1790 == 1800" in failed[0]["failure"]["message"]
    assert "tests/test_cart.py:29: AssertionError" in failed[0]["failure"]["body"]
    assert (JOB, PIPELINE) == (failed[0]["semaphoreEnv"]["jobId"], failed[0]["semaphoreEnv"]["pipelineId"])


def test_a_test_has_the_same_id_in_every_run(url_of: Callable[[str, str, str], str]) -> None:
    """So that it can be followed from the red run to the green one."""
    ids = []
    for job in (JOB, world.SHOP_MAIN_GREEN_JOB):
        report = json.loads(gzip.decompress(httpx.get(url_of("jobs", job, "test-results/junit.json")).content))
        ids.append([test["id"] for test in report["testResults"][0]["suites"][0]["tests"]])
    assert ids[0] == ids[1]


def test_the_short_report_holds_failures_only_and_is_not_packed(url_of: Callable[[str, str, str], str]) -> None:
    """With the original sums, for the job and for the pipeline."""
    for scope, scope_id, path in (
        ("jobs", JOB, "test-results/mcp-summary.json"),
        ("workflows", WORKFLOW, f"test-results/{PIPELINE}-mcp-summary.json"),
    ):
        result = httpx.get(url_of(scope, scope_id, path)).json()["testResults"][0]
        assert {"failed"} == {test["state"] for suite in result["suites"] for test in suite["tests"]}
        assert 29 == result["summary"]["total"]


def test_a_summary_is_the_bare_sums(url_of: Callable[[str, str, str], str]) -> None:
    """For the job and for the pipeline, packed."""
    for scope, scope_id, path in (
        ("jobs", JOB, "test-results/summary.json"),
        ("workflows", WORKFLOW, f"test-results/{PIPELINE}-summary.json"),
    ):
        summary = json.loads(gzip.decompress(httpx.get(url_of(scope, scope_id, path)).content))
        assert (29, 2) == (summary["total"], summary["failed"])


def test_a_pipelines_report_merges_its_jobs(url_of: Callable[[str, str, str], str]) -> None:
    """Packed, at the workflow."""
    raw = httpx.get(url_of("workflows", WORKFLOW, f"test-results/{PIPELINE}.json")).content
    assert 1 == len(json.loads(gzip.decompress(raw))["testResults"])


def test_reports_differ_by_workflow(client: httpx.Client, names: Callable[..., list[str]]) -> None:
    """All kinds on main, the job's own on the pull request, raw XML at night, none elsewhere."""

    def job_of(project: str, key: str, block: str, job: str) -> list[str]:
        return names("jobs", world.job_id(project, key, block, job), "test-results")

    assert 4 == len(job_of("shop", "main-12", "Unit tests", "pytest"))
    assert ["junit.json", "junit.xml", "summary.json"] == [
        name.rpartition("/")[2] for name in job_of("shop", "pull-request-42-2", "Unit tests", "pytest")
    ]
    assert ["test-results/junit.xml"] == job_of("shop", "nightly-1", "Integration", "orders - 1/2")
    assert ["agent"] == names("jobs", world.job_id("storefront", "main-3", "Tests", "node"))
    assert [".semaphore"] == names("workflows", world.SHOP_NIGHTLY_WORKFLOW)
    xml = client.get("/artifacts/signed_url", params={"scope": "jobs", "path": "test-results/junit.xml"} | {
        "scope_id": world.job_id("shop", "nightly-1", "Integration", "orders - 1/2")
    }).json()["items"][0]["url"]  # fmt: skip
    assert "ConnectionRefusedError" in httpx.get(xml).text


def test_a_workflow_keeps_its_yaml(url_of: Callable[[str, str, str], str]) -> None:
    """Blocks and what they wait for."""
    text = httpx.get(url_of("workflows", WORKFLOW, ".semaphore/semaphore.yml")).text
    assert "name: Unit tests" in text
    assert "dependencies" in text


def test_people_upload_what_they_like(client: httpx.Client, url_of: Callable[[str, str, str], str]) -> None:
    """Text, a picture, three megabytes of a log, a file deep in folders."""
    folders = ("", "debug", "debug/carts/eu/de", "logs")
    listed = [
        item
        for path in folders
        for item in client.get("/artifacts", params={"scope": "jobs", "scope_id": JOB, "path": path}).json()[
            "artifacts"
        ]
    ]
    sizes = {item["path"]: item.get("size", 0) for item in listed}
    assert sizes["logs/server.log"] > 2_000_000
    for path, begin in (
        ("coverage.txt", b"Name "),
        ("screenshots/cart.png", b"\x89PNG\r\n"),
        ("debug/carts/eu/de/42.json", b'{"cart": 42'),
    ):
        assert httpx.get(url_of("jobs", JOB, path)).content.startswith(begin)
    log = httpx.get(url_of("jobs", JOB, "logs/server.log")).content
    assert (sizes["logs/server.log"], 1) == (len(log), log.count(b"ERROR"))


def test_a_project_keeps_its_releases(url_of: Callable[[str, str, str], str], names: Callable[..., list[str]]) -> None:
    """In folders, among them one with too many files to be listed."""
    assert ["cache", "releases"] == names("projects", world.SHOP_PROJECT)
    assert ["releases/1.4.0/CHANGELOG.md", "releases/1.4.0/shop-1.4.0.tar.gz"] == names(
        "projects", world.SHOP_PROJECT, "releases/1.4.0"
    )
    assert "# 1.4.0" in httpx.get(url_of("projects", world.SHOP_PROJECT, "releases/1.4.0/CHANGELOG.md")).text


def test_too_many_files_are_not_listed(client: httpx.Client) -> None:
    """A JSON string, unlike what is wrong with the parameters."""
    query = {"scope": "projects", "scope_id": world.SHOP_PROJECT, "path": "cache/wheels"}
    answer = client.get("/artifacts", params=query)
    assert (400, "path resolves to too many files; narrow the path") == (answer.status_code, answer.json())
