"""How fast and how small is the log engine, against ripgrep? It makes its own logs and prints ratios.

    python benchmarks/logs.py [--megabytes 100] [--runs 5] [--big]

Whole processes against whole processes, taking turns, medians. The yardstick is ``rg -c`` with the same patterns that
the engine passes over a big log for. ``--big`` adds a log of 1 GB: tail, search and window, and a line of 1 GB.
"""

import argparse
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from ci_mcp.logs.knowledge.alarms import ALARMS

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


def run(command: list[str]) -> tuple[float, float]:
    """The seconds a whole process took, and its peak memory in MB."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603 - our own commands
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode > 1:
        sys.exit(f"failed: {command}")
    return seconds, _megabytes(usage)


def _megabytes(usage: resource.struct_rusage) -> float:
    return usage.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def compare(commands: dict[str, list[str]], runs: int) -> dict[str, tuple[float, float]]:
    """Medians of seconds and peaks of memory; the commands take turns, after one round that is not counted."""
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for turn in range(runs + 1):
        for name, command in commands.items():
            measured = run(command)
            if turn:
                seen[name].append(measured)
    return {name: (statistics.median(s for s, _ in all_), max(m for _, m in all_)) for name, all_ in seen.items()}


def excerpts(folder: Path, megabytes: int, runs: int) -> None:
    """An excerpt of a log against ripgrep (and grep) counting the same patterns in it."""
    log, patterns = write(folder / "build.log", megabytes), folder / "patterns"
    patterns.write_text("\n".join(pattern for pattern, _ in ALARMS) + "\n")
    commands = {
        "ci-mcp excerpt": [sys.executable, "-c", EXCERPT, str(log)],
        "the engine alone": [sys.executable, "-c", ENGINE, str(log)],
        "rg -c": ["rg", "-c", "-f", str(patterns), str(log)],
    }
    results = compare(commands, runs)
    yardstick = results["rg -c"][0]
    print(f"excerpt of {megabytes} MB, {runs} runs")
    for name, (seconds, peak) in results.items():
        print(f"  {name:18} {seconds:6.3f} s  {peak:5.0f} MB  {yardstick / seconds:5.2f} x the speed of rg -c")


def views(folder: Path, runs: int) -> None:
    """Tail, search and window of 1 GB, and a single line of 1 GB."""
    log, line = write(folder / "big.log", 1_000), folder / "line.log"
    with line.open("wb") as file:
        file.writelines(b"x error " * 125_000 for _ in range(1_000))
    commands = {
        "tail": [sys.executable, "-c", VIEW, str(log), "tail(log, 50)"],
        "window": [sys.executable, "-c", VIEW, str(log), "window(log, 9000000, 50)"],
        "search": [sys.executable, "-c", VIEW, str(log), "search(log, 'AssertionError|exit code [1-9]')"],
        "excerpt": [sys.executable, "-c", ENGINE, str(log)],
        "excerpt, one line": [sys.executable, "-c", ENGINE, str(line)],
        "search, one line": [sys.executable, "-c", VIEW, str(line), "search(log, 'error')"],
        "rg -c": ["rg", "-c", "AssertionError|exit code [1-9]", str(log)],
    }
    print("1 GB")
    for name, (seconds, peak) in compare(commands, runs).items():
        print(f"  {name:18} {seconds:6.2f} s  {peak:5.0f} MB")


def main() -> None:
    """Make the logs, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--big", action="store_true", help="1 GB too: takes a minute and 2 GB of disk")
    options = parser.parse_args()
    if shutil.which("rg") is None:
        sys.exit("the yardstick is ripgrep: apt install ripgrep")
    with tempfile.TemporaryDirectory() as name:
        excerpts(Path(name), options.megabytes, options.runs)
        if options.big:
            views(Path(name), min(options.runs, 3))


if __name__ == "__main__":
    main()
