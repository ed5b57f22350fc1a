"""Jobs: listed, read, and their logs. A job is one test on one device."""

from functools import partial
from typing import Annotated, Final, Literal

from pydantic import Field

from ci_mcp.core import logview
from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Around, Cursor, Limit, Page, Prose, Search, Start, Tail
from ci_mcp.core.upstream import Tool
from ci_mcp.errors import UnsupportedError
from ci_mcp.net.pages import MAX_PAGES
from ci_mcp.providers.firmwareci import ask, ids, logs, wire
from ci_mcp.providers.firmwareci.arguments import named
from ci_mcp.providers.firmwareci.ask import Filter, converted, listed
from ci_mcp.providers.firmwareci.projects import Name, ProjectName, by_id, by_name, project_id
from ci_mcp.providers.firmwareci.provider import provider
from ci_mcp.providers.firmwareci.read import Fields, Json
from ci_mcp.providers.firmwareci.records import Job
from ci_mcp.providers.firmwareci.workflows import WorkflowName, find, of_project

JobName = Annotated[str, Field(min_length=1, max_length=400, description="Job id or web URL")]
Word = Literal["queued", "preparing", "running", "succeeded", "failed", "aborted"]

LIST: Final = "fwci_list_jobs"


@provider.read(core=True)
async def jobs_list(
    api: Api,
    project: ProjectName = "",
    workflow: WorkflowName = "",
    statuses: Annotated[list[Word], Field(max_length=6, description="Only these")] = [],  # noqa: B006 - nobody changes it
    name: Name = "",
    limit: Limit = 20,
    cursor: Cursor = "",
) -> Page[Job]:
    """Jobs, newest first: each is one test on one device, with status, error and times.

    From: fwci_list_jobs; with a project also fwci_list_workflows.
    Raises: NotFoundError: there is no such project or workflow.
    """
    filters = {"status": by_status(tuple(statuses)), "name": by_name(name)}
    if workflow:
        filters["workflow"] = by_id("workflow", await find(api, "workflow", workflow, project))
    elif project:
        filters |= await of(api, await project_id(api, project))
    found = await listed(api, LIST, "jobs", filters, limit=limit, cursor=cursor, max_pages=MAX_PAGES)
    return converted(found, partial(wire.job, api))


def by_status(words: tuple[str, ...]) -> Filter:
    """Jobs with one of FirmwareCI's statuses; those that do not say count."""

    def keeps(raw: Json) -> bool:
        said = Fields(raw).text("status", "state").lower()
        return not said or said in words

    return Filter(words, keeps)


async def of(api: Api, project: str) -> dict[str, Filter]:
    """What makes a list of jobs that of a project: the server may know only workflows.

    Raises: the errors of `ci_mcp.errors`.
    """
    if await takes_project(api):
        return {"project": by_id("project", project)}
    workflows = {one.id for one in await of_project(api, project)}
    if len(workflows) == 1:
        return {"workflow": by_id("workflow", next(iter(workflows)))}

    def keeps(raw: Json) -> bool:
        found = Fields(raw)
        workflow = found.text("workflow_id") or found.part("workflow").text("id")
        within = found.text("project_id") or found.part("project").text("id")
        if not workflow and not within:
            raise UnsupportedError("FirmwareCI does not tell which project a job is of", "name a workflow instead")
        return project == within or workflow in workflows

    return {"project": Filter(project, keeps)}


async def takes_project(api: Api) -> bool:
    """Whether the server lists the jobs of a project by itself."""
    tool: Tool = await ask.tool(api, LIST)
    return bool(tool.parameters) and bool(named(tool, "project"))


@provider.read(core=True)
async def jobs_describe(api: Api, job: JobName) -> Job:
    """One job: status, error, test, device, times, and everything else that FirmwareCI tells of it.

    From: fwci_get_job.
    Raises: NotFoundError: there is no such job, or none of the token's organization.
    """
    identity = ids.job(job)
    return wire.job(api, await raw_job(api, identity), short=False)


async def raw_job(api: Api, identity: str) -> Json:
    """A job as FirmwareCI tells it; its id where the record has none."""
    return {"id": identity, **await ask.record(api, "fwci_get_job", "job", identity)}


@provider.read(core=True)
async def jobs_logs(
    api: Api,
    job: JobName,
    step: Annotated[str, Field(max_length=300, description="Only this step's lines")] = "",
    tail: Tail = 0,
    search: Search = "",
    around: Around = 0,
    start: Start = 0,
) -> Prose:
    """The log of a job, step by step: its end by default, or matching lines, or those around a line number.

    Of a running job it is what there is so far.

    From: fwci_get_job, fwci_get_job_logs.
    Raises: NotFoundError: there is no such job or step. TimedOutError: the server follows a running job.
    """
    found = wire.job(api, await raw_job(api, ids.job(job)))
    log = await api.store.log(
        f"{api.host} {found.id}", partial(logs.log, api, found.id), finished=found.status.finished
    )
    title = ", ".join(filter(None, (f"FirmwareCI job {found.name!r}", str(found.status), found.url)))
    with log:
        part = logs.step(log, step) if step else None
        title += f", step {part.name!r}, lines {part.start} to {part.end}" if part else ""
        within = (part.start, part.end) if part else None
        return await logview.view(log, tail=tail, search=search, around=around, start=start, title=title, within=within)
