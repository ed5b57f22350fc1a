"""Why the jobs of a build are not green: what fails the build first, what never ran and what does not count last."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from ci_mcp.core.shapes import Failure, Job, Step, TestCase
from ci_mcp.logs.text import clean_text
from ci_mcp.providers.buildkite import ids, read, reasons, wire
from ci_mcp.providers.buildkite.ids import Named
from ci_mcp.providers.buildkite.jobs import triggered
from ci_mcp.providers.buildkite.wire import Json, text
from ci_mcp.status import Status

_NAMES: Final = 5  # jobs named in one line
_SOFT: Final = "soft failure: the build does not count it"


@dataclass(frozen=True, slots=True)
class Child:
    """The build that a trigger job started: its jobs that are not green, or why they cannot be told."""

    build: Named
    jobs: Sequence[Json] = ()
    problem: str = ""


def job(named: Named, raw: Json, *, before: str = "", log: bool = True) -> Job:
    """A job of a build as triage sees it; ``before`` names what triggered its build."""
    known, status = text(raw, "id"), wire.job_status(raw)
    code, command = wire.exit_status(raw), text(raw, "command").strip().partition("\n")[0]
    steps = (Step(status=status, name=clean_text(command)[:200], exit_code=code),) if code else ()
    has_log = log and bool(raw.get("started_at")) and text(raw, "type") in {"script", "command", ""}
    return Job(
        status=status,
        name=before + wire.job_name(raw),
        id=known,
        word=wire.job_word(raw),
        block=text(raw, "group_key") or text(raw, "step_key"),
        url=text(raw, "web_url") or read.job_web(named, known),
        started=wire.when(raw.get("started_at")),
        finished=wire.when(raw.get("finished_at")),
        steps=steps,
        log_id=f"{named.organization}/{known}" if has_log and ids.is_uuid(known) else "",
    )


def of_job(named: Named, raw: Json, *, before: str = "") -> Failure:
    """Why one job is not green."""
    retried = text(raw, "retried_in_job_id")
    said = [reasons.why(raw), f"it was retried since, as job {retried}" if retried else ""]
    return Failure(
        job=job(named, raw, before=before),
        reason="; ".join(filter(None, said)),
        infrastructure=reasons.infrastructure(raw),
    )


def of_build(named: Named, jobs: Sequence[Json], children: dict[str, Child]) -> list[Failure]:
    """What is not green in a build, the most telling first.

    Jobs that never ran, were canceled beside failed ones, or failed softly are told together, by reason.
    """
    soft = [raw for raw in jobs if wire.soft(raw)]
    jobs = [raw for raw in jobs if text(raw, "type") != "waiter"]  # it does nothing that could fail
    never = [raw for raw in jobs if not wire.soft(raw) and wire.job_status(raw) is Status.SKIPPED]
    stopped = [raw for raw in jobs if not wire.soft(raw) and wire.job_status(raw) in {Status.CANCELED, Status.RUNNING}]
    hard = [raw for raw in jobs if not wire.soft(raw) and wire.job_status(raw) in {Status.FAILED, Status.FAILING}]
    found: list[Failure] = []
    for raw in sorted(hard, key=_last):
        child = children.get(text(raw, "id"))
        found += _triggered(named, raw, child) if child else [of_job(named, raw)]
    if not hard:
        found += [of_job(named, raw) for raw in stopped]
        stopped = []
    found += _together(named, stopped)
    found += _together(named, never)
    return found + _together(named, soft, _SOFT)


def of_nothing(named: Named, build: Json) -> Failure:
    """Why a build is not green that has no such job."""
    status = wire.build_status(build)
    own = Job(status=status, name=f"build {named.number}", id="", url=read.build_web(named))
    if status is Status.CANCELED:
        return Failure(job=own, reason="it was canceled before any of its jobs began")
    return Failure(job=own, reason="no job of it tells why: its steps may not have been read or made at all")


def _last(raw: Json) -> int:
    """Commands that failed by themselves come first, then those that something ended, then those that never began."""
    if text(raw, "state") == "expired":
        return 3
    if reasons.infrastructure(raw):
        return 2
    return 1 if text(raw, "state") in {"timed_out", "timing_out"} else 0


def _triggered(named: Named, raw: Json, child: Child) -> list[Failure]:
    where = child.build.build
    bad = [one for one in child.jobs if not wire.soft(one) and wire.job_status(one).bad]
    hard = [one for one in bad if wire.job_status(one) is not Status.CANCELED] or bad
    before = f"{wire.job_name(raw)} > "
    found = [_of_child(child.build, one, before) for one in sorted(hard, key=_last)]
    if found:
        first = found[0]
        said = "; ".join(filter(None, (f"in build {where}, which this build triggered", first.reason)))
        return [replace(first, reason=said), *found[1:]]
    reason = f"it triggered build {where}" + (f": {child.problem}" if child.problem else ", which did not pass")
    return [Failure(job=job(named, raw), reason=reason)]


def _of_child(build: Named, raw: Json, before: str) -> Failure:
    found, further = of_job(build, raw, before=before), triggered(raw)
    return replace(found, reason=f"it triggered build {further.build}: ask about that") if further else found


def _together(named: Named, jobs: Sequence[Json], reason: str = "") -> list[Failure]:
    """One failure for all jobs with the same reason."""
    groups: dict[str, list[Json]] = {}
    for raw in jobs:
        groups.setdefault(reason or reasons.why(raw), []).append(raw)
    return [_group(named, why, members) for why, members in groups.items()]


def _group(named: Named, reason: str, members: list[Json]) -> Failure:
    first = job(named, members[0], log=False)
    names = list(dict.fromkeys(wire.job_name(raw) for raw in members))
    more = len(names) - _NAMES
    name = ", ".join(names[:_NAMES]) + (f" and {more} more" if more > 0 else "")
    return Failure(job=replace(first, name=name, steps=()), reason=reason, jobs=len(members))


def with_tests(failures: Sequence[Failure], tests: Sequence[TestCase], homes: Sequence[str]) -> list[Failure]:
    """The failures with the failing tests: each at the job that ran it, where that is known, else on their own.

    Args:
        failures: of a build's jobs.
        tests: the failing tests of the build.
        homes: for each test the id or step key of its job; empty where it is not known.
    """
    red = [one for one in failures if one.job.status is Status.FAILED and one.job.log_id]
    mine: dict[str, list[TestCase]] = {}
    rest: list[TestCase] = []
    for test, home in zip(tests, homes, strict=True):
        owner = next((one.job.id for one in red if home and home in {one.job.id, one.job.block}), "")
        owner = owner or (red[0].job.id if len(red) == 1 else "")
        (mine.setdefault(owner, []) if owner else rest).append(test)
    found = [replace(one, tests=tuple(mine.get(one.job.id, ()))) if one in red else one for one in failures]
    if rest:
        own = Job(status=Status.FAILED, name="tests of the build", id="")
        found.append(Failure(job=own, reason="as Test Engine tells; no retry of them passed", tests=tuple(rest)))
    return found
