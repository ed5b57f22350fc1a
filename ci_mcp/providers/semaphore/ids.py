"""What a person may write for a project, workflow, pipeline or job, and the Api it belongs to.

Each is taken as its id, as ``organization/id``, or as a web URL; a project also by its name.
Ids are UUIDs and are checked here, before they become part of a path.
"""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from ci_mcp.core.provider import Api
from ci_mcp.errors import NotFoundError, UsageError

UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NAME: Final = re.compile(r"[^/\\?#%\x00-\x20\x7f]{1,200}")
_HANDLE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,62}")
_KINDS: Final = {"workflows": "workflow", "branches": "branch_id", "jobs": "job"}
_WHERE: Final = {
    "project": "semaphore projects list",
    "workflow": "semaphore workflows search",
    "pipeline": "semaphore pipelines list",
    "job": "semaphore jobs list",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WebUrl:
    """What a web URL of Semaphore names; ids are lower case."""

    host: str
    project: str = ""
    branch_id: str = ""
    workflow: str = ""
    pipeline: str = ""
    job: str = ""


def is_uuid(text: str) -> bool:
    """True for an id of Semaphore."""
    return UUID.fullmatch(text) is not None


def read_url(text: str) -> WebUrl | None:
    """What a web URL names; ``None`` where it is no URL, or names nothing known."""
    if not text.lower().startswith(("https://", "http://")):
        return None
    try:
        split = urlsplit(text)
        port = split.port
    except ValueError:
        return None
    host = (split.hostname or "") + (f":{port}" if port else "")
    kind, thing, *rest = [*(unquote(part) for part in split.path.split("/") if part), "", ""]
    if kind == "projects" and _NAME.fullmatch(thing):
        return WebUrl(host=host, project=thing)
    if not is_uuid(thing) or kind not in _KINDS:
        return None
    pipeline = _pipeline(rest, split.query) if kind == "workflows" else ""
    return WebUrl(host=host, pipeline=pipeline, **{_KINDS[kind]: thing.lower()})


def _pipeline(rest: list[str], query: str) -> str:
    named = rest[1] if rest[:1] == ["pipelines"] and rest[1:] else parse_qs(query).get("pipeline_id", [""])[0]
    return named.lower() if is_uuid(named) else ""


def project(api: Api, text: str) -> tuple[Api, str]:
    """The Api and the name or id of a project.

    Raises:
        UsageError: the text cannot name a project.
        NotFoundError: it belongs to an organization that is not configured.
    """
    there, named = _split(api, text.strip(), "project")
    if not _NAME.fullmatch(named) or named in {".", ".."}:
        raise _unusable("project", text)
    return there, named.lower() if is_uuid(named) else named


def workflow(api: Api, text: str) -> tuple[Api, str]:
    """The Api and the id of a workflow; raises what `project` raises."""
    return _by_id(api, text, "workflow")


def pipeline(api: Api, text: str) -> tuple[Api, str]:
    """The Api and the id of a pipeline; raises what `project` raises."""
    return _by_id(api, text, "pipeline")


def job(api: Api, text: str) -> tuple[Api, str]:
    """The Api and the id of a job; raises what `project` raises."""
    return _by_id(api, text, "job")


def _by_id(api: Api, text: str, kind: str) -> tuple[Api, str]:
    there, named = _split(api, text.strip(), kind)
    if not is_uuid(named):
        raise _unusable(kind, text)
    return there, named.lower()


def _split(api: Api, text: str, kind: str) -> tuple[Api, str]:
    if text.lower().startswith(("https://", "http://")):
        url = read_url(text)
        named = getattr(url, kind) if url else ""
        if url is None or not named:
            of = ""
            if url and url.workflow and kind == "pipeline":
                of = f" --workflow https://{url.host}/workflows/{url.workflow}"
            raise UsageError(f"that URL names no {kind}", f'find one with "ci-mcp {_WHERE[kind]}{of}"')
        return api.at(url.host), named
    handle, slash, named = text.partition("/")
    return (organization(api, handle), named) if slash else (api, text)


def organization(api: Api, name: str) -> Api:
    """The Api of a configured organization; raises `NotFoundError` for any other."""
    if _HANDLE.fullmatch(name):
        for host in api.hosts:
            if host.partition(".")[0].lower() == name.lower():
                return api.at(host)
    known = ", ".join(host.partition(".")[0] for host in api.hosts)
    raise NotFoundError(f"no organization {name[:60]!r} is configured", f"configured: {known or 'none'}")


def _unusable(kind: str, text: str) -> UsageError:
    forms = "its name, id or web URL" if kind == "project" else "its id (a UUID) or its web URL"
    return UsageError(f"{text[:80]!r} names no {kind}", f'give {forms}; find it with "ci-mcp {_WHERE[kind]}"')
