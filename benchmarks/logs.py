"""How fast and how small is the log engine, against ripgrep?

It makes its own logs. Whole processes against whole processes, taking turns, medians. The yardstick is ``rg -c`` on the
same file, with the same patterns: those that the engine passes over a big log for, or the one that is searched for.
"""

import random
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.measure import Cost, run, table
from ci_mcp.logs.knowledge.alarms import ALARMS

MEGABYTES = 100
RUNS = 5
WORDS = ["alpha", "beta", "delta", "module", "object", "package", "build", "link", "cache", "layer", "worker", "queue"]
FAILURE = """\
Traceback (most recent call last):
  File "/src/shop/cart.py", line 12, in total
    assert total == 4
AssertionError: assert 3 == 4
make: *** [test] Error 1
"""
END = "##[error]Process completed with exit code 2.\n"
EXCERPT = "import sys; from ci_mcp.__main__ import main; sys.argv = ['ci-mcp', 'excerpt', sys.argv[1]]; main()"
ENGINE = (
    "import sys; from ci_mcp.logs.clean import Log; from ci_mcp.logs.excerpt import excerpt;"
    "print(excerpt(Log.of_file(sys.argv[1])).text())"
)
VIEW = (
    "import sys; from ci_mcp.logs.clean import Log; from ci_mcp.logs import search;"
    "log = Log.of_file(sys.argv[1]); print(len(eval('search.' + sys.argv[2]).text()))"
)


SEARCHES = {"the failure": "AssertionError|exit code [1-9]", "one line in 500": "ERROR in (alpha|beta)_[0-9]+"}


def green_lines(rng: random.Random) -> list[str]:
    """Lines as passing jobs print them, one in five hundred of which would raise an alarm."""
    lines = []
    for number in range(20_000):
        word, other = rng.choice(WORDS), rng.choice(WORDS)
        lines.append(
            rng.choice(
                (
                    f"[{number % 100:3}%] Building CXX object src/{word}/{other}_{number}.cpp.o",
                    f"test {word}::{other}_{number} ... ok",
                    f"2024-05-01 10:00:{number % 60:02} INFO {word}.{other}: request {number} took {number % 500} ms",
                    "    " + " ".join(rng.choice(WORDS) for _ in range(12)),
                    f"warning: unused variable '{word}_{number}' in function {other}",
                )
            )
        )
        if number % 500 == 0:
            lines[-1] = f"10:00:{number % 60:02} {word}: ERROR in {other} {number}, trying again"
    return lines


def blocks(megabytes: int) -> Iterator[str]:
    """A log of so many megabytes that fails at three fifths of its length."""
    rng = random.Random(1)  # noqa: S311 - the same log every time
    pool, size, failed = green_lines(rng), 0, False
    while size < megabytes * 1_000_000:
        block = "\n".join(rng.choices(pool, k=5_000)) + "\n"
        size += len(block)
        yield block
        if not failed and size > megabytes * 600_000:
            failed = True
            yield FAILURE
    yield END


def write(path: Path, megabytes: int) -> Path:
    """Write such a log."""
    with path.open("w") as file:
        file.writelines(blocks(megabytes))
    return path


def compare(commands: Mapping[str, Sequence[str]], runs: int) -> dict[str, Cost]:
    """Medians of seconds and peaks of memory; the commands take turns, after one round that is not counted."""
    seen: dict[str, list[Cost]] = {name: [] for name in commands}
    for turn in range(runs + 1):
        for name, command in commands.items():
            cost = run(command)
            if turn:
                seen[name].append(cost)
    return {name: _middle(costs) for name, costs in seen.items()}


def _middle(costs: Sequence[Cost]) -> Cost:
    seconds, cpu = statistics.median(one.seconds for one in costs), statistics.median(one.cpu for one in costs)
    return Cost(seconds, cpu, max(one.peak for one in costs))


def against(title: str, commands: Mapping[str, Sequence[str]], runs: int) -> None:
    """A table of commands against the last of them."""
    results = compare(commands, runs)
    yardstick = list(results.values())[-1]
    rows = [
        [name, f"{one.seconds:.2f} s", f"{one.peak:.0f} MB", yardstick.seconds / one.seconds, yardstick.cpu / one.cpu]
        for name, one in results.items()
    ]
    columns = ["whole process", "took", "peak memory (≤ 150 MB)", "× rg's speed (≥ 0.5)", "by the processor"]
    table(f"{title}, median of {runs}", columns, rows)


def excerpts(folder: Path) -> None:
    """An excerpt of a log against ripgrep counting the same patterns in it, then a search."""
    log, patterns = write(folder / "build.log", MEGABYTES), folder / "patterns"
    patterns.write_text("\n".join(pattern for pattern, _ in ALARMS) + "\n")
    commands = {
        "ci-mcp excerpt": [sys.executable, "-c", EXCERPT, str(log)],
        "the engine alone": [sys.executable, "-c", ENGINE, str(log)],
        "rg -c": ["rg", "-c", "-f", str(patterns), str(log)],
    }
    against(f"Excerpt of {MEGABYTES} MB", commands, RUNS)
    for said, pattern in SEARCHES.items():
        program = [sys.executable, "-c", VIEW, str(log), f"search(log, {pattern!r})"]
        commands = {"search": program, "rg -c": ["rg", "-c", pattern, str(log)]}
        against(f"Search of {MEGABYTES} MB in the cache for {said}", commands, RUNS)
    log.unlink()


def views(folder: Path) -> None:
    """Tail, search and window of 1 GB, and a single line of 1 GB."""
    log, line = write(folder / "big.log", 1_000), folder / "line.log"
    with line.open("wb") as file:
        file.writelines(b"x error " * 125_000 for _ in range(1_000))
    rare = SEARCHES["the failure"]
    commands = {
        "tail": [sys.executable, "-c", VIEW, str(log), "tail(log, 50)"],
        "window": [sys.executable, "-c", VIEW, str(log), "window(log, 9000000, 50)"],
        "search": [sys.executable, "-c", VIEW, str(log), f"search(log, {rare!r})"],
        "excerpt": [sys.executable, "-c", ENGINE, str(log)],
        "excerpt, one line": [sys.executable, "-c", ENGINE, str(line)],
        "search, one line": [sys.executable, "-c", VIEW, str(line), "search(log, 'error')"],
        "rg -c, as searched": ["rg", "-c", rare, str(log)],
    }
    against("1 GB", commands, 1)


def main() -> None:
    """Make the logs, measure, print."""
    if shutil.which("rg") is None:
        sys.exit("the yardstick is ripgrep: apt install ripgrep")
    with tempfile.TemporaryDirectory() as name:
        excerpts(Path(name))
        views(Path(name))


if __name__ == "__main__":
    main()
