"""Raw job logs as Buildkite keeps them, made from recorded jobs.

Each line begins with a marker of its time, and so does each redraw of a progress bar in the middle of a line. The
agent's own lines end in CR LF, what a command printed on its terminal in CR CR LF.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ci_mcp.sandbox.buildkite.model import Job
from ci_mcp.sandbox.buildkite.world import SHOP_BIG_JOB, SHOP_EMPTY_JOB, SHOP_HOSTILE_JOB
from ci_mcp.sandbox.plan import Clock
from ci_mcp.sandbox.recordings import Recording, Step, recording

_SLACK = 1e-3
_FILL_LINES = 366_000
_FILL_AT_ONCE = 2_000
_FILL = (
    "\x1b_bk;t={0:013d}\x07INFO  indexer: shelf {1:06d} article {2:07d} title, text and prices written to "
    "segment {3:03d} in {4:02d} ms; {5:08d} kept\r\r\n"
)
_DRAIN = "INFO  indexer: segment {0:03d} closed, {1} documents kept for the next run\n"
_GREY, _PLAIN, _RED = "\x1b[90m", "\x1b[0m", "\x1b[31m"


@dataclass(frozen=True, slots=True)
class Log:
    """A log in three parts: what lies between ``head`` and ``tail`` is made when it is read, never kept.

    Attributes:
        head: the bytes it begins with.
        filler: how many lines of the same length lie between.
        tail: the bytes it ends with.
        at: the time of the filler's first line, in milliseconds since 1970.
        headers: the times of its groups in nanoseconds since 1970.
    """

    head: bytes
    filler: int = 0
    tail: bytes = b""
    at: int = 0
    headers: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return len(self.head) + self.filler * self._width + len(self.tail)

    @property
    def _width(self) -> int:
        return len(_fill(self.at, 0)) if self.filler else 0

    def read(self, start: int = 0) -> Iterator[bytes]:
        """Its bytes from an offset on, in pieces."""
        if start < len(self.head):
            yield self.head[start:]
        yield from self._middle(max(0, start - len(self.head)))
        skipped = max(0, start - len(self.head) - self.filler * self._width)
        if self.tail[skipped:]:
            yield self.tail[skipped:]

    def _middle(self, start: int) -> Iterator[bytes]:
        if not self.filler:
            return
        first, rest = divmod(start, self._width)
        for number in range(first, self.filler, _FILL_AT_ONCE):
            last = min(number + _FILL_AT_ONCE, self.filler)
            yield b"".join(_fill(self.at, each) for each in range(number, last))[rest:]
            rest = 0


def _fill(at: int, number: int) -> bytes:
    values = (at + number, number // 40, number, number % 512, 3 + number * 7 % 23, number * 7919 % 10**8)
    return _FILL.format(*values).encode()


def log_of(job: Job, clock: Clock) -> Log | None:
    """The log of a job as far as it has got; None where no agent ever took it."""
    now = clock.now()
    if not job.has_run(now) or job.started is None:
        return None
    if job.id == SHOP_EMPTY_JOB:
        return Log(b"")
    until = min(now, job.finished) + _SLACK
    pieces: list[bytes] = []
    headers: list[int] = []
    fill_from = 0
    for at, line, kind in _lines(job):
        if at > until:
            continue  # not yet; of a job that was stopped, never: its last words come after
        if kind == "fill":
            fill_from = len(pieces)
            continue
        stamp = clock.unix(at)
        if line.startswith(("--- ", "~~~ ", "+++ ")):
            headers.append(int(stamp * 1e9))
        pieces.append(_raw(line, int(stamp * 1000), kind))
    if job.id == SHOP_HOSTILE_JOB:
        pieces[4:4] = _hostile(int(clock.unix(job.started) * 1000))
    if not fill_from:
        return Log(b"".join(pieces), headers=tuple(headers))
    head, tail = b"".join(pieces[:fill_from]), b"".join(pieces[fill_from:])
    return Log(head, _FILL_LINES, tail, int(clock.unix(job.started) * 1000) + 9_000, tuple(headers))


def _raw(line: str, milliseconds: int, kind: str) -> bytes:
    """One line as it is kept: a marker before it, and one before each redraw in it."""
    if kind == "bare":
        return f"{line}\r\r\n".encode()
    marker = f"\x1b_bk;t={milliseconds}\x07"
    end = "\r\n" if kind == "agent" else "\r\r\n"
    return (marker + line.replace("\r", f"{marker}\r") + end).encode()


def _hostile(milliseconds: int) -> list[bytes]:
    """Lines that trip those who read logs: each is one that some command can print."""
    marker = f"\x1b_bk;t={milliseconds}\x07".encode()
    return [
        marker + b"--- " + b"a title without an end " * 36_000 + b"\r\r\n",
        marker + b"100 %\x1b[K" + marker + b"\rthe error stands after the bar: E1001\r\r\n",
        marker + b"\x1b[31mE1002 \x1b[1mcoloured\x1b[0m\x1b[31m in the middle of a word: an\x1b[0mother\r\r\n",
        marker + b"text before " + marker + b"and after a marker: E1003\r\r\n",
        b"\x1b_bk;t=soon\x07a marker without a time: E1004\r\r\n",
        marker + b"\x1b]1338;url='artifact://a b';alt=never closed\r\r\n",
        marker + b'File "x.py", line 3, in <module> &amp; "quotes": E1005\r\r\n',
        marker + b"not UTF-8: \xff\xfe\x80 and a nought: \x00 E1006\r\r\n",
        marker + b"    indented by four\r\r\n",
        marker + b"+++ \r\r\n",
        marker + b"\r\r\n",
    ]


def _lines(job: Job) -> Iterator[tuple[float, str, str]]:
    """Every line with its offset and its kind: of the agent, of a command, without a marker, or where filler lies."""
    at = job.started or 0.0
    until = min(job.planned, job.promised_at)
    for line in _opening(job):
        yield at, line, "agent"
    if not job.recording:
        yield from ((at, line, "agent") for line in _upload(job))
    else:
        log = recording(job.recording)
        steps = [step for step in (*log.steps, *log.epilogue) if not step.command.startswith("sem-version")]
        total = sum(step.seconds + 0.1 for step in steps)
        for step in steps:
            end = at + (step.seconds + 0.1) * (until - (job.started or 0.0)) / total
            if step in log.epilogue:
                yield at, "~~~ Running agent post-command hook", "agent"
            yield from _step(job, log, step, at, end)
            at = end
    for line in _closing(job):
        yield job.finished, line, "agent"


def _step(job: Job, log: Recording, step: Step, at: float, end: float) -> Iterator[tuple[float, str, str]]:
    """One recorded command: a group of its own."""
    if step.command == "checkout":
        yield at, "~~~ Preparing working directory", "agent"
        yield at, f"{_GREY}${_PLAIN} cd /var/lib/buildkite-agent/builds/{job.build.pipeline.slug}", "agent"
    else:
        yield at, f"--- :computer: {step.command.splitlines()[0]}", "command"
        yield at, f"{_GREY}${_PLAIN} {step.command.splitlines()[0]}", "command"
    if job.id == SHOP_BIG_JOB and step.exit_code:
        yield end, "", "fill"
    lines = _as_of(job, log, step).split("\n")
    lines = lines[:-1] if not lines[-1] else lines
    for number, line in enumerate(lines, 1):
        kind = "bare" if number % 23 == 0 else "command"  # some lines come without a marker
        yield at + (end - at) * number / (len(lines) + 1), line, kind
    if job.id == SHOP_BIG_JOB and step.exit_code:
        for number in range(400):
            yield end, _DRAIN.format(number % 512, 100 + number % 311).rstrip("\n"), "command"
    if step.exit_code:
        yield from ((end, line, "agent") for line in _error(step.exit_code))


def _as_of(job: Job, log: Recording, step: Step) -> str:
    """What a step printed, as if it had run here: with this build's commit, in the agent's folders."""
    build = job.build
    text = step.output.replace(log.commit[:7], build.commit[:7])
    for name in ("shop", "storefront", "billing", "warehouse"):
        text = text.replace(f"/home/semaphore/{name}", f"/var/lib/buildkite-agent/builds/{name}")
    if step.command == "checkout":
        text = re.sub(r"Performing shallow clone[^\n]*\n", "", text).replace(log.subject, build.message)
    return text.replace("semaphore", "buildkite-agent").replace("\r\n", "\n")


def _opening(job: Job) -> Iterator[str]:
    yield "~~~ Running agent environment hook"
    yield f"{_GREY}${_PLAIN} /etc/buildkite-agent/hooks/environment"
    yield f"{_GREY}# STRIPE_API_KEY added{_PLAIN}"
    yield "STRIPE_API_KEY=[REDACTED]"
    yield "~~~ Running commands" if job.recording else "~~~ Running script"


def _upload(job: Job) -> Iterator[str]:
    yield f"{_GREY}${_PLAIN} buildkite-agent pipeline upload"
    yield '2026-11-21 06:20:11 INFO   Reading pipeline config from ".buildkite/pipeline.yml"'
    yield f"2026-11-21 06:20:12 INFO   Successfully uploaded and parsed pipeline config for {job.build.pipeline.slug}"


def _error(status: int) -> Iterator[str]:
    yield "^^^ +++"
    yield f"{_RED}🚨 Error: The command exited with status {status}{_PLAIN}"
    yield f"user command error: exit status {status}"


def _closing(job: Job) -> Iterator[str]:
    """The agent's last words; one that is lost has none."""
    if job.spec.ending == "lost":
        return
    if job.result in {"canceled", "timed_out"}:
        words = {"canceled": "Received cancellation signal, interrupting", "timed_out": "Job timed out, interrupting"}
        yield f"# {words[job.result]}"
        yield from _error(-1)
    if job.recording and recording(job.recording).report:
        yield "~~~ Uploading artifacts"
        yield f"{_GREY}${_PLAIN} buildkite-agent artifact upload reports/*;out/**/*"
        yield "\x1b]1338;url=artifact://out/coverage.png;alt=coverage\x07"
    yield "~~~ Running agent pre-exit hook"
    yield f"{_GREY}${_PLAIN} /etc/buildkite-agent/hooks/pre-exit"
