"""How many requests and round trips does an explanation take, and how near is it to what the network alone takes?

Every request is given 50 ms more. The floor is the depth times that: what a program would take that has all answers
the moment they come. The log cache is empty; libraries are loaded by a question that is not counted.
"""

import statistics
import time

import anyio

from benchmarks import sandbox
from benchmarks.measure import Wire, table
from ci_mcp.core.call import call
from ci_mcp.core.services import Services

LATENCY = 0.05
RUNS = 5
BOUND = 1.5


async def _asked(services: Services, target: str) -> float:
    begun = time.perf_counter()
    await call(services, "ci_explain", {"target": target})
    return time.perf_counter() - begun


async def _once(served: sandbox.Sandbox, target: str) -> tuple[int, int, float, int]:
    """Requests, depth, seconds; requests of the second question."""
    wire = Wire(LATENCY)
    with sandbox.opened(served, wire) as services:
        async with services:
            seconds = await _asked(services, target)
            first, depth = len(wire.spans), wire.depth()
            wire.clear()
            await _asked(services, target)
    return first, depth, seconds, len(wire.spans)


def _row(served: sandbox.Sandbox, target: str) -> list[object]:
    seen = [anyio.run(_once, served, target) for _ in range(RUNS + 1)][1:]
    requests, depth, again = max(one[0] for one in seen), min(one[1] for one in seen), max(one[3] for one in seen)
    seconds = statistics.median(one[2] for one in seen)
    floor = depth * LATENCY
    return [target, requests, depth, f"{floor * 1000:.0f} ms", f"{seconds * 1000:.0f} ms", seconds / floor, again]


def main() -> None:
    """Print the table."""
    with sandbox.started() as served:
        targets = [sandbox.target(name) for name in served.services]
        targets += [sandbox.target(name, branch) for name, branch in sandbox.WIDE.items() if name in served.services]
        rows = [_row(served, target) for target in targets]
    columns = ["ci_explain", "requests", "depth", "floor", "took", f"over the floor (≤ {BOUND})", "asked again (≤ 2)"]
    table(f"Round trips: 50 ms a request, median of {RUNS}", columns, rows)


if __name__ == "__main__":
    main()
