"""What changed since it was green, and what a process remembers of a run."""

import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ci_mcp.core.shapes import Failure, Job, Step, TestCase
from ci_mcp.errors import NotFoundError, UnreachableError
from ci_mcp.status import Status
from ci_mcp.triage import changes, memory
from ci_mcp.triage.memory import MOST, Known, Memory
from ci_mcp.triage.tools import explain

Make = Callable[..., Any]
pytestmark = pytest.mark.anyio
URL = "https://ci.alpha.example/runs/r1"
TARGET = "alpha:web@main"
LOG = b"E       AssertionError: assert 1 == 2\n/home/ci/build/web/src/cart.py:12: AssertionError\n"


def failure(name: str, **more: Any) -> Failure:
    """A failed job with a log of its own name."""
    return Failure(job=Job(status=Status.FAILED, name=name, id=f"id-{name}", log_id=name), **more)


def jobs(*names: str) -> tuple[Job, ...]:
    """Failed jobs."""
    return tuple(Job(status=Status.FAILED, name=name, id=f"id-{name}") for name in names)


def say(root: Path, *words: str) -> str:
    """What git says in a checkout, as somebody."""
    word = ("git", "-C", str(root), "-c", "user.name=Somebody", "-c", "user.email=t@example.com", *words)
    return subprocess.run(word, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def commits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, list[str]]:
    """A checkout with three commits, in which the test stands, and their hashes."""
    root = tmp_path / "web"
    root.mkdir()
    say(root, "init", "-q", "-b", "main")
    hashes = []
    for name, subject in (("a.py", "Begin"), ("src/cart.py", "Round \x1b[31mdiscounts"), ("b.py", "Count again")):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("x\n")
        say(root, "add", "-A")
        say(root, "commit", "-qm", subject)
        hashes.append(say(root, "rev-parse", "HEAD"))
    monkeypatch.chdir(root)
    return root, hashes


async def test_the_commits_since_green_are_those_of_the_checkout(
    services: Make, toy: Make, run: Make, commits: tuple[Path, list[str]]
) -> None:
    """Subjects without names or escapes, in a fence; the files that a failure names are told as they are here."""
    first, _, last = commits[1]
    alpha = toy(
        "alpha",
        runs=[run(1, Status.FAILED, commit=last), run(2, Status.PASSED, commit=first)],
        failures=[failure("unit")],
        logs={"unit": LOG},
    )
    answer = await explain(services(alpha), URL)
    assert "Last green run of main: r2, 2 h ago: 2 commits since, 2 files changed." in answer.text
    assert "<<<commits, untrusted output" in answer.text
    assert " Count again\n" in answer.text
    assert " Round discounts\n" in answer.text
    assert "Somebody" not in answer.text
    assert "In this checkout: src/cart.py:12 (changed since green)" in answer.text
    (told,) = answer.data["runs"]
    assert (2, 2) == (told["commits"]["count"], told["commits"]["files"])
    assert [{"path": "src/cart.py", "line": 12}] == told["failures"][0]["files"]


async def test_the_data_of_an_explanation_keeps_its_shape(
    services: Make, toy: Make, run: Make, commits: tuple[Path, list[str]]
) -> None:
    """Scripts depend on these names: add to them, and change none."""
    first, _, last = commits[1]
    step = (Step(status=Status.FAILED, name="pytest", exit_code=1),)
    test = TestCase(status=Status.FAILED, name="test_a", file="src/cart.py", line=12)
    one, other = (failure(name, tests=(test,), tests_total=9) for name in ("unit", "again"))
    failures = [replace(each, job=replace(each.job, steps=step), reason="why") for each in (one, other)]
    never = Failure(job=Job(status=Status.SKIPPED, name="deploy", id="d"), reason="never")
    red = replace(run(1, Status.FAILED, commit=last), url=URL, jobs=jobs("unit"), finished=datetime.now(UTC))
    alpha = toy("alpha", runs=[red, run(2, Status.PASSED, commit=first)], failures=[*failures, never], logs={"unit": LOG, "again": LOG})  # fmt: skip
    (told,) = (await explain(services(alpha), URL)).data["runs"]
    assert {
        "status",
        "provider",
        "id",
        "project",
        "branch",
        "commit",
        "title",
        "url",
        "created",
        "finished",
        "duration",
        "failures",
        "left_out",
        "aside",
        "notes",
        "green",
        "before",
        "commits",
    } == set(told)
    (shown,) = told["failures"]
    assert {
        "job",
        "also",
        "step",
        "exit_code",
        "reason",
        "cause",
        "tests",
        "tests_total",
        "files",
        "new",
        "excerpt",
    } == set(shown)
    assert {"status", "name", "id", "steps"} == set(shown["job"])
    assert {"blame", "source", "what"} == set(shown["cause"])
    assert {"path", "line"} == set(shown["files"][0])
    assert {"total", "places", "steps", "signature", "note", "blocks"} == set(shown["excerpt"])
    assert {"job", "jobs", "reason"} == set(told["aside"][0])
    assert {"count", "newest", "files"} == set(told["commits"])


async def test_another_checkout_says_nothing_of_files_and_commits(
    services: Make, toy: Make, run: Make, commits: tuple[Path, list[str]]
) -> None:
    """A file of the same name is not the file that failed."""
    alpha = toy(
        "alpha", runs=[run(1, Status.FAILED), run(2, Status.PASSED)], failures=[failure("unit")], logs={"unit": LOG}
    )
    text = (await explain(services(alpha), URL)).text
    assert "In this checkout" not in text
    assert "commits 0000000000..0000000000 came since" in text
    assert commits


@pytest.mark.parametrize(
    ("old", "new"),
    [("", "HEAD"), ("--output=/x", "HEAD"), ("main", "HEAD"), ("f" * 40, "e" * 40), ("a" * 40, "a" * 40)],
)
async def test_only_hashes_of_this_checkout_are_compared(old: str, new: str, commits: tuple[Path, list[str]]) -> None:
    """What a service calls a commit never reaches git as an option or a name."""
    assert await changes.between(str(commits[0]), old, new) is None


async def test_at_most_ten_commits_are_named(commits: tuple[Path, list[str]]) -> None:
    """The others are counted."""
    root, hashes = commits
    for number in range(12):
        say(root, "commit", "-q", "--allow-empty", "-m", f"Step {number} {'x' * 300}")
    found = await changes.between(str(root), hashes[-1], say(root, "rev-parse", "HEAD"))
    assert found
    assert (12, 10) == (found.count, len(found.commits))
    assert max(map(len, found.commits)) <= 100


async def test_the_default_branch_is_that_of_origin(commits: tuple[Path, list[str]]) -> None:
    """As git was told when it cloned; unknown otherwise."""
    root = commits[0]
    assert "" == await changes.default_branch(str(root))
    say(root, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/trunk/x")
    assert "trunk/x" == await changes.default_branch(str(root))


async def test_a_new_branch_is_compared_with_the_default_one(services: Make, toy: Make, run: Make) -> None:
    """Which is guessed from the known runs where no checkout tells it."""
    alpha = toy(
        "alpha", runs=[run(1, Status.FAILED, branch="topic"), run(2, Status.PASSED), run(3, Status.PASSED, branch="x")]
    )
    text = (await explain(services(alpha), URL)).text
    assert "Last green run of main: r2, 2 h ago" in text


async def test_a_checkout_tells_the_default_branch(
    services: Make, toy: Make, run: Make, commits: tuple[Path, list[str]]
) -> None:
    """Only that one is asked for."""
    say(commits[0], "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/next")
    alpha = toy("alpha", runs=[run(1, Status.FAILED, branch="topic"), run(2, Status.PASSED, branch="next")])
    assert "Last green run of next: r2" in (await explain(services(alpha), URL)).text
    assert "runs next  passed" in alpha.asked


async def test_jobs_that_failed_before_are_told_from_new_ones(services: Make, toy: Make, run: Make) -> None:
    """By the previous run of the branch that passed or failed."""
    before = replace(run(3, Status.FAILED), jobs=jobs("lint"))
    alpha = toy(
        "alpha",
        runs=[run(1, Status.FAILED), run(2, Status.CANCELED), before, run(4, Status.PASSED)],
        failures=[failure("lint", reason="style"), failure("unit", reason="a test")],
        logs={"lint": b"", "unit": b""},
    )
    answer = await explain(services(alpha), TARGET)
    assert "The run before this one (r3, 3 h ago) failed, too; failing there already: lint; new: unit." in answer.text
    assert [False, True] == [one["new"] for one in answer.data["runs"][0]["failures"]]


async def test_tests_are_compared_with_those_of_a_run_that_was_asked_about(
    services: Make, toy: Make, run: Make
) -> None:
    """As after a repair that mended some and broke others; otherwise nobody fetches the older ones."""

    def unit(*names: str) -> list[Failure]:
        return [failure("unit", tests=tuple(TestCase(name=name, status=Status.FAILED) for name in names))]

    before = replace(run(2, Status.FAILED), jobs=jobs("unit"))
    alpha = toy("alpha", runs=[before], failures=unit("adds", "ships"), logs={"unit": LOG})
    world = services(alpha)
    await explain(world, TARGET)
    alpha.runs.insert(0, replace(run(1, Status.FAILED), jobs=jobs("unit")))
    alpha.failures = unit("adds", "rounds")
    text = (await explain(world, TARGET)).text
    said = "Tests: failing there already: adds; new: rounds; not failing now: ships."
    assert said in text
    assert said not in (await explain(services(alpha), TARGET)).text


async def test_after_a_green_run_everything_is_new(services: Make, toy: Make, run: Make) -> None:
    """No request is needed to know."""
    alpha = toy("alpha", runs=[run(1, Status.FAILED), run(2, Status.PASSED)], failures=[failure("unit", reason="x")], logs={"unit": b""})  # fmt: skip
    answer = await explain(services(alpha), TARGET)
    assert "The run before this one passed: what fails is new." in answer.text
    assert "run r2" not in alpha.asked


async def test_a_test_that_the_vendor_calls_flaky_is_marked(services: Make, toy: Make, run: Make) -> None:
    """With what the vendor says of it; a list that cannot be had is no news."""
    test = TestCase(status=Status.FAILED, name="test_a", message="assert 1 == 2")
    alpha = toy("alpha", runs=[run(1, Status.FAILED)], failures=[failure("unit", tests=(test,))], logs={"unit": LOG})

    async def flaky(_: Any, project: str) -> list[TestCase]:
        assert "web" == project
        return [replace(test, message="failed in 3 of 9 runs"), replace(test, name="other")]

    async def refuse(*_: Any) -> list[TestCase]:
        raise UnreachableError("no list")

    made = services(alpha)
    made.toys["alpha"].hooks = replace(made.toys["alpha"].hooks, flaky=flaky)
    answer = await explain(made, URL)
    assert "- test_a: assert 1 == 2 [Alpha calls it flaky: failed in 3 of 9 runs]" in answer.text
    assert ["test_a"] == answer.data["runs"][0]["failures"][0]["flaky"]
    made = services(alpha)
    made.toys["alpha"].hooks = replace(made.toys["alpha"].hooks, flaky=refuse)
    assert "no list" not in (await explain(made, URL)).text


async def test_the_second_question_about_a_run_costs_one_request(services: Make, toy: Make, run: Make) -> None:
    """The list of runs, which shows that nothing has happened since; the same by its URL and by its branch."""
    alpha = toy("alpha", runs=[run(1, Status.FAILED), run(2, Status.PASSED)], failures=[failure("unit")], logs={"unit": LOG})  # fmt: skip
    made = services(alpha)
    first = await explain(made, URL)
    for target in (URL, TARGET):
        alpha.asked.clear()
        again = await explain(made, target)
        assert first.data["runs"][0]["failures"] == again.data["runs"][0]["failures"]
        assert first.data["runs"][0]["green"] == again.data["runs"][0]["green"]
        assert ["runs main"] == alpha.asked


async def test_a_run_that_was_run_again_is_read_again(services: Make, toy: Make, run: Make) -> None:
    """Under the same id: it runs, or it has ended a second time."""
    red = replace(run(1, Status.FAILED), finished=datetime.now(UTC) - timedelta(minutes=30))
    alpha = toy("alpha", runs=[red], failures=[failure("unit")], logs={"unit": LOG})
    made = services(alpha)
    await explain(made, URL)
    for now in (replace(red, status=Status.RUNNING), replace(red, finished=datetime.now(UTC) + timedelta(hours=1))):
        alpha.runs[0] = now
        alpha.asked.clear()
        await explain(made, URL)
        assert "run r1" in alpha.asked


async def test_a_run_that_goes_on_is_not_remembered(run: Make) -> None:
    """Nor one of whose jobs one still runs."""
    kept = Memory()
    running = replace(run(1, Status.FAILED), jobs=(Job(status=Status.RUNNING, name="slow", id="s"),))
    for one in (run(1, Status.RUNNING), run(1, Status.FAILING), running):
        kept.keep("alpha", "host", Known(one), "r1")
        assert kept.get("alpha", "host", "r1") is None


async def test_the_memory_is_bounded(run: Make) -> None:
    """The run that was not asked for longest goes first."""
    kept = Memory()
    for number in range(MOST + 1):
        kept.keep("alpha", "host", Known(run(number, Status.FAILED)), f"r{number}")
        kept.get("alpha", "host", "r0")
    assert kept.get("alpha", "host", "r0")
    assert kept.get("alpha", "host", "r1") is None
    assert kept.get("alpha", "host", f"r{MOST}")


async def test_a_run_too_old_to_be_listed_is_believed_for_a_while(run: Make) -> None:
    """Ten minutes."""
    red = run(1, Status.FAILED)
    assert Known(red).holds([])
    assert not Known(red, read=datetime.now(UTC) - timedelta(minutes=11)).holds([run(2, Status.FAILED)])


async def test_each_process_has_its_own_memory(services: Make, toy: Make) -> None:
    """It is that of its services, and goes with them."""
    one, other = services(toy("alpha")), services(toy("alpha"))
    assert memory.of(one) is memory.of(one)
    assert memory.of(one) is not memory.of(other)


async def test_a_list_that_fails_lets_the_run_be_read_again(services: Make, toy: Make, run: Make) -> None:
    """What cannot be checked is not believed."""
    alpha = toy("alpha", runs=[run(1, Status.FAILED)], failures=[failure("unit")], logs={"unit": LOG})
    made = services(alpha)
    await explain(made, URL)

    async def refuse(*_: Any) -> Any:
        raise NotFoundError("no list")

    made.toys["alpha"].hooks = replace(made.toys["alpha"].hooks, runs=refuse)
    alpha.asked.clear()
    assert "assert 1 == 2" in (await explain(made, URL)).text
    assert "run r1" in alpha.asked


async def test_what_came_between_is_not_told_of_a_list_of_green_runs(services: Make, toy: Make, run: Make) -> None:
    """The run is the last that a list shows: the green one found behind it need not be the one before it."""
    old = [run(number, Status.FAILED) for number in range(1, 25)]
    answer = await explain(
        services(toy("alpha", runs=[*old, run(25, Status.PASSED)])), "https://ci.alpha.example/runs/r20"
    )
    assert "Last green run of main: r25" in answer.text
    assert "The run before this one" not in answer.text
    assert "before" not in answer.data["runs"][0]


async def test_green_runs_too_old_for_a_list_are_not_said_to_be_absent(services: Make, toy: Make, run: Make) -> None:
    """Of an old run on a busy branch even the list of green ones ends before it."""
    newer = [run(number, Status.PASSED) for number in range(1, 25)]
    busy = toy("alpha", runs=[*newer, run(30, Status.FAILED), run(31, Status.PASSED)])
    said = (await explain(services(busy), "https://ci.alpha.example/runs/r30")).text
    assert "No green run of main was found to compare with (only the newest runs were looked at)." in said
    quiet = toy("alpha", runs=[run(30, Status.FAILED), run(31, Status.FAILED)])
    said = (await explain(services(quiet), "https://ci.alpha.example/runs/r30")).text
    assert "No green run of main was found to compare with." in said


async def test_runs_of_one_second_are_in_the_order_of_their_list(services: Make, toy: Make, run: Make) -> None:
    """Two pushes, or two jobs of a request, may begin together."""
    began = datetime.now(UTC)
    runs = [
        replace(run(number, status), created=began)
        for number, status in ((1, Status.PASSED), (2, Status.FAILED), (3, Status.PASSED))
    ]
    said = (await explain(services(toy("alpha", runs=runs)), "https://ci.alpha.example/runs/r2")).text
    assert "Last green run of main: r3" in said
