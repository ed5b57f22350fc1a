"""What a person may write for a project, pipeline, workflow or job, and the Api it belongs to.

A project is its slug (``gh/acme/web``, ``circleci/ORG/PROJECT``), a web URL, or its repository's bare name;
a pipeline its id, ``SLUG/NUMBER`` or a URL; a workflow its id or a URL; a job ``SLUG/NUMBER``, its id or a URL.
Everything is checked here, before it becomes part of a path.
"""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from ci_mcp.core.provider import Api
from ci_mcp.errors import UsageError
from ci_mcp.net.paths import quote

UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
WORKFLOW: Final = "workflow/"
"""What stands before the id of a workflow where a pipeline's could stand, too."""

_SHORT: Final = {"github": "gh", "bitbucket": "bb", "gitlab": "gl"}
_LONG: Final = {"gh": "github", "bb": "bitbucket"}
_VCS: Final = frozenset({*_SHORT, *_SHORT.values(), "circleci"})
_SEGMENT: Final = re.compile(r"[^/\\?#%\x00-\x20\x7f]{1,200}")
_NUMBER: Final = re.compile(r"[0-9]{1,12}")
_SLUG: Final = 3  # segments of a slug
_WHERE: Final = {
    "project": "circleci projects search",
    "pipeline": "circleci pipelines list",
    "workflow": "circleci pipelines describe",
    "job": "circleci jobs list",
}
_FORMS: Final = {
    "project": "its slug (gh/owner/repo), name or web URL",
    "pipeline": "its id, gh/owner/repo/NUMBER or its web URL",
    "workflow": "its id or its web URL",
    "job": "gh/owner/repo/NUMBER, its id or its web URL",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What a text or a web URL names; ids are lower case, numbers are decimal texts.

    Attributes:
        host: of a URL; empty otherwise.
        project: the slug.
        branch: of a project's page.
        pipeline: the pipeline's id.
        number: the pipeline's number within its project.
        workflow: the workflow's id.
        job: the job's number within its project.
        job_id: the job's id.
    """

    host: str = ""
    project: str = ""
    branch: str = ""
    pipeline: str = ""
    number: str = ""
    workflow: str = ""
    job: str = ""
    job_id: str = ""


def is_uuid(text: str) -> bool:
    """True for an id of CircleCI."""
    return UUID.fullmatch(text) is not None


def slug(text: str) -> str:
    """A project's slug in its short form; empty where the text is none."""
    segments = text.strip("/").split("/")
    if len(segments) != _SLUG or segments[0] not in _VCS:
        return ""
    if not all(_SEGMENT.fullmatch(one) and one.strip(".") for one in segments):
        return ""
    return "/".join([_SHORT.get(segments[0], segments[0]), *segments[1:]])


def path(named: str) -> str:
    """A slug as a part of a path: three segments, each encoded."""
    return "/".join(quote(segment) for segment in named.split("/"))


def old_path(named: str) -> str:
    """A slug as v1.1 spells it."""
    vcs, _, rest = named.partition("/")
    return path(f"{_LONG.get(vcs, vcs)}/{rest}")


def kind(named: str) -> str:
    """Which service a slug's project is built from; empty where the slug does not tell."""
    return _LONG.get(named.partition("/")[0], "")


def read_url(text: str) -> Named | None:
    """What a web URL names; ``None`` where it is no URL, or names nothing known."""
    if not text.lower().startswith(("https://", "http://")):
        return None
    try:
        split = urlsplit(text)
        host = f"{split.hostname or ''}{f':{split.port}' if split.port else ''}"
    except ValueError:
        return None
    segments = [unquote(part) for part in split.path.split("/") if part]
    branch = parse_qs(split.query).get("branch", [""])[0]
    found = _by_id(segments, host) or _by_slug(segments, host, branch)
    return found if found and found != Named(host=host) else None


def _by_id(segments: list[str], host: str) -> Named | None:
    """``/pipeline/ID``, ``/workflow/ID[/job/ID]``, ``/pipelines/workflows/ID``, ``/workflow-run/ID``."""
    if segments[:2] == ["pipelines", "workflows"]:
        segments = segments[1:]
    kind, named = [*segments, "", ""][:2]
    rest = segments[2:]
    if not is_uuid(named):
        return None
    if kind == "pipeline":
        return Named(host=host, pipeline=named.lower())
    if kind not in {"workflow", "workflows", "workflow-run"}:
        return None
    job = rest[1] if rest[:1] in (["job"], ["jobs"]) and is_uuid("".join(rest[1:2])) else ""
    return Named(host=host, workflow=named.lower(), job_id=job.lower())


def _by_slug(segments: list[str], host: str, branch: str) -> Named | None:
    before: list[str] = []
    while segments and segments[0] in {"pipelines", "projects", "project", "settings", "jobs"}:
        before.append(segments.pop(0))
    project = slug("/".join(segments[:_SLUG]))
    if not project:
        return None
    rest = segments[_SLUG:]
    if before[:1] == ["pipelines"]:
        return _in_pipelines(rest, host, project, branch)
    if before in ([], ["jobs"]):  # the pages of old: /gh/owner/repo[/NUMBER], /gh/owner/repo/tree/BRANCH
        if rest[:1] == ["tree"]:
            return Named(host=host, project=project, branch="/".join(rest[1:]))
        if rest and not _NUMBER.fullmatch(rest[0]):
            return Named(host=host, project=project)
        return Named(host=host, project=project, job=rest[0] if rest else "", branch=branch)
    return Named(host=host, project=project, branch=branch)


def _in_pipelines(rest: list[str], host: str, project: str, branch: str) -> Named:
    number, _, workflow, _, job, *_ = [*rest, "", "", "", "", ""]
    if not _NUMBER.fullmatch(number):
        known = is_uuid(number)
        return Named(host=host, project=project, branch=branch, pipeline=number.lower() if known else "")
    workflow = workflow.lower() if rest[1:2] == ["workflows"] and is_uuid(workflow) else ""
    in_job = workflow and rest[3:4] == ["jobs"]
    return Named(
        host=host,
        project=project,
        number=number,
        workflow=workflow,
        job=job if in_job and _NUMBER.fullmatch(job) else "",
        job_id=job.lower() if in_job and is_uuid(job) else "",
    )


def there(api: Api, named: Named) -> Api:
    """The Api of the host that a URL names; raises `NotFoundError` where it is not configured."""
    web = named.host.lower().partition(":")[0]
    for host in api.hosts:
        bare = host.lower().partition(":")[0]
        if web in {"", bare, f"app.{bare}"}:
            return api if not web else api.at(host)
    return api.at(named.host.removeprefix("app."))  # the host to configure, should it have to be


def read(text: str) -> Named:
    """What a text names that is no URL: an id as pipeline, workflow and job at once, a slug with or without number."""
    bare = text.removeprefix(WORKFLOW)
    if is_uuid(bare):
        known = bare.lower()
        return Named(workflow=known) if bare != text else Named(pipeline=known, workflow=known, job_id=known)
    before, _, workflow = text.partition("/workflows/")
    head, _, number = before.rpartition("/")
    project = slug(head)
    if project and _NUMBER.fullmatch(number) and (not workflow or is_uuid(workflow)):
        return Named(project=project, number=number, workflow=workflow.lower(), job="" if workflow else number)
    return Named(project=slug(text))


def find(api: Api, text: str, kind: str) -> tuple[Api, Named]:
    """The Api and what a text or URL names.

    Args:
        api: of the host that is asked where the text names none.
        text: what the person wrote.
        kind: ``pipeline``, ``workflow`` or ``job``: what it has to name.

    Raises:
        UsageError: it names none.
        NotFoundError: it belongs to a host that is not configured.
    """
    text = text.strip()
    named = (read_url(text) or Named()) if "://" in text else read(text)
    wanted = {
        "pipeline": named.pipeline or (named.project and named.number),
        "workflow": named.workflow,
        "job": named.job_id or (named.project and named.job),
    }
    if not wanted[kind]:
        raise unusable(kind, text)
    return there(api, named), named


def unusable(kind: str, text: str) -> UsageError:
    """The error for a text that does not name what it should."""
    return UsageError(f"{text[:80]!r} names no {kind}", f'give {_FORMS[kind]}; find it with "ci-mcp {_WHERE[kind]}"')


def bare_name(text: str) -> str:
    """A repository's name without its owner; empty where the text cannot be one."""
    return text if _SEGMENT.fullmatch(text) and text.strip(".") else ""
