"""Routes of clusters and of their queues."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ci_mcp.sandbox.buildkite.answers import (
    ORG,
    Json,
    Refused,
    base_of,
    body_of,
    invalid,
    iso,
    page_of,
    routes,
    said,
    world_of,
)
from ci_mcp.sandbox.buildkite.model import graphql_id, make_id
from ci_mcp.sandbox.buildkite.shapes import WEB, person
from ci_mcp.sandbox.buildkite.world import ME, ORGANIZATION

_CLUSTERS = ORG + "/clusters"
_CLUSTER = _CLUSTERS + "/{cluster}"
_QUEUES = _CLUSTER + "/queues"
_QUEUE = _QUEUES + "/{queue}"
_DAY = 86_400
_CLUSTER_KEYS = {"name", "description", "emoji", "color", "default_queue_id"}
_QUEUE_KEYS = {"description", "retry_agent_affinity"}
_AFFINITIES = {"prefer-warmest", "prefer-different"}


async def list_clusters(request: Request) -> Response:
    """``GET …/clusters``."""
    return page_of(request, list(world_of(request).clusters), lambda cluster: _cluster(request, cluster))


async def get_cluster(request: Request) -> Response:
    """``GET …/clusters/{id}``."""
    return said(_cluster(request, _cluster_of(request)))


async def create_cluster(request: Request) -> Response:
    """``POST …/clusters``."""
    sent, world = await body_of(request), world_of(request)
    if not sent.get("name"):
        raise invalid(name="missing_field")
    cluster = make_id("cluster", sent["name"], len(world.clusters))
    world.clusters[cluster] = {key: sent[key] for key in _CLUSTER_KEYS & sent.keys()}
    return said(_cluster(request, cluster), 201)


async def update_cluster(request: Request) -> Response:
    """``PUT`` or ``PATCH …/clusters/{id}``."""
    cluster, sent = _cluster_of(request), await body_of(request)
    if sent.get("default_queue_id", None) not in {None, *world_of(request).queues}:
        raise invalid(default_queue_id="invalid")
    world_of(request).clusters[cluster] |= {key: sent[key] for key in _CLUSTER_KEYS & sent.keys()}
    return said(_cluster(request, cluster))


def _cluster_of(request: Request) -> str:
    cluster: str = request.path_params["cluster"]
    if cluster not in world_of(request).clusters:
        raise Refused(404, "No cluster found")
    return cluster


def _url(request: Request, cluster: str) -> str:
    return f"{base_of(request)}/organizations/{ORGANIZATION}/clusters/{cluster}"


def _web(cluster: str) -> str:
    return f"{WEB}/organizations/{ORGANIZATION}/clusters/{cluster}"


def _cluster(request: Request, cluster: str) -> Json:
    world, url = world_of(request), _url(request, cluster)
    known = dict.fromkeys(sorted(_CLUSTER_KEYS)) | world.clusters[cluster]
    default = known["default_queue_id"]
    return known | {
        "id": cluster, "graphql_id": graphql_id("Cluster", cluster), "url": url, "web_url": _web(cluster),
        "default_queue_url": f"{url}/queues/{default}" if default else None, "queues_url": f"{url}/queues",
        "maintainers": {"users": [], "teams": []}, "created_at": iso(world.clock, -300 * _DAY),
        "created_by": person(world, ME),
    }  # fmt: skip


async def list_queues(request: Request) -> Response:
    """``GET …/clusters/{id}/queues``."""
    cluster = _cluster_of(request)
    found = [name for name, queue in world_of(request).queues.items() if queue["cluster"] == cluster]
    return page_of(request, found, lambda queue: _queue(request, queue))


async def get_queue(request: Request) -> Response:
    """``GET …/clusters/{id}/queues/{id}``."""
    return said(_queue(request, _queue_of(request)[0]))


async def create_queue(request: Request) -> Response:
    """``POST …/clusters/{id}/queues``."""
    cluster, sent, world = _cluster_of(request), await body_of(request), world_of(request)
    if not sent.get("key"):
        raise invalid(key="missing_field")
    if any(queue["key"] == sent["key"] and queue["cluster"] == cluster for queue in world.queues.values()):
        raise invalid(key="already_exists")
    queue = make_id("queue", cluster, sent["key"])
    world.queues[queue] = {"cluster": cluster, "key": sent["key"], "description": sent.get("description")}
    return said(_queue(request, queue), 201)


async def update_queue(request: Request) -> Response:
    """``PUT`` or ``PATCH …/queues/{id}``."""
    (queue, known), sent = _queue_of(request), await body_of(request)
    if sent.get("retry_agent_affinity", "prefer-warmest") not in _AFFINITIES:
        raise invalid(retry_agent_affinity="invalid")
    known |= {key: sent[key] for key in _QUEUE_KEYS & sent.keys()}
    return said(_queue(request, queue))


def _queue_of(request: Request) -> tuple[str, dict[str, Any]]:
    cluster, queue = _cluster_of(request), request.path_params["queue"]
    known = world_of(request).queues.get(queue)
    if not known or known["cluster"] != cluster:
        raise Refused(404, "No queue found")
    return queue, known


def _queue(request: Request, queue: str) -> Json:
    world = world_of(request)
    known = world.queues[queue]
    cluster, paused = _url(request, known["cluster"]), known.get("paused")
    return {
        "id": queue, "graphql_id": graphql_id("ClusterQueue", queue), "key": known["key"],
        "description": known["description"], "url": f"{cluster}/queues/{queue}", "cluster_url": cluster,
        "web_url": f"{_web(known['cluster'])}/queues/{queue}", "hosted": False,
        "retry_agent_affinity": known.get("retry_agent_affinity", "prefer-warmest"),
        "dispatch_paused": paused is not None, "dispatch_paused_at": iso(world.clock, paused),
        "dispatch_paused_by": person(world, ME) if paused is not None else None,
        "dispatch_paused_note": known.get("note"), "created_at": iso(world.clock, -300 * _DAY),
        "created_by": person(world, ME),
    }  # fmt: skip


async def pause_dispatch(request: Request) -> Response:
    """``POST …/pause_dispatch``."""
    (queue, known), sent = _queue_of(request), await body_of(request)
    if known.get("paused") is not None:
        raise Refused(422, "Dispatch is already paused on this queue")
    known |= {"paused": world_of(request).now(), "note": sent.get("dispatch_paused_note")}
    return said(_queue(request, queue))


async def resume_dispatch(request: Request) -> Response:
    """``POST …/resume_dispatch``."""
    queue, known = _queue_of(request)
    if known.get("paused") is None:
        raise Refused(422, "Dispatch is not paused on this queue")
    known |= {"paused": None, "note": None}
    return said(_queue(request, queue))


_READ, _WRITE = "read_clusters", "write_clusters"
ROUTES = [
    *routes(_READ, _CLUSTERS, list_clusters),
    *routes(_WRITE, _CLUSTERS, create_cluster, "POST"),
    *routes(_READ, _CLUSTER, get_cluster),
    *routes(_WRITE, _CLUSTER, update_cluster, "PUT"),
    *routes(_WRITE, _CLUSTER, update_cluster, "PATCH"),
    *routes(_READ, _QUEUES, list_queues),
    *routes(_WRITE, _QUEUES, create_queue, "POST"),
    *routes(_READ, _QUEUE, get_queue),
    *routes(_WRITE, _QUEUE, update_queue, "PUT"),
    *routes(_WRITE, _QUEUE, update_queue, "PATCH"),
    *routes(_WRITE, _QUEUE + "/pause_dispatch", pause_dispatch, "POST"),
    *routes(_WRITE, _QUEUE + "/resume_dispatch", resume_dispatch, "POST"),
]
