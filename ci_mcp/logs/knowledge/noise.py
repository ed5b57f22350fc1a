"""What only looks like failure: counts of nothing, options, file names, passing tests, retries, advice.

A line that matches is no evidence, whatever else matches it.
"""

from typing import Final

from ci_mcp.logs.rules import Rule

RULES: Final[tuple[Rule, ...]] = ()

NOISE: Final = (
    (
        r"(?i)\b(?:0|no|zero) (?:\w+ )?(?:errors?|aborted|failures?|failed|failing|warnings?|problems?|vulnerabilit|conflicts?|issues?)\b",
        "9 tests, 0 failures",
    ),
    (
        r"(?i)\b(?:errors?|failures?|failed|failing|fail)['\"]?\s*[:= ]\s*(?:0|none|false|null|\[\]|\{\})(?:\b|$|,)",
        "Failures: 0, Errors: 0",
    ),
    (
        r"^\s*(?:PASS(?:ED)?|ok|OK|✓|✔|√|\[ *OK *\]|\[PASS(?:ED)?\]|\[\+\]|PASS:|--- PASS|--- SKIP|\+ ok|XFAIL)\b?[ :\]]",
        "ok 3 - fails when there is no cart",
    ),
    (
        r"(?:\.\.\.\s*(?:ok|skipped|passed|yes|no|found|done)|\b(?:PASSED|SKIPPED|XFAIL|xfail)(?: +\[ *\d+%\])?|:\s+OK(?: \([\d.]+m?s\))?)\s*$",
        "test_error_is_raised (shop.Cart) ... ok",
    ),
    (r"^\s*(?:\$ )?(?:export|declare|set|unset|env|echo|typeset) [\w-]", "export FAIL_ON_ERROR=1"),
    (
        r"^\S*(?:gcc|g\+\+|cc|c\+\+|clang|clang\+\+|rustc|javac|ld|ar|libtool|ccache|/bin/(?:ba)?sh)(?:-\d+)? .*-[A-Za-z]",
        "gcc -Werror -c error.c -o error.o",
    ),
    (
        r"^\s*(?:Get|Hit|Ign):\d+ |^(?:Selecting previously|Preparing to unpack|Unpacking|Setting up|Fetched|Reading|Building dependency) ",
        "Get:3 http://archive libgpg-error-dev 1.2",
    ),
    (
        r"^\s*(?:Downloading|Downloaded|Collecting|Requirement already|Installing|Using cached|Fetching|Using \S+ \d|Compiling \S+ v\d|Progress)\b",
        "Downloading error-prone-2.0.jar",
    ),
    (
        r"^\s*(?:create mode|rename|delete mode|copying|adding|creating|inflating|extracting|x |a )[ :]",
        " create mode 100644 src/errors.py",
    ),
    (r"^\s*\[?\s*\d+%\]?\s*(?:Building|Linking|Built|Generating)", "[ 12%] Building C object error.c.o"),
    (
        r"(?:Time elapsed: [\d.,]+ (?:s|sec|ms)|\btook [\d.]+ m?s(?:ec)?|\([\d.]+ ?m?s\)|\[[\d.]+ ?m?s\])$",
        "failsWithoutCart(CartTest)  Time elapsed: 0.016 sec",
    ),
    (
        r"^(?:travis_(?:time|fold)|\[info\] \+ |Syslog |debconf: |Cache-Control|.*Picked up _?JAVA_)",
        "travis_time:end:0a:start=1,finish=2,duration=1",
    ),
    (r"(?i)\bretry(?:ing)?\b.*\b(?:attempt|in \d|\d+ of \d+|\d+/\d+)", "Download failed, retrying in 5 s (attempt 2)"),
    (
        r"(?i)^\s*(?:npm )?(?:WARN|notice|warning)\b.*\b(?:deprecated|peer dep|optional)",
        "npm WARN deprecated request@2.0: failed often",
    ),
    (r"^go: downloading |^\w+\.go:\d+: exit status \d+$", "go: downloading github.com/acme/errors v1.2.3"),
    (r"^\s*[․·•✓] .+: \d+ms$", "  ․ Cart fails without money: 3ms"),
    (r"^\s+at (?:[\w$<>\[\]-]+[./])+[\w$<>]+ ?\(", "\tat shop.CartException.raise(CartException.java:12)"),
    (
        r"^(?:Counting|Compressing|Receiving|Resolving|Unpacking|Enumerating) (?:objects|deltas): +\d|\[[=#]+>?[ .-]*\] *\d|^ +\d+ .* (?:--:--:--|\d+:\d\d:\d\d) ",
        "Receiving objects: 100% (371/371), 9.93 MiB | 11.62 MiB/s, done.",
    ),
    (r"(?i)^\s*(?:\[\w+\] )?(?:note|hint|tip|see|help): ", "note: run with RUST_BACKTRACE=1 to see errors"),
)
