"""Which run a target means: the one it names, HEAD's newest, or the newest of its branch or project."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ci_mcp.core.provider import Api, Hooks
from ci_mcp.core.services import Services
from ci_mcp.core.shapes import Checkout, Run, RunQuery
from ci_mcp.errors import NotFoundError, UnsupportedError
from ci_mcp.triage.target import Target

LOOK_BACK = 20  # runs of a branch among which HEAD's, and the last green one, are looked for
_SHORT = 7  # characters of a commit that tell it from others


@dataclass(frozen=True, slots=True)
class Choice:
    """The run that a target means.

    Attributes:
        id: as the ``run`` hook takes it.
        listed: the run as a list has shown it, without its jobs; ``None`` where the target named it itself.
        history: the newest runs of its branch (of its project where the target names no branch), newest first;
            empty where they were not asked for.
        notes: what the reader must know of the choice.
        of_head: false where a checkout's HEAD was meant and has no run.
    """

    id: str
    listed: Run | None = None
    history: Sequence[Run] = ()
    notes: tuple[str, ...] = ()
    of_head: bool = True


async def choose(services: Services, target: Target, *, whole: bool = False) -> Choice:
    """The run that ``target`` means; one request of the ``runs`` hook where HEAD's run is among its branch's newest.

    ``whole`` is said where its jobs will be asked for through the ``whole`` hook.

    Raises: NotFoundError: there is no run; UnsupportedError: the provider has none to show.
    """
    api, hooks = target.api(services), services.provider(target.provider).hooks
    if hooks.run is None or hooks.runs is None:
        raise UnsupportedError(f"{target.provider} has no runs to tell of")
    if target.place.run:
        return Choice(target.place.run, notes=target.notes)
    history = await _history(api, hooks, target, whole=whole)
    return await _of_head(api, hooks, target, history) if target.here else _newest(target, history)


async def _history(api: Api, hooks: Hooks, target: Target, *, whole: bool) -> list[Run]:
    """The newest runs of the target's branch; none where HEAD has no branch, for those would be anybody's."""
    here, place = target.here, target.place
    if hooks.runs is None or (here and not place.branch):
        return []
    try:
        query = RunQuery(project=place.project, branch=place.branch, limit=LOOK_BACK, whole=whole)
        return await hooks.runs(api, query)
    except NotFoundError:
        if here is None or here.pushed is False:
            raise
        return []  # the CI may know HEAD's branch by another name


async def _of_head(api: Api, hooks: Hooks, target: Target, history: list[Run]) -> Choice:
    here, place = target.here or Checkout(root=""), target.place
    commits = [commit for commit in (here.commit, here.merged) if commit]
    found = [run for run in history if _is_one_of(run.commit, commits)]
    if not found and hooks.runs and here.pushed is not False:
        for commit in commits:
            query = RunQuery(project=place.project, commit=commit, limit=1)
            found = found or await hooks.runs(api, query)
    if found:
        branch = found[0].branch
        elsewhere = f" on {branch}" if branch and branch != place.branch else ""
        said = f"the newest run of HEAD ({found[0].commit[:10]}){elsewhere}"
        return Choice(found[0].id, found[0], () if elsewhere else history, (*target.notes, said))
    if not history and not place.branch and hooks.runs:
        history = await hooks.runs(api, RunQuery(project=place.project, limit=LOOK_BACK))
    chosen = _newest(target, history)
    of = f"branch {place.branch}" if place.branch else "the project"
    return replace(
        chosen, notes=(*target.notes, f"{_without_run(here)}: this is the newest run of {of}"), of_head=False
    )


def _newest(target: Target, history: list[Run]) -> Choice:
    if history:
        return Choice(history[0].id, history[0], history, target.notes)
    here, place = target.here, target.place
    where = (place.project or target.provider) + (f"@{place.branch}" if place.branch else "")
    how = "name another branch, or paste the URL of a run"
    if here and here.pushed is False:
        raise NotFoundError(f"{where} has no runs, and {_without_run(here)}", f"push it, {how}")
    raise NotFoundError(f"{where} has no runs", how)


def _without_run(here: Checkout) -> str:
    head = f"HEAD ({here.commit[:10]})" if here.commit else "HEAD"
    return f"{head} is not pushed" if here.pushed is False else f"no run of {head} was found"


def _is_one_of(commit: str, wanted: Sequence[str]) -> bool:
    """True where a run's commit, which may be shortened, is one of these."""
    return len(commit) >= _SHORT and any(whole.startswith(commit) for whole in wanted)
