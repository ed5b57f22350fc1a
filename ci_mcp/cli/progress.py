"""A sign of life on stderr for what takes longer than a second, on a terminal only."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

PATIENCE = 1.0  # seconds
_FRAME = 0.2  # seconds between two looks at the words


@dataclass(slots=True)
class Spinner:
    """What is said while something is under way; ``words`` may change at any time."""

    words: str
    done: threading.Event = field(default_factory=threading.Event)

    async def report(self, done: float, total: float | None, words: str) -> None:  # noqa: ARG002 - a `Report`
        """Take the words of a call that says how far it has come."""
        self.words = words

    def spin(self) -> None:
        """Show the words until it is done, from the second second on."""
        if self.done.wait(PATIENCE):
            return
        from rich.console import Console
        from rich.text import Text

        console = Console(stderr=True)
        with console.status(Text(self.words)) as status:
            while not self.done.wait(_FRAME):
                status.update(Text(self.words, overflow="ellipsis", no_wrap=True))


@contextmanager
def progress(*, quiet: bool, words: str = "asking the CI") -> Iterator[Spinner]:
    """Show a spinner while the block runs."""
    spinner = Spinner(words)
    if quiet or not sys.stderr.isatty():
        yield spinner
        return
    thread = threading.Thread(target=spinner.spin, daemon=True)
    thread.start()
    try:
        yield spinner
    finally:
        spinner.done.set()
        thread.join()
