"""What triage asks of builds: the newest of a pipeline, one with its jobs, why it failed, and again."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Failure, Run, RunQuery, TestCase
from ci_mcp.core.together import together
from ci_mcp.errors import CiError, UsageError
from ci_mcp.net.pages import collect
from ci_mcp.providers.buildkite import annotations, builds, engine, ids, jobs, read, wire
from ci_mcp.providers.buildkite import failures as why
from ci_mcp.providers.buildkite.failures import Child
from ci_mcp.providers.buildkite.ids import Named
from ci_mcp.providers.buildkite.records import Annotation
from ci_mcp.providers.buildkite.wire import Json, text
from ci_mcp.status import Status

_STATES: Final = {
    Status.QUEUED: ("creating", "scheduled"),
    Status.RUNNING: ("running", "failing", "canceling"),
    Status.FAILING: ("failing",),
    Status.BLOCKED: ("blocked",),
    Status.PASSED: ("passed",),
    Status.FAILED: ("failed",),
    Status.CANCELED: ("canceled",),
    Status.SKIPPED: ("skipped", "not_run"),
}
_CHILDREN: Final = 2  # triggered builds that are followed: one request each
_SUITES: Final = 5  # suites whose flaky tests are asked for: one request each
_WORDS: Final = 5  # failed jobs up to which Test Engine is asked for what tests said, too


class BuildRun(Run):
    """A run that remembers what it was made from, so that `failures` does not ask for it again."""

    __slots__ = ("found", "named", "test_runs", "uuid")
    found: Sequence[Failure]
    named: Named
    test_runs: Sequence[Json]
    uuid: str


async def runs(api: Api, query: RunQuery) -> list[Run]:
    """Builds of a pipeline, newest first; a build that was rebuilt is another build.

    Route: GET /v2/organizations/{org}/pipelines/{pipeline}/builds.
    Raises: NotFoundError: there is no such pipeline, or none that the token may see.
    """
    named = await read.placed(api, ids.pipeline(api, query.project))
    params = {
        "branch": query.branch,
        "commit": query.commit,
        "state[]": list(_STATES.get(query.status, ())) if query.status else [],
    }
    fetch = builds.listed(api, named, params, query.limit)
    page = await collect(_raw(fetch, named), cursor="", limit=query.limit, max_pages=1)
    read.remember_bad(api, [build.id for build in page.items if build.status.bad])
    return list(page.items)


def _raw(fetch: Any, named: Named) -> Any:
    async def pages(cursor: str) -> tuple[list[Run], str | None]:
        found, following = await fetch(cursor)
        return [_of_list(build, named) for build in found], following

    return pages


def _of_list(build: Any, named: Named) -> Run:
    return Run(
        status=build.status,
        id=build.id,
        project=named.project,
        word=build.word,
        branch=build.branch,
        commit=build.commit,
        title=build.title,
        actor=build.author,
        url=build.url,
        created=build.created,
        finished=build.finished,
        duration=build.duration,
    )


async def run(api: Api, build: str) -> BuildRun:
    """A build; of one that is not green also its jobs that are not, and what its annotations say.

    Of a green or running one a single request is made: who waits for it asks often.
    One that a list has just shown as failed is asked for together with its jobs: a round trip less.
    Route: GET …/builds/{number}; then side by side …/jobs with the states that tell, …/annotations; then the
    jobs of triggered builds.
    Raises: NotFoundError: there is no such build, or none that the token may see.
    """
    named = await read.placed(api, ids.build(api, build))
    look = _Look(api, named)
    bad: list[Callable[[], Awaitable[None]]] = [partial(look.at_jobs, wire.ENDED_BADLY), look.at_annotations]
    # As a request of their own: a hundred that never ran would fill the page of those that failed.
    never: Callable[[], Awaitable[None]] = partial(look.at_jobs, wire.NEVER_RAN)
    if read.was_bad(api, named.build):
        await together([look.at_build, *bad, never])
    else:
        await look.at_build()
        if wire.build_status(look.raw).bad:
            counted = builds.counts(look.raw)
            await together([*bad, never] if not counted or {*wire.NEVER_RAN} & {*counted} else bad)
    if wire.build_status(look.raw).bad:
        await look.at_children()
    return look.whole()


class _Look:
    """What has been read of a build so far."""

    def __init__(self, api: Api, named: Named) -> None:
        self.api, self.named = api, named
        self.raw: Json = {}
        self.jobs: dict[str, Json] = {}
        self.children: dict[str, Child] = {}
        self.annotations: Sequence[Annotation] = ()

    async def at_build(self) -> None:
        self.raw = await read.build(self.api, self.named, include_test_engine="true")

    async def at_jobs(self, states: tuple[str, ...]) -> None:
        found, _ = await jobs.listed(self.api, self.named, states, dict)("")
        self.jobs |= {text(raw, "id"): raw for raw in found}

    async def at_annotations(self) -> None:
        self.annotations = await annotations.telling(self.api, self.named)

    async def at_children(self) -> None:
        """The jobs of the builds that failed trigger jobs started, as far as the token may see them."""
        failed = [(key, child) for key, raw in self.jobs.items() if (child := jobs.triggered(raw)) and _counts(raw)]
        await together([partial(self._at_child, key, child) for key, child in failed[:_CHILDREN]])
        for key, child in failed[_CHILDREN:]:
            self.children[key] = Child(child, problem="it was not looked into")

    async def _at_child(self, key: str, child: Named) -> None:
        try:
            found, _ = await jobs.listed(self.api, child, wire.ENDED_BADLY, dict)("")
            self.children[key] = Child(child, found)
        except CiError as error:
            self.children[key] = Child(child, problem=str(error))

    def _waits(self) -> str:
        """How the step is found that a person must unblock: of a build that is not red no jobs were asked for."""
        shown = f'buildkite_jobs_list(build="{self.named.build}", status="blocked")'
        return f"it waits for somebody to unblock a step: {shown}"

    def whole(self) -> BuildRun:
        """The run as far as it was read; of one that has meanwhile become green, its build alone."""
        raw = self.raw
        found: list[Failure] = []
        if wire.build_status(raw).bad:
            found = why.of_build(self.named, list(self.jobs.values()), self.children)
            found = found or [why.of_nothing(self.named, raw)]
        by_job = {failure.job.id for failure in found}
        about = [one for one in self.annotations if not (one.job and one.job in by_job)]
        found = [_annotated(one, self.annotations) for one in found]
        short = builds.short(raw, self.named)
        counted: dict[str, int] = {}
        for state, number in builds.counts(raw).items():
            key = wire.state_status(state).value
            counted[key] = counted.get(key, 0) + number
        waits = self._waits() if short.status is Status.BLOCKED else ""
        said = (text(raw, "cancel_reason"), waits, annotations.told(about) if found else "")
        made = BuildRun(
            status=short.status,
            id=self.named.build,
            project=self.named.project,
            word=short.word,
            branch=short.branch,
            commit=short.commit,
            title=short.title,
            actor=short.author,
            url=short.url,
            created=short.created,
            finished=short.finished,
            duration=short.duration,
            reason="\n".join(filter(None, said)),
            jobs=tuple(failure.job for failure in found),
            counts=counted,
        )
        object.__setattr__(made, "found", tuple(found))
        object.__setattr__(made, "named", self.named)
        object.__setattr__(made, "test_runs", builds.test_runs(raw))
        read.remember_suites(self.api, self.named.project, map(engine.suite_of, made.test_runs))
        object.__setattr__(made, "uuid", text(raw, "id"))
        return made


def _counts(raw: Json) -> bool:
    return not wire.soft(raw) and wire.job_status(raw) in {Status.FAILED, Status.FAILING}


def _annotated(failure: Failure, found: Sequence[Annotation]) -> Failure:
    """A failure with what its own job's annotations say."""
    mine = [one for one in found if one.job and one.job == failure.job.id]
    if not mine:
        return failure
    return replace(failure, reason="\n".join(filter(None, (failure.reason, annotations.told(mine)))))


async def failures(api: Api, asked: Run, job: str) -> list[Failure]:
    """Why the jobs of a build, or one of them, are not green, with the failing tests that Test Engine knows.

    A run that came from `run` costs requests for tests only, and for one job that is not among its failed ones.
    Route: GET /v2/analytics/organizations/{org}/builds/{uuid}/tests, GET …/suites/{suite}/runs/{run}/failed_executions.
    """
    whole = asked if isinstance(asked, BuildRun) and hasattr(asked, "found") else await run(api, asked.id)
    if not job:
        return await _with_tests(api, whole, list(whole.found))
    wanted = ids.job(api, job).job
    if not any(one.job.id == wanted and one.job.log_id for one in whole.found):
        named = Named(organization=whole.named.organization, job=wanted)
        raw = await read.job(api, named)
        if not wire.job_status(raw).bad and wire.job_status(raw) is not Status.SKIPPED:
            return []
        return [why.of_job(jobs.build_of(raw, whole.named), raw)]
    return [one for one in await _with_tests(api, whole, list(whole.found)) if one.job.id == wanted]


async def _with_tests(api: Api, whole: BuildRun, found: list[Failure]) -> list[Failure]:
    red = [one for one in found if one.job.status is Status.FAILED and one.job.log_id]
    if not whole.test_runs or not red:
        return found
    organization = whole.named.organization
    said: dict[str, Json] = {}
    tests: list[Json] = []

    async def at_tests() -> None:
        tests.extend(await engine.failing(api, organization, whole.uuid))

    async def at_words() -> None:
        if len(red) <= _WORDS:
            said.update(await engine.words_of(api, organization, list(whole.test_runs)))

    try:
        await together([at_tests, at_words])
    except CiError:  # they only add to logs
        return found
    executed = [said.get(text(test, "id"), {}) for test in tests]
    cases: list[TestCase] = [engine.case(test, one) for test, one in zip(tests, executed, strict=True)]
    return why.with_tests(found, cases, [_home(one) for one in executed])


def _home(execution: Json) -> str:
    tags = wire.part(execution, "tags")
    return text(tags, "build.job_id") or text(tags, "build.step_key")


async def rerun(api: Api, build: str, failed_only: bool) -> str:
    """Start a build again: its failed jobs within the same build, or all of it as a new one.

    Route: PUT …/builds/{number}/retry_failed_jobs or PUT …/builds/{number}/rebuild.
    Raises: UsageError: nothing of it has failed.
    """
    named = await read.placed(api, ids.build(api, build))
    if not failed_only:
        return (await builds.rebuild(api, named)).id
    try:
        return (await jobs.retry_failed(api, named)).id
    except UsageError as error:
        if error.status != 400:  # noqa: PLR2004 - the HTTP status
            raise
        raise UsageError(
            f"no job of build {named.build} can be run again ({read.words(error) or 'none has failed'})",
            "run all of it again, or wait until it ends",
            status=error.status,
        ) from None


async def flaky(api: Api, project: str) -> list[TestCase]:
    """The tests that Test Engine calls flaky.

    Of the suites that the build read last has reported to, else of those named for the pipeline, else of all.

    Route: GET /v2/analytics/organizations/{org}/suites, GET …/suites/{suite}/tests?label=flaky.
    Raises: PermissionDeniedError: the token lacks read_suites.
    """
    named = await read.placed(api, ids.pipeline(api, project))
    mine = [ids.slug(slug, "suite") for slug in read.known_suites(api, named.project)]
    if not mine:
        slugs = await engine.suites(api, named.organization)
        mine = [slug for slug in slugs if slug == named.pipeline or slug.startswith(f"{named.pipeline}-")] or slugs
    base = f"{read.ANALYTICS}/organizations/{named.organization}/suites"
    found: list[list[Json]] = await together([partial(_flaky_of, api, base, slug) for slug in mine[:_SUITES]])
    return [_flaky_case(raw) for some in found for raw in some]


async def _flaky_of(api: Api, base: str, suite: str) -> list[Json]:
    with read.explained(f"tests of suite {suite}", "read_suites"):
        reply = await api.get(f"{base}/{suite}/tests", {"label": "flaky", "per_page": read.MOST})
    return wire.records(reply.json(), "tests")


def _flaky_case(raw: Json) -> TestCase:
    file, line = engine.place(text(raw, "location"))
    return TestCase(
        status=Status.UNKNOWN,
        name=text(raw, "name"),
        suite=text(raw, "scope"),
        file=file or text(raw, "file_name"),
        line=int(line) if line else None,
    )
