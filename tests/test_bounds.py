"""What an explanation may cost: requests and round trips counted as they leave, tokens by the estimate."""

import json
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import anyio
import anyio.to_thread
import httpx
import pytest

from ci_mcp.auth.endpoints import Endpoint
from ci_mcp.cli.sandboxed import demo_world
from ci_mcp.core.answer import Answer
from ci_mcp.core.call import call
from ci_mcp.core.catalog import find, load
from ci_mcp.core.services import Services, World
from ci_mcp.core.shapes import Place
from ci_mcp.logs.store import Store
from ci_mcp.sandbox.buildkite import world as buildkite
from ci_mcp.sandbox.circleci import world as circleci
from ci_mcp.sandbox.semaphore import world as semaphore
from ci_mcp.sandbox.serve import service_names, start

REQUESTS, ROUNDS, LINES = 15, 5, 40
AGAIN = 2  # requests for the second question about a run
PROVIDERS = [name for name in service_names() if name in load().services]
REMOTES = [name for name in PROVIDERS if name in {"buildkite", "circleci", "pocketci", "semaphore"}]
pytestmark = pytest.mark.anyio
_HANDSHAKE = {"initialize", "notifications/initialized", "tools/list"}  # once a process, so not counted


class Rounds(httpx.AsyncBaseTransport):
    """Holds every request back until none that could go beside it is missing: counts requests and round trips."""

    def __init__(self) -> None:
        self.requests = self.rounds = self.under_way = 0
        self._held: list[anyio.Event] = []
        self._inner = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Wait for the round trip to start, then ask."""
        if not _is_handshake(request):
            self.requests += 1
            event = anyio.Event()
            self._held.append(event)
            await event.wait()
        self.under_way += 1
        try:
            response = await self._inner.handle_async_request(request)
        except BaseException:
            self.under_way -= 1
            raise
        stream = _Watched(response.stream, self)
        return httpx.Response(response.status_code, headers=response.headers, stream=stream, request=request)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()

    async def keep_time(self) -> None:
        """Let round after round go, each as soon as nothing else moves, for ever."""
        while True:
            await anyio.wait_all_tasks_blocked()
            if self._busy() or not self._held:
                await anyio.sleep(0.001)
                continue
            held, self._held = self._held, []
            self.rounds += 1
            for event in held:
                event.set()

    def _busy(self) -> bool:
        return bool(self.under_way or anyio.to_thread.current_default_thread_limiter().borrowed_tokens)


class _Watched(httpx.AsyncByteStream):
    """A body whose end is noticed."""

    def __init__(self, inner: object, rounds: Rounds) -> None:
        self._inner, self._rounds, self._open = inner, rounds, True

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._inner:  # type: ignore[attr-defined]
            yield chunk

    async def aclose(self) -> None:
        self._rounds.under_way -= self._open
        self._open = False
        await self._inner.aclose()  # type: ignore[attr-defined]


def _is_handshake(request: httpx.Request) -> bool:
    try:
        body = json.loads(request.content)
    except (ValueError, httpx.RequestNotRead):
        return False
    return isinstance(body, dict) and body.get("method") in _HANDSHAKE


def forget() -> None:
    """What a process has learned of services is forgotten, as by a new one."""
    for name in PROVIDERS:
        with suppress(ImportError):
            module = import_module(f"ci_mcp.providers.{name}.read")
            getattr(module, "forget", lambda: None)()


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    """Each test is a process of its own."""
    forget()


@pytest.fixture
def server(sandbox: World) -> Iterator[World]:
    """The same, with CircleCI's server, where each status costs a request, in the place of its cloud."""
    with start(["circleci"]) as served:
        one = served["circleci"]
        place = Endpoint("circleci", "circleci.example.com", one.urls["server"])
        home = sandbox.home | {"circleci": Place(host=place.host, project="shop", branch="main")}
        yield replace(sandbox, given={**(sandbox.given or {}), "circleci": (place, one.token)}, home=home)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A checkout of the demo's project, whose HEAD no CI has built."""
    folder = tmp_path / "shop"
    (folder / ".circleci").mkdir(parents=True)
    word = ("git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.com")
    for more in (
        ("init", "-q", "-b", "main"),
        ("commit", "-q", "--allow-empty", "-m", "one"),
        ("remote", "add", "origin", "git@github.com:acme/shop.git"),
    ):
        subprocess.run([*word, *more], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def sandbox() -> Iterator[World]:
    """Every service, started once."""
    with demo_world() as (world, _):
        yield world


@asynccontextmanager
async def counted(sandbox: World, folder: Path) -> AsyncIterator[tuple[Services, Rounds]]:
    """Services over the sandbox with an empty cache, and the count of what they ask."""
    rounds, store = Rounds(), Store(folder / "logs")
    async with anyio.create_task_group() as group, Services(sandbox, store, transport=rounds) as services:
        group.start_soon(rounds.keep_time)
        yield services, rounds
        group.cancel_scope.cancel()


async def explained(services: Services, target: str) -> Answer:
    """The answer to a target."""
    return await call(services, "ci_explain", {"target": target})


@pytest.mark.parametrize(
    ("target", "requests", "rounds", "tokens", "telling"),
    [
        (f"https://acme.semaphoreci.com/workflows/{semaphore.SHOP_MAIN_WORKFLOW}", 15, 5, 1_500, ["tests/test_cart.py:29", "assert 1790 == 1800"]),
        (f"https://acme.semaphoreci.com/jobs/{semaphore.SHOP_MAIN_FAILED_JOB}", 15, 5, 1_500, ["tests/test_cart.py:29", "assert 1790 == 1800"]),
        (f"https://acme.semaphoreci.com/workflows/{semaphore.SHOP_NIGHTLY_WORKFLOW}", 15, 5, 4_000, ["F401", "Connection refused", "the same in 1 other job"]),
        # Two fewer than the bound: on a branch that was never green, main is asked about too.
        (f"https://acme.semaphoreci.com/workflows/{semaphore.SHOP_PULL_REQUEST_WORKFLOW}", 13, 5, 4_000, ["2. Job "]),
        ("semaphore:shop@matrix", 20, 5, 4_000, ["assert 1790 == 1800", "assert 490 == 0", "Connection refused", "the same in 3 other jobs"]),
        (f"https://app.circleci.com/pipelines/github/acme/shop/{circleci.SHOP_MAIN_NUMBER}", 12, 5, 1_500, ["tests/test_cart.py:29", "assert 1790 == 1800"]),
        # Eleven logs, of which eight come at once; its jobs stand on two pages, the second of which the first names.
        ("circleci:shop@wide", 20, 8, 4_000, ["assert 1790 == 1800", "assert 490 == 0", "Connection refused", "Left out (ask", "1 more failed job"]),
        (f"https://buildkite.com/acme/shop/builds/{buildkite.SHOP_MAIN_BUILD}", 15, 5, 1_500, ["tests/test_cart.py:29", "assert 1790 == 1800"]),
        ("buildkite:shop@matrix", 20, 5, 4_000, ["the same in 4 other jobs", "8. Job"]),
        ("buildkite:shop@simplify-tax", 15, 5, 2_000, ["The run before this one", "failed, too"]),
        ("circleci:shop@split", 15, 5, 1_500, ["failing there already: test"]),
    ],
)  # fmt: skip
async def test_an_explanation_keeps_within_its_requests_rounds_and_tokens(  # noqa: PLR0913, PLR0917 - the table's columns
    target: str,
    requests: int,
    rounds: int,
    tokens: int,
    telling: list[str],
    sandbox: World,
    tmp_path: Path,
) -> None:
    """One call; every distinct failure is shown."""
    async with counted(sandbox, tmp_path) as (services, count):
        answer = await explained(services, target)
    assert (requests, rounds) >= (count.requests, 0)
    assert rounds >= count.rounds
    assert tokens * 4 >= len(answer.text)
    assert [] == [words for words in telling if words not in answer.text]


@pytest.mark.parametrize("way", ["name", "url", "checkout"])
@pytest.mark.parametrize("name", [*PROVIDERS, "circleci-server"])
async def test_every_provider_explains_its_shop_within_bounds(  # noqa: PLR0913, PLR0917 - the worlds it may be in
    name: str, way: str, sandbox: World, server: World, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By name, by web URL, from a checkout, each by a process that knows nothing yet; the telling line comes early.

    The second question about the run costs next to nothing.
    """
    provider = name.partition("-")[0]
    world = server if name.endswith("server") else sandbox
    target = f"{provider}:shop@main" if find(provider).hooks.branches else f"{provider}:shop"
    if way == "url":
        async with counted(world, shop / "0") as (services, _):
            target = (await explained(services, target)).data["runs"][0]["url"]
        forget()
    if way == "checkout":
        if provider not in REMOTES:
            pytest.skip("it knows no repositories")
        monkeypatch.chdir(shop)
        world, target = replace(world, home={}), provider
    async with counted(world, shop / "1") as (services, count):
        answer = await explained(services, target)
        assert (REQUESTS, ROUNDS) >= (count.requests, 0)
        assert ROUNDS >= count.rounds
        count.requests = 0
        again = await explained(services, target)
        assert answer.data["runs"][0]["failures"] == again.data["runs"][0]["failures"]
        found_again = 2 if way == "checkout" else 0  # its project, and what is read beside
        assert AGAIN + found_again + name.endswith("server") >= count.requests
    assert any(line.startswith("> ") for line in answer.text.splitlines()[:LINES])
    assert 4_000 * 4 >= len(answer.text)


@pytest.mark.parametrize("tokens", [200, 300, 500, 1_000, 4_000, 10_000])
@pytest.mark.parametrize("target", ["semaphore:shop@matrix", "circleci:shop@main", "buildkite:shop@matrix"])
async def test_an_explanation_keeps_to_the_tokens_asked_for(
    target: str, tokens: int, sandbox: World, tmp_path: Path
) -> None:
    """However few; the run, a failed job and what it says are in the shortest, too."""
    async with counted(sandbox, tmp_path) as (services, _):
        answer = await call(services, "ci_explain", {"target": target, "tokens": tokens})
    assert tokens * 4 >= len(answer.text)
    assert [] == [words for words in ("FAILED  ", "1. Job ", "assert ") if words not in answer.text]


async def test_without_a_comparison_no_request_is_made_for_one(sandbox: World, tmp_path: Path) -> None:
    """`--no-compare` spares the list of runs and the flaky tests."""
    url = f"https://buildkite.com/acme/shop/builds/{buildkite.SHOP_MAIN_BUILD}"
    async with counted(sandbox, tmp_path) as (services, count):
        answer = await call(services, "ci_explain", {"target": url, "compare": False})
    assert "green" not in answer.text
    assert 8 >= count.requests
