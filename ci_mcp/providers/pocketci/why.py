"""Why the tasks of a run are not green: what failed by itself first, what never ran last."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from ci_mcp.core.shapes import Failure, Job
from ci_mcp.logs.text import clean_text
from ci_mcp.providers.pocketci import logs, wire
from ci_mcp.providers.pocketci.rows import Row, Tree
from ci_mcp.providers.pocketci.wire import text
from ci_mcp.status import Status

_NAMES: Final = 5  # jobs named in one line
_ORDER: Final = {"failure": 0, "limit_exceeded": 0, "error": 1}
_ABORTED: Final = frozenset({"abort", "aborted"})
_LOST: Final = ("Server restarted", "Pipeline not found during queue dispatch")
_WORDS: Final = {
    "error": "the server could not run it",
    "limit_exceeded": "the agent reached a limit that was set for it",
}


def job(tree: Tree, one: Row) -> Job:
    """A row as triage sees it; its id is the run and its path."""
    run, status = text(tree.run, "id"), tree.of(one)
    ended = one.started + timedelta(seconds=one.elapsed) if one.started and one.elapsed is not None else None
    return Job(
        status=status,
        name=one.title,
        id=f"{run}/{one.path}",
        word="" if one.word in {status.value, "failure", "success"} else one.word,
        started=one.started,
        finished=ended,
        log_id="" if status in {Status.SKIPPED, Status.QUEUED} else logs.log_id(run, one),
    )


def of_run(tree: Tree) -> list[Failure]:
    """What is not green in a run, the most telling first; empty for one that is."""
    if not tree.status.bad:
        return []
    failed = sorted(tree.failed, key=lambda one: _ORDER.get(one.word, 2))
    found = [
        Failure(job=job(tree, one), reason=reason(tree, one), infrastructure=one.word == "error" or _cut_off(tree, one))
        for one in failed
    ]
    found = found or [_nothing(tree)]
    return found + _never(tree, [one for one in tree.jobs if tree.of(one) is Status.SKIPPED])


def reason(tree: Tree, one: Row) -> str:
    """What happened to a row, in words; empty where its exit code and log say it all."""
    said = [_WORDS.get(one.word, "")]
    if one.word in _ABORTED:
        said = [_aborted(tree, one)]
    if one.attempt and one not in tree.leaves:
        said.append("a later attempt of it passed, and the server calls its job failed all the same")
    if one.tried:
        said.append("it stands inside of `try`: its job goes on, and the server calls the run failed all the same")
    return "; ".join(filter(None, said))


def _aborted(tree: Tree, one: Row) -> str:
    """Who ended a row: a person, a server that restarted, or the runner, for its time or for what failed beside it."""
    if wire.stopped(tree.run):
        return "it was stopped with its run"
    if _cut_off(tree, one):
        return "it was cut off when the server restarted"
    if one.word == "aborted":
        return "it was ended with its run"
    if any(other.word in {"failure", "error"} for other in tree.leaves):
        return "it was aborted: it ran longer than its time limit, or what failed beside it ended it"
    return "it ran longer than its time limit"


def _cut_off(tree: Tree, one: Row) -> bool:
    return one.word in _ABORTED and _lost(tree)


def _lost(tree: Tree) -> bool:
    """Whether the server is to blame for a run's end, by its own words."""
    return wire.reason(tree.run).startswith(_LOST)


def _nothing(tree: Tree) -> Failure:
    """Why a run is not green that has no such row: its message is the whole story."""
    said = wire.reason(tree.run)
    own = Job(status=tree.status, name=f"run {text(tree.run, 'id')}", id="")
    if wire.stopped(tree.run):
        return Failure(job=own, reason="it was stopped before a task of it failed")
    return Failure(job=own, reason=said or "no task of it tells why", infrastructure=_lost(tree))


def _never(tree: Tree, rows: Sequence[Row]) -> list[Failure]:
    if not rows:
        return []
    first = job(tree, rows[0])
    names = [clean_text(one.job or one.name) for one in rows]
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    waited = any(one.word == "pending" for one in rows)
    said = "it waits for a job that did not pass" if waited else "it was skipped"
    return [Failure(job=replace(first, name=", ".join(names[:_NAMES]) + more), reason=said, jobs=len(names))]
