"""Logs as Buildbot keeps them: lines, and of what a command printed each with a letter for its stream.

``o`` is standard output, ``e`` standard error, ``h`` what the worker says: the command, its whole environment, and
how it ended.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ci_mcp.sandbox.buildbot.model import CANCELLED, RETRY, Log, Step
from ci_mcp.sandbox.buildbot.world import SECRET_VALUE
from ci_mcp.sandbox.recordings import recording

_FILLER_LINES = 480_000
_FILLER = (
    "oINFO  indexer: shelf {0:06d} article {1:07d} title, text and prices written to segment {2:03d}; {3:08d} kept"
)
_BREAK = re.compile(r"\r*\n|\r+")
_AT_ONCE = 2_000
_OPENING = 5
_HOME = re.compile(r"/home/semaphore/[a-z]+")


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of a log: what lies between ``head`` and ``tail`` is made when it is read, never kept."""

    head: list[str]
    filler: int = 0
    tail: tuple[str, ...] = ()

    def __len__(self) -> int:
        """How many there are."""
        return len(self.head) + self.filler + len(self.tail)

    def read(self, first: int, last: int) -> Iterator[list[str]]:
        """The lines from one to before another, in pieces."""
        for begin in range(first, min(last, len(self)), _AT_ONCE):
            yield [self._line(number) for number in range(begin, min(begin + _AT_ONCE, last, len(self)))]

    def _line(self, number: int) -> str:
        if number < len(self.head):
            return self.head[number]
        number -= len(self.head)
        if number < self.filler:
            return _FILLER.format(number // 40, number, number % 512, number * 7919 % 10**8)
        return self.tail[number - self.filler]


def lines_of(log: Log, now: float) -> Lines:
    """A log as far as it has got."""
    if log.type != "s":
        return Lines(log.text.splitlines())
    step = log.step
    header, printed, last = _header(step), _printed(step), _last(step, now)
    if step.spec.big:
        return Lines([*header, *printed[:_OPENING]], _FILLER_LINES, (*printed[_OPENING:], *last))
    planned = step.spec.seconds or 1
    share = 1.0 if now >= step.end and not _killed(step) else (min(now, step.end) - step.begin) / planned
    shown = printed[: max(0, min(len(printed), int(share * len(printed))))]
    # The master learns of a last line without an end only when all else has been said.
    if step.spec.text and not step.spec.text.endswith("\n") and last:
        return Lines([*header, *shown[:-1], *last, *shown[-1:]])
    return Lines([*header, *shown, *last])


def _killed(step: Step) -> bool:
    return step.results in {CANCELLED, RETRY}


def _header(step: Step) -> list[str]:
    build, command = step.build, step.spec.command
    folder = f"{build.properties['builddir'][0]}/build"
    environment = {
        "BRANCH": build.request.source.branch, "LANG": "C.UTF-8", "PATH": "/usr/local/bin:/usr/bin:/bin",
        "PWD": folder, "SHOP_DB_PASSWORD": SECRET_VALUE,
    }  # fmt: skip
    said = [
        command, f" in dir {folder} (timeout 1200 secs)", " watching logfiles {}",
        f" argv: {[word.encode() for word in command.split()]}", " environment:",
        *(f"  {name}={value}" for name, value in environment.items()), " using PTY: False",
    ]  # fmt: skip
    return [f"h{line}" for line in said]


def _printed(step: Step) -> list[str]:
    spec = step.spec
    text = spec.text.replace("{commit}", step.build.request.source.revision[:10])
    if spec.recording:
        recorded = recording(spec.recording)
        text = recorded.steps[-1].output.replace(recorded.commit[:7], step.build.request.source.revision[:7])
        text = _HOME.sub(f"{step.build.properties['builddir'][0]}/build", text)
    letter = "e" if spec.name == "git" else "o"
    found = _BREAK.split(text.removesuffix("\n"))
    return [f"{letter}{line}" for line in found] if text else []


def _last(step: Step, now: float) -> list[str]:
    """The worker's last words; one that was lost has none."""
    if now < step.end or step.results == RETRY:
        return []
    seconds = f"elapsedTime={step.end - step.begin:.6f}"
    if step.results == CANCELLED:
        said = ["", "command interrupted, attempting to kill", "process killed by signal 9"]
        return [f"h{line}" for line in (*said, "program finished with exit code -1", seconds)]
    if step.spec.ending:
        return [f"h{line}" for line in (*step.spec.ending, seconds)]
    code = recording(step.spec.recording).steps[-1].exit_code if step.spec.recording else step.spec.exit_code
    return [f"hprogram finished with exit code {code}", f"h{seconds}"]
