"""A table goes into a TOML file and out again, and no other byte changes."""

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_mcp.agents import toml

VALUE = {"command": "ci-mcp", "args": ["serve"]}
BLOCK = '[m.ci]\ncommand = "ci-mcp"\nargs = ["serve"]'

TABLE = {
    "empty file": ("", f"\n\n{BLOCK}"),
    "one empty line": ("\n", f"\n\n{BLOCK}\n"),
    "other settings": ("x = 1 # one\n", f"x = 1 # one\n\n{BLOCK}\n"),
    "no line end at its end": ("x = 1", f"x = 1\n\n{BLOCK}"),
    "CRLF": ("x = 1\r\n", "x = 1\r\n\r\n" + BLOCK.replace("\n", "\r\n") + "\r\n"),
    "byte order mark": ("\ufeffx = 1\n", f"\ufeffx = 1\n\n{BLOCK}\n"),
    "other servers": ("[m.a]\ncommand = 'a'\n\n[z]\ny = 1\n", f"[m.a]\ncommand = 'a'\n\n[z]\ny = 1\n\n{BLOCK}\n"),
    "other servers by dotted keys": ("m.a.command = 'a'\n", f"m.a.command = 'a'\n\n{BLOCK}\n"),
    "other servers on one line": (
        "m = {a = {command = 'a'}} # kept\n",
        'm = {a = {command = \'a\'},ci = {command = "ci-mcp",args = ["serve"]}} # kept\n',
    ),
    "a text that looks like ours": (f'x = """\n{BLOCK}\n"""\n', f'x = """\n{BLOCK}\n"""\n\n{BLOCK}\n'),
}


@pytest.mark.parametrize(("before", "after"), TABLE.values(), ids=TABLE)
def test_it_goes_in_at_the_end_and_out_again(before: str, after: str) -> None:
    """Each form of a file, and the first text back."""
    assert after == toml.put(before, "m", "ci", VALUE)
    assert VALUE == toml.read(after, "m", "ci")
    assert before == toml.take(after, "m", "ci")


def test_a_file_that_is_not_there_is_made_and_goes_again() -> None:
    """What we made alone holds nothing of a person."""
    made = toml.put(None, "m", "ci", VALUE)
    assert f"{BLOCK}\n" == made
    assert toml.take(made, "m", "ci") is None


def test_an_older_form_is_brought_up_to_date_in_its_place() -> None:
    """Comments in it and all around it stay."""
    before = '[m.ci] # ours\ncommand = "old" # path\nargs = ["serve"]\nenabled = false\n\n[m.ci.tools.ci_explain]\nx = 1\n\n[z]\n'
    value = {**tomllib.loads(before)["m"]["ci"], "command": "new"}
    assert before.replace('"old"', '"new"') == toml.put(before, "m", "ci", value)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"x = 1\n\n{BLOCK}\n\n[z]\ny = 1\n", "x = 1\n\n[z]\ny = 1\n"),
        (f"{BLOCK}\n# of z\n[z]\n", "# of z\n[z]\n"),
        (f"{BLOCK}\n[m.ci.tools.ci_explain]\nx = 1\n\n[z]\ny = 1\n", "[z]\ny = 1\n"),
        ("m.ci.command = 'x'\nm.a.command = 'a'\n", "m.a.command = 'a'\n"),
        ("m = {ci = {command = 'x'}, a = {}}\n", "m = { a = {}}\n"),
        ("[m]\nci = {command = 'x'} # ours\na = {}\n", "[m]\na = {}\n"),
        ("[m.'ci']\ncommand = 'x'\n[z]\n", "[z]\n"),
        ("x = 1\n", "x = 1\n"),
    ],
)
def test_it_goes_in_whatever_notation_it_is(before: str, after: str) -> None:
    """What a person or another program made of it."""
    assert after == toml.take(before, "m", "ci")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x = ", "it is not TOML (Invalid value (at end of document))"),
        ("m = 1\n", 'its "m" is no table'),
        ("[[m]]\na = 1\n", 'its "m" is no table'),
    ],
)
def test_what_cannot_be_read_is_refused(text: str, why: str) -> None:
    """In words that say where."""
    for call in (lambda: toml.put(text, "m", "ci", VALUE), lambda: toml.take(text, "m", "ci")):
        with pytest.raises(toml.NotTomlError) as caught:
            call()
        assert why == str(caught.value)


REFUSED = {
    "tables that tomlkit would move": '[m.a]\n[[t]]\n\n[m.ci] # ours\ncommand = "old"\n',
    "no table of its own": "[m]\nci = 3\n",
}


@pytest.mark.parametrize("before", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_edited_without_harm_is_refused(before: str) -> None:
    """Rather than anything of another's is moved or lost."""
    with pytest.raises(toml.NotTomlError, match="too unusual to be edited"):
        toml.put(before, "m", "ci", VALUE)


LINES = st.sampled_from(
    [
        "x = 1",
        "",
        "# note",
        "  y.z = 'm'",
        "[a]",
        "[m]",
        "[m.a]",
        "[m.a.b]",
        "[[t]]",
        'k = """\n[m.ci]\n"""',
        "m.q = 2",
        "m = {}",
        "w = [\n 1, # one\n]",
    ]
)


@settings(max_examples=200, deadline=None)
@given(parts=st.lists(LINES, max_size=6), newline=st.sampled_from(["\n", "\r\n"]), end=st.booleans())
def test_any_document_comes_back_byte_for_byte(parts: list[str], newline: str, end: bool) -> None:
    """In, in again, brought up to date, out: the first text; and in between every other value as it was."""
    text = "\n".join(parts).replace("\n", newline) + (newline if end else "")
    try:
        before = tomllib.loads(text)
        new = toml.put(text, "m", "ci", VALUE)
    except (tomllib.TOMLDecodeError, toml.NotTomlError):
        return
    before.setdefault("m", {})["ci"] = VALUE
    assert before == tomllib.loads(new)
    assert new == toml.put(new, "m", "ci", VALUE)
    assert text == toml.take(new, "m", "ci")
    assert text == toml.take(toml.put(new, "m", "ci", {**VALUE, "tool_timeout_sec": 300}), "m", "ci")
