"""A configuration compiled by CircleCI, without running it."""

from typing import Annotated, Any, Final

from pydantic import Field

from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Yaml
from ci_mcp.errors import NotFoundError
from ci_mcp.providers.circleci import ids, read, wire
from ci_mcp.providers.circleci.provider import provider
from ci_mcp.providers.circleci.records import Validation
from ci_mcp.providers.circleci.wire import Json, text

_NIL: Final = "00000000-0000-0000-0000-000000000001"
_NO_OWNER: Final = "compiled without an organization: private orbs are not found then; give a project"


@provider.read()
async def configs_validate(
    api: Api,
    config: Yaml,
    project: Annotated[str, Field(max_length=500, description="Slug: its organization's private orbs count")] = "",
    branch: Annotated[str, Field(max_length=300, description="Branch to compile as")] = "main",
) -> Validation:
    """Compiles a configuration: whether it is valid, its errors, and what it becomes.

    Route: POST /api/v2/compile-config-with-defaults; where that is gone POST /api/v3/configs/compile.
    An invalid configuration is answered with 200.
    Raises: NotFoundError: there is no such project, or the host cannot compile.
    """
    there, named = await read.slug(api, project) if project else (api, "")
    owner = text(await read.project(there, named), "organization_id") if named else ""
    values = _values(named, branch)
    note = "" if owner else _NO_OWNER
    try:
        return await _older(there, config, owner, values, note)
    except NotFoundError:
        found = await _newer(there, config, owner, values, note)
        if found is None:
            raise
        return found


async def _older(api: Api, config: str, owner: str, values: Json, note: str) -> Validation:
    options = {"pipeline_values": values} | ({"owner_id": owner} if owner else {})
    body = {"config_yaml": config, "options": options}
    reply = await api.send("POST", f"{read.V2}/compile-config-with-defaults", json=body, idempotent=True)
    found = wire.record(reply.json(), "compiled configuration")
    errors = tuple(wire.said(one, "message") for one in wire.parts(found.get("errors")))
    valid = found.get("valid") is True
    return Validation(valid=valid, errors=errors, note=note, compiled=text(found, "output_yaml") if valid else "")


async def _newer(api: Api, config: str, owner: str, values: Json, note: str) -> Validation | None:
    data: dict[str, Any] = {"attributes": {"config": config, "pipeline_values": values}}
    if owner:
        data["references"] = {"org": {"id": owner}}
    found = await read.v3(api, "/configs/compile", body={"data": data})
    if found is None:
        return None
    about = wire.part(found, "data", "attributes")
    errors = tuple(wire.said(one, "title") for one in wire.parts(wire.part(found, "meta").get("messages")))
    valid = text(about, "outcome") == "succeeded"
    return Validation(valid=valid, errors=errors, note=note, compiled=text(about, "compiled_config") if valid else "")


def _values(project: str, branch: str) -> Json:
    """Values for ``<< pipeline.… >>``, made up: a configuration that uses one does not compile without."""
    vcs, _, rest = project.partition("/")
    host = {"gh": "github.com", "bb": "bitbucket.org"}.get(vcs, "")
    return {
        "pipeline.id": _NIL,
        "pipeline.number": 1,
        "pipeline.project.git_url": f"https://{host}/{rest}" if host else "",
        "pipeline.project.type": ids.kind(project),
        "pipeline.git.tag": "",
        "pipeline.git.branch": branch,
        "pipeline.git.revision": "0" * 40,
        "pipeline.git.base_revision": "0" * 40,
        "pipeline.git.branch.is_default": False,
        "pipeline.git.repo_name": rest.rpartition("/")[2],
        "pipeline.git.repo_owner": rest.partition("/")[0],
        "pipeline.trigger_source": "webhook",
        "pipeline.trigger.type": "webhook",
        "pipeline.trigger.id": _NIL,
        "pipeline.trigger_parameters.circleci.trigger_type": "github_app",
        "pipeline.trigger_parameters.circleci.event_type": "push",
        "pipeline.trigger_parameters.github_app.branch": branch,
        "pipeline.trigger_parameters.github_app.ref": f"refs/heads/{branch}",
        "pipeline.schedule.name": "",
        "pipeline.schedule.id": "",
        "pipeline.event.name": "push",
        "pipeline.event.action": "",
    }
