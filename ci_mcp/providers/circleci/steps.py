"""The steps of a job with their outcomes, from v3 or v1.1, and which of them tell why it failed."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from ci_mcp.core.provider import Api
from ci_mcp.core.together import settled
from ci_mcp.errors import CiError, NotFoundError
from ci_mcp.providers.circleci import ids, read, wire
from ci_mcp.providers.circleci.ids import Named
from ci_mcp.providers.circleci.wire import Json, text
from ci_mcp.status import Status

_NO_OUTCOME: Final = frozenset({Status.RUNNING, Status.CANCELED, Status.UNKNOWN, Status.QUEUED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One step on one parallel run.

    Attributes:
        node: which parallel run, from 0.
        number: CircleCI's number of the step, sparse.
        name: of the step.
        command: what it runs, where that is told.
        status: how it stands, an exit code other than 0 included.
        word: CircleCI's own status.
        exit_code: of its command, where it has ended.
        started: when it began.
        finished: when it ended.
        out: bytes of its standard output, ``None`` where that is not told.
        err: bytes of its error output, likewise.
        url: where v1.1 keeps its output; empty for none.
        cut: CircleCI has cut its output.
    """

    node: int
    number: int
    name: str
    status: Status
    command: str = ""
    word: str = ""
    exit_code: int | None = None
    started: datetime | None = None
    finished: datetime | None = None
    out: int | None = None
    err: int | None = None
    url: str = ""
    cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """A job's steps as one of the routes tells them.

    Attributes:
        job_id: the job's id where v3 gave them; empty where v1.1 did.
        project: the job's project.
        number: the job's number.
        status: how the job stands.
        actions: all steps of all parallel runs, in their order.
    """

    job_id: str
    project: str
    number: str
    status: Status
    actions: Sequence[Action] = ()


async def steps(api: Api, named: Named) -> Steps:
    """The steps of a job: from v3 where this host serves it and knows the job, else from v1.1.

    Route: GET /api/v3/jobs/{id}; GET /api/v1.1/project/{vcs}/{org}/{repo}/{number}.
    Raises: NotFoundError: there is no such job, or none that the token may see.
    """
    job_id = named.job_id or await _job_id(api, named)
    newer, older = partial(_newer, api, job_id, named), partial(_older, api, named)
    if read.serves_v3(api) is None:  # nobody knows yet: both at once, rather than one after the other
        found = await settled([newer, older])
        told = next((one for one in found if isinstance(one, Steps)), None)
        problem = next((one for one in found if isinstance(one, CiError)), None)
        if told is None and problem is not None:
            raise problem
    else:
        told = await newer() or await older()
    if told is None:
        raise NotFoundError(f"job {job_id} has no number yet, so it has no steps", "wait until it starts")
    return told


async def _newer(api: Api, job_id: str, named: Named) -> Steps | None:
    found = await read.v3(api, f"/jobs/{job_id}") if job_id else None
    return _new(found, job_id, named) if found is not None else None


async def _older(api: Api, named: Named) -> Steps | None:
    if not named.job:
        return None
    with read.explained(api, "job", f"{named.project}/{named.job}"):
        path = f"{read.V1}/project/{ids.old_path(named.project)}/{named.job}"
        return _old(await read.get(api, path, "job"), named)


async def _job_id(api: Api, named: Named) -> str:
    """A job's id by its number: v2 tells its workflow only, whose jobs have both."""
    name = f"{named.project}/{named.job}"
    known = read.known_job_id(api, name)
    if known or read.serves_v3(api) is False:
        return known
    with suppress(NotFoundError):  # v1.1 may know it all the same, and tells if not
        workflow = named.workflow or workflow_of(await read.job(api, named.project, named.job))
        if ids.is_uuid(workflow):
            await read.jobs(api, workflow)
    return read.known_job_id(api, name)


def workflow_of(job: Json) -> str:
    """The id of the newest workflow that a job belongs to."""
    return text(wire.part(job, "latest_workflow"), "id")


def _new(body: Json, job_id: str, named: Named) -> Steps:
    about = wire.part(body, "data", "attributes")
    found = [
        _action(raw, node)
        for node, run in enumerate(wire.parts(about.get("parallel_executions")))
        for raw in wire.parts(run.get("steps"))
    ]
    status, _ = wire.phase_status(about)
    return Steps(job_id=job_id, project=named.project, number=named.job, status=status, actions=found)


def _action(raw: Json, node: int) -> Action:
    status, word = wire.phase_status(raw)
    code = wire.whole(raw, "exit_code")
    return Action(
        node=node,
        number=wire.whole(raw, "num") or 0,
        name=text(raw, "name"),
        command=text(raw, "command"),
        status=_by_code(status, code),
        word=word,
        exit_code=code,
        started=wire.when(raw.get("started_at")),
        finished=wire.when(raw.get("ended_at")),
        out=wire.whole(raw, "stdout_bytes"),
        err=wire.whole(raw, "stderr_bytes"),
    )


def _by_code(status: Status, code: int | None) -> Status:
    return Status.FAILED if code and status is not Status.CANCELED else status


def _old(body: Json, named: Named) -> Steps:
    found = [
        _old_action(raw, step) for step in wire.parts(body.get("steps")) for raw in wire.parts(step.get("actions"))
    ]
    found.sort(key=lambda action: (action.node, action.number))
    status = wire.job_status(text(body, "outcome") or text(body, "status"))
    return Steps(job_id="", project=named.project, number=named.job, status=status, actions=found)


def _old_action(raw: Json, step: Json) -> Action:
    word = text(raw, "status")
    for flag in ("timedout", "infrastructure_fail", "failed", "canceled"):
        if raw.get(flag) is True:
            word = word if wire.job_status(word).bad else flag
    code = wire.whole(raw, "exit_code")
    has_output = raw.get("has_output") is not False
    return Action(
        node=wire.whole(raw, "index") or 0,
        number=wire.whole(raw, "step") or 0,
        name=text(raw, "name") or text(step, "name"),
        status=_by_code(wire.job_status(word), code),
        word=word,
        exit_code=code,
        started=wire.when(raw.get("start_time")),
        finished=wire.when(raw.get("end_time")),
        out=None if has_output else 0,
        err=None if has_output else 0,
        url=text(raw, "output_url") if has_output else "",
        cut=raw.get("truncated") is True,
    )


def telling(found: Steps) -> list[Action]:
    """The steps whose output says why a job is not green; all of them where it is.

    Of a job that was stopped from outside (canceled, out of time) the last step counts, too, and of one whose
    steps all look well the last one of each parallel run.
    """
    if not (found.status.bad and found.status.finished):
        return list(found.actions)
    last = {action.node: action for action in found.actions if action.started or action.finished or action.word}
    failed = [action for action in found.actions if action.status is Status.FAILED]
    cut_off = [action for action in last.values() if action.status in _NO_OUTCOME]
    chosen = failed + [action for action in cut_off if action not in failed]
    return sorted(chosen or last.values(), key=lambda action: (action.node, action.number))
