"""Routes of pipelines."""

import re

import yaml
from starlette.requests import Request
from starlette.responses import Response

from ci_mcp.sandbox.buildkite.answers import (
    ORG,
    PIPELINE,
    Json,
    Refused,
    base_of,
    body_of,
    invalid,
    page_of,
    pipeline_of,
    routes,
    said,
    world_of,
)
from ci_mcp.sandbox.buildkite.model import Pipeline, make_id
from ci_mcp.sandbox.buildkite.shapes import pipeline
from ci_mcp.sandbox.buildkite.world import CLUSTER_ID, SECOND_CLUSTER_ID

_REQUIRED = ("name", "cluster_id", "repository", "configuration")
_KEPT = {"name", "slug", "description", "repository", "default_branch", "configuration", "tags", "cluster_id"}
_CHANGEABLE = {
    "branch_configuration", "skip_queued_branch_builds", "skip_queued_branch_builds_filter", "emoji", "color",
    "cancel_running_branch_builds", "cancel_running_branch_builds_filter", "visibility", "allow_rebuilds",
    "default_command_step_timeout", "maximum_command_step_timeout",
}  # fmt: skip


async def list_pipelines(request: Request) -> Response:
    """``GET …/pipelines``: by part of a name or of a repository."""
    query = request.query_params
    wanted = {"name": query.get("name", "").lower(), "repository": query.get("repository", "").lower()}
    found = [
        item
        for item in sorted(world_of(request).pipelines.values(), key=lambda item: item.name)
        if item.visible and all(text in getattr(item, key).lower() for key, text in wanted.items())
    ]
    return page_of(request, found, lambda item: _shape(request, item))


async def get_pipeline(request: Request) -> Response:
    """``GET …/pipelines/{slug}``."""
    return said(_shape(request, pipeline_of(request)))


def _shape(request: Request, item: Pipeline) -> Json:
    writes = "write_pipelines" in request.state.grant.scopes
    return pipeline(item, world_of(request), base_of(request), writes=writes)


async def create_pipeline(request: Request) -> Response:
    """``POST …/pipelines``: from YAML, in a cluster."""
    sent, world = await body_of(request), world_of(request)
    missing = {key: "missing_field" for key in _REQUIRED if not sent.get(key)}
    if missing:
        raise invalid(**missing)
    _check(sent)
    slug = sent.get("slug") or _slug(sent["name"])
    if slug in world.pipelines:
        raise invalid(slug="already_exists")
    item = Pipeline(
        make_id("pipeline", slug), slug, sent["name"], sent.get("description") or "", sent["repository"], "github",
        sent["cluster_id"], sent.get("default_branch") or "main", tuple(sent.get("tags") or ()), sent["configuration"],
        world.now(), changes={key: sent[key] for key in _CHANGEABLE & sent.keys()},
    )  # fmt: skip
    world.pipelines[slug] = item
    return said(_shape(request, item), 201)


async def update_pipeline(request: Request) -> Response:
    """``PATCH …/pipelines/{slug}``: a new name without a slug moves all its URLs."""
    item, sent, world = pipeline_of(request), await body_of(request), world_of(request)
    if "steps" in sent and "configuration" not in sent:
        raise invalid(configuration="missing_field")
    if "configuration" in sent and not sent["configuration"]:
        raise invalid(configuration="missing_field")
    _check(sent)
    slug = sent.get("slug") or (_slug(sent["name"]) if sent.get("name") else item.slug)
    if slug != item.slug and slug in world.pipelines:
        raise invalid(slug="already_exists")
    if slug != item.slug:
        _move(request, item, slug)
    for key in _KEPT & sent.keys() - {"slug"}:
        setattr(item, "cluster" if key == "cluster_id" else key, sent[key])
    item.changes |= {key: sent[key] for key in _CHANGEABLE & sent.keys()}
    return said(_shape(request, item))


def _move(request: Request, item: Pipeline, slug: str) -> None:
    world = world_of(request)
    builds = {number: build for (owner, number), build in world.builds.items() if owner == item.slug}
    for number, build in builds.items():
        del world.builds[item.slug, number]
        world.builds[slug, number] = build
    del world.pipelines[item.slug]
    item.slug = slug
    world.pipelines[slug] = item


def _check(sent: Json) -> None:
    """Refuse a configuration that is no YAML, and a cluster that is none."""
    try:
        yaml.safe_load(sent.get("configuration") or "")
    except yaml.YAMLError as error:
        line = str(error).splitlines()[0]
        raise Refused(
            422, "Validation Failed", errors=[{"field": "configuration", "code": f"invalid: {line}"}]
        ) from None
    if sent.get("cluster_id") not in {None, CLUSTER_ID, SECOND_CLUSTER_ID}:
        raise invalid(cluster_id="invalid")


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


ROUTES = [
    *routes("read_pipelines", ORG + "/pipelines", list_pipelines),
    *routes("write_pipelines", ORG + "/pipelines", create_pipeline, "POST"),
    *routes("read_pipelines", PIPELINE, get_pipeline),
    *routes("write_pipelines", PIPELINE, update_pipeline, "PATCH"),
]
