"""Runs, jobs and logs of every CI by URI, and what completes these and the prompts' arguments."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field

from ci_mcp.core.provider import Tool
from ci_mcp.core.schema import check
from ci_mcp.core.services import Services
from ci_mcp.core.shapes import Prose, Run, RunQuery
from ci_mcp.errors import NotFoundError, UnsupportedError
from ci_mcp.triage.target import Target, find

Name = Annotated[str, Field(max_length=50, description="A configured CI")]
Id = Annotated[str, Field(max_length=500, description="Id, with %2F for a slash")]

RUN, JOB, LOG = "ci://{provider}/run/{id}", "ci://{provider}/job/{id}", "ci://{provider}/job/{id}/log"
_RUNS = 20  # that are offered to complete an id


async def ci_run(services: Services, provider: Name, id: Id) -> Run:  # noqa: A002 - as the template names it
    """One run of a CI with its jobs.

    Raises: NotFoundError: there is no such run, or the CI is not configured.
    """
    hook = services.provider(_served(services, provider)).hooks.run
    if hook is None:
        raise UnsupportedError(f"{provider} has no runs to read")
    return await hook(services.api(provider), id)


async def ci_job(services: Services, provider: Name, id: Id) -> Any:  # noqa: A002 - as the template names it
    """One job of a CI.

    Raises: NotFoundError: there is no such job, or the CI is not configured.
    """
    return await _by_id(services, _tool(services, provider, "describe"), provider, id)


async def ci_job_log(services: Services, provider: Name, id: Id) -> Prose:  # noqa: A002 - as the template names it
    """The end of a job's log.

    Raises: NotFoundError: there is no such job or log, or the CI is not configured.
    """
    tool = _tool(services, provider, "logs")
    found: Prose = await _by_id(services, tool, provider, id)
    return replace(found, text=f'{found.text}\nthe tool that takes these: {tool.name}(job="{id}")')


def _served(services: Services, provider: str) -> str:
    known = services.configured()
    if provider not in known:
        raise NotFoundError(f"no CI {provider!r} is configured", f"configured: {', '.join(known) or 'none'}")
    return provider


def _tool(services: Services, provider: str, verb: str) -> Tool:
    """The provider's tool that reads a job: its noun is that of the tool which reads logs."""
    tools = services.provider(_served(services, provider)).tools
    logs = next((name for name in tools if name.endswith("_logs")), "")
    found = tools.get(f"{logs.removesuffix('logs')}{verb}")
    if found is None:
        raise UnsupportedError(f"{provider} does not tell that of a job")
    return found


async def _by_id(services: Services, tool: Tool, provider: str, identity: str) -> Any:
    spec = services.catalog.tools[tool.name]
    (argument, *_) = spec.input_schema.get("required") or ["job"]
    return await tool.function(services.api(provider), **check(tool, {argument: identity}))


async def complete(services: Services, of: str, argument: str, known: Mapping[str, str]) -> Sequence[str]:
    """Values of an argument: ids of the newest runs, or of the jobs of the newest; targets and projects at hand.

    Raises: the errors of `ci_mcp.errors`.
    """
    if argument == "id":
        provider = known.get("provider", "")
        targets = (await find(services, _served(services, provider))).targets
        return await (_runs if of == RUN else _jobs)(services, targets[0])
    if argument not in {"target", "project"}:
        return []
    targets = (await find(services, "")).targets
    names = [f"{one.provider}:{one.place.project}" for one in targets]
    if argument == "project":
        return names
    return [
        f"{name}@{one.place.branch}" if one.place.branch else name for name, one in zip(names, targets, strict=True)
    ]


async def _newest(services: Services, target: Target) -> list[Run]:
    hook = services.provider(target.provider).hooks.runs
    query = RunQuery(project=target.place.project, branch=target.place.branch, limit=_RUNS)
    return await hook(target.api(services), query) if hook else []


async def _runs(services: Services, target: Target) -> list[str]:
    return [run.id for run in await _newest(services, target)]


async def _jobs(services: Services, target: Target) -> list[str]:
    runs = await _newest(services, target)
    hook = services.provider(target.provider).hooks.run
    if not runs or hook is None:
        return []
    whole = await hook(target.api(services), runs[0].id)
    return [job.id for job in sorted(whole.jobs, key=lambda job: not job.status.bad) if job.id]
