"""Checkouts as people have them, made with git itself."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ci_mcp.core.shapes import Checkout
from ci_mcp.triage import checkout

pytestmark = pytest.mark.anyio
Git = Callable[..., str]


@pytest.fixture
def git(home: Path) -> Git:
    """Runs git in a folder below the home and gives what it prints."""
    settings = ("user.name=t", "user.email=t@example.com", "protocol.file.allow=always", "init.defaultBranch=main")
    options = [word for setting in settings for word in ("-c", setting)]

    def run(folder: str, *words: str) -> str:
        command = ["git", "-C", str(home / folder), *options, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    return run


@pytest.fixture
def here(git: Git, home: Path) -> str:
    """A clone of a repository with a commit on ``main``, both below the home; the clone's folder."""
    git(".", "init", "-q", "--bare", "origin.git")
    git(".", "clone", "-q", str(home / "origin.git"), "clone")
    git("clone", "commit", "-q", "--allow-empty", "-m", "one")
    git("clone", "push", "-q", "-u", "origin", "main")
    return "clone"


async def read(home: Path, folder: str) -> Checkout:
    """The checkout in a folder below the home."""
    found = await checkout.read(str(home / folder))
    assert found is not None
    return found


async def test_a_pushed_branch_says_so(git: Git, home: Path, here: str) -> None:
    """With its remote, branch and commit."""
    found = await read(home, here)
    assert (
        Checkout(
            root=str(home / here),
            remotes=(str(home / "origin.git"),),
            branch="main",
            commit=git(here, "rev-parse", "HEAD"),
            local="main",
            pushed=True,
        )
        == found
    )


async def test_a_commit_that_no_remote_has_is_not_pushed(git: Git, home: Path, here: str) -> None:
    """Nor is one without any remote."""
    git(here, "commit", "-q", "--allow-empty", "-m", "two")
    assert (await read(home, here)).pushed is False
    git(".", "init", "-q", "alone")
    unborn = await read(home, "alone")
    assert ("main", "", None) == (unborn.branch, unborn.commit, unborn.pushed)


async def test_a_worktree_has_its_own_head(git: Git, home: Path, here: str) -> None:
    """And the remotes of its repository."""
    git(here, "worktree", "add", "-q", "-b", "topic", str(home / "tree"))
    found = await read(home, "tree")
    assert ("topic", str(home / "tree"), True) == (found.branch, found.root, found.pushed)
    assert (str(home / "origin.git"),) == found.remotes


async def test_a_submodule_is_a_checkout_of_its_own(git: Git, home: Path, here: str) -> None:
    """Its HEAD is detached, at the tip of its remote's one branch."""
    git(".", "init", "-q", "outer")
    git("outer", "submodule", "--quiet", "add", str(home / "origin.git"), "part")
    git("outer/part", "checkout", "-q", "--detach")
    found = await read(home, "outer/part")
    assert (str(home / "outer" / "part"), (str(home / "origin.git"),)) == (found.root, found.remotes)
    assert ("main", "", True) == (found.branch, found.local, found.pushed)
    assert git(here, "rev-parse", "HEAD") == found.commit


async def test_a_detached_head_has_the_branch_that_it_alone_is_the_tip_of(git: Git, home: Path, here: str) -> None:
    """Of two, or none, no branch is guessed."""
    git(here, "checkout", "-q", "--detach")
    assert "main" == (await read(home, here)).branch
    git(here, "push", "-q", "origin", "HEAD:refs/heads/other")
    git(here, "fetch", "-q")
    assert not (await read(home, here)).branch


async def test_a_branch_is_called_as_its_remote_calls_it(git: Git, home: Path, here: str) -> None:
    """But a branch that was made from another, and was pushed by its own name, keeps that."""
    git(here, "push", "-q", "origin", "main:feature/x")
    git(here, "checkout", "-q", "-b", "mine", "--track", "origin/feature/x")
    assert ("feature/x", "mine") == ((found := await read(home, here)).branch, found.local)
    git(here, "push", "-q", "origin", "mine")
    assert "mine" == (await read(home, here)).branch


async def test_the_remote_of_the_branch_comes_first_then_origin(git: Git, home: Path, here: str) -> None:
    """A fork has two; passwords are left out."""
    git(here, "remote", "add", "fork", "git@github.com:me/shop.git")
    git(here, "remote", "add", "a", "https://me:secret@github.com/a/shop.git")
    origin, a, fork = str(home / "origin.git"), "https://github.com/a/shop.git", "git@github.com:me/shop.git"
    assert (origin, a, fork) == (await read(home, here)).remotes
    git(here, "config", "branch.main.remote", "fork")
    assert (fork, origin, a) == (await read(home, here)).remotes


@pytest.mark.parametrize(
    "ref", ["refs/remotes/pull/7/head", "refs/remotes/origin/pr/7", "refs/remotes/origin/pull/7", "refs/pull/7/head"]
)
async def test_the_ref_of_a_pull_request_is_no_branch(git: Git, home: Path, here: str, ref: str) -> None:
    """Wherever it was fetched to; whether it is pushed cannot be told."""
    git(here, "commit", "-q", "--allow-empty", "-m", "theirs")
    git(here, "update-ref", ref, "HEAD")
    git(here, "checkout", "-q", "--detach")
    found = await read(home, here)
    assert ("", "") == (found.branch, found.merged)
    assert found.pushed is not False


async def test_the_merge_of_a_pull_request_tells_what_it_merges(git: Git, home: Path, here: str) -> None:
    """A CI may have built the one or the other."""
    git(here, "checkout", "-q", "-b", "topic")
    git(here, "commit", "-q", "--allow-empty", "-m", "theirs")
    theirs = git(here, "rev-parse", "HEAD")
    git(here, "checkout", "-q", "main")
    git(here, "merge", "-q", "--no-ff", "-m", "merge", "topic")
    git(here, "update-ref", "refs/remotes/pull/7/merge", "HEAD")
    git(here, "checkout", "-q", "--detach")
    assert theirs == (await read(home, here)).merged


async def test_a_branch_that_follows_a_pull_request_may_be_pushed(git: Git, home: Path, here: str) -> None:
    """As GitHub's own command line leaves it: no remote-tracking branch knows."""
    git(here, "checkout", "-q", "-b", "topic")
    git(here, "commit", "-q", "--allow-empty", "-m", "theirs")
    git(here, "config", "branch.topic.remote", "origin")
    git(here, "config", "branch.topic.merge", "refs/pull/7/head")
    found = await read(home, here)
    assert ("topic", None) == (found.branch, found.pushed)


async def test_what_was_just_fetched_may_be_pushed(git: Git, home: Path, here: str) -> None:
    """Git keeps no branch for it."""
    git(".", "clone", "-q", str(home / "origin.git"), "other")
    git("other", "commit", "-q", "--allow-empty", "-m", "theirs")
    git("other", "push", "-q", "origin", "HEAD:refs/pull/7/head")
    git(here, "fetch", "-q", "origin", "refs/pull/7/head")
    git(here, "checkout", "-q", "FETCH_HEAD")
    assert (await read(home, here)).pushed is None


async def test_a_folder_inside_is_the_same_checkout(home: Path, here: str) -> None:
    """And one outside is none."""
    (home / here / "deep").mkdir()
    inside: Any = await read(home, f"{here}/deep")
    assert str(home / here) == inside.root
    assert await checkout.read(str(home)) is None
