"""What the tools give: lists and their pages, records, logs."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ci_mcp.sandbox.firmwareci import records, world
from ci_mcp.sandbox.firmwareci.model import make_ulid

pytestmark = pytest.mark.anyio
Call = Callable[..., Awaitable[Any]]
Make = Callable[[float], world.World]


def _id(variant: str, kind: str, value: str) -> dict[str, str]:
    return {"id" if variant == "api" else f"{kind}_id": value}


async def test_pages_begin_at_nought_and_are_texts(call: Call, variant: str) -> None:
    """All pages together are the whole list, once; only the last says that there is no more."""
    seen, page, more = [], 0, True
    while more:
        answer = await call(variant, "fwci_list_jobs", page=str(page), limit="60")
        seen += [job["id"] for job in answer["jobs"]]
        page, more = page + 1, answer["has_more"]
    assert 4 == page
    assert len(set(seen)) == len(seen) > 180
    assert sorted(seen, reverse=True) == seen


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"page": 1}, "1 is not of type 'string'"),
        ({"page": "x"}, "invalid page"),
        ({"limit": "-1"}, "invalid limit"),
        ({"cursor": "1"}, "Additional properties are not allowed"),
    ],
)
async def test_pages_that_are_none(call: Call, variant: str, arguments: dict[str, Any], said: str) -> None:
    """Numbers are refused, and what is no number."""
    assert said in await call(variant, "fwci_list_jobs", **arguments)


async def test_a_limit_is_bounded(call: Call, variant: str) -> None:
    """No page has more than a hundred rows, and none has nought."""
    assert 100 == len((await call(variant, "fwci_list_jobs", limit="999"))["jobs"])
    assert 20 == len((await call(variant, "fwci_list_jobs", limit="0"))["jobs"])


async def test_jobs_by_status_and_workflow(call: Call, variant: str) -> None:
    """Several statuses are separated by commas."""
    found = (await call(variant, "fwci_list_jobs", status="queued, preparing"))["jobs"]
    assert {world.QUEUED_JOB: "queued", world.PREPARING_JOB: "preparing"} == {one["id"]: one["status"] for one in found}
    boards = (await call(variant, "fwci_list_workflows", name="matri"))["workflows"][0]["id"]
    failed = (await call(variant, "fwci_list_jobs", status="failed", workflow_id=boards))["jobs"]
    assert [world.MATRIX_REQUEST] * 12 == [job["job_request_id"] for job in failed]


async def test_workflows_and_devices_by_name_and_project(call: Call, variant: str) -> None:
    """A name is looked for as a part, in any case; it is unique only inside a project."""
    projects = {one["name"]: one["id"] for one in (await call(variant, "fwci_list_projects"))["projects"]}
    everywhere = (await call(variant, "fwci_list_workflows", name="BOOT"))["workflows"]
    here = (await call(variant, "fwci_list_workflows", name="BOOT", project_id=projects["shop"]))["workflows"]
    assert (4, 1) == (len(everywhere), len(here))
    duts = (await call(variant, "fwci_list_duts", name="rack2", project_id=projects["shop"]))["duts"]
    assert ["edge-100-rack2"] == [dut["name"] for dut in duts]


async def test_whole_records(call: Call, variant: str) -> None:
    """A device has its attributes with a password in them, a workflow its tests, a job where it came from."""
    dut = (await call(variant, "fwci_list_duts"))["duts"][0]
    assert "attributes" not in dut
    whole = await call(variant, "fwci_get_dut", **_id(variant, "dut", dut["id"]))
    assert world.SECRET_VALUE == whole["attributes"]["bmc_password"]
    job = await call(variant, "fwci_get_job", **_id(variant, "job", world.SHOP_JOB.lower()))
    workflow = await call(variant, "fwci_get_workflow", **_id(variant, "workflow", job["workflow_id"]))
    assert ("boot", "edge-100", 3) == (workflow["name"], workflow["runs_on"], len(workflow["tests"]))
    assert job["error"].startswith("boot: step 'wait for login' failed: expect: timeout after 2m0s")
    assert 40 == len(job["info"]["meta"]["SHA"])


@pytest.mark.parametrize(("kind", "value"), [("job", "x"), ("dut", make_ulid("nothing")), ("workflow", "")])
async def test_things_that_are_not_there(call: Call, variant: str, kind: str, value: str) -> None:
    """What is no id is said to be none; an id that nothing has is not found."""
    said = await call(variant, f"fwci_get_{kind}", **_id(variant, kind, value))
    assert ("not found" in said) if len(value) == 26 else ("not a ULID" in said)


async def test_an_argument_of_the_other_variant_is_refused(call: Call, variant: str) -> None:
    """Who guesses a name is told so."""
    other = {"api": "sessions", "sessions": "api"}[variant]
    assert "validating" in await call(variant, "fwci_get_job", **_id(other, "job", world.SHOP_JOB))


async def test_the_log_of_the_failed_job(call: Call, variant: str) -> None:
    """The console stops before its login prompt, the next stage still ran, and the board is switched off."""
    log = await call(variant, "fwci_get_job_logs", **_id(variant, "job", world.SHOP_JOB))
    if variant == "api":
        steps = {step["name"]: (step["status"], step["output"]) for step in log["steps"]}
    else:
        steps = {s["step"]: (s["status"], s["log"]) for stage in log["stages"] for s in stage["steps"]}
    status, console = steps["wait for login"]
    assert "failed" == status
    assert "nvme0: Device not ready" in console
    assert "edge-100 login: " not in console
    assert ["failed", "succeeded"] == [steps[name][0] for name in ("ping the board", "power off")]


async def test_the_log_of_a_green_job(call: Call, variant: str) -> None:
    """The same test before showed its prompt."""
    log = str(await call(variant, "fwci_get_job_logs", **_id(variant, "job", world.SHOP_GREEN_JOB)))
    assert "edge-100 login: " in log
    assert "not ready" not in log


def test_every_status_is_there(made: Make) -> None:
    """Queued and preparing jobs have no log; an aborted one has that of what it had begun."""
    shop = made(0)
    jobs = {job.id: job for job in shop.jobs}
    by_id = {
        world.QUEUED_JOB: ("queued", []),
        world.PREPARING_JOB: ("preparing", []),
        world.RUNNING_JOB: ("running", ["succeeded"] * 3 + ["running"]),
        world.ABORTED_JOB: ("aborted", ["succeeded", "succeeded", "succeeded", "aborted"]),
        world.UNREACHABLE_JOB: ("failed", ["failed"]),
        world.SHOP_RELEASE_JOB: ("succeeded", ["succeeded"] * 4),
    }
    for job_id, (status, steps) in by_id.items():
        record = records.job(jobs[job_id], shop)
        told = [step["status"] for step in records.steps(jobs[job_id], shop)]
        assert (status, steps) == (record["status"], told), job_id
    assert "dutctl agent not reachable" in records.job(jobs[world.UNREACHABLE_JOB], shop)["error"]
    assert records.job(jobs[world.QUEUED_JOB], shop)["start_time"].startswith("0001-01-01")


def test_jobs_that_end_soon(made: Make) -> None:
    """They run when the sandbox starts, their logs grow, and then they end."""
    ends = {}
    for job_id in (world.SHOP_FAILS_SOON_JOB, world.SHOP_PASSES_SOON_JOB):
        lengths, statuses = [], []
        for at in (0, 2, 60):
            shop = made(at)
            job = next(one for one in shop.jobs if one.id == job_id)
            statuses.append(job.status(shop.now()))
            lengths.append(sum(len(step["output"]) for step in records.steps(job, shop)))
        ends[job_id] = statuses
        assert lengths[0] < lengths[2]
    assert ["running", "running", "failed"] == ends[world.SHOP_FAILS_SOON_JOB]
    assert ["running", "running", "succeeded"] == ends[world.SHOP_PASSES_SOON_JOB]


def test_the_newest_job_of_the_shop_failed(made: Make) -> None:
    """Of a project's jobs the newest is the one that failed, and sixty nights lie behind it."""
    shop = made(0)
    own = [job for job in shop.jobs if job.workflow.project.name == "shop"]
    assert (world.SHOP_JOB, "failed") == (own[0].id, own[0].status(shop.now()))
    assert 60 == sum(job.workflow.name == "nightly" for job in own)
    assert 26 == len(world.SHOP_JOB)


def test_ids_are_the_same_in_every_process() -> None:
    """They come from names, not from the clock."""
    assert "01K638ACD2PCDEN357V6X0ZN09" == world.SHOP_JOB
