"""Starting a pipeline: by a definition where the host has them, else the old way."""

import re
from typing import Annotated, Any, Final

from pydantic import Field

from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Branch
from ci_mcp.errors import BadAnswerError, NotFoundError, UsageError
from ci_mcp.providers.circleci import ids, read, wire
from ci_mcp.providers.circleci.projects import ProjectName
from ci_mcp.providers.circleci.provider import provider
from ci_mcp.providers.circleci.records import Started
from ci_mcp.providers.circleci.wire import Json, text

_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_WHOLE: Final = re.compile(r"-?[0-9]{1,18}")
_LONGEST: Final = 512  # characters of a value, by CircleCI's own limit
_SUPPORTED: Final = frozenset({"github_app", "github_server", "github_oauth", "bitbucket_dc", "bitbucket_oauth"})
_NOT_TRIGGERED: Final = 200


@provider.write(starts=True)
async def pipelines_run(
    api: Api,
    project: ProjectName,
    branch: Branch = "",
    tag: Annotated[str, Field(max_length=300, description="Tag, instead of a branch")] = "",
    parameters: Annotated[
        tuple[Annotated[str, Field(max_length=700)], ...],
        Field(max_length=100, description="Declared pipeline parameters as NAME=VALUE"),
    ] = (),
    definition: Annotated[str, Field(max_length=200, description="Pipeline definition, by name or id")] = "",
) -> Started:
    """Starts a pipeline on a branch or tag (default: the default branch), and returns its number and id.

    Route: POST /api/v2/project/{vcs}/{org}/{repo}/pipeline/run with a definition of
    GET /api/v2/projects/{id}/pipeline-definitions; where there are none, POST /api/v2/project/{slug}/pipeline.
    It is never sent twice.
    Raises: UsageError: CircleCI refuses it. NotFoundError: there is no such project.
    """
    if branch and tag:
        raise UsageError("a pipeline runs on a branch or on a tag", "give branch or tag, not both")
    values = typed(parameters)
    there, named = await read.slug(api, project)
    ref = {"branch": branch} if branch else {"tag": tag} if tag else {}
    chosen = await _definition(there, named, definition)
    if chosen is None:
        path, body = f"{read.V2}/project/{ids.path(named)}/pipeline", {**ref, "parameters": values}
    else:
        path = f"{read.V2}/project/{ids.path(named)}/pipeline/run"
        body = {"definition_id": chosen, "config": ref, "checkout": ref, "parameters": values}
    with read.explained(there, "project", named):
        try:
            reply = await there.send("POST", path, json={key: value for key, value in body.items() if value})
        except UsageError as error:
            raise _refusal(error) from None
    return _started(there, named, reply.status, wire.record(reply.json(), "pipeline"))


def typed(pairs: tuple[str, ...]) -> dict[str, Any]:
    """Parameters with the types that CircleCI wants: true and false, whole numbers, else text; quotes keep a text.

    Raises: UsageError: a pair is not NAME=VALUE.
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not _NAME.fullmatch(name):
            raise UsageError(
                f"{pair[:60]!r} is not NAME=VALUE", 'give each as NAME=VALUE; text that is a number as NAME="1"'
            )
        if len(value) > _LONGEST:
            raise UsageError(f"the value of {name} has more than {_LONGEST} characters", "make it shorter")
        found[name] = _value(value)
    return found


def _value(value: str) -> Any:
    if value in {"true", "false"}:
        return value == "true"
    if _WHOLE.fullmatch(value):
        return int(value)
    quoted = len(value) > 1 and value[0] == value[-1] == '"'
    return value[1:-1] if quoted else value


async def _definition(api: Api, project: str, wanted: str) -> str | None:
    """The id of the definition to run; empty where CircleCI shall choose, ``None`` where the host has none at all.

    Raises: UsageError: there is none of that name, or none that can be started this way.
    """
    known = await read.project_id(api, project)
    try:
        body = await read.get(api, f"{read.V2}/projects/{known}/pipeline-definitions", "list of definitions")
    except NotFoundError:
        if wanted:
            raise UsageError(f"{api.host} has no pipeline definitions", "leave definition out") from None
        return None
    found = wire.parts(body.get("items"))
    names = ", ".join(text(one, "name") for one in found)
    if wanted:
        chosen = [one for one in found if wanted in {text(one, "name"), text(one, "id")}]
        if not chosen:
            raise UsageError(f"project {project} has no pipeline definition {wanted!r}", f"it has {names or 'none'}")
        return text(chosen[0], "id")
    able = [one for one in found if text(wire.part(one, "config_source"), "provider") in _SUPPORTED]
    if found and not able:
        raise UsageError(f"no pipeline of project {project} can be started by the API", "start it with a push")
    return text(able[0], "id") if able else ""


def _refusal(error: UsageError) -> UsageError:
    said = error.body
    if "Unexpected argument" in said:
        step = (
            "a pipeline parameter must be declared under `parameters:` at the top of .circleci/config.yml; "
            "an environment variable cannot be given to a run: set it in a context or the project's settings"
        )
    elif "Type error" in said:
        step = 'give it the declared type: NAME=true, NAME=3, or NAME="3" for text'
    elif error.status == 400 and "not found" in said:  # noqa: PLR2004 - the HTTP status
        step = "check the branch or tag: it must have a .circleci/config.yml"
    else:
        return error
    return UsageError(error.message, step, status=error.status, body=said)


def _started(api: Api, project: str, status: int, body: Json) -> Started:
    named, number = text(body, "id"), wire.whole(body, "number")
    if status == _NOT_TRIGGERED and not named:
        raise UsageError(
            f"CircleCI started no pipeline: {wire.said(body, 'message') or 'it does not say why'}",
            "a commit that says [skip ci] is not run",
        )
    if not ids.is_uuid(named):
        raise BadAnswerError("CircleCI did not say what it started", "see circleci_pipelines_list")
    page = f"pipelines/{project}/{number}" if number is not None else f"pipeline/{named}"
    return Started(pipeline=named, number=number, note=_note(text(body, "state"), named), url=read.web(api, page))


def _note(state: str, pipeline: str) -> str:
    later = f'it is being made ({state}); see circleci_pipelines_describe(pipeline="{pipeline}")'
    return "" if state in {"", "created"} else later
