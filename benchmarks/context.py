"""What does all of this cost a model's context? Tokens are an estimate: characters / 4.

Three tables: the tools themselves; lists against the JSON that the service sends for them; and an explanation against
the vendor's way (list the runs, describe the newest, list its jobs, read each failed job's log). The vendor's way is
counted twice: ``dumped`` is every body as the service sends it, whole logs included (of FirmwareCI and PocketCI, the
bodies that our own tools ask for), and ``single tools`` is what our tools for the same steps answer, with the last 100
lines of each log. What the vendor's way has read is not yet why
it failed; an explanation also names tests, what changed, and who is to blame.
"""

import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx

from benchmarks import sandbox
from benchmarks.dumps import DUMPS, dumped
from benchmarks.measure import Wire, table
from ci_mcp.core.answer import compact, tokens
from ci_mcp.core.call import call
from ci_mcp.core.catalog import TRIAGE, ToolSpec, load
from ci_mcp.errors import CiError

CALLS = Path(__file__).parent.parent / "tests" / "providers"
LEAN = {"exclude_jobs", "exclude_pipeline", "shallow"}  # parameters by which our requests ask for less
FEWEST = 5  # records that make a list worth comparing
Ask = Callable[..., Awaitable[Any]]
Logs = dict[str, Any]
WHOLE: Logs = {"search": "."}
TAIL: Logs = {"tail": 100}


def seen(spec: ToolSpec) -> str:
    """A tool as a model reads it."""
    return compact({"name": spec.name, "description": spec.description, "inputSchema": spec.input_schema})


def catalog_rows() -> Iterator[list[object]]:
    """The tools of each provider with the ``ci_`` tools, and of all, in both toolsets."""
    known = load()
    choices = [(name, {TRIAGE, name}) for name in known.services]
    for name, wanted in [*choices, (f"all {len(choices)}", {TRIAGE, *known.services})]:
        for toolset in ("core", "all"):
            specs = [one for one in known.tools.values() if one.provider in wanted and (one.core or toolset == "all")]
            costs = [len(seen(spec)) / 4 for spec in specs]
            yield [f"{name}, {toolset}", len(specs), round(sum(costs)), sum(costs) / len(costs), round(max(costs))]


class Plain(Wire):
    """The network, where every request that asks for less than all is made again without that.

    Attributes:
        saved: bytes by which the plain answers are longer.
    """

    saved = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Ask plainly, then as asked."""
        plain = httpx.Request(request.method, request.url, headers=request.headers)
        for name in LEAN & set(request.url.params):
            plain.url = plain.url.copy_remove_param(name)
        if plain.url != request.url:
            plain.headers["Accept-Encoding"] = request.headers["Accept-Encoding"] = "identity"
            for asked, sign in ((plain, 1), (request, -1)):
                answer = await httpx.AsyncHTTPTransport.handle_async_request(self, asked)
                self.saved += sign * len(await answer.aread())
        return await super().handle_async_request(request)


async def list_rows(served: sandbox.Sandbox) -> list[list[object]]:
    """Each list of at least five records: our tokens, those of the bodies that it was made of, how many times less.

    The bodies are counted as the service sends them by itself, and as it sends them for our requests.
    """
    rows: list[list[object]] = []
    calls = {
        name: arguments
        for provider in served.services
        for name, arguments in json.loads((CALLS / provider / "calls.json").read_text()).items()
        if name.endswith(("_list", "_search"))
    }
    for name, arguments in calls.items():
        wire = Plain()
        with sandbox.opened(served, wire) as services:
            async with services:
                answer = await call(services, name, arguments)
        if len(answer.data.get("items", ())) >= FEWEST:
            ours, asked = tokens(answer.text), wire.received // 4
            plain = asked + wire.saved // 4
            rows.append([name, len(answer.data["items"]), ours, asked, plain, plain / ours])
    rows.sort(key=lambda row: -float(str(row[-1])))
    records, ours, asked, plain = (sum(int(str(row[at])) for row in rows) for at in (1, 2, 3, 4))
    return [*rows, ["all of them", records, ours, asked, plain, plain / ours]]


async def semaphore(ask: Ask, branch: str, logs: Logs) -> None:
    """Workflows, the newest one, its pipeline's jobs, their logs."""
    listed = await ask("semaphore_workflows_search", project="shop", branch=branch)
    workflow = await ask("semaphore_workflows_describe", workflow=listed["items"][0]["id"])
    pipeline = await ask("semaphore_pipelines_describe", pipeline=workflow["pipelines"][0]["id"])
    for job in _failed(pipeline):
        await ask("semaphore_jobs_logs", job=job, **logs)


async def circleci(ask: Ask, branch: str, logs: Logs) -> None:
    """Pipelines, the newest one, its workflows' jobs, their logs."""
    listed = await ask("circleci_pipelines_list", project="gh/acme/shop", branch=branch)
    pipeline = await ask("circleci_pipelines_describe", pipeline=listed["items"][0]["id"])
    for workflow in pipeline["workflows"]:
        described = await ask("circleci_workflows_describe", workflow=workflow["id"])
        for job in _failed(described):
            await ask("circleci_jobs_logs", job=job, **logs)


async def buildkite(ask: Ask, branch: str, logs: Logs) -> None:
    """Builds, the newest one, its jobs, their logs."""
    listed = await ask("buildkite_builds_list", pipeline="acme/shop", branch=branch)
    build = listed["items"][0]["id"]
    await ask("buildkite_builds_describe", build=build)
    for job in _failed(await ask("buildkite_jobs_list", build=build, status="problem")):
        await ask("buildkite_jobs_logs", job=job, **logs)


async def firmwareci(ask: Ask, _: str, logs: Logs) -> None:
    """Jobs of a project, the newest one, its log."""
    listed = await ask("firmwareci_jobs_list", project="shop")
    job = listed["items"][0]["id"]
    await ask("firmwareci_jobs_describe", job=job)
    await ask("firmwareci_jobs_logs", job=job, **logs)


async def pocketci(ask: Ask, _: str, logs: Logs) -> None:
    """Runs of a pipeline, the newest one, its tasks, their logs."""
    listed = await ask("pocketci_runs_list", pipeline="shop")
    run = listed["items"][0]["id"]
    await ask("pocketci_runs_describe", run=run)
    for task in _failed(await ask("pocketci_tasks_list", run=run, status="problem")):
        if "/tasks/" in task:  # a job has no log of its own
            await ask("pocketci_tasks_logs", task=task, **logs)


WAYS = {
    "semaphore": semaphore,
    "circleci": circleci,
    "buildkite": buildkite,
    "firmwareci": firmwareci,
    "pocketci": pocketci,
}


def _failed(value: Any) -> list[str]:
    """The ids of failed jobs anywhere in an answer."""
    if isinstance(value, list):
        return [job for item in value for job in _failed(item)]
    if not isinstance(value, dict):
        return []
    inside = [job for item in value.values() for job in _failed(item)]
    leaf = value.get("status") == "failed" and not inside and "id" in value
    return [str(value["id"])] if leaf else inside


async def measured(served: sandbox.Sandbox, way: Callable[[Ask], Awaitable[object]]) -> tuple[int, int, int, int]:
    """Calls, requests, our tokens, and those of the bodies, where nothing is cached."""
    calls = spent = 0
    wire = Wire()

    async def ask(name: str, **arguments: Any) -> Any:
        nonlocal calls, spent
        calls += 1
        try:
            answer = await call(services, name, arguments)
        except CiError as error:  # a job without a log; its model reads that
            spent += tokens(str(error))
            return {}
        spent += tokens(answer.text) + tokens(json.dumps(arguments)) + tokens(name)
        return answer.data

    with sandbox.opened(served, wire) as services:
        async with services:
            await way(ask)
    return calls, len(wire.spans), spent, wire.received // 4


async def explain_row(served: sandbox.Sandbox, name: str, branch: str) -> list[object]:
    """One run: the vendor's way, dumped and through single tools, against one explanation."""
    target = sandbox.target(name, branch)
    branch = branch or sandbox.branch(name)
    if name in DUMPS:
        asked, dump = await dumped(served.services[name], branch)
    else:
        _, asked, _, dump = await measured(served, lambda ask: WAYS[name](ask, branch, WHOLE))
    calls, requests, spent, _ = await measured(served, lambda ask: WAYS[name](ask, branch, TAIL))
    _, few, least, _ = await measured(served, lambda ask: ask("ci_explain", target=target))
    return [target, asked, dump, f"{calls} / {requests}", spent, f"1 / {few}", least, dump / least, spent / least]


def main() -> None:
    """Print the tables."""
    columns = ["toolset", "tools", "tokens (core: ≤ 2,500, all ≤ 7,000)", "mean (≤ 130)", "most (≤ 260)"]
    table("tools/list as the model sees it", columns, catalog_rows())
    with sandbox.started() as served:
        rows = anyio.run(list_rows, served)
        columns = ["list", "records", "ours", "sent to us", "sent plainly", "plain, times less (≥ 5)"]
        table("Lists, tokens", columns, rows)
        pairs = [(name, "") for name in WAYS if name in served.services]
        pairs += [(name, branch) for name, branch in sandbox.WIDE.items() if name in served.services]
        explained = [anyio.run(explain_row, served, name, branch) for name, branch in pairs]
    columns = ["why did it fail", "requests", "dumped", "calls / requests", "single tools"]
    columns += ["calls / requests", "ci_explain", "dumped / ours (large: ≥ 20)", "single / ours"]
    table("An explanation, tokens", columns, explained)


if __name__ == "__main__":
    main()
