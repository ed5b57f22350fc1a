"""FirmwareCI's records as ours."""

from collections.abc import Mapping
from typing import Final

from ci_mcp.core.provider import Api
from ci_mcp.core.wire import seconds_between
from ci_mcp.providers.firmwareci import ids
from ci_mcp.providers.firmwareci.read import Fields, Json
from ci_mcp.providers.firmwareci.records import Dut, Job, Project, Workflow
from ci_mcp.status import Status

STATUSES: Final[Mapping[str, Status]] = {
    "queued": Status.QUEUED,
    "preparing": Status.RUNNING,
    "running": Status.RUNNING,
    "succeeded": Status.PASSED,
    "failed": Status.FAILED,
    "aborted": Status.CANCELED,
}
# Not FirmwareCI's own words: a step's, or a later version's.
_SYNONYMS: Final[Mapping[str, Status]] = {
    "pending": Status.QUEUED,
    "success": Status.PASSED,
    "passed": Status.PASSED,
    "ok": Status.PASSED,
    "failure": Status.FAILED,
    "error": Status.FAILED,
    "canceled": Status.CANCELED,
    "cancelled": Status.CANCELED,
    "skipped": Status.SKIPPED,
}
NAME: Final = ("name", "title", "text")
_COMMIT: Final = ("commit_hash", "commit_sha", "commit", "sha")
_UNFINISHED: Final = frozenset({Status.QUEUED, Status.RUNNING})


def status(word: str) -> Status:
    """FirmwareCI's word for how something stands, as ours; an unknown one is ``unknown``."""
    low = word.strip().lower()
    return STATUSES.get(low) or _SYNONYMS.get(low) or Status.UNKNOWN


def project(raw: Json, *, short: bool = True) -> Project:
    """A project."""
    found = Fields(raw)
    return Project(
        name=found.text(*NAME),
        id=found.text("id", "project_id", "ulid"),
        repository=found.text("repository", "repository_url", "repo_url", "vcs_url", "vcs_link", "link", "url"),
        more=found.rest(short=short),
    )


def workflow(raw: Json, *, short: bool = True) -> Workflow:
    """A workflow."""
    found = Fields(raw)
    return Workflow(
        name=found.text(*NAME),
        id=found.text("id", "workflow_id", "ulid"),
        runs_on=found.text("runs_on", "label"),
        project=found.text("project", "project_name", "project_id"),
        description=found.text("description"),
        more=found.rest(short=short),
    )


def dut(raw: Json, *, short: bool = True) -> Dut:
    """A device under test."""
    found = Fields(raw)
    return Dut(
        name=found.text(*NAME),
        id=found.text("id", "dut_id", "ulid"),
        label=found.text("label", "labels"),
        word=found.text("status", "state"),
        project=found.text("project", "project_name", "project_id"),
        more=found.rest(short=short),
    )


def job(api: Api, raw: Json, *, short: bool = True) -> Job:
    """A job."""
    found = Fields(raw)
    word = found.text("status", "state")
    identity = found.text("id", "job_id", "ulid")
    how = status(word)
    started, finished = found.when("started_at", "start_time", "started"), None
    ended = found.when("finished_at", "ended_at", "completed_at", "stopped_at", "end_time", "finished")
    if how not in _UNFINISHED:
        finished = ended
    taken = found.seconds("duration", "duration_seconds")
    return Job(
        status=how,
        name=found.text("test", "test_name", *NAME) or identity,
        id=identity,
        word=word if word.lower() not in {how.value, ""} else "",
        error=found.text("error", "error_message", "failure_reason", "message", "reason"),
        workflow=found.text("workflow", "workflow_name"),
        workflow_id=found.text("workflow_id") or found.part("workflow").text("id"),
        project=project_of(found),
        dut=found.text("dut", "dut_name", "device", "dut_id"),
        request=found.text("job_request_id", "request_id", "job_request", "request"),
        commit=_commit(found),
        created=found.when("created_at", "queued_at", "submitted_at", "created"),
        started=started,
        finished=finished,
        duration=seconds_between(started, finished) or taken or None,
        url=_url(found) or ids.web(api, "jobs", identity),
        more=found.rest(short=short),
    )


def project_of(found: Fields) -> str:
    """The project of a record: its name where that is told, else its id; empty where neither is."""
    within = found.part("workflow")
    return found.text("project", "project_name", "project_id") or within.text("project", "project_name", "project_id")


def _commit(found: Fields) -> str:
    info = found.part("info")
    for part in (found, *(found.part(n) for n in ("vcs", "git")), *(info.part(n) for n in ("gerrit", "meta"))):
        if said := part.text(*_COMMIT):
            return said
    return ""


def _url(found: Fields) -> str:
    for name in ("web_url", "html_url", "url", "link"):
        said = found.text(name)
        if said.startswith("https://"):
            return said
    return ""
