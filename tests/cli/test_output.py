"""What is printed: tables and colour on a terminal, plain text and JSON in a pipe."""

import json
import re
from typing import Any

import pytest

from ci_mcp.cli import output
from ci_mcp.core.answer import Answer, render
from ci_mcp.core.shapes import Page, Prose
from ci_mcp.logs.clean import Log
from ci_mcp.logs.excerpt import excerpt

Capture = pytest.CaptureFixture[str]
ID = "1c930a23-78f3-5b98-b14f-2e2cb4d6633d"


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes stdout a terminal of a width, with colour."""

    def make(width: int) -> None:
        monkeypatch.setattr("sys.stdout.isatty", lambda: True)
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setenv("TERM", "xterm-256color")
        monkeypatch.delenv("NO_COLOR", raising=False)

    return make


def page(*items: dict[str, Any], **more: Any) -> Answer:
    """A list as an answer."""
    data = {"items": list(items), "next": None, "omitted": 0} | more
    return Answer(json.dumps(data), data, structured=True)


def test_records_are_json_in_a_pipe(capsys: Capture) -> None:
    """What scripts read."""
    output.show(page({"name": "a"}))
    assert {"items": [{"name": "a"}], "next": None, "omitted": 0} == json.loads(capsys.readouterr().out)


def test_text_in_a_pipe_is_a_table_in_which_nothing_is_cut(capsys: Capture) -> None:
    """A pipe has no width."""
    output.show(page({"name": "a" * 300, "id": ID}), "text")
    assert "a" * 300 + f"  {ID}" in capsys.readouterr().out


@pytest.mark.parametrize("width", [80, 140])
def test_a_table_fits_its_terminal_and_keeps_ids_whole(width: int, terminal: Any, capsys: Capture) -> None:
    """An id that is cut cannot be copied; long texts are."""
    terminal(width)
    row = {
        "status": "failed",
        "id": ID,
        "branch": "main",
        "title": "t" * 90,
        "url": "https://x" * 9,
        "details": "d\n" * 50,
    }
    output.show(page(row, row | {"status": "passed"}))
    lines = capsys.readouterr().out.splitlines()
    assert 3 == len(lines)
    assert all(ID in line for line in lines[1:])
    assert "\x1b[1;31mfailed" in lines[1]
    assert "ttt…" in lines[1]
    assert "ddd" not in lines[1]


def test_rather_than_cut_an_id_a_table_goes_without_a_name(terminal: Any, capsys: Capture) -> None:
    """What is left tells enough; the name alone would stay."""
    terminal(80)
    row = {"status": "failed", "name": "Deploy to staging", "id": ID, "branch": "passes-soon", "title": "t" * 20}
    output.show(page(row))
    shown = capsys.readouterr().out
    assert ID in shown
    assert "failed" in shown
    assert "ttt" in shown
    assert "Deploy" not in shown


def test_under_a_table_stands_how_to_get_the_rest(terminal: Any, capsys: Capture) -> None:
    """The cursor, what was left out, and what the reader must know."""
    terminal(80)
    output.show(page({"name": "a"}, next="2", omitted=3, note="only finished ones"))
    assert "3 left out; more with --cursor 2; only finished ones" in capsys.readouterr().out


@pytest.mark.parametrize(("note", "said"), [("", "nothing found"), ("no runs on x", "no runs on x")])
def test_an_empty_list_says_so(note: str, said: str, terminal: Any, capsys: Capture) -> None:
    """Not an empty table."""
    terminal(80)
    output.show(render(Page([], note=note)))
    assert said in capsys.readouterr().out


def test_a_record_is_a_list_of_its_fields(capsys: Capture) -> None:
    """Lists one row each, values on one line."""
    data = {
        "status": "failed",
        "jobs": [{"name": "a", "id": "1"}, {"name": "b", "id": "2"}],
        "more": {"k": [1, 2]},
        "tags": ["x", "y"],
        "none": None,
    }
    output.show(Answer("", data, structured=True), "text")
    lines = capsys.readouterr().out.splitlines()
    assert ["a  1", "b  2", "k=1, 2", "x, y"] == [
        line.split("  ", 1)[1].strip() if "  " in line else line for line in lines[1:5]
    ]


def test_a_record_shows_all_of_a_url(terminal: Any, capsys: Capture) -> None:
    """On a narrow terminal on two lines."""
    terminal(40)
    output.show(Answer("", {"url": f"https://example.com/{ID}"}, structured=True))
    assert f"https://example.com/{ID}" in re.sub(r"\x1b\[[\d;]*m|\s", "", capsys.readouterr().out)


def test_prose_is_plain_in_a_pipe_and_coloured_on_a_terminal(terminal: Any, capsys: Capture) -> None:
    """The status, the matches of a search, and the marks of a fence stand out."""
    text = "FAILED  x\n71> match [b]\n<<<log\n| plain"
    output.prose(text)
    assert f"{text}\n" == capsys.readouterr().out
    terminal(80)
    output.prose(text)
    shown = capsys.readouterr().out
    assert "\x1b[1;31mFAILED  x" in shown
    assert "\x1b[1;31m71> match [b]" in shown
    assert "\x1b[2m<<<log" in shown
    assert "\n| plain" in shown


def test_no_color_is_honoured(terminal: Any, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """As NO_COLOR asks; the words stay."""
    terminal(80)
    monkeypatch.setenv("NO_COLOR", "1")
    output.prose("FAILED  x")
    assert "31m" not in capsys.readouterr().out


def test_prose_as_json_is_its_data(capsys: Capture) -> None:
    """For scripts."""
    output.show(render(Prose("said", {"runs": []})), "json")
    assert {"runs": []} == json.loads(capsys.readouterr().out)


def test_an_excerpt_marks_its_telling_lines_on_a_terminal(terminal: Any, capsys: Capture) -> None:
    """They stand out from what is shown around them."""
    found = excerpt(Log.of_bytes(b"ok\n" * 50 + b"main.c:3:1: error: expected ';'\n"), 500)
    terminal(80)
    output.prose(found.text())
    assert "\x1b[1;31m> main.c:3:1: error: expected ';'" in capsys.readouterr().out
