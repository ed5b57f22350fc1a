"""The answer of ``ci_explain``: the telling thing first, in the room there is."""

import re
from collections import Counter
from typing import Any

from ci_mcp.core.answer import plain, tokens
from ci_mcp.core.fence import fence
from ci_mcp.core.services import Services
from ci_mcp.core.shapes import Prose, Run, TestCase
from ci_mcp.triage import words
from ci_mcp.triage.gather import Explained, Story

MOST_TESTS = 8
MOST_NAMES = 10
_ID = re.compile(r"[0-9a-f-]{32,}")  # a person's id tells a reader nothing
_MESSAGE = 200  # characters of a test's message
_FENCE = 20  # tokens of the lines around an excerpt


def prose(services: Services, stories: list[Story], problems: list[str]) -> Prose:
    """The stories as text and as data; ``problems`` are providers that could not be asked, in words."""
    parts = [_story(services, story) for story in stories]
    text = "\n\n".join([*parts, *(f"not asked: {problem}" for problem in problems)])
    data: dict[str, Any] = {"runs": [record(story) for story in stories], "problems": problems}
    return Prose(text, data)


def _story(services: Services, story: Story) -> str:
    run = story.run
    lines = [f"{run.status.value.upper()}  {_where(story)}", *([run.url] if run.url else [])]
    lines += [_jobs(run), *([run.reason] if run.reason else []), *story.notes]
    if story.target.place.job and not story.explained:
        lines += ["", f"The job {_job_name(story)} did not fail."]
    for number, one in enumerate(story.explained, 1):
        lines += ["", *_failed(services, story, number, one)]
    if story.unread:
        names = ", ".join(story.unread[:MOST_NAMES])
        more = f" and {len(story.unread) - MOST_NAMES} more" if len(story.unread) > MOST_NAMES else ""
        lines += ["", f"Left out: {words.count(len(story.unread), 'more failed job')}: {names}{more}"]
    if story.green:
        lines += ["", _green(run, story.green)]
    elif story.compared and run.status.bad and run.branch and run.project:
        lines += ["", f"No green run of {run.branch} was found to compare with."]
    return "\n".join(lines)


def _where(story: Story) -> str:
    run = story.run
    place = f"{story.target.provider} {run.project}" + (f"@{run.branch}" if run.branch else "")
    title = f' "{run.title.splitlines()[0][:80]}"' if run.title else ""
    parts = [
        place,
        f"commit {run.commit[:10]}{title}" if run.commit else "",
        f"by {run.actor}" if run.actor and not _ID.fullmatch(run.actor) else "",
    ]
    if run.created:
        parts.append(words.ago(run.created))
    if run.duration:
        parts.append(f"took {words.duration(run.duration)}")
    return ", ".join(part for part in parts if part)


def _jobs(run: Run) -> str:
    counts = dict(run.counts or Counter(job.status.value for job in run.jobs))
    if not counts:
        return f"run {run.id}"
    said = ", ".join(f"{number} {status}" for status, number in sorted(counts.items(), key=_bad_first))
    return f"run {run.id}, {words.count(sum(counts.values()), 'job')}: {said}"


def _job_name(story: Story) -> str:
    wanted = story.target.place.job
    return next((f'"{job.name}" ({job.status.value})' for job in story.run.jobs if job.id == wanted), wanted)


def _bad_first(pair: tuple[str, int]) -> tuple[bool, str]:
    return pair[0] != "failed", pair[0]


def _failed(services: Services, story: Story, number: int, one: Explained) -> list[str]:
    job = one.failure.job
    step = f" in `{one.step.splitlines()[0][:120]}`" if one.step else ""
    code = f", {words.exit_code(one.exit_code)}" if one.exit_code is not None else ""
    infrastructure = " (infrastructure, not the code)" if one.failure.infrastructure else ""
    head = f'{number}. Job "{job.name}" {job.status.value}{step}{code}{infrastructure}'
    lines = [
        head + (f"; the same in {words.count(len(one.also), 'other job')}: {_names(one.also)}" if one.also else "")
    ]
    lines += [said for said in (one.failure.reason, one.problem) if said and said != story.run.reason]
    lines += _tests(one)
    if one.excerpt is not None:
        lines.append(fence(one.excerpt.text(), "log"))
    tool = next((t.name for t in services.catalog.of(story.target.provider) if t.name.endswith("_logs")), "")
    if one.failure.job.log_id and tool and not one.problem:
        lines.append(f'more of this log: {tool}(job="{job.id}", around=LINE) or search="REGEX"')
    return lines


def _names(names: tuple[str, ...]) -> str:
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _tests(one: Explained) -> list[str]:
    failing = one.failure.tests
    if not failing:
        return []
    total = f" of {one.failure.tests_total:,}" if one.failure.tests_total else ""
    lines = [f"Failing tests: {len(failing):,}{total}", *(f"- {_test(test)}" for test in failing[:MOST_TESTS])]
    if len(failing) > MOST_TESTS:
        lines.append(f"- … {len(failing) - MOST_TESTS:,} more")
    return lines


def _test(test: TestCase) -> str:
    place = f"{test.file}:{test.line} " if test.file and test.line else f"{test.file} " if test.file else ""
    message = test.message.strip().partition("\n")[0][:_MESSAGE]
    return f"{place}{test.name}" + (f": {message}" if message else "")


def _green(run: Run, green: Run) -> str:
    when = f", {words.ago(green.created)}" if green.created else ""
    if green.commit and green.commit == run.commit:
        return f"The same commit passed in run {green.id}{when}: suspect a flaky test or the environment."
    commits = f": commits {green.commit[:10]}..{run.commit[:10]} came since" if green.commit and run.commit else ""
    of = f" of {run.branch}" if run.branch else ""
    return f"Last green run{of}: {green.id}{when}{commits}."


def record(story: Story) -> dict[str, Any]:
    """A story as JSON values, for ``--format json``."""
    run = plain(story.run)
    run.pop("jobs", None)
    failures = [
        plain(
            {
                "job": one.failure.job,
                "also": one.also or None,
                "step": one.step or None,
                "exit_code": one.exit_code,
                "reason": one.failure.reason or one.problem or None,
                "infrastructure": one.failure.infrastructure or None,
                "tests": one.failure.tests or None,
                "tests_total": one.failure.tests_total,
                "excerpt": one.excerpt.records() if one.excerpt else None,
            }
        )
        for one in story.explained
    ]
    more = {"failures": failures, "left_out": list(story.unread), "notes": list(story.notes)}
    green = {"green": plain(story.green)} if story.green else {}
    return {"status": run.pop("status"), "provider": story.target.provider, **run, **more, **green}


def frame(services: Services, story: Story) -> int:
    """The tokens that a story takes without its excerpts."""
    return tokens(_story(services, story)) + _FENCE * len(story.explained)
