"""Every benchmark, or those named: ``python -m benchmarks [NAME]...``."""

import subprocess
import sys
import time

NAMES = ("startup", "context", "rounds", "logs", "growth", "idle")


def main() -> None:
    """Print all tables, each benchmark in a process of its own: what one has in memory is no peak of another's."""
    if unknown := set(sys.argv[1:]) - set(NAMES):
        sys.exit(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(NAMES)}")
    for name in sys.argv[1:] or NAMES:
        begun = time.perf_counter()
        print(f"\n### {name}", flush=True)
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=True)  # noqa: S603 - one of ours
        print(f"{name} took {time.perf_counter() - begun:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
