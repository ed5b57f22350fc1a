"""A job's per-step logs as one text in GitHub's notation; how FirmwareCI writes them is not published.

Known are ways to say it: text alone, a list of steps, stages with steps, names with texts, lines with times.
"""

import difflib
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import anyio

from ci_mcp.core.provider import Api
from ci_mcp.errors import NotFoundError, TimedOutError
from ci_mcp.logs.clean import Log
from ci_mcp.providers.firmwareci import ask, read, wire
from ci_mcp.providers.firmwareci.arguments import plain
from ci_mcp.providers.firmwareci.read import Fields
from ci_mcp.status import Status

PATIENCE: Final = 25.0
"""Seconds that the server may take: it follows a running job, and may do so until that ends."""

_PARTS: Final = ("pre_stage", "stages", "steps", "tests", "post_stage", "logs", "children", "data", "result")
_TEXTS: Final = ("output", "log", "logs", "text", "content", "stdout", "stderr", "lines", "entries")
_LINE: Final = ("message", "msg", "line", "text", "log")
_ERROR: Final = ("error", "error_message", "failure_reason")
_LABELS: Final = ("name", "step", "step_name", "title", "cmd")
_DEPTH: Final = 8
_SHOWN: Final = 20  # steps named where one was not found


@dataclass(frozen=True, slots=True)
class Part:
    """Where a step stands in a log: its first and last line, by number."""

    name: str
    start: int
    end: int


async def log(api: Api, job: str) -> AsyncIterator[bytes]:
    """The log of a job, each step a group; of one that runs what there is so far.

    From: fwci_get_job_logs.

    Raises:
        NotFoundError: there is no such job.
        TimedOutError: the server gave nothing in time, as it follows a running job.
    """
    try:
        with anyio.fail_after(PATIENCE):
            body = read.data(await ask.ask(api, "fwci_get_job_logs", {"job id": job}))
    except (TimeoutError, TimedOutError):
        raise TimedOutError(
            f"{api.host} gave no log of job {job} within {PATIENCE:g} s: it may follow a job that runs",
            "try again when the job has ended",
        ) from None
    for text in rendered(body):
        yield text.encode("utf-8", "replace")


def rendered(body: Any) -> Iterator[str]:
    """The log as text, in pieces of whole lines."""
    yield from _render(body, "", 0)


def _render(value: Any, label: str, depth: int) -> Iterator[str]:
    if depth > _DEPTH:
        yield _whole(json.dumps(value))
    elif isinstance(value, str):
        yield _whole(value)
    elif isinstance(value, list):
        for one in value:
            yield from _render(one, label, depth + 1)
    elif isinstance(value, dict):
        yield from _record(value, label, depth)
    elif value is not None:
        yield _whole(str(value))


def _record(value: dict[str, Any], label: str, depth: int) -> Iterator[str]:
    by = {plain(key): one for key, one in value.items()}
    about = Fields(value)
    stage = by["stage"] if isinstance(by.get("stage"), str) else ""
    name = " / ".join(dict.fromkeys(filter(None, (stage, about.text(*_LABELS)))))
    here = " / ".join(filter(None, (label, name)))
    steps = [one for part in _PARTS if isinstance(one := by.get(plain(part)), (list, dict)) and _has_records(one)]
    texts = [one for key in _TEXTS if isinstance(one := by.get(key), (str, list)) and one]
    if steps:
        for part in steps:
            yield from _render(part, here, depth + 1)
        if not label and (said := about.text(*_ERROR)):
            yield f"error: {_whole(said)}"
    elif name and (texts or set(by) & {"status", "exitcode", *map(plain, _ERROR)}):
        yield from _step(here, texts, about, depth)
    elif line := next((by[key] for key in _LINE if isinstance(by.get(key), str)), ""):
        stamp = next((by[key] for key in ("timestamp", "time", "ts") if isinstance(by.get(key), str)), "")
        yield _whole(f"{stamp} {line}".strip())
    elif texts:
        for text in texts:
            yield from _render(text, here, depth + 1)
    else:
        yield from _named(value, here, depth)


def _named(value: dict[str, Any], label: str, depth: int) -> Iterator[str]:
    """What has no known names: texts by the names of their steps, or one thing in another."""
    if all(isinstance(one, (str, list)) for one in value.values()):
        for key, one in value.items():
            yield from _step(" / ".join(filter(None, (label, str(key)))), [one], Fields({}), depth)
        return
    for one in value.values():
        if isinstance(one, (dict, list)):
            yield from _render(one, label, depth + 1)


def _has_records(part: Any) -> bool:
    """Whether this holds steps, as against lines of text."""
    if isinstance(part, dict):
        return True
    return any(isinstance(one, dict) and not _is_line(one) for one in part)


def _is_line(one: dict[str, Any]) -> bool:
    return not {"name", "step", "stepname", "steps", "stage"} & {plain(key) for key in one}


def _step(name: str, texts: list[Any], about: Fields, depth: int) -> Iterator[str]:
    yield f"##[group]{' '.join(name.split())}\n"
    shown = "".join(piece for text in texts for piece in _render(text, name, depth + 1))
    yield shown
    code = about.value("exit_code", "exit_status", "return_code")
    said = about.text(*_ERROR)
    failed = wire.status(about.text("status", "state", "result")) is Status.FAILED
    if said and said not in shown[-2 * len(said) - 200 :]:  # some say it in the log, too
        yield f"error: {_whole(said)}"
    if isinstance(code, int) and code:
        yield f"##[error]Process completed with exit code {code}.\n"
    elif failed or said:
        yield "##[error]Step failed.\n"
    yield "##[endgroup]\n"


def _whole(text: str) -> str:
    return text if text.endswith("\n") or not text else f"{text}\n"


def parts(log: Log) -> list[Part]:
    """Where the steps of a log stand, in its order."""
    changes = [*log.groups().changes(), (log.total + 1, "")]
    return [Part(name, start, max(start, following - 1)) for (start, name), (following, _) in pairwise(changes) if name]


def step(log: Log, name: str) -> Part:
    """Where one step stands: the one of that name, else the first whose name has it as a part.

    Raises:
        NotFoundError: there is none.
    """
    found, wanted = parts(log), name.strip().lower()
    for fits in (lambda one: one == wanted, lambda one: one.endswith(f"/ {wanted}"), lambda one: wanted in one):
        if (part := next((part for part in found if fits(part.name.lower())), None)) is not None:
            return part
    names = list(dict.fromkeys(part.name for part in found))
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.3)
    some = list(dict.fromkeys([*near, *names]))[:_SHOWN]
    raise NotFoundError(
        f"the log has no step {name[:80]!r}", f"its steps: {', '.join(some)}" if some else "it is not told by steps"
    )
