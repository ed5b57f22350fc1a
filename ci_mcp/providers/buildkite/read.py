"""The reads that several tools share: one call each, checked, with a refusal put into words."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final, TypeVar

from ci_mcp.core.provider import Api
from ci_mcp.errors import CiError, NotFoundError, PermissionDeniedError, UsageError
from ci_mcp.logs.text import clean_text
from ci_mcp.net.pages import Fetch, link_next, url_next
from ci_mcp.providers.buildkite import wire
from ci_mcp.providers.buildkite.ids import Named
from ci_mcp.providers.buildkite.wire import Json, text

T = TypeVar("T")

BASE: Final = "/v2"
ANALYTICS: Final = "/v2/analytics"
WEB: Final = "https://buildkite.com"
MOST: Final = 100  # records of a page; more is cut to this by the service
LEAN: Final = {"exclude_jobs": "true", "exclude_pipeline": "true"}
"""Without these a build carries all its jobs and its pipeline: a thousand times what is read of it."""

_SAID: Final = 200  # characters of the service's own words
_TOKENS: Final = "https://buildkite.com/user/api-access-tokens"

_REMEMBERED: Final = 500  # builds known to have failed

_only: dict[str, str] = {}
_named: dict[str, str] = {}
_bad: dict[tuple[str, str], None] = {}
_suites: dict[tuple[str, str], tuple[str, ...]] = {}


@contextmanager
def explained(what: str, scope: str) -> Iterator[None]:
    """Say what a refusal of Buildkite means for ``what``, and which scope the call needs.

    Raises:
        NotFoundError: there is no such thing, or none that the token may see: both are a 404.
        PermissionDeniedError: the scope is missing, or the person may not, or the address is not allowed.
    """
    try:
        yield
    except NotFoundError as error:
        if error.status is None:
            raise
        raise NotFoundError(
            f"no {what} at Buildkite, or none that this token may see",
            'check it; "ci-mcp buildkite tokens describe" tells what the token may',
            status=error.status,
            body=error.body,
        ) from None
    except PermissionDeniedError as error:
        said = words(error)
        raise PermissionDeniedError(
            f"this token may not read or change {what}" + (f" (403: {said})" if said else " (403)"),
            f"it takes the scope {scope}, and a person who may: edit the token at {_TOKENS}",
            status=error.status,
            body=error.body,
        ) from None


def words(error: CiError) -> str:
    """What Buildkite said of an error, on one line."""
    try:
        body = json.loads(error.body)
    except (ValueError, RecursionError):
        return ""
    said = body.get("message") if isinstance(body, dict) else None
    return clean_text(" ".join(said.split()))[:_SAID] if isinstance(said, str) else ""


async def organization(api: Api) -> str:
    """The slug of the token's organization: a token is for one. Asked for once a process.

    Route: GET /v2/organizations.
    Raises: UsageError: it cannot be told, or there are several.
    """
    if api.host in _only:
        return _only[api.host]
    try:
        found = wire.records((await api.get(f"{BASE}/organizations", {"per_page": MOST})).json(), "organizations")
    except PermissionDeniedError as error:
        if api.host in _named:
            return _named[api.host]
        raise PermissionDeniedError(
            "this token may not tell its organization (scope read_organizations)",
            "name it: ORGANIZATION/PIPELINE, ORGANIZATION/PIPELINE/NUMBER, ORGANIZATION/JOB, or paste the web URL",
            status=error.status,
            body=error.body,
        ) from None
    slugs = [slug for one in found if (slug := text(one, "slug"))]
    if len(slugs) != 1:
        several = f"this token is for {len(slugs)} organizations: {', '.join(slugs[:5])}" if slugs else ""
        raise UsageError(several or "this token is for no organization", "name it: ORGANIZATION/PIPELINE")
    _only[api.host] = slugs[0]
    return slugs[0]


async def placed(api: Api, named: Named) -> Named:
    """The same with its organization, which is the token's where it was not said; raises what `organization` does."""
    if named.organization:
        _named[api.host] = named.organization
        return named
    return replace(named, organization=await organization(api))


def remember_bad(api: Api, builds: Iterable[str]) -> None:
    """Note the builds that a list has shown as failed, as far as they are recent."""
    _bad.update(dict.fromkeys((api.host, build) for build in builds))
    while len(_bad) > _REMEMBERED:
        del _bad[next(iter(_bad))]


def was_bad(api: Api, build: str) -> bool:
    """Whether a list has shown a build as failed; it may have been retried since."""
    return (api.host, build) in _bad


def remember_suites(api: Api, project: str, suites: Iterable[str]) -> None:
    """Note the test suites that a build of a pipeline has reported to."""
    if found := tuple(dict.fromkeys(one for one in suites if one)):
        _suites[api.host, project] = found


def known_suites(api: Api, project: str) -> tuple[str, ...]:
    """The test suites that the last build of a pipeline has reported to; empty where none was read."""
    return _suites.get((api.host, project), ())


def forget() -> None:
    """Forget every organization, build and suite."""
    for memory in (_only, _named, _bad, _suites):
        memory.clear()


def numbered(
    api: Api, path: str, params: Mapping[str, Any], make: Callable[[Json], T], *, limit: int, of: str, scope: str
) -> Fetch[T]:
    """The pages of a list that is an array, with the next one's number in the ``Link`` header.

    Args:
        api: whom to ask.
        path: of the list.
        params: its filters.
        make: a raw record → ours.
        limit: how many are wanted: the size of a page, which our cursor remembers.
        of: what is listed, for words.
        scope: what the call needs.
    """

    async def fetch(cursor: str) -> tuple[list[T], str | None]:
        page, size = _split(cursor, limit)
        with explained(of, scope):
            reply = await api.get(path, {**params, "page": page, "per_page": size})
        found = wire.records(reply.json(), of)
        following = link_next(reply.headers)
        return [make(one) for one in found], f"{following}.{size}" if following and found else None

    return fetch


def cursored(
    api: Api, path: str, params: Mapping[str, Any], make: Callable[[Json], T], *, limit: int, of: str, scope: str
) -> Fetch[T]:
    """The pages of a list that is ``{items, links}``, with the next one's cursor in a link; as `numbered`."""

    async def fetch(cursor: str) -> tuple[list[T], str | None]:
        after, size = _split(cursor, limit)
        with explained(of, scope):
            reply = await api.get(path, {**params, "after": after, "per_page": size})
        body = reply.json()
        if isinstance(body, list):  # as lists were before they had cursors
            return [make(one) for one in wire.records(body, of)], None
        whole = wire.record(body, f"list of {of}")
        found = wire.records(whole.get("items"), of)
        following = url_next(wire.part(whole, "links").get("next"), "after")
        return [make(one) for one in found], f"{following}.{size}" if following else None

    return fetch


def _split(cursor: str, limit: int) -> tuple[str, int]:
    where, _, size = cursor.rpartition(".")
    number = int(size) if size.isdecimal() and len(size) < 4 else 0  # noqa: PLR2004 - at most 100
    return where, number if 1 <= number <= MOST else min(max(limit, 1), MOST)


async def build(api: Api, named: Named, **params: Any) -> Json:
    """A build without its jobs and pipeline.

    Route: GET /v2/organizations/{org}/pipelines/{pipeline}/builds/{number}.
    Raises: NotFoundError: there is none, or none that the token may see.
    """
    with explained(f"build {named.build}", "read_builds"):
        return wire.record((await api.get(BASE + named.path, {**LEAN, **params})).json(), "build")


async def job(api: Api, named: Named) -> Json:
    """A job; its organization and id are enough.

    Route: GET /v2/organizations/{org}/jobs/{id}.
    Raises: NotFoundError: there is none, or none that the token may see.
    """
    with explained(f"job {named.job}", "read_builds"):
        return wire.record((await api.get(BASE + named.job_path)).json(), "job")


def build_web(named: Named) -> str:
    """The web URL of a build or a pipeline."""
    return f"{WEB}/{named.project}" + (f"/builds/{named.number}" if named.number else "")


def job_web(named: Named, job: str) -> str:
    """The web URL of a job of a build."""
    return f"{build_web(named)}#{job}"
