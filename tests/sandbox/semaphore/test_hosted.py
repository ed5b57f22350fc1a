"""The hosted MCP server over loopback: its transport with its ways, and its tools."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import httpx
import httpx2
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

from ci_mcp.sandbox.semaphore import hosted_tools, world
from ci_mcp.sandbox.serve import Service

ORG = {"organization_id": world.ORGANIZATION}
INITIALIZE = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "0"}}
Tool = Callable[..., Any]


class Hosted:
    """A client that says each message as it is told to."""

    def __init__(self, url: str, token: str) -> None:
        """Connect with a token."""
        self.client = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=10)
        self.session: dict[str, str] = {}

    def send(self, method: str | None, params: Any = None, number: Any = 1, **headers: str) -> httpx.Response:
        """Send one message."""
        message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        body = {key: value for key, value in message.items() if value is not None}
        return self.client.post("", json=body, headers={**self.session, **headers})

    def start(self) -> "Hosted":
        """Initialize, and keep the session."""
        answer = self.send("initialize", INITIALIZE)
        self.session = {"Mcp-Session-Id": answer.headers["mcp-session-id"]}
        return self


@pytest.fixture(scope="module")
def make_hosted(service: Service) -> Iterator[Callable[..., Hosted]]:
    """Makes clients of the server."""
    made = []

    def make(token: str = service.token) -> Hosted:
        made.append(Hosted(service.env["SEMAPHORE_MCP_URL"], token))
        return made[-1]

    yield make
    for one in made:
        one.client.close()


@pytest.fixture(scope="module")
def hosted(make_hosted: Callable[..., Hosted]) -> Hosted:
    """A client with a session."""
    return make_hosted().start()


@pytest.fixture(scope="module")
def tool(hosted: Hosted) -> Tool:
    """Call a tool; its result."""

    def call(name: str, by: Hosted = hosted, **arguments: Any) -> Any:
        answer = by.send("tools/call", {"name": name, "arguments": arguments})
        data = answer.text.rpartition("data: ")[2] if "event-stream" in answer.headers["content-type"] else answer.text
        return json.loads(data)["result"]

    return call


def test_the_environment_says_where_it_is(service: Service) -> None:
    """At an origin of its own, as the vendor's is at a host of its own."""
    assert httpx.URL(service.url).port != httpx.URL(service.env["SEMAPHORE_MCP_URL"]).port
    assert service.env["SEMAPHORE_MCP_URL"].endswith("/mcp")


def test_without_a_token_it_says_what_it_wants(service: Service, make_hosted: Callable[..., Hosted]) -> None:
    """401 as JSON, not as the API says it."""
    none = httpx.post(service.env["SEMAPHORE_MCP_URL"], json={})
    bad = make_hosted("bad").send("initialize", INITIALIZE)
    assert [(401, "unauthorized"), (401, "invalid_token")] == [
        (answer.status_code, answer.json()["error"]) for answer in (none, bad)
    ]
    assert "resource_metadata=" in none.headers["www-authenticate"]
    assert 401 == httpx.get(service.env["SEMAPHORE_MCP_URL"]).status_code


def test_the_type_of_a_message_is_checked(hosted: Hosted) -> None:
    """400 in plain text; a charset behind it is good."""
    answer = hosted.client.post("", content=b"{}", headers={"content-type": "text/json"})
    assert (400, "Invalid content type: must be 'application/json'\n") == (answer.status_code, answer.text)
    good = hosted.client.post("", content=b"{}", headers={"content-type": "application/json; charset=utf-8"})
    assert "Invalid session ID\n" == good.text


@pytest.mark.parametrize("body", [b"{", b"[1]"])
def test_what_is_no_message_is_a_parse_error(hosted: Hosted, body: bytes) -> None:
    """In the protocol's own words."""
    answer = hosted.client.post("", content=body, headers={"content-type": "application/json"})
    assert (400, -32700) == (answer.status_code, answer.json()["error"]["code"])


@pytest.mark.parametrize(
    ("asked", "answered"), [("2025-06-18", "2025-06-18"), ("2024-11-05", "2024-11-05"), ("2026-07-28", "2025-06-18")]
)
def test_it_answers_with_a_version_that_it_knows(hosted: Hosted, asked: str, answered: str) -> None:
    """The newest one for what is newer than itself; each session has an id of its own."""
    answers = [hosted.send("initialize", {**INITIALIZE, "protocolVersion": asked}) for _ in range(2)]
    assert [answered] * 2 == [answer.json()["result"]["protocolVersion"] for answer in answers]
    assert 2 == len({answer.headers["mcp-session-id"] for answer in answers})


@pytest.mark.parametrize("session", ["", "mcp-session-1", "00000000-0000-0000-0000-000000000000"])
def test_a_session_id_is_wanted_with_every_message(hosted: Hosted, session: str) -> None:
    """400 in plain text, for a notification too."""
    headers = {"Mcp-Session-Id": session}
    for method, number in (("tools/list", 1), ("notifications/initialized", None)):
        answer = hosted.send(method, None, number, **headers)
        assert (400, "Invalid session ID\n") == (answer.status_code, answer.text)


def test_a_session_id_is_remembered_nowhere(hosted: Hosted) -> None:
    """Any of that form will do, and one that was deleted goes on."""
    session = {"Mcp-Session-Id": "mcp-session-00000000-0000-4000-8000-000000000000"}
    assert 200 == hosted.client.delete("", headers=session).status_code
    assert {} == hosted.send("ping", **session).json()["result"]


def test_a_notification_is_accepted_without_a_word(hosted: Hosted) -> None:
    """And so is a response that nobody asked for."""
    answers = [hosted.send("notifications/initialized", None, None), hosted.send(None)]
    assert [(202, "")] * 2 == [(answer.status_code, answer.text) for answer in answers]


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [("nonsense", None, -32601), ("tools/call", {"name": "echo"}, -32602), ("tools/call", {}, -32602)],
)
def test_what_it_does_not_know_is_an_error_of_the_protocol(hosted: Hosted, method: str, params: Any, code: int) -> None:
    """Methods and tools; it has no ``echo``, whatever its documentation says."""
    answer = hosted.send(method, params)
    assert (200, code) == (answer.status_code, answer.json()["error"]["code"])


def test_its_tools_say_which_ids_they_want(hosted: Hosted) -> None:
    """A pattern for each; writing ones say that they write."""
    tools = {one["name"]: one for one in hosted.send("tools/list").json()["result"]["tools"]}
    assert {"organizations_list", "projects_list", "workflows_search", "pipeline_jobs", "jobs_logs"} < set(tools)
    assert ["organization_id"] == tools["projects_list"]["inputSchema"]["required"]
    assert tools["projects_list"]["inputSchema"]["properties"]["organization_id"]["pattern"].startswith("^[0-9a-f]{8}")
    assert "required" not in tools["organizations_list"]["inputSchema"]
    assert (True, False) == tuple(
        tools[name]["annotations"]["readOnlyHint"] for name in ("projects_list", "workflows_run")
    )


def test_organizations_are_prose_and_records(tool: Tool) -> None:
    """Both in one result."""
    result = tool("organizations_list")
    assert ["acme", "acme-labs"] == [one["username"] for one in result["structuredContent"]["organizations"]]
    assert result["content"][0]["text"].startswith("# Organizations (2)\n\n## Acme\n")


def test_lists_go_on_with_a_cursor(tool: Tool) -> None:
    """An opaque one; nonsense is refused in prose."""
    first = tool("organizations_list", limit=1)["structuredContent"]
    rest = tool("organizations_list", limit=1, cursor=first["nextCursor"])["structuredContent"]
    assert (["acme"], ["acme-labs"], False) == (
        [one["username"] for one in first["organizations"]],
        [one["username"] for one in rest["organizations"]],
        "nextCursor" in rest,
    )
    bad = tool("organizations_list", cursor="!")
    assert bad["isError"]
    assert "nextCursor" in bad["content"][0]["text"]


def test_projects_are_listed_and_searched(tool: Tool) -> None:
    """With what the API does not have: the default branch."""
    projects = tool("projects_list", **ORG)["structuredContent"]["projects"]
    assert ["shop", "storefront", "billing", "warehouse"] == [one["name"] for one in projects]
    assert "main" == projects[0]["repository"]["defaultBranch"]
    found = tool("projects_search", **ORG, query="bitbucket")["structuredContent"]
    assert [("warehouse", ["repositoryUrl"])] == [(one["name"], one["matchedFields"]) for one in found["projects"]]


def test_workflows_are_ones_own_unless_told_otherwise(tool: Tool) -> None:
    """That default surprises."""
    where = {**ORG, "project_id": world.SHOP_PROJECT, "limit": 100}
    mine, all_of_them = (
        tool("workflows_search", **where, **more)["structuredContent"]["workflows"]
        for more in ({}, {"my_workflows_only": False})
    )
    assert {world.ME} == {one["requesterId"] for one in mine}
    assert len(mine) < len(all_of_them)
    branch = tool("workflows_search", **where, branch="release")["structuredContent"]["workflows"]
    assert {"release"} == {one["branch"] for one in branch}


def test_a_pipeline_leads_to_its_jobs(tool: Tool) -> None:
    """By workflow, pipeline and job."""
    pipelines = tool("pipelines_list", **ORG, workflow_id=world.SHOP_MAIN_WORKFLOW)["structuredContent"]["pipelines"]
    assert [("done", "failed")] == [(one["state"], one["result"]) for one in pipelines]
    jobs = tool("pipeline_jobs", **ORG, pipeline_id=pipelines[0]["id"])["structuredContent"]["jobs"]
    assert [("ruff", "passed"), ("pytest", "failed")] == [(one["name"], one["result"]) for one in jobs]
    job = tool("jobs_describe", **ORG, job_id=jobs[1]["jobId"])["structuredContent"]
    assert (world.SHOP_MAIN_FAILED_JOB, "finished", "failed") == (job["id"], job["state"], job["result"])


def test_what_still_runs_is_said_to_have_passed(tool: Tool) -> None:
    """A result that is number 0 where there is none."""
    jobs = tool("pipeline_jobs", **ORG, pipeline_id=world.SHOP_WAITING_PIPELINE)["structuredContent"]
    assert ("running", "passed", "test") == tuple(jobs["pipeline"][key] for key in ("state", "result", "resultReason"))
    assert [("enqueued", "passed")] == [(one["status"], one["result"]) for one in jobs["jobs"]]


def test_a_log_comes_as_a_stream_of_two_messages(hosted: Hosted) -> None:
    """A notification first, then the answer."""
    answer = hosted.send("tools/call", {"name": "jobs_logs", "arguments": {"job_id": world.SHOP_MAIN_FAILED_JOB}})
    assert "text/event-stream" in answer.headers["content-type"]
    events = [event.splitlines() for event in answer.text.strip().split("\n\n")]
    assert ["event: message"] * 2 == [event[0] for event in events]
    methods = [json.loads(event[1].removeprefix("data: ")).get("method") for event in events]
    assert ["notifications/message", None] == methods


def test_prose_is_cut_where_records_are_not(tool: Tool) -> None:
    """At 25,000 characters, with a word about it."""
    many = tool("pipeline_jobs", **ORG, pipeline_id=world.SHOP_MATRIX_PIPELINE)
    text = many["content"][0]["text"]
    assert 24_000 < len(text) <= 25_000
    assert text.endswith("Use pagination to see more results.")
    assert 200 == len(many["structuredContent"]["jobs"]) > text.count("\n## ")


def test_prose_without_lines_is_cut_all_the_same() -> None:
    """In the middle of one."""
    assert 25_000 == len(hosted_tools.cut("x" * 30_000))


def test_a_log_goes_back_page_by_page(tool: Tool) -> None:
    """The newest events first; the cursor leads to older ones."""
    newest = tool("jobs_logs", job_id=world.SHOP_TIMEOUT_JOB)["structuredContent"]
    assert (True, "loghub") == (newest["Final"], newest["source"])
    assert "job_finished" == json.loads(newest["preview"][-1])["event"]
    first = tool("jobs_logs", job_id=world.SHOP_TIMEOUT_JOB, cursor="0")["structuredContent"]
    rest = tool("jobs_logs", job_id=world.SHOP_TIMEOUT_JOB, cursor="3")
    assert (3, True) == (rest["structuredContent"]["startLine"], rest["structuredContent"]["previewTruncated"])
    assert 'Paginate using `cursor="0"`' in rest["content"][0]["text"]
    assert "job_started" == json.loads(first["preview"][0])["event"]
    assert tool("jobs_logs", job_id=world.SHOP_TIMEOUT_JOB, cursor="x")["isError"]


def test_a_log_of_a_self_hosted_job_is_elsewhere(tool: Tool) -> None:
    """A token and a URL."""
    found = tool("jobs_logs", job_id=world.WAREHOUSE_SELF_HOSTED_JOB)["structuredContent"]
    assert ("loghub2", 300) == (found["source"], found["tokenTtlSeconds"])
    assert "preview" not in found


def test_test_results_are_a_signed_url(tool: Tool) -> None:
    """Of a job and of a pipeline."""
    job = tool("get_test_results", scope="job", job_id=world.SHOP_MAIN_FAILED_JOB)["structuredContent"]
    pipeline = tool("get_test_results", scope="pipeline", pipeline_id=world.SHOP_MAIN_PIPELINE)["structuredContent"]
    assert [29, 29] == [
        httpx.get(one["artifactUrl"]).json()["testResults"][0]["summary"]["total"] for one in (job, pipeline)
    ]


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("projects_list", {}, "Missing required argument: organization_id."),
        ("projects_list", {"organization_id": "acme"}, "organization_id must be a valid UUID"),
        ("projects_list", {"organization_id": world.ME}, "Permission denied while accessing organization "),
        (
            "workflows_search",
            {**ORG, "project_id": world.PROJECTS["vault"].id},
            "Permission denied while accessing proj",
        ),
        ("pipelines_list", {**ORG, "workflow_id": world.ME}, "workflow not found"),
        ("pipelines_list", {**ORG, "workflow_id": world.HIDDEN_WORKFLOW}, "Permission denied while accessing project"),
        ("pipeline_jobs", {**ORG, "pipeline_id": world.ME}, "pipeline not found"),
        ("jobs_describe", {**ORG, "job_id": world.ME}, "job not found"),
        ("get_test_results", {"scope": "project"}, "scope must be 'job' or 'pipeline'."),
        ("workflows_rerun", {**ORG, "workflow_id": world.SHOP_MAIN_WORKFLOW}, "MCP write tools are disabled for this"),
    ],
)
def test_a_failure_is_a_result_in_prose(tool: Tool, name: str, arguments: dict[str, str], said: str) -> None:
    """200, ``isError`` and words."""
    result = tool(name, **arguments)
    assert result["isError"]
    assert said in result["content"][0]["text"]
    assert "structuredContent" not in result


def test_an_organization_may_have_it_off(make_hosted: Callable[..., Hosted], tool: Tool) -> None:
    """Except for the list of organizations."""
    client = make_hosted(world.NO_FEATURES_TOKEN).start()
    off = tool("projects_list", client, **ORG)
    assert "Semaphore MCP read tools are disabled for this organization." in off["content"][0]["text"]
    assert "isError" not in tool("organizations_list", client)


@pytest.mark.anyio
async def test_the_sdks_own_client_works_with_it(service: Service) -> None:
    """It opens the stream of notifications, too, on which nothing comes."""
    headers = {"Authorization": f"Bearer {service.token}"}
    with anyio.fail_after(20):
        async with (
            httpx2.AsyncClient(headers=headers) as client,
            streamable_http_client(service.env["SEMAPHORE_MCP_URL"], http_client=client) as (read, write, *_),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            result = await session.call_tool("jobs_logs", {"job_id": world.SHOP_MAIN_FAILED_JOB})
            assert "Logs of job" in str(result.content[0])
