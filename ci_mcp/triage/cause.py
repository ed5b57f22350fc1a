"""Whether the machine or the code is to blame, as far as the vendor or clear words in the log say."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ci_mcp.core.shapes import Failure
from ci_mcp.logs.excerpt import Excerpt, Shown
from ci_mcp.logs.rules import Kind

_LONGEST: Final = 2_000  # characters of a line that are looked at


class Blame(StrEnum):
    """What is to blame."""

    INFRASTRUCTURE = "infrastructure"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Cause:
    """What is to blame, and who says so.

    Attributes:
        blame: the machine or the code.
        source: ``vendor``, ``report`` (of tests) or ``log``.
        what: what happened, in a few words; empty where the vendor's reason says it.
        line: the line of the log that says it, where one does.
    """

    blame: Blame
    source: str
    what: str = ""
    line: int | None = None


def _words(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


# What no fault in the code makes a machine say, whatever else stands in the log.
_CERTAIN: Final = (
    ("the disk is full", _words(r"no space left on device", r"disk quota exceeded", r"\bENOSPC\b")),
    (
        "the machine was lost",
        _words(
            r"lost communication with the server",
            r"runner has received a shutdown signal",
            r"\bagent (?:was )?(?:lost|disconnected)\b",
            r"\bpod .{0,80}\bevicted\b",
            r"\bspot instance .{0,80}(?:terminat|interrupt|reclaim)",
            r"\bchannel is already closed\b",
        ),
    ),
    (
        "a time limit was reached, unless the code hangs",
        _words(
            r"no output has been received in the last",
            r"too long with no output",
            r"exceeded the maximum (?:execution )?time",
            r"\bjob (?:has )?exceeded .{0,40}(?:time|limit)",
            r"exceeded .{0,20}execution time limit",
            r"command timed out: \d+ seconds (?:without output|elapsed)",
        ),
    ),
    (
        "a quota is used up",
        _words(r"\btoomanyrequests\b", r"pull rate limit", r"API rate limit exceeded", r"\bquota (?:was )?exceeded"),
    ),
)
# What a test of the code may provoke, too: believed only where nothing speaks against the code.
_NETWORK: Final = _words(
    r"could not resolve host",
    r"temporary failure in name resolution",
    r"name or service not known",
    r"network is unreachable",
    r"no route to host",
    r"connection (?:reset|refused|timed out)",
    r"\bE(?:CONNRESET|TIMEDOUT|AI_AGAIN|NOTFOUND)\b",
    r"TLS handshake timeout",
    r"i/o timeout",
    r"\b50[234] (?:bad gateway|service unavailable|gateway time)",
)
# One finding of a tool that looked at many things ends no job by itself.
_ITEM: Final = re.compile(r"\s*(?:\d+[.)]|[*+-]) ")
_BUILD: Final = _words(r"\b(?:build|job|task|step|stage|command|deploy\w*|install\w*)\b[^:]*\bfail")
_OF_CODE: Final = {
    Kind.TEST: "a test fails",
    Kind.COMPILE: "it does not compile",
    Kind.LINT: "a check complains",
}


def cause(failure: Failure, excerpt: Excerpt | None) -> Cause | None:
    """What is to blame for a failure; ``None`` where nothing says it clearly."""
    if failure.infrastructure:
        return Cause(Blame.INFRASTRUCTURE, "vendor")
    lines = [line for line in excerpt.lines if line.telling] if excerpt else []
    certain = next(_certain(lines), None)
    if certain:
        return certain
    code = _code(failure, lines)
    network = next((line for line in lines if line.kind is not Kind.TRACE and _of_network(line)), None)
    if network and code:
        return None
    return Cause(Blame.INFRASTRUCTURE, "log", "the network", network.number) if network else code


def _certain(lines: list[Shown]) -> Iterator[Cause]:
    for what, pattern in _CERTAIN:
        for line in lines:
            if _says(pattern, line):
                yield Cause(Blame.INFRASTRUCTURE, "log", what, line.number)


def _code(failure: Failure, lines: list[Shown]) -> Cause | None:
    if failure.tests:
        return Cause(Blame.CODE, "report", _OF_CODE[Kind.TEST])
    kinds = {line.kind: line.number for line in reversed(lines) if not (line.kind is Kind.TEST and _says(_BUILD, line))}
    found = next((kind for kind in _OF_CODE if kind in kinds), None)
    return Cause(Blame.CODE, "log", _OF_CODE[found], kinds[found]) if found else None


def _of_network(line: Shown) -> bool:
    return _says(_NETWORK, line) and _ITEM.match(line.text) is None


def _says(pattern: re.Pattern[str], line: Shown) -> bool:
    return pattern.search(line.text[:_LONGEST]) is not None
