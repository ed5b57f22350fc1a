"""From what a person typed, pasted, or stands in, to a place that a CI knows."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ci_mcp.auth.endpoints import Endpoint
from ci_mcp.core.provider import Hooks, Provider
from ci_mcp.core.shapes import Place
from ci_mcp.errors import AuthError, NotFoundError, UnreachableError, UsageError
from ci_mcp.triage.target import Target, find

Make = Callable[..., Any]
HOST = "ci.alpha.example"
pytestmark = pytest.mark.anyio


async def targets_of(services: Any, text: str) -> list[Target]:
    """The places that a text names."""
    return (await find(services, text)).targets


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (f"https://{HOST}/runs/r7", Place(host=HOST, run="r7")),
        (f"  see https://{HOST}/runs/r7. Thanks", Place(host=HOST, run="r7")),
        (f"[red](https://{HOST}/runs/r7)", Place(host=HOST, run="r7")),
        (f"`https://{HOST.upper()}/runs/r7`", Place(host=HOST, run="r7")),
        (f"**https://{HOST}/jobs/j1**", Place(host=HOST, run="r1", job="j1")),
        (f"<https://{HOST}/runs/r7|Build 7>", Place(host=HOST, run="r7")),
        (f"\u201chttps://{HOST}/runs/r7\u201d\u2026", Place(host=HOST, run="r7")),
        (f"\u200bhttps://{HOST}/runs/r7\u200b", Place(host=HOST, run="r7")),
        (f"HTTPS://{HOST}:443/runs/r7/", Place(host=HOST, run="r7")),
        (f"https://www.{HOST}/runs/r7", Place(host=HOST, run="r7")),
        (f"https://me:pw@{HOST}/runs/r7", Place(host=HOST, run="r7")),
        (f"{HOST}/runs/r7", Place(host=HOST, run="r7")),
        (f"https://git.example/pull/5 is red: https://{HOST}/runs/r7", Place(host=HOST, run="r7")),
        ("Alpha:web", Place(host=HOST, project="web")),
        ("alpha:web", Place(host=HOST, project="web")),
        ("alpha:web@feature/x", Place(host=HOST, project="web", branch="feature/x")),
        ("alpha:web#r9", Place(host=HOST, project="web", run="r9")),
        ("alpha:#r9", Place(host=HOST, run="r9")),
        ("alpha:gh/acme/web@main", Place(host=HOST, project="gh/acme/web", branch="main")),
    ],
)
async def test_a_target_names_one_place(text: str, place: Place, services: Make, toy: Make) -> None:
    """URLs with what people paste around them, and the short form."""
    (target,) = await targets_of(services(toy("alpha")), text)
    assert ("alpha", place) == (target.provider, target.place)


@pytest.mark.parametrize("host", ["alpha.corp.example:8443", "alpha.corp.example"])
async def test_a_self_hosted_ci_is_known_by_its_configured_host(host: str, services: Make, toy: Make) -> None:
    """A URL only selects: requests go to the port that is configured, whichever one its web page has."""
    alpha = toy("alpha")
    made = services(alpha)
    made.world.given["alpha"] = (Endpoint("alpha", host, f"https://{host}"), "t")
    for pasted in (host, "alpha.corp.example", "ALPHA.corp.example:8443"):
        (target,) = await targets_of(made, f"https://{pasted}/runs/r7")
        assert Place(host=host, run="r7") == target.place


async def test_services_of_one_machine_are_told_apart_by_their_ports(services: Make, toy: Make) -> None:
    """Self-hosted CIs often stand side by side on one host."""
    made = services(toy("alpha"), toy("beta"))
    for name, port in (("alpha", 8010), ("beta", 8080)):
        made.world.given[name] = (Endpoint(name, f"ci.corp.example:{port}", f"https://ci.corp.example:{port}"), "t")
    for name, port in (("alpha", 8010), ("beta", 8080), ("alpha", 9999)):
        (target,) = await targets_of(made, f"https://ci.corp.example:{port}/runs/r7")
        assert (name, "r7") == (target.provider, target.place.run)


async def _nothing(_: Any, __: str) -> Place | None:
    return None


async def test_a_page_that_one_service_of_a_host_does_not_know_may_be_another_ones(services: Make, toy: Make) -> None:
    """Behind a proxy both have the same host and port; their paths differ."""
    made = services(toy("alpha"), toy("beta"))
    made.toys["alpha"] = Provider("alpha", service=toy("alpha").service, hooks=Hooks(locate=_nothing))
    made.world.given["alpha"] = (Endpoint("alpha", "ci.example:8010", "http://ci.example:8010"), "t")
    made.world.given["beta"] = (Endpoint("beta", "ci.example:8080", "http://ci.example:8080"), "t")
    (target,) = await targets_of(made, "https://ci.example/runs/r7")
    assert "beta" == target.provider


async def test_a_run_counted_within_its_project_keeps_its_project(services: Make, toy: Make) -> None:
    """Number 9 of one project is not number 9 of another."""
    (target,) = await targets_of(services(toy("alpha", numbered=True)), "alpha:web#9")
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
    (target,) = await targets_of(services(toy("alpha", branches=False, remote=remote)), "")
    assert ("", None) == (target.place.branch, target.here)
    assert "Alpha knows no branches" in target.notes[0]


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("what is this", UsageError, "cannot tell what 'what is this' is"),
        (":web", UsageError, "cannot tell what ':web' is"),
        ("https://[::1/runs", UsageError, "cannot tell what"),
        ("http://[::1]:8080/runs", NotFoundError, "no configured CI is at ::1"),
        ("https://x:99999999/runs", NotFoundError, "no configured CI is at x"),
        ("beta:web", UsageError, "there is no provider beta: the providers are alpha, other"),
        (f"https://{HOST}/help", NotFoundError, "this Alpha URL names no project, run or job"),
        ("https://ci.other.example/runs/1", NotFoundError, 'ci.other.example is a Other host that is not configured: run "ci-mcp auth login other --host https://ci.other.example", or set OTHER_HOST=ci.other.example and OTHER_TOKEN'),
        ("https://elsewhere.example/runs/1", NotFoundError, 'no configured CI is at elsewhere.example: give the page of the CI itself, or "PROVIDER:PROJECT@BRANCH"; if a CI is there: ci-mcp auth login PROVIDER --host elsewhere.example'),
        ("main", UsageError, 'there is no provider main: the providers are alpha, other; give a CI web URL or "PROVIDER:PROJECT@BRANCH"'),
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


@pytest.mark.parametrize("text", ["alpha:web", "alpha:#r9", "alpha", "alpha:web@main"])
async def test_a_ci_that_is_left_out_by_choice_is_not_asked_by_its_name_either(
    text: str, services: Make, toy: Make
) -> None:
    """A server for one CI starts nothing on another, and does not say that its token is missing."""
    made = services(toy("alpha"))
    made.world = replace(made.world, only=("other",))
    with pytest.raises(UsageError, match='alpha is left out here: only other may be asked: "--provider alpha"'):
        await find(made, text)


async def test_a_page_of_a_ci_that_is_left_out_by_choice_is_told_as_that(services: Make, toy: Make) -> None:
    """It may well be configured: to log in would not help."""
    made = services(toy("alpha"))
    made.world = replace(made.world, only=("alpha",))
    with pytest.raises(UsageError, match="other is left out here"):
        await find(made, "https://ci.other.example/runs/1")


async def test_nothing_configured_says_what_to_set(services: Make) -> None:
    """And that there is a demo."""
    said = 'no CI is configured: run "ci-mcp auth login PROVIDER", or set OTHER_TOKEN and OTHER_HOST; .* --demo explain'
    with pytest.raises(AuthError, match=said):
        await find(services(), "")


async def test_a_checkout_is_asked_of_every_provider(
    services: Make, toy: Make, git: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its branch and commit; a password in a remote is left out."""
    folder = git("https://me:secret@git.example/web.git", "git@git.example:fork/web.git", branch="topic")
    monkeypatch.chdir(folder)
    remotes = ("https://git.example/web.git", "git@git.example:fork/web.git")
    found = await targets_of(
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
    (target,) = await targets_of(services(alpha, beta), "beta")
    (other,) = await targets_of(services(alpha, beta), "beta@release")
    assert ("beta", "main", "release") == (target.provider, target.place.branch, other.place.branch)
    assert [] == alpha.asked


async def test_a_branch_alone_is_that_of_the_checkouts_projects(
    services: Make, toy: Make, git: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of all that know branches; HEAD's commit means nothing there."""
    monkeypatch.chdir(git("r"))
    made = services(toy("alpha", remote="r"), toy("beta", remote="r", branches=False))
    (target,) = await targets_of(made, "@release")
    assert ("alpha", "release", None) == (target.provider, target.place.branch, target.here)
    with pytest.raises(UsageError, match="Alpha knows no branches"):
        await find(services(toy("alpha", remote="r", branches=False)), "@release")


async def test_a_run_alone_is_one_of_the_checkouts_project(
    services: Make, toy: Make, git: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is one; of several it is asked which."""
    monkeypatch.chdir(git("r"))
    (target,) = await targets_of(services(toy("alpha", remote="r", numbered=True)), "#9")
    assert ("alpha", "web#9") == (target.provider, target.place.run)
    with pytest.raises(UsageError, match="which run #9 is meant.* alpha:web, beta:web build this"):
        await find(services(toy("alpha", remote="r"), toy("beta", remote="r")), "#9")


async def test_of_many_projects_a_handful_is_asked(
    services: Make, toy: Make, git: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are named: a repository may be built by dozens of pipelines."""
    monkeypatch.chdir(git("r"))

    class Many(type(toy("x"))):  # type: ignore[misc]
        async def _discover(self, api: Any, _: Any) -> list[Place]:
            return [Place(host=api.host, project=f"p{number}") for number in range(20)]

    found = await find(services(Many("alpha", remote="r")), "")
    assert 6 == len(found.targets)
    assert "left out: alpha:p6, alpha:p7" in found.problems[0]
    assert "and 6 more; name one" in found.problems[0]
    found = await find(services(Many("alpha", remote="r"), toy("beta", remote="r")), "")
    assert [*(f"alpha:p{number}" for number in range(5)), "beta:web"] == [
        f"{one.provider}:{one.place.project}" for one in found.targets
    ]


async def test_one_provider_that_is_down_does_not_hide_the_others(
    services: Make, toy: Make, git: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error counts only where nobody answered."""
    monkeypatch.chdir(git("r"))
    down = toy("beta", remote="r", broken=UnreachableError("beta is down"))
    found = await find(services(toy("alpha", remote="r"), down), "")
    assert (["alpha"], ("beta is down",)) == ([one.provider for one in found.targets], found.problems)
    with pytest.raises(UnreachableError):
        await find(services(down), "")


async def test_a_checkout_that_no_project_builds_is_told(
    services: Make, toy: Make, git: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With who was asked."""
    monkeypatch.chdir(git("r", commit=False))
    with pytest.raises(NotFoundError, match=r"no project of Alpha builds this checkout \(it has no remote"):
        await find(services(toy("alpha", remote="x")), "")


async def test_what_could_not_be_asked_is_told_where_nothing_was_found(
    services: Make, toy: Make, git: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be the one that builds the checkout; its remotes are named."""
    monkeypatch.chdir(git("git@git.example:acme/web.git"))
    down = toy("beta", remote="r", broken=UnreachableError("beta is down"))
    with pytest.raises(NotFoundError, match="git.example/acme/web.*; not asked: beta is down"):
        await find(services(toy("alpha", remote="x"), down), "")


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
        assert [home["alpha"]] == [target.place for target in await targets_of(made, text)]
    (other,) = await targets_of(made, "alpha:web")
    assert Place(host=HOST, project="web") == other.place
