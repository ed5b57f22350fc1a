"""How much each line of a log explains its failure."""

import re
from collections import Counter
from dataclasses import dataclass
from typing import Final

from ci_mcp.logs.blocks import own
from ci_mcp.logs.evidence import Evidence
from ci_mcp.logs.rules import Kind

_VARYING: Final = re.compile(r"0x[0-9a-fA-F]+|[0-9a-f]{7,}|\d+")
_COMMAND: Final = re.compile(r"\$ \S|##\[group\]|\+ \S|> \S+@\S+ \S|Executing ")
_TAIL: Final = 25


@dataclass(slots=True)
class Weights:
    """What each line of a sheet is worth, and which seed lent it that worth.

    Args:
        values: a line's worth; 0 where nothing speaks for it.
        seeds: the index of the seed, or -1.
        repeats: how often the line's template stood there before.
    """

    values: list[float]
    seeds: list[int]
    repeats: list[int]


def template(text: str) -> str:
    """The line without what varies from run to run: numbers, hashes, times."""
    return _VARYING.sub("#", text)[:200]


def weigh(evidence: Evidence, known: frozenset[str] | None = None) -> Weights:
    """Give every line its worth.

    Args:
        evidence: what the lines tell.
        known: the templates of a log that passed; a line that stands there too matters little.
    """
    size = len(evidence.bare)
    result = Weights([0.0] * size, [-1] * size, [0] * size)
    seen: Counter[str] = Counter()
    by_rule: Counter[int] = Counter()
    factors = _sections(evidence)
    for index, rule in enumerate(evidence.rules):
        if rule is None:
            continue
        key = template(evidence.bare[index])
        repeat = result.repeats[index] = seen[key]
        seen[key] += 1
        weight = evidence.weights[index] * factors[index] * 0.6**repeat
        weight /= 1 + 0.12 * by_rule[id(rule)]
        by_rule[id(rule)] += 1
        if known is not None and key in known:
            weight *= 0.15
        _lend(evidence, result, index, weight)
    _tails(evidence, result)
    return result


def _lend(evidence: Evidence, result: Weights, seed: int, weight: float) -> None:
    lines = own(evidence, seed)
    length = len(lines)
    for place, index in enumerate(lines):
        _raise(result, index, weight * (1 - 0.4 * place / max(length, 8)), seed)
    for away in range(1, 4):
        for index in (seed - away, lines[-1] + away):
            if 0 <= index < len(result.values) and evidence.indents[index] >= 0:
                _raise(result, index, weight * 0.35 / away, seed)


def _raise(result: Weights, index: int, value: float, seed: int) -> None:
    if value > result.values[index]:
        result.values[index] = value
        result.seeds[index] = seed


def _exits(evidence: Evidence) -> list[int]:
    return [
        i
        for i, rule in enumerate(evidence.rules)
        if rule is not None and rule.kind is Kind.EXIT and evidence.weights[i] >= 3
    ]


def _sections(evidence: Evidence) -> list[float]:
    """One factor a line: 1 in the section of a command that failed, less outside."""
    size = len(evidence.bare)
    exits = _exits(evidence)
    if not exits:
        return [1.0] * size
    inside = [False] * size
    for end in exits[:50]:
        start = end
        while start > 0 and _COMMAND.match(evidence.bare[start]) is None:
            start -= 1
        inside[start : end + 1] = [True] * (end + 1 - start)
    outside = sum(1 for i, weight in enumerate(evidence.weights) if weight >= 4 and not inside[i])
    damp = max(0.1, 20 / (30 + outside))
    return [1.0 if yes else damp for yes in inside]


def _tails(evidence: Evidence, result: Weights) -> None:
    size = len(evidence.bare)
    for end in [*_exits(evidence)[:10], size]:
        away, index = 0, end - 1
        while index >= 0 and away < _TAIL:
            if evidence.indents[index] >= 0:
                _raise(result, index, 3.0 * (1 - away / _TAIL), -1)
                away += 1
            index -= 1
