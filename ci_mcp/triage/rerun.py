"""Start a run again, its failed jobs or all of it, in its vendor's own way."""

from dataclasses import dataclass

from ci_mcp.core.services import Services
from ci_mcp.core.shapes import Run
from ci_mcp.errors import CiError, UnsupportedError, UsageError
from ci_mcp.status import Status
from ci_mcp.triage.choose import choose
from ci_mcp.triage.target import Target

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


async def rerun(services: Services, targets: list[Target], *, failed_only: bool) -> Rerun:
    """Start the one run that is meant again.

    Raises: UsageError: several are meant, or nothing of it has failed; UnsupportedError: the vendor has no such
    call; what `ci_mcp.triage.choose.choose` raises.
    """
    target = one_of(targets)
    hooks = services.provider(target.provider).hooks
    if hooks.rerun is None:
        title = services.service(target.provider).title
        raise UnsupportedError(f"{title} starts no run again for its API", "start it where its commits come from")
    choice = await choose(services, target)
    api = target.api(services)
    started = await hooks.rerun(api, choice.id, failed_only)
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
        which="failed jobs" if failed_only else "all",
        url=seen.url if seen else "",
        note="; ".join([*choice.notes, f'ci_wait(target="{target.provider}:#{started}") tells how it ends']),
    )


def one_of(targets: list[Target]) -> Target:
    """The only target; raises `UsageError` that names them where there are several."""
    if len(targets) == 1:
        return targets[0]
    named = [name_of(target) for target in targets]
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    raise UsageError(f"several runs are meant: {', '.join(named[:_NAMED])}{more}", "name one of them")


def name_of(target: Target) -> str:
    """A target as it is typed."""
    place = target.place
    branch = f"@{place.branch}" if place.branch else ""
    return f"{target.provider}:{place.project}{branch}" + (f"#{place.run}" if place.run else "")
