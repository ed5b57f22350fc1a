"""Routes of who the token is, of the organization, and of its limits."""

from starlette.requests import Request
from starlette.responses import Response

from ci_mcp.sandbox.buildkite.answers import ORG, Json, base_of, iso, page_of, routes, said, utc, world_of
from ci_mcp.sandbox.buildkite.model import graphql_id, make_id
from ci_mcp.sandbox.buildkite.shapes import WEB, person
from ci_mcp.sandbox.buildkite.world import ME, ORGANIZATION, ORGANIZATION_ID, USERS


async def ping(request: Request) -> Response:
    """``GET /``: needs no token."""
    now = int(world_of(request).clock.unix(world_of(request).now()))
    return said({"message": "👋", "timestamp": now})


async def meta(_request: Request) -> Response:
    """``GET /v2/meta``: where webhooks come from; needs no token."""
    return said({"webhook_ips": ["192.0.2.0/24"]})


async def access_token(request: Request) -> Response:
    """``GET /v2/access-token``: any token may ask."""
    clock = world_of(request).clock
    owner = {key: USERS[ME][key] for key in ("name", "email")}
    token_id = make_id("token", *request.state.grant.scopes)
    return said({
        "uuid": token_id, "scopes": list(request.state.grant.scopes), "description": "ci-mcp", "expires_at": None,
        "created_at": utc(clock, -90 * 86_400), "user": owner,
    })  # fmt: skip


async def user(request: Request) -> Response:
    """``GET /v2/user``."""
    return said(person(world_of(request), ME))


async def list_organizations(request: Request) -> Response:
    """``GET /v2/organizations``: those that the token may see."""
    return page_of(request, [ORGANIZATION], lambda _: _organization(request))


async def get_organization(request: Request) -> Response:
    """``GET /v2/organizations/{org}``."""
    return said(_organization(request))


async def rate_limit(request: Request) -> Response:
    """``GET …/rate_limit``: of the organization only."""
    world, state = world_of(request), request.state
    now = world.now()
    bucket = request.app.state.meter.of(state.token, state.grant)["rest"]
    rest = {
        "limit": bucket.limit.requests, "current": bucket.used, "reset": bucket.reset(now),
        "reset_at": iso(world.clock, now + bucket.reset(now)), "enforced": True,
    }  # fmt: skip
    graphql = {"limit": 20_000, "current": 0, "reset": 60, "reset_at": iso(world.clock, now + 60), "enforced": True}
    return said({"scopes": {"rest": rest, "graphql": graphql}})


def _organization(request: Request) -> Json:
    url = f"{base_of(request)}/organizations/{ORGANIZATION}"
    return {
        "id": ORGANIZATION_ID, "graphql_id": graphql_id("Organization", ORGANIZATION_ID), "url": url,
        "web_url": f"{WEB}/{ORGANIZATION}", "name": "Acme Inc", "slug": ORGANIZATION,
        "pipelines_url": f"{url}/pipelines", "agents_url": f"{url}/agents", "emojis_url": f"{url}/emojis",
        "created_at": iso(world_of(request).clock, -900 * 86_400),
    }  # fmt: skip


ROUTES = [
    *routes("", "/", ping),
    *routes("", "/v2/meta", meta),
    *routes("", "/v2/access-token", access_token),
    *routes("read_user", "/v2/user", user),
    *routes("read_organizations", "/v2/organizations", list_organizations),
    *routes("read_organizations", ORG, get_organization),
    *routes("read_accounts", ORG + "/rate_limit", rate_limit),
]
