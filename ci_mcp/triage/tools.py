"""The ``ci_`` tools, prompts and resources: over every configured provider, through the hooks alone."""

from functools import partial
from typing import Annotated, Literal

from pydantic import Field

from ci_mcp.core.provider import Provider
from ci_mcp.core.services import Services
from ci_mcp.core.shapes import Page, Prose
from ci_mcp.core.together import answers, settled
from ci_mcp.errors import CiError
from ci_mcp.triage import explain as explaining
from ci_mcp.triage import prompts, resources
from ci_mcp.triage.ended import told
from ci_mcp.triage.rerun import Rerun
from ci_mcp.triage.rerun import rerun as start_again
from ci_mcp.triage.status import Standing, standings
from ci_mcp.triage.stories import stories
from ci_mcp.triage.target import find
from ci_mcp.triage.wait import until_ended

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
    meant = await find(services, target)
    found, errors = answers(await stories(services, meant.targets, tokens, compare=compare))
    return explaining.prose(services, found, [*meant.problems, *(str(error) for error in errors)], tokens)


@provider.read(core=True)
async def status(services: Services, target: Where = "") -> Page[Standing]:
    """Newest runs for the checkout, branch, project or URL, over every configured CI: age, duration, what runs now.

    Raises: what `ci_mcp.triage.target.find` raises; a provider's own errors where none could be asked.
    """
    meant = await find(services, target)
    found, errors = answers(await settled([partial(standings, services, one) for one in meant.targets]))
    notes = [note for one in found for note in one.notes]
    said = [*notes, *meant.problems, *_told_once(errors)]
    return Page([row for one in found for row in one.rows], note="; ".join(dict.fromkeys(said)))


def _told_once(errors: list[CiError]) -> list[str]:
    """Errors in words; those that ask for the same are told together."""
    said: dict[str, list[str]] = {}
    for error in errors:
        said.setdefault(error.next_step, []).append(error.message)
    return [": ".join(filter(None, (", ".join(messages), step))) for step, messages in said.items()]


@provider.read(core=True)
async def wait(
    services: Services,
    target: Where = "",
    timeout: Annotated[int, Field(ge=0, le=86_400, description="Seconds; hosts may cut calls at 60")] = 30,  # noqa: ASYNC109 - a wait's own, told to the caller
    fail_fast: Annotated[bool, Field(description="Return at the first failure")] = False,
) -> Prose:
    """Waits until a CI run ends and says how, explaining a failure. Call again while it still runs.

    Raises: what `ci_mcp.triage.target.find` raises; a provider's own errors where none could be asked.
    """
    meant = await find(services, target)
    watches = await until_ended(services, meant.targets, timeout, fail_fast=fail_fast)
    return await told(services, watches, meant.problems, fail_fast=fail_fast)


@provider.write(core=True, starts=True)
async def rerun(
    services: Services,
    target: Where = "",
    which: Annotated[Literal["failed", "all"], Field(description="Failed jobs only, or all")] = "failed",
) -> Rerun:
    """The run that was started by running a CI run again: its failed jobs, or all of it.

    Raises: what `ci_mcp.triage.target.find` and `ci_mcp.triage.rerun.rerun` raise.
    """
    return await start_again(services, await find(services, target), failed_only=which == "failed")


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
