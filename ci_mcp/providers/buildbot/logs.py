"""A step's logs as bytes: what it printed, without the worker's environment, and how it ended."""

import re
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Final, Literal

from pydantic import Field

from ci_mcp.auth.redact import redact_environment
from ci_mcp.core import logview
from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Around, Prose, Search, Start, Tail
from ci_mcp.errors import NotFoundError
from ci_mcp.net.paths import quote
from ci_mcp.providers.buildbot import ask, ids, read, wire
from ci_mcp.providers.buildbot.builds import BuildName, step_row
from ci_mcp.providers.buildbot.provider import provider
from ci_mcp.providers.buildbot.records import StepDetails
from ci_mcp.providers.buildbot.wire import Json, text
from ci_mcp.status import Status

Stream = Literal["both", "stdout", "stderr", "header"]

_FIRST: Final = 5_000  # lines of the first piece: most logs are whole then
_PIECE: Final = 4 << 20  # characters of a further piece, about
_MOST: Final = 100_000  # lines of one
_LETTERS: Final = {"both": "oeh", "stdout": "o", "stderr": "e", "header": "h"}
_CODE: Final = re.compile(r"program finished with exit code (-?\d+)")
_VARIABLE: Final = re.compile(r"  ([^=\s]+)=(.*)")
_NOISE: Final = (" watching logfiles ", " argv: ", "elapsedTime=", " using PTY: ", " closing stdin", "using PTY: ")


@dataclass(slots=True)
class Reader:
    """Takes the lines of a stdio apart by the letter before each: stdout, stderr, and what the worker adds.

    The worker writes its whole environment first, secrets included: its values are kept back, and of what is read
    for a failure the names, too.
    """

    stream: Stream = "both"
    code: int = 0
    hidden: int = 0
    inside: bool = False
    waiting: list[str] = field(default_factory=list)

    def line(self, line: str) -> Iterator[str]:
        """What is shown of one line, which may be nothing."""
        letter, said = line[:1], line[1:]
        if letter == "h":
            yield from self._header(said)
        else:
            self.inside = False
            if letter in _LETTERS[self.stream]:
                yield said

    def _header(self, said: str) -> Iterator[str]:
        if self.inside and not said.startswith(" using PTY"):
            yield from self._variable(said)
            return
        self.inside = said.rstrip() == " environment:"
        if found := _CODE.match(said):
            self.code = int(found[1])
        whole = self.stream == "header"
        if whole or (self.stream == "both" and not found and not self.inside and not said.startswith(_NOISE)):
            yield said

    def _variable(self, said: str) -> Iterator[str]:
        self.hidden += 1
        found = _VARIABLE.match(said)
        if found and self.stream == "header":
            yield from (f"  {name}={value}" for name, value in redact_environment({found[1]: found[2]}))

    def end(self) -> Iterator[str]:
        """What is said below the last line: the exit code, which the server may write above it."""
        if self.code and self.stream == "both":
            yield f"##[error]Process completed with exit code {self.code}."


async def log(api: Api, log_id: str) -> AsyncIterator[bytes]:
    """The logs of a step, one below the other; ``STEP/SLUG`` reads one of them, and the others where it is not there.

    Route: GET /api/v2/steps/{step}/logs/{slug}/contents, GET /api/v2/steps/{step}/logs, …/logs/{slug}/raw.
    Raises: NotFoundError: there is no such step.
    """
    step, _, slug = log_id.partition("/")
    if slug:
        try:
            async for piece in stdio(api, f"/steps/{quote(step)}/logs/{quote(slug)}", Reader()):
                yield piece
        except NotFoundError:
            slug = ""
    if not slug:
        for raw in await logs_of(api, step):
            if text(raw, "type") not in {"h", "d"}:
                yield f"##[group]{wire.line(text(raw, 'name'))}\n".encode()
                async for piece in contents(api, raw):
                    yield piece


async def logs_of(api: Api, step: str) -> list[Json]:
    """The logs of a step; its output first, pages for a browser last.

    Route: GET /api/v2/steps/{step}/logs.
    """
    found = await ask.get(api, f"/steps/{quote(step)}/logs", f"step {step}", {"limit": 100})
    return sorted(found, key=lambda raw: (text(raw, "type") in {"h", "d"}, text(raw, "type") != "s"))


def contents(api: Api, raw: Json, stream: Stream = "both") -> AsyncIterator[bytes]:
    """One log by its record."""
    if text(raw, "type") == "s":
        return stdio(api, f"/logs/{quote(raw.get('logid'))}", Reader(stream))
    return plain(api, raw)


async def plain(api: Api, raw: Json) -> AsyncIterator[bytes]:
    """A log without letters before its lines, as it is.

    Route: GET /api/v2/logs/{log}/raw.
    """
    async with api.stream(f"{ask.API}/logs/{quote(raw.get('logid'))}/raw", headers=ask.headers(api)) as body:
        async for piece in body:
            yield piece
    yield b"\n"


async def stdio(api: Api, path: str, reader: Reader) -> AsyncIterator[bytes]:
    """A log whose lines have letters, in pieces of so many lines: the server has no other way to give a part of it.

    Route: GET /api/v2/{path}/contents?offset=LINE&limit=LINES.
    """
    offset, lines = 0, _FIRST
    while True:
        found = await ask.one(api, f"{path}/contents", "such log", {"offset": offset, "limit": lines})
        content = text(found, "content")
        given = content.split("\n")
        last = given.pop()
        given += [last] if last else []
        shown = [line for raw in given for line in reader.line(raw)]
        yield "".join(f"{line}\n" for line in shown).encode("utf-8", "replace")
        if len(given) < lines:
            break
        offset += len(given)
        lines = max(1, min(_MOST, _PIECE * len(given) // len(content)))
    yield "".join(f"{line}\n" for line in reader.end()).encode()


@provider.read(core=True)
async def steps_logs(
    api: Api,
    build: BuildName,
    step: Annotated[str, Field(max_length=200, description="Name or number; empty: the first failed")] = "",
    log: Annotated[str, Field(max_length=200, description="Which log of it")] = "",
    stream: Annotated[Stream, Field(description="Which output; header: command and environment")] = "both",
    tail: Tail = 0,
    search: Search = "",
    around: Around = 0,
    start: Start = 0,
) -> Prose:
    """A step's log: its end by default, or lines that match, or those from or around a line number.

    Route: GET /api/v2/builds/{build}/steps, GET /api/v2/steps/{step}/logs, GET /api/v2/logs/{log}/contents, …/raw.
    Raises: NotFoundError: there is no such build, step or log. UsageError: the pattern is not RE2.
    """
    asked = ids.ref(api, build)
    found = await read.build(api, asked)
    one = await _step(api, found, step or asked.step, asked.stepid)
    every = await logs_of(api, str(one.get("stepid")))
    raw = _chosen(one, every, log or asked.log)
    status, word = wire.ending(one)
    name, others = text(raw, "name"), [text(other, "name") for other in every if other is not raw]
    title = f"Buildbot step {wire.line(text(one, 'name'))!r}, {word or status}, log {wire.line(name)}"
    title += f", {stream} only" if stream != "both" else ""
    title += f", {wire.url(api, found)}/steps/{one.get('number')}"
    title += f"; further logs: {', '.join(map(wire.line, others))}" if others else ""
    key = f"{api.host} log {raw.get('logid')}" + (f" {stream}" if stream != "both" else "")
    opener: Callable[[], AsyncIterator[bytes]] = partial(contents, api, raw, stream)
    with await api.store.log(key, opener, finished=raw.get("complete") is True) as kept:
        return await logview.view(kept, tail=tail, search=search, around=around, start=start, title=title)


@provider.read()
async def steps_describe(
    api: Api,
    step: Annotated[str, Field(min_length=1, max_length=600, description="Step id (s516) or web URL")],
) -> StepDetails:
    """One step: status, what it says of itself, times, links, and the names of its logs.

    Route: GET /api/v2/steps/{step}, GET /api/v2/builds/{build}/steps, GET /api/v2/steps/{step}/logs.
    Raises: NotFoundError: there is no such step.
    """
    asked = ids.ref(api, step)
    build = await read.build(api, asked)
    raw = await _step(api, build, asked.step, asked.stepid)
    row, page = step_row(raw), wire.url(api, build)
    return StepDetails(
        status=row.status,
        name=row.name,
        id=wire.step_id(raw),
        build=str(build.get("buildid")),
        number=row.number,
        word=row.word,
        said=row.said,
        started=wire.when(raw.get("started_at")),
        duration=row.duration,
        logs=tuple(wire.line(one.get("name")) for one in await logs_of(api, str(raw.get("stepid")))),
        links=row.links,
        url=f"{page}/steps/{row.number}" if page else "",
    )


async def _step(api: Api, build: Json, named: str, stepid: str) -> Json:
    steps = await read.steps(api, build)
    if stepid:
        found = [raw for raw in steps if str(raw.get("stepid")) == stepid]
    elif named:
        found = [raw for raw in steps if named in {text(raw, "name"), str(raw.get("number"))}]
    else:
        known = [raw for raw in steps if wire.ending(raw)[0] not in {Status.SKIPPED, Status.QUEUED}]
        found = [raw for raw in known if wire.ending(raw)[0].bad] or known[-1:]
    if not found:
        names = ", ".join(wire.line(raw.get("name")) for raw in steps[:20])
        raise NotFoundError(
            f"this build has no step {(named or stepid)[:80]!r}", f"its steps are {names or 'none yet'}"
        )
    return found[0]


def _chosen(step: Json, logs: list[Json], named: str) -> Json:
    found = [raw for raw in logs if not named or named in {text(raw, "name"), text(raw, "slug")}]
    if not found:
        names = ", ".join(wire.line(raw.get("name")) for raw in logs)
        said = f"log {named[:80]!r}" if named else "log"
        raise NotFoundError(
            f"step {wire.line(text(step, 'name'))!r} has no {said}",
            f"its logs are {names}" if names else "it never ran",
        )
    return found[0]
