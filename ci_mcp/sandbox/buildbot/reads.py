"""Routes that read."""

from collections.abc import Callable, Iterable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from ci_mcp.sandbox.buildbot import records
from ci_mcp.sandbox.buildbot.answers import Refused, chunk, told, wants_json, world_of
from ci_mcp.sandbox.buildbot.find import build_of, builder_of, by_id, log_of, step_of, text_of
from ci_mcp.sandbox.buildbot.forms import FORMS, SCHEDULERS
from ci_mcp.sandbox.buildbot.model import Worker
from ci_mcp.sandbox.buildbot.output import lines_of
from ci_mcp.sandbox.buildbot.query import apply, read_query, shaped

Reader = Callable[[Request], Response]
_API = "/api/v2"
_ROOTS = (
    "builders", "builds", "buildrequests", "codebases", "workers", "logchunks", "buildsets", "changes",
    "changesources", "masters", "sourcestamps", "schedulers", "forceschedulers", "projects",
)  # fmt: skip
BUILDS = ("/builds/{build:int}", "/builders/{builder}/builds/{number:int}")
# Not everything can be asked for by a builder's name.
_BUILDS_BY_ID = ("/builds/{build:int}", "/builders/{builder:int}/builds/{number:int}")
STEPS = (*(build + "/steps/{step}" for build in BUILDS), "/steps/{stepid:int}")
_STEPS_BY_ID = (*(build + "/steps/{step}" for build in _BUILDS_BY_ID), "/steps/{stepid:int}")
LOGS = (*(step + "/logs/{slug}" for step in STEPS), "/logs/{logid:int}")
_LOGS_BY_ID = (*(step + "/logs/{slug}" for step in _STEPS_BY_ID), "/logs/{logid:int}")


def _missing(request: Request, plural: str) -> Refused:
    path = request.url.path.removeprefix(_API)
    spec = (
        "ResultSpec(**{'filters': [], 'fields': None, 'properties': [], 'order': None, 'limit': None, 'offset': None})"
    )
    return Refused(404, f"not found while getting from endpoint for {path} ({plural}) with arguments {spec}")


def _many(plural: str, find: Callable[[Request], Iterable[Any]]) -> Reader:
    """A read of several things."""

    def read(request: Request) -> Response:
        world, shape = world_of(request), records.SHAPES.get(plural, records.plain)
        query = read_query(request.query_params.multi_items(), plural, collection=True)
        rows, total = apply(query, [shape(one, world) for one in find(request)], plural)
        return told(request, plural, rows, {"total": total})

    return read


def _one(plural: str, find: Callable[[Request], Any]) -> Reader:
    """A read of one thing."""

    def read(request: Request) -> Response:
        world, shape = world_of(request), records.SHAPES.get(plural, records.plain)
        query = read_query(request.query_params.multi_items(), plural, collection=False)
        thing = find(request)
        if thing is None:
            raise _missing(request, plural)
        return told(request, plural, [shaped(shape(thing, world), query, plural)], {})

    return read


def _workers(request: Request) -> list[Worker]:
    if "builder" not in request.path_params:
        return world_of(request).workers
    builder = builder_of(request)
    return [one for one in world_of(request).workers if builder and one.name in builder.workers]


def _worker(request: Request) -> Worker | None:
    wanted = text_of(request, "worker")
    return next((one for one in _workers(request) if wanted in {str(one.id), one.name}), None)


def _changes(request: Request) -> list[Any]:
    build = build_of(request)
    return [build.request.source.change] if build and build.request.source.change else []


def _source_changes(request: Request) -> list[Any]:
    source = by_id(world_of(request).sources, request.path_params["source"])
    return [source.change] if source and source.change else []


def _triggered(request: Request) -> list[Any]:
    build = build_of(request)
    return [one for one in world_of(request).started() if build and one.request.parent == build.id]


def _builds(request: Request) -> list[Any]:
    """Those of a builder, worker, request or change; all where the path names none. An unknown one has none."""
    world, params = world_of(request), request.path_params
    if "builder" in params:
        builder = builder_of(request)
        return [one for one in world.started() if one.builder is builder]
    kept = {
        "worker": lambda one: one.worker.id == params["worker"],
        "request": lambda one: one.request.id == params["request"],
        "change": lambda one: one.request.source.change and one.request.source.change.id == params["change"],
    }
    keeps = next((keep for name, keep in kept.items() if name in params), lambda _: True)
    return [one for one in world.started() if keeps(one)]


def _requests(request: Request) -> list[Any]:
    world = world_of(request)
    found = [one for one in world.requests if one.at <= world.now()]
    return found if "builder" not in request.path_params else [r for r in found if r.builder is builder_of(request)]


def _builders(request: Request) -> list[Any]:
    world, params = world_of(request), request.path_params
    if "worker" in params:
        worker = by_id(world.workers, params["worker"])
        return [one for one in world.builders if worker and worker.name in one.workers]
    return [one for one in world.builders if "project" not in params or one.project == params["project"]]


def _steps(request: Request) -> list[Any]:
    build = build_of(request)
    return build.visible(world_of(request).now()) if build else []


def _logs(request: Request) -> list[Any]:
    step = step_of(request)
    return step.logs if step else []


def _forms(request: Request) -> list[Any]:
    world, builder = world_of(request), builder_of(request) if "builder" in request.path_params else None
    return [form.record(world) for form in FORMS.values() if not builder or builder.name in form.builders]


def _scheduler(request: Request) -> tuple[int, str] | None:
    return next((one for one in SCHEDULERS if one[0] == request.path_params["scheduler"]), None)


def _form(request: Request) -> Any:
    form = FORMS.get(text_of(request, "form"))
    return form.record(world_of(request)) if form else None


def _properties(request: Request) -> Response:
    build = build_of(request)
    return told(request, "properties", [build.properties if build else {}], {})


def _set_properties(request: Request) -> Response:
    found = by_id(world_of(request).requests, request.path_params["buildset"])
    return told(request, "properties", [found.properties if found else {}], {})


def _contents(request: Request) -> Response:
    log, world = log_of(request), world_of(request)
    query = read_query(request.query_params.multi_items(), "logchunks", collection=True)
    first = query.offset or 0
    if log is None or first < 0:
        raise _missing(request, "logchunks")
    lines = lines_of(log, world.now())
    last = len(lines) if query.limit is None else first + max(0, query.limit)
    pieces = ("".join(f"{line}\n" for line in part) for part in lines.read(first, last))
    if wants_json(request):
        return chunk(log.id, first, pieces)
    row = {"content": "".join(pieces), "firstline": first, "logid": log.id}
    return told(request, "logchunks", [row], {})


def _raw(request: Request) -> Response:
    log, world = log_of(request), world_of(request)
    if log is None:
        raise _missing(request, "logs")
    build, lines = log.step.build, lines_of(log, world.now())
    stdio = log.type == "s"

    def body() -> Any:
        if stdio:
            yield f"Builder: {build.builder.name}\nBuild number: {build.number}\nWorker name: {build.worker.name}\n"
        for part in lines.read(0, len(lines)):
            yield "".join(f"{line[1:] if stdio else line}\n" for line in part)

    name = f"{build.builder.name}_build_{build.number}_step_{log.step.spec.name}_log_{log.slug}"
    kind = "text/html" if log.type == "h" else "text/plain"
    headers = {} if request.url.path.endswith("_inline") else {"Content-Disposition": f"attachment; filename={name}"}
    return StreamingResponse(body(), headers=headers, media_type=f"{kind}; charset=utf-8")


def _all(name: str) -> Callable[[Request], list[Any]]:
    return lambda request: list(getattr(world_of(request), name))


def _id(name: str, part: str) -> Callable[[Request], Any]:
    return lambda request: by_id(getattr(world_of(request), name), request.path_params[part])


def _nothing(_request: Request) -> list[Any]:
    return []


_MANY: list[tuple[str, str, Callable[[Request], Iterable[Any]]]] = [
    ("", "rootlinks", lambda _: [{"name": name} for name in _ROOTS]),
    ("/builders", "builders", _builders),
    ("/workers/{worker:int}/builders", "builders", _builders),
    ("/projects/{project:int}/builders", "builders", _builders),
    ("/builds", "builds", _builds),
    ("/builders/{builder}/builds", "builds", _builds),
    ("/workers/{worker:int}/builds", "builds", _builds),
    ("/buildrequests/{request:int}/builds", "builds", _builds),
    ("/changes/{change:int}/builds", "builds", _builds),
    ("/builds/{build:int}/triggered_builds", "builds", _triggered),
    ("/buildrequests", "buildrequests", _requests),
    ("/builders/{builder:int}/buildrequests", "buildrequests", _requests),
    ("/buildsets", "buildsets", _requests),
    ("/changes", "changes", lambda request: reversed(world_of(request).changes)),
    ("/sourcestamps", "sourcestamps", _all("sources")),
    ("/workers", "workers", _workers),
    ("/builders/{builder:int}/workers", "workers", _workers),
    ("/masters", "masters", lambda _: [1]),
    ("/builders/{builder:int}/masters", "masters", lambda _: [1]),
    ("/schedulers", "schedulers", lambda _: SCHEDULERS),
    ("/forceschedulers", "forceschedulers", _forms),
    ("/builders/{builder:int}/forceschedulers", "forceschedulers", _forms),
    ("/projects", "projects", lambda _: [1]),
    ("/changesources", "changesources", _nothing),
    ("/codebases", "codebases", _nothing),
    ("/steps/{stepid:int}/test_result_sets", "test_result_sets", _nothing),
    ("/builds/{build:int}/test_result_sets", "test_result_sets", _nothing),
    *((build + "/steps", "steps", _steps) for build in BUILDS),
    ("/sourcestamps/{source:int}/changes", "changes", _source_changes),
    *((build + "/changes", "changes", _changes) for build in _BUILDS_BY_ID),
    *((build + "/data", "build_data", _nothing) for build in BUILDS),
    *((step + "/logs", "logs", _logs) for step in STEPS),
]
_ONE: list[tuple[str, str, Callable[[Request], Any]]] = [
    ("/builders/{builder}", "builders", builder_of),
    ("/buildrequests/{request:int}", "buildrequests", _id("requests", "request")),
    ("/buildsets/{buildset:int}", "buildsets", _id("requests", "buildset")),
    ("/changes/{change:int}", "changes", _id("changes", "change")),
    ("/sourcestamps/{source:int}", "sourcestamps", _id("sources", "source")),
    ("/workers/{worker}", "workers", _worker),
    ("/builders/{builder:int}/workers/{worker}", "workers", _worker),
    ("/masters/{master:int}", "masters", lambda request: 1 if request.path_params["master"] == 1 else None),
    ("/schedulers/{scheduler:int}", "schedulers", _scheduler),
    ("/forceschedulers/{form}", "forceschedulers", _form),
    ("/projects/{project}", "projects", lambda request: 1 if request.path_params["project"] in {"1", "shop"} else None),
    *((build, "builds", build_of) for build in BUILDS),
    *((build + "/data/{name}", "build_data", lambda _: None) for build in BUILDS),
    *((step, "steps", step_of) for step in STEPS),
    *((log, "logs", log_of) for log in LOGS),
]  # fmt: skip
_OTHER: list[tuple[str, Reader]] = [
    *((build + "/properties", _properties) for build in _BUILDS_BY_ID),
    ("/buildsets/{buildset:int}/properties", _set_properties),
    *((log + "/contents", _contents) for log in _LOGS_BY_ID),
    *((log + f"/{raw}", _raw) for log in _LOGS_BY_ID for raw in ("raw", "raw_inline")),
]
READS: dict[str, Reader] = {
    **{path: _many(plural, find) for path, plural, find in _MANY},
    **{path: _one(plural, find) for path, plural, find in _ONE},
    **dict(_OTHER),
}
"""What answers a read of each path, below the API's own."""
