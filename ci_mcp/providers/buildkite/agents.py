"""Agents, clusters and queues: where jobs run, and why one does not."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Changed, Cursor, Limit, Page
from ci_mcp.core.together import together
from ci_mcp.errors import NotFoundError, PermissionDeniedError, UsageError
from ci_mcp.net.pages import collect, walk
from ci_mcp.providers.buildkite import ids, read, wire
from ci_mcp.providers.buildkite.ids import Named
from ci_mcp.providers.buildkite.pipelines import OrganizationName, at_organization
from ci_mcp.providers.buildkite.provider import provider
from ci_mcp.providers.buildkite.records import Agent, Cluster, Queue
from ci_mcp.providers.buildkite.wire import Json, text
from ci_mcp.status import Status

_COUNTED: Final = 8  # queues whose agents are counted: one request each
_CLUSTERS: Final = 5  # clusters whose queues are listed at once
_TAGS: Final = 20
_PLENTY: Final = 3  # pages of agents
_UNCOUNTED: Final = "which agents are connected is not known: the token lacks the scope read_agents"


@provider.read()
async def agents_list(
    api: Api,
    organization: OrganizationName = "",
    name: Annotated[str, Field(max_length=200, description="Only agents of this name")] = "",
    queue: Annotated[str, Field(max_length=36, description="Only of this queue id")] = "",
    limit: Limit = 20,
    cursor: Cursor = "",
) -> Page[Agent]:
    """Connected agents with their queue, tags, pause and current job; disconnected ones are not listed.

    Route: GET /v2/organizations/{org}/agents.
    Raises: PermissionDeniedError: the token lacks read_agents.
    """
    named = await at_organization(api, organization)
    params = {"name": name, "cluster_queue_id": ids.uuid(queue, "queue") if queue else ""}
    return await collect(_agents(api, named, params, _agent, limit), cursor=cursor, limit=limit)


def _agents(api: Api, named: Named, params: dict[str, str], make: Any, limit: int) -> Any:
    path, of = f"{read.BASE}{named.path}/agents", f"agents of {named.organization}"
    return read.numbered(api, path, params, make, limit=limit, of=of, scope="read_agents")


def _agent(raw: Json) -> Agent:
    # Its addresses and the people behind it are left out.
    running = wire.part(raw, "job")
    return Agent(
        state=text(raw, "connection_state"),
        name=text(raw, "name"),
        id=text(raw, "id"),
        queue=text(raw, "queue"),
        paused=raw.get("paused") is True,
        note=text(raw, "paused_note"),
        job=text(running, "id"),
        version=text(raw, "version"),
        system="/".join(filter(None, (text(raw, "os_id"), text(raw, "arch")))),
        priority=wire.whole(raw, "priority"),
        tags=wire.texts(raw.get("meta_data"))[:_TAGS],
        connected=wire.when(raw.get("connected_at")),
        ended=wire.when(raw.get("lost_at") or raw.get("stopped_at") or raw.get("disconnected_at")),
        last_job=wire.when(raw.get("last_job_finished_at")),
    )


@provider.read()
async def agents_describe(
    api: Api,
    agent: Annotated[str, Field(min_length=1, max_length=200, description="Agent id, or name while connected")],
    organization: OrganizationName = "",
) -> Agent:
    """One agent, connected or not: its state, queue, tags, pause and current job.

    Route: GET /v2/organizations/{org}/agents/{id}; a name, which is what jobs tell, is looked for in …/agents?name=….
    Raises: NotFoundError: there is no such agent. PermissionDeniedError: the token lacks read_agents.
    """
    named = await at_organization(api, organization)
    if not ids.is_uuid(agent.strip()):
        return _agent(await _called(api, named, agent.strip()))
    known = agent.strip().lower()
    with read.explained(f"agent {known}", "read_agents"):
        raw = wire.record((await api.get(f"{read.BASE}{named.path}/agents/{known}")).json(), "agent")
    return _agent(raw)


async def _called(api: Api, named: Named, name: str) -> Json:
    """The connected agent of this name."""
    found = [raw for raw in await _connected(api, named, {"name": name}) if text(raw, "name") == name]
    if len(found) == 1:
        return found[0]
    known = f"{len(found)} agents are called" if found else "no connected agent is called"
    raise NotFoundError(f"{known} {name[:80]!r}", 'give its id: "ci-mcp buildkite agents list"')


@provider.read()
async def clusters_list(
    api: Api, organization: OrganizationName = "", limit: Limit = 20, cursor: Cursor = ""
) -> Page[Cluster]:
    """Clusters of an organization.

    Route: GET /v2/organizations/{org}/clusters.
    Raises: PermissionDeniedError: the token lacks read_clusters.
    """
    named = await at_organization(api, organization)
    return await collect(_clusters(api, named, _cluster, limit), cursor=cursor, limit=limit)


def _clusters(api: Api, named: Named, make: Any, limit: int) -> Any:
    path, of = f"{read.BASE}{named.path}/clusters", f"clusters of {named.organization}"
    return read.numbered(api, path, {}, make, limit=limit, of=of, scope="read_clusters")


def _cluster(raw: Json) -> Cluster:
    return Cluster(
        name=text(raw, "name"),
        id=text(raw, "id"),
        description=text(raw, "description"),
        default_queue=text(raw, "default_queue_id"),
        url=text(raw, "web_url"),
    )


@provider.read()
async def queues_list(
    api: Api,
    cluster: Annotated[str, Field(max_length=36, description="Cluster id; default: every cluster")] = "",
    job: Annotated[str, Field(max_length=400, description="Or: why this job waits")] = "",
    organization: OrganizationName = "",
) -> Page[Queue]:
    """Queues with their pause and connected agents; with a job, its own queue and why the job does not start.

    Route: GET /v2/organizations/{org}/clusters/{id}/queues, GET …/agents?cluster_queue_id=…, GET …/jobs/{id}.
    Raises: PermissionDeniedError: the token lacks read_clusters. NotFoundError: there is no such thing.
    """
    if job:
        return await _of_job(api, await read.placed(api, ids.job(api, job)))
    named = await at_organization(api, organization)
    clusters = [ids.uuid(cluster, "cluster")] if cluster else await _cluster_ids(api, named)
    lists = await together([partial(_queues, api, named, one) for one in clusters[:_CLUSTERS]])
    queues = [queue for some in lists for queue in some]
    counted = await together([partial(_with_agents, api, named, queue) for queue in queues[:_COUNTED]])
    left = len(clusters) - _CLUSTERS
    notes = [f"{left} more clusters: name one" if left > 0 else "", _uncounted(counted)]
    return Page([*counted, *queues[_COUNTED:]], note="; ".join(filter(None, notes)))


async def _cluster_ids(api: Api, named: Named) -> list[str]:
    found = [raw async for raw in walk(_clusters(api, named, dict, read.MOST), max_pages=1)]
    return [ids.own(raw, "cluster") for raw in found]


async def _queues(api: Api, named: Named, cluster: str) -> list[Queue]:
    path = f"{read.BASE}{named.path}/clusters/{cluster}/queues"
    fetch = read.numbered(
        api, path, {}, _queue, limit=read.MOST, of=f"queues of cluster {cluster}", scope="read_clusters"
    )
    return [replace(queue, cluster=cluster) async for queue in walk(fetch, max_pages=_PLENTY)]


def _queue(raw: Json) -> Queue:
    return Queue(
        key=text(raw, "key"),
        id=text(raw, "id"),
        paused=raw.get("dispatch_paused") is True,
        note=text(raw, "dispatch_paused_note"),
        hosted=bool(wire.part(raw, "hosted_agents")),
        description=text(raw, "description"),
        paused_since=wire.when(raw.get("dispatch_paused_at")),
    )


async def _with_agents(api: Api, named: Named, queue: Queue) -> Queue:
    """The queue with its agents counted, where the token may see any."""
    try:
        found = await _connected(api, named, {"cluster_queue_id": queue.id})
    except PermissionDeniedError:
        return queue
    return replace(queue, agents=len(found), busy=sum(bool(wire.part(one, "job")) for one in found))


def _uncounted(queues: Sequence[Queue]) -> str:
    return _UNCOUNTED if any(queue.agents is None for queue in queues) else ""


async def _connected(api: Api, named: Named, params: dict[str, str]) -> list[Json]:
    return [raw async for raw in walk(_agents(api, named, params, dict, read.MOST), max_pages=_PLENTY)]


async def _of_job(api: Api, named: Named) -> Page[Queue]:
    raw = await read.job(api, named)
    rules = wire.texts(raw.get("agent_query_rules"))
    cluster, known = text(raw, "cluster_id"), text(raw, "cluster_queue_id")
    status = wire.job_status(raw)
    if status is not Status.QUEUED:
        return Page([], note=f"the job does not wait for an agent: it is {text(raw, 'state')}")
    if not (ids.is_uuid(cluster) and ids.is_uuid(known)):
        agents = [] if _waits(raw) else await _connected(api, named, {})
        return Page([], note=_without_queue(raw, rules, agents))
    queues = [queue for queue in await _queues(api, named, cluster) if queue.id == known]
    if not queues:
        raise NotFoundError(
            f"queue {known} of the job is not in its cluster", f'see "ci-mcp buildkite queues list --cluster {cluster}"'
        )
    queue = await _with_agents(api, named, queues[0])
    agents = await _connected(api, named, {"cluster_queue_id": known}) if len(rules) > 1 and queue.agents else []
    return Page([queue], note=_why(raw, queue, rules, agents))


def _why(raw: Json, queue: Queue, rules: Sequence[str], agents: Sequence[Json]) -> str:
    if (waits := _waits(raw)) or queue.paused:
        said = f" ({queue.note})" if queue.note else ""
        return waits or f"the queue {queue.key} is paused{said}: nothing in it starts until it is resumed"
    if queue.agents is None:
        return _UNCOUNTED
    if not queue.agents and not queue.hosted:
        return f"no agent is connected to the queue {queue.key}"
    if agents and not _matching(agents, rules):
        return f"no agent of the queue {queue.key} has what the job wants: {', '.join(rules)}"
    return f"{queue.agents} agents of the queue {queue.key} are connected, {queue.busy} of them busy: it waits its turn"


def _waits(raw: Json) -> str:
    """Why a job does not even look for an agent yet."""
    return {
        "waiting": "the job waits for steps before it",
        "pending": "the job waits for steps before it",
        "limited": "the job waits for others of its concurrency group",
        "limiting": "the job waits for others of its concurrency group",
        "assigned": "an agent has the job already",
        "accepted": "an agent has the job already",
    }.get(text(raw, "state"), "")


def _without_queue(raw: Json, rules: Sequence[str], agents: Sequence[Json]) -> str:
    wants = ", ".join(rules) or "any agent"
    if waits := _waits(raw):
        return waits
    fitting = _matching(agents, rules)
    if not fitting:
        return f"none of the {len(agents)} connected agents has what the job wants: {wants}"
    idle = [one for one in fitting if not wire.part(one, "job") and one.get("paused") is not True]
    return f"{len(fitting)} connected agents have what the job wants ({wants}), {len(idle)} of them idle"


def _matching(agents: Sequence[Json], rules: Sequence[str]) -> list[Json]:
    wanted = set(rules)
    return [one for one in agents if wanted <= {*wire.texts(one.get("meta_data")), f"queue={text(one, 'queue')}"}]


@provider.write(idempotent=True)
async def queues_update(
    api: Api,
    queue: Annotated[str, Field(min_length=36, max_length=36, description="Queue id (UUID)")],
    cluster: Annotated[str, Field(min_length=36, max_length=36, description="Its cluster's id")],
    dispatch: Annotated[Literal["pause", "resume"], Field(description="Whether its jobs start")],
    note: Annotated[str, Field(max_length=500, description="Why it is paused")] = "",
    organization: OrganizationName = "",
) -> Changed:
    """Pauses a queue, so that no further job of it starts, or resumes it; running jobs go on.

    Route: POST /v2/organizations/{org}/clusters/{cluster}/queues/{id}/pause_dispatch or resume_dispatch.
    Raises: UsageError: it is so already. PermissionDeniedError: the token lacks write_clusters.
    """
    if note and dispatch == "resume":
        raise UsageError("a note says why a queue is paused", "leave note out to resume it")
    named = await at_organization(api, organization)
    path = f"{read.BASE}{named.path}/clusters/{ids.uuid(cluster, 'cluster')}/queues/{ids.uuid(queue, 'queue')}"
    with read.explained(f"queue {queue}", "write_clusters"):
        reply = await api.send(
            "POST", f"{path}/{dispatch}_dispatch", json={"dispatch_paused_note": note} if note else {}
        )
    raw = wire.record(reply.json(), "queue")
    now = "is paused" if raw.get("dispatch_paused") is True else "takes jobs"
    return Changed(id=queue, note=f"the queue {text(raw, 'key')} {now}", url=text(raw, "web_url"))
