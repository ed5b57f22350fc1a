"""Routes of agents."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from ci_mcp.sandbox.buildkite.answers import (
    ORG,
    Json,
    Refused,
    base_of,
    iso,
    page_of,
    routes,
    said,
    world_of,
)
from ci_mcp.sandbox.buildkite.model import make_id
from ci_mcp.sandbox.buildkite.shapes import agent, job, person
from ci_mcp.sandbox.buildkite.world import ME, World

_HOUR = 3600
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent; lists know only those that are connected or stopping."""

    name: str
    queue: str
    state: str = "connected"
    paused: str = ""

    @property
    def id(self) -> str:
        """Its id."""
        return make_id("agent", self.name)


AGENTS = (
    *(Agent(f"default-{number}", "default") for number in (1, 2, 3)),
    Agent("deploy-1", "deploy", paused="Waits for a new disk"),
    Agent("mac-1", "mac"),
    Agent("old-1", "default", "stopping"),
    Agent("lost-1", "default", "lost"),
    Agent("gone-1", "gpu", "disconnected"),
)


async def list_agents(request: Request) -> Response:
    """``GET …/agents``: those that are there, by name, host, version or queue."""
    query, world = request.query_params, world_of(request)
    found = [
        item
        for item in AGENTS
        if item.state in {"connected", "stopping"}
        and query.get("name", "").lower() in item.name
        and query.get("hostname", f"{item.name}.acme.example") == f"{item.name}.acme.example"
        and query.get("version", "3.104.0") == "3.104.0"
        and query.get("cluster_queue_id", make_id("queue", item.queue)) == make_id("queue", item.queue)
    ]
    return page_of(request, found, lambda item: _agent(item, world, base_of(request)))


async def get_agent(request: Request) -> Response:
    """``GET …/agents/{id}``: in any state."""
    found = next((item for item in AGENTS if item.id == request.path_params["agent"]), None)
    if not found:
        raise Refused(404, "No agent found")
    return said(_agent(found, world_of(request), base_of(request)))


def _agent(item: Agent, world: World, base: str) -> Json:
    now = world.now()
    known = agent(item.name, item.queue, world, base) | {"connection_state": item.state}
    if item.state == "lost":
        known["lost_at"] = iso(world.clock, -2 * _HOUR)
    if item.state == "disconnected":
        known["disconnected_at"] = iso(world.clock, -_DAY)
    if item.paused:
        paused = {"paused_at": iso(world.clock, -_HOUR), "paused_by": person(world, ME), "paused_note": item.paused}
        known |= paused | {"paused": True, "paused_timeout_in_minutes": 120}
    if item.name == "default-1":
        running = (one for one in world.jobs.values() if one.state(now) == "running" and one.spec.kind == "script")
        shown = next(running, None)
        known["job"] = job(shown, world, base) if shown else None
    return known


ROUTES = [
    *routes("read_agents", ORG + "/agents", list_agents),
    *routes("read_agents", ORG + "/agents/{agent}", get_agent),
]
