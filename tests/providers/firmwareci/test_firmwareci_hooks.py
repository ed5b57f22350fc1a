"""What triage asks of FirmwareCI: from a URL, a name or a checkout to the failing step."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from ci_mcp.config import Config
from ci_mcp.core import call as calls
from ci_mcp.core.services import AT_ONCE, Services, World
from ci_mcp.core.shapes import Checkout, RunQuery
from ci_mcp.errors import NotFoundError, UnsupportedError
from ci_mcp.logs.store import Store
from ci_mcp.net.api import HttpApi
from ci_mcp.providers.firmwareci import known, provider
from ci_mcp.status import Status

pytestmark = pytest.mark.anyio

Make = Callable[..., HttpApi]
HOOKS: Any = provider.hooks
WEB = "https://app.firmware-ci.com/acme"


@pytest.fixture
def shop(fake: Any, job: Any, ulid: Any, logs: Any) -> Any:
    """A project with one workflow: its newest request failed in one of two tests, the one before passed."""
    by_id = {
        one["id"]: one
        for one in (
            job(9, test={"name": "smoke"}, status="succeeded", error=""),
            job(8),
            job(5, status="succeeded", error="", job_request_id=ulid(899)),
            job(4, test={"name": "smoke"}, status="succeeded", error="", job_request_id=ulid(899)),
        )
    }

    def listing(arguments: Any) -> Any:
        words = arguments.get("status", "").split(",") if "status" in arguments else arguments.get("states", [])
        return {"jobs": [one for one in by_id.values() if not words or one["status"] in words], "has_more": False}

    fake.results |= {
        "fwci_list_projects": {
            "projects": [
                {"id": ulid(700), "name": "shop", "vcs": {"link": "github.com/acme/shop"}},
                {"id": ulid(701), "name": "web", "org": "acme", "repo": "web-fw"},
            ]
        },
        "fwci_list_workflows": {"workflows": [{"id": ulid(500), "name": "boot", "project_id": ulid(700)}]},
        "fwci_get_workflow": {"id": ulid(500), "name": "boot", "project_id": ulid(700)},
        "fwci_list_jobs": listing,
        "fwci_get_job": lambda arguments: by_id[next(v for v in arguments.values() if isinstance(v, str))],
        "fwci_get_job_logs": {"job_id": ulid(8), "steps": logs},
    }
    return fake


@pytest.mark.parametrize("target", [f"{WEB}/jobs/%s", "firmwareci:shop", f"{WEB}/job-requests/%s", "firmwareci:#%s"])
async def test_a_job_is_explained_in_one_call(
    target: str, shop: Any, api_of: Make, ulid: Any, services_over: Any
) -> None:
    """The failing step and its lines, in few requests that are not deep."""
    named = target.replace("%s", ulid(900 if "requests" in target else 8))
    async with services_over(api_of(shop)) as services:
        answer = await calls.call(services, "ci_explain", {"target": named})
    first = answer.text.splitlines()[0]
    assert first.startswith("FAILED  firmwareci shop")
    wanted = ["`boot / wait for login`", "exit code 1", "Kernel panic - not syncing", 'timeout: "login:"', ulid(5)]
    assert [] == [said for said in wanted if said not in answer.text]
    assert f'firmwareci_jobs_logs(job="{ulid(8)}"' in answer.text
    assert f": {ulid(5)}, " in answer.text
    assert ulid(4) not in answer.text
    assert 15 >= len(shop.asked)
    assert 5 >= max(shop.depths)
    assert 1_500 * 4 >= len(answer.text)


async def test_a_project_is_told_by_the_workflow_where_the_job_does_not(shop: Any, api_of: Make, job: Any) -> None:
    """One more request."""
    shop.results["fwci_get_job"] = job(8, project_id=None)
    assert "shop" == (await HOOKS.run(api_of(shop), job(8)["id"])).project


async def test_what_tells_the_project_only_adds(shop: Any, api_of: Make, job: Any, refused: Any) -> None:
    """A workflow that cannot be read does not hide its job."""
    shop.results |= {"fwci_get_job": job(8, project_id=None), "fwci_get_workflow": refused("database is locked")}
    assert (Status.FAILED, "") == (
        (found := await HOOKS.run(api_of(shop), job(8)["id"])).status,
        found.project,
    )


async def test_runs_are_in_order_of_their_requests(shop: Any, api_of: Make, ulid: Any) -> None:
    """Newest request first, and in one request what failed first; filtered as asked."""
    api = api_of(shop)
    found = await HOOKS.runs(api, RunQuery(project="shop"))
    assert [ulid(8), ulid(9), ulid(5), ulid(4)] == [run.id for run in found]
    passed = await HOOKS.runs(api, RunQuery(project=ulid(700), status=Status.PASSED, limit=2))
    assert [ulid(9), ulid(5)] == [run.id for run in passed]
    assert [] == await HOOKS.runs(api, RunQuery(project="shop", commit="c" * 40))
    with pytest.raises(NotFoundError, match="see"):
        await HOOKS.runs(api, RunQuery(project="nothing-like-it"))


@pytest.mark.parametrize("many", [3, 6])
async def test_the_runs_of_many_workflows_come_together(many: int, shop: Any, api_of: Make, ulid: Any) -> None:
    """A list for each of a few; of more, the jobs of all that are in the project."""
    rows = [{"id": ulid(500 + number), "name": f"w{number}"} for number in range(many)]
    shop.results["fwci_list_workflows"] = {"workflows": rows}
    found = await HOOKS.runs(api_of(shop), RunQuery(project="shop"))
    assert ulid(8) == found[0].id
    if not shop.sessions:
        assert (many if many < 5 else 1) == len(shop.of("fwci_list_jobs"))


async def test_a_workflow_that_was_added_is_found_later(
    shop: Any, api_of: Make, ulid: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server runs for days: what it knows of projects and workflows is asked for again."""
    api = api_of(shop)
    for times in (1, 1):
        await HOOKS.runs(api, RunQuery(project="shop"))
        assert times == len(shop.of("fwci_list_projects"))
    monkeypatch.setattr(known, "SECONDS", 0.0)
    shop.results["fwci_list_projects"] = {"projects": [{"id": ulid(702), "name": "new"}]}
    await HOOKS.runs(api, RunQuery(project="new"))
    assert 2 == len(shop.of("fwci_list_projects"))


async def test_a_commit_is_found_wherever_it_stands(usual: Any, api_of: Make, job: Any) -> None:
    """In what the submitter said of the request."""
    for facts in ({"info": {"gerrit": {"commit_hash": "abc"}}}, {"info": {"meta": {"SHA": "abc"}}}, {"commit": "abc"}):
        usual.results["fwci_get_job"] = job(1, **facts)
        assert "abc" == (await HOOKS.run(api_of(usual), job(1)["id"])).commit


@pytest.mark.parametrize(
    ("facts", "reason", "lab"),
    [
        ({"error": "no DUT with label rack available", "start_time": None}, "no DUT with label rack available", True),
        ({"error": "reservation of board-1 failed"}, "reservation of board-1 failed", True),
        ({"error": "device board-1 is unreachable over ssh"}, "device board-1 is unreachable over ssh", True),
        ({"error": "login prompt not found"}, "login prompt not found", False),
        ({"error": "", "status": "aborted"}, "it was aborted", False),
        ({"error": "", "status": "aborted", "start_time": None}, "it was aborted", False),
    ],
)
async def test_the_reason_tells_the_lab_from_the_code(  # noqa: PLR0913, PLR0917 - fixtures and cases
    facts: Any, reason: str, lab: bool, shop: Any, api_of: Make, job: Any
) -> None:
    """A board that was not to be had is no fault of the firmware."""
    shop.results["fwci_get_job"] = job(8, **facts)
    api = api_of(shop)
    run = await HOOKS.run(api, job(8)["id"])
    (found,) = await HOOKS.failures(api, run, "")
    assert (reason, lab) == (found.reason, found.infrastructure)
    assert [] == await HOOKS.failures(api, run, "another")


async def test_a_job_told_in_prose_is_still_a_job(usual: Any, api_of: Make, job: Any) -> None:
    """Its status at least: a failed job must not pass for an unknown one."""
    usual.results["fwci_get_job"] = "**Status**: failed\n- Test: linux-boot\nDUT : board-1\n"
    found = await HOOKS.run(api_of(usual), job(8)["id"])
    assert (Status.FAILED, "linux-boot") == (found.status, found.title)


async def test_a_log_that_cannot_be_read_hides_no_reason(shop: Any, api_of: Make, job: Any, refused: Any) -> None:
    """Triage says that of the log."""
    shop.results["fwci_get_job_logs"] = refused("object storage is down")
    api = api_of(shop)
    (found,) = await HOOKS.failures(api, await HOOKS.run(api, job(8)["id"]), "")
    assert ("stage boot: step wait for login failed", ()) == (found.reason, found.job.steps)


async def test_what_failed_beside_a_job_is_told(shop: Any, api_of: Make, job: Any, ulid: Any, refused: Any) -> None:
    """A request is many jobs, and one of them must not pass for all that failed."""
    rows = [job(number, test={"name": f"test-{number}"}) for number in range(20, 30)]
    shop.results["fwci_list_jobs"] = {"jobs": [job(8), *rows, job(31, job_request_id=ulid(899))]}
    api = api_of(shop)
    run = await HOOKS.run(api, ulid(8))
    (found,) = await HOOKS.failures(api, run, "")
    names = ", ".join(f"test-{number}" for number in range(20, 28))
    assert found.reason.endswith(f"; of the same job request failed, too: {names} and 2 more")
    shop.results["fwci_list_jobs"] = refused("database is locked")
    assert "too" not in (await HOOKS.failures(api, run, ""))[0].reason


async def test_a_run_is_not_started_here(shop: Any, api_of: Make, job: Any, ulid: Any) -> None:
    """The command that starts it is told, as far as it is known."""
    shop.results["fwci_get_job"] = job(8, binaries={"Image": "s3://x", "BIOS": "s3://y"})
    with pytest.raises(UnsupportedError) as caught:
        await HOOKS.rerun(api_of(shop), ulid(8), True)
    assert 'fwci job Image=PATH BIOS=PATH -w "boot"' in str(caught.value)
    with pytest.raises(UnsupportedError, match='fwci job KEY=PATH -w "WORKFLOW"'):
        await HOOKS.rerun(api_of(shop), "?", True)


async def test_a_token_is_accepted_and_no_more_is_known(shop: Any, api_of: Make) -> None:
    """The rate limit left comes with every answer."""
    shop.headers = {"X-Ratelimit-Remaining": "57"}
    found = await HOOKS.identity(api_of(shop))
    assert ("accepted", 57) == (found.name, found.remaining)
    shop.results["fwci_list_projects"] = {"projects": []}
    assert "no project" in (await HOOKS.identity(api_of(shop))).note


async def test_urls_name_what_they_can(shop: Any, api_of: Make, ulid: Any) -> None:
    """A page that no call reads is refused, with what to paste instead."""
    api = api_of(shop)
    assert ulid(8) == (await HOOKS.locate(api, f"{WEB}/jobs/{ulid(8).lower()}?tab=logs")).job
    assert "shop" == (await HOOKS.locate(api, f"{WEB}/projects/{ulid(700)}")).project
    assert ulid(8) == (await HOOKS.locate(api, f"{WEB}/job-requests/{ulid(900)}")).run
    for url in (f"{WEB}/jobs", "https://[bad/jobs/x", WEB):
        assert await HOOKS.locate(api, url) is None
    with pytest.raises(UnsupportedError, match="page of duts"):
        await HOOKS.locate(api, f"{WEB}/duts/{ulid(6)}")
    with pytest.raises(NotFoundError, match="its own record cannot be read"):
        await HOOKS.locate(api, f"{WEB}/job-requests/{ulid(1)}")


@pytest.mark.parametrize(
    ("remote", "project"),
    [
        ("git@github.com:acme/shop.git", "shop"),
        ("https://gitlab.com/acme/web-fw", "web"),
        ("https://gitlab.com/other/web", "web"),
        ("https://github.com/acme/nothing", ""),
    ],
)
async def test_a_checkout_is_matched_by_repository_or_name(
    remote: str, project: str, shop: Any, api_of: Make, tmp_path: Path
) -> None:
    """Where it has a ``.firmwareci`` folder."""
    here = Checkout(root=str(tmp_path), remotes=(remote,))
    assert [] == await HOOKS.discover(api_of(shop), here)
    assert [] == shop.asked
    (tmp_path / ".firmwareci").mkdir()
    assert [project] * bool(project) == [place.project for place in await HOOKS.discover(api_of(shop), here)]


async def test_no_more_than_two_calls_run_at_once(tmp_path: Path) -> None:
    """Its rate limit is the organization's; the organization's name for links comes from the environment, too."""
    env: Mapping[str, str] = {
        "CI_MCP_HOME": str(tmp_path),
        "FWCI_TOKEN": "tok-0123456789",
        "FIRMWARECI_ORG": "acme",
        "FIRMWARECI_MCP_URL": "https://fw.example.com/mcp",
    }
    async with Services(World(Config.load(env), env), Store(tmp_path / "logs")) as services:
        api = services.api("firmwareci")
        assert ("fw.example.com", "acme") == (api.host, api.settings["org"])
        assert 2 == services._slots["firmwareci"].value < AT_ONCE  # noqa: SLF001 - what the calls share
    assert isinstance(httpx.URL(f"https://{api.host}"), httpx.URL)
