"""Why did a run fail, asked as a script with curl does: at each vendor's defaults, every body as it comes.

List the runs of the branch, get the newest, its jobs, and each failed job's whole log.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from benchmarks.measure import Wire
from benchmarks.sandbox import Served


class Curl:
    """GET from one service with its token."""

    def __init__(self, served: Served, wire: Wire) -> None:
        """Send nothing yet."""
        scheme = "Token" if served.name == "semaphore" else "Bearer"
        headers = {"Authorization": f"{scheme} {served.token}"}
        self._client = httpx.AsyncClient(base_url=served.url, headers=headers, transport=wire)
        self._signed = httpx.AsyncClient(transport=wire)  # a signed URL is refused where a token comes with it

    async def get(self, path: str, **params: str) -> Any:
        """A body as JSON, or as text where it is none; one that cannot be had ends the benchmark."""
        client = self._signed if path.startswith("http") else self._client
        answer = await client.get(path, params=params or None, follow_redirects=True)
        answer.raise_for_status()
        try:
            return answer.json()
        except ValueError:
            return answer.text


async def buildkite(curl: Curl, branch: str) -> None:
    """Builds come with their jobs unless a client knows to leave them out."""
    builds = "/v2/organizations/acme/pipelines/shop/builds"
    listed = await curl.get(builds, branch=branch)
    one = f"{builds}/{listed[0]['number']}"
    for job in (await curl.get(one))["jobs"]:
        if job.get("state") == "failed":
            await curl.get(f"{one}/jobs/{job['id']}/log")


async def circleci(curl: Curl, branch: str) -> None:
    """A job's steps and where their output lies are told by the older API only."""
    listed = await curl.get("/api/v2/project/gh/acme/shop/pipeline", branch=branch)
    workflows = await curl.get(f"/api/v2/pipeline/{listed['items'][0]['id']}/workflow")
    for workflow in workflows["items"]:
        route, page, more = f"/api/v2/workflow/{workflow['id']}/job", "", True
        while more:
            jobs = await curl.get(route, **({"page-token": page} if page else {}))
            page = jobs.get("next_page_token") or ""
            more = bool(page)
            for job in jobs["items"]:
                if job["status"] == "failed":
                    await _circleci_log(curl, job["job_number"])


async def _circleci_log(curl: Curl, number: int) -> None:
    build = await curl.get(f"/api/v1.1/project/gh/acme/shop/{number}")
    for step in build["steps"]:
        for action in step["actions"]:
            if action.get("output_url"):
                await curl.get(action["output_url"])


async def semaphore(curl: Curl, branch: str) -> None:
    """Pipelines of the project's branch, the newest with its blocks and jobs, their logs."""
    base = "/api/v1alpha"
    projects = await curl.get(f"{base}/projects")
    shop = next(one for one in projects if one["metadata"]["name"] == "shop")
    listed = await curl.get(f"{base}/pipelines", project_id=shop["metadata"]["id"], branch_name=branch)
    whole = await curl.get(f"{base}/pipelines/{listed[0]['ppl_id']}", detailed="true")
    for block in whole["blocks"]:
        for job in block["jobs"]:
            if job.get("result", "").lower() == "failed":
                await curl.get(f"{base}/logs/{job['job_id']}")


DUMPS: dict[str, Callable[[Curl, str], Awaitable[None]]] = {
    "buildkite": buildkite,
    "circleci": circleci,
    "semaphore": semaphore,
}


async def dumped(served: Served, branch: str) -> tuple[int, int]:
    """Requests and tokens (characters / 4)."""
    wire = Wire()
    await DUMPS[served.name](Curl(served, wire), branch)
    await wire.aclose()
    return len(wire.spans), wire.received // 4
