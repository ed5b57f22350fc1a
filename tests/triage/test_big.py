"""Worlds that are larger, slower and worse than usual, through the whole path of an explanation."""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import anyio
import pytest

from ci_mcp.core.budget import fit
from ci_mcp.core.shapes import Failure, Job, Run, RunQuery
from ci_mcp.errors import RateLimitedError
from ci_mcp.status import Status
from ci_mcp.triage.gather import MOST_LOGS
from ci_mcp.triage.tools import explain

Make = Callable[..., Any]
pytestmark = pytest.mark.anyio
URL = "https://ci.alpha.example/runs/r1"
FAILURE = "E       AssertionError: assert 1790 == 1800\ntests/test_cart.py:29: AssertionError\n"
END = "##[error]Process completed with exit code 1.\n"


def job(number: int, status: Status) -> Job:
    """A job of a matrix."""
    return Job(status=status, name=f"shard {number}", id=f"j{number}", log_id=f"log{number}" if status.bad else "")


async def test_forty_of_a_thousand_jobs_that_fail_alike_are_one_failure(services: Make, toy: Make, run: Make) -> None:
    """As many logs are read as for any run, and the others are named."""
    jobs = tuple(job(number, Status.FAILED if number % 25 == 0 else Status.PASSED) for number in range(1_000))
    failed = [one for one in jobs if one.status.bad]
    alpha = toy(
        "alpha",
        runs=[replace(run(1, Status.FAILED), jobs=jobs)],
        failures=[Failure(job=one) for one in failed],
        logs={one.log_id: f"shard {one.id}\n{FAILURE}{END}".encode() for one in failed},
    )
    answer = fit(await explain(services(alpha), URL, compare=False))
    assert "run r1, 1,000 jobs: 40 failed, 960 passed" in answer.text
    assert f"the same in {MOST_LOGS - 1} other jobs: shard 25, " in answer.text
    assert "2. Job" not in answer.text
    assert "Left out: 28 more failed jobs: " in answer.text
    assert 4_000 >= len(answer.text)
    assert MOST_LOGS == sum(asked.startswith("log ") for asked in alpha.asked)


async def test_a_line_far_from_the_end_of_a_long_log_is_found(services: Make, toy: Make, run: Make) -> None:
    """Three thousand lines before the end of 20 MB."""
    before = "2026-01-01 building module number one of many, which is a line as long as any\n" * 240_000
    after = "cleaning up after the tests, which have nothing more to say about it\n" * 3_000
    log = f"##[group]pytest\n{before}{FAILURE}{after}{END}".encode()
    assert 18_000_000 < len(log)
    alpha = toy(
        "alpha",
        runs=[run(1, Status.FAILED)],
        failures=[Failure(job=job(1, Status.FAILED))],
        logs={"log1": log},
    )
    text = (await explain(services(alpha), URL, compare=False)).text
    assert "assert 1790 == 1800" in "\n".join(text.splitlines()[:40])
    assert "exit code 1" in text


async def test_a_log_that_never_comes_does_not_lose_the_others(services: Make, toy: Make, run: Make) -> None:
    """Within the caller's time the rest is told, and what is missing."""

    class Slow(type(toy("x"))):  # type: ignore[misc]
        async def _log(self, _: Any, name: str) -> AsyncIterator[bytes]:
            self._note(f"log {name}")
            if name == "log1":
                yield b"it begins\n"
                await anyio.sleep_forever()
            yield f"{FAILURE}{END}".encode()

    bad = tuple(job(number, Status.FAILED) for number in (1, 2))
    alpha = Slow("alpha", runs=[run(1, Status.FAILED, jobs=bad)], failures=[Failure(job=one) for one in bad])
    with anyio.fail_after(4):
        text = (await explain(services(alpha), URL)).text
    assert '1. Job "shard 1" failed\nits log did not come within 2 s' in text
    assert "assert 1790 == 1800" in text
    assert {"log log1": 1, "log log2": 1}.items() <= Counter(alpha.asked).items()


async def test_reports_and_a_comparison_that_never_come_are_done_without(services: Make, toy: Make, run: Make) -> None:
    """The jobs of the run say what failed, and notes what is not known."""

    class Slow(type(toy("x"))):  # type: ignore[misc]
        async def _failures(self, *_: Any) -> list[Failure]:
            return await anyio.sleep_forever()

        async def _runs(self, _: Any, query: RunQuery) -> list[Run]:
            raise RateLimitedError(f"{query.project} is asked too often")

    bad = (job(1, Status.FAILED),)
    alpha = Slow("alpha", runs=[run(1, Status.FAILED, jobs=bad)], logs={"log1": f"{FAILURE}{END}".encode()})
    with anyio.fail_after(4):
        text = (await explain(services(alpha), URL)).text
    assert "assert 1790 == 1800" in text
    assert "failing tests and reasons: not known, as it did not come within 2 s" in text
    assert "the comparison with earlier runs: not known, as web is asked too often" in text


async def test_a_service_that_never_answers_does_not_lose_the_others(
    services: Make, toy: Make, run: Make, git: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is named, and the rest is told within the caller's time."""
    monkeypatch.chdir(git("r"))

    class Silent(type(toy("x"))):  # type: ignore[misc]
        async def _runs(self, *_: Any) -> list[Run]:
            return await anyio.sleep_forever()

    red = toy("beta", remote="r", runs=[run(1, Status.FAILED)], failures=[Failure(job=job(1, Status.FAILED))], logs={"log1": FAILURE.encode()})  # fmt: skip
    made = services(Silent("alpha", remote="r"), red)
    with anyio.fail_after(5):
        text = (await explain(made)).text
    assert "assert 1790 == 1800" in text
    assert "not asked: alpha did not answer in time" in text


async def test_what_never_ran_is_counted(services: Make, toy: Make, run: Make) -> None:
    """After what failed, with the reason; alone it is what there is to tell."""
    never = Failure(
        job=Job(status=Status.SKIPPED, name="deploy, publish", id="d"), reason="a job before it failed", jobs=2
    )
    failed = Failure(job=job(1, Status.FAILED))
    alpha = toy("alpha", runs=[run(1, Status.FAILED)], failures=[never, failed], logs={"log1": FAILURE.encode()})
    answer = await explain(services(alpha), URL, compare=False)
    assert '1. Job "shard 1" failed' in answer.text
    assert "2 jobs never ran:\n- deploy, publish: a job before it failed" in answer.text
    assert 2 == answer.data["runs"][0]["aside"][0]["jobs"]
    alpha.failures = [never]
    assert '1. Job "deploy, publish" skipped' in (await explain(services(alpha), URL, compare=False)).text


async def test_what_was_stopped_because_another_failed_is_counted_and_not_read(
    services: Make, toy: Make, run: Make
) -> None:
    """Its log would say that it was stopped; where nothing has failed, it is read."""
    reason = "something else had failed"
    bad = (job(1, Status.FAILED), *(job(number, Status.CANCELED) for number in (2, 3)))
    failures = [Failure(job=one, reason=reason if one.status is Status.CANCELED else "") for one in bad]
    logs = {"log1": FAILURE.encode(), "log2": b"stopped\n", "log3": b"stopped\n"}
    alpha = toy("alpha", runs=[run(1, Status.FAILED, jobs=bad)], failures=failures, logs=logs)
    text = (await explain(services(alpha), URL, compare=False)).text
    assert "2 jobs canceled:\n- shard 2, shard 3: something else had failed" in text
    assert "2. Job" not in text
    assert "log log2" not in alpha.asked
    alpha.runs, alpha.failures = [run(1, Status.CANCELED, jobs=bad[1:])], failures[1:]
    text = (await explain(services(alpha), URL, compare=False)).text
    assert '1. Job "shard 2" canceled; the same in 1 other job: shard 3' in text
    assert "log log2" in alpha.asked


@pytest.mark.parametrize("tokens", [200, 300, 600, 1_500, 4_000, 10_000])
async def test_any_number_of_tokens_is_kept_to(tokens: int, services: Make, toy: Make, run: Make) -> None:
    """Thirty different failures with long names, reasons and titles."""
    red = replace(run(1, Status.FAILED), title="t" * 500, branch="b" * 200, url=URL, reason="first\nsecond\n" * 20)
    failures = [
        Failure(job=replace(job(number, Status.FAILED), name=f"{number} {'n' * 150}"), reason="why " * 40)
        for number in range(30)
    ]
    logs = {f"log{number}": f"E   assert {'x' * number} == {number}\n{END}".encode() for number in range(30)}
    alpha = toy("alpha", runs=[red], failures=failures, logs=logs)
    answer = fit(await explain(services(alpha), URL, tokens=tokens), tokens)
    assert tokens * 4 >= len(answer.text)
    assert "1. Job" in answer.text


@pytest.mark.parametrize("passed", [10, 1_000])
async def test_jobs_that_passed_cost_neither_requests_nor_tokens(
    passed: int, services: Make, toy: Make, run: Make
) -> None:
    """Three failed, each in its own way: as many calls and as many words, however many passed."""
    bad = tuple(job(number, Status.FAILED) for number in range(3))
    jobs = (*bad, *(job(number, Status.PASSED) for number in range(3, 3 + passed)))
    alpha = toy(
        "alpha",
        runs=[replace(run(1, Status.FAILED), jobs=jobs)],
        failures=[Failure(job=one) for one in bad],
        logs={one.log_id: f"E   assert '{one.id}' == 1\n{END}".encode() for one in bad},
    )
    answer = fit(await explain(services(alpha), URL))
    assert {"run r1": 1, "failures r1": 1, "log log0": 1, "log log1": 1, "log log2": 1}.items() <= Counter(
        alpha.asked
    ).items()
    assert 6 >= len(alpha.asked)
    assert 300 * 4 >= len(answer.text)
