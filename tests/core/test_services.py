"""Which services are configured, and how one is reached."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ci_mcp.config import Config
from ci_mcp.core.call import call
from ci_mcp.core.services import Services, World
from ci_mcp.errors import AuthError, NotFoundError, TimedOutError, UsageError
from ci_mcp.logs.store import Store
from ci_mcp.sandbox.faults import fault_token
from ci_mcp.sandbox.serve import Service, start

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Service]:
    """Semaphore's sandbox."""
    with start(["semaphore"]) as services:
        yield services["semaphore"]


def services_of(folder: Path, only: tuple[str, ...] = (), **env: str) -> Services:
    """Services of a person with this environment."""
    env["CI_MCP_HOME"] = str(folder)
    return Services(World(Config.load(env), env, only=only), Store(folder / "logs"))


async def test_what_has_a_token_is_configured(tmp_path: Path) -> None:
    """By the environment alone; no call is made."""
    assert [] == services_of(tmp_path).configured()
    assert ["semaphore"] == services_of(tmp_path, SEMAPHORE_API_TOKEN="t", SEMAPHORE_HOST="a.example").configured()


async def test_only_the_wanted_providers_are_configured(tmp_path: Path) -> None:
    """A wish for one that there is not is an error."""
    env = {"SEMAPHORE_API_TOKEN": "t", "SEMAPHORE_HOST": "a.example"}
    assert ["semaphore"] == services_of(tmp_path, ("semaphore",), **env).configured()
    with pytest.raises(UsageError, match="there is no provider nosuch"):
        services_of(tmp_path, ("nosuch",), **env).configured()


async def test_one_connection_serves_a_host(tmp_path: Path, sandbox: Service) -> None:
    """Until the services are closed."""
    async with services_of(tmp_path, **sandbox.env) as services:
        api = services.api("semaphore")
        assert api is services.api("semaphore", api.host)
        assert api is api.at(api.host)
        assert 200 == (await api.get("/api/v1alpha/projects")).status


async def test_a_host_that_is_not_configured_is_told(tmp_path: Path, sandbox: Service) -> None:
    """With those that are, and how to add it."""
    async with services_of(tmp_path, **sandbox.env) as services:
        with pytest.raises(
            NotFoundError, match="other.example is not a configured Semaphore host: .* --host https://other.example"
        ):
            services.api("semaphore", "other.example")


async def test_a_host_without_a_token_is_told_at_its_first_call(tmp_path: Path) -> None:
    """The keyring is opened only then; nothing is sent."""
    async with services_of(tmp_path, SEMAPHORE_HOST="a.example") as services:
        api = services.api("semaphore")
        with pytest.raises(AuthError, match="no token for semaphore at a.example"):
            await api.get("/api/v1alpha/projects")


async def test_a_token_without_a_host_is_told(tmp_path: Path) -> None:
    """Semaphore has a host for each organization: the token alone does not say which."""
    async with services_of(tmp_path, SEMAPHORE_API_TOKEN="t") as services:
        with pytest.raises(
            AuthError, match="there is a token for semaphore, and no host that it is for: set SEMAPHORE_HOST"
        ):
            services.api("semaphore")


async def test_where_a_token_comes_from_can_be_told(tmp_path: Path, sandbox: Service) -> None:
    """In words, never the token."""
    async with services_of(tmp_path, **sandbox.env) as services:
        assert "environment variable SEMAPHORE_API_TOKEN" == services.source(
            "semaphore", services.api("semaphore").host
        )


async def test_a_call_ends_within_its_deadline(tmp_path: Path, sandbox: Service) -> None:
    """A service that never answers does not hold a caller."""
    env = dict(sandbox.env) | {"SEMAPHORE_API_TOKEN": fault_token("stall")}
    async with services_of(tmp_path, **env) as services:
        with pytest.raises(TimedOutError):
            await call(services, "semaphore_projects_list", {}, deadline=0.5)


async def test_there_is_no_tool_of_another_name(tmp_path: Path) -> None:
    """The error names the command that lists them."""
    async with services_of(tmp_path) as services:
        with pytest.raises(NotFoundError, match='there is no tool x: see the tools with "ci-mcp tools"'):
            await call(services, "x", {})
