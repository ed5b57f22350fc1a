"""The pages that people see, as far as a client reads them: the rows of a pipeline's runs, and where things are."""

from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from ci_mcp.sandbox.pocketci.answers import envelope, place_of, route, said, world_of
from ci_mcp.sandbox.pocketci.model import Run, duration, iso
from ci_mcp.sandbox.pocketci.pipelines import newest_first
from ci_mcp.sandbox.pocketci.search import search_runs
from ci_mcp.sandbox.pocketci.world import World

_WORDS = {"success": "Success", "failed": "Failed", "running": "Running", "skipped": "Skipped"}


async def health(_request: Request) -> Response:
    """``GET /health``."""
    return PlainTextResponse("OK", headers={"Content-Type": "text/plain; charset=UTF-8"})


async def root(_request: Request) -> Response:
    """``GET /``."""
    return Response(status_code=301, headers={"Location": "/pipelines/"})


async def pipelines(request: Request) -> Response:
    """``GET /pipelines/``."""
    rows = (f'<a href="/pipelines/{one.id}/">{escape(one.name)}</a>' for one in newest_first(world_of(request)))
    return _page("Pipelines", "\n".join(rows))


async def pipeline(request: Request) -> Response:
    """``GET /pipelines/{id}/``."""
    found = world_of(request).pipelines.get(request.path_params["id"])
    return _page(escape(found.name), _section(request)) if found else PlainTextResponse("Pipeline not found", 404)


async def runs_search(request: Request) -> Response:
    """``GET /pipelines/{id}/runs-search/``: one page of the runs that ``q`` finds, newest first, as rows of a table."""
    return _html(_section(request))


async def run_page(request: Request) -> Response:
    """``GET /runs/{id}/tasks`` and ``…/graph``."""
    run = world_of(request).runs.get(request.path_params["id"])
    return _page(f"Run {run.id}", escape(run.status(world_of(request).now()))) if run else _page("Tasks", "")


async def shared(request: Request) -> Response:
    """``GET /share/{token}/tasks``: for everybody."""
    run_id = world_of(request).shares.get(request.path_params["token"])
    return _page(f"Run {run_id}", "shared") if run_id else said({"message": "not found"}, 404)


def _section(request: Request) -> str:
    world, query = world_of(request), request.query_params.get("q", "")
    page, per_page = place_of(request)
    found = search_runs(world, request.path_params["id"], query)
    rows = "\n".join(_row(world, run) for run in found[(page - 1) * per_page : page * per_page])
    pages = envelope(found, page, per_page, lambda run: run)["total_pages"]
    if not rows:
        return f'<div id="runs-section"><p id="no-runs-message">No runs match {escape(query)}.</p></div>'
    footer = f"<span>\n  Page {page} of {pages}\n</span>" if pages > 1 else ""
    return f'<div id="runs-section"><table><tbody id="runs-table">\n{rows}\n</tbody></table>{footer}</div>\n'


def _row(world: World, run: Run) -> str:
    now = world.now()
    status, who = run.status(now), escape(run.triggered_by)
    by = f"{run.trigger_type} · {who}" if who else run.trigger_type
    began = run.begin <= now
    time = (
        f'<time datetime="{iso(world.clock, run.begin)}">{duration(min(now, run.end) - run.begin, whole=True)}</time>'
    )
    return (
        f'<tr\n  class="hover"\n  data-run-id="{run.id}"\n  data-run-status="{status}">\n'
        f'  <td><code>{run.id}</code></td>\n  <td><span role="status">{_WORDS.get(status, status)}</span></td>\n'
        f'  <td><span title="{who}">\n{by}\n</span></td>\n  <td>{time if began else "—"}</td>\n'
        f'  <td><a href="/runs/{run.id}/tasks">Tasks</a> <a href="/runs/{run.id}/graph">Graph</a></td>\n</tr>'
    )


def _page(title: str, body: str) -> Response:
    return _html(f"<!doctype html>\n<title>{title} - PocketCI</title>\n<h1>{title}</h1>\n{body}\n")


def _html(text: str, status: int = 200) -> Response:
    return HTMLResponse(text, status, headers={"Content-Type": "text/html; charset=UTF-8"})


ROUTES = [
    route("GET", path, answer)
    for path, answer in (
        ("/health", health),
        ("/health/", health),
        ("/", root),
        ("/pipelines/", pipelines),
        ("/pipelines/{id}/", pipeline),
        ("/pipelines/{id}/runs-search", runs_search),
        ("/pipelines/{id}/runs-search/", runs_search),
        ("/pipelines/{id}/runs-section/", runs_search),
        ("/runs/{id}/tasks", run_page),
        ("/runs/{id}/graph", run_page),
        ("/share/{token}/tasks", shared),
    )
]
