"""Questions asked in checkouts as people have them, of the sandbox's CIs and of toys, all at once."""

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ci_mcp.cli.sandboxed import demo_world
from ci_mcp.core.call import call
from ci_mcp.core.catalog import find, load
from ci_mcp.core.services import Services, World
from ci_mcp.core.shapes import Failure, Job
from ci_mcp.errors import UnreachableError
from ci_mcp.logs.store import Store
from ci_mcp.sandbox.serve import service_names
from ci_mcp.status import Status
from ci_mcp.triage.tools import explain, status

Make = Callable[..., Any]
Git = Callable[..., str]
pytestmark = pytest.mark.anyio
BRANCHED = sorted(name for name in service_names() if name in load().services and find(name).hooks.branches)


@pytest.fixture(scope="module")
def demo() -> Iterator[tuple[World, Store]]:
    """The sandbox, started once, with nothing standing in for a checkout."""
    with demo_world() as (world, store):
        yield replace(world, home={}), store


@pytest.fixture
def shop(home: Path, monkeypatch: pytest.MonkeyPatch) -> Git:
    """Stands in a new repository and runs git there."""
    folder = home / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    options = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "protocol.file.allow=always")

    def run(*words: str, folder: Path = folder) -> str:
        command = ["git", "-C", str(folder), *options, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    run("init", "-q", "-b", "main")
    run("commit", "-q", "--allow-empty", "-m", "one")
    return run


REMOTES = [
    "git@github.com:acme/shop.git",
    "https://github.com/acme/shop",
    "https://ada:secret@github.com/acme/shop.git",
    "ssh://git@github.com:22/acme/shop.git",
    "GIT@GitHub.com:Acme/Shop.git",
]


@pytest.mark.parametrize("remote", REMOTES)
async def test_every_ci_that_builds_a_checkout_is_found_by_its_remote(
    remote: str, demo: tuple[World, Store], shop: Git
) -> None:
    """However the remote is written; HEAD's commit is nowhere, and that is said."""
    shop("remote", "add", "origin", remote)
    async with Services(*demo) as services:
        page = (await call(services, "ci_status", {})).data
    rows = [row for row in page["items"] if row["provider"] in BRANCHED and row["project"].endswith("shop")]
    assert BRANCHED == sorted(row["provider"] for row in rows)
    assert {("failed", "main")} == {(row["status"], row["branch"]) for row in rows}
    assert "is not pushed: this is the newest run of branch main" in page["note"]
    assert "secret" not in str(page)


@pytest.mark.parametrize("ci", BRANCHED)
async def test_a_fork_is_known_by_its_upstream(ci: str, demo: tuple[World, Store], shop: Git) -> None:
    """The CI builds one of the remotes; the other's name tells nothing."""
    shop("remote", "add", "origin", "git@github.com:somebody/shop.git")
    shop("remote", "add", "upstream", "https://github.com/acme/shop.git")
    async with Services(*demo) as services:
        items = (await call(services, "ci_status", {"target": ci})).data["items"]
    assert ("failed", "main", "shop") == (
        items[0]["status"],
        items[0]["branch"],
        items[0]["project"].split("/")[-1],
    )


@pytest.mark.parametrize("ci", BRANCHED)
async def test_the_branch_is_what_the_remote_calls_it(ci: str, demo: tuple[World, Store], shop: Git) -> None:
    """In a worktree of the checkout too."""
    shop("remote", "add", "origin", "git@github.com:acme/shop.git")
    shop("update-ref", "refs/remotes/origin/release", "HEAD")
    tree = Path.cwd().parent / "tree"
    shop("worktree", "add", "-q", "-b", "mine", str(tree), "HEAD")
    shop("config", "branch.mine.remote", "origin", folder=tree)
    shop("config", "branch.mine.merge", "refs/heads/release", folder=tree)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tree)
        async with Services(*demo) as services:
            page = (await call(services, "ci_status", {"target": ci})).data
    assert [("passed", "release")] == [(row["status"], row["branch"]) for row in page["items"]]
    assert "no run of HEAD (" in page["note"]


async def test_a_detached_head_asks_for_its_commit(demo: tuple[World, Store], shop: Git) -> None:
    """Of a pull request's ref nobody's branch is taken for its own without saying so."""
    shop("remote", "add", "origin", "git@github.com:acme/shop.git")
    shop("update-ref", "refs/remotes/pull/7/head", "HEAD")
    shop("checkout", "-q", "--detach")
    async with Services(*demo) as services:
        page = (await call(services, "ci_status", {"target": "semaphore"})).data
    assert 1 == len(page["items"])
    assert "no run of HEAD (" in page["note"]
    assert "this is the newest run of the project" in page["note"]


async def test_five_cis_in_one_checkout_are_asked_side_by_side(
    services: Make, toy: Make, run: Make, git: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A monorepo: each failure is told, one that is down and one without runs are named, all in one budget."""
    monkeypatch.chdir(git("r"))
    names = ["alpha", "beta", "gamma"]
    toys = []
    for name in names:
        job = Job(status=Status.FAILED, name=f"{name}-unit", id="j", log_id="j")
        log = "".join(f"line {number}\n" for number in range(2_000)) + f"E       assert {name!r} == 'green'\n"
        runs = [run(1, Status.FAILED, jobs=(job,))]
        toys.append(toy(name, remote="r", runs=runs, failures=[Failure(job=job)], logs={"j": log.encode()}))
    toys.append(toy("delta", remote="r"))
    toys.append(toy("epsilon", remote="r", broken=UnreachableError("epsilon is down")))
    toys.append(toy("zeta", remote="elsewhere"))
    made = services(*toys)
    said = await explain(made)
    assert [] == [name for name in names if f"assert {name!r} == 'green'" not in said.text]
    assert "not asked: epsilon is down" in said.text
    assert "not asked: web@main has no runs" in said.text
    assert 4_000 * 4 >= len(said.text)
    page = await status(made)
    assert names == [row.provider for row in page.items]
    assert "epsilon is down" in page.note
