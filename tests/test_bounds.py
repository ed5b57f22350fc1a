"""What an explanation may cost: requests counted by the sandbox, tokens by the estimate."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ci_mcp.auth.endpoints import Endpoint
from ci_mcp.config import Config
from ci_mcp.core.call import call
from ci_mcp.core.catalog import load
from ci_mcp.core.services import Services, World
from ci_mcp.logs.store import Store
from ci_mcp.sandbox.buildkite import world as buildkite
from ci_mcp.sandbox.circleci import world as circleci
from ci_mcp.sandbox.pocketci import world as pocketci
from ci_mcp.sandbox.semaphore import world as semaphore
from ci_mcp.sandbox.serve import Service, start

_MANY = 20  # requests that a run with many failures may take: its failures do not all stand on the first page
pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def sandbox() -> Iterator[dict[str, Service]]:
    """Every service, started once."""
    with start() as services:
        yield services


def services_of(sandbox: dict[str, Service], folder: Path) -> Services:
    """Services over the sandbox, with an empty cache."""
    given = {
        name: (Endpoint(name, one.host, one.url), one.token) for name, one in sandbox.items() if name in load().services
    }
    return Services(World(Config.load({"CI_MCP_HOME": str(folder)}), {}, given=given), Store(folder / "logs"))


@pytest.mark.parametrize(
    ("target", "requests", "tokens", "telling"),
    [
        (f"https://acme.semaphoreci.com/workflows/{semaphore.SHOP_MAIN_WORKFLOW}", 15, 1_500, ["tests/test_cart.py:29", "assert 1790 == 1800"]),
        (f"https://acme.semaphoreci.com/jobs/{semaphore.SHOP_MAIN_FAILED_JOB}", 15, 1_500, ["tests/test_cart.py:29", "assert 1790 == 1800"]),
        ("semaphore:shop@main", 15, 1_500, ["assert 1790 == 1800"]),
        (f"https://acme.semaphoreci.com/workflows/{semaphore.SHOP_NIGHTLY_WORKFLOW}", 15, 4_000, ["F401", "Connection refused", "the same in 1 other job"]),
        ("circleci:shop@main", 12, 1_500, ["tests/test_cart.py:29", "assert 1790 == 1800"]),
        (f"https://app.circleci.com/pipelines/github/acme/shop/{circleci.SHOP_MAIN_NUMBER}", 12, 1_500, ["tests/test_cart.py:29", "assert 1790 == 1800"]),
        ("circleci:shop@wide", 20, 4_000, ["assert 1790 == 1800", "assert 490 == 0", "Connection refused"]),
        ("buildkite:shop@main", 15, 1_500, ["tests/test_cart.py:29", "assert 1790 == 1800"]),
        (f"https://buildkite.com/acme/shop/builds/{buildkite.SHOP_MAIN_BUILD}", 15, 1_500, ["tests/test_cart.py:29", "assert 1790 == 1800"]),
        ("buildkite:shop@matrix", 20, 4_000, ["the same in 4 other jobs", "8. Job"]),
        ("pocketci:shop", 15, 1_500, ["tests/test_cart.py:29", "assert 1790 == 1800"]),
        (f"https://pocketci.example.com/runs/{pocketci.SHOP_RUN}/tasks", 15, 1_500, ["tests/test_cart.py:29", "assert 1790 == 1800"]),
        (f"https://pocketci.example.com/runs/{pocketci.BIG_RUN}/tasks", 15, 1_500, ["Killed"]),
        ("pocketci:matrix", 20, 4_000, ["the same in 4 other jobs"]),
        ("semaphore:shop@matrix", 20, 4_000, ["assert 1790 == 1800", "assert 490 == 0", "Connection refused", "the same in 3 other jobs"]),
    ],
)  # fmt: skip
async def test_an_explanation_keeps_within_its_requests_and_tokens(  # noqa: PLR0913, PLR0917 - the columns of the table
    target: str, requests: int, tokens: int, telling: list[str], sandbox: dict[str, Service], tmp_path: Path
) -> None:
    """One call; every distinct failure is shown, the telling line within the first 40 lines."""
    for one in sandbox.values():
        one.requests.clear()
    async with services_of(sandbox, tmp_path) as services:
        answer = await call(services, "ci_explain", {"target": target})
    assert requests >= sum(one.requests.total() for one in sandbox.values())
    assert tokens * 4 >= len(answer.text)
    assert [] == [words for words in telling if words not in answer.text]
    if requests < _MANY:
        assert telling[0] in "\n".join(answer.text.splitlines()[:40])
