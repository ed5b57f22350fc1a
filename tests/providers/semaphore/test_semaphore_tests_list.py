import gzip
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from ci_mcp.core.answer import compact, plain
from ci_mcp.errors import AuthError, NotFoundError, PermissionDeniedError, UnsupportedError, UsageError
from ci_mcp.net.api import HttpApi
from ci_mcp.providers.semaphore import reports
from ci_mcp.sandbox.faults import fault_token
from ci_mcp.sandbox.semaphore import world
from ci_mcp.status import Status

pytestmark = pytest.mark.anyio

Call = Callable[..., Awaitable[Any]]
Fake = Callable[..., HttpApi]
Make = Callable[..., dict[str, Any]]
JOB = "33333333-3333-3333-3333-333333333333"
PIPELINE = "00000000-0000-0000-0000-000000000001"
STORAGE = "https://storage.example.com"
XML = b'<testsuite name="s"><testcase name="a"/><testcase name="b"><failure message="no"/></testcase></testsuite>'


def _report(job: str = JOB) -> bytes:
    tests = [{"name": n, "state": s, "semaphoreEnv": {"jobId": job}} for n, s in (("a", "passed"), ("b", "failed"))]
    return gzip.compress(json.dumps({"testResults": [{"suites": [{"tests": tests}]}]}).encode())


def _artifacts(files: dict[str, bytes]) -> dict[str, Any]:
    """Answers of the artifacts API and of the storage for files by ``scope/id/path``."""

    def listed(request: httpx.Request) -> httpx.Response:
        asked = request.url.params
        prefix = f"{asked['scope']}/{asked['scope_id']}/{asked['path']}/"
        names = {path.removeprefix(prefix).split("/")[0] for path in files if path.startswith(prefix)}
        if not names:
            return httpx.Response(404, json="Artifact path not found")
        found = [{"name": name, "path": f"{asked['path']}/{name}", "is_directory": "." not in name} for name in names]
        return httpx.Response(200, json={"artifacts": found})

    def signed(request: httpx.Request) -> Any:
        asked = request.url.params
        return {
            "items": [{"path": asked["path"], "url": f"{STORAGE}/{asked['scope']}/{asked['scope_id']}/{asked['path']}"}]
        }

    storage = {f"GET /{path}": httpx.Response(200, content=data) for path, data in files.items()}
    return {"GET /artifacts": listed, "GET /artifacts/signed_url": signed} | storage


async def test_failing_tests_come_first_with_their_place(api: HttpApi, call: Call) -> None:
    """The report itself, not a URL to fetch; how many there are stands beside it."""
    page = await call(api, "tests_list", workflow=world.SHOP_MAIN_WORKFLOW, limit=3)
    assert [Status.FAILED, Status.FAILED, Status.PASSED] == [case.status for case in page.items]
    first = page.items[0]
    assert ("test_discount_is_taken_once_from_the_subtotal", "tests/test_cart.py", 29) == (
        first.name,
        first.file,
        first.line,
    )
    assert "29 tests, 2 failed" == page.note
    assert "http" not in compact(plain(page))
    more = await call(api, "tests_list", workflow=world.SHOP_MAIN_WORKFLOW, limit=100, cursor=page.next)
    assert 26 == len(more.items)


async def test_failing_tests_alone_come_from_the_short_report(api: HttpApi, call: Call) -> None:
    """It names no other tests, and still counts all."""
    page = await call(api, "tests_list", pipeline=world.SHOP_MAIN_PIPELINE, status="failed")
    assert 2 == len(page.items)
    assert "29 tests, 2 failed; only failing ones are named here" == page.note


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"job": world.SHOP_MAIN_FAILED_JOB}, 2),
        ({"workflow": world.SHOP_PULL_REQUEST_WORKFLOW}, 4),
        ({"pipeline": world.SHOP_PULL_REQUEST_PIPELINE}, 4),
        ({"workflow": world.SHOP_NIGHTLY_WORKFLOW}, 4),
    ],
)
async def test_reports_are_found_with_the_jobs_where_there_is_no_merged_one(
    api: HttpApi, call: Call, arguments: dict[str, str], expected: int
) -> None:
    """A job's JSON, else its XML."""
    page = await call(api, "tests_list", status="failed", **arguments)
    assert expected == len(page.items)
    assert "tests" in page.note


async def test_no_report_is_not_no_failure(api: HttpApi, call: Call) -> None:
    """The answer says that none is published, and what to do instead."""
    page = await call(api, "tests_list", job=world.WAREHOUSE_KILLED_JOB)
    assert [] == list(page.items)
    assert page.note.startswith("no test report: ")


@pytest.mark.parametrize("arguments", [{}, {"job": JOB, "workflow": JOB}])
async def test_tests_are_of_one_thing(api: HttpApi, call: Call, arguments: dict[str, str]) -> None:
    """None and several are wrong usage."""
    with pytest.raises(UsageError, match="give job, pipeline or workflow"):
        await call(api, "tests_list", **arguments)


async def test_a_copy_with_the_workflow_is_read_before_the_jobs_own(fake: Fake, call: Call, pipeline: Make) -> None:
    """The toolbox leaves one for each job; failed jobs' first."""
    blocks = [{"name": "T", "jobs": [{"job_id": JOB, "name": "t", "status": "FINISHED", "result": "FAILED"}]}]
    run = pipeline(1)["wf_id"]
    answers = _artifacts({f"workflows/{run}/test-results/{PIPELINE}/{JOB}.json": _report()}) | {
        "GET /pipelines": [pipeline(1)],
        f"GET /pipelines/{PIPELINE}": {"pipeline": pipeline(1), "blocks": blocks},
    }
    page = await call(fake(answers), "tests_list", workflow=run)
    assert ["b", "a"] == [case.name for case in page.items]


async def test_xml_files_are_read_where_there_is_no_json(fake: Fake, call: Call) -> None:
    """All of them, as one list; other files are left alone."""
    folder = f"jobs/{JOB}/test-results"
    files = {f"{folder}/junit-0.xml": XML, f"{folder}/junit-1.xml": XML, f"{folder}/notes.xml": b"<"}
    page = await call(fake(_artifacts(files)), "tests_list", job=JOB)
    assert ["b", "b"] == [case.name for case in page.items]
    assert page.note.startswith("4 tests, 2 failed")


async def test_a_signed_url_may_lead_nowhere(fake: Fake, call: Call) -> None:
    """Storage answers 404 for what has gone meanwhile: that is no report, no error."""
    answers = _artifacts({f"jobs/{JOB}/test-results/junit.json": _report()})
    del answers[f"GET /jobs/{JOB}/test-results/junit.json"]
    assert (await call(fake(answers), "tests_list", job=JOB)).note.startswith("no test report")


async def test_the_storage_gets_no_credential(fake: Fake, call: Call) -> None:
    """A signed URL is one itself."""
    asked: list[httpx.Request] = []
    await call(fake(_artifacts({f"jobs/{JOB}/test-results/junit.json": _report()}), asked), "tests_list", job=JOB)
    assert "storage.example.com" == asked[-1].url.host
    assert "authorization" not in asked[-1].headers


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (httpx.Response(401, text="Permission denied"), PermissionDeniedError, "may not read artifacts"),
        (httpx.Response(401, text="Unauthorized"), AuthError, "401"),
        (
            httpx.Response(403, text="The artifacts api feature is not enabled"),
            UnsupportedError,
            "no artifacts API",
        ),
        (httpx.Response(404, text="oops"), UnsupportedError, "no artifacts API"),
    ],
)
async def test_what_a_refusal_of_artifacts_means_is_said(
    fake: Fake, call: Call, answer: httpx.Response, error: type[Exception], words: str
) -> None:
    """A missing permission, a bad token, a feature that is off, a route that is not there."""
    with pytest.raises(error, match=words):
        await call(fake({"GET /artifacts": answer}), "tests_list", job=JOB)


async def test_other_troubles_stay_what_they_are(api: HttpApi, api_with: Callable[[str], HttpApi], call: Call) -> None:
    """A pipeline that is not there is not found, whatever the artifacts say."""
    with pytest.raises(NotFoundError, match="no pipeline"):
        await call(api, "tests_list", pipeline=JOB)
    with pytest.raises(NotFoundError, match="no such job"):
        await call(api, "tests_list", job=JOB)
    async with api_with(fault_token("401")) as refused:
        with pytest.raises(AuthError):
            await call(refused, "tests_list", workflow=world.SHOP_MAIN_WORKFLOW)


async def test_a_report_without_end_is_given_up(fake: Fake, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its size is bounded before it is read."""
    monkeypatch.setattr(reports, "_MOST_BYTES", 10)
    with pytest.raises(Exception, match="too large"):
        await call(fake(_artifacts({f"jobs/{JOB}/test-results/junit.json": _report()})), "tests_list", job=JOB)
