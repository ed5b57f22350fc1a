"""Routes for who the token is, and for projects."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ci_mcp.sandbox.circleci.answers import (
    Json,
    asked_project,
    organization_id,
    organization_slug,
    page_of,
    said,
)
from ci_mcp.sandbox.circleci.model import Project
from ci_mcp.sandbox.circleci.world import ME, NATIVE_ORGANIZATION, ORGANIZATION, PROJECTS


async def get_me(_request: Request) -> Response:
    """``GET /me``."""
    return said({"id": ME, "login": "ada", "name": "Ada", "avatar_url": None})


async def list_collaborations(_request: Request) -> Response:
    """``GET /me/collaborations``: the organizations, as a bare array."""
    avatar = "https://avatars.githubusercontent.com/u/1"
    return said([
        {"id": ORGANIZATION, "vcs_type": "github", "name": "acme", "avatar_url": avatar, "slug": "gh/acme"},
        {"id": NATIVE_ORGANIZATION, "vcs_type": "circleci", "name": "acme", "avatar_url": avatar,
         "slug": "circleci/43G3kM5RtfFE7v5sa4nWAU"},
        {"id": None, "vcs_type": "github", "name": "ada", "avatar_url": avatar, "slug": "gh/ada"},
    ])  # fmt: skip


async def get_project(request: Request) -> Response:
    """``GET /project/{slug}``."""
    project = asked_project(request)
    owner = organization_id(project)
    url = f"//circleci.com/{owner}/{project.id}" if project.native else project.url
    return said({
        "slug": project.slug,
        "name": project.name,
        "id": project.id,
        "organization_name": "acme",
        "organization_slug": organization_slug(project),
        "organization_id": owner,
        "vcs_info": {"vcs_url": url, "provider": project.provider, "default_branch": project.default},
    })  # fmt: skip


async def list_followed(request: Request) -> Response:
    """``GET /api/private/me/followed-projects``: undocumented; those of the GitHub App too."""
    found = [one for one in PROJECTS.values() if one.followed and one.visible]
    return page_of(request, found, _followed)


def _followed(project: Project) -> Json:
    return {
        "id": project.id,
        "name": project.name,
        "slug": project.slug,
        "vcs_type": {"gh": "github", "bb": "bitbucket"}.get(project.slug.partition("/")[0], "circleci"),
        "organization_id": organization_id(project),
        "organization_name": "acme",
        "default_branch": project.default,
    }


ROUTES = [
    Route("/api/v2/me", get_me),
    Route("/api/v2/me/collaborations", list_collaborations),
    Route("/api/v2/project/{vcs}/{org}/{repo}", get_project),
    Route("/api/private/me/followed-projects", list_followed),
]
