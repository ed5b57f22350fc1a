"""How much each line of a log explains its failure."""

import re
from collections import Counter
from dataclasses import dataclass
from math import log2
from typing import Final

from ci_mcp.logs.baseline import Baseline
from ci_mcp.logs.blocks import FRAME, own
from ci_mcp.logs.evidence import Evidence, is_noise
from ci_mcp.logs.rules import Body, Kind

_VARYING: Final = re.compile(r"0x[0-9a-fA-F]+|[0-9a-f]{7,}|\d+")
_COMMAND: Final = re.compile(r"\$ \S|##\[group\]|Executing ")
_STEP: Final = re.compile(r"##\[group\]Run ")

# What an entry's own line is worth is its weight; these are shares of it.
_BODY: Final = 0.95
_BODY_FADE: Final = 0.3
_BODY_LINES: Final = 24
_NEAR: Final = 0.22
_NEAR_LINES: Final = 3
# A rule's later finds weigh less: test failures are many and each counts, other errors repeat themselves.
_LATER: Final = {Kind.TEST: 0.01, Kind.ERROR: 0.05, Kind.INFRA: 0.08, Kind.COMPILE: 0.12, Kind.LINT: 0.12}
_LATER_ELSE: Final = 0.15
_LATER_BODY: Final = 0.15
_REPEAT: Final = 0.85
_REPEATS: Final = 4
_REPEAT_BODY: Final = 0.9
_SHORT: Final = 20
_KNOWN: Final = 0.15
_NEW: Final = 1.0
_OUTSIDE: Final = 0.9
_OUTSIDE_LEAST: Final = 0.08
_OUTSIDE_MANY: Final = 80
_FAR: Final = 0.15
_FAR_LINES: Final = 50
_TAIL: Final = 45
_TAIL_WORTH: Final = 3.0
_TAIL_NOISE: Final = 0.35
# What only says where a part begins or ends.
_MARKER: Final = re.compile(r"##\[endgroup\]|::endgroup::|travis_(?:fold|time):|section_(?:start|end):")
_STRONG: Final = 4.0
_MOST_ENDS: Final = 50


@dataclass(slots=True)
class Weights:
    """What each line of a sheet is worth, and which seed lent it that worth.

    Args:
        values: a line's worth; 0 where nothing speaks for it.
        seeds: the index of the seed, or -1.
    """

    values: list[float]
    seeds: list[int]

    def raise_to(self, index: int, value: float, seed: int) -> None:
        """Let a line be worth at least ``value``."""
        if value > self.values[index]:
            self.values[index] = value
            self.seeds[index] = seed


def template(text: str) -> str:
    """The line without what varies from run to run: numbers, hashes, times."""
    return _VARYING.sub("#", text)[:200]


def weigh(evidence: Evidence, known: Baseline | None = None) -> Weights:
    """Give every line its worth.

    Args:
        evidence: what the lines tell.
        known: the lines of a log that passed; one that stands there too matters little.
    """
    size = len(evidence.bare)
    result = Weights([0.0] * size, [-1] * size)
    seen: Counter[str] = Counter()
    by_rule: Counter[int] = Counter()
    factors = _sections(evidence)
    for index, rule in enumerate(evidence.rules):
        if rule is None:
            continue
        key = template(evidence.bare[index])
        weight = evidence.weights[index] * factors[index]
        if rule.kind is not Kind.TEST:
            weight *= _REPEAT ** min(seen[key], _REPEATS)
        seen[key] += 1
        later = by_rule[id(rule)]
        by_rule[id(rule)] += 1
        weight /= 1 + _LATER.get(rule.kind, _LATER_ELSE) * later
        _lend(evidence, result, index, weight, later)
    _damp_repeats(evidence, result)
    _tails(evidence, result)
    if known is not None:
        _compare(evidence, result, known)
    return result


def _compare(evidence: Evidence, result: Weights, known: Baseline) -> None:
    """A line of a log that passed matters little, one that is new matters a little even where nothing speaks for it."""
    for index, bare in enumerate(evidence.bare):
        if bare in known:
            result.values[index] *= _KNOWN
        elif evidence.indents[index] >= 0 and not is_noise(bare):
            result.raise_to(index, _NEW, -1)


def _damp_repeats(evidence: Evidence, result: Weights) -> None:
    """Lines that belong to a seed weigh less each time their like comes again."""
    seen: Counter[str] = Counter()
    for index, value in enumerate(result.values):
        if value > 0 and len(evidence.bare[index]) > _SHORT:
            key = template(evidence.bare[index])
            if result.seeds[index] != index:
                result.values[index] = value * _REPEAT_BODY ** min(seen[key], _REPEATS)
            seen[key] += 1


def _lend(evidence: Evidence, result: Weights, seed: int, weight: float, later: int) -> None:
    """Give the lines that belong to a seed, and those near it, their share of its weight."""
    lines, rule = own(evidence, seed), evidence.rules[seed]
    head = max(seed - (rule.above if rule else 0), 0)
    for index in range(head, seed + 1):
        result.raise_to(index, weight, seed)
    body = weight * _BODY / (1 + _LATER_BODY * later)
    for place, index in enumerate(lines[1:]):
        result.raise_to(index, body * (1 - _BODY_FADE * min(place / _BODY_LINES, 1)), seed)
    near = weight * _NEAR / (1 + _LATER_BODY * later)
    for away in range(1, _NEAR_LINES + 1):
        below = () if rule and rule.kind is Kind.EXIT else (lines[-1] + away,)
        for index in (head - away, *below):
            inside = 0 <= index < len(result.values) and evidence.indents[index] >= 0
            if inside and _MARKER.match(evidence.bare[index]) is None:
                result.raise_to(index, near / away, seed)


def _ends(evidence: Evidence) -> list[int]:
    """Where a part of the log ends badly, by the CI's own words."""
    return [i for i, rule in enumerate(evidence.rules) if rule is not None and rule.body is Body.ABOVE]


def _sections(evidence: Evidence) -> list[float]:
    """One factor a line: 1 in the part of a command that failed, less outside."""
    size = len(evidence.bare)
    ends = _ends(evidence)[:_MOST_ENDS]
    if not ends:
        return _distance(evidence, size - 1)
    command = _STEP if any(_STEP.match(bare) for bare in evidence.bare) else _COMMAND
    inside = [False] * size
    for end in ends:
        start = end
        while start > 0 and command.match(evidence.bare[start]) is None:
            start -= 1
        inside[start : end + 1] = [True] * (end + 1 - start)
    outside = sum(1 for i, weight in enumerate(evidence.weights) if weight >= _STRONG and not inside[i])
    damp = max(_OUTSIDE_LEAST, _OUTSIDE / (1 + outside / _OUTSIDE_MANY))
    far = _distance(evidence, max(ends))
    return [far[i] if inside[i] else damp * far[i] for i in range(size)]


def _distance(evidence: Evidence, end: int) -> list[float]:
    """What stands far before the end matters less."""
    last = evidence.numbers[end] if evidence.numbers else 0
    return [1 / (1 + _FAR * log2(1 + max(last - number, 0) / _FAR_LINES)) for number in evidence.numbers]


def _tails(evidence: Evidence, result: Weights) -> None:
    """The last words before each bad end (or of the log) weigh something, the later the more."""
    for end in _ends(evidence)[:10] or [len(evidence.bare)]:
        away, index = 0, end - 1
        while index >= 0 and away < _TAIL:
            if evidence.indents[index] >= 0 and _MARKER.match(evidence.bare[index]) is None:
                bare = evidence.bare[index]
                share = _TAIL_NOISE if is_noise(bare) and FRAME.match(bare) is None else 1.0
                result.raise_to(index, _TAIL_WORTH * share * (1 - away / _TAIL), -1)
                away += 1
            index -= 1
