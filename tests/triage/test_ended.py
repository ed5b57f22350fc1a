"""The answer of a wait: how it ended and why, or how to go on."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import anyio
import pytest

from ci_mcp.core.shapes import Checkout, Failure, Job, Place, RunQuery
from ci_mcp.errors import UnreachableError
from ci_mcp.status import Status
from ci_mcp.triage.ended import told
from ci_mcp.triage.target import Target
from ci_mcp.triage.tools import wait
from ci_mcp.triage.wait import Watch

Make = Callable[..., Any]
pytestmark = pytest.mark.anyio
PLACE = Place(host="ci.alpha.example", project="web", branch="main")
RED = Job(status=Status.FAILED, name="unit", id="id-unit", log_id="unit")
LOG = b"##[group]pytest\nE       assert 1 == 2\ntests/a.py:7: AssertionError\n##[endgroup]\n"


def broken(toy: Make, run: Make, **more: Any) -> Any:
    """A CI whose newest run failed."""
    failures = [Failure(job=RED)]
    return toy("alpha", runs=[run(1, Status.FAILED, jobs=(RED,))], failures=failures, logs={"unit": LOG}, **more)


async def test_a_failed_run_is_explained(services: Make, toy: Make, run: Make) -> None:
    """As by an explanation of it, whatever has begun since."""
    said = await wait(services(broken(toy, run)), "alpha:web@main", 0)
    assert said.text.startswith("FAILED  alpha web@main")
    assert "assert 1 == 2" in said.text
    assert (True, []) == (said.data["failed"], said.data["waiting"])


async def test_a_run_that_goes_on_says_how_to_go_on(services: Make, toy: Make, run: Make) -> None:
    """With what is known: jobs done, what runs, how long it usually takes."""
    jobs = (RED, replace(RED, status=Status.RUNNING, name="lint"))
    going = replace(run(1, Status.RUNNING, jobs=jobs), duration=None, url="https://ci.alpha.example/runs/r1")
    said = await wait(services(toy("alpha", runs=[going, run(2, Status.PASSED)])), "alpha:web@main", 0)
    assert "1 of 2 jobs done; 1 failed; running: lint; usually it takes 1 min 1 s" in said.text
    assert 'Not ended yet. Go on: ci_wait(target="https://ci.alpha.example/runs/r1")' in said.text
    assert (False, ["https://ci.alpha.example/runs/r1"]) == (said.data["failed"], said.data["waiting"])


async def test_how_to_go_on_is_said_beside_an_explanation(services: Make, toy: Make, run: Make) -> None:
    """With fail-fast one run is explained, and another goes on: nothing of the latter is left out for the former."""
    going = replace(run(2, Status.RUNNING, jobs=(replace(RED, status=Status.RUNNING, name="lint"),)), duration=None)
    made = services(broken(toy, run), toy("beta", runs=[going]))
    places = (("alpha", PLACE), ("beta", replace(PLACE, host="ci.beta.example")))
    watches = [Watch(Target(name, place)) for name, place in places]
    for watch, alpha in zip(watches, made.toys.values(), strict=True):
        watch.run = (await alpha.hooks.runs(None, RunQuery(project="web")))[0]
        watch.id = watch.run.id
    said = (await told(made, watches, (), fail_fast=True)).text
    assert "assert 1 == 2" in said
    assert "0 of 1 job done; running: lint" in said
    assert 'Not ended yet. Go on: ci_wait(target="beta:#r2")' in said


async def test_a_run_without_a_page_is_named_by_its_id(services: Make, toy: Make, run: Make) -> None:
    """A run that waits for a person says that time is not what it needs."""
    said = await wait(services(toy("alpha", runs=[run(1, Status.BLOCKED)])), "alpha:web@main", 3600)
    assert 'It waits for a person; then: ci_wait(target="alpha:#r1")' in said.text
    assert ["alpha:#r1"] == said.data["waiting"]


async def test_a_certain_failure_is_explained_where_that_ends_the_wait(services: Make, toy: Make, run: Make) -> None:
    """It is no run to wait for any more."""
    alpha = broken(toy, run)
    alpha.runs = [replace(alpha.runs[0], status=Status.FAILING)]
    said = await wait(services(alpha), "alpha:web@main", 0, fail_fast=True)
    assert "assert 1 == 2" in said.text
    assert (True, []) == (said.data["failed"], said.data["waiting"])
    still = await wait(services(alpha), "alpha:web@main", 0)
    assert (False, ["alpha:#r1"]) == (still.data["failed"], still.data["waiting"])


async def test_a_failure_that_cannot_be_explained_in_time_says_which_call_does(
    services: Make, toy: Make, run: Make
) -> None:
    """The call's time is kept; so it is where the explanation fails."""
    watch = Watch(Target("alpha", PLACE), id="r1", run=run(1, Status.FAILED))
    with anyio.fail_after(1):  # less than is kept for the answer itself
        said = await told(services(broken(toy, run)), [watch], [], fail_fast=False)
    down = await told(services(toy("alpha", broken=UnreachableError("down"))), [watch], [], fail_fast=False)
    for one in (said, down):
        assert one.text.startswith("FAILED  alpha web@main")
        assert 'Why: ci_explain(target="alpha:#r1")' in one.text
        assert one.data["failed"] is True


async def test_a_run_that_has_not_begun_is_told(services: Make) -> None:
    """With what it is a run of."""
    here = Checkout(root="/r", branch="main", commit="a" * 40, pushed=True)
    said = await told(services(), [Watch(Target("alpha", PLACE, here))], ["beta is down"], fail_fast=False)
    assert "alpha: no run of HEAD (aaaaaaaaaa) has begun yet. Go on: ci_wait() again" in said.text
    assert "not asked: beta is down" in said.text
    assert ["alpha"] == said.data["waiting"]


async def test_several_runs_are_told_side_by_side(services: Make, toy: Make, run: Make) -> None:
    """The failed one explained, the passed one in a paragraph, the other as what could not be asked."""
    home = {name: replace(PLACE, host=f"ci.{name}.example") for name in ("alpha", "beta", "gamma")}
    made = services(
        broken(toy, run),
        toy("beta", runs=[run(1, Status.PASSED)]),
        toy("gamma", broken=UnreachableError("gamma is down")),
        home=home,
    )
    said = await wait(made, "", 0)
    assert ["failed", "passed"] == [one["status"] for one in said.data["runs"]]
    assert "not asked: gamma is down" in said.text
