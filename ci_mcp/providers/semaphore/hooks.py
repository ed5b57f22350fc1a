"""The rest of what triage asks: who the token is, what a URL or a checkout names, the vendor's own file."""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import yaml

from ci_mcp.core import repository
from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Checkout, Identity, Place
from ci_mcp.core.together import together
from ci_mcp.core.wire import text
from ci_mcp.errors import NotFoundError
from ci_mcp.providers.semaphore import ids, jobs, read
from ci_mcp.providers.semaphore.projects import repository_of
from ci_mcp.providers.semaphore.wire import Json

_BRANCH_PROJECTS: Final = 30  # projects whose runs are looked through for a branch's id


async def identity(api: Api) -> Identity:
    """The cheapest authorised read: Semaphore has no call that tells whose a token is.

    Route: GET /projects.
    """
    projects, more = await read.projects_page(api, "1")
    count = f"{len(projects)}{' or more' if more else ''} project{'' if len(projects) == 1 else 's'} at {api.host}"
    return Identity(name="accepted", note=f"{count}; Semaphore does not say whose token it is")


async def locate(api: Api, url: str) -> Place | None:
    """What a web URL of Semaphore names; a job costs one request, a branch one for each project.

    Raises: NotFoundError: the job or branch cannot be found.
    """
    named = ids.read_url(url)
    if named is None:
        return None
    there = api.at(named.host)
    if named.job:
        return await _of_job(there, named.job)
    if named.branch_id:
        return await _of_branch(there, named.branch_id)
    return Place(host=there.host, project=named.project, run=_run(there, named.workflow, named.pipeline))


def _run(api: Api, workflow: str, pipeline: str) -> str:
    # As the page of one pipeline, which the `run` hook reads side by side with the run's list of pipelines.
    return read.web(api, f"workflows/{workflow}?pipeline_id={pipeline}") if pipeline else workflow


async def _of_job(api: Api, job: str) -> Place:
    with read.explained(api, "job", job):
        around = await jobs.trouble(api, job, strict=True)
    workflow = text(jobs.part(around, "workflow"), "wf_id")
    if not workflow:
        raise NotFoundError(
            f"job {job} belongs to no block of a pipeline (a debug or after-pipeline job)",
            f'read its log: "ci-mcp semaphore jobs logs --job {job}"',
        )
    project = text(jobs.part(around, "project"), "id")
    run = _run(api, workflow, text(jobs.part(around, "pipeline"), "ppl_id"))
    return Place(host=api.host, project=read.project_name(api, project), run=run, job=job)


async def _of_branch(api: Api, branch: str) -> Place:
    projects = [text(read.metadata(found), "id") for found in await read.all_projects(api, most_pages=1)]
    looks = [partial(_branch_in, api, project, branch) for project in projects[:_BRANCH_PROJECTS] if project]
    found = next((place for place in await together(looks) if place), None)
    if found is None:
        raise NotFoundError(
            f"no recent run of branch {branch} was found at {api.host}",
            'name it: "semaphore:PROJECT@BRANCH"',
        )
    return found


async def _branch_in(api: Api, project: str, branch: str) -> Place | None:
    found, _ = await read.pipelines_page(api, {"project_id": project, "page_size": read.MOST}, "1")
    name = next((text(raw, "branch_name") for raw in found if text(raw, "branch_id") == branch), "")
    return Place(host=api.host, project=read.project_name(api, project), branch=name) if name else None


async def discover(api: Api, checkout: Checkout) -> list[Place]:
    """The projects that build a checkout: those of its remotes' repositories.

    Where none is, and the checkout has a ``.semaphore`` folder, those of repositories with the same
    name: a fork's remote is not the one that Semaphore builds.
    Route: GET /projects.
    """
    remotes = {normal for remote in checkout.remotes if (normal := repository.normal(remote))}
    if not remotes:
        return []
    projects = await read.all_projects(api)
    found = [p for p in projects if repository.normal(_url(p)) in remotes]
    if not found and (Path(checkout.root) / ".semaphore").is_dir():
        names = {repository.name(remote) for remote in checkout.remotes} - {""}
        found = [p for p in projects if repository.name(_url(p)) in names]
    return [Place(host=api.host, project=text(read.metadata(p), "name")) for p in found]


def _url(project: Json) -> str:
    return text(repository_of(project), "url")


def tokens(file: str) -> Mapping[str, str]:
    """Host → token, from the text of ``~/.sem.yaml``; the active context first."""
    try:
        body = yaml.safe_load(file)
    except yaml.YAMLError:
        return {}
    return dict(_contexts(body)) if isinstance(body, dict) else {}


def _contexts(body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    contexts = body.get("contexts")
    named = contexts if isinstance(contexts, dict) else {}
    for name in sorted(named, key=lambda name: name != body.get("active-context")):
        context = named[name]
        if isinstance(context, dict) and isinstance(context.get("auth"), dict):
            host, token = context.get("host"), context["auth"].get("token")
            if isinstance(host, str) and isinstance(token, str) and host and token:
                yield host, token
