"""Test runners of Python and JavaScript: a failing test's headline (with what follows it), and the counts."""

from typing import Final

from ci_mcp.logs.rules import Body, Kind, Rule

_TEST: Final = Kind.TEST
_SUM: Final = Kind.SUMMARY

RULES: Final = (
    # Python
    Rule("pytest", _TEST, 9, r"^_+ [^_\s].* _+$", "_______ test_total _______", Body.SECTION, 60),
    Rule("pytest", _TEST, 9, r"^(?:FAILED|ERROR) \S+\.py", "FAILED tests/test_cart.py::test_total - assert 3 == 4"),
    Rule("pytest", _TEST, 6, r"^E   ", "E   assert 3 == 4", Body.LINE),
    Rule("pytest", _TEST, 5, r"^\S+\.py(?:::\S+)? (?:FAILED|ERROR)\b", "tests/test_a.py::test_b FAILED   [ 12%]"),
    Rule(
        "pytest", _TEST, 5, r"^(?:\[gw\d+\] )?(?:\[ *\d+%\] )?FAILED \S+", "[gw0] [ 12%] FAILED tests/test_a.py::test_b"
    ),
    Rule("pytest", _TEST, 4, r"^=+ (?:FAILURES|ERRORS|short test summary info) =+$", "===== FAILURES ====="),
    Rule("pytest", _SUM, 5, r"^=+ .*\b[1-9]\d* (?:failed|errors?)\b.* =+$", "=== 1 failed, 9 passed in 0.12s ==="),
    Rule("pytest", _TEST, 8, r"^INTERNALERROR> \S", "INTERNALERROR> Traceback (most recent call last):"),
    Rule(
        "unittest",
        _TEST,
        9,
        r"^(?:FAIL|ERROR|UNEXPECTED SUCCESS): \w+ \(",
        "FAIL: test_total (cart.CartTest)",
        Body.SECTION,
        50,
    ),
    Rule("unittest", _TEST, 9, r"^(?:FAIL|ERROR): [\w.]+$", "ERROR: shop.tests.test_cart", Body.SECTION, 50),
    Rule("unittest", _TEST, 5, r"^\w+ \([\w.]+\) \.\.\. (?:FAIL|ERROR)$", "test_a (shop.Cart) ... FAIL"),
    Rule(
        "unittest",
        _SUM,
        5,
        r"^FAILED \((?:failures|errors|SKIP|skipped|unexpected|expected)",
        "FAILED (failures=1, errors=2)",
    ),
    Rule("doctest", _TEST, 8, r'^File ".*", line \d+, in \S+$', 'File "a.py", line 3, in a.add', Body.SECTION, 20),
    Rule("doctest", _TEST, 6, r"^Failed example:$", "Failed example:", Body.SECTION, 12),
    Rule("tox", _SUM, 4, r"^(?:ERROR: +)?\S+: (?:commands failed|FAIL code \d+)", "ERROR:   py36: commands failed"),
    Rule("nox", _SUM, 4, r"^nox > Session \S+ failed", "nox > Session tests failed."),
    # JavaScript
    Rule("jest", _TEST, 9, r"^\s*● .+ › .+", "  ● cart › adds up", Body.SECTION, 40),
    Rule(
        "jest", _TEST, 8, r"^\s*● (?:Test suite failed to run|.{3,})$", "  ● Test suite failed to run", Body.SECTION, 40
    ),
    Rule("jest", _TEST, 5, r"^\s*FAIL +\S+\.(?:[cm]?[jt]sx?|vue|coffee)\b", "FAIL src/cart.test.ts (5.2 s)"),
    Rule("jest", _SUM, 4, r"^Tests?(?: Suites)?: +.*\b[1-9]\d* failed", "Tests:       1 failed, 9 passed, 10 total"),
    Rule("vitest", _TEST, 9, r"^\s*FAIL +.+ > .+", " FAIL  src/cart.test.ts > cart > adds up", Body.SECTION, 30),
    Rule("vitest", _TEST, 5, r"^\s*(?:❯|×) .+\.(?:[cm]?[jt]sx?)\b", " ❯ src/cart.test.ts  (2 tests | 1 failed) 12ms"),
    Rule("vitest", _SUM, 4, r"^\s*(?:Tests|Test Files) +[1-9]\d* failed", "      Tests  1 failed | 9 passed (10)"),
    Rule("mocha", _TEST, 9, r"^\s+\d+\) .+:$", "  1) cart adds up:", Body.SECTION, 30),
    Rule("mocha", _TEST, 7, r"^\s+\d+\) \S.*", "  1) Cart", Body.SECTION, 12),
    Rule("mocha", _SUM, 5, r"^\s*[1-9]\d* failing\b", "  1 failing"),
    Rule("ava", _TEST, 7, r"^\s*✖ \D.+", "  ✖ cart › adds up", Body.INDENT, 20),
    Rule("ava", _SUM, 4, r"^\s*[1-9]\d* (?:tests?|specs?|suites?|assertions?) failed", "  2 tests failed"),
    Rule("qunit", _TEST, 7, r"^\s*✗ .+", "  ✗ adds up", Body.SECTION, 20),
    Rule("cypress", _TEST, 6, r"^\s*✕ .+", "    ✕ adds up (12 ms)", Body.INDENT, 6),
    Rule("jasmine", _TEST, 8, r"^\s*\d+\) .+ FAILED\b", "1) cart adds up FAILED", Body.SECTION, 25),
    Rule("jasmine", _TEST, 5, r"^\s*Message:$", "  Message:", Body.SECTION, 12),
    Rule(
        "karma",
        _TEST,
        9,
        r"^[A-Z]\w+ [\d.]+ \(.+\) .*(?:FAILED|ERROR|DISCONNECTED)",
        "Chrome 75.0.3770 (Linux 0.0.0) cart adds up FAILED",
        Body.INDENT,
        20,
    ),
    Rule(
        "karma",
        _SUM,
        4,
        r"Executed \d+ of \d+ .*\([1-9]\d* FAILED\)",
        "Chrome 75.0 (Linux): Executed 9 of 9 (1 FAILED) (0.1 secs)",
    ),
    Rule("tap", _TEST, 9, r"^\s*not ok(?: \d+)?\b.*", "not ok 3 - adds up", Body.INDENT, 25),
    Rule("tap", _SUM, 4, r"^\s*# (?:fail(?:ed)?):? +[1-9]\d*", "# fail 1"),
    Rule("node:test", _TEST, 7, r"^\s*✖ failing tests:", "✖ failing tests:", Body.SECTION, 40),
    Rule("testcafe", _TEST, 6, r"^\s*\d+/\d+ failed", " 1/3 failed (2s)"),
)
