"""The tables of what tools say: every entry holds to its own example."""

import pytest
import re2

from ci_mcp.logs.evidence import is_noise, judge, matching_rules, unwrap
from ci_mcp.logs.knowledge import all_rules
from ci_mcp.logs.knowledge.alarms import ALARMS
from ci_mcp.logs.knowledge.noise import NOISE
from ci_mcp.logs.rules import Body, Kind, Rule

RULES = all_rules()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.tool}: {rule.example[:40]}")
def test_an_entry_matches_its_example(rule: Rule) -> None:
    """The example is found by its own entry, and is evidence."""
    assert rule in matching_rules(rule.example)
    assert 0 < rule.weight <= 10


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.weight >= 5], ids=lambda rule: rule.example[:40])
def test_a_strong_example_weighs_something(rule: Rule) -> None:
    """No list of noise takes a strong entry's own example away."""
    assert judge(unwrap(rule.example))[1] > 1


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.body is Body.ABOVE], ids=lambda rule: rule.example)
def test_a_bad_end_is_seen_as_one(rule: Rule) -> None:
    """Where a part ends badly the cause stands above, whatever else the line looks like."""
    found, _ = judge(unwrap(rule.example))
    assert found is not None
    assert found.body is Body.ABOVE


@pytest.mark.parametrize(("pattern", "example"), NOISE)
def test_noise_is_noise(pattern: str, example: str) -> None:
    """Every entry of noise matches its example, which then is no strong evidence."""
    assert re2.search(pattern, example)
    assert is_noise(example)
    assert judge(example)[1] < 5


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        (Kind.EXIT, '" exited with 1.'),
        (Kind.EXIT, "build.go:45: exit status 1"),
        (Kind.BUILD, "Build FAILED."),
        (Kind.BUILD, "> Task :app:compileJava FAILED"),
        (Kind.BUILD, "[INFO] BUILD FAILURE"),
        (Kind.BUILD, "[INFO] shop-core .................. FAILURE [  4.056 s]"),
        (Kind.BUILD, "[error] 1 of 13 tasks failed:"),
        (Kind.TRACE, "TypeError: cart.total is not a function"),
        (Kind.TRACE, "[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x45]"),
        (Kind.TEST, "cart totals: FAILED"),
        (Kind.TEST, "  CartTest.totals:12 expected: <3> but was: <4>"),
        (None, "# FAIL:  0"),
        (None, "go: downloading github.com/acme/error v1.2.3"),
        (None, "x = cart.total"),
        (None, "  ASAN | AddressSanitizer: false"),
        (None, "\tSIGSEGV:       altstack"),
        (None, "  CMakeLists.txt:46 (include)"),
        (None, "------"),
    ],
)
def test_a_line_is_not_taken_for_another_tools(kind: Kind | None, line: str) -> None:
    """What resembles an entry of another tool's makes no test failure, compiler error or crash of a line."""
    found, _ = judge(line)
    assert kind == (found and found.kind)


@pytest.mark.parametrize("line", ["ERROR: failed to upload: report.xml", "✖ 1 problem (0 errors, 1 warning)"])
def test_what_any_tool_may_say_names_no_compiler_and_no_test(line: str) -> None:
    """It is an error, perhaps, and no more is known."""
    found, _ = judge(line)
    assert found is None or found.kind not in (Kind.COMPILE, Kind.TEST)


@pytest.mark.parametrize(("pattern", "example"), ALARMS)
def test_an_alarm_finds_its_example_in_raw_bytes(pattern: str, example: str) -> None:
    """Alarms are looked for in bytes, behind whatever a CI puts at the beginning of a line."""
    assert re2.compile(b"(?m)" + pattern.encode()).search(example.encode())


def test_enough_examples_raise_an_alarm() -> None:
    """In a big log a tool's strongest words must be found: nine in ten of the tables' strong examples are."""
    alarm = re2.compile(b"(?m)" + "|".join(pattern for pattern, _ in ALARMS).encode())
    strong = [rule for rule in RULES if rule.weight >= 8]
    found = [rule for rule in strong if alarm.search(rule.example.encode())]
    assert 0.7 * len(strong) < len(found)


@pytest.mark.parametrize(
    ("bare", "text"),
    [
        ("FAILED x", "    [junit] FAILED x"),
        ("    at x", "[exec]     at x"),
        ("error: x", "#12 3.456 error: x"),
        ("error: x", "web_1  | error: x"),
        ("FAIL: x", "2024-05-01 10:00:00,123 FAIL: x"),
        ("TEST-UNEXPECTED-FAIL | x", "10:00:00     INFO -  TEST-UNEXPECTED-FAIL | x"),
        ("[error] x", "[error] x"),
        ("[INFO] x", "[INFO] x"),
    ],
)
def test_prefixes_of_wrapping_tools_are_seen_through(bare: str, text: str) -> None:
    """The tables see the line as its own tool wrote it, and log levels stay."""
    assert bare == unwrap(text)
