"""Organizations, pipelines and their schedules."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import Field

from ci_mcp.auth.redact import redact
from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Cursor, Limit, Page, Yaml
from ci_mcp.errors import UsageError
from ci_mcp.net.pages import collect
from ci_mcp.providers.buildkite import ids, read, wire
from ci_mcp.providers.buildkite.builds import PipelineName
from ci_mcp.providers.buildkite.ids import Named
from ci_mcp.providers.buildkite.provider import provider
from ci_mcp.providers.buildkite.records import Organization, Pipeline, PipelineDetails, Schedule
from ci_mcp.providers.buildkite.wire import Json, text

OrganizationName = Annotated[str, Field(max_length=100, description="Organization slug; default: the token's")]
_DESCRIPTION: Final = 300  # characters of a description in a list
_STEPS: Final = 100


@provider.read()
async def organizations_list(api: Api, limit: Limit = 20, cursor: Cursor = "") -> Page[Organization]:
    """The organizations that the token is for, with their slugs.

    Route: GET /v2/organizations.
    Raises: PermissionDeniedError: the token lacks read_organizations.
    """
    fetch = read.numbered(
        api,
        f"{read.BASE}/organizations",
        {},
        _organization,
        limit=limit,
        of="organizations",
        scope="read_organizations",
    )
    return await collect(fetch, cursor=cursor, limit=limit)


def _organization(raw: Json) -> Organization:
    return Organization(
        name=text(raw, "name"),
        slug=text(raw, "slug"),
        id=text(raw, "id"),
        created=wire.when(raw.get("created_at")),
        url=text(raw, "web_url"),
    )


async def at_organization(api: Api, organization: str) -> Named:
    """The organization that was named, else the token's."""
    return await read.placed(api, Named(organization=ids.slug(organization, "organization") if organization else ""))


@provider.read()
async def pipelines_list(
    api: Api, organization: OrganizationName = "", limit: Limit = 20, cursor: Cursor = ""
) -> Page[Pipeline]:
    """Pipelines of an organization: their ids, repositories and how many builds run.

    Route: GET /v2/organizations/{org}/pipelines.
    Raises: NotFoundError: there is no such organization, or none that the token may see.
    """
    named = await at_organization(api, organization)
    return await collect(_pages(api, named, {}, limit), cursor=cursor, limit=limit)


@provider.read()
async def pipelines_search(
    api: Api,
    name: Annotated[str, Field(max_length=200, description="Part of the name, any case")] = "",
    repository: Annotated[str, Field(max_length=300, description="Part of the repository URL")] = "",
    organization: OrganizationName = "",
    limit: Limit = 20,
    cursor: Cursor = "",
) -> Page[Pipeline]:
    """Pipelines whose name or repository holds the text given.

    Route: GET /v2/organizations/{org}/pipelines?name=…&repository=….
    Raises: UsageError: neither name nor repository is given.
    """
    if not (name or repository):
        raise UsageError("nothing to search for", "give name or repository")
    named = await at_organization(api, organization)
    return await collect(
        _pages(api, named, {"name": name, "repository": repository}, limit), cursor=cursor, limit=limit
    )


def _pages(api: Api, named: Named, params: Mapping[str, Any], limit: int) -> Any:
    of, path = f"pipelines of {named.organization}", f"{read.BASE}{named.path}/pipelines"
    return read.numbered(api, path, params, lambda raw: _short(raw, named), limit=limit, of=of, scope="read_pipelines")


def _short(raw: Json, around: Named) -> Pipeline:
    return Pipeline(
        name=text(raw, "name"),
        id=f"{around.organization}/{text(raw, 'slug')}",
        repository=redact(text(raw, "repository")),
        description=text(raw, "description")[:_DESCRIPTION],
        default_branch=text(raw, "default_branch"),
        running_builds=wire.whole(raw, "running_builds_count"),
        scheduled_builds=wire.whole(raw, "scheduled_builds_count"),
        archived=bool(raw.get("archived_at")),
        url=text(raw, "web_url"),
    )


@provider.read()
async def pipelines_describe(api: Api, pipeline: PipelineName) -> PipelineDetails:
    """One pipeline: repository, branches, what runs now, its steps and its YAML; variables by name only.

    Route: GET /v2/organizations/{org}/pipelines/{pipeline}.
    Raises: NotFoundError: there is no such pipeline, or none that the token may see.
    """
    named = await read.placed(api, ids.pipeline(api, pipeline))
    with read.explained(f"pipeline {named.project}", "read_pipelines"):
        raw = wire.record((await api.get(read.BASE + named.path)).json(), "pipeline")
    return details(raw, named)


def details(raw: Json, around: Named, note: str = "") -> PipelineDetails:
    """A pipeline without what can start its builds (its webhook's URL) and without values of variables."""
    slug = text(raw, "slug") or around.pipeline
    return PipelineDetails(
        name=text(raw, "name"),
        id=f"{around.organization}/{slug}",
        repository=redact(text(raw, "repository")),
        provider=text(wire.part(raw, "provider"), "id"),
        description=text(raw, "description"),
        default_branch=text(raw, "default_branch"),
        branches=text(raw, "branch_configuration"),
        visibility=text(raw, "visibility"),
        cluster=text(raw, "cluster_id"),
        tags=wire.texts(raw.get("tags")),
        rebuilds_allowed=_truth(raw, "allow_rebuilds"),
        skip_queued=_truth(raw, "skip_queued_branch_builds"),
        cancel_running=_truth(raw, "cancel_running_branch_builds"),
        running_builds=wire.whole(raw, "running_builds_count"),
        scheduled_builds=wire.whole(raw, "scheduled_builds_count"),
        running_jobs=wire.whole(raw, "running_jobs_count"),
        waiting_jobs=wire.whole(raw, "waiting_jobs_count"),
        environment=tuple(str(name) for name in wire.part(raw, "env")),
        steps=tuple(_step(step) for step in wire.parts(raw.get("steps"))[:_STEPS]),
        archived=wire.when(raw.get("archived_at")),
        created=wire.when(raw.get("created_at")),
        url=text(raw, "web_url") or read.build_web(Named(organization=around.organization, pipeline=slug)),
        note=note,
        configuration=redact(text(raw, "configuration")),
    )


def _truth(raw: Json, key: str) -> bool | None:
    value = raw.get(key)
    return value if isinstance(value, bool) else None


def _step(raw: Json) -> str:
    name = text(raw, "name") or text(raw, "label") or text(raw, "command").partition("\n")[0]
    kind = text(raw, "type")
    return redact(f"{kind}: {name}" if kind and name else kind or name)[:200]


@provider.read()
async def schedules_list(api: Api, pipeline: PipelineName, limit: Limit = 20, cursor: Cursor = "") -> Page[Schedule]:
    """Schedules of a pipeline: when they run next, on which branch, and why one failed.

    Route: GET /v2/organizations/{org}/pipelines/{pipeline}/schedules.
    Raises: NotFoundError: there is no such pipeline, or none that the token may see.
    """
    named = await read.placed(api, ids.pipeline(api, pipeline))
    of, path = f"schedules of {named.project}", f"{read.BASE}{named.path}/schedules"
    fetch = read.numbered(api, path, {}, _schedule, limit=limit, of=of, scope="read_pipelines")
    return await collect(fetch, cursor=cursor, limit=limit)


def _schedule(raw: Json) -> Schedule:
    return Schedule(
        label=text(raw, "label"),
        id=text(raw, "id"),
        cron=text(raw, "cronline"),
        branch=text(raw, "branch"),
        commit=text(raw, "commit"),
        enabled=raw.get("enabled") is not False,
        next=wire.when(raw.get("next_build_at")),
        failed=wire.when(raw.get("failed_at")),
        failure=text(raw, "failed_message"),
    )


Visibility = Annotated[Literal["", "private", "public"], Field(description="Who may see it")]


@provider.write()
async def pipelines_create(
    api: Api,
    name: Annotated[str, Field(min_length=1, max_length=200, description="Its name; the slug follows")],
    repository: Annotated[str, Field(min_length=1, max_length=500, description="Repository URL")],
    cluster: Annotated[str, Field(min_length=1, max_length=40, description="Cluster id (UUID)")],
    configuration: Yaml,
    organization: OrganizationName = "",
    description: Annotated[str, Field(max_length=1000, description="What it is for")] = "",
    default_branch: Annotated[str, Field(max_length=300, description="Default branch")] = "",
    visibility: Visibility = "",
) -> PipelineDetails:
    """Creates a pipeline from its YAML, and returns it.

    Route: POST /v2/organizations/{org}/pipelines. It is never sent twice.
    Raises: UsageError: the YAML is none, or the name is taken. PermissionDeniedError: the token lacks write_pipelines.
    """
    named = await at_organization(api, organization)
    body = {
        "name": name,
        "repository": repository,
        "cluster_id": ids.uuid(cluster, "cluster"),
        "configuration": _checked(configuration),
        "description": description,
        "default_branch": default_branch,
        "visibility": visibility,
    }
    with read.explained(f"pipelines of {named.organization}", "write_pipelines"):
        reply = await api.send(
            "POST", f"{read.BASE}{named.path}/pipelines", json={key: value for key, value in body.items() if value}
        )
    return details(wire.record(reply.json(), "pipeline"), named)


def _checked(configuration: str) -> str:
    """YAML that can be a pipeline's; raises `UsageError` for anything else."""
    try:
        found = yaml.safe_load(configuration)
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f" at line {where.line + 1}" if where else ""
        raise UsageError(f"the configuration is not YAML{line}", "correct that line") from None
    if not isinstance(found, (dict, list)) or not found:
        raise UsageError("the configuration has no steps", "give it as YAML that begins with steps:")
    return configuration


@provider.write(idempotent=True)
async def pipelines_update(
    api: Api,
    pipeline: PipelineName,
    name: Annotated[str, Field(max_length=200, description="New name; the slug is kept")] = "",
    configuration: Yaml = "",
    repository: Annotated[str, Field(max_length=500, description="Repository URL")] = "",
    description: Annotated[str, Field(max_length=1000, description="What it is for")] = "",
    default_branch: Annotated[str, Field(max_length=300, description="Default branch")] = "",
    visibility: Visibility = "",
) -> PipelineDetails:
    """Changes what is given of a pipeline, leaves the rest, and returns it; its URL stays.

    Route: PATCH /v2/organizations/{org}/pipelines/{pipeline}.
    Raises: UsageError: nothing to change, or the YAML is none. NotFoundError: there is no such pipeline.
    """
    named = await read.placed(api, ids.pipeline(api, pipeline))
    body = {
        "name": name,
        "configuration": _checked(configuration) if configuration else "",
        "repository": repository,
        "description": description,
        "default_branch": default_branch,
        "visibility": visibility,
    }
    changes = {key: value for key, value in body.items() if value}
    if not changes:
        raise UsageError("nothing to change", f"give {', '.join(list(body)[:-1])} or {list(body)[-1]}")
    if name:
        changes["slug"] = named.pipeline  # a new name alone would move every URL
    with read.explained(f"pipeline {named.project}", "write_pipelines"):
        reply = await api.send("PATCH", read.BASE + named.path, json=changes, idempotent=True)
    return details(wire.record(reply.json(), "pipeline"), named)
