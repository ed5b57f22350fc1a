"""How many calls, requests and tokens does it take to learn why a run failed? In the sandbox, for every provider.

    python benchmarks/explain.py

The yardstick is the way a vendor's own tools are used: list the runs, describe the newest, list its jobs, read the end
of each distinct failed job's log, through this program's single tools. Against it stands one call of ``ci_explain``.
What the first way has read is not yet why it failed; the second also names tests, what changed, and who is to blame.
"""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio
import httpx

from ci_mcp.cli.sandboxed import demo_world
from ci_mcp.core.answer import tokens
from ci_mcp.core.call import call
from ci_mcp.core.catalog import find
from ci_mcp.core.services import Services, World
from ci_mcp.logs.store import Store

TAIL = 100  # lines of a log
Ask = Callable[..., Awaitable[Any]]


async def semaphore(ask: Ask, branch: str) -> None:
    """Workflows, the newest one, its pipeline's jobs, their logs."""
    listed = await ask("semaphore_workflows_search", project="shop", branch=branch)
    workflow = await ask("semaphore_workflows_describe", workflow=listed["items"][0]["id"])
    pipeline = await ask("semaphore_pipelines_describe", pipeline=workflow["pipelines"][0]["id"])
    for job in _failed(pipeline):
        await ask("semaphore_jobs_logs", job=job, tail=TAIL)


async def circleci(ask: Ask, branch: str) -> None:
    """Pipelines, the newest one, its workflows' jobs, their logs."""
    listed = await ask("circleci_pipelines_list", project="gh/acme/shop", branch=branch)
    pipeline = await ask("circleci_pipelines_describe", pipeline=listed["items"][0]["id"])
    for workflow in pipeline["workflows"]:
        described = await ask("circleci_workflows_describe", workflow=workflow["id"])
        for job in _failed(described):
            await ask("circleci_jobs_logs", job=job, tail=TAIL)


async def buildkite(ask: Ask, branch: str) -> None:
    """Builds, the newest one, its jobs, their logs."""
    listed = await ask("buildkite_builds_list", pipeline="acme/shop", branch=branch)
    build = listed["items"][0]["id"]
    await ask("buildkite_builds_describe", build=build)
    for job in _failed(await ask("buildkite_jobs_list", build=build, status="problem")):
        await ask("buildkite_jobs_logs", job=job, tail=TAIL)


async def firmwareci(ask: Ask, _: str) -> None:
    """Jobs of a project, the newest one, its log."""
    listed = await ask("firmwareci_jobs_list", project="shop")
    job = listed["items"][0]["id"]
    await ask("firmwareci_jobs_describe", job=job)
    await ask("firmwareci_jobs_logs", job=job, tail=TAIL)


async def pocketci(ask: Ask, _: str) -> None:
    """Runs of a pipeline, the newest one, its tasks, their logs."""
    listed = await ask("pocketci_runs_list", pipeline="shop")
    run = listed["items"][0]["id"]
    await ask("pocketci_runs_describe", run=run)
    for task in _failed(await ask("pocketci_tasks_list", run=run, status="problem")):
        if "/tasks/" in task:  # a job has no log of its own
            await ask("pocketci_tasks_logs", task=task, tail=TAIL)


WAYS = {
    "semaphore": semaphore,
    "circleci": circleci,
    "buildkite": buildkite,
    "firmwareci": firmwareci,
    "pocketci": pocketci,
}
WIDE = {"semaphore": "matrix", "circleci": "wide", "buildkite": "matrix"}  # runs of 200 jobs, of which 12 failed


def _failed(value: Any) -> list[str]:
    """The ids of failed jobs anywhere in an answer."""
    if isinstance(value, list):
        return [job for item in value for job in _failed(item)]
    if not isinstance(value, dict):
        return []
    inside = [job for item in value.values() for job in _failed(item)]
    leaf = value.get("status") == "failed" and not inside and "id" in value
    return [str(value["id"])] if leaf else inside


class Counted(httpx.AsyncHTTPTransport):
    """The network, with a count of the requests."""

    requests = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Count it, and ask."""
        self.requests += 1
        return await super().handle_async_request(request)


async def measured(world: World, way: Callable[[Ask], Awaitable[None]]) -> tuple[int, int, int]:
    """Calls, requests and tokens that a way takes where nothing is cached."""
    calls = spent = 0

    async def ask(name: str, **arguments: Any) -> Any:
        nonlocal calls, spent
        calls += 1
        answer = await call(services, name, arguments)
        spent += tokens(answer.text) + tokens(json.dumps(arguments)) + tokens(name)
        return answer.data

    counted = Counted()
    with TemporaryDirectory() as folder:
        async with Services(world, Store(Path(folder)), transport=counted) as services:
            await way(ask)
    return calls, counted.requests, spent


async def compare(world: World, name: str, branch: str) -> None:
    """One line of the table."""
    target = f"{name}:shop" + (f"@{branch}" if branch else "")
    calls, requests, spent = await measured(world, lambda ask: WAYS[name](ask, branch))
    _, few, least = await measured(world, lambda ask: ask("ci_explain", target=target))
    print(f"{target:26} {calls:5} {requests:9} {spent:8,}  | {1:5} {few:9} {least:7,} {spent / least:6.1f} x")


def main() -> None:
    """Print the table."""
    print(f"{'':26} {'one tool after the other':^24}  | {'ci_explain':^24}")
    print(f"{'target':26} calls  requests   tokens  | calls  requests  tokens  tokens")
    with demo_world() as (world, _):
        for name in filter(WAYS.get, world.given or {}):
            first = "main" if find(name).hooks.branches else ""
            for branch in (first, *([WIDE[name]] if name in WIDE else [])):
                anyio.run(compare, world, name, branch)


if __name__ == "__main__":
    main()
