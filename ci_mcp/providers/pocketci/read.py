"""The reads that several tools share: one call each, over the API where that will do, else over the MCP endpoint."""

import html
import re
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from typing import Any, Final
from urllib.parse import quote

from ci_mcp.core.provider import Api
from ci_mcp.errors import AuthError, BadAnswerError, CiError, NotFoundError
from ci_mcp.net.pages import Fetch, number_next, walk
from ci_mcp.providers.pocketci import ids, side, wire
from ci_mcp.providers.pocketci.chunks import Piece, Splitter, split
from ci_mcp.providers.pocketci.ids import TaskId
from ci_mcp.providers.pocketci.rows import Row, rows
from ci_mcp.providers.pocketci.side import ShutError
from ci_mcp.providers.pocketci.wire import Json, text

SIZE: Final = 20  # records of a page: the same for every call, so that the number of a page keeps its meaning
_LARGE: Final = 100  # pipelines of a page, where one is looked for by name
_MANY: Final = 50  # pages of pipelines that are looked at for a name
_NEAR: Final = 5  # names shown where one was not found
_ROW: Final = re.compile(r'<tr\b[^>]*\bdata-run-id="([^"]*)"[^>]*\bdata-run-status="([^"]*)"(.*?)</tr>', re.DOTALL)
_STARTED: Final = re.compile(r'<time datetime="([^"]*)"[^>]*>\s*([^<]*?)\s*</time>')
_TRIGGER: Final = re.compile(r'title="([^"]*)">\s*([a-z]+)\s')
_PAGES: Final = re.compile(r"Page\s+(\d+)\s+of\s+(\d+)")


async def run(api: Api, asked: str) -> Json:
    """A run's own record; its tasks may know better how it stands.

    Route: GET /api/runs/{run}/status, or the MCP tool get_run.
    Raises: NotFoundError: there is none, or it was pruned.
    """
    path, what = f"/api/runs/{asked}/status", f"run {asked}"
    return wire.record(await side.either(api, path, what, {}, "get_run", {"run_id": asked}), "run")


async def rows_of(api: Api, asked: str) -> list[Row]:
    """The rows of a run without their logs, in one small call where the MCP endpoint answers.

    Where it does not, every log comes along and is thrown away while it comes.
    Route: the MCP tool search_tasks with a word that is in every path, or GET /api/runs/{run}/tasks.
    """
    try:
        found = await side.ask(api, "search_tasks", {"run_id": asked, "query": "pipeline"})
        return rows(wire.parts(found), asked)
    except ShutError as error:
        splitter = Splitter()
        try:
            async with api.stream(f"/api/runs/{asked}/tasks") as body:
                async for _ in split(body, splitter):
                    pass
        except AuthError as refused:
            raise await side.told(api, error.error or refused, f"run {asked}") from None
        except CiError as refused:
            raise await side.told(api, refused, f"run {asked}") from None
        return rows(wire.records(splitter.rest(), "tasks"), asked)


async def pieces(api: Api, asked: TaskId, into: dict[str, Any]) -> AsyncIterator[Piece]:
    """The log of a row in pieces; ``into`` gets the rest of its payload when they have all come.

    Route: GET /api/runs/{run}/tasks?path=…, or the MCP tool get_run_task.
    Raises: NotFoundError: there is no such row.
    """
    if await side.api_open(api):
        splitter = Splitter()
        try:
            async with api.stream(f"/api/runs/{asked.run}/tasks", {"path": asked.path}) as body:
                async for piece in split(body, splitter):
                    yield piece
        except CiError as error:
            refused = await side.told(api, error, f"task {asked}")
            if not isinstance(error, AuthError) or api.mcp is None:
                raise refused from None
        else:
            into.update(_payload(splitter.rest()))
            return
    found_row = await side.ask_only(api, "get_run_task", {"run_id": asked.run, "path": asked.path})
    payload = dict(_payload(found_row))
    for raw in wire.parts(payload.pop("logs", None)):
        yield Piece(text(raw, "type"), text(raw, "content"))
    into.update(payload)


def _payload(found: Any) -> Json:
    one = wire.parts(found)
    if not one:
        raise BadAnswerError("the server answered something that is not a task", "try again later")
    return wire.part(one[0], "payload")


async def payload(api: Api, asked: TaskId) -> tuple[Json, dict[str, int]]:
    """A row's payload without its log, and how many characters each stream of that has."""
    sizes: dict[str, int] = {}
    into: dict[str, Any] = {}
    async for piece in pieces(api, asked, into):
        sizes[piece.stream] = sizes.get(piece.stream, 0) + len(piece.text)
    into.pop("logs", None)
    return into, sizes


def pipelines(api: Api, size: int = SIZE) -> Fetch[Json]:
    """The pages of all pipelines; the server drops what this person may not see after it has counted a page.

    Route: GET /api/pipelines, or the MCP tool search_pipelines.
    """

    async def fetch(cursor: str) -> tuple[list[Json], str | None]:
        place = {"page": int(cursor) if cursor.isdecimal() else 1, "per_page": size}
        asked = {"query": "", **place}
        found = await side.either(api, "/api/pipelines", "pipelines", place, "search_pipelines", asked)
        return _page(api, found, cursor)

    return fetch


def pipelines_like(api: Api, query: str) -> Fetch[Json]:
    """The pages of pipelines whose name or source has words that begin so; raises `ShutError` where it cannot be asked.

    Route: the MCP tool search_pipelines.
    """

    async def fetch(cursor: str) -> tuple[list[Json], str | None]:
        page = int(cursor) if cursor.isdecimal() else 1
        found = await side.ask(api, "search_pipelines", {"query": query, "page": page, "per_page": SIZE})
        return _page(api, found, cursor)

    return fetch


def _page(api: Api, found: Any, cursor: str) -> tuple[list[Json], str | None]:
    items = wire.parts(wire.record(found, "list of pipelines").get("items"))
    for raw in items:
        remember(api, raw)
    return items, number_next(found.get("has_next"), cursor)


def remember(api: Api, raw: Json) -> None:
    """Note a pipeline's name and id: neither changes while it is there."""
    here = side.known(api)
    if text(raw, "id") and text(raw, "name"):
        here.ids[text(raw, "name")] = text(raw, "id")
        here.names[text(raw, "id")] = (text(raw, "name"), text(raw, "content_type"))


async def pipeline_id(api: Api, asked: str) -> str:
    """The id of a pipeline that was given by name, id or URL; the API itself takes ids alone.

    Raises: NotFoundError: no pipeline that this person may see has that name.
    """
    named = ids.pipeline(api, asked)
    if ids.is_pipeline(named):
        return named
    here = side.known(api)
    if named not in here.ids:
        near: list[str] = []
        async with aclosing(walk(pipelines(api, _LARGE), max_pages=_MANY)) as found:
            async for raw in found:
                if text(raw, "name") == named:
                    return text(raw, "id")
                if named.lower() in text(raw, "name").lower():
                    near.append(text(raw, "name"))
        said = f"did you mean {', '.join(near[:_NEAR])}?" if near else 'see them with "ci-mcp pocketci pipelines list"'
        raise NotFoundError(f"this PocketCI has no pipeline {named[:80]!r}, or none that you may see", said)
    return here.ids[named]


async def pipeline(api: Api, asked: str) -> Json:
    """A pipeline with its source.

    Route: GET /api/pipelines/{id}.
    Raises: NotFoundError: there is none, or none that this person may see.
    """
    known = await pipeline_id(api, asked)
    if await side.api_open(api):
        with suppress(AuthError):  # who asks next says why, where nothing else answers
            raw = wire.record(await side.get(api, f"/api/pipelines/{known}", f"pipeline {asked[:80]}"), "pipeline")
            remember(api, raw)
            return raw
    async with aclosing(walk(pipelines(api, _LARGE), max_pages=_MANY)) as found:
        async for raw in found:
            if text(raw, "id") == known:
                return raw
    raise NotFoundError(f"this PocketCI has no pipeline {asked[:80]}", "check its name or id")


async def pipeline_name(api: Api, known: str) -> tuple[str, str]:
    """The name of a pipeline and the kind of its source; its id and nothing where it may not be seen."""
    here = side.known(api)
    if known not in here.names and ids.is_pipeline(known):
        try:
            await pipeline(api, known)
        except CiError:
            return known, ""
    return here.names.get(known, (known, ""))


def runs(api: Api, pipeline: str, query: str = "") -> Fetch[Json]:
    """The pages of a pipeline's runs, newest first; ``query`` has words of their id, status, error or trigger.

    Route: the MCP tool search_tasks, or GET /pipelines/{id}/runs-search/, a page of the web.
    """

    async def fetch(cursor: str) -> tuple[list[Json], str | None]:
        page = int(cursor) if cursor.isdecimal() else 1
        asked = {"pipeline_id": pipeline, "query": query, "page": page, "per_page": SIZE}
        try:
            found = wire.record(await side.ask(api, "search_tasks", asked) or {}, "list of runs")
        except ShutError as error:
            return await _runs_of_web(api, pipeline, query, page, error)
        return wire.parts(found.get("items")), number_next(found.get("has_next"), cursor)

    return fetch


async def _runs_of_web(
    api: Api, pipeline: str, query: str, page: int, error: ShutError
) -> tuple[list[Json], str | None]:
    """The rows of the web's list: the only list of runs that a token of the API's alone opens."""
    if not await side.api_open(api) and error.error:
        raise error.error
    path = f"/pipelines/{quote(pipeline, safe='')}/runs-search/"
    try:
        page_text = (await api.get(path, {"q": query, "page": page, "per_page": SIZE})).text
    except CiError as refused:
        raise await side.told(api, refused, f"pipeline {pipeline}") from None
    if 'id="runs-section"' not in page_text:  # its login page, after a redirect
        raise await side.told(api, AuthError(f"{api.host} wants a login", body="authentication required"), "runs")
    found = [_web_run(pipeline, *row) for row in _ROW.findall(page_text)]
    pages = _PAGES.search(" ".join(page_text.split()))
    return found, str(page + 1) if pages and int(pages[1]) < int(pages[2]) else None


def _web_run(pipeline: str, run: str, status: str, cells: str) -> Json:
    raw = {"id": html.unescape(run), "pipeline_id": pipeline, "status": html.unescape(status)}
    if (started := _STARTED.search(cells)) is not None:
        raw |= {"started_at": started[1], "created_at": started[1], "elapsed": started[2]}
    if (trigger := _TRIGGER.search(cells)) is not None:
        raw |= {"trigger_type": trigger[2], "triggered_by": html.unescape(trigger[1])}
    return raw


async def gates(api: Api, run: str) -> list[Json]:
    """The gates of a run.

    Route: GET /api/runs/{run}/gates.
    Raises: UnsupportedError: the server's gates are switched off, as they are where nobody asked for them.
    """
    return wire.records(await side.get(api, f"/api/runs/{run}/gates", f"run {run}") or [], "gates")
