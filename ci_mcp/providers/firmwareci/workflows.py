"""Workflows and devices under test: listed, read, and found by name."""

import difflib
from collections.abc import Sequence
from typing import Annotated, Final

from pydantic import Field

from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Cursor, Limit, Page
from ci_mcp.errors import NotFoundError, UsageError
from ci_mcp.providers.firmwareci import ask, ids, read, wire
from ci_mcp.providers.firmwareci.ask import converted, listed
from ci_mcp.providers.firmwareci.known import recent
from ci_mcp.providers.firmwareci.projects import MANY, Name, ProjectName, by_id, by_name, project_id
from ci_mcp.providers.firmwareci.provider import provider
from ci_mcp.providers.firmwareci.read import Fields
from ci_mcp.providers.firmwareci.records import Dut, Workflow

WorkflowName = Annotated[str, Field(max_length=300, description="Workflow id, name or web URL")]
DutName = Annotated[str, Field(max_length=300, description="DUT id, name or web URL")]

_PAGES: Final = 4


@provider.read(core=True)
async def workflows_list(
    api: Api, name: Name = "", project: ProjectName = "", limit: Limit = 20, cursor: Cursor = ""
) -> Page[Workflow]:
    """Workflows with the device label that each runs on.

    From: fwci_list_workflows.
    Raises: NotFoundError: there is no such project.
    """
    filters = {"name": by_name(name), "project": by_id("project", await project_id(api, project))}
    found = await listed(api, "fwci_list_workflows", "workflows", filters, limit=limit, cursor=cursor)
    return converted(found, wire.workflow)


@provider.read()
async def workflows_describe(api: Api, workflow: WorkflowName, project: ProjectName = "") -> Workflow:
    """One workflow with everything that FirmwareCI tells of it: label, tests, inputs.

    From: fwci_get_workflow.
    Raises: NotFoundError: there is no such workflow. UsageError: several have that name.
    """
    identity = await find(api, "workflow", workflow, project)
    return wire.workflow(await ask.record(api, "fwci_get_workflow", "workflow", identity), short=False)


@provider.read()
async def duts_list(
    api: Api, name: Name = "", project: ProjectName = "", limit: Limit = 20, cursor: Cursor = ""
) -> Page[Dut]:
    """Devices under test with their labels.

    From: fwci_list_duts.
    Raises: NotFoundError: there is no such project.
    """
    filters = {"name": by_name(name), "project": by_id("project", await project_id(api, project))}
    found = await listed(api, "fwci_list_duts", "duts", filters, limit=limit, cursor=cursor)
    return converted(found, wire.dut)


@provider.read()
async def duts_describe(api: Api, dut: DutName, project: ProjectName = "") -> Dut:
    """One device under test with its attributes; what looks like a secret is redacted.

    From: fwci_get_dut.
    Raises: NotFoundError: there is no such device. UsageError: several have that name.
    """
    raw = await ask.record(api, "fwci_get_dut", "dut", await find(api, "dut", dut, project))
    text = raw.get("text")
    return wire.dut({**raw, "text": read.hidden_text(text)} if isinstance(text, str) else raw, short=False)


async def find(api: Api, kind: str, text: str, project: str) -> str:
    """The id of the ``workflow`` or ``dut`` that a text names; a name is unique only inside a project.

    Raises:
        NotFoundError: there is none.
        UsageError: there are several, or the text cannot name one.
    """
    identity, name = ids.of_thing(text, kind)
    if identity:
        return identity
    filters = {"name": by_name(name), "project": by_id("project", await project_id(api, project))}
    page = await listed(api, f"fwci_list_{kind}s", f"{kind}s", filters, limit=MANY)
    named = [(found.text(*wire.NAME), found.text("id", f"{kind}_id")) for found in map(Fields, page.items)]
    exact = [one for called, one in named if called.lower() == name.lower()]
    if len(exact) == 1:
        return exact[0]
    if exact:
        raise UsageError(
            f"{len(exact)} {kind}s are named {name[:80]!r}", f"name the project, or give an id: {exact[0]}"
        )
    near = difflib.get_close_matches(name, [called for called, _ in named], n=3, cutoff=0.3)
    raise NotFoundError(
        f"FirmwareCI has no {kind} {name[:80]!r}",
        f"did you mean {' or '.join(near)}?" if near else f'see "ci-mcp firmwareci {kind}s list"',
    )


async def of_project(api: Api, identity: str) -> Sequence[Workflow]:
    """The workflows of a project, as told within the last minutes; at most 200."""

    async def fetch() -> Sequence[Workflow]:
        filters = {"project": by_id("project", identity)}
        page = await listed(api, "fwci_list_workflows", "workflows", filters, limit=MANY * _PAGES, size=MANY)
        return [wire.workflow(raw) for raw in page.items]

    return await recent(api, f"workflows of {identity}", fetch)


async def described(api: Api, identity: str) -> Workflow:
    """A workflow by its id, as told within the last minutes."""

    async def fetch() -> Workflow:
        return wire.workflow(await ask.record(api, "fwci_get_workflow", "workflow", identity), short=False)

    return await recent(api, f"workflow {identity}", fetch)
