"""Routes of what the organization runs on and deploys to: self-hosted agents and deployment targets."""

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ci_mcp.sandbox.app import Refused
from ci_mcp.sandbox.semaphore.answers import date, said, text, visible_project, world_of
from ci_mcp.sandbox.semaphore.model import Pipeline, make_id
from ci_mcp.sandbox.semaphore.world import ME, ORGANIZATION, PROJECTS, World

Json = dict[str, Any]
_AGENT_AGE = 6 * 3600
_TYPE_AGE = 90 * 24 * 3600


@dataclass(frozen=True, slots=True)
class AgentType:
    """A type of self-hosted agents, and how many of them are connected."""

    name: str
    agents: int


@dataclass(frozen=True, slots=True)
class Target:
    """Where promotions of the shop deploy to; one that is not ``active`` is cordoned."""

    name: str
    description: str
    active: bool = True

    @property
    def id(self) -> str:
        """Its id."""
        return make_id("target", self.name)

    @property
    def url(self) -> str:
        """What stands there."""
        return f"https://{self.name}.shop.example.com"


AGENT_TYPES = {one.name: one for one in (AgentType("s1-gpu", 0), AgentType("s1-warehouse", 2))}

TARGETS = {
    one.name: one
    for one in (
        Target("staging", "Where everybody looks first"),
        Target("production", "What customers see"),
        Target("preview", "Given up", active=False),
    )
}


async def list_types(request: Request) -> Response:
    """``GET /self_hosted_agent_types``."""
    return said({"agent_types": [_type(world_of(request), one) for one in AGENT_TYPES.values()]})


async def get_type(request: Request) -> Response:
    """``GET /self_hosted_agent_types/{name}``."""
    found = AGENT_TYPES.get(request.path_params["name"])
    return said(_type(world_of(request), found)) if found else said("agent type not found", 404)


async def list_agents(request: Request) -> Response:
    """``GET /agents``: of one type, or all that are connected."""
    wanted = request.query_params.get("agent_type_name", "")
    types = [one for one in AGENT_TYPES.values() if wanted in {"", one.name}]
    agents = [_agent(world_of(request), one, number) for one in types for number in range(1, one.agents + 1)]
    return said({"agents": agents, "cursor": ""})


def _type(world: World, item: AgentType) -> Json:
    made = int(world.clock.unix(-_TYPE_AGE))
    names = {"assignment_origin": "assignment_origin_agent", "release_after": 0, "aws": None}
    return {
        "metadata": {"name": item.name, "create_time": made, "update_time": made},
        "spec": {"agent_name_settings": names},
        "status": {"total_agent_count": item.agents},
    }


def _agent(world: World, item: AgentType, number: int) -> Json:
    return {
        "metadata": {
            "name": f"{item.name.removeprefix('s1-')}-{number}",
            "type": item.name,
            "connected_at": int(world.clock.unix(-_AGENT_AGE * number)),
            "version": "v2.3.1",
            "os": "Ubuntu 22.04.5 LTS",
            "arch": "x86_64",
            "hostname": f"agent-{number}",
            "ip_address": f"192.0.2.{10 + number}",
            "pid": 4000 + number,
        },
        "status": {"state": "waiting_for_job"},
    }


async def list_targets(request: Request) -> Response:
    """``GET /deployment_targets``: of a project; only the shop has any."""
    project = visible_project(request.query_params.get("project_id"))
    shown = [_target(world_of(request), one) for one in TARGETS.values() if project is PROJECTS["shop"]]
    return said(shown)


async def get_target(request: Request) -> Response:
    """``GET /deployment_targets/{id}``."""
    return said(_target(world_of(request), _asked(request)))


async def get_history(request: Request) -> Response:
    """``GET /deployment_targets/{id}/history``: what was deployed to it, newest first."""
    world, item = world_of(request), _asked(request)
    shown = [_deployment(world, item, one) for one in _deployments(world, item)]
    return said({"deployments": shown, "cursor_before": 0, "cursor_after": 0})


def _asked(request: Request) -> Target:
    found = next((one for one in TARGETS.values() if one.id == request.path_params["target_id"]), None)
    if not found:
        raise Refused(text(404, "Not found"))
    return found


def _deployments(world: World, item: Target) -> list[Pipeline]:
    now = world.clock.now()
    found = [
        trigger.pipeline
        for pipeline in list(world.pipelines.values())
        for promotion in pipeline.promotions
        for trigger in pipeline.triggers
        if promotion.target == item.name and promotion.name == trigger.name
        if trigger.pipeline and trigger.pipeline.created <= now
    ]
    return sorted(found, key=lambda one: (-one.created, one.id))


def _target(world: World, item: Target) -> Json:
    newest = next(iter(_deployments(world, item)), None)
    made = _iso(world, -_TYPE_AGE)
    return {
        "id": item.id,
        "name": item.name,
        "description": item.description,
        "url": item.url,
        "organization_id": ORGANIZATION,
        "project_id": PROJECTS["shop"].id,
        "created_by": ME,
        "created_at": made,
        "updated_by": ME,
        "updated_at": made,
        "state": "USABLE",
        "state_message": "",
        "subject_rules": [{"type": "ANY", "subject_id": ""}],
        "object_rules": [{"type": "BRANCH", "match_mode": "ALL", "pattern": ""}],
        "last_deployment": _deployment(world, item, newest) if newest else None,
        "active": item.active,
        "bookmark_parameter1": "",
        "bookmark_parameter2": "",
        "bookmark_parameter3": "",
    }


def _deployment(world: World, item: Target, pipeline: Pipeline) -> Json:
    return {
        "id": make_id("deployment", pipeline.id),
        "target_id": item.id,
        "target_name": item.name,
        "prev_pipeline_id": pipeline.promotion_of,
        "pipeline_id": pipeline.id,
        "triggered_by": ME,
        "triggered_at": _iso(world, pipeline.created),
        "state": "STARTED",
        "state_message": "",
        "switch_id": make_id("switch", pipeline.promotion_of),
        "can_requester_rerun": True,
        "env_vars": [{"name": name, "value": value} for name, value in pipeline.parameters.items()],
    }


def _iso(world: World, at: float) -> str:
    return date(world.clock, at).replace(" ", "T")


ROUTES = [
    Route("/api/v1alpha/self_hosted_agent_types", list_types),
    Route("/api/v1alpha/self_hosted_agent_types/{name}", get_type),
    Route("/api/v1alpha/agents", list_agents),
    Route("/api/v1alpha/deployment_targets", list_targets),
    Route("/api/v1alpha/deployment_targets/{target_id}", get_target),
    Route("/api/v1alpha/deployment_targets/{target_id}/history", get_history),
]
