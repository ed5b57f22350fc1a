"""What does more cost: runs listed, jobs in a run, shards that fail alike, providers, bytes of log?

One table an axis. ``growth`` is the processor's time against the row before, over the growth of the axis: 1 is linear,
and nothing should be above it by more than noise. Toy services answer at once, so that only our own work is seen.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import anyio

from benchmarks import logs
from benchmarks.context import seen
from benchmarks.measure import run, table
from benchmarks.toys import Toy, ToyServices
from ci_mcp.core.answer import Answer
from ci_mcp.core.budget import fit
from ci_mcp.core.catalog import TRIAGE, load
from ci_mcp.core.shapes import Page
from ci_mcp.triage.tools import explain, status

RUNS = 5
Work = Callable[[ToyServices], Awaitable[Any]]


async def _once(toys: Sequence[Toy], work: Work) -> tuple[float, Answer]:
    with tempfile.TemporaryDirectory() as folder:
        async with ToyServices(toys, folder) as services:
            begun = time.process_time()
            answer = fit(await work(services))
            return time.process_time() - begun, answer


def cost(toys: Sequence[Toy], work: Work) -> tuple[float, int, int]:
    """Milliseconds of the processor (median), calls of hooks, tokens."""
    seconds: list[float] = []
    for turn in range(RUNS + 1):
        for toy in toys:
            toy.asked.clear()
        spent, answer = anyio.run(_once, toys, work)
        if turn:
            seconds.append(spent * 1000)
    return statistics.median(seconds), sum(toy.asked.total() for toy in toys), -(-len(answer.text) // 4)


def grown(rows: Sequence[tuple[int, float, *tuple[object, ...]]]) -> list[list[object]]:
    """The rows with how their time grew."""
    out: list[list[object]] = []
    for number, (size, spent, *more) in enumerate(rows):
        before = rows[number - 1] if number else None
        growth = spent / before[1] / (size / before[0]) if before else ""
        out.append([size, spent, *more, growth])
    return out


def runs_listed() -> None:
    """A page of runs, as every list is made."""
    toy = Toy("alpha")
    rows = []
    for size in (10, 100, 1_000):
        page = Page([toy.made(number) for number in range(size)])
        spent, calls, tokens = cost([toy], partial(_page, page))
        rows.append((size, spent, calls, tokens))
    table("Runs listed", ["runs", "ms", "calls", "tokens", "growth (≤ 1)"], grown(rows))


async def _page(page: Page[Any], _: ToyServices) -> Page[Any]:
    return page


async def _explained(services: ToyServices) -> Any:
    return await explain(services, "alpha:web")


async def _status(services: ToyServices) -> Any:
    return await status(services, "")


def jobs_in_a_run() -> None:
    """Three failed among ever more that passed."""
    rows = [(size, *cost([Toy("alpha", jobs=size)], _explained)) for size in (10, 100, 1_000)]
    table("Jobs in a run, 3 of them failed", ["jobs", "ms", "calls", "tokens", "growth (≤ 1)"], grown(rows))


def shards_alike() -> None:
    """All jobs fail in the same way."""
    rows = [(size, *cost([Toy("alpha", jobs=size, failed=size)], _explained)) for size in (1, 10, 100, 1_000)]
    table("Shards failing alike", ["shards", "ms", "calls", "tokens", "growth (≤ 1)"], grown(rows))


def providers() -> None:
    """The newest runs everywhere, and the tools that a client is told of."""
    known = load()
    names = list(known.services)
    rows = []
    for size in (1, 2, 4, len(names)):
        toys = [Toy(f"toy{number}") for number in range(size)]
        wanted = {TRIAGE, *names[:size]}
        core = sum(len(seen(one)) for one in known.tools.values() if one.core and one.provider in wanted) // 4
        rows.append((size, *cost(toys, _status), core))
    columns = ["providers", "ms, ci_status", "calls", "tokens", "tokens, core tools", "growth (≤ 1)"]
    table("Providers configured", columns, grown(rows))


def log_size(folder: Path) -> None:
    """An excerpt of a whole log, and an explanation that fetches it."""
    rows = []
    for size in (1, 10, 100, 1_000):
        log = logs.write(folder / "build.log", size)
        took = [run([sys.executable, "-c", logs.ENGINE, str(log)]) for _ in range(3 if size < 1_000 else 1)]  # noqa: PLR2004 - once takes long enough
        spent = statistics.median(one.cpu for one in took) * 1000
        rows.append((size, spent, f"{max(one.peak for one in took):.0f} MB"))
        log.unlink()
    table("Log size: an excerpt, whole process", ["MB", "ms", "peak memory", "growth (≤ 1)"], grown(rows))
    fetched = [(size, *cost([Toy("alpha", log=size * 1_000_000)], _explained)) for size in (1, 10)]
    columns = ["MB, each of 3 logs", "ms", "calls", "tokens", "growth (≤ 1)"]
    table("Log size: an explanation that fetches them", columns, grown(fetched))


def main() -> None:
    """Print the tables."""
    runs_listed()
    jobs_in_a_run()
    shards_alike()
    providers()
    with tempfile.TemporaryDirectory() as folder:
        log_size(Path(folder))


if __name__ == "__main__":
    main()
