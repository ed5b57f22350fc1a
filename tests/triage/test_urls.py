"""Every web URL that a vendor's pages have, pasted as people paste, against the sandbox."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ci_mcp.cli.sandboxed import demo_world
from ci_mcp.core.call import call
from ci_mcp.core.catalog import load
from ci_mcp.core.services import Services, World
from ci_mcp.logs.store import Store
from ci_mcp.sandbox.buildbot import world as bot
from ci_mcp.sandbox.buildkite import world as bk
from ci_mcp.sandbox.circleci import world as cc
from ci_mcp.sandbox.firmwareci import world as fw
from ci_mcp.sandbox.pocketci import world as pc
from ci_mcp.sandbox.semaphore import world as sem
from ci_mcp.sandbox.semaphore.model import make_id
from ci_mcp.sandbox.serve import service_names

pytestmark = pytest.mark.anyio
SEM = "https://acme.semaphoreci.com"
APP = "https://app.circleci.com"
OLD = "https://circleci.com"
BK = "https://buildkite.com/acme/shop"
API = "https://api.buildkite.com/v2/organizations/acme"
POCKET = "https://pocketci.example.com"
BOT = "https://buildbot.example.com"
FIRMWARE = "https://app.firmware-ci.com/acme"
TELLING = ("assert 1790 == 1800", 'regex "edge-100 login:" was not seen on the serial console')
NUMBER = cc.SHOP_MAIN_NUMBER
JOB = cc.SHOP_MAIN_FAILED_JOB_NUMBER

# What each page of a red run of main is called; all of them ask about the same failure.
RED = [
    f"{SEM}/workflows/{sem.SHOP_MAIN_WORKFLOW}",
    f"{SEM}/workflows/{sem.SHOP_MAIN_WORKFLOW}?pipeline_id={sem.SHOP_MAIN_PIPELINE}",
    f"{SEM}/workflows/{sem.SHOP_MAIN_WORKFLOW}/pipelines/{sem.SHOP_MAIN_PIPELINE}",
    f"{SEM}/workflows/{sem.SHOP_MAIN_WORKFLOW}/summary?pipeline_id={sem.SHOP_MAIN_PIPELINE}",
    f"{SEM}/workflows/{sem.SHOP_MAIN_WORKFLOW}/artifacts",
    f"{SEM}/jobs/{sem.SHOP_MAIN_FAILED_JOB}",
    f"{SEM}/jobs/{sem.SHOP_MAIN_FAILED_JOB}/summary#L52",
    f"{SEM}/branches/{make_id('branch', make_id('project', 'shop'), 'main')}",
    f"{APP}/pipelines/github/acme/shop?branch=main",
    f"{APP}/pipelines/github/acme/shop/{NUMBER}",
    f"{APP}/pipelines/gh/acme/shop/{NUMBER}/",
    f"{APP}/pipelines/github/acme/shop/{NUMBER}/workflows/{cc.SHOP_MAIN_WORKFLOW}",
    f"{APP}/pipelines/github/acme/shop/{NUMBER}/workflows/{cc.SHOP_MAIN_WORKFLOW}/jobs/{JOB}",
    f"{APP}/pipelines/github/acme/shop/{NUMBER}/workflows/{cc.SHOP_MAIN_WORKFLOW}/jobs/{JOB}/steps",
    f"{APP}/pipelines/github/acme/shop/{NUMBER}/workflows/{cc.SHOP_MAIN_WORKFLOW}/jobs/{JOB}/parallel-runs/0/steps/0-105",
    f"{APP}/jobs/github/acme/shop/{JOB}/tests",
    f"{APP}/pipeline/{cc.SHOP_MAIN_PIPELINE}",
    f"{APP}/workflow/{cc.SHOP_MAIN_WORKFLOW}",
    f"{APP}/workflow/{cc.SHOP_MAIN_WORKFLOW}/job/{cc.SHOP_MAIN_FAILED_JOB}",
    f"{APP}/pipelines/workflows/{cc.SHOP_MAIN_WORKFLOW}",
    f"{OLD}/workflow-run/{cc.SHOP_MAIN_WORKFLOW}",
    f"{OLD}/gh/acme/shop/{JOB}",
    f"{OLD}/gh/acme/shop/{JOB}#tests/containers/0",
    f"{OLD}/gh/acme/shop/tree/main",
    f"{BK}?branch=main",
    f"{BK}/builds/{bk.SHOP_MAIN_BUILD}",
    f"{BK}/builds/{bk.SHOP_MAIN_BUILD}#{bk.SHOP_MAIN_FAILED_JOB}",
    f"{BK}/builds/{bk.SHOP_MAIN_BUILD}#{bk.SHOP_MAIN_FAILED_JOB}/6-12",
    f"{BK}/builds/{bk.SHOP_MAIN_BUILD}/list?sid=019a&tab=output&jid={bk.SHOP_MAIN_FAILED_JOB}",
    f"{BK}/builds/{bk.SHOP_MAIN_BUILD}/canvas",
    f"{BK}/builds/{bk.SHOP_MAIN_BUILD}/steps/waterfall",
    f"https://buildkite.com/organizations/acme/pipelines/shop/builds/{bk.SHOP_MAIN_BUILD}",
    f"https://buildkite.com/organizations/acme/jobs/{bk.SHOP_MAIN_FAILED_JOB}",
    f"{API}/pipelines/shop/builds/{bk.SHOP_MAIN_BUILD}",
    f"{API}/pipelines/shop/builds/{bk.SHOP_MAIN_BUILD}/jobs/{bk.SHOP_MAIN_FAILED_JOB}/log",
    f"{POCKET}/runs/{pc.SHOP_RUN}/tasks",
    f"{POCKET}/runs/{pc.SHOP_RUN}/graph",
    f"{POCKET}/runs/{pc.SHOP_RUN}/",
    f"{POCKET}/pipelines/{pc.SHOP}/",
    f"{BOT}/#/builders/{bot.SHOP_BUILDER}/builds/{bot.SHOP_MAIN_NUMBER}",
    f"{BOT}/#/builders/{bot.SHOP_BUILDER}/builds/{bot.SHOP_MAIN_NUMBER}/steps/3/logs/stdio",
    f"{BOT}/#builders/{bot.SHOP_BUILDER}/builds/{bot.SHOP_MAIN_NUMBER}?redirect_to_build=true",
    f"{BOT}/api/v2/builds/{bot.SHOP_MAIN_BUILD}",
    f"{FIRMWARE}/jobs/{fw.SHOP_JOB}",
    f"{FIRMWARE}/jobs/{fw.SHOP_JOB}/logs?tab=serial",
    f"{FIRMWARE}/job-requests/{fw.SHOP_REQUEST}",
]
# Pages of a project: whichever of its runs is the newest.
PROJECTS = [
    (f"{SEM}/projects/shop", "semaphore shop"),
    (f"{SEM}/projects/shop/artifacts", "semaphore shop"),
    (f"{APP}/pipelines/github/acme/shop", "circleci gh/acme/shop"),
    (f"{APP}/projects/gh/acme/shop", "circleci gh/acme/shop"),
    (f"{APP}/settings/project/github/acme/shop", "circleci gh/acme/shop"),
    (f"{OLD}/gh/acme/shop", "circleci gh/acme/shop"),
    (BK, "buildkite acme/shop"),
    (f"{BK}/settings", "buildkite acme/shop"),
    (f"{API}/pipelines/shop", "buildkite acme/shop"),
]


@pytest.fixture(scope="module")
def demo() -> Iterator[tuple[World, Store]]:
    """The sandbox, started once."""
    with demo_world() as made:
        yield made


@pytest.mark.parametrize("url", RED)
async def test_every_page_of_a_red_run_is_explained(url: str, demo: tuple[World, Store], tmp_path: Path) -> None:
    """The failing assertion is in the answer, whichever page was pasted."""
    async with Services(demo[0], Store(tmp_path / "logs")) as services:
        answer = await call(services, "ci_explain", {"target": f"Why? <{url}|build>.", "compare": False})
    assert answer.text.startswith("FAILED  ")
    assert any(words in answer.text for words in TELLING)


@pytest.mark.parametrize("name", [name for name in service_names() if name in load().services])
def test_every_ci_of_the_sandbox_has_its_pages_here(name: str, demo: tuple[World, Store]) -> None:
    """A new provider brings its URLs."""
    service, (endpoint, _) = load().services[name], (demo[0].given or {})[name]
    assert any(service.serves(endpoint.host, urlsplit(url).hostname or "") for url in RED)


@pytest.mark.parametrize(("url", "project"), PROJECTS)
async def test_every_page_of_a_project_is_its_newest_run(url: str, project: str, demo: tuple[World, Store]) -> None:
    """Of whichever branch."""
    async with Services(*demo) as services:
        answer = await call(services, "ci_status", {"target": f"[shop]({url})"})
    assert {project} == {f"{row['provider']} {row['project']}" for row in answer.data["items"]}
