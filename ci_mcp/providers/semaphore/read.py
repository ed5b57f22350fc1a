"""The reads that several tools share: one call each, checked, with a 404 put into words."""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

from ci_mcp.core.provider import Api, Reply
from ci_mcp.core.wire import text
from ci_mcp.errors import (
    AuthError,
    BadAnswerError,
    CiError,
    NotFoundError,
    PermissionDeniedError,
    UnsupportedError,
    UsageError,
)
from ci_mcp.net.pages import link_next, number_next, walk
from ci_mcp.net.paths import quote
from ci_mcp.providers.semaphore import ids, reasons, wire
from ci_mcp.providers.semaphore.wire import Json

BASE: Final = "/api/v1alpha"
MOST: Final = 100  # a page of the Elixir API: no maximum in its code, its clients stay at 100
_CHECKED: Final = frozenset({"wf_id", "project_id"})  # what was asked for is what is answered
_REMEMBERED: Final = 600.0  # seconds that a project's name stands for its id without asking again
_FAILED: Final = 500  # workflows whose failed pipelines are known

_ids: dict[tuple[str, str], tuple[float, str]] = {}
_called: dict[tuple[str, str], str] = {}
_bad: dict[tuple[str, str], tuple[str, ...]] = {}


@contextmanager
def explained(api: Api, kind: str, named: str) -> Iterator[None]:
    """Say what a refusal of Semaphore means: its 404 stands for four things, its 401 for two.

    Raises:
        NotFoundError: there is no such thing, or none that the token may see.
        PermissionDeniedError: the address or the token is not allowed.
        UsageError: it is refused; where Semaphore's words are known, with what they ask for.
    """
    try:
        yield
    except NotFoundError as error:
        raise _not_found(api, kind, named, error) from None
    except AuthError as error:
        raise _unauthorized(api, kind, named, error) from None
    except UsageError as error:
        step = reasons.advice(error.body)
        if not step or isinstance(error, UnsupportedError):
            raise
        raise UsageError(error.message, step, status=error.status, body=error.body) from None


def _not_found(api: Api, kind: str, named: str, error: NotFoundError) -> CiError:
    if "current IP address" in error.body:
        return PermissionDeniedError(
            f"{api.host} does not answer to this machine's IP address",
            "ask its administrator to allow the address, or come from one that is allowed",
            status=error.status,
        )
    home = "organization" if kind == "organization" else "project"
    return NotFoundError(
        f"no {kind} {named} at {api.host}, or none that this token may see",
        f"check it, and that the token's owner is a member of its {home}"
        if kind != home
        else f"check its name, and that the token's owner is a member of that {home}",
        status=error.status,
        body=error.body,
    )


def _unauthorized(api: Api, kind: str, named: str, error: AuthError) -> CiError:
    if error.status is None:  # Semaphore was not asked: there is no token, or none that can be sent
        return error
    if not_allowed(error):
        return PermissionDeniedError(
            f"this token may not read {kind} {named} at {api.host}",
            "ask for access to the project, or use another token",
            status=error.status,
            body=error.body,
        )
    # Semaphore remembers for five minutes who a token is.
    return AuthError(
        error.message,
        'the token is not taken: see "ci-mcp auth status"; one that was just made may take five minutes to work',
        status=error.status,
        body=error.body,
    )


def not_allowed(error: AuthError) -> bool:
    """True where a 401 means a missing permission: a bad token is told by the plain text ``Unauthorized``."""
    return error.status == 401 and error.body.strip() not in {"", "Unauthorized"}  # noqa: PLR2004 - the HTTP status


def web(api: Api, path: str) -> str:
    """A web URL at this organization."""
    return f"https://{api.host}/{path}"


def elsewhere(api: Api, home: Api, path: str) -> str:
    """The web URL of a listed thing where its id alone would be looked for in another organization."""
    return "" if api.host == home.hosts[0] else web(api, path)


async def projects_page(api: Api, page: str) -> tuple[list[Json], str | None]:
    """One page of projects (at most 500) and the number of the next.

    Route: GET /projects?page=N.
    """
    number = int(page) if page.isdecimal() else 1
    with explained(api, "organization", api.host.partition(".")[0]):
        reply = await api.get(f"{BASE}/projects", {"page": number})
    found = wire.records(reply.json(), "projects")
    for project in found:
        remember(api, project)
    return found, number_next(reply.headers.get("x-has-more"), str(number)) if number < MOST else None


async def all_projects(api: Api, *, most_pages: int = 10) -> list[Json]:
    """Every project that the token may see, up to 5,000."""
    return [found async for found in walk(partial(projects_page, api), max_pages=most_pages)]


async def project(api: Api, named: str) -> Json:
    """A project by its name or id; the API knows names only, so an id is looked for in the list.

    Route: GET /projects/:name, GET /projects?page=N.
    Raises: NotFoundError: there is none, or none that the token may see.
    """
    if ids.is_uuid(named):
        for found in await all_projects(api):
            if text(metadata(found), "id") == named:
                return found
        raise NotFoundError(
            f"no project {named} at {api.host}, or none that this token may see",
            'see "ci-mcp semaphore projects list"',
        )
    with explained(api, "project", named):
        found = wire.record((await api.get(f"{BASE}/projects/{quote(named)}")).json(), "project")
    remember(api, found)
    return found


def metadata(found: Json) -> Json:
    """The part of a project that names it."""
    value = found.get("metadata")
    return value if isinstance(value, dict) else {}


def spec(found: Json) -> Json:
    """The part of a project, or job, that describes it."""
    value = found.get("spec")
    return value if isinstance(value, dict) else {}


async def project_id(api: Api, named: str) -> str:
    """The id of a project that is given by name or id; a name seen lately costs no request."""
    if ids.is_uuid(named):
        return named
    at, known = _ids.get((api.host, named), (0.0, ""))
    if known and time.monotonic() - at < _REMEMBERED:
        return known
    found = text(metadata(await project(api, named)), "id")
    if not ids.is_uuid(found):
        raise BadAnswerError(f"Semaphore gave no id for project {named}", "try again later")
    return found


def remember(api: Api, found: Json) -> None:
    """Keep which id a project's name stands for."""
    name, known = text(metadata(found), "name"), text(metadata(found), "id")
    if name and ids.is_uuid(known):
        _ids[(api.host, name)] = (time.monotonic(), known)
        _called[(api.host, known)] = name


def project_name(api: Api, known: str) -> str:
    """The name of a project where it has been seen, else its id."""
    return _called.get((api.host, known), known)


def knows_names(api: Api) -> bool:
    """True where projects of this organization have been seen."""
    return any(host == api.host for host, _ in _called)


def remember_bad(api: Api, pipelines: Iterable[Json]) -> None:
    """Note the failed pipelines of a list, by workflow, as far as they are recent."""
    bad: dict[tuple[str, str], list[str]] = {}
    for raw in pipelines:
        if wire.pipeline_status(raw).bad:
            bad.setdefault((api.host, text(raw, "wf_id")), []).append(text(raw, "ppl_id"))
    _bad.update({key: tuple(found) for key, found in bad.items()})
    while len(_bad) > _FAILED:
        del _bad[next(iter(_bad))]


def known_bad(api: Api, workflow: str) -> tuple[str, ...]:
    """The pipelines of a workflow that a list has shown as failed; they may have been rebuilt since."""
    return _bad.get((api.host, workflow), ())


def forget() -> None:
    """Forget every project's name and every failed pipeline."""
    _ids.clear()
    _called.clear()
    _bad.clear()


async def pipelines_page(api: Api, params: Mapping[str, Any], page: str) -> tuple[list[Json], str | None]:
    """One page of pipelines, newest first, and the number of the next.

    Route: GET /pipelines?project_id=…|wf_id=…&page=N.
    """
    number = int(page) if page.isdecimal() else 1
    reply = await api.get(f"{BASE}/pipelines", {**params, "page": number})
    found = wire.records(reply.json(), "pipelines")
    for key in _CHECKED & params.keys():
        found = [pipeline for pipeline in found if text(pipeline, key) == params[key]]
    return found, next_page(reply, number)


def next_page(reply: Reply, number: int) -> str | None:
    """The number of the next page; of the ``Link`` header nothing else is used: its URLs lead astray."""
    return str(number + 1) if link_next(reply.headers) == str(number + 1) else None


async def workflow_pipelines(api: Api, workflow: str) -> list[Json]:
    """Every pipeline of a workflow, newest first.

    Route: GET /pipelines?wf_id=….
    Raises: NotFoundError: there is no such workflow, or none that the token may see.
    """
    with explained(api, "workflow", workflow):
        found, _ = await pipelines_page(api, {"wf_id": workflow, "page_size": MOST}, "1")
        if not found:
            raise NotFoundError("no pipelines")
    return found


async def pipeline(api: Api, named: str) -> tuple[Json, list[Json]]:
    """A pipeline and its blocks with their jobs.

    Route: GET /pipelines/:id?detailed=true.
    Raises: NotFoundError: there is no such pipeline, or none that the token may see.
    """
    with explained(api, "pipeline", named):
        body = wire.record((await api.get(f"{BASE}/pipelines/{named}", {"detailed": "true"})).json(), "pipeline")
    found = wire.record(body.get("pipeline"), "pipeline")
    if text(found, "ppl_id") != named:
        raise BadAnswerError(f"Semaphore answered another pipeline than {named}", "try again later")
    return found, wire.parts(body.get("blocks"))
