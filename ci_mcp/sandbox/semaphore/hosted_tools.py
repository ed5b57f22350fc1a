"""The tools of the hosted MCP server: prose of at most 25,000 characters, and beside it records that are not cut."""

import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ci_mcp.sandbox.plan import Site
from ci_mcp.sandbox.semaphore.artifacts import storage_url
from ci_mcp.sandbox.semaphore.hosted_records import (
    Json,
    job_record,
    logs_record,
    pipeline_jobs,
    pipeline_record,
    project_record,
    workflow_record,
)
from ci_mcp.sandbox.semaphore.model import Job, Pipeline, make_id
from ci_mcp.sandbox.semaphore.world import ME, NO_FEATURES_TOKEN, ORGANIZATION, PROJECTS, USERS, World

MOST_CHARACTERS = 25_000
_CUT = "\n\n---\n\n⚠️ **Response truncated** - Output exceeded character limit. Use pagination to see more results."
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_LOG_LINES = 200
ORGANIZATIONS = (
    {"id": ORGANIZATION, "name": "Acme", "username": "acme", "ownerId": ME, "verified": True},
    {
        "id": make_id("acme-labs"),
        "name": "Acme Labs",
        "username": "acme-labs",
        "ownerId": USERS["ben"],
        "suspended": True,
    },
)


class Failed(Exception):  # noqa: N818 - a tool's answer, not a fault of the program
    """A call that failed, in the server's words."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call: what was given, and the world that it is about."""

    given: Mapping[str, Any]
    world: World
    site: Site
    token: str

    @property
    def now(self) -> float:
        """Seconds since the sandbox started."""
        return self.world.clock.now()


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool: ``run`` gives its prose and its record; ``required`` are ids."""

    name: str
    description: str
    run: Callable[[Call], tuple[str, Json]]
    required: tuple[str, ...] = ()
    optional: Mapping[str, str] = field(default_factory=dict)
    writes: bool = False

    def listed(self) -> Json:
        """The tool as ``tools/list`` has it."""
        ids = {name: {"type": "string", "pattern": f"^{_UUID.pattern}$"} for name in self.required}
        schema = {"type": "object", "properties": ids | {name: {"type": kind} for name, kind in self.optional.items()}}
        hints = {"readOnlyHint": not self.writes, "destructiveHint": True, "idempotentHint": not self.writes}
        return {
            "name": self.name,
            "description": self.description,
            "inputSchema": schema | ({"required": list(self.required)} if self.required else {}),
            "annotations": hints | {"openWorldHint": True},
        }


def call_tool(name: str, given: Mapping[str, Any], world: World, site: Site, token: str) -> Callable[[], Json]:
    """What makes the result of a call; what goes wrong is a result too."""

    def run() -> Json:
        tool, call = TOOLS[name], Call(given, world, site, token)
        try:
            _check(tool, call)
            prose, record = tool.run(call)
        except Failed as failed:
            return {"content": [{"type": "text", "text": str(failed)}], "isError": True}
        return {"content": [{"type": "text", "text": cut(prose)}], "structuredContent": record}

    return run


def cut(prose: str) -> str:
    """The prose as far as the server says it, which then says so."""
    if len(prose) <= MOST_CHARACTERS:
        return prose
    room = MOST_CHARACTERS - len(_CUT)
    line = prose.rfind("\n", room - 1000, room)
    return prose[: line if line > 0 else room] + _CUT


def _check(tool: Tool, call: Call) -> None:
    for name in tool.required:
        value = str(call.given.get(name, "")).strip().lower()
        if not value:
            raise Failed(f"Missing required argument: {name}.")
        if not _UUID.fullmatch(value):
            raise Failed(f"{name} must be a valid UUID (format: xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx), got: {value}")
    # Organizations are listed whatever they have paid for.
    if tool.required and call.token == NO_FEATURES_TOKEN:
        raise Failed(_disabled("read"))
    if "organization_id" in tool.required and call.given["organization_id"] != ORGANIZATION:
        raise Failed(_denied(f"organization {call.given['organization_id']}", "organization.view", "organization"))
    if "project_id" in tool.required:
        _visible(str(call.given["project_id"]))


def _disabled(kind: str) -> str:
    words = "disabled for this organization. Please contact support if you believe this is an error."
    return f"Semaphore MCP {kind} tools are {words}"


def _denied(what: str, permission: str, kind: str) -> str:
    return (
        f"Permission denied while accessing {what}.\n\nThe authenticated user is missing the "
        f'"{permission}" permission for this {kind}.'
    )


def _visible(project_id: str) -> None:
    if not any(one.id == project_id and one.visible for one in PROJECTS.values()):
        where = f"project {project_id} in organization {ORGANIZATION}"
        raise Failed(_denied(where, "project.view", "project"))


def _page(call: Call, items: Sequence[Any], most: int = 100) -> tuple[Sequence[Any], Json]:
    """A page of a list, and the cursor to the next one."""
    try:
        limit = min(max(int(call.given.get("limit") or 20), 1), most)
        cursor = str(call.given.get("cursor") or "")
        begin = json.loads(base64.b64decode(cursor.removeprefix("v1:")))["offset"] if cursor else 0
    except (ValueError, KeyError, TypeError):
        raise Failed("Invalid cursor parameter: it must come from a previous response's 'nextCursor' field.") from None
    end = begin + limit
    token = base64.b64encode(json.dumps({"offset": end}).encode()).decode()
    return items[begin:end], {"nextCursor": f"v1:{token}"} if end < len(items) else {}


def _prose(title: str, records: Sequence[Mapping[str, Any]], name: str = "name") -> str:
    parts = [f"# {title} ({len(records)})"]
    for one in records:
        facts = [f"- **{key}**: `{value}`" for key, value in one.items() if key != name and isinstance(value, str)]
        parts.append("\n".join([f"## {one.get(name, '')}", *facts]))
    return "\n\n".join(parts) + "\n"


def _organizations(call: Call) -> tuple[str, Json]:
    shown, rest = _page(call, ORGANIZATIONS)
    return _prose("Organizations", shown), {"organizations": list(shown)} | rest


def _projects(call: Call) -> tuple[str, Json]:
    shown, rest = _page(call, [project_record(one) for one in PROJECTS.values() if one.visible])
    return _prose("Projects", shown), {"projects": list(shown)} | rest


def _search(call: Call) -> tuple[str, Json]:
    words = str(call.given.get("query") or call.given.get("repository_url") or "").lower()
    found = []
    for one in PROJECTS.values():
        fields = {"name": one.name, "description": one.description, "repositoryUrl": one.url}
        matched = [name for name, value in fields.items() if words in value.lower()]
        if one.visible and matched:
            exact = "high" if words == one.name else "medium"
            found.append(project_record(one) | {"matchConfidence": exact, "matchedFields": matched})
    record = {"projects": found, "totalMatches": len(found), "searchedPages": 1, "moreAvailable": False}
    return _prose("Project Search Results", found), record


def _workflows(call: Call) -> tuple[str, Json]:
    branch = call.given.get("branch")
    who = call.given.get("requester") or (ME if call.given.get("my_workflows_only", True) else None)
    found = call.world.newest(
        one
        for one in list(call.world.workflows.values())
        if one.project.id == call.given["project_id"]
        and branch in {None, "", one.branch}
        and who in {None, one.requester}
    )
    shown, rest = _page(call, [workflow_record(one, call.world.clock) for one in found])
    return _prose("Workflows", shown, "id"), {"workflows": list(shown)} | rest


def _pipeline(call: Call, pipeline_id: str) -> Pipeline:
    found = call.world.pipelines.get(pipeline_id)
    if not found or found.created > call.now:
        raise Failed("Request failed: pipeline not found")
    _visible(found.workflow.project.id)
    return found


def _pipelines(call: Call) -> tuple[str, Json]:
    workflow = call.world.workflows.get(call.given["workflow_id"])
    if not workflow:
        raise Failed("Request failed: workflow not found")
    _visible(workflow.project.id)
    found = [one for one in workflow.pipelines if one.created <= call.now]
    shown, rest = _page(call, [pipeline_record(one, call.world.clock, call.now) for one in found])
    return _prose("Pipelines", shown), {"pipelines": list(shown)} | rest


def _jobs(call: Call) -> tuple[str, Json]:
    record = pipeline_jobs(_pipeline(call, call.given["pipeline_id"]), call.world.clock, call.now)
    return _prose("Jobs", record["jobs"]), record


def _job(call: Call) -> Job:
    found = call.world.job(call.given["job_id"])
    if not found:
        raise Failed("Request failed: job not found")
    _visible(found.block.pipeline.workflow.project.id)
    return found


def _describe(call: Call) -> tuple[str, Json]:
    record = job_record(_job(call), call.world.clock, call.now)
    return _prose("Job", [record]), record


def _logs(call: Call) -> tuple[str, Json]:
    cursor = str(call.given.get("cursor") or "")
    if cursor and not cursor.isdecimal():
        raise Failed(f'cursor must be a non-negative integer produced by the previous response (got "{cursor}")')
    job = _job(call)
    record = logs_record(job, call.world.clock, call.now, int(cursor) if cursor else None, _LOG_LINES)
    lines = "\n".join(record.get("preview", ()))
    begin = record.get("startLine", 0)
    end = begin + len(record.get("preview", ()))
    prose = f"# Logs of job `{job.id}`\n\nShowing log lines {begin}-{end}.\n\n```\n{lines}\n```\n"
    if record.get("previewTruncated"):
        prose += f'\n⚠️ Preview is truncated. Paginate using `cursor="{record.get("nextCursor", "")}"`.\n'
    return prose, record


def _test_results(call: Call) -> tuple[str, Json]:
    scope, given = call.given.get("scope"), call.given
    if scope == "job":
        place, owner, path = "jobs", _job(call).id, "test-results/mcp-summary.json"
    elif scope == "pipeline":
        item = _pipeline(call, str(given.get("pipeline_id", "")))
        place, owner, path = "workflows", item.workflow.id, f"test-results/{item.id}-mcp-summary.json"
    else:
        raise Failed("scope must be 'job' or 'pipeline'.")
    url = storage_url(call.site, place, owner, path)
    return f"# Test results\n\n- **URL**: {url}\n", {"artifactUrl": url, "contentType": "application/json"}


def _never(_call: Call) -> tuple[str, Json]:
    raise Failed(_disabled("write"))


_PAGED = {"limit": "number", "cursor": "string", "mode": "string"}
_ORG = ("organization_id",)
TOOLS = {
    one.name: one
    for one in (
        Tool("organizations_list", "List organizations available to the user.", _organizations, optional=_PAGED),
        Tool("projects_list", "List the projects of an organization.", _projects, _ORG, _PAGED),
        Tool("projects_search", "Search projects.", _search, _ORG, {"query": "string", "repository_url": "string"}),
        Tool(
            "workflows_search",
            "Search recent workflows of a project, by default your own.",
            _workflows,
            ("project_id", *_ORG),
            {"branch": "string", "requester": "string", "my_workflows_only": "boolean", **_PAGED},
        ),
        Tool("pipelines_list", "List the pipelines of a workflow.", _pipelines, ("workflow_id", *_ORG), _PAGED),
        Tool("pipeline_jobs", "List the jobs of a pipeline.", _jobs, ("pipeline_id", *_ORG)),
        Tool("jobs_describe", "Describe a job.", _describe, ("job_id", *_ORG)),
        Tool("jobs_logs", "Fetch recent log output of a job.", _logs, ("job_id",), {"cursor": "string"}),
        Tool("get_test_results", "Where the test results of a job or pipeline are.", _test_results, optional={
            "scope": "string", "job_id": "string", "pipeline_id": "string",
        }),
        Tool("workflows_run", "Run a workflow.", _never, ("project_id", *_ORG), {"reference": "string"}, writes=True),
        Tool("workflows_rerun", "Run a workflow again.", _never, ("workflow_id", *_ORG), writes=True),
    )
}  # fmt: skip
