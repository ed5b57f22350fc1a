"""FirmwareCI's tools over its MCP server, whose arguments and fields are not published."""

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import httpx
import pytest

from ci_mcp.core.answer import render
from ci_mcp.errors import (
    AuthError,
    BadAnswerError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    TimedOutError,
    UnsupportedError,
    UsageError,
)
from ci_mcp.net.api import HttpApi
from ci_mcp.providers.firmwareci import logs as joblogs
from ci_mcp.status import Status

pytestmark = pytest.mark.anyio

Call = Callable[..., Awaitable[Any]]
Make = Callable[..., HttpApi]


def paged(rows: list[Any], what: str, *, more: bool = True) -> Callable[[Any], Any]:
    """A list in pages, whatever the arguments are called; without ``more`` it does not say whether it goes on."""

    def answer(arguments: Any) -> Any:
        page, size = int(arguments.get("page", 0)), int(arguments.get("limit") or arguments.get("pageSize") or 20)
        part = rows[page * size : (page + 1) * size]
        return {what: part or None} | ({"has_more": (page + 1) * size < len(rows)} if more else {})

    return answer


@pytest.mark.parametrize("more", [True, False])
async def test_pages_are_numbered_there_and_cursors_here(
    fake: Any, api_of: Make, call: Call, ulid: Any, *, more: bool
) -> None:
    """Every record comes once, also where the server does not say that there are more."""
    rows = [{"id": ulid(number), "name": f"p{number}"} for number in range(7)]
    fake.results["fwci_list_projects"] = paged(rows, "projects", more=more)
    api, seen, cursor = api_of(fake), [], ""
    while cursor is not None:
        page = await call(api, "projects_list", limit=3 if not cursor else 5, cursor=cursor)
        seen += [one.name for one in page.items]
        cursor = page.next
    assert [f"p{number}" for number in range(7)] == seen
    first = fake.of("fwci_list_projects")[0]
    assert first in ({"page": "0", "limit": "3"}, {"page": 0, "pageSize": 3})


async def test_a_cursor_of_another_kind_is_refused(usual: Any, api_of: Make, call: Call) -> None:
    """In words."""
    with pytest.raises(UsageError, match="no cursor"):
        await call(api_of(usual), "projects_list", cursor="abc+0")


@pytest.mark.parametrize(
    "given",
    [
        [{"id": "1", "name": "shop"}],
        {"projects": [{"id": "1", "name": "shop"}]},
        {"data": {"projects": [{"id": "1", "name": "shop"}]}, "code": 200},
        {"items": [{"id": "1", "name": "shop"}], "pagination": {"has_more": "false"}},
        {"found": [{"id": "1", "Name": "shop"}]},
        {"result": [{"id": "1", "name": "shop"}]},
        {"result": '{"projects": [{"id": "1", "name": "shop"}]}'},
        '{"id": "1", "name": "shop"}\n{"id": "2", "name": "other"}',
    ],
)
async def test_a_list_is_read_however_it_is_wrapped(given: Any, usual: Any, api_of: Make, call: Call) -> None:
    """Alone, under its name, in an envelope, or as one text for each record."""
    usual.structured = isinstance(given, dict)
    usual.results["fwci_list_projects"] = given
    page = await call(api_of(usual), "projects_list")
    assert ("shop", "1") == (page.items[0].name, page.items[0].id)
    assert page.next is None


@pytest.mark.parametrize("given", ["", {}, {"projects": None}, [], {"other": 1, "has_more": True}])
async def test_an_empty_list_is_an_empty_list(given: Any, usual: Any, api_of: Make, call: Call) -> None:
    """Null, absent, or nothing at all; one that says that there is more of nothing ends."""
    usual.results["fwci_list_projects"] = given
    page = await call(api_of(usual), "projects_list")
    assert ([], None) == (list(page.items), page.next)


async def test_text_that_is_no_json_is_handed_on(usual: Any, api_of: Make, call: Call) -> None:
    """As it is: nothing of it is known."""
    usual.results["fwci_list_projects"] = "You have one project: shop"
    assert "You have one project: shop" == (await call(api_of(usual), "projects_list")).items[0].name


async def test_a_name_filters_here_where_the_server_cannot(fake: Any, api_of: Make, call: Call, ulid: Any) -> None:
    """The documented list of projects takes none."""
    rows = [{"id": ulid(number), "name": name} for number, name in enumerate(["Shop", "web", "workshop"])]
    fake.results["fwci_list_projects"] = paged(rows, "projects")
    page = await call(api_of(fake), "projects_list", name="shop")
    assert ["Shop", "workshop"] == [one.name for one in page.items]


async def test_a_project_is_found_by_its_name(fake: Any, api_of: Make, call: Call, ulid: Any) -> None:
    """The server takes its id alone; an unknown one is told with the near ones."""
    fake.results["fwci_list_projects"] = paged([{"id": ulid(7), "name": "shop"}], "projects")
    fake.results["fwci_list_workflows"] = paged([{"id": ulid(5), "name": "boot", "runs-on": "rack"}], "workflows")
    api = api_of(fake)
    (found,) = (await call(api, "workflows_list", project="Shop", name="boo")).items
    assert ("boot", "rack") == (found.name, found.runs_on)
    sent = fake.of("fwci_list_workflows")[0]
    assert {ulid(7), "boo"} <= set(sent.values())
    with pytest.raises(NotFoundError, match="did you mean shop"):
        await call(api, "workflows_list", project="shopp")


async def test_a_workflow_is_read_by_id_name_or_url(fake: Any, api_of: Make, call: Call, ulid: Any) -> None:
    """A name costs a list; what is unknown of a record is handed on."""
    inputs = [{"key": "Image", "required": True}]
    record = {"id": ulid(5), "name": "boot", "runs_on": "rack", "inputs": inputs, "deleted_at": None}
    fake.results["fwci_list_workflows"] = paged([record, record | {"id": ulid(6), "name": "boot-long"}], "workflows")
    fake.results["fwci_get_workflow"] = {"workflow": record}
    api = api_of(fake)
    for named in (ulid(5), ulid(5).lower(), "Boot", f"https://app.firmware-ci.com/acme/workflows/{ulid(5)}"):
        found = await call(api, "workflows_describe", workflow=named)
        assert ("boot", "rack", {"inputs": inputs}) == (found.name, found.runs_on, found.more)
    assert {ulid(5)} == {next(iter(sent.values())) for sent in fake.of("fwci_get_workflow")}
    with pytest.raises(NotFoundError, match="did you mean boot"):
        await call(api, "workflows_describe", workflow="bot")
    with pytest.raises(UsageError):
        await call(api, "workflows_describe", workflow="https://app.firmware-ci.com/acme/jobs/x")


async def test_a_name_that_two_projects_have_wants_the_project(usual: Any, api_of: Make, call: Call, ulid: Any) -> None:
    """Names are unique only inside one."""
    rows = [{"id": ulid(1), "name": "boot"}, {"id": ulid(2), "name": "boot"}]
    usual.results["fwci_list_workflows"] = paged(rows, "workflows")
    with pytest.raises(UsageError, match="2 workflows are named 'boot'"):
        await call(api_of(usual), "workflows_describe", workflow="boot")


async def test_a_device_shows_no_secret(fake: Any, api_of: Make, call: Call, ulid: Any) -> None:
    """Whatever the shape of its attributes; what is harmless stays."""
    attributes = {
        "host": "b1",
        "key": "k-1-secret",
        "bmc_password": "hunter22",
        "nested": {"apiKey": "abc", "port": 22, "empty_token": ""},
    }
    pairs = [{"key": "SSH_PRIVATE_KEY", "value": "-x-"}, {"key": "serial", "value": "/dev/ttyUSB0"}]
    fake.results["fwci_get_dut"] = {"id": ulid(6), "name": "b", "label": "rack", "attributes": attributes, "env": pairs}
    said = render(await call(api_of(fake), "duts_describe", dut=ulid(6))).text
    assert [] == [secret for secret in ("hunter22", "abc", "-x-", "k-1-secret") if secret in said]
    assert [] == [kept for kept in ("b1", "22", "/dev/ttyUSB0", '"empty_token":""') if kept not in said]
    fake.results["fwci_get_dut"] = "name: b\nattributes:\n  bmc_password: hunter22\n  host: b1\n"
    said = render(await call(api_of(fake), "duts_describe", dut=ulid(6))).text
    assert "hunter22" not in said
    assert "b1" in said


async def test_devices_are_listed(fake: Any, api_of: Make, call: Call, ulid: Any) -> None:
    """By name, also where the server cannot filter."""
    rows = [{"id": ulid(number), "name": f"board-{number}", "label": "rack"} for number in range(3)]
    fake.results["fwci_list_duts"] = paged(rows, "duts") if fake.sessions else paged(rows[1:2], "duts")
    (found,) = (await call(api_of(fake), "duts_list", name="board-1")).items
    assert ("board-1", "rack") == (found.name, found.label)


async def test_jobs_are_listed_with_what_went_wrong(fake: Any, api_of: Make, call: Call, job: Any, ulid: Any) -> None:
    """Statuses are sent in the server's way, and looked at here, too."""
    rows = [job(1), job(2, status="succeeded", error=""), job(3, status="odd", error=None)]
    fake.results["fwci_list_jobs"] = paged(rows, "jobs")
    api = api_of(fake)
    found = (await call(api, "jobs_list")).items
    assert [Status.FAILED, Status.PASSED, Status.UNKNOWN] == [one.status for one in found]
    assert ["", "succeeded", "odd"] == [one.word for one in found]
    first = found[0]
    assert ("linux-boot", "boot", "board-1", ulid(900)) == (first.name, first.workflow, first.dut, first.request)
    assert f"https://app.firmware-ci.com/acme/jobs/{ulid(1)}" == first.url
    assert 40 == first.duration
    page = await call(api, "jobs_list", statuses=["failed", "aborted"], name="linux")
    assert [ulid(1)] == [one.id for one in page.items]
    sent = fake.of("fwci_list_jobs")[-1]
    assert "failed,aborted" == sent.get("status") or ["failed", "aborted"] == sent.get("states")


async def test_jobs_of_a_project_are_found_through_its_workflows(
    fake: Any, api_of: Make, call: Call, job: Any, ulid: Any
) -> None:
    """The documented list of jobs knows workflows alone."""
    fake.results["fwci_list_projects"] = paged([{"id": ulid(700), "name": "shop"}], "projects")
    fake.results["fwci_list_workflows"] = paged([{"id": ulid(500)}, {"id": ulid(501)}], "workflows")
    other = job(3, workflow_id=ulid(502), project_id=ulid(701))
    rows = [job(1), other, job(2, workflow_id=ulid(501))]
    fake.results["fwci_list_jobs"] = paged([one for one in rows if not fake.sessions or one is not other], "jobs")
    page = await call(api_of(fake), "jobs_list", project="shop")
    assert [ulid(1), ulid(2)] == [one.id for one in page.items]
    fake.results["fwci_list_workflows"] = paged([{"id": ulid(500)}], "workflows")
    await call(api_of(fake), "jobs_list", project="shop")
    assert {"workflow_id": ulid(500)}.items() <= fake.of("fwci_list_jobs")[-1].items() or fake.sessions


async def test_jobs_that_do_not_tell_their_project_are_not_guessed(
    usual: Any, api_of: Make, call: Call, ulid: Any
) -> None:
    """The person is told what to name."""
    usual.results["fwci_list_projects"] = paged([{"id": ulid(700), "name": "shop"}], "projects")
    usual.results["fwci_list_workflows"] = paged([{"id": ulid(500)}, {"id": ulid(501)}], "workflows")
    usual.results["fwci_list_jobs"] = paged([{"id": ulid(1), "status": "failed"}], "jobs")
    with pytest.raises(UnsupportedError, match="name a workflow"):
        await call(api_of(usual), "jobs_list", project="shop")


async def test_jobs_of_a_workflow(fake: Any, api_of: Make, call: Call, job: Any, ulid: Any) -> None:
    """Filtered by the server, or here."""
    rows = [job(1), job(2, workflow_id=ulid(501))]
    fake.results["fwci_list_jobs"] = paged(rows if fake.sessions else rows[:1], "jobs")
    page = await call(api_of(fake), "jobs_list", workflow=ulid(500))
    assert [ulid(1)] == [one.id for one in page.items]


async def test_a_job_is_read_with_everything(fake: Any, api_of: Make, call: Call, job: Any, ulid: Any) -> None:
    """Fields that nobody knows, too; secrets of its device are not shown."""
    fake.results["fwci_get_job"] = {"data": job(1)}
    found = await call(api_of(fake, org=""), "jobs_describe", job=f"https://app.firmware-ci.com/acme/jobs/{ulid(1)}")
    assert (Status.FAILED, "linux-boot", "") == (found.status, found.name, found.url)
    assert 1 == found.more["attempt"]
    assert "[redacted]" == found.more["dut"]["attributes"]["bmc_password"]
    for wrong in ("x", "a b", f"https://app.firmware-ci.com/acme/job-requests/{ulid(1)}"):
        with pytest.raises(UsageError, match="names no job"):
            await call(api_of(fake), "jobs_describe", job=wrong)


@pytest.mark.parametrize(
    ("fields", "duration"),
    [
        ({"start_time": "0001-01-01T00:00:00Z", "end_time": None, "duration": "10m32s"}, 632),
        ({"start_time": 1_772_359_200, "end_time": 1_772_359_230_000}, 30),
        ({"start_time": None, "duration": 90}, 90),
        ({"start_time": None, "duration": 90_000_000_000}, 90),
        ({"start_time": "soon", "end_time": {}, "duration": "long"}, None),
    ],
)
async def test_times_are_read_in_any_form(  # noqa: PLR0913, PLR0917 - fixtures and cases
    fields: Any, duration: Any, usual: Any, api_of: Make, call: Call, job: Any, ulid: Any
) -> None:
    """Go's durations and zero times, seconds, milliseconds, nanoseconds."""
    usual.results["fwci_get_job"] = job(1, **fields)
    assert duration == (await call(api_of(usual), "jobs_describe", job=ulid(1))).duration


async def test_a_log_is_shown_by_steps(  # noqa: PLR0913, PLR0917 - fixtures
    fake: Any, api_of: Make, call: Call, job: Any, logs: Any, ulid: Any
) -> None:
    """Its end by default, one step, what matches; line numbers hold from one call to the next."""
    fake.results |= {"fwci_get_job": job(1), "fwci_get_job_logs": {"steps": logs}}
    api = api_of(fake)
    whole = (await call(api, "jobs_logs", job=ulid(1))).text
    assert "FirmwareCI job 'linux-boot', failed, https://app.firmware-ci.com/acme/jobs/" in whole
    assert [] == [said for said in ("flashed 16 MiB", "Kernel panic", "was not seen within 120s") if said not in whole]
    part = (await call(api, "jobs_logs", job=ulid(1), step="Wait for login")).text
    assert "Kernel panic" in part
    assert "flashed" not in part
    last = (await call(api, "jobs_logs", job=ulid(1), step="wait", tail=1)).text
    assert "Kernel panic" not in last
    step = (await call(api, "jobs_logs", job=ulid(1), step="wait", search="panic|MiB")).text
    assert "1 matching lines of" in step
    assert "flashed" not in step
    found = (await call(api, "jobs_logs", job=ulid(1), search="panic")).text
    assert "Kernel panic" in found
    assert 1 == len(fake.of("fwci_get_job_logs"))
    with pytest.raises(NotFoundError) as caught:
        await call(api, "jobs_logs", job=ulid(1), step="wait for logon")
    assert "wait for login" in caught.value.next_step.split(", ")[0]
    assert "flash" in caught.value.next_step  # the others are named, too


async def test_a_server_that_follows_a_running_job_is_not_waited_for(  # noqa: PLR0913, PLR0917 - fixtures and cases
    usual: Any, api_of: Make, call: Call, job: Any, ulid: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told what happened; of a running job that is answered, what there is."""
    usual.results |= {"fwci_get_job": job(1, status="running"), "fwci_get_job_logs": "booting\n"}
    assert "booting" in (await call(api_of(usual), "jobs_logs", job=ulid(1))).text

    async def slow(request: httpx.Request) -> httpx.Response:
        if b"fwci_get_job_logs" in request.content:
            await anyio.sleep(60)
        answer: httpx.Response = await usual(request)
        return answer

    monkeypatch.setattr(joblogs, "PATIENCE", 0.2)
    usual.results["fwci_get_job"] = job(2, status="running", id=ulid(2))
    with pytest.raises(TimedOutError, match="it may follow a job that runs"):
        await call(api_of(slow), "jobs_logs", job=ulid(2))


GOOD = "name: boot\nstages: []\n"


@pytest.mark.parametrize(
    ("answer", "valid", "issues"),
    [
        ({"valid": True}, True, 0),
        ({"valid": False, "issues": [{"field": "(root)", "message": "runs-on is required"}]}, False, 1),
        ({"issues": ["one", "two", None]}, False, 2),
        ({"valid": "false", "error": "no"}, False, 0),
        ("the document is valid", True, 0),
        ("invalid YAML: (root): runs-on is required", False, 0),
    ],
)
async def test_a_document_is_validated(  # noqa: PLR0913, PLR0917 - fixtures and cases
    answer: Any, valid: bool, issues: int, fake: Any, api_of: Make, call: Call
) -> None:
    """Whatever says so; the text goes as text, or as the object that the server wants."""
    fake.results |= {"fwci_validate": answer, "fwci_validate_test": answer}
    for name, more in (("documents_validate", {"kind": "workflow"}), ("tests_validate", {})):
        found = await call(api_of(fake), name, yaml=GOOD, **more)
        assert (valid, issues) == (found.valid, len(found.issues))
        assert valid or found.message or found.issues
    sent = fake.of("fwci_validate")[0]
    wanted: list[Any] = [{"kind": "workflow", "document": GOOD}]
    assert sent in [*wanted, {"type": "workflow", "manifest": {"name": "boot", "stages": []}}]


async def test_a_refused_document_is_invalid_and_a_refused_token_is_not(
    fake: Any, api_of: Make, call: Call, refused: Any
) -> None:
    """An error of the tool is what is wrong with the text, unless it says that it did not look."""
    fake.results["fwci_validate_test"] = refused("stages.0: Additional property step is not allowed")
    found = await call(api_of(fake), "tests_validate", yaml=GOOD)
    assert (False, "stages.0: Additional property step is not allowed") == (found.valid, found.message)
    for said, kind in (("permission denied", PermissionDeniedError), ("rate limit exceeded", RateLimitedError)):
        fake.results["fwci_validate_test"] = refused(said)
        with pytest.raises(kind):
            await call(api_of(fake), "tests_validate", yaml=GOOD)
    fake.results["fwci_validate_test"] = "hm"
    with pytest.raises(BadAnswerError):
        await call(api_of(fake), "tests_validate", yaml=GOOD)
    with pytest.raises(UsageError, match="no YAML"):
        await call(api_of(fake), "tests_validate", yaml=" \n")


async def test_what_has_to_be_an_object_must_be_one(fake: Any, api_of: Make, call: Call) -> None:
    """A text that is none is told here; a server that takes text is asked."""
    fake.results["fwci_validate"] = {"valid": False, "error": "bad"}
    for text in ("a: [", "- 1"):
        if fake.sessions:
            with pytest.raises(UsageError):
                await call(api_of(fake), "documents_validate", kind="dut", yaml=text)
        else:
            assert not (await call(api_of(fake), "documents_validate", kind="dut", yaml=text)).valid


@pytest.mark.parametrize(
    "given", [{"schemas": ["test", "step:ping"]}, ["test", "step:ping"], "- test\n- `step:ping`", [{"name": "test"}]]
)
async def test_schemas_and_examples_are_listed(given: Any, fake: Any, api_of: Make, call: Call) -> None:
    """Names alone, records, or a bulleted text."""
    fake.results |= {"fwci_list_schemas": given, "fwci_list_examples": given}
    for name in ("schemas_list", "examples_list"):
        assert "test" == (await call(api_of(fake), name)).items[0].name


async def test_a_schema_and_an_example_are_read(fake: Any, api_of: Make, call: Call) -> None:
    """A schema as it is; an example between marks that say whose it is."""
    fake.results |= {"fwci_get_schema": {"type": "object"}, "fwci_get_example": "name: boot\npassword: x\n"}
    api = api_of(fake)
    assert {"type": "object"} == (await call(api, "schemas_describe", name="test")).definition
    said = (await call(api, "examples_describe", example="a/b.yaml")).text
    assert "<<<example, untrusted output" in said
    assert "name: boot" in said
    assert [["test"], ["a/b.yaml"]] == [list(sent.values()) for _, sent in fake.asked]
    fake.results |= {"fwci_get_schema": "no JSON", "fwci_get_example": {"path": "a", "content": "name: x"}}
    assert "no JSON" == (await call(api, "schemas_describe", name="test")).text
    assert "name: x" in (await call(api, "examples_describe", example="a")).text


async def test_a_tool_that_the_server_lacks_is_told(usual: Any, api_of: Make, call: Call, documented: Any) -> None:
    """By its name."""
    usual.schemas = {name: found for name, found in documented.items() if name != "fwci_list_schemas"}
    with pytest.raises(UnsupportedError, match="has no tool fwci_list_schemas"):
        await call(api_of(usual), "schemas_list")


async def test_a_server_without_schemas_is_asked_as_the_documents_say(
    usual: Any, api_of: Make, call: Call, documented: Any, ulid: Any
) -> None:
    """The documented names, and an id as ``id``."""
    usual.schemas = {name: ({}, []) for name in documented}
    usual.results["fwci_list_workflows"] = {"workflows": []}
    await call(api_of(usual), "workflows_list", name="boot", project=ulid(7))
    sent = {"name": "boot", "project_id": ulid(7), "page": "0", "limit": "20"}
    assert [("fwci_list_workflows", sent)] == usual.asked


async def test_a_used_up_rate_limit_is_waited_for(usual: Any, api_of: Make, call: Call) -> None:
    """As long as the server says: Retry-After first, else the reset."""
    for headers, wait in (({"Retry-After": "3", "X-Ratelimit-Reset": "9"}, 3), ({"X-Ratelimit-Reset": "9"}, 9)):
        slept: list[float] = []
        answers = iter([httpx.Response(429, headers=headers), {"schemas": ["test"]}])
        usual.results["fwci_list_schemas"] = lambda _, answers=answers: next(answers)
        assert (await call(api_of(usual, slept=slept), "schemas_list")).items
        assert wait <= slept[0] <= wait + 1


async def test_a_bad_token_is_told(api_of: Make, call: Call, respond: Any) -> None:
    """Before anything else."""

    async def refuse(_: httpx.Request) -> httpx.Response:
        answer: httpx.Response = respond(401, "no")
        return answer

    with pytest.raises(AuthError):
        await call(api_of(refuse), "projects_list")
