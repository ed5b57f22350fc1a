"""Workflows: found, read, started, stopped."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Final, Literal
from uuid import uuid4

from pydantic import Field

from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Branch, Cursor, Limit, Page
from ci_mcp.core.together import together
from ci_mcp.core.wire import text
from ci_mcp.errors import BadAnswerError, UsageError
from ci_mcp.net.pages import collect
from ci_mcp.providers.semaphore import grouping, ids, read, reasons, wire
from ci_mcp.providers.semaphore.projects import ProjectName
from ci_mcp.providers.semaphore.provider import provider
from ci_mcp.providers.semaphore.records import Started, Stopping, Workflow
from ci_mcp.providers.semaphore.wire import Json
from ci_mcp.status import Status

WorkflowName = Annotated[str, Field(min_length=1, max_length=300, description="Workflow id or web URL")]
StatusFilter = Annotated[
    Literal["", "queued", "running", "passed", "failed", "canceled"], Field(description="Only those with this status")
]
Commit = Annotated[str, Field(max_length=40, pattern="^[0-9a-fA-F]*$", description="Commit SHA, or its beginning")]
Parameters = Annotated[
    tuple[Annotated[str, Field(max_length=4000)], ...],
    Field(max_length=50, description="Pipeline parameters as NAME=VALUE"),
]
Keep = Callable[[Workflow], bool]

_USUAL: Final = 30  # pipelines a page: what Semaphore's own clients ask for


@provider.read(core=True)
async def workflows_search(
    api: Api,
    project: ProjectName,
    branch: Branch = "",
    status: StatusFilter = "",
    commit: Commit = "",
    requester: Annotated[str, Field(max_length=100, description="Login or user id who started it")] = "",
    label: Annotated[str, Field(max_length=300, description="Branch, tag or pull request number")] = "",
    limit: Limit = 20,
    cursor: Cursor = "",
) -> Page[Workflow]:
    """Runs of a project with their status, newest first; optionally of one branch, commit, requester or status.

    Route: GET /pipelines?project_id=…, grouped by wf_id: the list of workflows has no status
    and needs one more call for each.
    Raises: NotFoundError: there is no such project, or none that the token may see.
    """
    there, named = ids.project(api, project)
    params = {"project_id": await read.project_id(there, named), "branch_name": branch, "label": label}
    runs = Runs(there, params, home=api, requester=requester)
    with read.explained(there, "project", named):
        return await runs.search(cursor=cursor, limit=limit, keep=wanted(status, commit))


def wanted(status: str = "", commit: str = "") -> Keep | None:
    """A filter for workflows, which the API does not have; ``None`` where nothing is filtered."""
    if not (status or commit):
        return None
    statuses = {status, "failing"} if status == "running" else {status}
    return lambda found: (not status or found.status in statuses) and found.commit.lower().startswith(commit.lower())


class Runs:
    """Workflows out of the list of pipelines, newest first.

    A workflow stands where its first pipeline does; later ones (promotions, rebuilds) come before
    it in the list, so they are remembered from page to page.
    """

    def __init__(self, api: Api, params: Mapping[str, Any], *, home: Api | None = None, requester: str = "") -> None:
        self.api, self.home, self.params, self.requester = api, home or api, params, requester.lower()
        self.pending: dict[str, list[Json]] = {}
        self.seen: set[str] = set()

    async def search(
        self, *, cursor: str = "", limit: int, keep: Keep | None = None, max_pages: int = 10
    ) -> Page[Workflow]:
        """The workflows that ``keep`` takes, at most ``limit``."""
        self.params = {**self.params, "page_size": read.MOST if keep or self.requester else _USUAL}
        return await collect(self._page, cursor=cursor, limit=limit, keep=keep, max_pages=max_pages)

    async def _page(self, page: str) -> tuple[list[Workflow], str | None]:
        found, more = await read.pipelines_page(self.api, self.params, page)
        read.remember_bad(self.api, found)
        begun: list[str] = []
        for pipeline in found:
            workflow = text(pipeline, "wf_id")
            self.pending.setdefault(workflow, []).append(pipeline)
            if grouping.is_first(pipeline) and workflow not in self.seen:
                self.seen.add(workflow)
                if not self.requester or self.requester in grouping.requesters(pipeline):
                    begun.append(workflow)
        return await together([partial(self._workflow, name) for name in begun]), more

    async def _workflow(self, name: str) -> Workflow:
        # Asked for again only where its rebuild stands on a page that was not read here.
        pipelines = self.pending.pop(name)
        known = {text(p, "ppl_id") for p in pipelines}
        if any(text(p, "partially_rerun_by") not in known | {""} for p in pipelines):
            pipelines = await read.workflow_pipelines(self.api, name)
        return grouping.workflow_record(pipelines, url=read.elsewhere(self.api, self.home, f"workflows/{name}"))


@provider.read(core=True)
async def workflows_describe(api: Api, workflow: WorkflowName) -> Workflow:
    """One run: its status, commit, who started it, and its pipelines (promotions and rebuilds too).

    Route: GET /pipelines?wf_id=…; GET /pipelines/:id?detailed=true for a running one.
    Raises: NotFoundError: there is no such workflow, or none that the token may see.
    """
    there, named = ids.workflow(api, workflow)
    pipelines = await read.workflow_pipelines(there, named)
    running = [text(p, "ppl_id") for p in pipelines if wire.pipeline_status(p) is Status.RUNNING][:3]
    details = await together([partial(read.pipeline, there, name) for name in running])
    blocks = {text(pipeline, "ppl_id"): found for pipeline, found in details}
    project = read.project_name(there, text(pipelines[0], "project_id"))
    record = grouping.workflow_record(
        pipelines, blocks=blocks, project=project, url=read.web(there, f"workflows/{named}"), whole=True
    )
    return replace(record, reason=reasons.told(grouping.standing(grouping.current(pipelines), blocks).decider))


@provider.write(starts=True)
async def workflows_run(
    api: Api,
    project: ProjectName,
    branch: Annotated[str, Field(min_length=1, max_length=300, description="Branch, refs/tags/NAME or refs/pull/N")],
    commit: Annotated[
        str, Field(max_length=40, pattern="^[0-9a-fA-F]*$", description="Commit SHA; default: newest")
    ] = "",
    pipeline_file: Annotated[str, Field(max_length=300, description="Default: .semaphore/semaphore.yml")] = "",
    parameters: Parameters = (),
) -> Started:
    """Starts a workflow of a project on a branch, tag or pull request, and returns its ids.

    Route: POST /plumber-workflows. It takes no request token, so it is never sent twice.
    Raises: UsageError: Semaphore refuses it. NotFoundError: there is no such project.
    """
    there, named = ids.project(api, project)
    values = named_values(parameters)
    body = {
        "project_id": await read.project_id(there, named),
        "reference": branch,
        "commit_sha": commit,
        "pipeline_file": pipeline_file,
        "parameters": values,
    }
    with read.explained(there, "project", named):
        reply = await there.send("POST", f"{read.BASE}/plumber-workflows", json={k: v for k, v in body.items() if v})
    return started(there, wire.record(reply.json(), "workflow"))


def named_values(pairs: tuple[str, ...]) -> dict[str, str]:
    """Parameters by name; raises `UsageError` for one that is not NAME=VALUE."""
    for pair in pairs:
        if not pair.partition("=")[0] or "=" not in pair:
            raise UsageError("a parameter is not NAME=VALUE", "give each as NAME=VALUE")
    return dict(pair.split("=", 1) for pair in pairs)


def started(api: Api, body: Json, *, workflow: str = "", note: str = "") -> Started:
    """The ids in an answer of a call that starts something; three calls spell them in three ways."""
    run = text(body, "workflow_id") or text(body, "wf_id") or workflow
    pipeline = text(body, "pipeline_id") or text(body, "ppl_id")
    if not ids.is_uuid(run) and not ids.is_uuid(pipeline):
        raise BadAnswerError("Semaphore did not say what it started", "see the newest run of the project")
    page = f"workflows/{run}" + (f"?pipeline_id={pipeline}" if pipeline else "")
    url = read.web(api, page) if run else ""
    return Started(workflow=run, pipeline=pipeline, note=note, url=url)


@provider.write(core=True, starts=True)
async def workflows_rerun(api: Api, workflow: WorkflowName) -> Started:
    """Starts a run again from the beginning, and returns the new run's ids; ci_rerun repeats failed jobs only.

    Route: POST /plumber-workflows/:wf_id/reschedule?request_token=….
    Raises: NotFoundError: there is no such workflow, or none that the token may run.
    """
    there, named = ids.workflow(api, workflow)
    return await rerun(there, named)


async def rerun(api: Api, workflow: str) -> Started:
    """Start a workflow again; the request token makes a retry harmless."""
    with read.explained(api, "workflow", workflow):
        reply = await api.send(
            "POST",
            f"{read.BASE}/plumber-workflows/{workflow}/reschedule",
            params={"request_token": str(uuid4())},
            idempotent=True,
        )
    return started(api, wire.record(reply.json(), "workflow"))


@provider.write(destructive=True, idempotent=True)
async def workflows_cancel(api: Api, workflow: WorkflowName) -> Stopping:
    """Stops every running pipeline of a run, and says how many.

    Route: POST /plumber-workflows/:wf_id/terminate.
    Raises: NotFoundError: there is no such workflow, or none that the token may stop.
    """
    there, named = ids.workflow(api, workflow)
    with read.explained(there, "workflow", named):
        reply = await there.send("POST", f"{read.BASE}/plumber-workflows/{named}/terminate")
    said = reply.json()
    return Stopping(id=named, note=said if isinstance(said, str) else "", url=read.web(there, f"workflows/{named}"))
