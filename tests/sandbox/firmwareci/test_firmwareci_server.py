"""The protocol: both variants as the SDK's client sees them, tokens, sessions, limits, prompts and resources."""

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import httpx
import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError

from ci_mcp.sandbox import faults
from ci_mcp.sandbox.firmwareci import world
from ci_mcp.sandbox.firmwareci.guard import FORGETFUL_TOKEN, LIMITED_TOKEN, Bucket

pytestmark = pytest.mark.anyio
Connect = Callable[..., AbstractAsyncContextManager[Client]]
Post = Callable[..., httpx.Response]
_NAMES = [
    "fwci_list_workflows",
    "fwci_get_workflow",
    "fwci_list_duts",
    "fwci_get_dut",
    "fwci_list_projects",
    "fwci_list_jobs",
    "fwci_get_job",
    "fwci_get_job_logs",
    "fwci_validate_test",
    "fwci_validate",
    "fwci_list_schemas",
    "fwci_get_schema",
    "fwci_list_examples",
    "fwci_get_example",
]


async def test_fourteen_tools_in_either_variant(connect: Connect, variant: str) -> None:
    """The tools are those that the vendor documents; all only read."""
    async with connect(variant) as client:
        tools = (await client.list_tools()).tools
    assert _NAMES == [tool.name for tool in tools]
    assert all(tool.annotations.read_only_hint for tool in tools)


async def test_the_variants_differ_in_what_no_document_names(connect: Connect) -> None:
    """What lists take is documented and the same; ids and texts have other names."""
    taken = {}
    for variant in ("api", "sessions"):
        async with connect(variant) as client:
            tools = (await client.list_tools()).tools
        taken[variant] = {tool.name: list(tool.input_schema["properties"]) for tool in tools}
    same = {name for name in _NAMES if taken["api"][name] == taken["sessions"][name]}
    assert {name for name in _NAMES if "_list_" in name} == same
    assert ["id"] == taken["api"]["fwci_get_job"]
    assert ["job_id"] == taken["sessions"]["fwci_get_job"]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_client_of_either_era_is_served(connect: Connect, variant: str, mode: str) -> None:
    """A client that first asks for the newest revision, and one that does not, both get answers."""
    async with connect(variant, mode=mode) as client:
        result = await client.call_tool("fwci_list_projects", {})
    assert "shop" == json.loads(result.content[0].text)["projects"][0]["name"]


def test_the_first_variant_is_stateless_and_answers_in_json(post: Post) -> None:
    """No session is offered, and none is wanted."""
    begun = post("api", "initialize")
    assert (200, "application/json", None) == (
        begun.status_code,
        begun.headers["content-type"],
        begun.headers.get("mcp-session-id"),
    )
    assert 14 == len(post("api", "tools/list").json()["result"]["tools"])


def test_the_other_variant_wants_a_session_and_answers_in_events(post: Post) -> None:
    """Without a session it refuses, with one that it does not know too."""
    begun = post("sessions", "initialize")
    assert "text/event-stream" == begun.headers["content-type"].partition(";")[0]
    session = {"Mcp-Session-Id": begun.headers["mcp-session-id"]}
    assert "data: " in post("sessions", "tools/list", headers=session).text
    assert 400 == post("sessions", "tools/list").status_code
    unknown = post("sessions", "tools/list", headers={"Mcp-Session-Id": "0" * 32})
    assert (404, "Session not found") == (unknown.status_code, unknown.json()["error"]["message"])


def test_a_session_can_be_forgotten(post: Post) -> None:
    """With the token made for it a session is gone after five requests; a new one is good."""
    session = {"Mcp-Session-Id": post("sessions", "initialize", FORGETFUL_TOKEN).headers["mcp-session-id"]}
    statuses = [post("sessions", "tools/list", FORGETFUL_TOKEN, headers=session).status_code for _ in range(6)]
    assert [200, 200, 200, 200, 200, 404] == statuses
    assert 200 == post("sessions", "initialize", FORGETFUL_TOKEN).status_code


def test_the_variant_with_sessions_is_of_their_time(post: Post) -> None:
    """A revision without sessions is refused there."""
    newer = {"MCP-Protocol-Version": "2026-07-28"}
    assert 400 == post("sessions", "tools/list", headers=newer).status_code


@pytest.mark.parametrize("token", ["", "wrong"])
def test_without_a_good_token_nothing_is_said(post: Post, variant: str, token: str) -> None:
    """No token and a wrong one are refused alike."""
    answer = post(variant, "initialize", token)
    assert (401, "Bearer") == (answer.status_code, answer.headers["www-authenticate"])
    assert "x-ratelimit-limit" not in answer.headers


def test_faults_strike_and_pass(post: Post, variant: str) -> None:
    """A token that fails once is good afterwards."""
    token = faults.fault_token("503", once=True, tag=variant)
    assert [503, 200] == [post(variant, "initialize", token).status_code for _ in range(2)]


def test_each_answer_tells_the_limit(post: Post, variant: str) -> None:
    """Limit, what remains of it, and the seconds until it is full again."""
    answer = post(variant, "initialize")
    told = [int(answer.headers[f"X-Ratelimit-{word}"]) for word in ("Limit", "Remaining", "Reset")]
    assert told[1] < told[0]
    assert 1 <= told[2] <= 60


def test_too_many_requests_are_refused(post: Post) -> None:
    """The seventh request of a minute is one too many."""
    statuses = [post("api", "initialize", LIMITED_TOKEN).status_code for _ in range(7)]
    refused = post("api", "initialize", LIMITED_TOKEN)
    assert [200] * 6 + [429] == statuses
    assert "0" == refused.headers["X-Ratelimit-Remaining"]


def test_a_limit_passes() -> None:
    """A bucket is full again after its window, and says how long that takes."""
    bucket = Bucket(2, 10.0)
    assert [True, True, False] == [bucket.take(at) for at in (0.0, 1.0, 9.0)]
    assert {"X-Ratelimit-Limit": "2", "X-Ratelimit-Remaining": "0", "X-Ratelimit-Reset": "1"} == bucket.headers(9.5)
    assert bucket.take(10.0)


async def test_prompts(connect: Connect, variant: str) -> None:
    """Three prompts, filled with what is given; one that lacks something is refused."""
    async with connect(variant) as client:
        names = [prompt.name for prompt in (await client.list_prompts()).prompts]
        told = await client.get_prompt("explain_failure", {"job_id": world.SHOP_JOB})
        with pytest.raises(MCPError, match="missing argument: job_id"):
            await client.get_prompt("explain_failure", {})
        with pytest.raises(MCPError, match="unknown prompt"):
            await client.get_prompt("nothing", {})
    assert ["bootstrap_workflow", "explain_failure", "convert_existing_ci"] == names
    assert world.SHOP_JOB in told.messages[0].content.text


async def test_resources(connect: Connect, variant: str) -> None:
    """Four templates; records in JSON and pages of the documents whose path has slashes."""
    async with connect(variant) as client:
        templates = [one.uri_template for one in (await client.list_resource_templates()).resource_templates]
        assert [] == (await client.list_resources()).resources
        job = (await client.read_resource(f"fwci://job/{world.SHOP_JOB}")).contents[0]
        page = (await client.read_resource("fwci://docs/introduction/2_architecture")).contents[0]
        for uri in ("fwci://docs/nothing", "fwci://cat/1", "fwci://dut/1"):
            with pytest.raises(MCPError, match="not found|not a ULID"):
                await client.read_resource(uri)
    assert ["fwci://workflow/{id}", "fwci://job/{id}", "fwci://dut/{id}", "fwci://docs/{+path}"] == templates
    assert "failed" == json.loads(job.text)["status"]
    assert page.text.startswith("# Architecture")


async def test_a_tool_that_is_not_there(connect: Connect, variant: str) -> None:
    """An unknown tool is an error of the protocol."""
    async with connect(variant) as client:
        with pytest.raises(MCPError, match="unknown tool"):
            await client.call_tool("fwci_delete_job", {})


def test_the_sdk_is_imported_by_this_service_alone() -> None:
    """Whoever starts other services does not pay for it."""
    code = (
        "import sys; from ci_mcp.sandbox import serve; import ci_mcp.sandbox.firmwareci\n"
        "with serve.start(['buildkite']): print([name for name in sys.modules if name in ('mcp', 'jsonschema')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "[]" == done.stdout.strip()
