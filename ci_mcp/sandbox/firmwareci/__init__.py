"""FirmwareCI on loopback: an MCP server is all that it offers to programs.

Its documents leave open what arguments are called and whether there are sessions. So there are two: the first is
stateless and answers in JSON, the other has sessions and answers with event streams.
"""

from starlette.middleware import Middleware

from ci_mcp.sandbox.firmwareci.guard import Guard
from ci_mcp.sandbox.firmwareci.world import ORGANIZATION, TOKEN, make_world
from ci_mcp.sandbox.plan import Built, Site

ORIGINS = ("api", "sessions")
HOST = "api.firmware-ci.com"


def build(site: Site) -> Built:
    """The service, its world made anew."""
    # The SDK and its schemas take 360 ms to import: only who starts this service pays for it.
    from ci_mcp.sandbox.firmwareci import tools  # noqa: PLC0415 - the reason above
    from ci_mcp.sandbox.firmwareci.server import make_app  # noqa: PLC0415 - the reason above

    world = make_world(site.clock)
    apps = {
        "api": make_app(world, tools.STATELESS, sessions=False),
        "sessions": make_app(world, tools.SESSIONS, sessions=True),
    }
    for origin, app in apps.items():
        app.user_middleware.append(Middleware(Guard, clock=site.clock, sessions=origin == "sessions"))
    env = {
        "FWCI_TOKEN": TOKEN,
        "FIRMWARECI_MCP_URL": f"{site.urls['api']}/mcp",
        "FIRMWARECI_ORG": ORGANIZATION,
    }
    return Built(apps, TOKEN, env, HOST)
