"""Tasks of a project: what runs on a schedule or by hand."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import Field

from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Branch, Cursor, Limit, Page
from ci_mcp.core.wire import text
from ci_mcp.errors import NotFoundError, UsageError
from ci_mcp.net.pages import collect, walk
from ci_mcp.providers.semaphore import grouping, ids, read, reasons, wire
from ci_mcp.providers.semaphore.projects import ProjectName
from ci_mcp.providers.semaphore.provider import provider
from ci_mcp.providers.semaphore.records import Started
from ci_mcp.providers.semaphore.wire import Json
from ci_mcp.providers.semaphore.workflows import Parameters, named_values, started

_USUAL: Final = 30
_DESCRIPTION: Final = 300
_TAG: Final = "refs/tags/"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledTask:
    """One task. ``parameters`` are names with ``*`` where a value is required and none is preset."""

    status: str
    name: str
    id: str
    at: str = ""
    branch: str = ""
    pipeline_file: str = ""
    parameters: tuple[str, ...] = ()
    description: str = ""
    updated: datetime | None = None
    url: str = ""


@provider.read()
async def tasks_list(api: Api, project: ProjectName, limit: Limit = 20, cursor: Cursor = "") -> Page[ScheduledTask]:
    """Tasks of a project: schedule (cron, UTC), branch, pipeline file, and which parameters they take.

    Route: GET /tasks?project_id=….
    Raises: NotFoundError: there is no such project, or none that the token may see.
    """
    there, named = ids.project(api, project)
    with read.explained(there, "project", named):
        project_id = await read.project_id(there, named)

        async def fetch(page: str) -> tuple[list[ScheduledTask], str | None]:
            found, more = await _page(there, project_id, page)
            return [_task(there, raw) for raw in found], more

        return await collect(fetch, cursor=cursor, limit=limit)


async def _page(api: Api, project_id: str, page: str) -> tuple[list[Json], str | None]:
    number = int(page) if page.isdecimal() else 1
    params = {"project_id": project_id, "page": number, "page_size": _USUAL}
    reply = await api.get(f"{read.BASE}/tasks", params)
    found = [raw for raw in wire.records(reply.json(), "tasks") if text(raw, "project_id") in {project_id, ""}]
    return found, read.next_page(reply, number)


def _task(api: Api, raw: Json) -> ScheduledTask:
    project = read.project_name(api, text(raw, "project_id"))
    return ScheduledTask(
        status=_status(raw),
        name=text(raw, "name"),
        id=text(raw, "id"),
        at=text(raw, "at"),
        branch=text(raw, "branch") or text(raw, "reference").removeprefix("refs/heads/"),
        pipeline_file=text(raw, "pipeline_file"),
        parameters=tuple(_parameter(found) for found in wire.parts(raw.get("parameters"))),
        description=grouping.said_by(raw, "description")[:_DESCRIPTION],
        updated=wire.when(raw.get("updated_at")),
        url=read.web(api, f"projects/{project}/schedulers/{text(raw, 'id')}"),
    )


def _status(raw: Json) -> str:
    if raw.get("suspended") is True:
        return "suspended"
    if raw.get("paused") is True:
        return "paused"
    return "scheduled" if raw.get("recurring") is not False and text(raw, "at") else "by hand"


def _parameter(raw: Json) -> str:
    needed = raw.get("required") is True and not text(raw, "default_value")
    return text(raw, "name") + ("*" if needed else "")


@provider.write(starts=True)
async def tasks_run(
    api: Api,
    task: Annotated[str, Field(min_length=1, max_length=300, description="Task id or URL; with project: its name")],
    project: Annotated[str, Field(max_length=300, description="Project, where task is a name")] = "",
    branch: Branch = "",
    pipeline_file: Annotated[str, Field(max_length=300, description="Instead of the task's own file")] = "",
    parameters: Parameters = (),
) -> Started:
    """Starts a task now, on its own branch and file unless others are given, and returns the workflow.

    Route: POST /tasks/:id/run_now. It takes no request token, so it is never sent twice.
    Raises: UsageError: Semaphore refuses it. NotFoundError: there is no such task.
    """
    there, named = await _named(api, task, project)
    values = named_values(parameters)
    body: dict[str, Any] = {"pipeline_file": pipeline_file, "parameters": values}
    if branch:
        tag = branch.startswith(_TAG)
        name = branch.removeprefix(_TAG).removeprefix("refs/heads/")
        body["reference"] = {"type": "TAG" if tag else "BRANCH", "name": name}
    sent = {key: value for key, value in body.items() if value}
    try:
        with read.explained(there, "task", named):
            reply = await there.send("POST", f"{read.BASE}/tasks/{named}/run_now", json=sent)
    except UsageError as error:
        if "not found" not in error.body or reasons.advice(error.body):  # a branch is missing, not the task
            raise
        raise NotFoundError(f"no task {named} at {there.host}", 'see "ci-mcp semaphore tasks list"') from None
    return started(there, wire.record(reply.json(), "workflow"))


async def _named(api: Api, task: str, project: str) -> tuple[Api, str]:
    """The Api and the id of a task that is given by its id, its web URL, or its name in a project."""
    named = task.strip()
    if named.lower().startswith(("https://", "http://")):
        url = ids.read_url(named)
        there = api.at(url.host) if url else api
        named = next((part for part in urlsplit(named).path.split("/")[3:] if ids.is_uuid(part)), "")
        if url is None or not named:
            raise UsageError("that URL names no task", 'find one with "ci-mcp semaphore tasks list"')
        return there, named.lower()
    if ids.is_uuid(named):
        return (ids.project(api, project)[0] if project else api), named.lower()
    if not project:
        raise UsageError(f"{task[:80]!r} is no id of a task", "give its id, or its project too")
    there, home = ids.project(api, project)
    with read.explained(there, "project", home):
        project_id = await read.project_id(there, home)
        async for raw in walk(lambda page: _page(there, project_id, page)):
            if text(raw, "name") == named and ids.is_uuid(text(raw, "id")):
                return there, text(raw, "id")
    raise NotFoundError(f"project {home} has no task {named[:80]!r}", 'see "ci-mcp semaphore tasks list"')
