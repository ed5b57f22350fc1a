"""The fourteen tools: what they take in either variant, and what they give.

The vendor publishes the tools' names and of their arguments only those that lists have: the rest is told by a
server's ``tools/list`` alone, and here differs between the variants.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft7Validator

from ci_mcp.sandbox.firmwareci import records
from ci_mcp.sandbox.firmwareci.schemas import VALIDATED, schema, schema_names
from ci_mcp.sandbox.firmwareci.validate import examples, validate
from ci_mcp.sandbox.firmwareci.world import World

Json = dict[str, Any]
_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_PAGE_SIZE = 20
_LARGEST_PAGE = 100
KINDS = tuple(kind for kind in VALIDATED if kind != "test")
_PAGES = {"page": "Page, from 0", "limit": "Rows on a page"}


@dataclass(frozen=True, slots=True)
class Variant:
    """What differs between two servers that both keep to what the vendor's documents say.

    Attributes:
        names: what the arguments that no document names are called, by what they are for.
        structured: results have structured content; else they are JSON as text alone.
        nested: logs come as stages with steps in them; else as a list of steps.
    """

    names: Mapping[str, str]
    structured: bool
    nested: bool


STATELESS = Variant(
    {"workflow": "id", "dut": "id", "job": "id", "test": "definition", "document": "document", "schema": "name",
     "example": "path"},
    structured=True, nested=False,
)  # fmt: skip
SESSIONS = Variant(
    {"workflow": "workflow_id", "dut": "dut_id", "job": "job_id", "test": "yaml", "document": "content",
     "schema": "schema_name", "example": "example_path"},
    structured=False, nested=True,
)  # fmt: skip


class Failed(Exception):  # noqa: N818 - a tool's answer, not a fault of the program
    """A call that failed, in the server's words."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call: what was given, by what it is for, and the world that it is about."""

    given: Mapping[str, str]
    world: World
    variant: Variant

    def of(self, role: str) -> str:
        """What was given for a role; empty where nothing was."""
        return self.given.get(role, "")


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool: ``needs`` are required, ``takes`` are not; both by what they are for."""

    name: str
    about: str
    run: Callable[[Call], Json]
    needs: Mapping[str, str]
    takes: Mapping[str, str]

    def schema(self, variant: Variant) -> Json:
        """The schema of its arguments."""
        names = variant.names
        known = {names.get(role, role): {"type": "string", "description": said} for role, said in self._all().items()}
        made: Json = {"type": "object", "properties": known, "additionalProperties": False}
        if "kind" in self.needs:
            known["kind"]["enum"] = list(KINDS)  # type: ignore[assignment]
        return made | ({"required": [names.get(role, role) for role in self.needs]} if self.needs else {})

    def call(self, given: Mapping[str, Any], world: World, variant: Variant) -> Json:
        """Call it.

        Raises:
            Failed: it cannot give what was asked for.
        """
        problems = sorted(Draft7Validator(self.schema(variant)).iter_errors(dict(given)), key=str)
        if problems:
            raise Failed(f'validating "arguments": validating root: {problems[0].message}')
        roles = {variant.names.get(role, role): role for role in self._all()}
        return self.run(Call({roles[name]: value for name, value in given.items()}, world, variant))

    def _all(self) -> dict[str, str]:
        return {**self.needs, **self.takes}


def text_of(value: Json) -> str:
    """A result as the JSON text that stands in its content."""
    return json.dumps(value, ensure_ascii=False)


def found_by_id(kind: str, things: Iterable[Any], identity: str) -> Any:
    """The thing of that id.

    Raises:
        Failed: it is no id, or there is none.
    """
    if not _ULID.fullmatch(identity.upper()):
        raise Failed(f"invalid {kind} id {identity!r}: not a ULID")
    found = next((one for one in things if one.id == identity.upper()), None)
    if found is None:
        raise Failed(f"{kind} not found: {identity}")
    return found


def _paged(call: Call, what: str, items: Sequence[Any], shape: Callable[[Any, World], Json]) -> Json:
    """A page: it begins at page times limit."""
    page, limit = _number(call, "page", 0), _number(call, "limit", _PAGE_SIZE)
    limit = min(limit, _LARGEST_PAGE) or _PAGE_SIZE
    begin = page * limit
    shown = [shape(one, call.world) for one in items[begin : begin + limit]]
    return {what: shown, "has_more": begin + limit < len(items)}


def _number(call: Call, name: str, default: int) -> int:
    text = call.of(name)
    if text and not re.fullmatch(r"[0-9]{1,9}", text):
        raise Failed(f"invalid {name}: {text!r} is not a number")
    return int(text) if text else default


def _named(call: Call, things: Iterable[Any]) -> list[Any]:
    """Those whose name has the text in it, of one project where one is given."""
    name, project = call.of("name").lower(), call.of("project_id").upper()
    return [one for one in things if name in one.name.lower() and project in {"", one.project.id}]


def _list_workflows(call: Call) -> Json:
    return _paged(call, "workflows", _named(call, call.world.workflows), records.workflow)


def _get_workflow(call: Call) -> Json:
    one = found_by_id("workflow", call.world.workflows, call.of("workflow"))
    return records.workflow(one, call.world, whole=True)


def _list_duts(call: Call) -> Json:
    return _paged(call, "duts", _named(call, call.world.duts), records.dut)


def _get_dut(call: Call) -> Json:
    return records.dut(found_by_id("dut", call.world.duts, call.of("dut")), call.world, whole=True)


def _list_projects(call: Call) -> Json:
    return _paged(call, "projects", call.world.projects, records.project)


def _list_jobs(call: Call) -> Json:
    world, now = call.world, call.world.now()
    wanted = {word.strip() for word in call.of("status").split(",") if word.strip()}
    workflow = call.of("workflow_id").upper()
    found = [
        job
        for job in world.jobs
        if (not wanted or job.status(now) in wanted) and workflow in {"", job.workflow.id}
    ]  # fmt: skip
    return _paged(call, "jobs", found, records.job)


def _get_job(call: Call) -> Json:
    return records.job(found_by_id("job", call.world.jobs, call.of("job")), call.world, whole=True)


def _get_job_logs(call: Call) -> Json:
    job = found_by_id("job", call.world.jobs, call.of("job"))
    steps = records.steps(job, call.world)
    head: Json = {"job_id": job.id, "status": job.status(call.world.now())}
    if not call.variant.nested:
        return head | {"steps": steps}
    stages: dict[str, list[Json]] = {}
    for step in steps:
        log = {"log": step.pop("output"), "step": step.pop("name")}
        stages.setdefault(step.pop("stage"), []).append(log | step)
    return head | {"stages": [{"name": name, "steps": found} for name, found in stages.items()]}


def _validate_test(call: Call) -> Json:
    return validate("test", call.of("test"))


def _validate(call: Call) -> Json:
    return validate(call.of("kind"), call.of("document"))


def _list_schemas(_call: Call) -> Json:
    return {"schemas": schema_names()}


def _get_schema(call: Call) -> Json:
    by_name = {path.rpartition("/")[2]: text for path, text in examples().items()}
    found = schema(call.of("schema"), by_name)
    if found is None:
        raise Failed(f"schema not found: {call.of('schema')}")
    return found


def _list_examples(_call: Call) -> Json:
    return {"examples": list(examples())}


def _get_example(call: Call) -> Json:
    path = call.of("example")
    if path not in examples():
        raise Failed(f"example not found: {path}")
    return {"path": path, "content": examples()[path]}


_BY_NAME = {"name": "Part of the name", "project_id": "ULID of the project"}
_OF_JOBS = {"status": "Statuses, separated by commas", "workflow_id": "ULID of the workflow"}
TOOLS = {
    tool.name: tool
    for tool in (
        Tool("fwci_list_workflows", "Lists workflows.", _list_workflows, {}, _BY_NAME | _PAGES),
        Tool("fwci_get_workflow", "Gives a workflow.", _get_workflow, {"workflow": "ULID of the workflow"}, {}),
        Tool("fwci_list_duts", "Lists devices under test.", _list_duts, {}, _BY_NAME | _PAGES),
        Tool("fwci_get_dut", "Gives a device with its attributes.", _get_dut, {"dut": "ULID of the device"}, {}),
        Tool("fwci_list_projects", "Lists projects.", _list_projects, {}, _PAGES),
        Tool("fwci_list_jobs", "Lists jobs, newest first.", _list_jobs, {}, _OF_JOBS | _PAGES),
        Tool("fwci_get_job", "Gives a job.", _get_job, {"job": "ULID of the job"}, {}),
        Tool("fwci_get_job_logs", "Gives the logs of a job's steps.", _get_job_logs, {"job": "ULID of the job"}, {}),
        Tool("fwci_validate_test", "Validates a test.", _validate_test, {"test": "The test in YAML or JSON"}, {}),
        Tool("fwci_validate", "Validates a document.", _validate,
             {"kind": "What it is", "document": "The document in YAML or JSON"}, {}),
        Tool("fwci_list_schemas", "Lists schemas.", _list_schemas, {}, {}),
        Tool("fwci_get_schema", "Gives a JSON Schema.", _get_schema, {"schema": "Name of the schema"}, {}),
        Tool("fwci_list_examples", "Lists examples.", _list_examples, {}, {}),
        Tool("fwci_get_example", "Gives an example.", _get_example, {"example": "Path of the example"}, {}),
    )
}  # fmt: skip
