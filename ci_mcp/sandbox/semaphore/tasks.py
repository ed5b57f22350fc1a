"""Routes of tasks: pipelines that run by the clock, or when somebody says so."""

import re
import uuid
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ci_mcp.sandbox.app import Refused
from ci_mcp.sandbox.semaphore.answers import (
    date,
    no_access,
    page_of,
    parameters,
    said,
    text,
    visible_project,
    world_of,
)  # fmt: skip
from ci_mcp.sandbox.semaphore.model import Parameter, Workflow, make_id
from ci_mcp.sandbox.semaphore.runs import DAY, HOUR
from ci_mcp.sandbox.semaphore.workflows import begin
from ci_mcp.sandbox.semaphore.world import (
    ME,
    ORGANIZATION,
    PROJECTS,
    SHOP_NIGHTLY_WORKFLOW,
    USERS,
    TaskRun,
    World,
)

Json = dict[str, Any]
_TOO_MANY = "Limit of queuing pipelines reached"


@dataclass(frozen=True, slots=True)
class Task:
    """A task; ``full`` is True where the project has too many pipelines in the queue to run one more."""

    project: str
    name: str
    description: str
    file: str
    reference: str = "refs/heads/main"
    at: str = ""
    paused: bool = False
    full: bool = False
    parameters: tuple[Parameter, ...] = ()

    @property
    def id(self) -> str:
        """Its id."""
        return make_id("task", self.project, self.name)


TASKS = {
    one.id: one
    for one in (
        Task("shop", "Nightly", "Everything, every night", ".semaphore/nightly.yml", at="0 3 * * *"),
        Task(
            "shop",
            "Release",
            "Cut a release",
            ".semaphore/semaphore.yml",
            parameters=(
                Parameter("VERSION", required=True, description="As in 1.4.0", pattern=r"^\d+\.\d+\.\d+$"),
                Parameter("CHANNEL", required=True, options=("stable", "beta"), default="stable"),
                Parameter("NOTES", description="For the changelog"),
            ),
        ),
        Task("shop", "Prune images", "Twice a week", ".semaphore/semaphore.yml", at="30 4 * * 1,4", paused=True),
        Task(
            "shop", "Verify 1.4.0", "Old, and still sold", ".semaphore/semaphore.yml", "refs/tags/v1.4.0", "0 6 * * 0"
        ),
        Task("shop", "Load test", "Fills the queue", ".semaphore/semaphore.yml", full=True),
        Task("vault", "Nightly", "Not for everybody", ".semaphore/semaphore.yml", at="0 2 * * *"),
    )
}
NIGHTLY = make_id("task", "shop", "Nightly")
RELEASE = make_id("task", "shop", "Release")
PAUSED = make_id("task", "shop", "Prune images")
OF_A_TAG = make_id("task", "shop", "Verify 1.4.0")
FULL = make_id("task", "shop", "Load test")
HIDDEN = make_id("task", "vault", "Nightly")
_PAST = {
    NIGHTLY: (
        TaskRun(-9 * HOUR, "refs/heads/main", ".semaphore/nightly.yml", workflow=SHOP_NIGHTLY_WORKFLOW),
        TaskRun(-33 * HOUR, "refs/heads/main", ".semaphore/nightly.yml", error=_TOO_MANY),
    ),
}


async def list_tasks(request: Request) -> Response:
    """``GET /tasks``: of a project."""
    project = visible_project(request.query_params.get("project_id"))
    found = [one for one in TASKS.values() if PROJECTS[one.project] is project]
    return page_of(request, found, lambda one: _task(world_of(request), one))


async def get_task(request: Request) -> Response:
    """``GET /tasks/{id}``: with what it has run, newest first."""
    world, item = world_of(request), _asked(request)
    runs = [*reversed(world.task_runs.get(item.id, [])), *_PAST.get(item.id, ())]
    return said({"schedule": _task(world, item), "triggers": [_run(world, item, one) for one in runs]})


async def run_now(request: Request) -> Response:
    """``POST /tasks/{id}/run_now``: never the same twice."""
    item, sent, world = _asked(request), await parameters(request), world_of(request)
    reference = _reference(sent) or item.reference
    values = _values(item, sent.get("parameters") or {})
    like = _like(world, item, reference)
    if item.full:
        return said(_TOO_MANY, 400)
    file = sent.get("pipeline_file") or item.file
    world.started += 1
    new = Workflow(
        make_id("task run", item.id, world.started), PROJECTS[item.project], like.branch, like.label, like.commit,
        like.message, ME, world.clock.now(), "MANUAL_RUN", like.reports,
    )  # fmt: skip
    pipeline = begin(world, new, like.pipelines[0])
    pipeline.parameters, pipeline.yaml_file = values, file.rpartition("/")[2]
    run = TaskRun(new.created, reference, file, new.id, requester=ME, values=values)
    world.task_runs.setdefault(item.id, []).append(run)
    return said({"workflow_id": new.id})


def _asked(request: Request) -> Task:
    """The task of a request.

    Raises:
        Refused: there is none; to the service a mistake, not a thing that is not found.
    """
    task_id = request.path_params["task_id"]
    try:
        uuid.UUID(task_id)
    except ValueError:
        raise Refused(said("schedule identifier should be a UUID", 400)) from None
    found = TASKS.get(task_id)
    if not found:
        raise Refused(said(f"Periodic with id: '{task_id}' not found.", 400))
    if not PROJECTS[found.project].visible:
        raise no_access()
    return found


def _reference(sent: Json) -> str:
    """The git reference that was given; empty for none. A text is refused, whatever the documentation says."""
    given = sent.get("reference")
    if not given:
        branch = sent.get("branch")
        return f"refs/heads/{branch}" if branch else ""
    kind = given.get("type") if isinstance(given, dict) else None
    name = given.get("name") if isinstance(given, dict) else None
    if kind and kind not in {"BRANCH", "TAG"}:
        raise Refused(said("Reference type must be 'BRANCH' or 'TAG'", 400))
    if not kind or not isinstance(name, str):
        raise Refused(said("Reference must contain 'type' and 'name' fields", 400))
    if not name.strip():
        raise Refused(said("Reference name cannot be empty", 400))
    return f"refs/{'heads' if kind == 'BRANCH' else 'tags'}/{name}"


def _values(item: Task, given: object) -> dict[str, str]:
    """The task's parameters; what it does not know is passed over."""
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise Refused(text(500, "Internal error"))
    values: dict[str, str] = {}
    for one in item.parameters:
        value = given.get(one.name, "").strip() or one.default
        if one.required and not value:
            raise Refused(said(f"Parameter '{one.name}' is required.", 400))
        if one.pattern and not re.match(one.pattern, value):
            raise Refused(said(f"Parameter '{one.name}' value does not match required format.", 400))
        values |= {one.name: value} if value else {}
    return values


def _like(world: World, item: Task, reference: str) -> Workflow:
    """The newest workflow of a reference, best one of the task's file."""
    _, kind, name = reference.split("/", 2)
    branch = name if kind == "heads" else reference
    found = world.newest(w for w in world.workflows.values() if w.project.name == item.project and w.branch == branch)
    if not found:
        word = "Branch" if kind == "heads" else "Tag"
        raise Refused(said(f"{word} '{name}' does not exist in the repository", 400))
    file = item.file.rpartition("/")[2]
    return next((one for one in found if one.pipelines[0].yaml_file == file), found[0])


def _task(world: World, item: Task) -> Json:
    made = date(world.clock, -60 * DAY)
    found = {
        "id": item.id,
        "name": item.name,
        "description": item.description,
        "project_id": PROJECTS[item.project].id,
        "organization_id": ORGANIZATION,
        "reference": item.reference,
        "at": item.at,
        "recurring": bool(item.at),
        "pipeline_file": item.file,
        "requester_id": ME,
        "inserted_at": made,
        "updated_at": made,
        "suspended": False,
        "paused": item.paused,
        "pause_toggled_by": USERS["ben"] if item.paused else "",
        "pause_toggled_at": date(world.clock, -20 * DAY) if item.paused else "",
        "parameters": [_parameter(one) for one in item.parameters],
    }
    return found | _branch(item.reference)


def _branch(reference: str) -> Json:
    branch = reference.removeprefix("refs/heads/")
    return {} if branch == reference else {"branch": branch}


def _parameter(item: Parameter) -> Json:
    return {
        "name": item.name,
        "required": item.required,
        "description": item.description,
        "default_value": item.default,
        "options": list(item.options),
        "regex_pattern": item.pattern,
        "validate_input_format": bool(item.pattern),
    }


def _run(world: World, item: Task, run: TaskRun) -> Json:
    found = {
        "triggered_at": date(world.clock, run.at),
        "project_id": PROJECTS[item.project].id,
        "reference": run.reference,
        "pipeline_file": run.file,
        "scheduling_status": "failed" if run.error else "passed",
        "scheduled_workflow_id": run.workflow,
        "scheduled_at": "" if run.error else date(world.clock, run.at + 1),
        "error_description": run.error,
        "run_now_requester_id": run.requester,
        "periodic_id": item.id,
        "parameter_values": [{"name": name, "value": value} for name, value in run.values.items()],
    }
    return found | _branch(run.reference)


ROUTES = [
    Route("/api/v1alpha/tasks", list_tasks, methods=["GET"]),
    Route("/api/v1alpha/tasks/{task_id}", get_task, methods=["GET"]),
    Route("/api/v1alpha/tasks/{task_id}/run_now", run_now, methods=["POST"]),
]
