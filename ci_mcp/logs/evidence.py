"""Which lines of a log are evidence of a failure, and of what kind."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

import re2

from ci_mcp.logs.clean import Line
from ci_mcp.logs.knowledge import all_rules
from ci_mcp.logs.knowledge.noise import NOISE
from ci_mcp.logs.rules import Body, Kind, Rule

_LONGEST: Final = 600
_LEVELS: Final = r"(?i:info|debug|warn|warning|\w+:error|error|trace|notice|fatal|severe|fail|failed|pass|ok|x|gw\d+)"
_WRAPPER: Final = re.compile(
    rf"(?:\s*\[(?!{_LEVELS}\])[A-Za-z][\w.:\-/ ]{{1,24}}\] "
    r"|#\d+ (?:\d+\.\d+ |(?=ERROR))"
    r"|[\w.\-/]{2,40}[_\-]\d+ +\| "
    r"|\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?\]?:? "
    r"|\[?\d\d:\d\d:\d\d(?:[.,]\d+)?\]? +(?:(?:INFO|ERROR|WARNING|CRITICAL) +-(?: {1,2}|$))?"
    r"|\[task \d{4}-[^\]]+\] "
    r"|DEBUG(?: util\.py:\d+)?: {1,2}|remote: |stderr: |\[\d+/\d+\] )"
)


@dataclass(frozen=True, slots=True)
class _Tables:
    rules: tuple[Rule, ...]
    finder: Any
    noise: Any


@cache
def _tables() -> _Tables:
    rules = all_rules()
    return _Tables(rules, _filter(rule.pattern for rule in rules), _filter(pattern for pattern, _ in NOISE))


def _filter(patterns: Iterable[str]) -> Any:
    # A filter asks for the literals of all patterns at once, and runs only those patterns whose literals are there.
    # One set of all patterns is faster in the long run, and slower on the first ten thousand lines.
    found = re2.Filter()
    for pattern in patterns:
        found.Add(pattern.encode())
    found.Compile()
    return found


def unwrap(text: str) -> str:
    """The line without the prefixes that wrapping tools put before it."""
    for _ in range(3):
        if (wrapper := _WRAPPER.match(text)) is None:
            break
        text = text[wrapper.end() :]
    return text


def matching_rules(text: str) -> list[Rule]:
    """Every entry of the tables that the line matches, noise or not."""
    tables = _tables()
    found = tables.finder.Match(unwrap(text)[:_LONGEST].encode())
    return [tables.rules[index] for index in found or ()]


def is_noise(text: str) -> bool:
    """Whether the line only looks like failure."""
    return bool(_tables().noise.Match(unwrap(text)[:_LONGEST].encode()))


@dataclass(slots=True)
class Evidence:
    """What each line of a sheet tells; all lists are as long as the sheet.

    Args:
        numbers: each line's number in the log; 0 for a line that only marks a gap.
        rules: the strongest entry that each line matches, or None.
        weights: its weight, less where the line only warns.
        bare: each line without the prefixes of wrapping tools.
        indents: how deep each line stands; -1 for a blank one.
    """

    numbers: list[int] = field(default_factory=list)
    rules: list[Rule | None] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    bare: list[str] = field(default_factory=list)
    indents: list[int] = field(default_factory=list)


# What looks like failure may look like it to these only: no passing line is a runner's headline.
_SURE: Final = (Kind.TEST, Kind.SUMMARY, Kind.EXIT, Kind.TRACE)
# Entries that do not know who speaks.
_GENERAL: Final = ("any", "assertion")
_CONSEQUENCES: Final = (Kind.EXIT, Kind.SUMMARY)
_MINOR: Final = 2
# What a CI says before and after a job's own commands.
_SETUP: Final = re.compile(
    r"system_info|git\.|cache|Set up job|Runner Image|Operating System|Virtual Environment|Complete job|Post |"
    r"Initialize containers|Getting source from|Prepar|GITHUB_TOKEN"
)
_IN_SETUP: Final = 0.4
# What the CI itself calls the error is one, wherever it stands.
_MARKED: Final = "##[error]"
_PLACE: Final = re.compile(r'\s*File ".+", line \d+')
_SETTING: Final = re.compile(r"(?:shell|with|env):(?: |$)")
_WARNING: Final = re.compile(r"(?i)\bwarn(?:ing)?s?\b")
_SAYS_ERROR: Final = re.compile(r"(?i)\berrors?\b|\bfail|exception|\bfatal\b")


def read_evidence(lines: list[Line]) -> Evidence:
    """Ask the tables about every line."""
    evidence = Evidence([line.number for line in lines])
    for line in lines:
        bare = unwrap(line.text)[:_LONGEST].rstrip()
        stripped = bare.lstrip()
        evidence.bare.append(bare)
        evidence.indents.append(len(bare) - len(stripped) if stripped else -1)
        rule, weight = judge(bare) if stripped else (None, 0.0)
        if line.group and _SETUP.match(line.group) is not None and not bare.startswith(_MARKED):
            weight *= _IN_SETUP
        evidence.rules.append(rule)
        evidence.weights.append(weight)
    _forget_scripts(evidence)
    _forget_sources(evidence)
    return evidence


def _forget_sources(evidence: Evidence) -> None:
    """The line of source that a traceback quotes below its place is no evidence, whatever it raises."""
    for index, bare in enumerate(evidence.bare[:-1]):
        if _PLACE.match(bare) is not None and evidence.indents[index + 1] > evidence.indents[index]:
            evidence.rules[index + 1], evidence.weights[index + 1] = None, 0.0


def _forget_scripts(evidence: Evidence) -> None:
    """The text of a command and its settings, as GitHub prints them before a step, are no evidence."""
    start = -1
    for index, bare in enumerate(evidence.bare):
        if bare.startswith("##[group]Run "):
            start = index
        elif bare.startswith("##[group]"):
            start = -1
        elif start >= 0 and bare.startswith("##[endgroup]"):
            if any(_SETTING.match(line) for line in evidence.bare[start:index]):
                evidence.rules[start:index] = [None] * (index - start)
                evidence.weights[start:index] = [0.0] * (index - start)
            start = -1


def judge(bare: str) -> tuple[Rule | None, float]:
    """The strongest entry that a line matches, and its weight; the line comes without its wrapping."""
    tables = _tables()
    data = bare[:_LONGEST].encode()
    found = tables.finder.Match(data)
    if not found:
        return None, 0.0
    rules = [tables.rules[index] for index in found]
    if tables.noise.Match(data):
        rules = [rule for rule in rules if rule.kind in _SURE and rule.tool != "assertion"]
        if not rules:
            return None, 0.0
    if any(rule.kind in _CONSEQUENCES for rule in rules):
        # General words in a line that is known to be a consequence make no cause of it.
        rules = [rule for rule in rules if rule.tool != "any"]
    if any(rule.body is Body.ABOVE for rule in rules):
        # Nor does its being an error: what a bad end explains stands above it.
        rules = [rule for rule in rules if rule.body is Body.ABOVE]
    best = max(rules, key=lambda rule: rule.weight)
    weight = best.weight
    if best.kind is Kind.TEST and best.tool in _GENERAL:
        # FAILED alone makes no test of what a tool's entry knows to be something else.
        best = max([rule for rule in rules if rule.tool not in _GENERAL] or rules, key=lambda rule: rule.weight)
    # Where a tool's entry says that a line matters little, it is the one that knows the line best.
    least = min((rule.weight for rule in rules if rule.tool != "any"), default=weight)
    weight = least if least <= _MINOR else weight
    if _WARNING.search(bare) is not None and _SAYS_ERROR.search(bare) is None:
        weight /= 3
    return best, weight
