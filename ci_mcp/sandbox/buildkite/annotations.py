"""Routes of annotations: what they say comes back as HTML only."""

import html
from collections.abc import Iterator
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from ci_mcp.sandbox.buildkite.answers import (
    BUILD,
    JOB,
    ORG_JOB,
    Json,
    Refused,
    body_of,
    build_of,
    flag,
    invalid,
    iso,
    job_of,
    page_of,
    routes,
    said,
    world_of,
)
from ci_mcp.sandbox.buildkite.model import Build, Job, make_id
from ci_mcp.sandbox.buildkite.reports import cases_of
from ci_mcp.sandbox.buildkite.world import SHOP_PROBLEMS_BUILD, World

_STYLES = {"success", "info", "warning", "error"}
_HIGHEST = 10
_COVERAGE = (
    "<h3>Coverage</h3>\n<table><thead><tr><th>file</th><th>lines</th></tr></thead>\n<tbody>"
    "<tr><td>shop/cart.py</td><td>97&nbsp;%</td></tr>\n<tr><td>shop/shipping.py</td><td>88&nbsp;%</td></tr></tbody>"
    '</table>\n<p>The whole report: <a href="artifact://out/summary.txt">summary</a></p>'
)
_LINT = (
    "<p>Ruff found one problem</p>\n<ul>\n"
    "<li>shop/cart.py:3:8 <code>F401</code> &#39;math&#39; imported but unused</li>"
    '\n</ul>\n<script>alert("not shown")</script><img src="artifact://out/coverage.png" alt="coverage">'
)


@dataclass(slots=True, eq=False)
class Annotation:
    """An annotation of a build, or of one of its jobs."""

    id: str
    context: str
    style: str
    body: str
    created: float
    updated: float
    job: Job | None = None
    priority: int = 3


def annotations_of(build: Build, world: World) -> list[Annotation]:
    """The annotations of a build, its jobs' too; those that the world begins with are made at the first look."""
    if build.id not in world.annotations:
        world.annotations[build.id] = list(_first(build))
    return [item for item in world.annotations[build.id] if item.created <= world.now()]


def _first(build: Build) -> Iterator[Annotation]:
    for job in build.jobs:
        failed = [case for case in cases_of(job.recording) if case.failure] if job.recording else []
        if failed and job.started is not None and build.reports:
            items = "".join(
                f"<details>\n<summary><code>{html.escape(case.name)}</code> in {html.escape(case.scope)}</summary>\n"
                f'<pre class="term"><code>{html.escape(chr(10).join(case.details))}</code></pre>\n</details>\n'
                for case in failed
            )
            body = f"<p>{len(failed)} tests failed in <em>{html.escape(job.spec.name)}</em></p>\n{items}"
            yield _made(build, f"junit-{job.spec.key}", "error", body, job.finished)
        if job.spec.key == "unit" and build.reports and job.started is not None:
            yield _made(build, "coverage", "info", _COVERAGE, job.finished)
        if build.number == SHOP_PROBLEMS_BUILD and job.spec.key == "lint":
            yield _made(job, "lint", "warning", _LINT, job.finished)


def _made(about: Build | Job, context: str, style: str, body: str, at: float) -> Annotation:
    job = about if isinstance(about, Job) else None
    return Annotation(make_id("annotation", about.id, context), context, style, body, at, at, job)


async def list_annotations(request: Request) -> Response:
    """``GET …/annotations``: those of the build alone, unless ``scope`` says job or all; of a job, its own."""
    world = world_of(request)
    build, job, scope = _about(request)
    wanted = "job" if job else request.query_params.get("scope", "build")
    if wanted not in {"build", "job", "all"}:
        raise Refused(400, f"Invalid scope: {scope}")
    found = [
        item
        for item in annotations_of(build, world)
        if (wanted == "all" or (wanted == "job") == (item.job is not None)) and job in {None, item.job}
    ]
    found.sort(key=lambda item: -item.priority)
    bare = flag(request, "omit_body")
    return page_of(request, found, lambda item: _shape(item, world, bare=bare))


def _about(request: Request) -> tuple[Build, Job | None, str]:
    if "job" in request.path_params:
        job = job_of(request)
        return job.build, job, "job"
    return build_of(request), None, request.query_params.get("scope", "build")


async def create_annotation(request: Request) -> Response:
    """``POST …/annotations``: the same context replaces what was there, or is appended to."""
    world, sent = world_of(request), await body_of(request)
    build, job, _ = _about(request)
    style, priority = sent.get("style"), sent.get("priority", 3)
    bad = {} if sent.get("body") else {"body": "missing_field"}
    bad |= {} if style in {None, *_STYLES} else {"style": "invalid"}
    bad |= {} if isinstance(priority, int) and 1 <= priority <= _HIGHEST else {"priority": "invalid"}
    if bad:
        raise invalid(**bad)
    body = "".join(f"<p>{html.escape(part)}</p>\n" for part in sent["body"].split("\n\n"))
    context, now = sent.get("context") or "default", world.now()
    known = annotations_of(build, world)
    item = next((one for one in known if one.context == context and one.job is job), None)
    if item:
        item.body = item.body + body if sent.get("append") else body
        item.style, item.updated = style or item.style, now
    else:
        item = _made(job or build, context, style or "", body, now)
        item.priority = priority
        world.annotations[build.id].append(item)
    return said(_shape(item, world, bare=False), 201)


async def delete_annotation(request: Request) -> Response:
    """``DELETE …/annotations/{id}``."""
    world = world_of(request)
    build, _, _ = _about(request)
    kept = [item for item in annotations_of(build, world) if item.id != request.path_params["annotation"]]
    if len(kept) == len(world.annotations[build.id]):
        raise Refused(404, "No annotation found")
    world.annotations[build.id] = kept
    return Response(status_code=204)


def _shape(item: Annotation, world: World, *, bare: bool) -> Json:
    known = {
        "id": item.id, "context": item.context, "style": item.style or None, "scope": "job" if item.job else "build",
        "job_id": item.job.id if item.job else None, "priority": item.priority,
        "created_at": iso(world.clock, item.created), "updated_at": iso(world.clock, item.updated),
    }  # fmt: skip
    return known if bare else known | {"body_html": item.body}


_ALL, _ONE = "/annotations", "/annotations/{annotation}"
ROUTES = [
    *routes("read_builds", BUILD + _ALL, list_annotations),
    *routes("read_builds", JOB + _ALL, list_annotations, org_path=ORG_JOB + _ALL),
    *routes("write_builds", BUILD + _ALL, create_annotation, "POST"),
    *routes("write_builds", JOB + _ALL, create_annotation, "POST", org_path=ORG_JOB + _ALL),
    *routes("write_builds", BUILD + _ONE, delete_annotation, "DELETE"),
    *routes("write_builds", JOB + _ONE, delete_annotation, "DELETE", org_path=ORG_JOB + _ONE),
]
