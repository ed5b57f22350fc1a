import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_mcp.errors import BadAnswerError
from ci_mcp.logs import junit, report
from ci_mcp.logs.junit import Report, merge, parse
from ci_mcp.logs.places import place_in
from ci_mcp.status import Status


def cases(inner: str, attributes: str = "") -> bytes:
    """A report with one suite."""
    return f'<testsuites><testsuite name="S" {attributes}>{inner}</testsuite></testsuites>'.encode()


PYTEST = b"""<?xml version="1.0" encoding="utf-8"?>
<testsuites name="pytest tests"><testsuite name="pytest" errors="1" failures="1" skipped="1" tests="4" time="0.5">
<testcase classname="tests.test_cart" name="test_total" time="0.25"><failure message="assert 3 == 4">def test_total():
&gt;       assert total([1, 2]) == 4
E       assert 3 == 4

tests/test_cart.py:12: AssertionError</failure></testcase>
<testcase classname="tests.test_cart" name="test_setup" time="0.125"><error message="failed on setup">boom</error>
</testcase><testcase classname="tests.test_cart" name="test_ok" time="0.0625" />
<testcase classname="tests.test_cart" name="test_later" time="0"><skipped message="later">x</skipped></testcase>
</testsuite></testsuites>"""


def test_the_report_of_pytest_is_read() -> None:
    """Every test counted, the failing ones with message, details and place."""
    found = parse(PYTEST)
    assert (4, 1, 1, 1, 1) == (found.total, found.failed, found.errors, found.skipped, found.passed)
    assert 0.438 == found.duration
    first, second = found.failing
    assert ("test_total", "tests.test_cart", "assert 3 == 4") == (first.name, first.suite, first.message)
    assert ("tests/test_cart.py", 12, 0.25) == (first.file, first.line, first.duration)
    assert first.details.startswith("def test_total():\n>       assert")
    assert (Status.FAILED, "test_setup", None, "boom") == (second.status, second.name, second.line, second.details)
    assert not found.cut_off


@pytest.mark.parametrize(
    ("inner", "attributes", "place"),
    [
        ('<testcase name="t" file="a.py" line="7"><failure/></testcase>', "", ("a.py", 7)),
        ('<testcase name="t" file="a.rb" lineno="7"><failure/></testcase>', "", ("a.rb", 7)),
        ('<testcase name="t"><failure/></testcase>', 'file="suite.php"', ("suite.php", None)),
        ('<testcase filepath="x/a.js"><failure>at f (/w/x/a.js:3:4)</failure></testcase>', "", ("x/a.js", 3)),
        ('<testcase name="t" file="a.py"><failure>b.py:3: no</failure></testcase>', "", ("a.py", None)),
        ('<testcase><failure message="m">at F.bar(FooTest.java:12)</failure></testcase>', "", ("FooTest.java", 12)),
        ('<testcase name="t"><failure message="x.cc:9&#10;Failure"/></testcase>', "", ("x.cc", 9)),
        ('<testcase name="t" line="x"><failure line="5" message="no place"/></testcase>', "", ("", None)),
    ],
)
def test_a_place_is_taken_from_attributes_else_from_the_text(
    inner: str, attributes: str, place: tuple[str, int | None]
) -> None:
    """A place in another file than the test's is not the test's."""
    (case,) = parse(cases(inner, attributes)).failing
    assert place == (case.file, case.line)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('Traceback\n  File "a.py", line 1, in x\n  File "lib/b.py", line 22, in y\nValueError', ("lib/b.py", 22)),
        ('  File "a.py", line 1\n  File "/usr/lib/python3/json.py", line 2\n', ("a.py", 1)),
        ("at Object.<anonymous> (src/foo.test.js:3:4)\nat run (node:internal/x.js:1:2)", ("src/foo.test.js", 3)),
        ("at x (node_modules/jest/a.js:1:2)\n at y (src/b.ts:5:6)", ("src/b.ts", 5)),
        ("at org.junit.Assert.fail(Assert.java:89)\n at shop.CartTest.total(CartTest.java:21)", ("CartTest.java", 21)),
        ("thread 'x' panicked at src/lib.rs:10:9:\n", ("src/lib.rs", 10)),
        ("    cart_test.go:15: got 3, want 4", ("cart_test.go", 15)),
        ("Cart.cs(12,5): error", ("Cart.cs", 12)),
        ("file:///w/a.mjs:3", ("/w/a.mjs", 3)),
        ("C:\\w\\a.cs:line 3\nC:\\w\\b.cpp:44", ("C:\\w\\b.cpp", 44)),
        ("Failure/Error: ./spec/cart_spec.rb:8:in `x'", ("./spec/cart_spec.rb", 8)),
        ("connect to db.example.com:5432 failed", None),
        ("10.0.0.1:80 refused at 12:30:05", None),
        ("", None),
        ("a" * 100_000 + ".py:1", None),
    ],
)
def test_the_place_of_a_failure_is_found_in_its_text(text: str, place: tuple[str, int] | None) -> None:
    """In each language's own way; other people's code only where there is nothing else."""
    assert place == place_in(text)


@pytest.mark.parametrize(
    ("inner", "counts"),
    [
        ('<testcase name="t"/>', (1, 0, 0, 0)),
        ('<testcase name="t"><properties/><system-out>x</system-out></testcase>', (1, 0, 0, 0)),
        ('<testcase name="t"><failure/><failure/></testcase>', (0, 1, 0, 0)),
        ('<testcase name="t"><failure/><error/></testcase>', (0, 1, 0, 0)),
        ('<testcase name="t"><error/><failure/></testcase>', (0, 1, 0, 0)),
        ('<testcase name="t"><flakyFailure/><flakyError/></testcase>', (1, 0, 0, 0)),
        ('<testcase name="t"><failure/><rerunFailure/><rerunError/></testcase>', (0, 1, 0, 0)),
        ('<testcase name="t"><ignored/></testcase>', (0, 0, 0, 1)),
        ('<testcase name="t" status="notrun"/>', (0, 0, 0, 1)),
        ('<testcase name="t" status="notrun"><failure/></testcase>', (0, 1, 0, 0)),
        ('<testsuite name="inner"><testcase name="t"><error/></testcase></testsuite>', (0, 0, 1, 0)),
        ('<error message="cannot set up"/><testcase name="t"/>', (1, 0, 1, 0)),
        ("<skipped/><system-err>x</system-err>", (0, 0, 0, 0)),
        ('<x:testcase xmlns:x="urn:x" name="t"><x:failure/></x:testcase>', (0, 1, 0, 0)),
    ],
)
def test_every_dialect_is_counted(inner: str, counts: tuple[int, int, int, int]) -> None:
    """A test once, by the worst that is said of it; what passed at last has passed."""
    found = parse(cases(inner))
    assert counts == (found.passed, found.failed, found.errors, found.skipped)
    assert sum(counts) == found.total
    assert counts[1] + counts[2] == len(found.failing)


def test_a_suite_that_could_not_be_set_up_is_a_failing_test() -> None:
    """Its name is the suite's."""
    (case,) = parse(cases('<error message="no database"/>')).failing
    assert ("S", "S", "no database") == (case.name, case.suite, case.message)


def test_a_failure_that_says_nothing_shows_what_was_written_to_stderr() -> None:
    """Its type stands for a message."""
    xml = cases('<testcase name="t"><failure type="Boom"/><system-err>why\n</system-err></testcase>')
    (case,) = parse(xml).failing
    assert ("Boom", "why") == (case.message, case.details)


@pytest.mark.parametrize(
    ("time", "duration"),
    [
        ("1.5", 1.5),
        ("1,234.5", 1234.5),
        ("2s", 2),
        ("", None),
        ("x", None),
        ("-1", None),
        ("nan", None),
        ("1e300", None),
    ],
)
def test_durations_are_read_as_tools_write_them(time: str, duration: float | None) -> None:
    """In seconds, or not at all."""
    assert duration == parse(cases(f'<testcase name="t" time="{time}"/>')).duration


def test_what_a_reader_must_not_see_is_taken_out() -> None:
    """Escape sequences that tools copy into their reports, with which XML is none."""
    xml = cases(
        '<testcase name="t\u202e"><failure message="&#27;[31mred&#x1B;[0m">a\x1b[1mb\x00\nc\r\nd</failure></testcase>'
    )
    (case,) = parse(xml).failing
    assert ("t<U+202E>", "[31mred[0m", "a[1mb\nc\nd") == (case.name, case.message, case.details)


def test_long_texts_keep_their_ends() -> None:
    """The middle goes, and that is said."""
    xml = cases(f'<testcase name="t"><failure>first{"x" * 100_000}</failure></testcase>')
    (case,) = parse(xml).failing
    assert len(case.details) < report.DETAILS_MAX + 20
    assert case.details.startswith("first")
    assert "\n[cut]\n" in case.details


def test_more_failing_tests_than_anybody_reads_are_only_counted() -> None:
    """Memory stays bounded."""
    found = parse(cases('<testcase name="t"><failure/></testcase>' * (report.MOST + 5)))
    assert (report.MOST + 5, report.MOST) == (found.failed, len(found.failing))


def test_gzip_is_seen_by_its_first_bytes() -> None:
    """Names lie, and a transport may have unpacked it already."""
    assert parse(PYTEST) == parse(gzip.compress(PYTEST))


def test_a_report_that_breaks_off_gives_what_it_has() -> None:
    """And says so; one that has nothing yet is none."""
    found = parse(PYTEST[: PYTEST.index(b'name="test_ok"')])
    assert (2, 2, True) == (found.total, len(found.failing), found.cut_off)
    assert merge([parse(PYTEST), found]).cut_off
    with pytest.raises(BadAnswerError, match="not XML"):
        parse(PYTEST[:120])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"plain text",
        b"<html><body>not found</body></html>",
        b"<testsuites><",
        b"<<<",
        b"{}",
        b"[]",
        b'{"testResults": 1}',
        b"{broken",
        b"[" * 100_000,
        b"\x1f\x8bnot gzip",
        cases("<testsuite>" * 300),
    ],
)
def test_what_is_no_report_is_a_bad_answer(data: bytes) -> None:
    """Never a traceback."""
    with pytest.raises(BadAnswerError):
        parse(data)


LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><testsuite><testcase name="&c;"/></testsuite>"""
OUTSIDE = b"""<!DOCTYPE x [<!ENTITY x SYSTEM "file:///etc/passwd">]>
<testsuite><testcase name="t">&x;</testcase></testsuite>"""
PARAMETER = b"""<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1/x"> %p;]><testsuite/>"""


@pytest.mark.parametrize("bomb", [LAUGHS, OUTSIDE, PARAMETER])
def test_entities_are_refused(bomb: bytes) -> None:
    """A few of them stand for gigabytes, others for files of this machine."""
    with pytest.raises(BadAnswerError, match="declares entities"):
        parse(bomb)


def test_a_document_type_alone_is_no_harm() -> None:
    """Some tools write one; nothing is fetched for it."""
    assert (
        1 == parse(b'<!DOCTYPE testsuite SYSTEM "http://127.0.0.1/junit.dtd"><testsuite><testcase/></testsuite>').total
    )


def test_a_report_beyond_the_cap_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unpacked no further than that."""
    monkeypatch.setattr(junit, "LARGEST", 1 << 20)
    for data in (gzip.compress(bytes(8 << 20)), b"<testsuite>" + bytes(2 << 20)):
        with pytest.raises(BadAnswerError, match="larger than"):
            parse(data)


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1", "utf-8-sig"])
def test_a_report_in_another_encoding_is_read(encoding: str) -> None:
    """As it declares itself, or by its mark."""
    declared = f'<?xml version="1.0" encoding="{encoding.removesuffix("-sig")}"?>'
    xml = f'{declared}<testsuite><testcase name="é"><failure/></testcase></testsuite>'
    assert "é" == parse(xml.encode(encoding)).failing[0].name


def test_bytes_that_are_no_utf8_are_replaced() -> None:
    """Tools copy whatever a program wrote."""
    xml = b'<testsuite><testcase name="a\xffb"><failure/></testcase></testsuite>'
    assert "a\ufffdb" == parse(xml).failing[0].name


def semaphore(*tests: dict[str, Any], summary: Any = None, **more: Any) -> bytes:
    """A report of Semaphore's test-results with one suite."""
    suites = [{"name": "S", "tests": list(tests)}, {"name": "empty", "tests": None}, "odd"]
    result = {"name": "unit", "framework": "go", "status": "success", "suites": suites, "summary": summary} | more
    return json.dumps({"testResults": [result, None]}).encode()


FAILED = {
    "name": "t",
    "classname": "C",
    "file": "a_test.go",
    "state": "failed",
    "duration": 1_500_000_000,
    "failure": {"message": "m", "type": "T", "body": "a_test.go:7: got 3"},
}


def test_semaphores_report_is_read() -> None:
    """Durations are nanoseconds; suites may have no tests."""
    found = parse(
        semaphore(
            FAILED,
            {"name": "e", "state": "error", "error": {"type": "panic", "body": ""}, "systemErr": "why"},
            {"name": "p", "state": "passed", "duration": 500_000_000},
            {"name": "s", "state": "skipped"},
            {"name": "d", "state": "disabled", "failure": None},
        )
    )
    assert (5, 1, 1, 2, 1, 2.0) == (
        found.total,
        found.failed,
        found.errors,
        found.skipped,
        found.passed,
        found.duration,
    )
    first, second = found.failing
    assert ("t", "C", "a_test.go", 7, "m", 1.5) == (
        first.name,
        first.suite,
        first.file,
        first.line,
        first.message,
        first.duration,
    )
    assert ("e", "S", "panic", "why") == (second.name, second.suite, second.message, second.details)


def test_a_summary_that_lists_only_the_failing_tests_keeps_the_totals() -> None:
    """As the short report for few readers does."""
    summary = {
        "total": 90,
        "passed": 88,
        "failed": 1,
        "error": 0,
        "skipped": 1,
        "disabled": 0,
        "duration": 3_000_000_000,
    }
    found = parse(gzip.compress(semaphore(FAILED, summary=summary)))
    assert (90, 88, 1, 1, 3.0, 1) == (
        found.total,
        found.passed,
        found.failed,
        found.skipped,
        found.duration,
        len(found.failing),
    )
    assert 90 == parse(json.dumps(summary).encode()).total


def test_a_report_that_could_not_be_made_is_a_failing_test() -> None:
    """It would read as nothing failed."""
    (case,) = parse(semaphore(status="error", statusMessage="cannot parse junit.xml")).failing
    assert ("unit", "cannot parse junit.xml") == (case.name, case.message)
    (case,) = parse(semaphore(status="error", name="")).failing
    assert ("go", "the test report could not be made") == (case.name, case.message)


def test_reports_add_up() -> None:
    """Of none, nothing."""
    assert Report() == merge([])
    both = merge([parse(PYTEST), parse(semaphore(FAILED))])
    assert (5, 2, 1, 1.938, 3) == (both.total, both.failed, both.errors, both.duration, len(both.failing))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["testResults", "suites", "tests", "summary", "total", "state", "failure", "duration", "name"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@given(st.binary(max_size=300) | JSON.map(lambda value: json.dumps({"testResults": [value]}).encode()))
def test_whatever_comes_is_a_report_or_a_bad_answer(data: bytes) -> None:
    """Nothing else."""
    try:
        found = parse(data)
    except BadAnswerError:
        return
    assert found.total >= 0


@given(st.lists(st.integers(0, len(PYTEST) - 1), max_size=5), st.binary(min_size=1, max_size=4))
def test_a_damaged_report_is_a_report_or_a_bad_answer(places: list[int], noise: bytes) -> None:
    """Wherever the damage is."""
    data = bytearray(PYTEST)
    for place in places:
        data[place : place + len(noise)] = noise
    try:
        found = parse(bytes(data))
    except BadAnswerError:
        return
    assert found.failed + found.errors == len(found.failing)


def test_a_report_in_an_encoding_that_does_not_exist_is_a_bad_answer() -> None:
    """It cannot be read, and that is no fault of ours."""
    with pytest.raises(BadAnswerError, match="names an encoding that does not exist"):
        parse(b'<?xml version="1.0" encoding="tf-8"?><testsuite/>')


def test_colours_that_pytest_spelled_out_are_taken_away() -> None:
    """XML cannot hold an escape, so it writes ``#x1B``."""
    (case,) = parse(
        cases('<testcase name="t"><failure message="#x1B[31m1 == 2#x1B[0m">#x1B[0mE 1</failure></testcase>')
    ).failing
    assert ("1 == 2", "E 1") == (case.message, case.details)
