"""What tasks write: recorded logs and the output of simple commands, cut into the pieces that were read at a time."""

import random
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from ci_mcp.sandbox.recordings import exit_codes, recording

Chunk = tuple[float, str, str]  # its share of the task's time, its stream, its text
_PIECE = 4096
_FILL_LINES = 220_000
_FILL = (
    "INFO  indexer: shelf {0:06d} article {1:07d} title, text and prices written to "
    "segment {2:03d} in {3:02d} ms; {4:08d} kept\n"
)


@dataclass(frozen=True, slots=True)
class Log:
    """What a task writes from its beginning to its end.

    Attributes:
        recorded: the recording that it is, if any.
        said: else the lines of its commands: share of the time, stream, text.
        merged: the pieces of a stream are kept as one.
        filled: how many lines a machine wrote before all that.
    """

    recorded: str = ""
    said: tuple[Chunk, ...] = ()
    merged: bool = False
    filled: int = 0

    def chunks(self) -> tuple[Chunk, ...]:
        """Its pieces in the order in which they were stored."""
        return _chunks(self)

    def text(self) -> str:
        """All of it."""
        return "".join(text for _, _, text in self.chunks())


FILLER = Log(filled=_FILL_LINES)


@lru_cache(maxsize=64)
def _chunks(log: Log) -> tuple[Chunk, ...]:
    if log.filled:
        return tuple(_filler(log.filled))
    pieces = tuple(_recorded(log.recorded)) if log.recorded else log.said
    if not log.merged:
        return pieces
    streams = dict.fromkeys(stream for _, stream, _ in pieces)
    whole = {name: "".join(text for _, stream, text in pieces if stream == name) for name in streams}
    return tuple((0.0, name, whole[name]) for name in sorted(whole, reverse=True))


def _filler(lines: int) -> Iterator[Chunk]:
    for number in range(lines):
        values = (number // 40, number, number % 512, 3 + number * 7 % 23, number * 7919 % 10**8)
        yield number / lines, "stdout", _FILL.format(*values)


def _recorded(name: str) -> Iterator[Chunk]:
    """A recorded job as one task runs it: its commands by the shell's ``set -x``, their output cut anywhere."""
    steps = [
        step for step in recording(name).steps if not step.command.startswith(("sem-version", "checkout", "cache"))
    ]
    total = sum(step.seconds + 0.1 for step in steps)
    at = 0.0
    for step in steps:
        yield at / total, "stderr", f"+ {step.command.splitlines()[0]}\n"
        end = at + step.seconds + 0.1
        pieces = list(cut(step.output.replace("/home/semaphore/", "/workspace/").replace("semaphore", "root"), name))
        for number, piece in enumerate(pieces, 1):
            yield (at + (end - at) * number / len(pieces)) / total, "stdout", piece
        at = end


def cut(text: str, seed: str) -> Iterator[str]:
    """Cut a text into pieces as a pipe does: a line, several, or as much as fits, ending anywhere."""
    dice = random.Random(seed)  # noqa: S311 - the same sizes in every process
    lines = text.splitlines(keepends=True)
    while lines and dice.random() < 0.8:  # noqa: PLR2004 - a command that writes slowly is read line by line
        yield lines.pop(0)
    rest = "".join(lines)
    while rest:
        size = dice.choice((_PIECE, _PIECE, dice.randrange(40, _PIECE)))
        yield rest[:size]
        rest = rest[size:]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ends: its exit code, its seconds, and what it writes."""

    code: int
    seconds: float
    log: Log


def of_recording(name: str, seconds: float = 0) -> Outcome:
    """What a recorded job does; in its own seconds where none are given."""
    steps = recording(name).steps
    return Outcome(exit_codes()[name], seconds or sum(step.seconds + 0.1 for step in steps), Log(name))


_LOOP = re.compile(r"for (\w+) in (?:\$\(seq (\d+) (\d+)\)|([^;$]+)); do (.*?);? ?done")
_STEP_SECONDS = 0.0115


def of_script(script: str) -> Outcome:
    """What the simplest of shell scripts does: echo (to either stream), sleep, exit, and loops of these."""
    script = _LOOP.sub(_unrolled, script)
    said: list[tuple[float, str, str]] = []
    at, code = _STEP_SECONDS, 0
    for command in _commands(script):
        word, _, rest = command.partition(" ")
        if word == "echo":
            to_error = rest.endswith(">&2")
            text = rest.removesuffix(">&2").strip()
            said.append((at, "stderr" if to_error else "stdout", text.strip("'\"") + "\n"))
        elif word == "sleep":
            at += float(rest)
        elif word == "exit":
            code = int(rest)
            break
        elif word == "index-everything":
            return Outcome(0, 900, FILLER)
        elif word not in {"set", "true", "cat", "mkdir", "cd", ""}:
            said.append((at, "stderr", f"sh: 1: {word}: not found\n"))
            code = 127
    return Outcome(code, at, Log(said=tuple((when / at, stream, text) for when, stream, text in said)))


def _unrolled(found: re.Match[str]) -> str:
    name, first, last, words, body = found.groups()
    values: Iterable[object] = range(int(first), int(last) + 1) if first else words.split()
    return "; ".join(body.replace(f"${name}", str(value)) for value in values)


def _commands(script: str) -> Iterator[str]:
    """The commands of a script; what stands in quotes is not taken apart."""
    for found in re.finditer(r"(?:'[^']*'|\"[^\"]*\"|[^;&\n'\"]|(?<!&)&(?!&)|>&\d)+", script):
        if found[0].strip():
            yield found[0].strip()
