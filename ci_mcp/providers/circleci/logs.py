"""A job's log as text: the steps that tell, each a group in GitHub's notation, parallel runs that fail alike as one."""

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from ci_mcp.core.provider import Api
from ci_mcp.core.together import together
from ci_mcp.errors import CiError, UsageError
from ci_mcp.providers.circleci import alike, ids, outputs, read
from ci_mcp.providers.circleci import steps as steps_of
from ci_mcp.providers.circleci.ids import Named
from ci_mcp.providers.circleci.outputs import Output
from ci_mcp.providers.circleci.steps import Action, Steps
from ci_mcp.status import Status

ALL: Final = "all"
_NODES_NEW: Final = 3  # parallel runs whose output of one failed step is read
_NODES_OLD: Final = 2  # the same on a host without v3, where the way to it took more requests
_STEPS: Final = 60  # most outputs of one log
_NODE: Final = re.compile(r"\s*(\d{1,4}):")
_COMPARED: Final = 1 << 16  # bytes at the end of two outputs that are compared
_LAST_WORDS: Final = 500  # bytes
# CircleCI ends the output of a step that failed so, some machines with one more line.
_EXITED: Final = re.compile(
    rb"(?:^|\n)(?:\x1b\[[\d;]*m)*Exited with code (?:exit status )?([1-9]\d{0,2})\b[^\w\n]*"
    rb"(?:\s+CircleCI received exit code \d+)?\s*$"
)
_RAN: Final = re.compile(rb"#!/[^\n]*\n([^\r\n]+)")
_INVISIBLE: Final = re.compile(rb"\x1b\[[0-9;]*[A-Za-z]|[ \t\r]+")
_VARYING: Final = re.compile(rb"0x[0-9a-f]+|[0-9a-f]{7,}|[0-9]+")
_OUTSIDE: Final = {
    "timedout": "CircleCI stopped it: it ran out of time, or was silent for too long",
    "infrastructure_fail": "CircleCI's machine or network failed, not the step",
    "canceled": "it was stopped (canceled)",
    "errored": "CircleCI could not run it",
}


@dataclass(slots=True)
class Part:
    """The output of one step on one parallel run, and the other runs that it stands for."""

    action: Action
    outputs: dict[str, Output] = field(default_factory=dict)
    problem: CiError | None = None
    alike: list[int] = field(default_factory=list)
    unread: list[int] = field(default_factory=list)


async def log(api: Api, job: str) -> AsyncIterator[bytes]:
    """The log of a job that is named as ``SLUG/NUMBER`` or by its id: of a failed job the steps that tell why.

    Raises: NotFoundError: there is no such job, or none that the token may see.
    """
    named, group = ids.find(api, job, "job")[1], alike.of(api, job)
    if group is None:
        async for chunk in text_of(api, named):
            yield chunk
        return
    found: Steps | None = None
    async with group.first:
        if not group.asked:
            group.asked = True
            found = await steps_of.steps(api, named)
            group.learn(found)
    with ExitStack() as files:
        part = await _guessed(api, named, group.step, files) if group.step and not found else None
        if part:
            for piece in _written(part, parallel=False):
                yield piece
            return
    async for chunk in _text(api, found or await steps_of.steps(api, named)):
        yield chunk


async def text_of(api: Api, named: Named, step: str = "") -> AsyncIterator[bytes]:
    """The log of a job; ``step`` is the name or number of one step, or ``all``; ``NODE:`` before it one parallel run.

    Raises: UsageError: there is no such step.
    """
    async for chunk in _text(api, await steps_of.steps(api, named), step):
        yield chunk


async def _text(api: Api, found: Steps, step: str = "") -> AsyncIterator[bytes]:
    chosen = _chosen(found, step)
    with ExitStack() as files:
        parts = await _parts(api, found, chosen[:_STEPS], files)
        if parts and parts[0].problem and all(part.problem for part in parts):
            raise parts[0].problem
        parallel = len({action.node for action in found.actions}) > 1
        for part in _merged(parts):
            for chunk in _written(part, parallel=parallel):
                yield chunk
    if left := chosen[_STEPS:]:
        yield f"##[warning]{len(left)} more steps were not read, from {left[0].name!r} on: name one\n".encode()


async def _guessed(api: Api, named: Named, step: Action, files: ExitStack) -> Part | None:
    """The output of a step that failed in another job; ``None`` where it did not fail here, too."""
    job_id = read.known_job_id(api, f"{named.project}/{named.job}")
    if not job_id:
        return None
    job = Steps(job_id=job_id, project=named.project, number=named.job, status=Status.FAILED)
    try:
        output = await outputs.fetch(api, job, replace(step, out=None), "stdout")
    except CiError:
        return None
    files.callback(output.close)
    exited = _EXITED.search(output.end(_LAST_WORDS))
    if exited is None:
        return None
    ran = _RAN.match(output.start(_LAST_WORDS))
    same = ran is None or ran[1] == step.command.partition("\n")[0].strip().encode()
    name = step.name if same or ran is None else ran[1].decode("utf-8", "replace")
    return Part(replace(step, name=name, exit_code=int(exited[1])), {"stdout": output})


def _chosen(found: Steps, step: str) -> list[Action]:
    """The steps that are meant: by default those that tell, of one parallel run where ``NODE:`` stands before."""
    node = _NODE.match(step)
    wanted = step[node.end() :].strip().lower() if node else step.strip().lower()
    mine = [one for one in found.actions if node is None or one.node == int(node[1])]
    if not wanted:
        return [one for one in steps_of.telling(found) if one in mine]
    if wanted == ALL:
        return mine
    exact = [one for one in mine if wanted in {one.name.lower(), str(one.number)}]
    chosen = exact or [one for one in mine if wanted in one.name.lower()]
    if not chosen:
        names = ", ".join(dict.fromkeys(one.name for one in found.actions))
        raise UsageError(f"this job has no step {step[:80]!r}", f"its steps are {names[:500] or 'none'}")
    return chosen


async def _parts(api: Api, job: Steps, actions: Sequence[Action], files: ExitStack) -> list[Part]:
    """The outputs of the steps; those of one failed step on many parallel runs only of the first ones."""
    most = _NODES_NEW if job.job_id else _NODES_OLD
    groups: dict[tuple[int, str, int | None], list[Part]] = {}
    for action in actions:
        group = groups.setdefault((action.number, action.name, action.exit_code), [])
        if len(group) >= most and action.status is Status.FAILED:
            group[0].unread.append(action.node)
        else:
            group.append(Part(action))
    parts = [part for group in groups.values() for part in group]

    async def fetch(part: Part, kind: str) -> None:
        try:
            output = await outputs.fetch(api, job, part.action, kind)
        except CiError as error:
            part.problem = error
        else:
            files.callback(output.close)
            part.outputs[kind] = output

    wanted = [(part, "stdout") for part in parts]
    if job.job_id:  # of further parallel runs the error output is asked for where the first one's holds something
        wanted += [(part, "stderr") for group in groups.values() for part in group[:1] if part.action.err != 0]
    await together([partial(fetch, part, kind) for part, kind in wanted])
    late = [
        partial(fetch, part, "stderr")
        for group in groups.values()
        for part in group[1:]
        if part.action.err or (part.action.err is None and _filled(group[0], "stderr"))
    ]
    await together(late if job.job_id else [])
    return sorted(parts, key=lambda part: (part.action.node, part.action.number))


def _filled(part: Part, kind: str) -> bool:
    return kind in part.outputs and part.outputs[kind].size > 0


def _merged(parts: Sequence[Part]) -> list[Part]:
    """One part for those of a step that ended badly with the same exit code and the same last words."""
    kept: dict[tuple[object, ...], Part] = {}
    for part in parts:
        action = part.action
        unique = () if action.status is not Status.PASSED and not part.problem else (action.node,)
        key = (action.number, action.name, action.exit_code, _gist(part), *unique)
        first = kept.setdefault(key, part)
        if first is not part:
            first.alike.append(action.node)
            first.unread += part.unread
    return list(kept.values())


def _gist(part: Part) -> bytes:
    """The end of an output without what differs from machine to machine: numbers, hashes, colours, spaces."""
    ends = [part.outputs[kind].end(_COMPARED) for kind in sorted(part.outputs) if part.outputs[kind].size]
    return b"\0".join(_VARYING.sub(b"#", _INVISIBLE.sub(b"", end)) for end in ends)


def _written(part: Part, *, parallel: bool) -> Iterator[bytes]:
    action = part.action
    name = " ".join(action.name.split()) or f"step {action.number}"
    yield f"##[group]{name}\n".encode()
    if parallel:
        yield f"{_where(part)}\n".encode()
    for kind in ("stdout", "stderr"):
        if kind in part.outputs:
            yield from part.outputs[kind].chunks()
    if part.problem:
        yield f"##[warning]its output cannot be had: {part.problem.message}\n".encode()
    if action.exit_code:
        yield f"##[error]Process completed with exit code {action.exit_code}.\n".encode()
    elif action.word in _OUTSIDE:
        yield f"##[error]{_OUTSIDE[action.word]}.\n".encode()
    yield b"##[endgroup]\n"


def _where(part: Part) -> str:
    said = f"parallel run {part.action.node}"
    if part.alike:
        said += f"; it failed alike on {_count(part.alike)}"
    if part.unread:
        said += f"; the same step failed with the same exit code on {_count(part.unread)}"
        said += f", not read here: step={min(part.unread)}:"
    return f"[{said}]"


def _count(nodes: Sequence[int]) -> str:
    shown = ", ".join(map(str, sorted(nodes)[:20]))
    return f"parallel run{'' if len(nodes) == 1 else 's'} {shown}{', …' if len(nodes) > 20 else ''}"  # noqa: PLR2004 - as many as are shown
