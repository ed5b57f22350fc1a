"""One call of ``ci_explain`` from each form of a web URL, on the cloud and on a server; and what the server holds back."""

from collections.abc import Callable
from pathlib import Path

import pytest
from mcp import Client
from mcp_types import TextContent

from ci_mcp import server as mcp
from ci_mcp.auth.endpoints import Endpoint
from ci_mcp.config import Config
from ci_mcp.core.call import call as call_tool
from ci_mcp.core.offer import Offer
from ci_mcp.core.services import Services, World
from ci_mcp.errors import NotFoundError
from ci_mcp.logs.store import Store
from ci_mcp.sandbox.circleci import world
from ci_mcp.sandbox.serve import Service

pytestmark = pytest.mark.anyio

Make = Callable[..., Services]
FLOW = world.SHOP_MAIN_WORKFLOW
TELLING = ("tests/test_cart.py:29", "assert 1790 == 1800")


@pytest.fixture
def services(tmp_path: Path) -> Make:
    """Make the services of a process that knows one CircleCI host, with an empty cache."""

    def make(service: Service, shape: str = "cloud") -> Services:
        host, url = (
            ("circleci.com", service.url) if shape == "cloud" else ("circleci.example.com", service.urls["server"])
        )
        given = {"circleci": (Endpoint("circleci", host, url), service.token)}
        return Services(World(Config.load({"CI_MCP_HOME": str(tmp_path)}), {}, given=given), Store(tmp_path / "logs"))

    return make


@pytest.mark.parametrize(
    ("shape", "web"), [("cloud", "https://app.circleci.com"), ("server", "https://circleci.example.com")]
)
@pytest.mark.parametrize(
    "page",
    [
        f"pipelines/gh/acme/shop/836/workflows/{FLOW}/jobs/5281",
        f"pipelines/github/acme/shop/836/workflows/{FLOW}/jobs/5281/tests",
        f"pipelines/gh/acme/shop/836/workflows/{FLOW}",
        "pipelines/gh/acme/shop/836",
        f"pipelines/workflows/{FLOW}",
        f"pipeline/{world.SHOP_MAIN_PIPELINE}",
        f"workflow/{FLOW}",
        f"workflow/{FLOW}/job/{world.SHOP_MAIN_FAILED_JOB}",
        "gh/acme/shop/5281",
    ],
)
async def test_a_page_is_explained_in_one_call(
    service: Service, services: Make, shape: str, web: str, page: str
) -> None:
    """At most 12 requests (15 where each status costs one) and 1,500 tokens to the failing assertion, file and line."""
    service.requests.clear()
    async with services(service, shape) as made:
        answer = await call_tool(made, "ci_explain", {"target": f"{web}/{page}"})
    assert (12 if shape == "cloud" else 15) >= service.requests.total()
    assert 1_500 * 4 >= len(answer.text)
    assert [] == [words for words in TELLING if words not in answer.text]
    assert answer.text.startswith("FAILED  circleci gh/acme/shop@main")
    assert "Last green run of main" in answer.text
    assert "The run before this one passed: what fails is new." in answer.text


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("pipelines/gh/acme/shop?branch=main", "FAILED  circleci gh/acme/shop@main"),
        ("gh/acme/shop/tree/feature%2Fgift-cards", "FAILED  circleci gh/acme/shop@feature/gift-cards"),
        ("pipelines/github/acme/shop?branch=pull/42", "FAILED  circleci gh/acme/shop@pull/42"),
        (f"pipelines/{world.BILLING}?branch=main", f"FAILED  circleci {world.BILLING}@main"),
        (f"pipeline/{world.SHOP_MALFORMED_PIPELINE}", "Cannot find a definition for command named"),
        (f"pipeline/{world.SHOP_UNAUTHORIZED_PIPELINE}", "add them to the context's security group"),
        (f"pipeline/{world.SHOP_HOLD_PIPELINE}", f'circleci_workflows_approve(workflow="{world.SHOP_HOLD_WORKFLOW}")'),
        (f"pipeline/{world.SHOP_NOT_RUN_PIPELINE}", "no job of it ran"),
        (f"pipeline/{world.SHOP_TIMEOUT_PIPELINE}", "it ran out of time"),
        (f"pipeline/{world.SHOP_INFRA_PIPELINE}", "(infrastructure, says CircleCI, not the code)"),
        (f"pipeline/{world.SHOP_SPLIT_PIPELINE}", "it failed alike on parallel runs 1, 2"),
        (f"pipeline/{world.SHOP_DYNAMIC_PIPELINE}", 'Job "types" failed'),
        (f"pipeline/{world.SHOP_BIG_PIPELINE}", "test tests::no_more_is_taken_than_there_is ... FAILED"),
        (f"pipeline/{world.SHOP_RETRIED_PIPELINE}", "PASSED  circleci gh/acme/shop@orders"),
        (f"pipelines/gh/acme/shop/836/workflows/{FLOW}/jobs/5280", 'The job "lint" (passed) did not fail.'),
    ],
)
async def test_whatever_became_of_a_run_is_said(service: Service, services: Make, page: str, said: str) -> None:
    """By its lines, or in words where there are none."""
    async with services(service) as made:
        answer = await call_tool(made, "ci_explain", {"target": f"https://app.circleci.com/{page}"})
    assert said in answer.text


async def test_a_page_of_a_host_that_is_not_configured_is_not_asked(service: Service, services: Make) -> None:
    """What to configure is the API's host, without the prefix of the web application."""
    service.requests.clear()
    async with services(service, "server") as made:
        with pytest.raises(NotFoundError, match="auth login circleci --host https://circleci.com"):
            await call_tool(made, "ci_explain", {"target": "https://app.circleci.com/pipelines/gh/acme/shop/836"})
    assert 0 == service.requests.total()


async def test_an_agent_in_a_loop_starts_one_pipeline(fresh: Service, services: Make) -> None:
    """The second call within a minute gives the first one's, and says so."""
    async with services(fresh) as made, Client(mcp.build(made, Offer(toolset="all"))) as client:
        said = []
        for _ in range(2):
            result = await client.call_tool("circleci_pipelines_run", {"project": "gh/acme/shop", "branch": "main"})
            (content,) = result.content
            assert isinstance(content, TextContent)
            said.append(content.text)
    assert 1 == sum(count for route, count in fresh.requests.items() if route.endswith("/pipeline/run"))
    assert said[1].startswith('{"note":"already started ')
