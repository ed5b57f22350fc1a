"""CircleCI on loopback: the cloud, a server without API v3, and the storage that their signed URLs lead to.

The first origin is the cloud; ``server`` is the same organization on an installed server, as releases of it serve
it: no API v3, no pipeline definitions, and output of steps at a URL of its own.
"""

from functools import partial

from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from ci_mcp.sandbox.app import make_app
from ci_mcp.sandbox.circleci import (
    configs,
    insights,
    jobs,
    newer,
    newer_jobs,
    older,
    pipelines,
    projects,
    storage,
    workflows,
)
from ci_mcp.sandbox.circleci.answers import Host, message, problem
from ci_mcp.sandbox.circleci.guard import Guard
from ci_mcp.sandbox.circleci.world import TOKEN, make_world
from ci_mcp.sandbox.plan import Built, Site

ORIGINS = ("api", "server", "storage")
HOST = "circleci.com"
APP = "https://app.circleci.com"
SERVER_APP = "https://circleci.example.com"

_COMMON = [
    # What has a fixed word where another route has a parameter comes first.
    route
    for part in (projects, pipelines, jobs, workflows, older, insights, configs, storage)
    for route in part.ROUTES
]
_CLOUD = [*pipelines.CLOUD_ROUTES, *newer.ROUTES, *newer_jobs.ROUTES, *configs.CLOUD_ROUTES]


def build(site: Site) -> Built:
    """The service, its world made anew; both hosts share it."""
    world, urls = make_world(site.clock), site.urls
    # Another name, too: many clients think that another port alone is still the same host, and send it the token.
    store = urls["storage"].replace("127.0.0.1", "localhost")
    hosts = {
        "api": Host(urls["api"], store, APP, cloud=True),
        "server": Host(urls["server"], store, SERVER_APP, cloud=False),
        "storage": Host(store, store, "", cloud=True),
    }
    make = partial(make_app, unknown=_unknown, broken=lambda: message(500, "Internal server error"))
    guard = [Middleware(Guard)]
    apps = {
        "api": make([*_CLOUD, *_COMMON], guard),
        "server": make([*storage.SERVER_ROUTES, *_COMMON], guard),
        "storage": make(storage.STORAGE_ROUTES),
    }
    for name, app in apps.items():
        app.state.world, app.state.host = world, hosts[name]
    env = {"CIRCLECI_TOKEN": TOKEN, "CIRCLECI_BASE_URL": urls["api"]}
    return Built(apps, TOKEN, env, HOST)


async def _unknown(request: Request, _error: HTTPException) -> Response:
    """No route, or none for that method; a host without API v3 answers the same for all of it."""
    if request.url.path.startswith("/api/v3/") and request.app.state.host.cloud:
        return problem(404, "Not Found", "The requested resource does not exist.")
    return message(404, "Not found")
