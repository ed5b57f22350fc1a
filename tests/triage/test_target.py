"""From what a person typed, pasted, or stands in, to a place that a CI knows."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ci_mcp.core.shapes import Place
from ci_mcp.errors import AuthError, NotFoundError, UnreachableError, UsageError
from ci_mcp.triage.target import find

Make = Callable[..., Any]
HOST = "ci.alpha.example"
pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (f"https://{HOST}/runs/r7", Place(host=HOST, run="r7")),
        (f"  see https://{HOST}/runs/r7. Thanks", Place(host=HOST, run="r7")),
        (f"[red](https://{HOST}/runs/r7)", Place(host=HOST, run="r7")),
        (f"`https://{HOST.upper()}/runs/r7`", Place(host=HOST, run="r7")),
        (f"**https://{HOST}/jobs/j1**", Place(host=HOST, run="r1", job="j1")),
        ("alpha:web", Place(host=HOST, project="web")),
        ("alpha:web@feature/x", Place(host=HOST, project="web", branch="feature/x")),
        ("alpha:web#r9", Place(host=HOST, project="web", run="r9")),
        ("alpha:#r9", Place(host=HOST, run="r9")),
        ("alpha:gh/acme/web@main", Place(host=HOST, project="gh/acme/web", branch="main")),
    ],
)
async def test_a_target_names_one_place(text: str, place: Place, services: Make, toy: Make) -> None:
    """URLs with what people paste around them, and the short form."""
    (target,) = await find(services(toy("alpha")), text)
    assert ("alpha", place) == (target.provider, target.place)


async def test_a_run_counted_within_its_project_keeps_its_project(services: Make, toy: Make) -> None:
    """Number 9 of one project is not number 9 of another."""
    (target,) = await find(services(toy("alpha", numbered=True)), "alpha:web#9")
    assert "web#9" == target.place.run


async def test_a_branch_of_a_ci_without_branches_is_refused(services: Make, toy: Make) -> None:
    """The answer would be about another branch than the one asked for."""
    with pytest.raises(UsageError, match="Alpha knows no branches"):
        await find(services(toy("alpha", branches=False)), "alpha:web@main")


async def test_a_checkout_of_a_ci_without_branches_is_asked_for_its_newest_run(
    services: Make, toy: Make, git: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither branch nor commit is handed on."""
    remote = "https://git.example/web.git"
    monkeypatch.chdir(git(remote, branch="topic"))
    (target,) = await find(services(toy("alpha", branches=False, remote=remote)), "")
    assert ("", None) == (target.place.branch, target.here)
    assert "Alpha knows no branches" in target.notes[0]


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("what is this", UsageError, "cannot tell what 'what is this' is"),
        ("beta:web", UsageError, "there is no provider beta: the providers are alpha, other"),
        (f"https://{HOST}/help", NotFoundError, "this Alpha URL names no project, run or job"),
        ("https://ci.other.example/runs/1", NotFoundError, 'ci.other.example is a Other host that is not configured: run "ci-mcp auth login other --host https://ci.other.example", or set OTHER_HOST=ci.other.example and OTHER_TOKEN'),
        ("https://elsewhere.example/runs/1", NotFoundError, "no configured CI is at elsewhere.example"),
        ("other:web", AuthError, "no token for other"),
        ("", UsageError, "this folder is not in a git checkout"),
    ],
)  # fmt: skip
async def test_what_cannot_be_found_is_told_with_the_next_step(
    text: str, error: type[Exception], said: str, services: Make, toy: Make
) -> None:
    """A person can mend it from the message."""
    with pytest.raises(error, match=".") as caught:
        await find(services(toy("alpha")), text)
    assert said in str(caught.value)


async def test_nothing_configured_says_what_to_set(services: Make) -> None:
    """And that there is a demo."""
    with pytest.raises(AuthError, match="no CI is configured: set OTHER_TOKEN; .* --demo explain"):
        await find(services(), "")


async def test_a_checkout_is_asked_of_every_provider(
    services: Make, toy: Make, git: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its branch and commit; a password in a remote is left out."""
    folder = git("https://me:secret@git.example/web.git", "git@git.example:fork/web.git", branch="topic")
    monkeypatch.chdir(folder)
    remotes = ("https://git.example/web.git", "git@git.example:fork/web.git")
    found = await find(
        services(toy("alpha", remote=remotes[0]), toy("beta", remote=remotes[1]), toy("gamma", remote="x")), ""
    )
    assert ["alpha", "beta"] == [target.provider for target in found]
    commit = (folder / ".git" / "refs" / "heads" / "topic").read_text().strip()
    assert {("topic", commit)} == {(target.place.branch, target.here.commit) for target in found if target.here}


async def test_a_provider_alone_is_the_checkout_there(
    services: Make, toy: Make, git: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only that provider is asked; a branch given replaces the checkout's."""
    monkeypatch.chdir(git("r"))
    alpha, beta = toy("alpha", remote="r"), toy("beta", remote="r")
    (target,) = await find(services(alpha, beta), "beta")
    (other,) = await find(services(alpha, beta), "beta@release")
    assert ("beta", "main", "release") == (target.provider, target.place.branch, other.place.branch)
    assert [] == alpha.asked


async def test_one_provider_that_is_down_does_not_hide_the_others(
    services: Make, toy: Make, git: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error counts only where nobody answered."""
    monkeypatch.chdir(git("r"))
    down = toy("beta", remote="r", broken=UnreachableError("beta is down"))
    (target,) = await find(services(toy("alpha", remote="r"), down), "")
    assert "alpha" == target.provider
    with pytest.raises(UnreachableError):
        await find(services(down), "")


async def test_a_checkout_that_no_project_builds_is_told(
    services: Make, toy: Make, git: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With who was asked."""
    monkeypatch.chdir(git("r", commit=False))
    with pytest.raises(NotFoundError, match="no project of Alpha builds this checkout"):
        await find(services(toy("alpha", remote="x")), "")


async def test_without_git_there_is_no_checkout(
    services: Make, toy: Make, git: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A machine without git is no error of its own."""
    monkeypatch.chdir(git("r"))
    monkeypatch.setenv("PATH", os.fspath(tmp_path))
    with pytest.raises(UsageError, match="not in a git checkout"):
        await find(services(toy("alpha", remote="r")), "")


async def test_a_home_stands_in_for_the_checkout(services: Make, toy: Make) -> None:
    """As with --demo: nothing, the provider, and its project without a branch mean the home's branch."""
    home = {"alpha": Place(host=HOST, project="shop", branch="main")}
    made = services(toy("alpha"), home=home)
    for text in ("", "alpha", "alpha:shop", "alpha:shop@main"):
        assert [home["alpha"]] == [target.place for target in await find(made, text)]
    (other,) = await find(made, "alpha:web")
    assert Place(host=HOST, project="web") == other.place
