"""Routes of job logs and of what a job's environment was."""

import codecs
import html
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from ci_mcp.sandbox.buildkite.answers import JOB, ORG_JOB, Refused, base_of, job_of, routes, said, world_of
from ci_mcp.sandbox.buildkite.model import Job
from ci_mcp.sandbox.buildkite.output import Log, log_of
from ci_mcp.sandbox.buildkite.shapes import build_url, web_url
from ci_mcp.sandbox.buildkite.world import ORGANIZATION, SECRET_VALUE

_SUFFIX = re.compile(r"bytes=-0*([1-9][0-9]*)")
_PLAIN = "text/plain; charset=utf-8"


async def get_log(request: Request) -> Response:
    """``GET …/log``: JSON, text or HTML by the Accept header or the ending; of text also its last bytes."""
    job = job_of(request)
    log = log_of(job, world_of(request).clock) if job.spec.kind == "script" else None
    if log is None:
        raise Refused(404, "No log found")
    kind = _kind(request)
    if request.method == "HEAD":
        return Response(headers={"Content-Length": str(log.size), "Accept-Ranges": "bytes", "Content-Type": _PLAIN})
    wanted = request.headers.get("range")
    if wanted is not None:
        return _tail(log, wanted, kind)
    if kind == "json":
        url = f"{build_url(base_of(request), job.build)}/jobs/{job.id}/log"
        return StreamingResponse(_as_json(log, url), media_type="application/json; charset=utf-8")
    if kind == "html":
        return StreamingResponse(_as_html(log), media_type="text/html; charset=utf-8")
    headers = {"Content-Length": str(log.size), "Accept-Ranges": "bytes"}
    return StreamingResponse(log.read(), headers=headers, media_type=_PLAIN)


def _kind(request: Request) -> str:
    ending = request.url.path.rpartition(".")[2]
    accept = request.headers.get("accept", "")
    if ending == "txt" or "text/plain" in accept:
        return "text"
    return "html" if ending == "html" or "text/html" in accept else "json"


def _tail(log: Log, wanted: str, kind: str) -> Response:
    """The last bytes, which is the only range there is."""
    found = _SUFFIX.fullmatch(wanted)
    if kind != "text":
        raise Refused(400, "Range requests need Accept: text/plain")
    if not found:
        raise Refused(400, "Only a single suffix range is supported, such as bytes=-1024")
    if not log.size:
        refused = said({"message": "Range Not Satisfiable"}, 416)
        refused.headers["Content-Range"] = "bytes */0"
        return refused
    start = max(0, log.size - int(found[1]))
    headers = {
        "Content-Length": str(log.size - start),
        "Content-Range": f"bytes {start}-{log.size - 1}/{log.size}",
        "Accept-Ranges": "bytes",
    }
    return StreamingResponse(log.read(start), 206, headers, _PLAIN)


def _as_json(log: Log, url: str) -> Iterator[str]:
    yield f'{{"url": {json.dumps(url)}, "content": "'
    yield from _text(log, lambda text: json.dumps(text, ensure_ascii=False)[1:-1])
    yield f'", "size": {log.size}, "header_times": {json.dumps(log.headers)}}}'


def _as_html(log: Log) -> Iterator[str]:
    yield '<div class="term-container">'
    yield from _text(log, html.escape)
    yield "</div>"


def _text(log: Log, shape: Callable[[str], str]) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    for piece in log.read():
        yield shape(decoder.decode(piece))


async def delete_log(request: Request) -> Response:
    """``DELETE …/log``: answered, and nothing is lost here."""
    job_of(request)
    return Response(status_code=204)


async def get_environment(request: Request) -> Response:
    """``GET …/env``: JSON, or lines of KEY=VALUE."""
    job = job_of(request)
    if job.spec.kind != "script":
        raise Refused(404, "No environment found")
    variables = _variables(job)
    if request.url.path.endswith(".txt") or "text/plain" in request.headers.get("accept", ""):
        return PlainTextResponse("".join(f"{key}={value}\n" for key, value in variables.items()))
    return said({"env": variables})


def _variables(job: Job) -> dict[str, Any]:
    build = job.build
    return build.env | {
        "BUILDKITE": "true", "BUILDKITE_BRANCH": build.branch, "BUILDKITE_BUILD_ID": build.id,
        "BUILDKITE_BUILD_NUMBER": str(build.number), "BUILDKITE_BUILD_URL": web_url(build),
        "BUILDKITE_COMMIT": build.commit, "BUILDKITE_JOB_ID": job.id, "BUILDKITE_LABEL": job.spec.name,
        "BUILDKITE_MESSAGE": build.message, "BUILDKITE_ORGANIZATION_SLUG": ORGANIZATION,
        "BUILDKITE_PIPELINE_SLUG": build.pipeline.slug, "BUILDKITE_RETRY_COUNT": str(job.attempt),
        "BUILDKITE_STEP_KEY": job.spec.key, "CI": "true", "DATABASE_URL": f"postgres://shop:{SECRET_VALUE}@db/shop",
        "GITHUB_TOKEN": SECRET_VALUE, "LEGACY_DEPLOY_LOGIN": SECRET_VALUE, "STRIPE_API_KEY": SECRET_VALUE,
    }  # fmt: skip


_LOG = [
    routes("read_build_logs", JOB + f"/log{ending}", get_log, org_path=ORG_JOB + f"/log{ending}")
    for ending in ("", ".txt", ".html")
]
_ENV = [
    routes("read_job_env", JOB + f"/env{ending}", get_environment, org_path=ORG_JOB + f"/env{ending}")
    for ending in ("", ".txt")
]
_DELETE = routes("write_build_logs", JOB + "/log", delete_log, "DELETE", org_path=ORG_JOB + "/log")
ROUTES = [route for group in (*_LOG, *_ENV, _DELETE) for route in group]
