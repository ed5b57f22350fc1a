"""What changed since it was green: the runs to compare with, and what git knows of the commits between."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import anyio.to_thread

from ci_mcp.core.provider import Api, Hooks
from ci_mcp.core.shapes import Run, RunQuery
from ci_mcp.logs.text import clean_text
from ci_mcp.status import Status
from ci_mcp.triage.choose import LOOK_BACK
from ci_mcp.triage.git import git

MOST_COMMITS: Final = 10
_SUBJECT: Final = 100  # characters of a commit's first line
_COMMIT: Final = re.compile(r"[0-9a-f]{7,64}")
_USUAL: Final = ("main", "master", "trunk", "develop")
_DECIDED: Final = frozenset({Status.PASSED, Status.FAILED})


@dataclass(frozen=True, slots=True)
class Past:
    """The runs before one that is not green.

    Attributes:
        green: the last that passed before it, of its branch, else of the default branch.
        same: one that passed before it on the same commit.
        before: the last one of its branch before it that passed or failed.
        jobs: the names of the jobs that failed in ``before``; ``None`` where they were not looked up.
    """

    green: Run | None = None
    same: Run | None = None
    before: Run | None = None
    jobs: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Between:
    """The commits between two, as the checkout has them.

    Attributes:
        count: how many.
        commits: the newest of them: short hash and subject.
        files: the paths that differ.
    """

    count: int
    commits: tuple[str, ...]
    files: frozenset[str] = frozenset()


async def look_back(api: Api, hooks: Hooks, run: Run, history: Sequence[Run], default: str = "") -> Past:
    """The runs to compare ``run`` with: from its ``history``, else in at most three requests of the ``runs`` hook.

    Args:
        api: the service.
        hooks: the provider's.
        run: the run, with its project.
        history: newest runs of its branch or project, newest first; empty where none were asked for.
        default: the project's default branch; empty where it is not known.
    """
    if hooks.runs is None or not run.project:
        return Past()
    known = list(history)
    if not _holds(known, run):
        known += await hooks.runs(api, RunQuery(project=run.project, branch=run.branch, limit=LOOK_BACK))
    older = _older(known, run, run.branch)
    green = _passed(older)
    # Where each status costs a request, a provider leaves some unknown: one of them may be the green one.
    whole = 0 < len(known) < LOOK_BACK and all(one.status is not Status.UNKNOWN for one in known)
    if green is None and not whole:
        query = RunQuery(project=run.project, branch=run.branch, status=Status.PASSED, limit=LOOK_BACK)
        older_green = _older(await hooks.runs(api, query), run, run.branch)
        green, older = _passed(older_green), [*older, *older_green]
    same = next((one for one in older if one.status is Status.PASSED and one.commit and one.commit == run.commit), None)
    if green is None and run.branch and run.branch not in {default, *_USUAL[:2]}:
        green = await _of_default(api, hooks, run, default, known)
    return Past(green, same, before(run, older))


def before(run: Run, history: Sequence[Run]) -> Run | None:
    """The last run of the same branch before one that passed or failed."""
    return next((one for one in _older(history, run, run.branch) if one.status in _DECIDED), None)


async def _of_default(api: Api, hooks: Hooks, run: Run, default: str, known: Sequence[Run]) -> Run | None:
    """The last green run of the default branch, which is guessed from the known runs where it is not told."""
    query = RunQuery(project=run.project, branch=default, status=Status.PASSED, limit=LOOK_BACK)
    found = [*known, *(await hooks.runs(api, query))] if hooks.runs else []
    names = (default,) if default else _USUAL
    return next((one for name in names if (one := _passed(_older(found, run, name)))), None)


def _holds(history: Sequence[Run], run: Run) -> bool:
    return any(one.id == run.id for one in history)


def _passed(runs: Sequence[Run]) -> Run | None:
    return next((one for one in runs if one.status is Status.PASSED), None)


def _older(runs: Sequence[Run], run: Run, branch: str) -> list[Run]:
    """The runs of a branch, of the same series, that began before ``run``."""
    mine = [one for one in runs if (one.branch, one.series) == (branch, run.series) and one.id != run.id]
    return [one for one in mine if not (one.created and run.created) or one.created < run.created]


async def default_branch(root: str) -> str:
    """The default branch of the checkout's ``origin``; empty where git was not told."""
    said = await anyio.to_thread.run_sync(git, root, "symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD")
    return said.partition("/")[2]


async def between(root: str, old: str, new: str) -> Between | None:
    """What is in ``new`` and not in ``old``; ``None`` where the checkout does not have both."""
    return await anyio.to_thread.run_sync(_between, root, old, new)


def has(root: str, commit: str) -> bool:
    """Whether the checkout has a commit. Blocks."""
    # What a service calls a commit goes to git as a word: nothing but a hash may.
    return bool(_COMMIT.fullmatch(commit)) and bool(
        git(root, "rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}")
    )


def _between(root: str, old: str, new: str) -> Between | None:
    if old == new or not (has(root, old) and has(root, new)):
        return None
    words = ("log", "--no-show-signature", f"--max-count={MOST_COMMITS}", "--format=%h %s", f"{old}..{new}", "--")
    lines = git(root, *words).splitlines()
    count = git(root, "rev-list", "--count", f"{old}..{new}", "--")
    files = git(root, "diff", "--name-only", "--no-renames", "--no-ext-diff", "-z", old, new, "--").split("\0")
    commits = tuple(clean_text(line)[:_SUBJECT] for line in lines)
    return Between(int(count) if count.isdecimal() else len(commits), commits, frozenset(filter(None, files)))
