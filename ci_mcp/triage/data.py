"""An explanation as data, for ``--format json``: a shape that scripts depend on."""

from dataclasses import replace
from typing import Any

from ci_mcp.core.answer import plain
from ci_mcp.triage.gather import Story
from ci_mcp.triage.reading import Explained


def record(story: Story) -> dict[str, Any]:
    """A story as JSON values."""
    run = plain(replace(story.run, jobs=()))
    more: dict[str, Any] = {
        "failures": [_failure(story, one) for one in story.explained],
        "left_out": [job.name for job in story.unread],
        "aside": [plain({"job": one.job, "jobs": one.jobs, "reason": one.reason or None}) for one in story.aside],
        "notes": list(story.notes),
    }
    return {"status": run.pop("status"), "provider": story.target.provider, **run, **more, **_changes(story)}


def _failure(story: Story, one: Explained) -> dict[str, Any]:
    cause = one.cause
    record: dict[str, Any] = plain(
        {
            "job": one.failure.job,
            "also": one.also or None,
            "step": one.step or None,
            "exit_code": one.exit_code,
            "reason": one.failure.reason or one.problem or None,
            "infrastructure": one.failure.infrastructure or None,
            "cause": plain(
                {"blame": cause.blame, "source": cause.source, "what": cause.what or None, "line": cause.line}
            )
            if cause
            else None,
            "tests": one.failure.tests or None,
            "tests_total": one.failure.tests_total,
            "flaky": [test.name for test in one.failure.tests if test.name in story.flaky] or None,
            "files": [plain({"path": place.path, "line": place.line}) for place in one.places] or None,
            "new": _is_new(story, one),
            "excerpt": one.excerpt.records() if one.excerpt else None,
        }
    )
    return record


def _is_new(story: Story, one: Explained) -> bool | None:
    past = story.past
    if past is None or past.before is None:
        return None
    if not past.before.status.bad:
        return True
    return None if past.jobs is None else one.failure.job.name not in past.jobs


def _changes(story: Story) -> dict[str, Any]:
    past, between = story.past, story.between
    if past is None:
        return {}
    found = {"green": past.green, "same_commit_passed": past.same, "before": past.before}
    if between:
        found["commits"] = plain({"count": between.count, "newest": between.commits, "files": len(between.files)})
    record: dict[str, Any] = plain(found)
    return record
