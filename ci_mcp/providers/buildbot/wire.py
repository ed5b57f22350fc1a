"""Buildbot's JSON, read into our vocabulary."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Job, Run
from ci_mcp.core.wire import Json as Json
from ci_mcp.core.wire import first_line as first_line
from ci_mcp.core.wire import part as part
from ci_mcp.core.wire import parts as parts
from ci_mcp.core.wire import seconds_between as seconds_between
from ci_mcp.core.wire import text as text
from ci_mcp.core.wire import whole as whole
from ci_mcp.providers.buildbot import ids
from ci_mcp.providers.buildbot.ask import line as line
from ci_mcp.status import Status

EXCEPTION: Final = 4
RESULTS: Final[Mapping[int, tuple[Status, str]]] = {
    0: (Status.PASSED, ""),
    1: (Status.PASSED, "warnings"),
    2: (Status.FAILED, ""),
    3: (Status.SKIPPED, ""),
    EXCEPTION: (Status.FAILED, "exception"),
    5: (Status.CANCELED, "retry"),
    6: (Status.CANCELED, ""),
}
"""How something ended: the status, and Buildbot's own word where that says more."""

_FAR: Final = 253_402_300_800  # seconds since 1970 at the year 10000


def when(value: Any) -> datetime | None:
    """A time given as seconds since 1970; ``None`` where it is unset."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return datetime.fromtimestamp(value, UTC) if is_number and 0 < value < _FAR else None


def values(raw: Json, name: str) -> list[str]:
    """What a property of a build has: one text, or one for each of its codebases or owners."""
    found = part(raw, "properties").get(name)
    value = found[0] if isinstance(found, list) and found else None
    if isinstance(value, Mapping):
        value = list(value.values())
    several = value if isinstance(value, list) else [value]
    return [str(one) for one in several if isinstance(one, (str, int)) and one != "" and not isinstance(one, bool)]


def value(raw: Json, *names: str) -> str:
    """The first value that one of these properties has; empty where none has any."""
    return next((found[0] for name in names if (found := values(raw, name))), "")


def ending(raw: Json) -> tuple[Status, str]:
    """How a build or step stands, and Buildbot's word where that says more."""
    if raw.get("complete") is True:
        ended = whole(raw, "results")
        return RESULTS.get(-1 if ended is None else ended, (Status.UNKNOWN, ""))
    return (Status.RUNNING if raw.get("started_at") is not None else Status.QUEUED), ""


def project(raw: Json) -> str:
    """The name of a build's builder; its id where the name was not asked for."""
    return line(value(raw, "buildername")) or str(raw.get("builderid") or "")


def run(api: Api, raw: Json) -> Run:
    """A build without its steps."""
    status, word = ending(raw)
    started, finished = when(raw.get("started_at")), when(raw.get("complete_at"))
    return Run(
        status=status,
        id=str(raw.get("buildid") or ""),
        project=project(raw),
        word=word,
        branch=line(value(raw, "branch")),
        commit=line(value(raw, "got_revision", "revision")),
        title=first_line(value(raw, "reason")) or line(value(raw, "scheduler")),
        actor=line(value(raw, "owner", "owners")),
        url=url(api, raw),
        created=started,
        finished=finished,
        duration=seconds_between(started, finished),
        reason=reason(raw) if status.bad else "",
    )


def url(api: Api, raw: Json) -> str:
    """The web page of a build."""
    builder, number = raw.get("builderid"), raw.get("number")
    return ids.web(api, "builders", builder, "builds", number) if builder and number else ""


def reason(raw: Json) -> str:
    """What the server says of a build or step that is not green."""
    return line(raw.get("state_string"))


def step_id(raw: Json) -> str:
    """A step's id, told apart from a build's; empty where the server gives none."""
    return f"s{raw.get('stepid')}" if raw.get("stepid") else ""


def job(api: Api, build: Json, raw: Json, *, block: str = "") -> Job:
    """A step as triage sees it.

    A step that failed in a build that did not is one that does not count.
    """
    status, word = ending(raw)
    if status is Status.FAILED and ending(build)[0] is Status.PASSED:
        status, word = Status.PASSED, "failed, and does not count"
    page = url(api, build)
    step = str(raw.get("stepid") or "")
    # A command that failed has its output in this log: it is not looked for first.
    plain = status is Status.FAILED and not word
    return Job(
        status=status,
        name=line(raw.get("name")),
        id=step_id(raw),
        word=word,
        block=block,
        url=f"{page}/steps/{raw.get('number')}" if page else "",
        started=when(raw.get("started_at")),
        finished=when(raw.get("complete_at")),
        log_id="" if status in {Status.SKIPPED, Status.QUEUED} or starts(raw) else f"{step}/stdio" if plain else step,
    )


def starts(step: Json) -> bool:
    """Whether a step has started other builds, and so has no log: it links to them."""
    return any("/#/build" in text(one, "url") for one in parts(step.get("urls")))


def with_steps(one: Run, jobs: Sequence[Job]) -> Run:
    """A run with those of its jobs that are not green; one that broke off is certain to fail."""
    broken = any(found.word == "exception" for found in jobs)
    return replace(
        one,
        status=Status.FAILING if one.status is Status.RUNNING and broken else one.status,
        jobs=tuple(found for found in jobs if found.status not in {Status.PASSED, Status.SKIPPED}),
        counts=dict(Counter(found.status.value for found in jobs)),
    )
