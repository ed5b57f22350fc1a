"""Routes of agents, clusters, queues and schedules."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from ci_mcp.sandbox.buildkite.answers import (
    ORG,
    PIPELINE,
    Json,
    Refused,
    base_of,
    body_of,
    iso,
    page_of,
    pipeline_of,
    routes,
    said,
    utc,
    world_of,
)
from ci_mcp.sandbox.buildkite.model import graphql_id, make_id
from ci_mcp.sandbox.buildkite.shapes import WEB, agent, job, person, pipeline_url
from ci_mcp.sandbox.buildkite.world import CLUSTER_ID, ME, ORGANIZATION, SECOND_CLUSTER_ID, World

_HOUR = 3600
_DAY = 86_400
_CLUSTER = ORG + "/clusters/{cluster}"
_QUEUE = _CLUSTER + "/queues/{queue}"
PAUSED_NOTE = "The Macs are being updated"


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
QUEUES = {
    "default": "Everything else",
    "deploy": "May reach the servers",
    "mac": "Machines under a desk",
    "gpu": "Rented by the hour",
}
CLUSTERS = {CLUSTER_ID: ("Hosted", "Where builds run"), SECOND_CLUSTER_ID: ("Lab", "Nothing runs here")}


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


async def list_clusters(request: Request) -> Response:
    """``GET …/clusters``."""
    return page_of(request, list(CLUSTERS), lambda cluster: _cluster(request, cluster))


async def get_cluster(request: Request) -> Response:
    """``GET …/clusters/{id}``."""
    return said(_cluster(request, _cluster_of(request)))


def _cluster_of(request: Request) -> str:
    cluster: str = request.path_params["cluster"]
    if cluster not in CLUSTERS:
        raise Refused(404, "No cluster found")
    return cluster


def _cluster(request: Request, cluster: str) -> Json:
    name, description = CLUSTERS[cluster]
    world, base = world_of(request), base_of(request)
    url = f"{base}/organizations/{ORGANIZATION}/clusters/{cluster}"
    default = make_id("queue", "default") if cluster == CLUSTER_ID else None
    return {
        "id": cluster, "graphql_id": graphql_id("Cluster", cluster), "name": name, "description": description,
        "emoji": ":buildkite:", "color": "#14cc80", "default_queue_id": default,
        "default_queue_url": f"{url}/queues/{default}" if default else None, "url": url,
        "web_url": f"{WEB}/organizations/{ORGANIZATION}/clusters/{cluster}", "queues_url": f"{url}/queues",
        "maintainers": {"users": [], "teams": []}, "created_at": iso(world.clock, -300 * _DAY),
        "created_by": person(world, ME),
    }  # fmt: skip


async def list_queues(request: Request) -> Response:
    """``GET …/clusters/{id}/queues``."""
    cluster = _cluster_of(request)
    names = list(QUEUES) if cluster == CLUSTER_ID else []
    return page_of(request, names, lambda name: _queue(request, name))


async def get_queue(request: Request) -> Response:
    """``GET …/clusters/{id}/queues/{id}``."""
    return said(_queue(request, _queue_of(request)))


def _queue_of(request: Request) -> str:
    names = QUEUES if _cluster_of(request) == CLUSTER_ID else {}
    found = next((name for name in names if make_id("queue", name) == request.path_params["queue"]), None)
    if not found:
        raise Refused(404, "No queue found")
    return found


def _pauses(world: World) -> dict[str, Json]:
    """The pauses of queues by their names: that of the Macs is there from the beginning."""
    if not world.paused:
        world.paused["mac"] = {"at": -3 * _HOUR, "note": PAUSED_NOTE}
    return world.paused


def _queue(request: Request, name: str) -> Json:
    world, queue_id = world_of(request), make_id("queue", name)
    cluster = f"{base_of(request)}/organizations/{ORGANIZATION}/clusters/{CLUSTER_ID}"
    pause = _pauses(world).get(name) or {}
    return {
        "id": queue_id, "graphql_id": graphql_id("ClusterQueue", queue_id), "key": name, "description": QUEUES[name],
        "url": f"{cluster}/queues/{queue_id}", "cluster_url": cluster, "retry_agent_affinity": "prefer-warmest",
        "web_url": f"{WEB}/organizations/{ORGANIZATION}/clusters/{CLUSTER_ID}/queues/{queue_id}", "hosted": False,
        "dispatch_paused": bool(pause), "dispatch_paused_by": person(world, ME) if pause else None,
        "dispatch_paused_at": iso(world.clock, pause["at"]) if pause else None,
        "dispatch_paused_note": pause.get("note"), "created_at": iso(world.clock, -300 * _DAY),
        "created_by": person(world, ME),
    }  # fmt: skip


async def pause_dispatch(request: Request) -> Response:
    """``POST …/pause_dispatch``."""
    name, sent, world = _queue_of(request), await body_of(request), world_of(request)
    pauses = _pauses(world)
    if pauses.get(name):
        raise Refused(422, "Dispatch is already paused on this queue")
    pauses[name] = {"at": world.now(), "note": sent.get("dispatch_paused_note")}
    return said(_queue(request, name))


async def resume_dispatch(request: Request) -> Response:
    """``POST …/resume_dispatch``."""
    name, pauses = _queue_of(request), _pauses(world_of(request))
    if not pauses.get(name):
        raise Refused(422, "Dispatch is not paused on this queue")
    pauses[name] = {}
    return said(_queue(request, name))


async def list_schedules(request: Request) -> Response:
    """``GET …/schedules``: that of the night runs, that of the weeks was turned off by its failure."""
    item = pipeline_of(request)
    names = ["Nightly", "Weekly"] if item.slug == "shop" else []
    return page_of(request, names, lambda name: _schedule(request, name))


async def get_schedule(request: Request) -> Response:
    """``GET …/schedules/{id}``."""
    for name in ("Nightly", "Weekly"):
        if make_id("schedule", name) == request.path_params["schedule"] and pipeline_of(request).slug == "shop":
            return said(_schedule(request, name))
    raise Refused(404, "No schedule found")


def _schedule(request: Request, name: str) -> Json:
    item, world = pipeline_of(request), world_of(request)
    runs, schedule_id, base = name == "Nightly", make_id("schedule", name), base_of(request)
    url = pipeline_url(base, item.slug)
    return {
        "id": schedule_id, "graphql_id": graphql_id("PipelineSchedule", schedule_id),
        "url": f"{url}/schedules/{schedule_id}", "label": name, "cronline": "0 2 * * *" if runs else "@weekly",
        "message": name, "commit": "HEAD", "branch": "main", "env": {}, "enabled": runs,
        "next_build_at": iso(world.clock, 8 * _HOUR) if runs else None,
        "failed_message": None if runs else "The default branch was not found", "created_by": person(world, ME),
        "failed_at": None if runs else iso(world.clock, -9 * _DAY), "created_at": utc(world.clock, -200 * _DAY),
        "pipeline": {"id": item.id, "slug": item.slug, "url": url},
    }  # fmt: skip


ROUTES = [
    *routes("read_agents", ORG + "/agents", list_agents),
    *routes("read_agents", ORG + "/agents/{agent}", get_agent),
    *routes("read_clusters", ORG + "/clusters", list_clusters),
    *routes("read_clusters", _CLUSTER, get_cluster),
    *routes("read_clusters", _CLUSTER + "/queues", list_queues),
    *routes("read_clusters", _QUEUE, get_queue),
    *routes("write_clusters", _QUEUE + "/pause_dispatch", pause_dispatch, "POST"),
    *routes("write_clusters", _QUEUE + "/resume_dispatch", resume_dispatch, "POST"),
    *routes("read_pipelines", PIPELINE + "/schedules", list_schedules),
    *routes("read_pipelines", PIPELINE + "/schedules/{schedule}", get_schedule),
]
