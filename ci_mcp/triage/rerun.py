"""Start a run again, its failed jobs or all of it, in its vendor's own way."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from ci_mcp.core.provider import Api, Hooks
from ci_mcp.core.services import Services
from ci_mcp.core.shapes import Run
from ci_mcp.errors import CiError, NotFoundError, UnsupportedError, UsageError
from ci_mcp.status import Status
from ci_mcp.triage.choose import choose
from ci_mcp.triage.target import Found, Target
from ci_mcp.triage.wait import Clock

Look = Callable[[Api, str], Awaitable[Run]]

_SHOWS = 8.0  # seconds that a vendor is given to show that a run goes on again
_PAUSE = 2.0
_NAMED = 8  # projects that are named where several are meant


@dataclass(frozen=True, slots=True, kw_only=True)
class Rerun:
    """A run that was started. ``of`` is the run that it repeats, which may be the same."""

    status: Status
    provider: str
    project: str = ""
    branch: str = ""
    id: str
    of: str = ""
    which: str = ""
    url: str = ""
    note: str = ""


async def rerun(services: Services, meant: Found, *, failed_only: bool, clock: Clock | None = None) -> Rerun:
    """Start the one run that is meant again, and see to it that the vendor shows it, so that it can be waited for.

    Raises: UsageError: several are meant, or nothing of it has failed; UnsupportedError: the vendor has no such
    call; what `ci_mcp.triage.choose.choose` raises.
    """
    target = _one_of(meant)
    hooks = services.provider(target.provider).hooks
    if hooks.rerun is None:
        title = services.service(target.provider).title
        raise UnsupportedError(f"{title} has no call that starts a run again", "do it on its web page")
    choice = await choose(services, target)
    api = target.api(services)
    if failed_only and hooks.reruns_all and hooks.run:
        old = (await hooks.run(api, choice.id)).status
        if not (old.finished and old.bad):
            raise UsageError(f"run {choice.id} has not failed", "run all of it again, or wait until it ends")
    began = datetime.now(UTC)
    started = await hooks.rerun(api, choice.id, failed_only)
    ends = f'ci_wait(target="{target.provider}:#{started}") tells how it ends'
    seen = await _going(api, hooks.run, started, began, clock or Clock()) if hooks.run else None
    return Rerun(
        status=seen.status if seen and not seen.status.finished else Status.QUEUED,
        provider=target.provider,
        project=(seen.project if seen else "") or target.place.project,
        branch=(seen.branch if seen else "") or target.place.branch,
        id=started,
        of=choice.id,
        which="failed jobs" if failed_only and not hooks.reruns_all else "all",
        url=seen.url if seen else "",
        note="; ".join(filter(None, [*choice.notes, *_more(hooks, target, failed_only=failed_only), ends])),
    )


def _more(hooks: Hooks, target: Target, *, failed_only: bool) -> list[str]:
    """What is started beside what was asked for."""
    if failed_only and hooks.reruns_all:
        return [hooks.reruns_all]
    return ["not this job alone: every failed one of its run"] if failed_only and target.place.job else []


async def _going(api: Api, look: Look, started: str, began: datetime, clock: Clock) -> Run | None:
    """The run that was started; one that is shown as it ended before, or not yet, is looked at again for a while."""
    deadline = clock.now() + _SHOWS
    while True:
        try:
            seen = await look(api, started)
        except NotFoundError:
            seen = None
        except CiError:  # it was started, and that is what must be told
            return None
        if (seen and not _ended_before(seen, began)) or clock.now() >= deadline:
            return seen
        await clock.sleep(_PAUSE)


def _ended_before(seen: Run, began: datetime) -> bool:
    return seen.status.finished and (seen.finished is None or seen.finished <= began)


def _one_of(meant: Found) -> Target:
    """The only target; raises `UsageError` that names them where there are, or may be, several."""
    targets = meant.targets
    if len(targets) == 1 and not meant.problems:
        return targets[0]
    named = [target.typed for target in targets]
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    said = ", and ".join([", ".join(named[:_NAMED]) + more, *meant.problems])
    raise UsageError(f"several runs {'are' if len(targets) > 1 else 'may be'} meant: {said}", "name one of them")
