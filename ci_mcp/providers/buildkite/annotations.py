"""Annotations: what a build's own steps say of it."""

from collections.abc import Sequence
from typing import Annotated, Final, Literal

from pydantic import Field

from ci_mcp.core.fence import fence
from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Changed, Cursor, Limit, Page
from ci_mcp.errors import CiError, UsageError
from ci_mcp.net.pages import collect
from ci_mcp.providers.buildkite import ids, markup, read, wire
from ci_mcp.providers.buildkite.builds import BuildName
from ci_mcp.providers.buildkite.ids import Named
from ci_mcp.providers.buildkite.provider import provider
from ci_mcp.providers.buildkite.records import Annotation
from ci_mcp.providers.buildkite.wire import Json, text

_TELLING: Final = {"error": 0, "warning": 1, "": 2}  # the other styles are good news
_ONE: Final = 400  # characters of one annotation in an explanation
_ALL: Final = 900  # and of all of them
_PAGE: Final = 50


@provider.read(core=True)
async def annotations_list(
    api: Api,
    build: Annotated[str, Field(max_length=400, description="organization/pipeline/number or web URL")] = "",
    job: Annotated[str, Field(max_length=400, description="Or: job id or web URL")] = "",
    limit: Limit = 20,
    cursor: Cursor = "",
) -> Page[Annotation]:
    """Annotations of a build and its jobs, or of one job, as text.

    Route: GET /v2/organizations/{org}/pipelines/{pipeline}/builds/{number}/annotations?scope=all,
    or …/jobs/{id}/annotations.
    Raises: UsageError: not one of build and job is given. NotFoundError: there is no such build or job.
    """
    if bool(build) == bool(job):
        raise UsageError("annotations are listed of one build or job", "give build or job")
    named = await read.placed(api, ids.job(api, job) if job else ids.build(api, build))
    path, of = (named.job_path, f"job {named.job}") if job else (named.path, f"build {named.build}")
    fetch = read.numbered(
        api,
        f"{read.BASE}{path}/annotations",
        {} if job else {"scope": "all"},
        annotation,
        limit=limit,
        of=f"annotations of {of}",
        scope="read_builds",
    )
    return await collect(fetch, cursor=cursor, limit=limit)


def annotation(raw: Json) -> Annotation:
    """An annotation with its HTML as text."""
    return Annotation(
        style=text(raw, "style"),
        context=text(raw, "context"),
        id=text(raw, "id"),
        job=text(raw, "job_id"),
        priority=wire.whole(raw, "priority"),
        created=wire.when(raw.get("created_at")),
        text=markup.plain(text(raw, "body_html")),
    )


async def telling(api: Api, named: Named) -> list[Annotation]:
    """The annotations of a build that may tell of a failure, errors first; none where they are refused."""
    try:
        reply = await api.get(f"{read.BASE}{named.path}/annotations", {"scope": "all", "per_page": _PAGE})
        found = [annotation(raw) for raw in wire.parts(reply.json())]
    except CiError:
        return []
    bad = [one for one in found if one.style in _TELLING and one.text]
    return sorted(bad, key=lambda one: (_TELLING[one.style], -(one.priority or 0)))


def told(annotations: Sequence[Annotation]) -> str:
    """Annotations as an explanation shows them: the beginning of each, fenced; empty where there are none."""
    parts: list[str] = []
    room = _ALL
    for one in annotations:
        if room < 0:
            break
        said = one.text if len(one.text) <= _ONE else f"{one.text[:_ONE]}…"
        head = f"[{one.style or 'note'}: {one.context}]" if one.context else f"[{one.style or 'note'}]"
        parts.append(f"{head}\n{said}")
        room -= len(said)
    left = len(annotations) - len(parts)
    if left:
        parts.append(f"… {left} more: buildkite_annotations_list")
    return fence("\n".join(parts), "annotations") if parts else ""


@provider.write()
async def annotations_create(
    api: Api,
    build: BuildName,
    body: Annotated[str, Field(min_length=1, max_length=100_000, description="Markdown")],
    style: Annotated[Literal["", "success", "info", "warning", "error"], Field(description="Its colour")] = "",
    context: Annotated[str, Field(max_length=100, description="Name; the same again replaces it")] = "",
    append: Annotated[bool, Field(description="Add to it instead of replacing")] = False,
) -> Changed:
    """Writes an annotation on a build's page; one with the same context is replaced, or added to.

    Route: POST /v2/organizations/{org}/pipelines/{pipeline}/builds/{number}/annotations.
    Raises: NotFoundError: there is no such build. PermissionDeniedError: the token lacks write_builds.
    """
    named = await read.placed(api, ids.build(api, build))
    said = {"body": body, "style": style, "context": context, "append": append}
    with read.explained(f"build {named.build}", "write_builds"):
        reply = await api.send(
            "POST", f"{read.BASE}{named.path}/annotations", json={key: value for key, value in said.items() if value}
        )
    raw = wire.record(reply.json(), "annotation")
    return Changed(id=text(raw, "id"), note=f"written to {named.build}", url=read.build_web(named))
