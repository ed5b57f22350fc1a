"""From a line of evidence to the lines that belong to it."""

import re
from typing import Final

from ci_mcp.logs.evidence import Evidence
from ci_mcp.logs.rules import Body, Kind, Rule

FRAME: Final = re.compile(
    r"\s*(?:at |\.\.\. \d+ (?:more|common)|Caused by|Also: |Suppressed:|File \"|#\d+ |from |\S+:\d+:in |---> "
    r"|--- End of|\d+: 0x|\^)"
)
_BOUNDARY: Final = re.compile(r"\$ |##\[|::|The command \"|={5,}|[-=_*]{20,}$|travis_|\+\+\+ |>>> ")
_BLANKS: Final = 2
_MESSAGE: Final = 12
_PYTHON: Final = "Traceback (most recent call last)"


def own(evidence: Evidence, seed: int) -> range:
    """The lines below (and with) a seed that its entry says belong to it."""
    rule = evidence.rules[seed]
    if rule is None or rule.body in (Body.LINE, Body.ABOVE):
        return range(seed, seed + 1)
    last = _before_end(evidence, seed, min(seed + rule.reach, len(evidence.bare) - 1))
    if rule.body is Body.PARAGRAPH:
        return range(seed, _paragraph(evidence, seed, last) + 1)
    if rule.body is Body.INDENT:
        return range(seed, _deeper(evidence, seed, last) + 1)
    if rule.body is Body.TRACE:
        return range(seed, _trace(evidence, seed, last) + 1)
    return range(seed, _section(evidence, seed, last, rule) + 1)


def _before_end(evidence: Evidence, seed: int, last: int) -> int:
    """The last line that is still in the part of the seed: nothing goes on over a bad end."""
    for index in range(seed + 1, last + 1):
        rule = evidence.rules[index]
        if rule is not None and rule.body is Body.ABOVE:
            return index - 1
    return last


def _paragraph(evidence: Evidence, seed: int, last: int) -> int:
    at = seed
    while at < last and evidence.indents[at + 1] >= 0:
        at += 1
    return at


def _deeper(evidence: Evidence, seed: int, last: int) -> int:
    depth, at = evidence.indents[seed], seed
    for index in range(seed + 1, last + 1):
        indent = evidence.indents[index]
        if indent > depth:
            at = index
        elif indent >= 0 or index > at + 1:
            break
    return at


def _trace(evidence: Evidence, seed: int, last: int) -> int:
    depth, at = evidence.indents[seed], seed
    python = _PYTHON in evidence.bare[seed]
    message = _MESSAGE
    for index in range(seed + 1, last + 1):
        indent = evidence.indents[index]
        if FRAME.match(evidence.bare[index]) is not None or (indent > depth and message):
            at, message = index, _MESSAGE if FRAME.match(evidence.bare[index]) is None else 0
        elif indent > depth:
            at = index
        elif python and indent >= 0:
            # A Python exception's own line stands below its frames, and its message may run on.
            return _paragraph(evidence, index, min(index + 4, last))
        elif python or not message or not _frames_follow(evidence, index, last):
            return at
        else:
            message -= 1
            at = index
    return at


def _frames_follow(evidence: Evidence, start: int, last: int) -> bool:
    """Whether a message of several lines goes on here: frames stand below it, and nothing else begins."""
    for index in range(start, min(start + _MESSAGE, last + 1)):
        if FRAME.match(evidence.bare[index]) is not None:
            return True
        if _BOUNDARY.match(evidence.bare[index]) is not None:
            return False
    return False


def _section(evidence: Evidence, seed: int, last: int, rule: Rule) -> int:
    at, blanks = seed, 0
    for index in range(seed + 1, last + 1):
        if evidence.indents[index] < 0:
            blanks += 1
            continue
        other = evidence.rules[index]
        if other is not None and (other is rule or other.kind in (Kind.EXIT, Kind.SUMMARY)):
            break
        if blanks > _BLANKS or (_BOUNDARY.match(evidence.bare[index]) is not None and index > seed + 1):
            break
        at, blanks = index, 0
    return at
