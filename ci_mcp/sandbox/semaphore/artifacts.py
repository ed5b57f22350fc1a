"""Routes of artifacts: their list, and signed URLs to the storage that has them."""

import re
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ci_mcp.sandbox.app import Refused
from ci_mcp.sandbox.plan import Site
from ci_mcp.sandbox.semaphore.answers import parameters, said, text, token_sent, world_of
from ci_mcp.sandbox.semaphore.storage import SIGNATURE, Files, files_of, sign
from ci_mcp.sandbox.semaphore.world import NO_ARTIFACTS_TOKEN, PROJECTS, World

NOT_ENABLED = "The artifacts api feature is not enabled for your organization. Please contact support"
_SCOPES = ("projects", "workflows", "jobs")
_DECODINGS = 5
_MOST_FILES = 1000


async def list_artifacts(request: Request) -> Response:
    """``GET /artifacts``: one level of a scope."""
    _, _, path, files = await _asked(request, need_path=False)
    prefix = f"{path}/" if path else ""
    names = sorted({(name.removeprefix(prefix)).split("/")[0] for name in files if name.startswith(prefix)})
    if path and not names:
        return said("Artifact path not found", 404)
    if len(names) > _MOST_FILES:
        return said("path resolves to too many files; narrow the path", 400)
    found = []
    for name in names:
        full = prefix + name
        folder = full not in files
        item = {"name": name, "path": full, "is_directory": folder}
        found.append(item if folder else item | {"size": len(files[full]())})
    return said({"artifacts": found})


async def get_signed_url(request: Request) -> Response:
    """``GET /artifacts/signed_url``: given for objects that do not exist too."""
    method = request.query_params.get("method", "GET").upper()
    if method not in {"GET", "HEAD"}:
        return text(400, "method must be one of: GET, HEAD")
    scope, scope_id, path, _ = await _asked(request, need_path=True)
    return said({"items": [{"path": path, "url": signed_url(request, scope, scope_id, path)}]})


def signed_url(request: Request, scope: str, scope_id: str, path: str) -> str:
    """Where the storage has an object, good for twenty minutes."""
    return storage_url(request.app.state.site, scope, scope_id, path)


def storage_url(site: Site, scope: str, scope_id: str, path: str) -> str:
    """The signed URL of an object."""
    storage = site.urls["storage"]
    place = f"/acme-artifacts/artifacts/{scope}/{scope_id}/{path}"
    return f"{storage}{quote(place)}?X-Goog-Expires=1200&{SIGNATURE}={sign(place)}"


async def _asked(request: Request, *, need_path: bool) -> tuple[str, str, str, Files]:
    """What a request to the artifacts API is about.

    Raises:
        Refused: its parameters are off, the feature is off, or there is no such scope.
    """
    sent, world = await parameters(request), world_of(request)
    path = _clean_path(str(sent.get("path", "")), need_path=need_path)
    scope, scope_id = str(sent.get("scope", "")), str(sent.get("scope_id", ""))
    for wrong, message in (
        (not scope, "scope must be present"),
        (scope not in _SCOPES, "scope must be one of: projects, workflows, jobs"),
        (not scope_id, "scope_id must be present"),
        (not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", scope_id), "scope_id must be a valid UUID"),
    ):
        if wrong:
            raise Refused(text(400, message))
    if token_sent(request) == NO_ARTIFACTS_TOKEN:
        raise Refused(text(403, NOT_ENABLED))
    project = _project_of(world, scope, scope_id)
    if project is None:
        raise Refused(said("Not found", 404))
    if not PROJECTS[project].visible:
        raise Refused(text(401, "Permission denied"))
    return scope, scope_id, path, files_of(world, scope, scope_id)


def _clean_path(path: str, *, need_path: bool) -> str:
    for _ in range(_DECODINGS):
        path = unquote(path)
    path = path.strip()
    parts = [part for part in path.split("/") if part]
    if not parts and need_path:
        raise Refused(text(400, "path must be present"))
    for wrong, message in (
        (path.startswith("/"), "absolute paths are not allowed"),
        ("\\" in path, "invalid path"),
        (bool({".", ".."} & set(parts)), "path traversal is not allowed"),
    ):
        if wrong:
            raise Refused(text(400, message))
    return "/".join(parts)


def _project_of(world: World, scope: str, scope_id: str) -> str | None:
    if scope == "projects":
        return next((item.name for item in PROJECTS.values() if item.id == scope_id), None)
    if scope == "workflows":
        workflow = world.workflows.get(scope_id)
        return workflow.project.name if workflow else None
    job = world.job(scope_id)
    return job.block.pipeline.workflow.project.name if job else None


ROUTES = [
    Route("/api/v1alpha/artifacts", list_artifacts),
    Route("/api/v1alpha/artifacts/signed_url", get_signed_url),
]
