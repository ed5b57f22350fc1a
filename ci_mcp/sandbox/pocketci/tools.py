"""The five tools of the server's MCP endpoint: what they take, and what they answer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ci_mcp.sandbox.pocketci.answers import compact, envelope, show_pipeline, show_run
from ci_mcp.sandbox.pocketci.model import Json, Row, Run
from ci_mcp.sandbox.pocketci.pipelines import newest_first
from ci_mcp.sandbox.pocketci.runs import prefix_of
from ci_mcp.sandbox.pocketci.search import search_pipelines, search_rows, search_runs
from ci_mcp.sandbox.pocketci.world import World

_LISTED = ("dependsOn", "duration", "elapsed", "logs", "started_at", "status", "text", "tokensUsed", "type")
_FOUND = ("elapsed", "started_at", "status")
_PER_PAGE = 20


class ToolError(Exception):
    """What a tool says that cannot do what it is asked for."""


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool.

    Attributes:
        about: its description.
        fields: its arguments with what they are; ``?`` marks those that may be missing, ``#`` numbers.
        call: answers it.
    """

    about: str
    fields: dict[str, str]
    call: Callable[[World, Json], Any]

    def listed(self, name: str) -> Json:
        """The tool as ``tools/list`` shows it."""
        properties: Json = {}
        for field, about in self.fields.items():
            kind: Any = ["null", "integer"] if "#" in field else "string"
            properties[field.strip("?#")] = {"type": kind, "description": about}
        schema: Json = {"type": "object", "properties": properties}
        schema |= {"required": self.required, "additionalProperties": False}
        return {"description": self.about, "inputSchema": schema, "name": name}

    @property
    def required(self) -> list[str]:
        """The arguments that must be there."""
        return [field for field in self.fields if not field.startswith("?")]

    def check(self, arguments: Json) -> None:
        """Raise `ToolError` where the arguments are not those of the schema."""
        kinds = {field.strip("?#"): "#" in field for field in self.fields}
        extra = [name for name in arguments if name not in kinds]
        missing = [name for name in self.required if name not in arguments]
        if extra:
            raise ToolError(_invalid(f"unexpected additional properties {_quoted(extra)}"))
        if missing:
            raise ToolError(_invalid(f"required: missing properties: {_quoted(missing)}"))
        for name, value in arguments.items():
            number = isinstance(value, int) and not isinstance(value, bool)
            if kinds[name] and not (value is None or number):
                raise ToolError(_wrong(name, value, 'one of "null, integer"'))
            if not kinds[name] and not isinstance(value, str):
                raise ToolError(_wrong(name, value, '"string"'))


def _invalid(problem: str) -> str:
    return f'validating "arguments": validating root: {problem}'


def _quoted(names: list[str]) -> str:
    return "[" + " ".join(f'"{name}"' for name in names) + "]"


def _wrong(name: str, value: Any, wanted: str) -> str:
    kind = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array", dict: "object"}
    has, shown = kind.get(type(value), "null"), value if isinstance(value, str) else compact(value)
    if value is None:
        shown = "<invalid reflect.Value>"
    place = f"validating /properties/{name}"
    return f'validating "arguments": validating root: {place}: type: {shown} has type "{has}", want {wanted}'


def _run(world: World, run_id: str) -> Run | None:
    found = world.runs.get(run_id)
    return found if found and found.created <= world.now() else None


def get_run(world: World, sent: Json) -> Any:
    """``get_run``."""
    run = _run(world, sent["run_id"])
    if not run:
        raise ToolError("could not get run: not found")
    return show_run(world, run)


def list_run_tasks(world: World, sent: Json) -> Any:
    """``list_run_tasks``: null for none; without an id those of every run there is."""
    wanted = [one for one in (_run(world, sent["run_id"]),) if one]
    if sent["run_id"] in {"", "*"}:
        wanted = [run for run in world.runs.values() if run.created <= world.now()]
    found = [(run, row) for run in wanted for row in run.visible_rows(world.now())]
    return [_row(world, run, row, _LISTED) for run, row in found] or None


def _row(world: World, run: Run, row: Row, keys: tuple[str, ...] = ()) -> Json:
    payload = row.payload(world.now(), world.clock)
    shown = {key: payload.get(key) for key in keys} if keys else payload
    return {"id": row.number if keys else 0, "path": prefix_of(run) + row.path, "payload": shown}


def get_run_task(world: World, sent: Json) -> Any:
    """``get_run_task``."""
    if not sent["path"]:
        raise ToolError("path is required")
    prefix = f"/pipeline/{sent['run_id']}/"
    path = sent["path"] if sent["path"].startswith("/") else prefix + sent["path"]
    if not path.startswith(prefix):
        raise ToolError("task path must be scoped to the run")
    run = _run(world, sent["run_id"])
    rows = [row for row in run.visible_rows(world.now()) if prefix + row.path == path] if run else []
    if not run or not rows:
        raise ToolError("could not get task: not found")
    return [_row(world, run, rows[0])]


def search_tasks(world: World, sent: Json) -> Any:
    """``search_tasks``: rows of a run (null for none), or one page of a pipeline's runs."""
    if sent.get("run_id"):
        run = _run(world, sent["run_id"])
        rows = search_rows(world, run, sent["query"]) if run else []
        return [_row(world, run, row, _FOUND) for row in rows if run] or None
    if not sent.get("pipeline_id"):
        raise ToolError("either run_id or pipeline_id must be provided")
    runs = search_runs(world, sent["pipeline_id"], sent["query"])
    return envelope(runs, *_place(sent), lambda run: show_run(world, run))


def find_pipelines(world: World, sent: Json) -> Any:
    """``search_pipelines``: whoever asks, all of them."""
    found = search_pipelines(newest_first(world), sent["query"])
    return envelope(found, *_place(sent), lambda one: show_pipeline(world, one, driver=True))


def _place(sent: Json) -> tuple[int, int]:
    page, per_page = sent.get("page") or 0, sent.get("per_page") or 0
    return (page if page > 0 else 1), (per_page if per_page > 0 else _PER_PAGE)


_PAGES = {"?page#": "Page, counted from 1 (default 1)", "?per_page#": "Results on a page (default 20)"}
TOOLS = {
    "get_run": Tool(
        "One run: its status (queued, running, success, failed), its times and its error message.",
        {"run_id": "The run"},
        get_run,
    ),
    "get_run_task": Tool(
        "One task of a run with everything that is stored about it.",
        {"run_id": "The run", "path": "The task's path: whole (/pipeline/<run>/...), or from the run on"},
        get_run_task,
    ),
    "list_run_tasks": Tool("All tasks of a run with their output.", {"run_id": "The run"}, list_run_tasks),
    "search_pipelines": Tool(
        "Pipelines by name or source, page by page.",
        {"query": "Words of the name or the source; empty for all", **_PAGES},
        find_pipelines,
    ),
    "search_tasks": Tool(
        "With run_id: the tasks of a run by their output. With pipeline_id: its runs by id, status or error message.",
        {"?run_id": "The run to search in", "?pipeline_id": "The pipeline to search in", "query": "Words", **_PAGES},
        search_tasks,
    ),
}
