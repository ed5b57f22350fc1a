"""What changed since it was green: the runs to compare with, and what git knows of the commits between."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import anyio.to_thread

from ci_mcp.core.provider import Api, Hooks
from ci_mcp.core.shapes import Run, RunQuery
from ci_mcp.core.together import together
from ci_mcp.logs.text import clean_text
from ci_mcp.status import Status
from ci_mcp.triage.choose import LOOK_BACK
from ci_mcp.triage.git import git

MOST_COMMITS: Final = 10
_SUBJECT: Final = 100  # characters of a commit's first line
_COMMIT: Final = re.compile(r"[0-9a-f]{7,64}")
_USUAL: Final = ("main", "master", "trunk", "develop")
_FOR_DEFAULT: Final = 3  # spare requests from which on the default branch is asked for
_DECIDED: Final = frozenset({Status.PASSED, Status.FAILED})


@dataclass(frozen=True, slots=True)
class Past:
    """The runs before one that is not green.

    Attributes:
        green: the last that passed before it, of its branch, else of the default branch.
        same: one that passed before it on the same commit.
        before: the last one of its branch before it that passed or failed.
        jobs: the names of the jobs that failed in ``before``; ``None`` where they were not looked up.
        tests: the names of the tests that failed in ``before``; ``None`` where nobody has asked about it lately.
        unknown: how many runs of its branch before it were not looked at, as each costs a request.
        cut: whether older ones may be there, beyond those that a list shows.
    """

    green: Run | None = None
    same: Run | None = None
    before: Run | None = None
    jobs: frozenset[str] | None = None
    tests: frozenset[str] | None = None
    unknown: int = 0
    cut: bool = False


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


async def look_back(  # noqa: PLR0913 - what is known, and what may be asked
    api: Api, hooks: Hooks, run: Run, history: Sequence[Run], default: str = "", *, spare: int = 4
) -> Past:
    """The runs to compare ``run`` with: from its ``history``, else from a list of its branch.

    Args:
        api: the service.
        hooks: the provider's.
        run: the run, with its project.
        history: newest runs of its branch or project, newest first; empty where none were asked for.
        default: the project's default branch; empty where it is not known.
        spare: requests that may be made beside that list: for older runs, for the default branch's, for each status.
    """
    if hooks.runs is None or not run.project:
        return Past()
    looking = _Looking(api, hooks, run, [*history])
    calls = [looking.back]
    elsewhere = bool(run.branch) and run.branch not in {default, *_USUAL[:2]}
    shown = _passed(_older(history, run, run.branch))
    if elsewhere and shown is None and spare >= _FOR_DEFAULT:
        spare -= 1
        looking.elsewhere = spare // 2
        calls.append(partial(looking.aside, default))
    looking.spare = spare - looking.elsewhere
    await together(calls)
    return looking.past()


class _Looking:
    """One look back: the runs found so far, and how many requests may still be made."""

    def __init__(self, api: Api, hooks: Hooks, run: Run, known: list[Run]) -> None:
        self.api, self.hooks, self.run, self.known = api, hooks, run, known
        self.spare = self.elsewhere = 0
        self.older: list[Run] = []
        self.before: Run | None = None
        self.unknown = 0
        self.cut = False
        self.of_default: Run | None = None

    async def back(self) -> None:
        """The runs of its branch: those of the list, and those that passed where the list ends too soon."""
        if not _holds(self.known, self.run):
            self.known += await self._runs(self.run.branch)
        self.older = _older(self.known, self.run, self.run.branch)
        left_open = any(one.status is Status.UNKNOWN for one in self.known)
        if left_open and self.hooks.statuses:
            self.older = await self._told(self.older, self.spare)
            self.unknown = sum(one.status is Status.UNKNOWN for one in self.older)
        # Of a list of green runs alone nobody can tell what came between.
        self.before = before(self.run, self.older)
        if left_open and self.hooks.statuses:
            return
        whole = 0 < len(self.known) < LOOK_BACK and not left_open
        if _passed(self.older) is None and not whole and self.spare:
            green = await self._runs(self.run.branch, Status.PASSED)
            self.older += _older(green, self.run, self.run.branch)
            whole = len(green) < LOOK_BACK
        self.cut = not whole

    async def aside(self, default: str) -> None:
        """The last green run of the default branch, which is guessed from the known runs where it is not told."""
        found = [*self.known, *await self._runs(default, Status.PASSED)]
        for name in (default,) if default else _USUAL:
            told = await self._told(_older(found, self.run, name), self.elsewhere)
            self.of_default = self.of_default or _passed(told)

    def past(self) -> Past:
        """What it came to."""
        green, commit = _passed(self.older) or self.of_default, self.run.commit
        same = next(
            (one for one in self.older if one.status is Status.PASSED and commit and one.commit == commit), None
        )
        return Past(green, same, self.before, unknown=self.unknown, cut=self.cut)

    async def _runs(self, branch: str, status: Status | None = None) -> list[Run]:
        query = RunQuery(project=self.run.project, branch=branch, status=status, limit=LOOK_BACK, statuses=False)
        return await self.hooks.runs(self.api, query) if self.hooks.runs else []

    async def _told(self, runs: list[Run], most: int) -> list[Run]:
        """The same runs, the status of the first ones looked up where the list has left it open."""
        some = [one for one in runs if one.status is Status.UNKNOWN][:most]
        if not some or self.hooks.statuses is None:
            return runs
        told = {one.id: one for one in await self.hooks.statuses(self.api, some)}
        return [told.get(one.id, one) for one in runs]


def before(run: Run, history: Sequence[Run]) -> Run | None:
    """The last run of the same branch before one that passed or failed; ``None`` where that may be an unknown one."""
    known = _DECIDED | {Status.UNKNOWN}
    found = next((one for one in _older(history, run, run.branch) if one.status in known), None)
    return found if found and found.status in _DECIDED else None


def _holds(history: Sequence[Run], run: Run) -> bool:
    return any(one.id == run.id for one in history)


def _passed(runs: Sequence[Run]) -> Run | None:
    return next((one for one in runs if one.status is Status.PASSED), None)


def _older(runs: Sequence[Run], run: Run, branch: str) -> list[Run]:
    """The runs of a branch, of the same series, that began before ``run`` and do not hold it.

    Of those that began with it, to the second, they are the ones listed after it: the newest come first.
    """
    own = {run.id, run.within}
    at = next((number for number, one in enumerate(runs) if one.id == run.id), len(runs))
    mine = [
        (number > at, one)
        for number, one in enumerate(runs)
        if (one.branch, one.series) == (branch, run.series) and one.id not in own
    ]
    return [
        one
        for after, one in mine
        if not (one.created and run.created) or one.created < run.created or (after and one.created == run.created)
    ]


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
