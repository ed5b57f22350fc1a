"""Start a run again, its failed jobs or all of it, in its vendor's own way."""

from dataclasses import dataclass

from ci_mcp.core.services import Services
from ci_mcp.core.shapes import Run
from ci_mcp.errors import CiError, UnsupportedError, UsageError
from ci_mcp.status import Status
from ci_mcp.triage.choose import choose
from ci_mcp.triage.target import Found, Target

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


async def rerun(services: Services, meant: Found, *, failed_only: bool) -> Rerun:
    """Start the one run that is meant again.

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
    started = await hooks.rerun(api, choice.id, failed_only)
    ends = f'ci_wait(target="{target.provider}:#{started}") tells how it ends'
    seen: Run | None = None
    if hooks.run:
        try:
            seen = await hooks.run(api, started)
        except CiError:  # it was started, and that is what must be told
            seen = None
    return Rerun(
        status=seen.status if seen and not seen.status.finished else Status.QUEUED,
        provider=target.provider,
        project=(seen.project if seen else "") or target.place.project,
        branch=(seen.branch if seen else "") or target.place.branch,
        id=started,
        of=choice.id,
        which="failed jobs" if failed_only and not hooks.reruns_all else "all",
        url=seen.url if seen else "",
        note="; ".join(filter(None, [*choice.notes, hooks.reruns_all if failed_only else "", ends])),
    )


def _one_of(meant: Found) -> Target:
    """The only target; raises `UsageError` that names them where there are, or may be, several."""
    targets = meant.targets
    if len(targets) == 1 and not meant.problems:
        return targets[0]
    named = [_name_of(target) for target in targets]
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    said = ", and ".join([", ".join(named[:_NAMED]) + more, *meant.problems])
    raise UsageError(f"several runs {'are' if len(targets) > 1 else 'may be'} meant: {said}", "name one of them")


def _name_of(target: Target) -> str:
    """A target as it is typed."""
    place = target.place
    branch = f"@{place.branch}" if place.branch else ""
    return f"{target.provider}:{place.project}{branch}" + (f"#{place.run}" if place.run else "")
