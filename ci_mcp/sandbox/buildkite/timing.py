"""When the jobs of a build begin and end, and what changes it: retries, cancels and opened gates."""

from ci_mcp.sandbox.buildkite.model import HARD, NEVER, Build, Job, Step, StepSpec, make_id
from ci_mcp.sandbox.recordings import exit_codes

_QUEUE_SECONDS = 1.5
_CANCEL_SECONDS = 1.0
_EXITS = {"timed_out": -1, "canceled": -1, "lost": -1, "expired": None}
_NEVER_RUN = {"broken", "skipped"}


def lay_out(build: Build, specs: tuple[StepSpec, ...]) -> None:
    """Make the steps and jobs of a build, and settle when each begins and ends."""
    build.begin = build.created + 2 * min(build.pace, 1)
    for number, spec in enumerate(specs):
        job = Job(make_id("job", build.id, number), spec, build, spec.recording, build.created)
        build.steps.append(Step(spec, [job]))
    settle(build)
    for step in build.steps:
        if step.spec.retries:
            first = step.attempts[0]
            retry(first, first.finished + 3, "" if step.spec.retries == "automatic" else "ben")


def settle(build: Build) -> None:
    """Settle every job that is not pinned: jobs between two waits run side by side."""
    at, ends, failed, closed, gate = build.begin, [build.begin], False, False, ""
    for step in build.steps:
        job = step.attempts[-1]
        if step.spec.kind in {"waiter", "manual"}:
            at = max(ends)
            gate = {"waiter": "waiting", "manual": "blocked"}[step.spec.kind]
            closed = _settle_gate(job, at, failed=failed, closed=closed)
            at = max(at, job.unblocked_at or at)
        elif not job.pinned:
            _settle_job(job, NEVER if closed else at, build.pace, gate if failed else "")
        ends.append(at)
        if job.started is not None:
            ends.append(job.finished)
        failed = failed or (job.result in HARD and not step.spec.soft)


def _settle_gate(job: Job, at: float, *, failed: bool, closed: bool) -> bool:
    """Settle a wait or a block step; True where nothing passes it."""
    if closed:
        job.ready, job.finished = NEVER, NEVER
        return True
    manual = job.spec.kind == "manual"
    job.ready, job.finished = at, at
    if failed:
        job.result = "blocked_failed" if manual else "waiting_failed"
    elif manual:
        job.result = "unblocked"
        job.finished = NEVER if job.unblocked_at is None else max(at, job.unblocked_at)
    else:
        job.result = "passed"
    return job.finished == NEVER


def _settle_job(job: Job, ready: float, pace: float, gate: str) -> None:
    spec = job.spec
    job.ready, job.started, job.finished, job.result, job.exit_status = ready, None, NEVER, "", None
    if spec.ending in _NEVER_RUN:
        job.finished, job.result = job.build.begin, spec.ending
    elif gate:
        job.finished, job.result = ready, f"{gate}_failed"
    elif spec.ending == "expired":
        job.finished, job.result = ready + spec.seconds, "expired"
    elif ready != NEVER and spec.queue:
        job.started = ready + _QUEUE_SECONDS * min(pace, 1)
        job.pace, job.finished = pace, job.started + spec.seconds * pace
        job.planned = job.finished
        job.result, job.exit_status = _ending(job)


def _ending(job: Job) -> tuple[str, int | None]:
    """How a job that ran ended, and with which exit status."""
    ending = job.spec.ending if not (job.attempt and job.spec.again) else ""
    if ending == "lost":
        return "failed", -1
    if ending:
        return ending, _EXITS.get(ending, 0 if ending == "passed" else 1)
    code = exit_codes()[job.recording] if job.recording else 0
    return ("failed" if code else "passed"), code


def retry(job: Job, now: float, user: str) -> Job:
    """Run a step once more; what waits behind it is settled anew."""
    build, spec = job.build, job.spec
    attempt = job.attempt + 1
    new = Job(make_id("retry", job.id), spec, build, spec.again or job.recording, now, attempt=attempt)
    new.retry_of, job.retried_in = job, new
    job.retry_type, job.retried_by, job.pinned = ("manual" if user else "automatic"), user, True
    _settle_job(new, now, build.pace, "")
    new.pinned = True
    next(step for step in build.steps if job in step.attempts).attempts.append(new)
    settle(build)
    return new


def pin(build: Build, now: float) -> None:
    """Keep what has begun as it is, whatever changes from here on."""
    for job in build.jobs:
        if job.started is not None and job.started <= now:
            job.pinned = True


def unblock(job: Job, now: float, user: str, fields: dict[str, str]) -> None:
    """Open a block step; what waits behind it is settled anew."""
    pin(job.build, now)
    job.unblocked_at, job.unblocked_by, job.fields = now, user, fields
    job.build.meta_data |= fields
    settle(job.build)


def cancel(build: Build, now: float) -> None:
    """Cancel a build: what runs is stopped, what has not begun never does."""
    build.canceled = now
    for job in build.jobs:
        if now < job.finished:
            job.canceling, job.finished, job.result = now, now + _CANCEL_SECONDS, "canceled"
            if not job.has_run(now):
                job.started, job.finished, job.exit_status = None, now, None
            else:
                job.exit_status = -1
            job.pinned = True
