"""Every benchmark, or those named: ``python -m benchmarks [NAME]...``."""

import sys
import time
from importlib import import_module

NAMES = ("startup", "context", "rounds", "logs", "growth", "idle")


def main() -> None:
    """Print all tables."""
    if unknown := set(sys.argv[1:]) - set(NAMES):
        sys.exit(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(NAMES)}")
    for name in sys.argv[1:] or NAMES:
        begun = time.perf_counter()
        module = import_module(f"benchmarks.{name}")
        print(f"\n### {name}\n\n{(module.__doc__ or '').partition(chr(10))[0]}")
        module.main()
        print(f"\n{name} took {time.perf_counter() - begun:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
