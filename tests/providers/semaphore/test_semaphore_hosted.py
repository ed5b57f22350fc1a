"""Our MCP client against the sandbox's copy of Semaphore's hosted server, over loopback."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ci_mcp.auth.credentials import Credential
from ci_mcp.auth.endpoints import Endpoint
from ci_mcp.core.upstream import Upstream
from ci_mcp.errors import AuthError, CiError, UnsupportedError
from ci_mcp.logs.store import Store
from ci_mcp.net.api import HttpApi
from ci_mcp.sandbox.semaphore import world
from ci_mcp.sandbox.serve import Service

pytestmark = pytest.mark.anyio


@pytest.fixture
async def hosted(service: Service, tmp_path: Path) -> AsyncIterator[HttpApi]:
    """The sandbox's hosted MCP server."""
    url = service.env["SEMAPHORE_MCP_URL"].removesuffix("/mcp")
    place = Endpoint("semaphore", "mcp.semaphoreci.com", url)
    async with HttpApi(place, Credential(service.token, source="a test"), Store(tmp_path)) as api:
        yield api


async def test_its_tools_are_known_with_their_arguments(hosted: HttpApi) -> None:
    """The schemas say how an argument is called."""
    tools = await Upstream(hosted).tools()
    assert {"organizations_list", "pipeline_jobs", "jobs_logs"} <= set(tools)
    assert "pipeline_id" in tools["pipeline_jobs"].parameters


async def test_a_text_that_was_cut_says_so_and_its_record_is_whole(hosted: HttpApi) -> None:
    """The server cuts prose at 25,000 characters."""
    given = {"organization_id": world.ORGANIZATION, "pipeline_id": world.SHOP_MATRIX_PIPELINE}
    result = await Upstream(hosted).call("pipeline_jobs", given)
    assert result.cut
    assert 200 == len([job for block in result.data["blocks"] for job in block["jobs"]])


async def test_an_answer_that_comes_as_a_stream_is_read(hosted: HttpApi) -> None:
    """A notification comes before it."""
    given = {"organization_id": world.ORGANIZATION, "job_id": world.SHOP_MAIN_FAILED_JOB}
    result = await Upstream(hosted).call("jobs_logs", given)
    assert result.text
    assert not result.cut or 25_000 >= len(result.text)


async def test_a_server_that_was_not_greeted_wants_it(hosted: HttpApi) -> None:
    """Then it is, and asked again."""
    result = await Upstream(hosted, handshake=False).call("organizations_list", {})
    assert "acme" == result.data["organizations"][0]["username"]


async def test_what_it_does_not_have_or_refuses_is_an_error_of_ours(hosted: HttpApi, tmp_path: Path) -> None:
    """A tool that is not there, an id that is none, a token that it does not take."""
    with pytest.raises(UnsupportedError, match="nosuch"):
        await Upstream(hosted).call("nosuch")
    with pytest.raises(CiError, match="pipeline_jobs of"):
        await Upstream(hosted).call("pipeline_jobs", {"organization_id": "x", "pipeline_id": "y"})
    place = Endpoint("semaphore", "mcp.semaphoreci.com", hosted.endpoint.base_url)
    async with HttpApi(place, Credential("wrong-token-123", source="a test"), Store(tmp_path)) as api:
        with pytest.raises(AuthError):
            await Upstream(api).call("organizations_list")
