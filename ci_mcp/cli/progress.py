"""A sign of life on stderr for what takes longer than a second, on a terminal only."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

PATIENCE = 1.0  # seconds


@contextmanager
def progress(*, quiet: bool, words: str = "asking the CI") -> Iterator[None]:
    """Show a spinner while the block runs, from its second second on."""
    if quiet or not sys.stderr.isatty():
        yield
        return
    done = threading.Event()
    spinner = threading.Thread(target=_spin, args=(words, done), daemon=True)
    spinner.start()
    try:
        yield
    finally:
        done.set()
        spinner.join()


def _spin(words: str, done: threading.Event) -> None:
    if done.wait(PATIENCE):
        return
    from rich.console import Console

    with Console(stderr=True).status(words):
        done.wait()
