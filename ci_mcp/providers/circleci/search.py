"""Runs by one search of v3, which tells their status at once; CircleCI's server does not have it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Final

from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Run, RunQuery
from ci_mcp.errors import NotFoundError, UsageError
from ci_mcp.providers.circleci import ids, read, standing, wire
from ci_mcp.providers.circleci.wire import Json, text
from ci_mcp.status import Status

_DAYS: Final = 90  # as far back as CircleCI's own clients search
_PAGE: Final = 20  # the most that a search gives at once
_PAGES: Final = 3


async def runs(api: Api, project: str, known: str, query: RunQuery) -> list[Run] | None:
    """Runs of a project that is known by slug and id, newest first; ``None`` where the search is not to be had.

    Route: POST /api/v3/runs/search.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    scope = {"project_ids": [known], "from": _rfc3339(now - timedelta(days=_DAYS)), "to": _rfc3339(now)}
    asked = [f"pipeline.git.branch == {json.dumps(query.branch)}"] if query.branch else []
    asked += ['pipeline.status == "success"'] if query.status is Status.PASSED else []
    found: list[Run] = []
    cursor = ""
    for _ in range(_PAGES):
        page = {"cursor": cursor, "limit": min(_PAGE, query.limit)}
        body = {"scope": scope, "filter": " and ".join(asked), "page": page}
        try:
            answer = await read.v3(api, "/runs/search", body=body)
        except UsageError:  # it is young, and may want to be asked otherwise: the lists tell the same
            answer = None
        if answer is None:
            return None
        every = [_of_search(api, raw, project) for raw in wire.parts(answer.get("data"))]
        found += [one for one in every if _wanted(one, query)]
        cursor = text(wire.part(answer, "page"), "next")
        if not cursor or len(found) >= query.limit or (found and not query.status):
            break
    return found[: query.limit]


def _wanted(run: Run, query: RunQuery) -> bool:
    """What the search does not filter by is filtered here."""
    return (
        (not query.branch or run.branch == query.branch)
        and run.commit.startswith(query.commit)
        and (query.status is None or run.status is query.status)
    )


async def project_id(api: Api, project: str) -> str:
    """The id of a project that the search takes; empty where this host has no search.

    Route: GET /api/v3/projects?filter[slug]=…, which at once tells whether v3 is there; what was seen before costs
    no request.
    Raises: NotFoundError: there is no such project, or none that the token may see.
    """
    if read.serves_v3(api) is False:
        return ""
    if known := read.known_project_id(api, project):
        return known
    answer = await read.v3(api, "/projects", {"filter[slug]": project})
    if answer is None:
        return ""
    found = next((text(raw, "id") for raw in wire.parts(answer.get("data"))), "")
    if not ids.is_uuid(found):
        raise NotFoundError(
            f"no project {project} at {api.host}, or none that this token may see",
            "check it, and that the token's owner follows it",
        )
    read.remember_project(api, project, found)
    return found


def _rfc3339(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def _of_search(api: Api, raw: Json, project: str) -> Run:
    about = wire.part(raw, "attributes")
    vcs = wire.part(raw, "references", "event", "attributes", "vcs")
    status, word = wire.phase_status(about)
    number = wire.whole(about, "number")
    page = f"pipelines/{project}/{number}" if number is not None else f"pipeline/{text(raw, 'id')}"
    login = text(wire.part(raw, "references", "user", "attributes"), "login")
    created, ended = wire.when(about.get("created_at")), wire.when(about.get("ended_at"))
    broken = standing.errors(about)  # its configuration failed: to the search it did not run
    return Run(
        status=Status.FAILED if broken else status,
        id=text(raw, "id"),
        project=project,
        word="error" if broken else wire.own_word(word),
        branch=text(vcs, "branch"),
        commit=text(vcs, "revision"),
        title=wire.first_line(wire.said(wire.part(vcs, "commit"), "subject")),
        actor=login or text(wire.part(vcs, "commit", "author"), "login"),
        url=read.web(api, page),
        created=created,
        finished=ended,
        duration=wire.seconds_between(created, ended),
        reason=broken,
    )


def as_pipeline(found: Run) -> Json:
    """A run that the search has told of, as v2 tells of its pipeline."""
    number = (ids.read_url(found.url) or ids.Named()).number
    return {
        "id": found.id,
        "number": int(number) if number else None,
        "project_slug": found.project,
        "created_at": found.created.isoformat() if found.created else None,
        "trigger": {"actor": {"login": found.actor}},
        "vcs": {"branch": found.branch, "revision": found.commit, "commit": {"subject": found.title}},
    }
