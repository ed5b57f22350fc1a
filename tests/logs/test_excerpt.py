"""The lines that explain a failure."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_mcp.logs import scan, sheet
from ci_mcp.logs.clean import Log
from ci_mcp.logs.excerpt import DEFAULT_BUDGET, Excerpt, excerpt
from ci_mcp.logs.rules import Kind
from ci_mcp.logs.search import around, search

GREEN = [f"test shop::{name} ... ok" for name in ("cart", "total", "price", "error_is_raised", "failure_is_shown")]
PAD = [f"[ {number % 100}%] Building C object src/error_{number}.c.o" for number in range(300)]
PYTEST = """\
=================================== FAILURES ===================================
__________________________________ test_total __________________________________

    def test_total():
>       assert total([1, 2]) == 4
E       assert 3 == 4
E        +  where 3 = total([1, 2])

tests/test_cart.py:12: AssertionError
=========================== short test summary info ============================
FAILED tests/test_cart.py::test_total - assert 3 == 4
========================= 1 failed, 9 passed in 0.12s ==========================
"""
GCC = """\
In file included from src/main.c:1:
src/cart.c: In function 'total':
src/cart.c:12:5: error: 'price' undeclared (first use in this function)
   12 |     price + 1;
      |     ^~~~~
make[1]: *** [Makefile:3: cart.o] Error 1
make: *** [Makefile:9: all] Error 2
"""
JAVA = """\
Exception in thread "main" java.lang.IllegalStateException: no cart
    with a message of two lines
\tat shop.Cart.total(Cart.java:12)
\tat shop.Main.main(Main.java:3)
Caused by: java.io.IOException: disk on fire
\tat shop.Disk.read(Disk.java:7)
\t... 2 more
"""
GO = """\
--- FAIL: TestTotal (0.00s)
    cart_test.go:12: expected 4, got 3
FAIL
FAIL\tgithub.com/acme/shop\t0.012s
"""
JEST = """\
  ● cart \u203a adds up

    expect(received).toBe(expected) // Object.is equality

    Expected: 4
    Received: 3

      at Object.<anonymous> (src/cart.test.ts:12:5)

Tests:       1 failed, 9 passed, 10 total
"""


def log_of(*parts: str | list[str]) -> Log:
    """A log of texts and of lines."""
    lines = [line for part in parts for line in (part.splitlines() if isinstance(part, str) else part)]
    return Log.of_bytes("\n".join(lines).encode() + b"\n")


def texts(found: Excerpt) -> list[str]:
    """The shown lines."""
    return [line.text for line in found.lines]


@pytest.mark.parametrize(
    ("telling", "failure"),
    [
        ("E       assert 3 == 4", PYTEST),
        ("FAILED tests/test_cart.py::test_total - assert 3 == 4", PYTEST),
        ("src/cart.c:12:5: error: 'price' undeclared (first use in this function)", GCC),
        ("      |     ^~~~~", GCC),
        ('Exception in thread "main" java.lang.IllegalStateException: no cart', JAVA),
        ("\tat shop.Disk.read(Disk.java:7)", JAVA),
        ("    cart_test.go:12: expected 4, got 3", GO),
        ("    Expected: 4", JEST),
        ("      at Object.<anonymous> (src/cart.test.ts:12:5)", JEST),
        ("frobnicate: the flux is fatal: no such flux", "frobnicate: the flux is fatal: no such flux\n"),
        ("everything stopped here", "everything stopped here\n"),
    ],
)
def test_the_failure_is_found_among_green_lines(telling: str, failure: str) -> None:
    """What explains the failure is shown, wherever it stands and with a small budget."""
    found = excerpt(log_of(PAD, GREEN * 20, failure, PAD[:5]), 300)
    assert telling in texts(found)


def test_the_cause_comes_before_its_consequence() -> None:
    """With room for little, the compiler's error stays and what make says of it goes."""
    shown = texts(excerpt(log_of(PAD, GCC, PAD), 90))
    assert "src/cart.c:12:5: error: 'price' undeclared (first use in this function)" in shown
    assert "make: *** [Makefile:9: all] Error 2" not in shown


def test_noise_does_not_win() -> None:
    """Names, options and passing tests that say error are not evidence."""
    found = excerpt(log_of(GREEN * 5, PAD, "0 errors, 0 warnings\n", "gcc -Werror -c error.c -o error.o\n"))
    assert 0 == found.places
    assert not [line for line in found.lines if line.telling]


def test_what_failed_in_a_command_that_passed_matters_less() -> None:
    """Only the part that ended badly is the place to look."""
    expected = [f"Traceback (most recent call last):\n  File 'a.py', line {n}\nValueError: {n}\n" for n in range(80)]
    log = log_of("$ make check\n", *expected, "$ make lint\n", "cart.py is badly formatted, see the guide\n")
    ended = Log.of_bytes(log.read(0, log.size) + b'The command "make lint" exited with 1.\n')
    found = excerpt(ended, 90)
    assert "cart.py is badly formatted, see the guide" in texts(found)


def test_a_step_of_structured_logs_is_named() -> None:
    """A provider's steps, in GitHub's notation, are where the shown lines stand."""
    log = log_of("##[group]make build\n", "ok\n", "##[endgroup]\n", "##[group]make test\n", PYTEST, "##[endgroup]\n",
                 "##[error]Process completed with exit code 1.\n")  # fmt: skip
    found = excerpt(log)
    assert ("make test",) == found.steps
    assert 'in "make test"' in found.header()
    assert {"make test"} == {line.step for line in found.lines if line.telling}


def test_the_script_of_a_step_is_no_evidence() -> None:
    """GitHub prints a step's commands before it runs them; the words in them failed nothing."""
    script = (
        "##[group]Run make || exit 1\nmake || echo 'error: make failed'\nshell: /usr/bin/bash -e {0}\n##[endgroup]\n"
    )
    assert 0 == excerpt(log_of(script, "fine\n")).places


def test_numbers_are_those_of_the_log() -> None:
    """What an excerpt prints is what around and search accept and show."""
    log = log_of(PAD, PYTEST, PAD)
    for line in excerpt(log, 400).lines:
        (there,) = around(log, line.number, 0).lines
        assert (line.number, line.text) == (there.number, there.text)
    assert search(log, "^E  ", context=0).matched <= {line.number for line in excerpt(log, 400).lines}


def test_the_text_says_every_gap() -> None:
    """Header first; each gap with its size and the number after it; evidence is marked."""
    found = excerpt(log_of(PAD[:5], "cart.c:1:2: error: no cart\n", PAD[:5]), 60)
    text = found.text().splitlines()
    assert "log of 11 lines, 1 place that may explain the failure" == text[0]
    assert "> cart.c:1:2: error: no cart" in text
    covered = len(found.lines) + sum(int(line.split()[1]) for line in text if line.startswith("… "))
    assert 11 == covered


def test_a_text_that_comes_again_is_shown_once() -> None:
    """A repeat is counted on the line that is shown."""
    found = excerpt(log_of(["ERROR: the very same cart is broken"] * 9))
    assert ["ERROR: the very same cart is broken"] == texts(found)
    assert 8 == found.lines[0].repeats
    assert "[and 8 more like it]" in found.text()


def test_repeats_are_those_that_are_not_shown() -> None:
    """A short line that follows the same line again is none either, and all are counted, however little is shown."""
    block = [
        "test_cart_adds_up_the_prices FAILED",
        "  out = f(*cart)",
        "  return out",
        "ValueError: the very same cart is broken",
    ]
    found = excerpt(log_of(*([*block, *GREEN] for _ in range(40))), fill=False)
    shown = texts(found)
    for text in block:
        assert 1 == shown.count(text)
    assert {39} == {line.repeats for line in found.lines if line.text in (block[0], block[3])}


def test_a_marked_line_says_something_itself() -> None:
    """Source that a traceback quotes, frames and a tool's empty lines belong to evidence and are none."""
    trace = 'Traceback (most recent call last):\n  File "a.py", line 3, in f\n    raise ValueError("failed: no cart")\n'
    java = "shop.CartError: no cart\n\tat shop.CartException.raise(CartException.java:12)\n"
    maven = "[ERROR] Failed to execute goal shop:cart:test: no cart\n[ERROR]\n[ERROR] -> [Help 1]\n"
    found = excerpt(log_of(trace, "ValueError: failed: no cart\n", java, maven))
    assert [
        "Traceback (most recent call last):",
        "ValueError: failed: no cart",
        "shop.CartError: no cart",
        "[ERROR] Failed to execute goal shop:cart:test: no cart",
    ] == [line.text for line in found.lines if line.telling]


def test_what_the_ci_calls_the_error_is_one_in_its_own_setup_too() -> None:
    """A runner that is stopped while it prepares a job says so there."""
    found = excerpt(log_of("##[group]GITHUB_TOKEN Permissions\nContents: read\n##[endgroup]\n##[error]The runner has received a shutdown signal.\n"))  # fmt: skip
    assert ["##[error]The runner has received a shutdown signal."] == [x.text for x in found.lines if x.telling]


def test_the_last_words_are_no_markers_and_no_progress() -> None:
    """Where little is known the end of the log is shown: what somebody said there, first of all."""
    said = [f"cart {'abcdefghij'[n]} is being looked at now" for n in range(10)]
    filler = [line for n in range(20) for line in (f"test cart_{n} ... ok", "##[endgroup]")]
    assert set(said) <= set(texts(excerpt(log_of(said, filler), 200)))


def test_the_header_names_the_step_of_what_tells_most() -> None:
    """Not one where something else stands, and a long name is cut where one can see it."""
    beside = "travis_fold:start:setup\ncurl: (22) The requested URL returned error: 404\ntravis_fold:end:setup\n"
    assert () == excerpt(log_of(beside, "$ make\n", PYTEST, 'The command "make" exited with 1.\n')).steps
    found = excerpt(log_of("##[group]Run " + "make " * 20, "##[endgroup]\n", PYTEST))
    assert f'in "{("Run " + "make " * 20)[:59]}\u2026"' in found.header()


def test_a_long_line_is_cut_and_says_so() -> None:
    """An excerpt shows the beginning of a very long line."""
    (line,) = excerpt(log_of("error: " + "x" * 1000 + "\n")).lines
    assert line.text.endswith("x [607 more characters]")


def test_the_default_stops_when_the_cause_is_clear() -> None:
    """A budget that is asked for is filled, the default leaves filler out."""
    noisy = [f"warning: cart {'x' * number} is old, must be new" for number in range(120)]
    log = log_of(noisy, PYTEST)
    assert DEFAULT_BUDGET * 0.75 > len(excerpt(log).text()) / 4
    assert DEFAULT_BUDGET * 0.9 < len(excerpt(log, DEFAULT_BUDGET).text()) / 4
    assert excerpt(log, DEFAULT_BUDGET, fill=False) == excerpt(log)


def test_what_stood_in_a_green_log_matters_less() -> None:
    """Known errors give way to what is new, numbers and folders apart."""
    known = [f"ERROR: cannot reach /srv/run{n}/metrics after {n} ms" for n in range(30)]
    log = log_of(known, "cart is empty, giving up\n", known)
    green = log_of([line.replace("/srv/", "/builds/").replace("2", "7") for line in known])
    assert "cart is empty, giving up" not in texts(excerpt(log, 60))
    assert "cart is empty, giving up" in texts(excerpt(log, 60, green))


@pytest.mark.parametrize("failure", [PYTEST, GCC, JAVA, GO, JEST])
def test_the_same_failure_has_the_same_signature(failure: str) -> None:
    """Shards that fail in the same way differ in numbers, folders and green lines only."""
    one = excerpt(log_of(PAD, failure))
    two = excerpt(log_of(GREEN, failure.replace("12", "97"), PAD[:9]), 300)
    assert one.signature == two.signature != ""
    assert one.signature != excerpt(log_of("panic: another thing\n")).signature


def test_records_are_plain_data() -> None:
    """Line numbers, kind of evidence, step, text, and what is telling: as JSON."""
    found = excerpt(log_of("##[group]make\n", ["error: no cart here today"] * 2))
    (block,) = json.loads(json.dumps(found.records()))["blocks"]
    assert {
        "number": 2,
        "text": "error: no cart here today",
        "telling": True,
        "kind": Kind.ERROR,
        "step": "make",
        "repeats": 1,
    } in block


@pytest.mark.parametrize("raw", [b"", b"\n", b"\n\n\n", b"\r\r\r", b"   \n", b"10%\r20%\r", b"\x00\xff"])
def test_a_log_of_nothing_is_an_excerpt_of_nothing(raw: bytes) -> None:
    """No line, no failure, no exception."""
    found = excerpt(Log.of_bytes(raw))
    assert 0 == found.places
    assert "" == found.signature


PIECES = st.sampled_from(
    [b"\n", b"\r", b"error: x", b"E   assert", b"Traceback (most recent call last):\n", b'  File "a"\n', b"\x1b[31m",
     b"##[group]Run x\n", b"##[endgroup]\n", b"##[error]x\n", b"$ make\n", b"\xff", b"FAILED\n", b"--- FAIL: x\n", b"a" * 500,
     b"Process exited with code 1\n", b'The command "x" exited with 1.\n', b"1) x:\n", b"\n\n\n", b"    deep\n"]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    st.lists(PIECES | st.binary(max_size=40), max_size=60).map(b"".join),
    st.integers(40, 600),
    st.booleans(),
    st.booleans(),
)
def test_any_bytes_within_any_budget(raw: bytes, budget: int, big: bool, compared: bool) -> None:
    """It never raises, never exceeds its budget, and shows lines of the log under their own numbers."""
    log = Log.of_bytes(raw)
    with pytest.MonkeyPatch.context() as patch:
        if big:
            patch.setattr(sheet, "WHOLE", 0)
        found = excerpt(log, budget, Log.of_bytes(raw[: len(raw) // 2]) if compared else None)
    assert budget * 4 >= len(found.text())
    whole = {line.number: line.text for line in log.lines()}
    assert all(whole[line.number][:400] == line.text[:400] for line in found.lines)
    numbers = [line.number for line in found.lines]
    assert sorted(set(numbers)) == numbers


@pytest.mark.parametrize("failure", [PYTEST, GCC, JAVA, GO, JEST])
def test_a_big_log_is_read_around_its_alarms(failure: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same lines are found where the log is too big to read whole, and what was not read is said."""
    log = log_of(PAD * 4, failure, GREEN * 300)
    whole = excerpt(log, 300)
    monkeypatch.setattr(sheet, "WHOLE", 0)
    scanned = excerpt(log, 300)
    telling = {line.number for line in whole.lines if line.telling}
    assert telling & {line.number for line in scanned.lines}
    assert "lines were only scanned" in scanned.text().splitlines()[0]


def make_flood() -> list[str]:
    """Thousands of errors that all differ."""
    letters = "abcdefghijklmnop"
    return ["ERROR: " + "".join(letters[(n >> s) & 15] for s in range(0, 20, 4)) * 3 + " is gone" for n in range(4_000)]


@pytest.mark.parametrize("before", [list, make_flood])
def test_a_flood_of_errors_is_bounded(before: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    """However many alarms there are, only so many lines are read closely, the end among them."""
    monkeypatch.setattr(sheet, "WHOLE", 0)
    monkeypatch.setattr(scan, "_FLOOD", 500)
    monkeypatch.setattr(scan, "_END_BYTES", 0)
    monkeypatch.setattr(scan, "MOST_ALARMS", 300)
    monkeypatch.setattr(sheet, "_MOST_LINES", 400)
    found = sheet.read_sheet(log_of(before(), make_flood(), "the end\n"))
    assert 400 + 70 >= len([line for line in found.lines if line.number])
    assert "the end" == found.lines[-1].text
