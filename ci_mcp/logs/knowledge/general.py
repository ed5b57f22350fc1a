"""Words that say error, whoever says them: what finds the tools that no table knows."""

from typing import Final

from ci_mcp.logs.rules import Body, Kind, Rule

_E: Final = Kind.ERROR

# A word inside a name (error-prone, test_error, on.error.resume) says nothing: it must stand alone.
_FROM: Final = r"(?:^|[\s\[(\"'*|>,;:=!])"
_TO: Final = r"(?:$|[\s\])\"'*|<,;:!.?])"

RULES: Final = (
    Rule("any", _E, 8, r"^error: \S", "error: the cart is gone", Body.PARAGRAPH, 15),
    Rule(
        "any",
        _E,
        6,
        r"(?i)^\W{0,3}(?:\[?(?:fatal|error|failure|critical|severe|panic|abort(?:ed)?)\]?)(?: \w+)?\W{0,2}[:!] \S",
        "Error: the cart is gone",
        Body.INDENT,
        6,
    ),
    Rule(
        "any",
        _E,
        5,
        r"(?i)" + _FROM + r"(?:fatal|error|critical|severe|failure)(?:\]? ?[:|>] ?| - )\S",
        "10:00 shop ERROR: the cart is gone",
        Body.INDENT,
        5,
    ),
    Rule(
        "any",
        _E,
        4.5,
        r"(?i)^\W{0,3}(?:error|failed|failure|fatal|fail)" + _TO,
        "Failed to build the cart",
        Body.INDENT,
        5,
    ),
    Rule(
        "any",
        _E,
        3.5,
        r"(?i)"
        + _FROM
        + r"(?:errors?|errored|fail(?:ed|ure|ures|s|ing)?|fatal|exceptions?|panic(?:ked)?|abort(?:ed|ing)?|crash(?:ed)?|broken|unsuccessful(?:ly)?)"
        + _TO,
        "the build of shop has failed",
    ),
    Rule(
        "any",
        Kind.TEST,
        6,
        _FROM + r"(?:FAIL(?:ED|URES?)?|CRASH(?:ED)?|ABORTED|TIMEOUT)(?:$|[\s\])\"'*|<,;!.?]|:\s*(?:$|[^\s0]))",
        "  adds up:    FAIL (0.01s)",
        Body.INDENT,
        12,
    ),
    Rule(
        "any",
        _E,
        4,
        r"(?i)\b[1-9]\d* (?:\w+ )?(?:failed|failures?|failing|broken|errors?|errored|problems?|violations?|offenses?)"
        + _TO,
        "2 of 9 checks: 2 checks failed",
    ),
    Rule("any", _E, 6, r"^\s*\[(?:-|x|X|✗|✘|FAIL(?:ED)?)\] \S", "  [-] adds up", Body.INDENT, 10),
    Rule("any", _E, 3, r"\b[A-Z]\w+(?:Error|Exception|Failure)" + _TO, "got a CartError here"),
    Rule(
        "any",
        _E,
        2.5,
        r"(?i)\b(?:cannot|can't|can not|could not|couldn't|unable to|did not|didn't|not (?:found|allowed|supported|permitted|installed|available|defined|valid|exist|match)|doesn't|does not)\b",
        "the cart cannot be opened",
    ),
    Rule(
        "any",
        _E,
        2,
        r"(?i)"
        + _FROM
        + r"(?:missing|invalid|unexpected|undefined|denied|refused|unknown|unresolved|unsupported|illegal|incorrect|mismatch(?:ed)?|violat\w+|incompatible|conflict\w*|rejected|timed? ?out|timeout|expired|killed|terminated|corrupt\w*|exceed(?:s|ed)|forbidden|wrong|bad|must|should|too (?:many|long|large|few))"
        + _TO,
        "the cart is missing",
    ),
    Rule("any", _E, 2, r"(?i)" + _FROM + r"warn(?:ing)?s?" + _TO, "warning: the cart is old", Body.INDENT, 4),
    Rule("any", _E, 6, r"^.{0,6}(?:❌|🚨|🔴|💥)", "❌ src/Cart.swift:12:5: unknown attribute 'total'", Body.INDENT, 4),
    Rule("any", _E, 3, r"^\s*(?:✗|✘|✖|×|❌|⨯|‼|🚨|🔴|💥)", "✗ the cart"),
    Rule("caret", Kind.COMPILE, 2, r"^\s*(?:\d+ ?\|)?\s*\|?\s*[~^-]*\^[~^-]*\s*(?:[\w\s'`]*)$", "    ^~~~"),
)
