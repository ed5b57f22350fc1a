"""The lines of a log that explain its failure, within a budget."""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final
from zlib import crc32

from ci_mcp.logs.baseline import Baseline, normalise
from ci_mcp.logs.choose import Choice, Limits, choose, shorten
from ci_mcp.logs.clean import Log
from ci_mcp.logs.evidence import Evidence, read_evidence
from ci_mcp.logs.rules import Kind
from ci_mcp.logs.sheet import Sheet, read_sheet
from ci_mcp.logs.weigh import Weights, weigh

TOKEN: Final = 4
"""Characters a token, an estimate."""

DEFAULT_BUDGET: Final = 1_500
"""Tokens that an excerpt takes at most where nobody asked for more or less."""

_HEADER: Final = 150
_BLANKS: Final = 3
_TELLING: Final = 3.5
_SAYS: Final = 2.6
_ENOUGH: Final = 0.5
_CLEAR: Final = 0.35
_LEAST_COMPARED: Final = 0.04
_LEAST_COMPARED_NARROW: Final = 0.18
_WIDE: Final = 800
_SIGNED: Final = 3
_CLOSE: Final = 3
_MOST_STEPS: Final = 3
_LONGEST_STEP: Final = 60


@dataclass(frozen=True, slots=True)
class Shown:
    """One line of an excerpt.

    Args:
        number: its number in the log.
        text: what it says; a very long one is cut, and says so.
        telling: whether it is evidence itself, not only near some.
        kind: the kind of evidence it is or belongs to.
        step: the step or section it stands in.
        repeats: how many more lines of the log say the same.
    """

    number: int
    text: str
    telling: bool
    kind: Kind
    step: str = ""
    repeats: int = 0


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The lines that explain a failure.

    Args:
        total: lines in the whole log.
        places: how many separate places of the log looked like evidence.
        steps: the steps that the telling lines stand in, the most telling first; none where that line is in no step.
        blocks: runs of lines without a gap, in log order.
        signature: equal for two logs that fail in the same way; empty where nothing telling was found.
        note: what was not read or not shown, in words; empty where nothing is missing.
    """

    total: int
    places: int
    steps: tuple[str, ...]
    blocks: tuple[tuple[Shown, ...], ...]
    signature: str = ""
    note: str = ""

    @property
    def lines(self) -> tuple[Shown, ...]:
        """Every shown line, in log order."""
        return tuple(line for block in self.blocks for line in block)

    def header(self) -> str:
        """One line: how long the log is, how many places looked like evidence, in which steps."""
        parts = [f"log of {self.total:,} line{'s' * (self.total != 1)}"]
        parts.append(f"{self.places:,} place{'s' * (self.places != 1)} that may explain the failure")
        if self.steps:
            more = f" and {len(self.steps) - _MOST_STEPS} more" if len(self.steps) > _MOST_STEPS else ""
            parts.append("in " + ", ".join(f'"{_short(step)}"' for step in self.steps[:_MOST_STEPS]) + more)
        return "; ".join(filter(None, (", ".join(parts), self.note)))

    def text(self) -> str:
        """The excerpt as prose: the header, then the lines, each gap said with the number of the line after it.

        A line that is evidence itself begins with ``>``, any other with ``|``: no line of a log can pass for ours.
        """
        out = [self.header()]
        before = 0
        for block in self.blocks:
            gap = block[0].number - before - 1
            out.append(f"{gap_text(gap)} line {block[0].number}:" if gap else f"line {block[0].number}:")
            for line in block:
                repeats = f" [and {line.repeats:,} more like it]" if line.repeats and line.telling else ""
                out.append(f"{'>' if line.telling else '|'} {line.text}{repeats}".rstrip())
            before = block[-1].number
        if gap := self.total - before:
            out.append(gap_text(gap))
        return "\n".join(out)

    def records(self) -> dict[str, Any]:
        """The excerpt as plain data."""
        return {
            "total": self.total,
            "places": self.places,
            "steps": list(self.steps),
            "signature": self.signature,
            "note": self.note,
            "blocks": [[_record(line) for line in block] for block in self.blocks],
        }


def gap_text(count: int) -> str:
    """The words for lines that are left out."""
    return f"… {count:,} line{'s' * (count != 1)} …"


def _short(step: str) -> str:
    return step if len(step) <= _LONGEST_STEP else f"{step[: _LONGEST_STEP - 1]}…"


def _record(line: Shown) -> dict[str, Any]:
    record: dict[str, Any] = {"number": line.number, "text": line.text, "telling": line.telling, "kind": str(line.kind)}
    if line.step:
        record["step"] = line.step
    if line.repeats:
        record["repeats"] = line.repeats
    return record


def excerpt(log: Log, budget: int | None = None, baseline: Log | None = None, *, fill: bool | None = None) -> Excerpt:
    """The lines that explain the failure of a log.

    Args:
        log: the log of a job that failed.
        budget: at most so many tokens (characters / 4) of text; DEFAULT_BUDGET where it is not given.
        baseline: the log of the same job when it last passed; what stands there too matters little.
        fill: whether to fill the budget; if not, the excerpt ends where the cause is clear and the rest
            would be filler. A budget that was given is filled, the default is not.
    """
    sheet = read_sheet(log)
    evidence = read_evidence(sheet.lines)
    limits = _limits(budget or DEFAULT_BUDGET, fill=budget is not None if fill is None else fill, baseline=baseline)
    return build(sheet, evidence, weigh(evidence, Baseline.of(baseline)), limits)


def _limits(budget: int, *, fill: bool, baseline: Log | None) -> Limits:
    room = budget * TOKEN
    # Beside what a log that passed does not explain away little else counts, and in little room least.
    least = 0.0 if baseline is None else _LEAST_COMPARED if budget >= _WIDE else _LEAST_COMPARED_NARROW
    return Limits(room, least) if fill else Limits(room, least, int(room * _ENOUGH), _CLEAR)


def build(sheet: Sheet, evidence: Evidence, weights: Weights, limits: Limits) -> Excerpt:
    """The excerpt of lines that were read and weighed."""
    choice = choose([line.text for line in sheet.lines], weights.values, replace(limits, room=limits.room - _HEADER))
    while True:
        result = _assemble(sheet, evidence, weights, choice)
        over = len(result.text()) - limits.room
        if over <= 0:
            return result
        if not choice.order:
            return replace(result, steps=(), note="")
        if many := over // 400:
            del choice.order[max(len(choice.order) - 1 - many, 0) :]
        else:
            # What is worth least goes first, and of that what is no evidence.
            quiet = (
                place
                for place in reversed(range(len(choice.order)))
                if not _telling(evidence, weights, choice.order[place])
            )
            del choice.order[next(quiet, -1)]


def _places(evidence: Evidence) -> int:
    """How many places of the log look like evidence: strong lines, those close together counted once."""
    strong = [i for i, weight in enumerate(evidence.weights) if weight >= _TELLING]
    return bool(strong) + sum(after - before > _CLOSE for before, after in pairwise(strong))


def _with_blanks(order: list[int], evidence: Evidence) -> list[int]:
    """The chosen lines in log order, with the few blank lines that stand between two of them."""
    result: list[int] = []
    for index in sorted(order):
        between = range(result[-1] + 1, index) if result else range(0)
        if len(between) <= _BLANKS and all(evidence.indents[i] < 0 < evidence.numbers[i] for i in between):
            result.extend(between)
        result.append(index)
    return result


def _telling(evidence: Evidence, weights: Weights, index: int) -> bool:
    """Whether a line is evidence itself: worth much, and not only for where it stands."""
    return evidence.weights[index] >= _SAYS and weights.values[index] >= _TELLING


def _assemble(sheet: Sheet, evidence: Evidence, weights: Weights, choice: Choice) -> Excerpt:
    blocks: list[list[Shown]] = []
    for index in _with_blanks(choice.order, evidence):
        seed = weights.seeds[index]
        rule = evidence.rules[seed] if seed >= 0 else None
        line, kind = sheet.lines[index], rule.kind if rule else Kind.TAIL
        shown = Shown(
            line.number, shorten(line.text), _telling(evidence, weights, index), kind, line.group, choice.repeats[index]
        )
        if blocks and blocks[-1][-1].number + 1 == line.number:
            blocks[-1].append(shown)
        else:
            blocks.append([shown])
    steps = tuple(dict.fromkeys(sheet.lines[at].group for at in choice.order if _telling(evidence, weights, at)))
    steps = tuple(filter(None, steps)) if steps and steps[0] else ()
    signature = _signature(evidence, weights)
    return Excerpt(sheet.total, _places(evidence), steps, tuple(map(tuple, blocks)), signature, sheet.note)


def _signature(evidence: Evidence, weights: Weights) -> str:
    """Equal where two logs fail in the same way: what the most telling lines say, without what varies."""
    words = [
        (-weights.values[index], index)
        for index, rule in enumerate(evidence.rules)
        if rule is not None and rule.kind not in (Kind.EXIT, Kind.SUMMARY) and weights.values[index] >= _TELLING
    ]
    said = sorted({normalise(evidence.bare[index]) for _, index in sorted(words)[:_SIGNED]})
    return format(crc32("\n".join(said).encode()), "08x") if said else ""
