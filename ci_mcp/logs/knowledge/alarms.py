"""What a big log is passed over for: shapes that seldom stand in a log without being evidence.

They are looked for in raw bytes, so none may be anchored at the beginning of a line (a time stamp or a colour
may stand there), and every one of them costs: general words (missing, should) find nothing here that the
lines around a stronger alarm do not show.
"""

from typing import Final

RULES: Final = ()

# A colour's sequence ends in a letter, behind which no word begins.
_START: Final = r"(?:\b|\[[0-9;]*m)"

ALARMS: Final = (
    (r"##\[error\]", "##[error]Process completed with exit code 1."),
    (
        r"exit(?:ed)?(?: with)?(?: a)?(?: non-zero)?(?: exit)?[ -](?:code|status|value)(?: of)?:? '?-?[1-9]|exited with [1-9]",
        'The command "make" exited with 2.',
    ),
    (r"Traceback \(most recent", "Traceback (most recent call last):"),
    (r"(?:Error|Exception|Failure)(?::|$| \[| \()", "shop.CartError: no cart"),
    (r"panicked at|panic: |goroutine \d+ \[", "panic: no cart"),
    (_START + r"(?:FAIL(?:ED|URES?)?\b|Fail(?:ed|ures?)\b|fail(?:ed|ure)[:!])", "--- FAIL: TestTotal (0.00s)"),
    (r"[1-9]\d* (?:tests? |examples?, |specs? )?(?:failed|failing|failures?|errors?)\b", "1 failed, 9 passed"),
    (r"not ok \d|✖|✗|✘|✕|❌|⨯|● |🚨", "not ok 3 - adds up"),
    (
        _START + r"(?:ERROR|FATAL|CRITICAL|SEVERE|ERR!|TIMEOUT|UNEXPECTED|CRASH|ABORTED|CONFLICT)\b|ERR_",
        "ERROR: no cart",
    ),
    (_START + r"(?:[Ee]rror|[Ff]atal|[Cc]ritical)(?:\[\w+\])?(?::| [A-Z]{1,4}\d)", "cart.c:12:5: error: no cart"),
    (r"\*\*\* \[|\*\* \(|\*\*\*[FE]", "make: *** [all] Error 2"),
    (
        r"[Aa]ssert(?:ion)?(?: [`'\w].*)? failed|[Aa]ssertionError|AssertionFailed|Assert\.",
        "cart.c:12: total: Assertion `a == b' failed.",
    ),
    (
        r"[Ss]egmentation fault|core dumped|SIG(?:SEGV|ABRT|KILL|BUS|ILL)|\bKilled\b|Sanitizer:|runtime error:",
        "Segmentation fault (core dumped)",
    ),
    (r"[Oo]ut of memory|OOM|[Nn]o space left|[Cc]annot allocate|bad_alloc", "write: no space left on device"),
    (
        r"command not found|: not found$|No such file or directory|Permission denied|cannot stat",
        "sh: shopctl: command not found",
    ),
    (r"undefined reference|unresolved external|Undefined symbol|ld returned", "undefined reference to `total'"),
    (
        r"BUILD FAIL|Build FAILED|What went wrong|COMPILATION ERROR|Caused by: |Test Failed|Failed example",
        "* What went wrong:",
    ),
    (
        r"timed out|[Tt]imeout of|exceeded the|has been terminated|deadline exceeded|[Nn]o output has been received",
        "The job timed out after 60 minutes",
    ),
    (
        r"(?:Could|could|Can|can)(?:not| not|n't|'t) (?:find|resolve|connect|open|be|get|load|download|locate|read|create|import|install|determine)|[Uu]nable to ",
        "Could not resolve host: example.com",
    ),
    (
        r"ECONN|ETIMEDOUT|ENOTFOUND|ENOSPC|EADDRINUSE|[Cc]onnection (?:refused|reset)|rate limit|[Uu]nauthorized|[Aa]ccess [Dd]enied|x509:",
        "connect ECONNREFUSED 127.0.0.1:80",
    ),
    (
        r"No matching distribution|ResolutionImpossible|unmet dependencies|has no installation candidate|[Uu]nable to locate package|No module named|Cannot find module|Module not found",
        "ERROR: No matching distribution found for shop",
    ),
    (r"(?:^|\[[0-9;]*m)E(?:   |: )", "E   assert 3 == 4"),
    (r"^(?:\x1b_bk;t=\d+\x07)?(?:\x1b\[[0-9;]*m)*\$ ", "$ make test"),
)
"""Each pattern (RE2, on bytes) with a line that it must find."""
