"""The MCP endpoint: its transport with its ways, its five tools and its search."""

from typing import Any

import anyio
import httpx2
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

from ci_mcp.sandbox.pocketci import world
from ci_mcp.sandbox.pocketci.sources import job, pipeline, task

MCP = {"Accept": "application/json, text/event-stream"}
PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
BOTH = "Accept must contain both 'application/json' and 'text/event-stream'\n"


@pytest.mark.parametrize(
    "case",
    [
        ("POST", {"Accept": "*/*"}, PING, 200, "event: message\n"),
        ("POST", MCP | {"Mcp-Session-Id": "never-seen"}, PING, 200, "event: message\n"),
        ("POST", {"Accept": "text/event-stream"}, PING, 400, BOTH),
        ("PUT", MCP, None, 405, "Method Not Allowed\n"),
        ("GET", {"Accept": "application/json"}, None, 400, "Accept must contain 'text/event-stream' for GET requests\n"),
        ("DELETE", {}, None, 400, "Bad Request: DELETE requires an Mcp-Session-Id header\n"),
        ("DELETE", {"Mcp-Session-Id": "x"}, None, 204, ""),
        ("POST", MCP | {"Host": "[::1]:80"}, PING, 200, "event: message\n"),
        ("POST", MCP | {"MCP-Protocol-Version": "2026-07-28"}, PING, 400, "Bad Request: Unsupported protocol version"),
        ("POST", MCP, [PING, PING], 200, "event: message\n"),
        ("POST", MCP | {"MCP-Protocol-Version": "2025-06-18"}, [PING], 400, "JSON-RPC batching is not supported in"),
        ("POST", MCP, 3, 400, "malformed payload: unmarshaling jsonrpc message: json: cannot unmarshal"),
        ("POST", MCP, PING | {"method": "nonsense"}, 400, 'JSON RPC not handled: "nonsense" unsupported\n'),
        ("POST", MCP, PING | {"method": "tools/call"}, 400, 'invalid request: missing required "params"\n'),
        ("POST", MCP, PING | {"method": "logging/setLevel", "params": {"level": "info"}}, 200, "event: message\n"),
        ("POST", MCP, {"jsonrpc": "2.0", "method": "notifications/initialized"}, 202, ""),
        ("POST", MCP, {"jsonrpc": "2.0", "id": 1, "result": {}}, 202, ""),
    ],
)  # fmt: skip
def test_the_transport_has_its_ways(server: Any, case: Any) -> None:
    """No session is remembered, nothing needs ``initialize`` first, and every answer is a stream."""
    method, headers, sent, status, said = case
    answer = server.client.request(method, "/mcp", headers=headers, json=sent if method == "POST" else None)
    assert (status, True) == (answer.status_code, answer.text.startswith(said)), answer.text


@pytest.mark.parametrize(
    ("content", "kind", "status", "said"),
    [
        (b"{", "application/json", 400, "malformed payload: unmarshaling jsonrpc message: unexpected EOF\n"),
        (b"", "application/json", 400, "POST requires a non-empty body\n"),
        (b"{}", "text/plain", 415, "Content-Type must be 'application/json'\n"),
    ],
)
def test_what_is_no_message_is_refused(server: Any, content: bytes, kind: str, status: int, said: str) -> None:
    """In plain text."""
    answer = server.client.post("/mcp", content=content, headers=MCP | {"Content-Type": kind})
    assert (status, said) == (answer.status_code, answer.text)


def test_the_sdk_s_own_client_works(service: Any) -> None:
    """Initialize, list, call."""

    async def ask() -> tuple[list[str], str]:
        async with (
            httpx2.AsyncClient() as client,
            streamable_http_client(f"{service.url}/mcp", http_client=client) as streams,
            ClientSession(streams[0], streams[1]) as session,
        ):
            await session.initialize()
            tools = await session.list_tools()
            answer = await session.call_tool("get_run", {"run_id": world.SHOP_RUN})
            return [tool.name for tool in tools.tools], str(answer.content[0])

    names, text = anyio.run(ask)
    assert ["get_run", "get_run_task", "list_run_tasks", "search_pipelines", "search_tasks"] == names
    assert world.SHOP_RUN in text


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("get_run", {}, 'validating root: required: missing properties: ["run_id"]'),
        ("get_run", {"run_id": 3}, 'validating /properties/run_id: type: 3 has type "integer", want "string"'),
        ("get_run", {"run_id": None}, 'type: <invalid reflect.Value> has type "null", want "string"'),
        ("search_tasks", {"query": "x", "page": "1"}, 'type: 1 has type "string", want one of "null, integer"'),
        ("get_run_task", {"run_id": world.SHOP_RUN, "path": ""}, "path is required"),
        ("get_run_task", {"run_id": world.SHOP_RUN, "path": "/pipeline/x/y"}, "task path must be scoped to the run"),
        ("get_run_task", {"run_id": "none", "path": "x"}, "could not get task: not found"),
    ],
)
def test_what_a_tool_cannot_do_it_says(server: Any, name: str, arguments: dict[str, Any], said: str) -> None:
    """As an answer that is an error."""
    assert said in server.tool(name, **arguments)


def test_a_run_without_an_id_is_every_run(empty: Any) -> None:
    """The one mistake that a client must not make."""
    source = pipeline(job("test", task("unit", "echo ok")))
    runs = {empty.start(name, source) for name in ("a", "b")}
    empty.clock.wait(5)
    assert runs == {row["path"].split("/")[2] for row in empty.tool("list_run_tasks", run_id="")}


def test_pages_of_runs_and_pipelines(server: Any) -> None:
    """Numbers under one count as not given; null too."""
    odd = server.tool("search_tasks", pipeline_id=world.SHOP, query="", page=0, per_page=None)
    assert (1, 20, 20) == (odd["page"], odd["per_page"], len(odd["items"]))
    found = server.tool("search_pipelines", query="shop-rel", per_page=5)
    assert ["shop-release"] == [one["name"] for one in found["items"]]
    assert "docker" == found["items"][0]["driver"]


@pytest.mark.parametrize(
    ("query", "paths"),
    [
        ("ASSERTION", ["jobs/test/0/tasks/unit"]),
        ("assertionerror line", ["jobs/test/0/tasks/unit"]),
        ("line assert", ["jobs/test/0/tasks/unit"]),
        ("ssertion", []),
        ("error NOT assert", []),
        ('"total([1,"', ["jobs/test/0/tasks/unit"]),
        ("stderr", ["jobs/test/0/tasks/unit"]),
        ("unit failed", ["jobs/test"]),
        ("jobs/test", ["jobs/test", "jobs/test/0/tasks/unit"]),
        ("dependsOn", []),
        ("***", []),
        ("", []),
    ],
)
def test_every_word_begins_a_word(empty: Any, query: str, paths: list[str]) -> None:
    """Of the path or of any text that is stored, whatever stands between; operators are words like others."""
    script = "echo 'E AssertionError in line 10' >&2; echo total\\([1, 2]\\); exit 1"
    run = empty.start("one", pipeline(job("test", task("unit", script.replace("\\", "")))))
    empty.clock.wait(5)
    found = empty.tool("search_tasks", run_id=run, query=query)
    assert (paths or None) == (found and [row["path"].split("/", 3)[3] for row in found])


@pytest.mark.parametrize(("query", "count"), [("failed", 1), ("exit code", 1), ("manual", 2), ("***", 0), ("", 2)])
def test_runs_are_found_by_what_is_said_of_them(empty: Any, query: str, count: int) -> None:
    """Id, status, error, trigger and who."""
    empty.start("one", pipeline(job("test", task("unit", "exit 1"))))
    empty.clock.wait(1)
    empty.start("one", pipeline(job("test", task("unit", "exit 0"))))
    empty.clock.wait(5)
    page = empty.tool("search_tasks", pipeline_id=empty.world.named("one").id, query=query)
    assert count == page["total_items"]
    assert 0 == empty.tool("search_pipelines", query="***")["total_items"]
