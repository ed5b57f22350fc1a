"""The MCP server in this process: what it lists, how it answers, what it holds back."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import anyio
import pytest
from mcp import Client, MCPError
from mcp_types import TextContent

from ci_mcp import server
from ci_mcp.cli.sandboxed import demo_world
from ci_mcp.core.answer import Answer
from ci_mcp.core.catalog import TRIAGE, ToolSpec, load
from ci_mcp.core.offer import Offer
from ci_mcp.core.services import Services, World
from ci_mcp.errors import NotFoundError
from ci_mcp.logs.store import Store
from ci_mcp.sandbox.semaphore import world as ids

Demo = tuple[World, Store]


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    """The sandbox, started once."""
    with demo_world() as made:
        yield made


@asynccontextmanager
async def connected(demo: Demo, offer: Offer | None = None, **changes: Any) -> AsyncIterator[Client]:
    """A client of the server over the sandbox."""
    async with (
        Services(replace(demo[0], **changes), demo[1]) as services,
        Client(server.build(services, offer or Offer())) as client,
    ):
        yield client


async def call(client: Client, name: str, **arguments: Any) -> tuple[str, Any, bool]:
    """A call's text, its structured content, and whether it failed."""
    result = await client.call_tool(name, arguments)
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text, result.structured_content, result.is_error


def _served(demo: Demo, spec: ToolSpec) -> bool:
    """Whether the sandbox has the tool's provider; triage is always there."""
    return spec.provider in {TRIAGE, *(demo[0].given or ())}


@pytest.mark.anyio
async def test_the_core_toolset_is_listed_with_truthful_hints(demo: Demo) -> None:
    """The ci_ tools and the provider's core ones, each with its annotations."""
    async with connected(demo) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert {name for name, spec in load().tools.items() if spec.core and _served(demo, spec)} == set(tools)
    assert tools["ci_explain"].annotations is not None
    assert tools["ci_explain"].annotations.read_only_hint is True
    rerun = tools["semaphore_workflows_rerun"].annotations
    assert rerun is not None
    assert (False, False, False) == (rerun.read_only_hint, rerun.destructive_hint, rerun.idempotent_hint)


@pytest.mark.anyio
async def test_read_only_offers_nothing_that_writes_and_refuses_it(demo: Demo) -> None:
    """What is not offered cannot be called by its name either."""
    async with connected(demo, Offer("all", read_only=True)) as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
        said, _, failed = await call(client, "semaphore_workflows_cancel", workflow=ids.SHOP_MAIN_WORKFLOW)
    assert {name for name, spec in load().tools.items() if spec.read_only and _served(demo, spec)} == names
    assert failed
    assert "ci_rerun" not in names
    assert "semaphore_workflows_cancel changes something, and this server only reads: " in said


@pytest.mark.anyio
async def test_a_tool_that_is_not_offered_is_told_with_what_can_be_done(demo: Demo) -> None:
    """Each reason in its own words: another name, another toolset, a CI left out by choice."""
    async with connected(demo, only=("semaphore",)) as client:
        mistyped, _, _ = await call(client, "semaphore_workflows_serach", project="shop")
        beyond, _, _ = await call(client, "semaphore_tests_flaky", project="shop")
        left_out, _, _ = await call(client, "buildkite_builds_list")
    assert "there is no tool semaphore_workflows_serach: did you mean semaphore_workflows_search" in mistyped
    assert 'it is a command, too: "ci-mcp --demo semaphore tests flaky --help"; --toolset all offers it' in beyond
    assert left_out.startswith("buildkite is left out here: only semaphore may be asked: ")


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["no_such_tool", "buildkite_builds_list", "ci_explain", "circleci_jobs_list"])
async def test_what_an_error_repeats_is_made_safe_as_an_answer_is(demo: Demo, name: str) -> None:
    """A token that was pasted into an argument, and characters that mislead, do not come back."""
    token = demo[0].given["semaphore"][1] if demo[0].given else ""
    odd = f"x\u202e\x1b[31m\u200b ghp_{'a1B2' * 9} {token}"
    async with connected(demo, Offer("all")) as client:
        await call(client, "semaphore_projects_search", search="shop")  # with the token, which is known from then on
        if name == "no_such_tool":
            said, _, failed = await call(client, odd)
        else:
            argument = {"buildkite_builds_list": "state", "ci_explain": "target", "circleci_jobs_list": odd}[name]
            said, _, failed = await call(client, name, **{argument: odd})
        with pytest.raises(MCPError) as caught:
            await client.get_prompt("explain_failure", {odd: "x"})
    for text in (said, str(caught.value)):
        assert not set("\u202e\x1b\u200b") & set(text)
        assert "ghp_" not in text
        assert token not in text
    assert failed
    assert token


@pytest.mark.anyio
async def test_an_error_names_the_tools_that_a_client_has(demo: Demo) -> None:
    """A shell's command where it has none: what is named can be called."""
    async with connected(demo) as client:
        core, _, _ = await call(client, "buildkite_builds_describe", build=1)
        beyond, _, _ = await call(client, "semaphore_jobs_logs", job="x")
    async with connected(demo, Offer("all")) as client:
        whole, _, _ = await call(client, "semaphore_jobs_logs", job="x")
    assert core.endswith("find it with buildkite_builds_list")
    assert beyond.endswith('find it with "ci-mcp semaphore jobs list"')
    assert whole.endswith("find it with semaphore_jobs_list")


@pytest.mark.anyio
async def test_without_a_configured_provider_the_ci_tools_say_what_to_do(demo: Demo) -> None:
    """An agent that finds nothing configured is told how to configure it."""
    async with connected(demo, given={}, home={}) as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
        said, _, failed = await call(client, "ci_explain")
        other, _, _ = await call(client, "semaphore_jobs_logs", job="x")
    assert {"ci_explain", "ci_status", "ci_wait", "ci_rerun", "ci_echo"} == names
    assert failed
    assert (
        'no CI is configured: run "ci-mcp auth login PROVIDER", or set BUILDBOT_URL or BUILDKITE_API_TOKEN or ' in said
    )
    assert 'semaphore is not configured: run "ci-mcp auth login semaphore"' == other


@pytest.mark.anyio
async def test_records_are_structured_and_their_text_is_the_same_json(demo: Demo) -> None:
    """Hosts show the one or the other."""
    async with connected(demo) as client:
        text, data, _ = await call(client, "semaphore_projects_search", search="shop")
    assert data == json.loads(text)
    assert "shop" == data["items"][0]["name"]


@pytest.mark.anyio
async def test_prose_is_text_alone(demo: Demo) -> None:
    """No structured content, so no host shows it as one line of JSON."""
    async with connected(demo) as client:
        text, data, _ = await call(
            client, "ci_explain", target=f"https://acme.semaphoreci.com/workflows/{ids.SHOP_MAIN_WORKFLOW}"
        )
    assert data is None
    assert text.startswith("FAILED  semaphore shop@main")
    assert "tests/test_cart.py:29" in text
    assert "assert 1790 == 1800" in text
    assert 1_500 * 4 >= len(text)


@pytest.mark.anyio
async def test_an_error_is_a_result_that_says_what_to_do(demo: Demo) -> None:
    """Without the SDK's prefix, and without a traceback."""
    async with connected(demo) as client:
        said, data, failed = await call(client, "semaphore_jobs_describe", job="not-an-id")
        unknown, _, _ = await call(client, "no_such_tool")
        bad, _, _ = await call(client, "ci_explain", tokens=1)
    assert (True, None) == (failed, data)
    assert not said.startswith("Error")
    assert "there is no tool no_such_tool: list the tools again" == unknown
    assert "bad arguments for ci_explain: tokens: Input should be greater than or equal to 200" == bad


@pytest.mark.anyio
async def test_a_fault_of_our_own_shows_no_traceback(demo: Demo, capsys: pytest.CaptureFixture[str]) -> None:
    """The model is told to report it; what happened stands on stderr."""

    class Broken(Services):
        def api(self, name: str, host: str = "") -> Any:
            raise ZeroDivisionError(f"{name} {host}")

    async with Broken(*demo) as services, Client(server.build(services, Offer())) as client:
        said, _, failed = await call(client, "semaphore_projects_search", search="x")
    assert failed
    assert "semaphore_projects_search failed inside ci-mcp (ZeroDivisionError): please report it" == said
    assert "ZeroDivisionError" in capsys.readouterr().err


@pytest.mark.anyio
async def test_the_same_run_is_started_once_a_minute_unless_forced(demo: Demo) -> None:
    """An agent in a loop must not burn credits; a person who insists is obeyed."""
    async with connected(demo) as client:
        _, first, _ = await call(client, "semaphore_workflows_rerun", workflow=ids.SHOP_MAIN_WORKFLOW)
        text, second, _ = await call(client, "semaphore_workflows_rerun", workflow=ids.SHOP_MAIN_WORKFLOW)
        _, third, _ = await call(client, "semaphore_workflows_rerun", workflow=ids.SHOP_MAIN_WORKFLOW, force=True)
    assert first["workflow"] == second["workflow"]
    assert first["workflow"] != third["workflow"]
    assert text.startswith('{"note":"already started ')


@pytest.mark.anyio
async def test_a_rerun_of_any_ci_is_held_back_alike(demo: Demo) -> None:
    """The guard knows the tool, not the provider; a person who insists is obeyed."""
    async with connected(demo) as client:
        _, first, _ = await call(client, "ci_rerun", target="semaphore:shop@spike", which="all")
        _, second, _ = await call(client, "ci_rerun", target="semaphore:shop@spike", which="all")
        _, other, _ = await call(client, "ci_rerun", target="semaphore:shop@spike", which="all", force=True)
    assert first["id"] == second["id"]
    assert "already started 0 s ago" in second["note"]
    assert first["id"] != other["id"]


@pytest.mark.anyio
async def test_a_client_that_wants_to_know_is_told_how_far_a_wait_is(demo: Demo) -> None:
    """Jobs that have ended, of all, with words; the number grows even where only the words are new."""
    said: list[tuple[float, float | None, str | None]] = []

    async def progress(done: float, total: float | None, words: str | None) -> None:
        said.append((done, total, words))

    async with connected(demo) as client:
        arguments = {"target": "semaphore:shop@release", "timeout": 0}
        await client.call_tool("ci_wait", arguments, progress_callback=progress)
        await client.call_tool("ci_wait", arguments)  # without a token nothing is sent
    assert [(4, 4)] == [(done, total) for done, total, _ in said]
    assert "semaphore shop@release: passed, " in (said[0][2] or "")


@pytest.mark.anyio
async def test_progress_never_stands_still() -> None:
    """As the protocol wants it."""
    said: list[tuple[float, float | None, str | None]] = []

    class Session:
        async def report_progress(self, done: float, total: float | None, words: str | None) -> None:
            said.append((done, total, words))

    report = server.reporter(SimpleNamespace(session=Session()))
    for done, total in ((0, None), (0, 2), (2, 2), (2, 2)):
        await report(done, total, "x")
    numbers = [one[0] for one in said]
    assert sorted(set(numbers)) == numbers
    assert all(total is None or total >= done for done, total, _ in said)


@pytest.mark.anyio
async def test_two_calls_at_once_start_one_run() -> None:
    """The second waits for the first and is given its answer."""
    started = server.Started()
    spec = load().tools["semaphore_workflows_rerun"]
    runs = []

    async def start() -> Answer:
        await anyio.sleep(0.01)
        runs.append(1)
        return Answer("{}", {"workflow": len(runs)}, structured=True)

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(started.once, spec, {"workflow": "w"}, start)
    assert [1] == runs
    assert {} == started.busy


@pytest.mark.anyio
async def test_after_a_minute_or_a_failure_a_run_is_started_again() -> None:
    """What failed to start was not started."""
    now = [0.0]
    started = server.Started(clock=lambda: now[0])
    spec = load().tools["semaphore_workflows_rerun"]
    outcomes: list[Any] = [NotFoundError("gone"), 1, 2]

    async def start() -> Answer:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return Answer("{}", {"workflow": outcome}, structured=True)

    with pytest.raises(NotFoundError):
        await started.once(spec, {}, start)
    assert 1 == (await started.once(spec, {}, start)).data["workflow"]
    now[0] = 61.0
    assert 2 == (await started.once(spec, {}, start)).data["workflow"]


def test_the_instructions_are_short() -> None:
    """They stand in every conversation."""
    assert 180 > len((server.INSTRUCTIONS + server.MORE).split())


@pytest.mark.anyio
async def test_the_instructions_tell_of_the_tools_that_are_not_offered(demo: Demo) -> None:
    """As commands, with none that changes something where the server only reads; no word of it where all are there."""
    async with connected(demo) as client:
        core = str(client.instructions)
    async with connected(demo, Offer(read_only=True)) as client:
        reading = str(client.instructions)
    async with connected(demo, Offer("all")) as client:
        whole = str(client.instructions)
    assert core.endswith('"ci-mcp --demo tools --toolset all" lists them.')
    assert reading.endswith('"ci-mcp --demo tools --toolset all --read-only" lists them.')
    assert server.INSTRUCTIONS == whole
