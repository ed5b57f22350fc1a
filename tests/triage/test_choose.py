"""Which run a target means, and what is said of the choice."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from ci_mcp.core.shapes import Checkout, Place
from ci_mcp.errors import NotFoundError
from ci_mcp.status import Status
from ci_mcp.triage.choose import choose
from ci_mcp.triage.target import Target

Make = Callable[..., Any]
pytestmark = pytest.mark.anyio
HEAD = "a" * 40
MERGED = "b" * 40


def target(branch: str = "main", **head: Any) -> Target:
    """A project found through a checkout, HEAD being this."""
    here = Checkout(root="/r", branch=branch, **{"commit": HEAD, "pushed": True} | head)
    return Target("alpha", Place(host="ci.alpha.example", project="web", branch=branch), here)


async def test_the_newest_run_of_head_is_taken_before_newer_ones_of_its_branch(
    services: Make, toy: Make, run: Make
) -> None:
    """One list of the branch tells it; the choice is told."""
    alpha = toy("alpha", runs=[run(1, Status.PASSED), run(2, Status.FAILED, commit=HEAD), run(3, Status.PASSED)])
    choice = await choose(services(alpha), target())
    assert choice.listed
    assert ("r2", Status.FAILED) == (choice.id, choice.listed.status)
    assert ("the newest run of HEAD (aaaaaaaaaa)",) == choice.notes
    assert ["runs main"] == alpha.asked
    assert 3 == len(choice.history)


async def test_a_run_of_head_on_another_branch_is_found(services: Make, toy: Make, run: Make) -> None:
    """A CI may call a pull request's branch by another name; the history of that branch is not known then."""
    alpha = toy("alpha", runs=[run(1, Status.PASSED), run(2, Status.FAILED, commit=HEAD, branch="pull/7")])
    choice = await choose(services(alpha), target())
    assert ("r2", ()) == (choice.id, choice.history)
    assert ("the newest run of HEAD (aaaaaaaaaa) on pull/7",) == choice.notes


async def test_the_head_of_a_pull_request_is_looked_for_by_what_it_merges_too(
    services: Make, toy: Make, run: Make
) -> None:
    """Some build the merge, some the branch; nobody's branches are looked through for it."""
    alpha = toy("alpha", runs=[run(1, Status.PASSED), run(2, Status.FAILED, commit=MERGED, branch="topic")])
    choice = await choose(services(alpha), target("", merged=MERGED, pushed=None))
    assert "r2" == choice.id
    assert ["runs  aaaa", "runs  bbbb"] == alpha.asked


@pytest.mark.parametrize(
    ("head", "said", "asked"),
    [
        ({"pushed": False}, "HEAD (aaaaaaaaaa) is not pushed: this is the newest run of branch main", ["runs main"]),
        ({}, "no run of HEAD (aaaaaaaaaa) was found: this is the newest run of branch main", ["runs main", "runs  aaaa"]),
        ({"branch": ""}, "no run of HEAD (aaaaaaaaaa) was found: this is the newest run of the project", ["runs  aaaa", "runs"]),
    ],
)  # fmt: skip
async def test_where_head_has_no_run_the_newest_of_its_branch_is_taken_and_told(  # noqa: PLR0913, PLR0917 - the columns of the table
    head: dict[str, Any], said: str, asked: Sequence[str], services: Make, toy: Make, run: Make
) -> None:
    """Whether it is pushed at all is known without a request."""
    alpha = toy("alpha", runs=[run(1, Status.PASSED), run(2, Status.FAILED)])
    choice = await choose(services(alpha), target(**head))
    assert ("r1", (said,), False) == (choice.id, choice.notes, choice.of_head)
    assert asked == alpha.asked


async def test_a_branch_that_the_ci_does_not_know_may_have_its_head_built_elsewhere(
    services: Make, toy: Make, run: Make
) -> None:
    """A refusal of the branch's list counts only where HEAD has no run either."""

    class Strict(type(toy("x"))):  # type: ignore[misc]
        async def _runs(self, api: Any, query: Any) -> Any:
            if query.branch:
                raise NotFoundError("no branch main")
            return await super()._runs(api, query)

    alpha = Strict("alpha", runs=[run(2, Status.FAILED, commit=HEAD, branch="pull/7")])
    assert "r2" == (await choose(services(alpha), target())).id
    with pytest.raises(NotFoundError, match="no branch main"):
        await choose(services(alpha), target(pushed=False))


@pytest.mark.parametrize(
    ("pushed", "said"),
    [
        (False, r"web@main has no runs, and HEAD \(aaaaaaaaaa\) is not pushed: push it, name another branch"),
        (True, "web@main has no runs: name another branch, or paste the URL of a run"),
    ],
)
async def test_a_branch_without_runs_is_told_with_what_to_do(
    pushed: bool, said: str, services: Make, toy: Make
) -> None:
    """To push comes first, where that is it."""
    with pytest.raises(NotFoundError, match=said):
        await choose(services(toy("alpha")), target(pushed=pushed))


async def test_a_run_that_is_named_costs_nothing(services: Make, toy: Make) -> None:
    """Its hook is asked by whoever wants to see it."""
    alpha = toy("alpha")
    named = Target("alpha", Place(host="ci.alpha.example", run="r9"), notes=("as pasted",))
    choice = await choose(services(alpha), named)
    assert ("r9", ("as pasted",), []) == (choice.id, choice.notes, alpha.asked)
