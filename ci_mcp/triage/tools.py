"""The ``ci_`` tools, prompts and resources: over every configured provider, through the hooks alone."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated

from pydantic import Field

from ci_mcp.core.provider import Provider
from ci_mcp.core.services import Services
from ci_mcp.core.shapes import Page, Prose, Run, RunQuery
from ci_mcp.core.together import answers, settled
from ci_mcp.errors import UnsupportedError
from ci_mcp.status import Status
from ci_mcp.triage import explain as explaining
from ci_mcp.triage import prompts, resources
from ci_mcp.triage.gather import gather
from ci_mcp.triage.target import Target, find

provider = Provider("ci")

Where = Annotated[
    str, Field(max_length=2000, description="Web URL, provider:project@branch, or empty: the git checkout")
]


@provider.read(core=True)
async def explain(
    services: Services,
    target: Where = "",
    tokens: Annotated[int, Field(ge=200, le=10_000, description="Most tokens to answer with")] = 4_000,
    compare: Annotated[bool, Field(description="Say what changed since green")] = True,
) -> Prose:
    """Why a CI run failed: jobs, the log lines that say why, failing tests, last green run. One call; start here.

    Raises: what `ci_mcp.triage.target.find` raises; a provider's own errors where none could be asked.
    """
    targets = await find(services, target)
    frame = partial(explaining.frame, services)
    share = tokens // len(targets)
    results = await settled([partial(gather, services, one, share, frame, compare=compare) for one in targets])
    stories, errors = answers(results)
    return explaining.prose(services, stories, [str(error) for error in errors])


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The newest run of one branch."""

    status: Status
    provider: str
    project: str
    branch: str = ""
    word: str = ""
    title: str = ""
    commit: str = ""
    id: str
    created: datetime | None = None
    duration: float | None = None
    url: str = ""


@provider.read(core=True)
async def status(services: Services, target: Where = "") -> Page[Standing]:
    """Newest run of each branch for the checkout, project or URL, over every configured CI.

    Raises: what `ci_mcp.triage.target.find` raises; a provider's own errors where none could be asked.
    """
    targets = await find(services, target)
    found, errors = answers(await settled([partial(_standing, services, one) for one in targets]))
    note = "; ".join(str(error) for error in errors)
    return Page([row for rows in found for row in rows], note=note)


async def _standing(services: Services, target: Target) -> list[Standing]:
    api, hooks = target.api(services), services.provider(target.provider).hooks
    if target.place.run and hooks.run:
        return [_row(target.provider, await hooks.run(api, target.place.run))]
    if hooks.runs is None:
        raise UnsupportedError(f"{target.provider} has no runs to show")
    runs = await hooks.runs(api, RunQuery(project=target.place.project, branch=target.place.branch))
    newest: dict[str, Run] = {}
    for run in runs:
        newest.setdefault(run.branch, run)
    return [_row(target.provider, run) for run in newest.values()]


def _row(name: str, run: Run) -> Standing:
    return Standing(
        status=run.status,
        provider=name,
        project=run.project,
        branch=run.branch,
        word=run.word,
        title=run.title.split("\n")[0][:80],
        commit=run.commit[:10],
        id=run.id,
        created=run.created,
        duration=run.duration,
        url=run.url,
    )


@provider.read(core=True)
async def echo(_: Services, message: Annotated[str, Field(max_length=2000, description="Text to return")]) -> Prose:
    """The message, unchanged: a smoke test that the server answers."""
    return Prose(message, {"message": message})


provider.prompt(prompts.explain_failure)
provider.prompt(prompts.setup_project)
provider.resource(resources.RUN)(resources.ci_run)
provider.resource(resources.JOB)(resources.ci_job)
provider.resource(resources.LOG, "text/plain")(resources.ci_job_log)
provider.complete = resources.complete
