"""The token in use: its scopes, and what works with them."""

from typing import Final

from ci_mcp.core.provider import Api, excluded
from ci_mcp.errors import CiError
from ci_mcp.providers.buildkite import hooks, read, wire
from ci_mcp.providers.buildkite.provider import provider
from ci_mcp.providers.buildkite.records import Token
from ci_mcp.providers.buildkite.wire import text

NEEDS: Final = {
    "organizations_list": "read_organizations",
    "pipelines_list": "read_pipelines",
    "pipelines_search": "read_pipelines",
    "pipelines_describe": "read_pipelines",
    "schedules_list": "read_pipelines",
    "pipelines_create": "write_pipelines",
    "pipelines_update": "write_pipelines",
    "builds_list": "read_builds",
    "builds_describe": "read_builds",
    "builds_run": "write_builds",
    "builds_rerun": "write_builds",
    "builds_cancel": "write_builds",
    "jobs_list": "read_builds",
    "jobs_describe": "read_builds",
    "jobs_logs": "read_build_logs",
    "jobs_rerun": "write_builds",
    "jobs_approve": "write_builds",
    "jobs_environment": "read_job_env",
    "artifacts_list": "read_artifacts",
    "artifacts_describe": "read_artifacts",
    "annotations_list": "read_builds",
    "annotations_create": "write_builds",
    "tests_list": "read_suites",
    "tests_describe": "read_suites",
    "suites_list": "read_suites",
    "runs_list": "read_suites",
    "agents_list": "read_agents",
    "agents_describe": "read_agents",
    "clusters_list": "read_clusters",
    "queues_list": "read_clusters",
    "queues_update": "write_clusters",
    "tokens_describe": "",
}
"""Tool → the scope that it needs."""


@provider.read()
async def tokens_describe(api: Api) -> Token:
    """The token in use: whose it is, its scopes, which tools they allow, and which scopes the others need.

    Route: GET /v2/access-token.
    Raises: AuthError: the token is not taken.
    """
    raw, remaining = await hooks.token(api)
    scopes = set(wire.texts(raw.get("scopes")))
    missing = excluded(NEEDS, scopes)
    user = wire.part(raw, "user")
    return Token(
        owner=text(user, "name") or text(user, "email"),
        description=text(raw, "description"),
        organization=await _organization(api) if "read_organizations" in scopes else "",
        scopes=tuple(sorted(scopes)),
        works=tuple(tool for tool, scope in NEEDS.items() if not scope or scope in scopes),
        missing={scope: ", ".join(tools) for scope, tools in missing.items()},
        remaining=remaining,
        created=wire.when(raw.get("created_at")),
        expires=wire.when(raw.get("expires_at")),
    )


async def _organization(api: Api) -> str:
    try:
        return await read.organization(api)
    except CiError:
        return ""
