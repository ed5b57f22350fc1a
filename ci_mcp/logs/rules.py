"""What one line of a log can tell: the shape of an entry in the tables of :mod:`ci_mcp.logs.knowledge`."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What sort of evidence a line is."""

    TEST = "test"  # a failed test and what it says
    TRACE = "trace"  # an exception or a crash, with its frames
    COMPILE = "compile"  # a compiler, a linker, a type checker
    LINT = "lint"  # a linter, a formatter, a checker of style
    BUILD = "build"  # a build tool says what failed
    PACKAGE = "package"  # a package manager cannot get or install something
    SHELL = "shell"  # a command that does not exist, a file that is not there
    INFRA = "infra"  # the machine, the network, the CI itself
    ERROR = "error"  # says error, and no table knows who said it
    SUMMARY = "summary"  # counts of what failed
    EXIT = "exit"  # a command or a job ended badly
    TAIL = "tail"  # the last words before a failing end


class Body(StrEnum):
    """Which lines around the one that matched belong to it."""

    LINE = "line"  # none
    INDENT = "indent"  # those below that stand deeper
    PARAGRAPH = "paragraph"  # those below, to the next blank line
    SECTION = "section"  # those below, over blank lines, to the next of its kind or the end of the part
    TRACE = "trace"  # stack frames, causes, and the exception's own line
    ABOVE = "above"  # the whole part that ends here


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing a tool says.

    Args:
        tool: who says it.
        kind: what sort of evidence it is.
        weight: how much it explains: 10 names the cause, 3 is a consequence.
        pattern: RE2, looked for in the clean line, without time stamps and the prefixes of wrapping tools.
        example: a line that it must match; a test holds every entry to it.
        body: which lines around belong to it.
        reach: at most so many of them below.
        above: so many lines above are part of the headline.
    """

    tool: str
    kind: Kind
    weight: float
    pattern: str
    example: str
    body: Body = Body.LINE
    reach: int = 12
    above: int = 0
