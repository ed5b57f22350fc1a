"""FirmwareCI's tools and hooks against the sandbox, in both variants, and through the command line."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from ci_mcp.auth.credentials import Credential
from ci_mcp.auth.endpoints import Endpoint
from ci_mcp.cli.app import run
from ci_mcp.config import Config
from ci_mcp.core import call as calls
from ci_mcp.core import resources
from ci_mcp.core.answer import render
from ci_mcp.core.services import Services, World
from ci_mcp.core.shapes import RunQuery
from ci_mcp.errors import AuthError, NotFoundError
from ci_mcp.logs.store import Store
from ci_mcp.net.api import HttpApi
from ci_mcp.providers.firmwareci import provider
from ci_mcp.sandbox.firmwareci import world
from ci_mcp.sandbox.serve import Service
from ci_mcp.status import Status

pytestmark = pytest.mark.anyio

Call = Callable[..., Awaitable[Any]]
HOOKS: Any = provider.hooks


@pytest.fixture(params=["api", "sessions"])
def url(request: pytest.FixtureRequest, service: Service) -> str:
    """Each of its servers."""
    found: str = service.url if request.param == "api" else service.urls[request.param]
    return found


@pytest.fixture
async def api(url: str, service: Service, tmp_path: Path) -> AsyncIterator[HttpApi]:
    """An Api of one of them."""
    async with connected(url, service.token, tmp_path) as opened:
        yield opened


def connected(url: str, token: str, folder: Path) -> HttpApi:
    """An Api with a token."""

    async def sleep(_seconds: float) -> None:
        """Wait for nothing."""

    endpoint = Endpoint("firmwareci", "api.firmware-ci.com", url)
    settings = {"org": world.ORGANIZATION}
    return HttpApi(endpoint, Credential(token, source="a test"), Store(folder / "l"), settings=settings, sleep=sleep)


async def test_every_list_is_walked_to_its_end(api: HttpApi, call: Call) -> None:
    """No record twice, none missing, whatever the size of the pages."""
    for name in ("projects_list", "workflows_list", "duts_list", "jobs_list"):
        seen: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            page = await call(api, name, limit=7, cursor=cursor)
            seen += [one.id for one in page.items]
            cursor = page.next
        whole = await call(api, name, limit=100)
        assert seen[:100] == [one.id for one in whole.items]
        assert len(seen) == len(set(seen))


async def test_names_find_their_things(api: HttpApi, call: Call) -> None:
    """A workflow's name is unique only in its project."""
    boot = await call(api, "workflows_describe", workflow="boot", project="shop")
    assert ("boot", "edge-100") == (boot.name, boot.runs_on)
    assert boot.more["tests"]
    found = (await call(api, "jobs_list", project="shop", workflow="boot", statuses=["failed"], limit=1)).items
    assert [(world.SHOP_JOB, Status.FAILED)] == [(one.id, one.status) for one in found]
    duts = (await call(api, "duts_list", project="shop")).items
    described = await call(api, "duts_describe", dut=duts[0].id)
    said = render(described).text
    assert world.SECRET_VALUE not in said
    assert "serial_device" in said


async def test_a_job_tells_its_steps(api: HttpApi, call: Call) -> None:
    """The console is there, and the step that failed by its name."""
    job = await call(api, "jobs_describe", job=world.SHOP_JOB)
    assert (Status.FAILED, "linux-boot", "shop") == (job.status, job.name, (await HOOKS.run(api, job.id)).project)
    text = (await call(api, "jobs_logs", job=world.SHOP_JOB, step="wait for login", tail=12)).text
    assert "was not seen on the serial console" in text
    (failure,) = await HOOKS.failures(api, await HOOKS.run(api, world.SHOP_JOB), "")
    assert ("boot / wait for login", 1) == (failure.job.steps[0].name, failure.job.steps[0].exit_code)
    assert not failure.infrastructure


async def test_every_status_is_read(api: HttpApi) -> None:
    """The six of the documents."""
    wanted = {
        world.QUEUED_JOB: Status.QUEUED,
        world.PREPARING_JOB: Status.RUNNING,
        world.RUNNING_JOB: Status.RUNNING,
        world.SHOP_GREEN_JOB: Status.PASSED,
        world.SHOP_JOB: Status.FAILED,
        world.ABORTED_JOB: Status.CANCELED,
    }
    for identity, status in wanted.items():
        assert status == (await HOOKS.run(api, identity)).status


async def test_a_running_job_shows_what_there_is(api: HttpApi, call: Call) -> None:
    """And is read again later."""
    assert "running" in (await call(api, "jobs_logs", job=world.RUNNING_JOB)).text


async def test_schemas_examples_and_validation(api: HttpApi, call: Call) -> None:
    """Every example is valid, and what the schemas do not name makes it invalid."""
    names = [one.name for one in (await call(api, "schemas_list")).items]
    assert {"test", "workflow"} <= set(names)
    assert (await call(api, "schemas_describe", name="workflow")).definition["type"] == "object"
    paths = [one.name for one in (await call(api, "examples_list")).items]
    path = next(path for path in paths if path.endswith("workflow.yaml"))
    text = (await call(api, "examples_describe", example=path)).data["yaml"]
    assert (await call(api, "documents_validate", kind="workflow", yaml=text)).valid
    wrong = await call(api, "documents_validate", kind="workflow", yaml=text + "\nworks-on: x\n")
    assert not wrong.valid
    assert "works-on" in render(wrong).text
    bad = await call(api, "tests_validate", yaml="name: x\n")
    assert not bad.valid
    assert bad.message or bad.issues


async def test_resources_are_passed_through(url: str, service: Service, tmp_path: Path) -> None:
    """Records without secrets, and a page of the documentation."""
    given = {"firmwareci": (Endpoint("firmwareci", "api.firmware-ci.com", url), service.token)}
    everything = World(Config.load({"CI_MCP_HOME": str(tmp_path)}), {}, given=given)
    async with Services(everything, Store(tmp_path / "logs")) as services:
        job = await resources.read(services, f"fwci://job/{world.SHOP_JOB}")
        assert world.SHOP_JOB == job.data["id"]
        dut = (await HOOKS.runs(services.api("firmwareci"), RunQuery(project="shop")))[0]
        assert dut.id == world.SHOP_JOB
        devices = await calls.call(services, "firmwareci_duts_list", {"project": "shop"})
        device = await resources.read(services, f"fwci://dut/{devices.data['items'][0]['id']}")
        assert world.SECRET_VALUE not in device.text
        assert "[redacted]" in device.text
        with pytest.raises(NotFoundError):
            await resources.read(services, "fwci://docs/no/such/page")


async def test_a_bad_token_and_a_bad_id_are_told(url: str, api: HttpApi, call: Call, tmp_path: Path) -> None:
    """Each by its own kind."""
    async with connected(url, "wrong-0123456789", tmp_path / "other") as refused:
        with pytest.raises(AuthError):
            await call(refused, "projects_list")
    with pytest.raises(NotFoundError):
        await call(api, "jobs_describe", job="01K62RNVN3YJ2MFCJM60HFW52Y")


@pytest.mark.parametrize(
    "target",
    [
        f"https://app.firmware-ci.com/acme/jobs/{world.SHOP_JOB}",
        f"https://app.firmware-ci.com/acme/job-requests/{world.SHOP_REQUEST}",
        "firmwareci:shop",
    ],
)
async def test_a_failed_job_is_explained_within_bounds(target: str, url: str, service: Service, tmp_path: Path) -> None:
    """In one call, with at most 15 requests besides the handshake and tools/list."""
    given = {"firmwareci": (Endpoint("firmwareci", "api.firmware-ci.com", url), service.token)}
    everything = World(Config.load({"CI_MCP_HOME": str(tmp_path)}), {}, given=given)
    service.requests.clear()
    async with Services(everything, Store(tmp_path / "logs")) as services:
        answer = await calls.call(services, "ci_explain", {"target": target})
    assert "was not seen on the serial console" in answer.text
    assert "`boot / wait for login`, exit code 1" in answer.text
    assert 15 + 3 >= service.requests.total()
    assert 4_000 * 4 >= len(answer.text)


async def test_a_request_with_many_failed_jobs_names_them(api: HttpApi) -> None:
    """Forty jobs of which twelve failed: one is told, the others are named."""
    place = await HOOKS.locate(api, f"https://app.firmware-ci.com/acme/job-requests/{world.MATRIX_REQUEST}")
    run = await HOOKS.run(api, place.run)
    (failure,) = await HOOKS.failures(api, run, place.job)
    assert "of the same job request failed, too: " in failure.reason
    assert "and 3 more" in failure.reason


def test_validation_from_a_file_is_an_exit_code(
    service: Service, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    """As a script asks for it."""
    file = tmp_path / "workflow.yaml"
    file.write_text("name: x\nworks-on: y\n", encoding="utf-8")
    monkeypatch.setenv("FWCI_TOKEN", service.token)
    monkeypatch.setenv("FIRMWARECI_MCP_URL", f"{service.url}/mcp")
    assert 1 == run(["firmwareci", "documents", "validate", "--kind", "workflow", "--file", str(file)])
    assert json.loads(capsys.readouterr().out)["valid"] is False
