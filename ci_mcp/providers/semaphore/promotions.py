"""Promotions of a pipeline: those that were triggered, those that could be, and triggering one.

The API lists what was triggered. What could be is written in the pipeline's own YAML, of which a workflow
keeps a copy among its artifacts where the organization has the artifacts API.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import uuid4

import yaml
from pydantic import Field

from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Cursor, Limit, Page
from ci_mcp.core.wire import text
from ci_mcp.errors import CiError, NotFoundError, UsageError
from ci_mcp.net.pages import collect
from ci_mcp.providers.semaphore import artifacts, ids, read, wire
from ci_mcp.providers.semaphore.pipelines import PipelineName
from ci_mcp.providers.semaphore.provider import provider
from ci_mcp.providers.semaphore.records import Started
from ci_mcp.providers.semaphore.wire import Json
from ci_mcp.providers.semaphore.workflows import Parameters, named_values

_PAGE: Final = 50
_TELLING: Final = frozenset({400, 404, 500})  # refusals whose reason may stand in the YAML
_INTERNAL: Final = 500
_YAML_MOST: Final = 1 << 20
_RESERVED: Final = frozenset({"pipeline_id", "name", "override", "request_token", "user_id", "switch_id"})
_UNKNOWN: Final = "only triggered promotions are known: those that could be stand in the pipeline's YAML (promotions:)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """One promotion: an event of triggering it, or one that could be triggered.

    Attributes:
        status: ``passed``, ``failed`` or ``processing`` say how *triggering* went, not the pipeline that it started;
            ``not triggered`` where there was no event.
        pipeline: the pipeline that it started.
        when: the condition on which it is triggered by itself.
        parameters: their names, with ``*`` where a value is required.
    """

    status: str
    name: str
    pipeline: str = ""
    triggered: datetime | None = None
    by: str = ""
    override: bool | None = None
    file: str = ""
    when: str = ""
    parameters: tuple[str, ...] = ()


@provider.read()
async def promotions_list(api: Api, pipeline: PipelineName, limit: Limit = 20, cursor: Cursor = "") -> Page[Promotion]:
    """Promotions of a pipeline: when and by whom they were triggered, and those that still wait.

    Route: GET /promotions?pipeline_id=…, GET /pipelines/:id; the YAML through GET /artifacts/signed_url.
    Raises: NotFoundError: there is no such pipeline, or none that the token may see.
    """
    there, named = ids.pipeline(api, pipeline)
    raw, _ = await read.pipeline(there, named)
    if not text(raw, "switch_id"):
        return Page([], note="this pipeline has no promotions")

    async def fetch(page: str) -> tuple[list[Promotion], str | None]:
        return await events(there, named, page)

    with read.explained(there, "pipeline", named):
        found = await collect(fetch, cursor=cursor, limit=limit)
    if cursor or found.next:
        return found
    declares = await of_yaml(there, raw)
    seen = {one.name for one in found.items}
    waiting = [_waiting(one) for one in declares or () if text(one, "name") not in seen]
    after = [*[None] * len(waiting), *found.after]
    return Page([*waiting, *found.items], note=_UNKNOWN if declares is None else "", after=after)


async def events(api: Api, pipeline: str, page: str = "1") -> tuple[list[Promotion], str | None]:
    """One page of the promotions that were triggered, newest first, and the number of the next page.

    Route: GET /promotions?pipeline_id=….
    """
    number = int(page) if page.isdecimal() else 1
    params = {"pipeline_id": pipeline, "page": number, "page_size": _PAGE}
    reply = await api.get(f"{read.BASE}/promotions", params)
    found = [_event(raw) for raw in wire.records(reply.json(), "promotions")]
    return found, read.next_page(reply, number)


def _event(raw: Json) -> Promotion:
    return Promotion(
        status=wire.word(raw.get("status")) or "unknown",
        name=text(raw, "name"),
        pipeline=text(raw, "scheduled_pipeline_id"),
        triggered=wire.when(raw.get("triggered_at")),
        by=text(raw, "triggered_by"),
        override=True if raw.get("override") is True else None,
    )


async def of_yaml(api: Api, pipeline: Json) -> list[Json] | None:
    """The promotions that a pipeline's YAML declares; ``None`` where the YAML is not to be had.

    Route: GET /artifacts/signed_url?scope=workflows, then the storage.
    """
    workflow, path = text(pipeline, "wf_id"), wire.yaml_path(pipeline)
    if not ids.is_uuid(workflow) or not path:
        return None
    data = bytearray()
    try:
        url = await artifacts.signed_url(api, "workflows", workflow, path)
        async with api.stream(url, foreign=True) as chunks:
            async for chunk in chunks:
                data += chunk
                if len(data) > _YAML_MOST:
                    return None
    except CiError:
        return None  # it is a nicety: what was triggered is known without it
    return declared(data.decode("utf-8", "replace"))


def declared(definition: str) -> list[Json] | None:
    """The promotions in a pipeline's YAML, as they stand there; ``None`` where it cannot be read."""
    try:
        body = yaml.safe_load(definition)
    except (yaml.YAMLError, RecursionError, ValueError):
        return None
    return [raw for raw in wire.parts(body.get("promotions")) if text(raw, "name")] if isinstance(body, dict) else None


def _parameters(raw: Json) -> list[Json]:
    found = raw.get("parameters")
    return wire.parts(found.get("env_vars")) if isinstance(found, dict) else []


def _waiting(raw: Json) -> Promotion:
    auto = raw.get("auto_promote")
    return Promotion(
        status="not triggered",
        name=text(raw, "name"),
        file=text(raw, "pipeline_file"),
        when=text(auto, "when") if isinstance(auto, dict) else "",
        parameters=tuple(text(one, "name") + ("*" if _needed(one) else "") for one in _parameters(raw)),
    )


def _needed(parameter: Json) -> bool:
    return parameter.get("required") is True and parameter.get("default_value") in (None, "")


@provider.write(starts=True)
async def promotions_run(
    api: Api,
    pipeline: PipelineName,
    promotion: Annotated[str, Field(min_length=1, max_length=300, description="Its name, as in the YAML")],
    parameters: Parameters = (),
    override: Annotated[bool, Field(description="Even though the pipeline has not passed")] = False,
) -> Started:
    """Triggers a promotion of a pipeline, such as a deployment; promotions_list then shows the pipeline it started.

    Route: POST /promotions, with a request token: sent again it triggers nothing twice.
    Raises: UsageError: Semaphore refuses it. NotFoundError: there is no such pipeline.
    """
    there, named = ids.pipeline(api, pipeline)
    values = named_values(parameters)
    if taken := _RESERVED & values.keys():
        raise UsageError(f"a promotion cannot have a parameter {min(taken)}", "it is a word of Semaphore's API")
    body: dict[str, Any] = {"pipeline_id": named, "name": promotion, "request_token": str(uuid4())}
    try:
        with read.explained(there, "pipeline", named):
            reply = await there.send(
                "POST",
                f"{read.BASE}/promotions",
                json=values | body | ({"override": True} if override else {}),
                idempotent=True,
            )
    except CiError as error:
        if error.status not in _TELLING:
            raise
        raise await _refused(there, named, promotion, values, error) from None
    said = reply.json()
    note = said if isinstance(said, str) else "It was triggered."
    return Started(note=f'{note} Which pipeline it starts is told a little later by "ci-mcp semaphore promotions list"')


async def _refused(api: Api, pipeline: str, name: str, values: Mapping[str, str], error: CiError) -> CiError:
    """The refusal in words: of a wrong name or parameter Semaphore may say no more than an internal error."""
    try:
        raw, _ = await read.pipeline(api, pipeline)
    except CiError:
        return error
    if not text(raw, "switch_id"):
        return UsageError("this pipeline has no promotions", "declare them in its YAML (promotions:)")
    known = {text(one, "name"): _parameters(one) for one in await of_yaml(api, raw) or ()}
    if not known:
        return _unexplained(error) if error.status == _INTERNAL else error
    if name not in known:
        return NotFoundError(f"this pipeline has no promotion {name[:80]!r}", f"it has: {', '.join(known)}")
    wrong = list(_wrong(known[name], values))
    return UsageError(f"{name} cannot be triggered so: {wrong[0]}", "; ".join(wrong[1:])) if wrong else error


def _unexplained(error: CiError) -> CiError:
    """An internal error that a wrong name or parameter may be the cause of, where no YAML is there to tell."""
    step = "look whether its YAML (promotions:) has it by this name, with these parameters; else try again in a minute"
    return type(error)(error.message, step, status=error.status, body=error.body)


def _wrong(declares: list[Json], values: Mapping[str, str]) -> Iterator[str]:
    names = [text(one, "name") for one in declares]
    yield from (f"it has no parameter {name[:80]}" for name in values if name not in names)
    for one in declares:
        given, options = values.get(text(one, "name"), ""), one.get("options")
        if _needed(one) and not given:
            yield f"it needs the parameter {text(one, 'name')}"
        elif given and isinstance(options, list) and options and given not in map(str, options):
            yield f"{text(one, 'name')} is one of {', '.join(map(str, options))}"
